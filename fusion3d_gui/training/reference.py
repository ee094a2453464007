"""The reference statistics of a bundle, computed at the end of training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.covariance import LedoitWolf

from fusion3d_gui.model.bundle import file_sha256
from fusion3d_gui.model.bundle_info import BundleInfo
from fusion3d_gui.model.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.reference import mahalanobis, save_reference
from fusion3d_gui.model.schema import MetadataSchema, Value
from fusion3d_gui.progress import Progress, no_progress, part_of
from fusion3d_gui.training.cases import Cases
from fusion3d_gui.training.outputs import forward
from fusion3d_gui.training.table import CaseRow

#: Leading directions of the covariance that are kept; the rest is taken as even.
_DIRECTIONS = 64
#: Training cases that are looked at, and those of them that the bundle carries.
_MOST_TRAINING = 600
_MOST_REFERENCE = 300


def write_reference(
    bundle: Path,
    network: LearnedFeatureFusion3D,
    cases: Cases,
    training: np.ndarray,
    validation: np.ndarray,
    *,
    rows: Sequence[CaseRow],
    simulated: bool,
    seed: int = 0,
    progress: Progress = no_progress,
) -> None:
    """Write ``configs/reference.json`` and ``models/reference.safetensors`` of a finished bundle.

    What they hold is told by :class:`~fusion3d_gui.model.reference.Reference`. Mean and covariance come
    from up to 600 training cases drawn with ``seed``; up to 300 of them are carried along as
    reference cases, as many positives as there are up to half.

    Parameters
    ----------
    bundle
        Folder of the bundle, with the weights of ``network``, on whatever device that is.
    training, validation
        Row numbers into ``cases``.
    rows
        The table's rows, in the order of ``cases``.
    simulated
        Whether the cases are made up. Only then are their metadata and names written: nobody's
        values travel with a model. Logits, embeddings and outcomes always are.
    """
    info = BundleInfo.read(bundle)
    rng = np.random.default_rng(seed)
    training = np.sort(rng.permutation(training)[:_MOST_TRAINING])
    seen = forward(network, cases, training, part_of(progress, 0.0, 0.7))
    held = forward(network, cases, validation, part_of(progress, 0.7, 1.0))

    shrunk = LedoitWolf().fit(seen.embeddings.astype(np.float64))
    # A floor far below any variance that matters: an embedding may hold units that are always 0.
    size = len(shrunk.covariance_)
    floor = 1e-6 * max(np.trace(shrunk.covariance_) / size, 1e-12)
    values, vectors = np.linalg.eigh(shrunk.covariance_ + floor * np.eye(size))
    kept = min(_DIRECTIONS, size - 1, len(training) - 1)
    # Rounded first, so that the stored distances are those that the reader computes.
    mean = shrunk.location_.astype(np.float32)
    directions = vectors[:, ::-1][:, :kept].T.astype(np.float16)
    variances = values[::-1][:kept].astype(np.float32)
    residual = float(values[: size - kept].mean())

    chosen = _reference_cases(rng, cases.labels[training])
    picked = training[chosen]
    arrays = {
        "mean": mean,
        "directions": directions,
        "variances": variances,
        "validation_logit": held.logits,
        "validation_label": cases.labels[validation].astype(np.uint8),
        "validation_distance": mahalanobis(
            held.embeddings, mean, directions, variances, residual
        ).astype(np.float32),
        "case_embedding": seen.embeddings[chosen].astype(np.float16),
        "case_label": cases.labels[picked].astype(np.uint8),
        "case_logit": seen.logits[chosen],
        "pooled_mean": seen.pooled.mean(axis=0),
    }
    if simulated and info.schema.fields:
        arrays["case_metadata"] = cases.metadata[picked].astype(np.float16)
    save_reference(
        bundle,
        {
            "weights_sha256": file_sha256(info.weights_path),
            "simulated": simulated,
            "training_cases": len(training),
            "covariance": {
                "method": "Ledoit-Wolf shrinkage, leading directions and an even rest",
                "shrinkage": round(float(shrunk.shrinkage_), 6),
                "directions": kept,
                "residual_variance": residual,
            },
            "background_values": _typical_values(info.schema, [rows[n] for n in training]),
            **({"names": [rows[n].name for n in picked]} if simulated else {}),
        },
        arrays,
    )


def _reference_cases(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    """Positions [m] of the cases to carry along, in ascending order."""
    positives = rng.permutation(np.flatnonzero(labels == 1))
    negatives = rng.permutation(np.flatnonzero(labels == 0))
    few = min(len(positives), max(_MOST_REFERENCE // 2, _MOST_REFERENCE - len(negatives)))
    return np.sort(np.concatenate([positives[:few], negatives[: _MOST_REFERENCE - few]]))


def _typical_values(schema: MetadataSchema, rows: Sequence[CaseRow]) -> dict[str, Value]:
    """Median of each number, most frequent value of anything else; None where no case has one."""
    typical: dict[str, Value] = {}
    for field in schema.fields:
        known = [v for row in rows if (v := row.values[field.name]) is not None]
        if not known:
            typical[field.name] = None
        elif field.kind == "number":
            typical[field.name] = round(float(np.median(np.array(known, float))), field.decimals)
        else:
            typical[field.name] = Counter(known).most_common(1)[0][0]
    return typical
