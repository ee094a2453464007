"""Compute a bundle's reference statistics: embeddings, appearance and scores of the training cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.covariance import LedoitWolf

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle.bundle import ModelBundle, file_sha256
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.reference.appearance import appearance_features, mahalanobis
from fusion3d_gui.model.reference.reference import save_reference
from fusion3d_gui.model.reference.texture import TEXTURE_SIZE, texture_features
from fusion3d_gui.model.schema import MetadataSchema, Value
from fusion3d_gui.progress import Progress, no_progress, part_of
from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.data.inputs import load_inputs
from fusion3d_gui.training.data.network_outputs import compute_outputs
from fusion3d_gui.training.data.split import recorded_split
from fusion3d_gui.training.data.table import CaseRow, read_table

#: Leading principal directions of the embeddings' covariance that are stored; the rest is taken as isotropic.
_DIRECTIONS = 64
#: The same for the appearance features: more directions moved no corrupted scan further out.
_APPEARANCE_DIRECTIONS = 16
#: Training cases from which the statistics are taken, and of these the ones stored as reference cases, at most.
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

    Their content is described at :class:`~fusion3d_gui.model.reference.reference.Reference`. Mean and covariance come
    from up to 600 training cases, drawn with ``seed``; up to 300 of these are stored as reference cases,
    up to half of them positive (more where negatives are too few).

    Parameters
    ----------
    bundle
        Folder of the bundle, with the weights of ``network``, which may be on any device.
    training, validation
        Row numbers into ``cases``.
    rows
        The table's rows, in the order of ``cases``.
    simulated
        Whether the cases are simulated. Only then are their metadata and names written: no patient's
        values travel with a model. Logits, embeddings and labels always are written.
    """
    info = BundleInfo.read(bundle)
    rng = np.random.default_rng(seed)
    training = sample_training_rows(rng, training)
    seen = compute_outputs(network, cases, training, part_of(progress, 0.0, 0.7))
    held = compute_outputs(network, cases, validation, part_of(progress, 0.7, 1.0))

    covariance = ShrunkCovariance.fit(seen.embeddings, _DIRECTIONS)
    features = [image_features(info, cases.images, part) for part in (training, validation)]
    appearance = ShrunkCovariance.fit(features[0][0], _APPEARANCE_DIRECTIONS)
    texture = ShrunkCovariance.fit(features[0][1], TEXTURE_SIZE, np.float32)

    chosen = _reference_cases(rng, cases.labels[training])
    picked = training[chosen]
    arrays = {
        "mean": covariance.mean,
        "directions": covariance.directions,
        "variances": covariance.variances,
        "validation_logit": held.logits,
        "validation_label": cases.labels[validation].astype(np.uint8),
        "validation_distance": covariance.distance(held.embeddings),
        **appearance.arrays("glance", features[1][0]),
        **texture.arrays("texture", features[1][1]),
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
            "covariance": covariance.to_json(),
            "glance": appearance.to_json(),
            "texture": texture.to_json(),
            "background_values": _typical_values(info.schema, [rows[n] for n in training]),
            **({"names": [rows[n].name for n in picked]} if simulated else {}),
        },
        arrays,
    )


def recompute_reference(bundle: Path, csv: Path, *, progress: Progress = no_progress) -> None:
    """Compute the reference statistics of a finished bundle again, from the table that it was trained on.

    The same bundle and table give the same statistics. Raises UserError when the numbers of training and
    validation cases are not those of the bundle, or it was trained elsewhere.
    """
    loaded = ModelBundle.load(bundle)
    info, recorded = loaded.info, loaded.info.metadata.get("training")
    if not isinstance(recorded, dict):
        raise UserError(
            "it was trained elsewhere, so its training cases are not known",
            path=bundle,
            remedy="Reference statistics need a bundle of `fusion3d train`.",
        )
    table = read_table(csv, info.schema)
    seed = int(recorded.get("seed", 0))
    split = recorded_split(table, recorded)
    used = [table.cases[n] for n in np.concatenate(split)]
    training, validation = np.split(np.arange(len(used)), [len(split[0])])
    wanted = np.concatenate(
        [sample_training_rows(np.random.default_rng(seed), training), validation]
    )
    shape = info.preprocessing.shape_kji
    # The other cases are not used: their images stay zero.
    images = np.zeros((len(used), *shape), np.float16)
    images[wanted], _ = load_inputs(
        [used[n] for n in wanted], info.preprocessing, part_of(progress, 0.0, 0.6)
    )
    part = replace(table, cases=tuple(used))
    cases = Cases(images, part.encode_metadata(info.schema), part.labels)
    write_reference(
        bundle,
        loaded.network,
        cases,
        training,
        validation,
        rows=used,
        simulated=bool((table.cohort or {}).get("simulated")),
        seed=seed,
        progress=part_of(progress, 0.6, 1.0),
    )


def sample_training_rows(rng: np.random.Generator, training: np.ndarray) -> np.ndarray:
    """Row numbers, ascending, of the up to 600 training cases from which the statistics are taken."""
    return np.sort(rng.permutation(training)[:_MOST_TRAINING])


@dataclass(frozen=True, eq=False)
class ShrunkCovariance:
    """Mean and shrunk covariance (Ledoit & Wolf 2004), reduced to K leading principal directions.

    As stored: ``mean`` float32 [E], ``directions`` float16 or float32 [K, E], ``variances`` float32 [K]; in
    all other directions the variance is ``residual_variance``.
    """

    mean: np.ndarray
    directions: np.ndarray
    variances: np.ndarray
    residual_variance: float
    shrinkage: float

    @classmethod
    def fit(
        cls, points: np.ndarray, most: int, precision: type[np.floating] = np.float16
    ) -> ShrunkCovariance:
        """Fit to points [n, E], with up to ``most`` directions, stored in this precision."""
        shrunk = LedoitWolf().fit(points.astype(np.float64))
        # Far below any relevant variance: units of an embedding that are always 0 have none.
        size = len(shrunk.covariance_)
        floor = 1e-6 * max(np.trace(shrunk.covariance_) / size, 1e-12)
        values, vectors = np.linalg.eigh(shrunk.covariance_ + floor * np.eye(size))
        kept = min(most, size - 1, len(points) - 1)
        return cls(
            mean=shrunk.location_.astype(np.float32),
            directions=vectors[:, ::-1][:, :kept].T.astype(precision),
            variances=values[::-1][:kept].astype(np.float32),
            residual_variance=float(values[: size - kept].mean()),
            shrinkage=float(shrunk.shrinkage_),
        )

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Mahalanobis distances, float32 [n], of points [n, E], computed as the bundle's reader does."""
        found = mahalanobis(
            points, self.mean, self.directions, self.variances, self.residual_variance
        )
        return found.astype(np.float32)

    def arrays(self, name: str, validation: np.ndarray) -> dict[str, np.ndarray]:
        """Arrays to be stored under a name, with the distances of the validation cases' points [n, E]."""
        return {
            f"{name}_mean": self.mean,
            f"{name}_directions": self.directions,
            f"{name}_variances": self.variances,
            f"{name}_validation_distance": self.distance(validation),
        }

    def to_json(self) -> dict[str, Any]:
        """Method and numbers that are stored beside the arrays, as a JSON object."""
        return {
            "method": "Ledoit-Wolf shrinkage, leading directions and an even rest",
            "shrinkage": round(self.shrinkage, 6),
            "directions": len(self.directions),
            "residual_variance": self.residual_variance,
        }


def image_features(
    info: BundleInfo, images: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Appearance features [n, D] and texture features [n, T] of the given rows of inputs [m, k, j, i]."""
    found = []
    for row in rows:
        image = images[row].astype(np.float32)
        tissue = info.preprocessing.foreground(image)
        found.append((appearance_features(image, tissue), texture_features(image, tissue)))
    appearance, texture = zip(*found, strict=True)
    return np.stack(appearance), np.stack(texture)


def _reference_cases(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    """Positions [m], ascending, of the cases to store among those with labels [n]."""
    positives = rng.permutation(np.flatnonzero(labels == 1))
    negatives = rng.permutation(np.flatnonzero(labels == 0))
    few = min(len(positives), max(_MOST_REFERENCE // 2, _MOST_REFERENCE - len(negatives)))
    return np.sort(np.concatenate([positives[:few], negatives[: _MOST_REFERENCE - few]]))


def _typical_values(schema: MetadataSchema, rows: Sequence[CaseRow]) -> dict[str, Value]:
    """Median of each number, most frequent value of every other field; None where no case has one."""
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
