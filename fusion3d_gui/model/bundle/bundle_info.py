"""``BundleInfo``: the configuration of a model bundle, read without torch.

A bundle is a folder in the layout of the MONAI Bundle specification:

    configs/metadata.json       name, version, task, description, authors, intended use ... (MONAI's schema)
    configs/network.json        :class:`~fusion3d_gui.model.network.network_config.NetworkConfig`
    configs/preprocessing.json  :class:`~fusion3d_gui.model.preprocessing.Preprocessing`
    configs/schema.json         list of :class:`~fusion3d_gui.model.schema.Field`
    configs/decision.json       class names, threshold, calibration temperature
    configs/scope.json          :class:`~fusion3d_gui.model.scope.Scope`; optional
    configs/displacement.json   :class:`~fusion3d_gui.model.attribution.displacement.Displacements`; optional
    models/model.safetensors    weights; nothing pickled is ever read
    docs/README.md              model card
    LICENSE                     terms of use
    configs/inference.json      for MONAI's own tools; never read here, since MONAI executes its expressions
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from fusion3d_gui.errors import UserError
from fusion3d_gui.input_file import read_bounded
from fusion3d_gui.model.attribution.displacement import Displacements, displacement_path
from fusion3d_gui.model.attribution.localisation_record import (
    USUAL_METHOD,
    USUAL_STAGE,
    LocalisationRecord,
)
from fusion3d_gui.model.bundle.bundle_schema import parsed
from fusion3d_gui.model.bundle.evaluation_curves import EvaluationCurves
from fusion3d_gui.model.bundle.monai_bundle import MonaiBundle
from fusion3d_gui.model.network.network_config import NetworkConfig
from fusion3d_gui.model.preprocessing import Preprocessing
from fusion3d_gui.model.schema import MetadataSchema
from fusion3d_gui.model.scope import Scope
from fusion3d_gui.plain_text import visible_text, visible_values

#: Size limit of a configuration file; real ones are far smaller.
_LARGEST_CONFIG_BYTES = 4_000_000

#: All text of a bundle is made plain text of at most so many characters, by key.
_LONGEST = {
    "unit": 16,
    "version": 40,
    **dict.fromkeys(("name", "label", "choices", "class_names"), 80),
    "task": 150,
    **dict.fromkeys(("description", "help", "intended_use", "changelog", "references"), 2000),
}

_T = TypeVar("_T")


@dataclass(frozen=True)
class Decision:
    """How a logit becomes a probability and a class.

    ``probability = sigmoid(logit / temperature)`` (temperature scaling, Guo et al. 2017).

    Parameters
    ----------
    class_names
        (negative, positive).
    threshold
        Least probability of the positive class.
    temperature
        Calibration temperature, above 0.
    """

    class_names: tuple[str, str]
    threshold: float = 0.5
    temperature: float = 1.0

    def __post_init__(self) -> None:
        names = tuple(self.class_names)
        if len(names) != 2 or not all(isinstance(name, str) and name for name in names):
            raise ValueError("class_names must be two names, negative then positive")
        if names[0].strip().lower() == names[1].strip().lower():
            raise ValueError(f"both classes are named {names[0]!r}")
        object.__setattr__(self, "class_names", names)
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold is {self.threshold}, not between 0 and 1")
        if not (self.temperature > 0 and math.isfinite(self.temperature)):
            raise ValueError(f"temperature is {self.temperature}, not above 0")

    def probability(self, logit: float) -> float:
        """Calibrated probability of the positive class."""
        scaled = logit / self.temperature
        if scaled >= 0:
            return 1 / (1 + math.exp(-scaled))
        return math.exp(scaled) / (1 + math.exp(scaled))

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "class_names": list(self.class_names),
            "threshold": self.threshold,
            "temperature": self.temperature,
        }


@dataclass(frozen=True)
class BundleInfo:
    """A bundle's configuration: everything but its weights.

    ``metadata`` is the whole content of ``configs/metadata.json``.
    """

    folder: Path
    metadata: Mapping[str, Any]
    network: NetworkConfig
    preprocessing: Preprocessing
    schema: MetadataSchema
    decision: Decision
    #: The explanation that localised lesions best when the bundle was evaluated; None where it was not.
    localisation_record: LocalisationRecord | None = None
    #: The curves of its evaluation; None where they were not recorded.
    curves: EvaluationCurves | None = None
    #: The scans that the model is meant for; None where the bundle does not declare it.
    scope: Scope | None = None
    #: How far its class activation maps lie from the evidence; None where it was not measured.
    displacements: Displacements | None = None

    @property
    def default_map(self) -> tuple[str, tuple[int, ...]]:
        """Default method and stages of a prediction's heatmap.

        That which the evaluation recorded, else that which was chosen on the validation cases, else the
        usual one.
        """
        found = self.localisation_record
        if found is not None:
            return found.method, found.stages
        if not self.network.has_stages:
            return "input-gradient", ()
        chosen = None if self.displacements is None else self.displacements.default
        method, stage = chosen or (USUAL_METHOD, USUAL_STAGE)
        return method, () if stage is None else (stage,)

    @property
    def name(self) -> str:
        """Short name, as stated in a prediction's provenance."""
        return visible_text(str(self.metadata.get("name") or self.folder.name))

    @property
    def title(self) -> str:
        """What the model predicts, in words."""
        return str(self.metadata.get("task") or self.name)

    @property
    def version(self) -> str:
        """Version of the bundle."""
        return str(self.metadata["version"])

    @property
    def description(self) -> str:
        """Longer description, shown as a tooltip."""
        return str(self.metadata.get("description", ""))

    @property
    def calibrated_at(self) -> float | None:
        """Prevalence for which the probabilities are calibrated; None where it is not recorded.

        That of the validation cases, on which the temperature was fitted, else that of the evaluation. None
        for a model that saw both classes equally often, which a temperature can't undo.
        """
        training = self.metadata.get("training")
        training = training if isinstance(training, Mapping) else {}
        recipe = training.get("recipe")
        if isinstance(recipe, Mapping) and recipe.get("sampling", "shuffled") != "shuffled":
            return None
        cases, positives = training.get("validation_cases"), training.get("validation_positives")
        if isinstance(cases, int) and isinstance(positives, int) and 0 < positives < cases:
            return positives / cases
        return None if self.curves is None else self.curves.prevalence

    @property
    def weights_path(self) -> Path:
        """Path of the weights file."""
        return self.folder / "models" / "model.safetensors"

    @classmethod
    def read(cls, folder: Path) -> BundleInfo:
        """Read and check a bundle's configuration.

        Raises UserError naming the file and what is wrong in it, and for a bundle made for MONAI.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise UserError(
                "there is no such model bundle", path=folder, remedy="Give a bundle's folder."
            )
        of_monai = MonaiBundle.found_in(folder)
        if of_monai is not None:
            raise of_monai.refusal()
        configs = folder / "configs"
        metadata, localisation, curves = _read(configs / "metadata.json", _metadata_parts)
        displaced = displacement_path(folder)
        info = cls(
            folder=folder,
            metadata=metadata,
            network=_read(configs / "network.json", NetworkConfig.from_json),
            preprocessing=_read(configs / "preprocessing.json", Preprocessing.from_json),
            schema=_read(configs / "schema.json", MetadataSchema.from_json),
            decision=_read(configs / "decision.json", lambda plain: Decision(**plain)),
            localisation_record=localisation,
            curves=curves,
            scope=_read(configs / "scope.json", Scope.from_json)
            if (configs / "scope.json").exists()
            else None,
            displacements=_read(displaced, Displacements.from_json) if displaced.exists() else None,
        )
        if info.network.metadata_width != info.schema.width:
            raise UserError(
                f"the network takes metadata of width {info.network.metadata_width}, but the "
                f"schema encodes {info.schema.width} numbers from {len(info.schema.fields)} fields",
                path=folder,
                remedy="Use the schema with which the model was trained.",
            )
        grid = info.network.options.get("img_size", info.preprocessing.shape_kji)
        if grid != info.preprocessing.shape_kji:
            raise UserError(
                f"the network takes images of {grid} voxels, but the preprocessing makes "
                f"{info.preprocessing.shape_kji}",
                path=folder,
                remedy="Use the preprocessing with which the model was trained.",
            )
        return info


def read_config(folder: Path, name: str) -> Any:
    """One file of ``configs/``, checked by itself: its value, plain for ``metadata``.

    Raises UserError naming the file and what is wrong in it.
    """
    return _read(Path(folder) / "configs" / f"{name}.json", _BUILDERS[name])


def read_schema(path: Path) -> MetadataSchema:
    """The metadata fields in a file like ``configs/schema.json``. Raises UserError naming what is wrong."""
    try:
        content = read_bounded(path, _LARGEST_CONFIG_BYTES)
    except ValueError:
        raise UserError("it is too large to be a schema", path=path) from None
    except OSError as error:
        raise UserError(f"can't be read ({error.strerror})", path=path) from None
    try:
        plain: Any = visible_values(parsed("schema.json", content), _LONGEST)
        return MetadataSchema.from_json(plain)
    except (msgspec.DecodeError, ValueError, TypeError, RecursionError) as error:
        raise UserError(
            f"it is no schema ({error})",
            path=path,
            remedy="`fusion3d schema CASES.csv` writes one.",
        ) from None


def find_bundles(*folders: Path) -> list[BundleInfo]:
    """Bundles in the given folders (each a bundle or a folder of bundles), sorted by name.

    A folder without ``configs/metadata.json`` is not a bundle and is skipped. Raises UserError for a
    broken bundle.
    """
    found: dict[Path, BundleInfo] = {}
    for folder in folders:
        candidates = [folder, *sorted(folder.iterdir())] if folder.is_dir() else []
        for candidate in candidates:
            if (candidate / "configs" / "metadata.json").is_file():
                found.setdefault(candidate.resolve(), BundleInfo.read(candidate))
    return sorted(found.values(), key=lambda info: info.name)


def _checked_metadata(plain: Any) -> Mapping[str, Any]:
    if not isinstance(plain, dict) or not isinstance(plain.get("version"), str):
        raise ValueError("it has no version")
    return plain


def _metadata_parts(
    plain: Any,
) -> tuple[Mapping[str, Any], LocalisationRecord | None, EvaluationCurves | None]:
    """The metadata, and what of them this program reads: together, since they are the largest file to check."""
    return (
        _checked_metadata(plain),
        LocalisationRecord.from_metadata(plain),
        EvaluationCurves.from_metadata(plain),
    )


#: What the files of ``configs/`` become that every bundle has.
_BUILDERS: Mapping[str, Callable[[Any], Any]] = {
    "metadata": _checked_metadata,
    "network": NetworkConfig.from_json,
    "preprocessing": Preprocessing.from_json,
    "schema": MetadataSchema.from_json,
    "decision": lambda plain: Decision(**plain),
}


def _read(path: Path, build: Callable[[Any], _T]) -> _T:
    where = "/".join(path.parts[-3:])
    remedy = "Choose a complete model bundle."
    try:
        content = read_bounded(path, _LARGEST_CONFIG_BYTES)
    except ValueError:
        raise UserError(f"{where} is too large to be a configuration", remedy=remedy) from None
    except OSError:
        raise UserError(f"{where} is missing or can't be read", remedy=remedy) from None
    try:
        return build(visible_values(parsed(path.name, content), _LONGEST))
    except RecursionError:
        raise UserError(f"{where} is not valid JSON", remedy=remedy) from None
    except msgspec.ValidationError as error:
        raise UserError(f"{where} does not describe a model: {error}", remedy=remedy) from None
    except msgspec.DecodeError:
        raise UserError(f"{where} is not valid JSON", remedy=remedy) from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{where} does not describe a model: {error}", remedy=remedy) from None
