"""``Reference``: statistics of a model's training and validation cases, to compare a new case with.

Two optional files of a bundle, written at the end of training and read without torch:

    configs/reference.json         hash of the weights, covariance, and the background case's values
    models/reference.safetensors   arrays (see :class:`Reference`), never pickled
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from fusion3d_gui.errors import UserError
from fusion3d_gui.input_file import read_bounded
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.reference.appearance import (
    AppearanceStatistics,
    appearance_size,
    mahalanobis,
)
from fusion3d_gui.model.reference.texture import TEXTURE_SIZE
from fusion3d_gui.model.schema import MetadataSchema, Value
from fusion3d_gui.output_file import whole_file, write_whole_text
from fusion3d_gui.plain_text import visible_values

VERSION = 2

#: Size limit of the arrays; a shipped bundle's reference takes about 0.4 MB.
_LARGEST_BYTES = 32_000_000
_LARGEST_CONFIG_BYTES = 4_000_000
_MOST_CASES = 100_000

#: Percentiles of the validation cases' distances from which on an image is called unusual, and outside
#: of what the model has seen.
UNUSUAL_PERCENT, OUTSIDE_PERCENT = 95.0, 99.0


@dataclass(frozen=True)
class Neighbour:
    """A reference case that is similar to a new case.

    Parameters
    ----------
    index
        Position among the reference cases.
    distance
        Cosine distance of the image embeddings (0: same direction, 2: opposite).
    label
        The case's outcome, 0 or 1.
    probability
        The model's calibrated probability for it.
    values, name
        Metadata and name; empty unless the cohort is simulated.
    """

    index: int
    distance: float
    label: int
    probability: float
    values: Mapping[str, Value]
    name: str


@dataclass(frozen=True, eq=False)
class Reference:
    """Statistics of the training and validation cases in the model's feature spaces.

    E is the length of the image embedding, C of the pooled features, W of the encoded metadata.

    Parameters
    ----------
    mean, directions, variances, residual_variance
        Distribution of the training cases' image embeddings: mean [E]; leading eigenvectors [K, E] of their
        shrunk (Ledoit & Wolf 2004) covariance, its eigenvalues [K] along them, and the mean eigenvalue
        along all other directions.
    validation_probability, validation_label, validation_distance
        [n], of cases that were not trained on: calibrated probability, label (0 or 1), and
        :meth:`distance`.
    case_embedding, case_label, case_probability, case_metadata, names
        Reference cases for look-up, taken from the training cases: [m, E], [m], [m]; encoded metadata
        [m, W] and names where the cohort is simulated, else of length 0.
    background_pooled, background_metadata, background_values
        Background case, an average of the training cases: mean pooled features [C] and the median (or
        most frequent) metadata, encoded [W] and as values.
    appearance, texture
        Appearance (in files ``glance``) and texture of the training cases; None where they were not computed.
    """

    schema: MetadataSchema
    mean: np.ndarray
    directions: np.ndarray
    variances: np.ndarray
    residual_variance: float
    validation_probability: np.ndarray
    validation_label: np.ndarray
    validation_distance: np.ndarray
    case_embedding: np.ndarray
    case_label: np.ndarray
    case_probability: np.ndarray
    case_metadata: np.ndarray
    names: tuple[str, ...]
    background_pooled: np.ndarray
    background_metadata: np.ndarray
    background_values: Mapping[str, Value]
    appearance: AppearanceStatistics | None = None
    texture: AppearanceStatistics | None = None

    @classmethod
    def load(cls, info: BundleInfo, weights_sha256: str) -> Reference | None:
        """Read a bundle's reference, or None where it has none.

        Raises UserError when a file is broken, too large, or was computed with other weights.
        """
        config, arrays = _paths(info.folder)
        if not config.exists() and not arrays.exists():
            return None
        try:
            plain = _read_config(config)
            if plain["weights_sha256"] != weights_sha256:
                raise ValueError("it was computed with other weights")
            tensors = _read_arrays(arrays, info)
            return cls._built(info, plain, tensors)
        except (
            UserError,
            OSError,
            SafetensorError,
            KeyError,
            TypeError,
            ValueError,
            AttributeError,
        ) as error:
            why = error.problem if isinstance(error, UserError) else error
            raise UserError(
                f"the reference statistics can't be used ({why})",
                path=info.folder,
                remedy="Copy the bundle again, or remove configs/reference.json and "
                "models/reference.safetensors.",
            ) from None

    @classmethod
    def _built(
        cls, info: BundleInfo, plain: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> Reference:
        residual = float(plain["covariance"]["residual_variance"])
        if not (residual > 0 and math.isfinite(residual) and (arrays["variances"] > 0).all()):
            raise ValueError("a variance is not above 0")
        values = info.schema.parse(plain["background_values"])
        names = tuple(str(name) for name in plain.get("names", ()))
        count = len(arrays["case_label"])
        if len(names) not in (0, count):
            raise ValueError(f"{len(names)} names for {count} cases")
        chance = info.decision.probability
        return cls(
            schema=info.schema,
            mean=arrays["mean"],
            directions=arrays["directions"],
            variances=arrays["variances"],
            residual_variance=residual,
            validation_probability=np.array([chance(float(z)) for z in arrays["validation_logit"]]),
            validation_label=arrays["validation_label"],
            validation_distance=arrays["validation_distance"],
            case_embedding=arrays["case_embedding"],
            case_label=arrays["case_label"],
            case_probability=np.array([chance(float(z)) for z in arrays["case_logit"]]),
            case_metadata=arrays["case_metadata"],
            names=names,
            background_pooled=arrays["pooled_mean"],
            background_metadata=info.schema.encode(values),
            background_values=values,
            **{
                part: AppearanceStatistics.read(name, plain, arrays)
                for part, name in (("appearance", "glance"), ("texture", "texture"))
                if f"{name}_mean" in arrays
            },
        )

    @property
    def background_embedding(self) -> np.ndarray:
        """Mean image embedding [E] of the training cases."""
        return self.mean

    def distance(self, embedding: np.ndarray) -> np.ndarray:
        """Mahalanobis distance [n] of image embeddings [n, E] from the training cases.

        See :func:`~fusion3d_gui.model.reference.appearance.mahalanobis`; :meth:`distance_percentile` puts it on a
        scale.
        """
        return mahalanobis(
            embedding, self.mean, self.directions, self.variances, self.residual_variance
        )

    def distance_percentile(self, distance: float) -> float:
        """Percentage of validation cases that lie nearer to the training cases than ``distance``."""
        return float(100 * np.mean(self.validation_distance < distance))

    def nearest(self, embedding: np.ndarray, count: int = 5) -> list[Neighbour]:
        """The ``count`` reference cases most similar to an image embedding [E], nearest first."""
        given = np.asarray(embedding, dtype=np.float64).ravel()
        lengths = np.linalg.norm(self.case_embedding, axis=1) * np.linalg.norm(given)
        likeness = self.case_embedding @ given / np.maximum(lengths, 1e-12)
        order = np.argsort(-likeness, kind="stable")[:count]
        return [
            Neighbour(
                index=int(n),
                distance=float(np.clip(1 - likeness[n], 0, 2)),
                label=int(self.case_label[n]),
                probability=float(self.case_probability[n]),
                values=decoded(self.schema, self.case_metadata[n])
                if len(self.case_metadata)
                else {},
                name=self.names[n] if self.names else "",
            )
            for n in order
        ]


def decoded(schema: MetadataSchema, code: np.ndarray) -> dict[str, Value]:
    """Inverse of the schema's encoding: values of ``code`` [W], numbers rounded as the form shows them."""
    values: dict[str, Value] = {}
    start = 0
    for field in schema.fields:
        *parts, missing = (float(part) for part in code[start : start + field.width])
        start += field.width
        if missing > 0.5:
            values[field.name] = None
        elif field.kind == "number":
            values[field.name] = round(field.mean + field.std * parts[0], field.decimals)
        elif field.kind == "category":
            values[field.name] = field.choices[int(np.argmax(parts))][0]
        else:
            values[field.name] = parts[0] > 0.5
    return values


def save_reference(
    folder: Path, plain: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> None:
    """Write ``configs/reference.json`` and ``models/reference.safetensors`` into a bundle's folder."""
    from safetensors.numpy import save

    config, path = _paths(folder)
    text = json.dumps({"version": VERSION, **plain}, indent=2, ensure_ascii=False) + "\n"
    write_whole_text(config, text)
    with whole_file(path) as partial:
        plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        partial.write_bytes(save(plain))  # its save_file gives no OSError where the disk is full


def _paths(folder: Path) -> tuple[Path, Path]:
    return folder / "configs" / "reference.json", folder / "models" / "reference.safetensors"


def _read_config(path: Path) -> dict[str, Any]:
    try:
        content = read_bounded(path, _LARGEST_CONFIG_BYTES)
    except ValueError:
        raise ValueError("configs/reference.json is too large") from None
    plain = visible_values(json.loads(content), {})
    if plain["version"] != VERSION:
        raise ValueError(f"version {plain['version']} is not {VERSION}")
    return dict(plain)


def _read_arrays(path: Path, info: BundleInfo) -> dict[str, np.ndarray]:
    """Read the arrays, float32 or uint8, after checking their shapes against the network and each other."""
    if not path.is_file():
        raise ValueError("models/reference.safetensors is missing or no file")
    if path.stat().st_size > _LARGEST_BYTES:
        raise ValueError("models/reference.safetensors is too large")
    embedding, pooled = info.network.embedding_width, info.network.feature_channels
    # A letter is a length that the file determines, the same wherever the letter occurs.
    layout: dict[str, tuple[int | str, ...]] = {
        "mean": (embedding,),
        "directions": ("k", embedding),
        "variances": ("k",),
        "validation_logit": ("n",),
        "validation_label": ("n",),
        "validation_distance": ("n",),
        "case_embedding": ("m", embedding),
        "case_label": ("m",),
        "case_logit": ("m",),
        "pooled_mean": (pooled,),
    }
    with safe_open(path, framework="np") as file:
        if "case_metadata" in file.keys():  # noqa: SIM118 (it is no mapping)
            layout["case_metadata"] = ("m", info.schema.width)
        sizes = {"glance": appearance_size(info.preprocessing.shape_kji), "texture": TEXTURE_SIZE}
        for name, size in sizes.items():
            if f"{name}_mean" in file.keys():  # noqa: SIM118
                layout |= AppearanceStatistics.layout(name, size)
        found: dict[int | str, int] = {}
        for name, expected in layout.items():
            shape = file.get_slice(name).get_shape()
            if len(shape) != len(expected):
                raise ValueError(f"{name} has {len(shape)} axes, not {len(expected)}")
            for axis, size in zip(expected, shape, strict=True):
                limit = axis if isinstance(axis, int) else found.setdefault(axis, size)
                if size != limit or size > _MOST_CASES:
                    raise ValueError(f"{name} has the shape {tuple(shape)}")
        arrays = {name: file.get_tensor(name) for name in layout}
    for name, array in arrays.items():
        kind = "u" if name.endswith("_label") else "f"
        if array.dtype.kind != kind or not np.isfinite(array).all():
            raise ValueError(f"{name} does not hold finite numbers of the right type")
        if kind == "u" and (array > 1).any():
            raise ValueError(f"{name} holds something else than 0 and 1")
    arrays.setdefault("case_metadata", np.zeros((0, info.schema.width), dtype=np.float32))
    return {
        name: array if array.dtype.kind == "u" else array.astype(np.float32)
        for name, array in arrays.items()
    }
