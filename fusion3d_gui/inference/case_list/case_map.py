"""``CaseMap``: the image embeddings of a model's reference cases and of a table's cases, in two dimensions.

By principal component analysis (PCA): linear and deterministic, so that the same case always lies at the same
place. The distance of two cases in the map is at most that of their embeddings: those that lie apart are
different for the model; those that lie together may differ in a direction that the map does not show, of which
``shown_of_cases`` tells the share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.reslice.row_blocks import row_blocks
from fusion3d_gui.inference.embedding_file import read_embedding
from fusion3d_gui.model.reference.reference import Reference
from fusion3d_gui.progress import Progress, no_progress

#: Embeddings of a table that are held in memory at once.
_MOST_BYTES = 1_000_000_000
_FEWEST_CASES = 3
#: Cases that are worked on in one step.
_BLOCK = 4_096


@dataclass(frozen=True, eq=False)
class CaseMap:
    """Where cases lie.

    Parameters
    ----------
    rows
        Rows of the table that have an embedding, ascending, int64 ``[n]``.
    points
        Theirs, float64 ``[n, 2]``, in units of the embedding.
    percentile
        Share (percent) of the validation cases whose embedding lies nearer to the training cases than a case's
        does, float64 ``[n]`` (:meth:`~fusion3d_gui.model.reference.reference.Reference.distance`); NaN without a
        reference.
    reference_points, reference_label
        The model's reference cases ``[m, 2]`` and their outcomes ``[m]``; empty without a reference.
    explained
        Share (0 to 1) of the variance along each axis, of the cases on which the axes were fitted: the reference
        cases where there are such, else the table's.
    shown_of_cases
        Share (0 to 1) of the variance of the table's cases that the map shows.
    """

    rows: np.ndarray
    points: np.ndarray
    percentile: np.ndarray
    reference_points: np.ndarray
    reference_label: np.ndarray
    explained: tuple[float, float]
    shown_of_cases: float

    @property
    def has_reference(self) -> bool:
        """Whether the model's reference cases are in the map."""
        return bool(len(self.reference_points))


def principal_axes(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """The two directions of the largest variance of points.

    By the eigenvectors of the covariance; the sign of each is the one that makes its largest component positive.

    Parameters
    ----------
    points
        float ``[n, E]``, at least two, E at least 2.

    Returns
    -------
    mean, axes, explained
        float64 ``[E]`` and ``[2, E]``, and the share of the variance along each axis (0 where there is none).
    """
    mean = points.mean(axis=0, dtype=np.float64)
    scatter = np.zeros((points.shape[1],) * 2)
    for some in row_blocks(len(points), _BLOCK):
        offset = points[some] - mean
        scatter += offset.T @ offset
    variances, vectors = np.linalg.eigh(scatter)
    axes = vectors[:, :-3:-1].T
    largest = np.abs(axes).argmax(axis=1)
    axes = axes * np.where(axes[np.arange(2), largest] < 0, -1, 1)[:, None]
    total = float(np.trace(scatter))
    first, second = (
        float(max(each, 0) / total) if total > 0 else 0.0 for each in variances[:-3:-1]
    )
    return mean, axes, (first, second)


def read_embeddings(
    paths: Sequence[Path | None], progress: Progress = no_progress
) -> tuple[np.ndarray, np.ndarray]:
    """Read the embeddings of a table's cases.

    Parameters
    ----------
    paths
        The file of each case; None, or a file that is not there: the case has none.
    progress
        Raises Cancelled to stop.

    Returns
    -------
    rows, embeddings
        Numbers of the cases that have one, int64 ``[n]``, and float32 ``[n, E]``.

    Raises
    ------
    UserError
        A file is no embedding, they differ in length, or there are too many.
    """
    rows: list[int] = []
    found: list[np.ndarray] = []
    for row, path in enumerate(paths):
        progress(row / max(len(paths), 1), "Reading embeddings")
        if path is None:
            continue
        try:
            one = read_embedding(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise UserError(f"can't be read ({error.strerror})", path=path) from None
        if found and len(one) != len(found[0]):
            raise UserError(
                f"holds {len(one)} numbers, those of other cases {len(found[0])}",
                path=path,
                remedy="The results are of different models: predict them again.",
            )
        rows.append(row)
        found.append(one)
        if found[0].nbytes * len(found) > _MOST_BYTES:
            raise UserError("there are too many embeddings for a map", path=path.parent)
    stacked = np.stack(found) if found else np.zeros((0, 2), np.float32)
    return np.array(rows, np.int64), stacked


def map_cases(rows: np.ndarray, embeddings: np.ndarray, reference: Reference | None) -> CaseMap:
    """Project cases, and the model's reference cases, on the same two axes.

    Parameters
    ----------
    rows, embeddings
        As :func:`read_embeddings` returns them.
    reference
        The model's; the axes are then those of its reference cases, and the same for every table.

    Raises
    ------
    UserError
        There are fewer than three cases, or the embeddings are of another model than the reference.
    """
    of_model = np.zeros((0, embeddings.shape[1])) if reference is None else reference.case_embedding
    if len(embeddings) and embeddings.shape[1] != of_model.shape[1]:
        raise UserError(
            f"The embeddings hold {embeddings.shape[1]} numbers; the model's hold {of_model.shape[1]}",
            remedy="Predict the cases again.",
        )
    fitted = of_model if len(of_model) >= _FEWEST_CASES else embeddings
    if not len(embeddings) or len(fitted) < _FEWEST_CASES or fitted.shape[1] < 2:
        raise UserError(f"A map needs embeddings of at least {_FEWEST_CASES} cases")
    mean, axes, explained = principal_axes(fitted)
    points = np.empty((len(embeddings), 2))
    percentile = np.full(len(embeddings), np.nan)
    center, spread = embeddings.mean(axis=0, dtype=np.float64), 0.0
    for some in row_blocks(len(embeddings), _BLOCK):
        points[some] = (embeddings[some] - mean) @ axes.T
        spread += float(((embeddings[some] - center) ** 2).sum())
        if reference is not None:
            ordered = np.sort(reference.validation_distance)
            nearer = np.searchsorted(ordered, reference.distance(embeddings[some]))
            percentile[some] = 100 * nearer / max(len(ordered), 1)
    shown = float(((points - points.mean(axis=0)) ** 2).sum())
    return CaseMap(
        rows,
        points,
        percentile,
        (of_model - mean) @ axes.T,
        np.zeros(0) if reference is None else np.asarray(reference.case_label),
        explained,
        shown / spread if spread > 0 else 0.0,
    )
