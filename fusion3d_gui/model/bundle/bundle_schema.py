"""What the configuration files of a bundle may hold, declared as types that msgspec checks while it parses.

A value of another type is refused, never converted: the text ``"false"`` is no boolean, ``true`` no number. JSON
as msgspec reads it has no NaN, no infinity and no lone surrogates. How long a text is shown is bounded where it is read. What depends on several values together (a range,
a default among the choices) is checked where the values are used.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from fusion3d_gui.declared_types import build_types

_Name = Annotated[str, Meta(min_length=1)]
_Size = Annotated[int, Meta(ge=0, le=65536)]


class FieldFile(msgspec.Struct, forbid_unknown_fields=True):
    """An element of ``configs/schema.json``: see :class:`~fusion3d_gui.model.schema.Field`."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
    label: _Name
    kind: Literal["number", "category", "boolean"]
    unit: str = ""
    help: str = ""
    minimum: float | None = None
    maximum: float | None = None
    seen_minimum: float | None = None
    seen_maximum: float | None = None
    mean: float = 0.0
    std: Annotated[float, Meta(gt=0)] = 1.0
    decimals: Annotated[int, Meta(ge=0, le=9)] = 0
    choices: Annotated[list[tuple[_Name, _Name]], Meta(max_length=200)] = []
    required: bool = False
    default: bool | float | str | None = None
    dicom: Annotated[str, Meta(pattern=r"^[A-Za-z0-9]{0,64}$")] = ""


class NetworkFile(msgspec.Struct, forbid_unknown_fields=True):
    """``configs/network.json``: see :class:`~fusion3d_gui.model.network.network_config.NetworkConfig`."""

    fusion: Literal["concat", "add", "multiply", "image_only"] = "concat"
    metadata_width: _Size = 0
    width: float = 1.0
    stem_stride: Annotated[int, Meta(ge=1, le=4)] = 2
    stem_pool: bool = True
    stage_strides: tuple[int, int, int] = (2, 2, 2)
    embedding: _Size = 512
    metadata_hidden: _Size = 128
    classifier_hidden: _Size = 256
    dropout: float = 0.3
    backbone: str = "resnet50-fusion"
    options: dict[str, bool | int | float | str | list[int]] = {}
    channels: _Size = 0
    outputs: Annotated[int, Meta(ge=0, le=2)] = 0


class PreprocessingFile(msgspec.Struct, forbid_unknown_fields=True):
    """``configs/preprocessing.json``: see :class:`~fusion3d_gui.model.preprocessing.Preprocessing`."""

    shape_kji: tuple[int, int, int]
    spacing_mm: float
    version: int = 1
    intensity: Literal["percentile", "window", "lesion"] = "percentile"
    window_center: float = 0.0
    window_width: float = 0.0
    center_lps_mm: tuple[float, float, float] | None = None


class DecisionFile(msgspec.Struct, forbid_unknown_fields=True):
    """``configs/decision.json``: see :class:`~fusion3d_gui.model.bundle.bundle_info.Decision`."""

    class_names: tuple[_Name, _Name]
    threshold: float = 0.5
    temperature: float = 1.0


_Range = tuple[float, float] | None


class ScopeFile(msgspec.Struct, forbid_unknown_fields=True):
    """``configs/scope.json``: see :class:`~fusion3d_gui.model.scope.Scope`."""

    modality: str = ""
    body_part: str = ""
    contrasts: Annotated[list[str], Meta(max_length=50)] = []
    coverage: str = "unknown"
    voxel_mm: _Range = None
    field_mm: _Range = None
    fewest_slices: int = 2
    age_years: _Range = None
    kind: str = "image"
    space: str = "scanner"
    population: str = "real"


#: The declared content of each file of ``configs/``; of the others only that they are valid JSON objects.
DECLARED: dict[str, object] = {
    "schema.json": Annotated[list[FieldFile], Meta(max_length=500)],
    "network.json": NetworkFile,
    "preprocessing.json": PreprocessingFile,
    "decision.json": DecisionFile,
    "scope.json": ScopeFile,
}
build_types(*DECLARED.values())


def parsed(name: str, content: bytes) -> object:
    """The plain values of a configuration file ``name``, checked against what is declared of it.

    Raises ValueError saying what is wrong and where (msgspec's ``DecodeError``, or its ``ValidationError``).
    """
    declared = DECLARED.get(name, dict[str, object])
    msgspec.json.decode(content, type=declared)
    plain: object = msgspec.json.decode(content)
    return plain
