"""``judge_case``: whether a model is meant for a case, as far as that shows before the model runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from fusion3d_gui.imaging.simulated import is_simulated
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.fit.fit_report import DEMONSTRATION, FitReport
from fusion3d_gui.inference.fit.scan_values import ScanValues
from fusion3d_gui.inference.fit.sequence_words import contradictions
from fusion3d_gui.inference.fit.standard_space import standard_space_faults
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.schema import Field, Value
from fusion3d_gui.model.scope import Scope

#: Relative tolerance of the declared ranges: a field of view depends on the voxel size by a voxel.
_TOLERANCE = 0.03
#: Blank background around a skull-stripped brain: at least this share of the volume.
_BLANK_SHARE = 0.25
#: A value may differ from the header's by this much of it, and by this much: an age in completed years.
_HEADER_SHARE, _HEADER_STEP = 0.02, 1.0


@dataclass(frozen=True)
class _Possible:
    """Sizes (mm) that a scan of a body part can have: longest edge of the field of view, voxel edge."""

    longest_mm: tuple[float, float]
    voxel_mm: tuple[float, float]


#: A head is at least 80 mm long (a premature child's), and a field of view at most a scanner's bore.
_HEAD = _Possible((80.0, 600.0), (0.1, 20.0))
_BODY = _Possible((10.0, 2500.0), (0.02, 50.0))
_HEAD_WORDS = {"brain", "head", "skull", "neuro", "cranium"}

_LOOKED_AT = (
    "modality",
    "body part",
    "header values",
    "slices",
    "voxel size",
    "field of view",
    "kind of values",
    "sequence words",
    "clinical values",
)


def judge_case(
    info: BundleInfo,
    volume: Volume,
    values: Mapping[str, Value],
    *,
    tried: Collection[str] = (),
) -> FitReport:
    """Compare a case with the scope that the model's bundle declares.

    Parameters
    ----------
    info
        The model's configuration.
    volume
        The image, completely read.
    values
        The case's metadata, parsed.
    tried
        Names of the values that are tried in a what-if: they need not agree with the scan's header.
    """
    scope = info.scope or Scope()
    content = ScanValues.of(volume)
    refusals = tuple(_refusals(scope, volume, content))
    doubts = (
        *(() if info.scope else ("The model does not declare which scans it is meant for.",)),
        *_image_doubts(scope, volume, content),
        *_value_doubts(scope, info.schema.fields, volume, values, tried),
    )
    unfamiliar = scope.population == "simulated" and not is_simulated(volume)
    if unfamiliar:
        doubts = (*doubts, "The model has seen simulated cases only; this scan is not one of them.")
    report = FitReport(
        "refused" if refusals else "fits",
        reasons=refusals,
        demonstration=DEMONSTRATION if unfamiliar else None,
    )
    return report.doubting(doubts, _LOOKED_AT)


def _refusals(scope: Scope, volume: Volume, content: ScanValues) -> Iterator[str]:
    """Why the scan can't be one that the model is meant for."""
    yield from volume.faults
    modality = "CT" if volume.unit == "HU" and not volume.modality else volume.modality
    if scope.modality and modality and modality != scope.modality:
        yield f"The scan's modality is {modality}; the model is meant for {scope.modality}."
    if content.constant:
        yield "Every voxel has the same value."
        return
    fewest = min(volume.shape)
    if fewest < max(2, scope.fewest_slices):
        yield (
            f"The scan has {fewest} slice{'s' * (fewest != 1)}; the model needs at least "
            f"{max(2, scope.fewest_slices)}."
        )
    yield from _impossible_sizes(scope, volume)
    labels = content.are_labels
    if labels and scope.kind == "image":
        yield "The values number things, as in a mask; the model is meant for images."
    if not labels and scope.kind == "lesion_map":
        yield "The values measure something; the model is meant for maps of labels."
    if labels and scope.kind == "lesion_map" and scope.space == "standard":
        yield from standard_space_faults(volume)
    if content.are_hounsfield and scope.modality not in ("", "CT") and not volume.modality:
        yield f"The values are those of CT, in HU; the model is meant for {scope.modality}."


def _impossible_sizes(scope: Scope, volume: Volume) -> Iterator[str]:
    """Sizes that no scan of the body part has: the voxel size in the header is wrong."""
    part = scope.body_part.lower()
    possible = _HEAD if set(part.split()) & _HEAD_WORDS else _BODY
    what = scope.body_part or "body"
    edges = _edges_mm(volume)
    for name, value, (low, high) in (
        ("longest edge", max(edges), possible.longest_mm),
        ("smallest voxel edge", min(volume.spacing_mm), possible.voxel_mm),
        ("largest voxel edge", max(volume.spacing_mm), possible.voxel_mm),
    ):
        if not low <= value <= high:
            yield (
                f"Its {name} is {value:.3g} mm, which no scan of a {what} has ({low:g} to {high:g} mm)."
            )
            return


def _image_doubts(scope: Scope, volume: Volume, content: ScanValues) -> Iterator[str]:
    """What is odd about the scan's header and values."""
    yield from volume.doubts
    part = volume.attributes.get("BodyPartExamined", "").lower()
    wanted = set(scope.body_part.lower().split())
    if part and wanted and part not in wanted and not ({part} | wanted) <= _HEAD_WORDS:
        yield f"The scan's body part is {part.upper()}; the model is meant for {scope.body_part}."
    said = contradictions(scope.contrasts, volume.description, volume.attributes)
    if said:
        yield (
            f"The series or file speaks of {', '.join(said)}; the model is meant for "
            f"{', '.join(scope.contrasts)}."
        )
    edges, voxels = _edges_mm(volume), volume.spacing_mm
    if scope.field_mm and not _within(edges, scope.field_mm):
        yield (
            f"The field of view is {' × '.join(f'{mm:.0f}' for mm in edges)} mm; the training cases' "
            f"edges are {scope.field_mm[0]:.0f} to {scope.field_mm[1]:.0f} mm."
        )
    # Finer voxels are averaged to the network's grid.
    if scope.voxel_mm and max(voxels) > scope.voxel_mm[1] * (1 + _TOLERANCE):
        yield (
            f"The voxels measure up to {max(voxels):.3g} mm; those of the training cases at most "
            f"{scope.voxel_mm[1]:.3g} mm."
        )
    if volume.missing:
        yield f"{len(volume.missing)} of the scan's {volume.shape[0]} slices are missing."
    if scope.coverage == "skull_stripped" and content.blank_share < _BLANK_SHARE:
        yield "The background is not blank, as it is around a skull-stripped brain."
    if scope.modality == "CT" and content.lowest > -200 and scope.kind == "image":
        yield "The values are not in HU: none is as low as that of air."


def _value_doubts(
    scope: Scope,
    fields: tuple[Field, ...],
    volume: Volume,
    values: Mapping[str, Value],
    tried: Collection[str],
) -> Iterator[str]:
    """What is odd about the clinical values."""
    missing = [field.label for field in fields if values.get(field.name) is None]
    if 2 * len(missing) > len(fields):
        yield (
            f"{len(missing)} of {len(fields)} clinical values are not given: {', '.join(missing)}."
        )
    for field in fields:
        if field.name in tried:
            continue
        value, text = values.get(field.name), volume.attributes.get(field.dicom, "")
        header = field.from_dicom(text) if field.dicom and text else None
        if value is not None and header is not None and _differ(value, header):
            yield f"{field.label} is {_text(value)}, but the scan's header says {_text(header)}."
    age = _age(fields, values, volume)
    if scope.age_years and age is not None:
        low, high = scope.age_years
        if not low <= age <= high:
            yield f"Age {age:g} is outside the {low:g} to {high:g} years that the model is meant for."


def _age(fields: tuple[Field, ...], values: Mapping[str, Value], volume: Volume) -> float | None:
    """Age in years, as given or from the header."""
    found: Value = None
    for field in fields:
        if field.dicom == "PatientAge" or field.name.lower() == "age":
            found = values.get(field.name)
    if found is None:
        found = Field("age", "Age", "number").from_dicom(volume.attributes.get("PatientAge", ""))
    return None if found is None or isinstance(found, (str, bool)) else float(found)


def _differ(value: Value, header: Value) -> bool:
    if isinstance(value, (str, bool)) or isinstance(header, (str, bool)):
        return value != header
    one, other = float(value or 0), float(header or 0)
    return abs(one - other) > max(_HEADER_STEP, _HEADER_SHARE * abs(other))


def _text(value: Value) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) and value is not True else str(value)


def _edges_mm(volume: Volume) -> tuple[float, ...]:
    """Edges of the field of view in mm, along (k, j, i)."""
    return tuple(n * mm for n, mm in zip(volume.shape, volume.spacing_mm, strict=True))


def _within(edges: tuple[float, ...], ends: tuple[float, float]) -> bool:
    low, high = ends
    return min(edges) >= low * (1 - _TOLERANCE) and max(edges) <= high * (1 + _TOLERANCE)
