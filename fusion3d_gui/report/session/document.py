"""``SessionDocument``: what ``session.json`` holds, declared as types that msgspec checks while it parses.

Positions are mm, LPS; affines take cell indices (i, j, k) there. Arrays lie beside it in the file and are named.
Described for users in ``docs/sessions.md``. A change of what is here needs a new :data:`VERSION` and a step in
:mod:`~fusion3d_gui.report.session.migrations`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta

from fusion3d_gui.declared_types import build_types
from fusion3d_gui.imaging.annotations.annotation import Kind
from fusion3d_gui.imaging.volume import spans_space
from fusion3d_gui.model.bundle.bundle_schema import FieldFile

FORMAT = "fusion3d-session"
VERSION = 6

#: More marks, or masks, than these are not kept.
MOST_MARKS = 2000
MOST_MASKS = 500
#: A scan of more paths than these is kept without its paths.
MOST_PATHS = 500

_Text = Annotated[str, Meta(max_length=2000)]
_Long = Annotated[str, Meta(max_length=20_000)]
_Name = Annotated[str, Meta(max_length=300)]
_Share = Annotated[float, Meta(ge=0, le=1)]
_Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
_Array = Annotated[str, Meta(pattern=r"^arrays/[0-9]{1,3}\.npy$")]
HeatmapColors = Literal["Inferno", "Viridis"]
AnatomyColors = Literal["Gray", "Hot iron", "Viridis"]
_Values = Annotated[dict[_Name, bool | float | str | None], Meta(max_length=500)]
#: Millimetres, and all else in an affine: far beyond any scan, far within what can be computed with.
_Mm = Annotated[float, Meta(ge=-1e6, le=1e6)]
Triple = tuple[_Mm, _Mm, _Mm]
Quad = tuple[_Mm, _Mm, _Mm, _Mm]
Affine = tuple[Quad, Quad, Quad, Quad]


class _Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No field that is not declared: what this version does not know is of a newer one."""


class MarkDocument(_Struct, frozen=True):
    """See :class:`~fusion3d_gui.imaging.annotations.annotation.Annotation`."""

    number: Annotated[int, Meta(ge=1, le=1_000_000)]
    kind: Kind
    points: Annotated[list[Triple], Meta(max_length=3)]
    right: Annotated[list[_Mm], Meta(max_length=3)] = []
    down: Annotated[list[_Mm], Meta(max_length=3)] = []
    text: _Text = ""


class MaskDocument(_Struct, frozen=True):
    """A mask on the scan.

    Parameters
    ----------
    name, color
        As they are shown.
    array, affine
        Its voxels and where they lie: eight to a byte, from the highest bit, along i.
    columns
        Number of its voxels along i; None: the array is of bool, one to a byte, as before version 5.
    is_drawn
        Whether the reader drew it; otherwise a file holds it.
    shown, selected
        Whether it is switched on; whether commands act on it.
    stored_ml
        Volume (ml) on its file's grid, where that is another.
    """

    name: _Name
    color: Annotated[str, Meta(pattern="^#[0-9A-Fa-f]{6}$")]
    array: _Array
    affine: Affine
    columns: Annotated[int, Meta(ge=1, le=16_384)] | None = None
    is_drawn: bool = True
    shown: bool = True
    selected: bool = False
    stored_ml: Annotated[float, Meta(ge=0, le=1e9)] | None = None


class OpenedMapDocument(_Struct, frozen=True):
    """A map of a file on the scan: an array of float32 (real values) and where it lies; ``title`` is its file's."""

    array: _Array
    affine: Affine
    title: _Text = ""


class MaskLookDocument(_Struct, frozen=True):
    """How masks are drawn."""

    opacity: _Share
    outlines: bool


class EntryDocument(_Struct, frozen=True):
    """One entry of the form: the field as its model declares it, the value, and the text as it was typed."""

    field: FieldFile
    value: bool | float | str | None = None
    text: _Text = ""


class ExplanationDocument(_Struct, frozen=True):
    """See :class:`~fusion3d_gui.inference.explain.explanation.Explanation`."""

    method: _Name
    stages: Annotated[list[Annotated[int, Meta(ge=1, le=4)]], Meta(max_length=4)]
    side: Literal["raised", "lowered"]
    raw: bool = False


class MapDocument(_Struct, frozen=True):
    """How the heatmap is asked for and drawn; ``bundle`` is the model's name, ``kept_top`` a kept scale's top."""

    bundle: _Name
    explanation: ExplanationDocument
    visible: bool
    opacity: _Share
    threshold: _Share
    contours: bool
    color_map: HeatmapColors
    kept_top: Annotated[float, Meta(gt=0)] | None = None


class OutlineDocument(_Struct, frozen=True):
    """Where the model's input shows tissue: an array of bool."""

    array: _Array
    affine: Affine


class CorrectionDocument(_Struct, frozen=True):
    """See :class:`~fusion3d_gui.inference.map_correction.MapCorrection`."""

    vector: Triple
    reasons: Annotated[list[_Text], Meta(max_length=20)]
    applied: bool


class HeatmapDocument(_Struct, frozen=True):
    """See :class:`~fusion3d_gui.inference.prediction.Heatmap`: an array of float32 and where it lies."""

    array: _Array
    affine: Affine
    method: _Name
    layer: _Name
    side: Literal["raised", "lowered"]
    finished: bool = True
    outline: OutlineDocument | None = None
    correction: CorrectionDocument | None = None


class FitDocument(_Struct, frozen=True):
    """See :class:`~fusion3d_gui.inference.fit.FitReport`."""

    fit: Literal["fits", "doubtful", "refused"]
    reasons: Annotated[list[_Text], Meta(max_length=50)] = []
    looked_at: Annotated[list[_Name], Meta(max_length=50)] = []
    demonstration: _Text | None = None


class PredictionDocument(_Struct, frozen=True):
    """See :class:`~fusion3d_gui.inference.prediction.Prediction`."""

    probability: _Share
    logit: float
    temperature: Annotated[float, Meta(gt=0)]
    threshold: _Share
    class_names: tuple[_Name, _Name]
    metadata: _Values
    bundle_name: _Name
    bundle_version: _Name
    weights_sha256: _Hash
    volume_sha256: _Hash
    device: _Name
    seconds: Annotated[float, Meta(ge=0)]
    created: Annotated[str, Meta(max_length=40)]
    libraries: Annotated[dict[_Name, _Name], Meta(max_length=50)]
    fit: FitDocument
    heatmap: HeatmapDocument
    explanation: ExplanationDocument
    notices: Annotated[list[_Text], Meta(max_length=50)] = []


class NotesDocument(_Struct, frozen=True):
    """The reader's own words."""

    reading: _Long = ""
    comment: _Long = ""


class LeftDocument(_Struct, frozen=True):
    """The result that left last: when (local time), what, by which model, with which values."""

    when: Annotated[str, Meta(max_length=40)]
    kinds: Annotated[list[_Name], Meta(max_length=50)]
    model: _Name
    values: _Values


class CameraDocument(_Struct, frozen=True):
    """A view's zoom (1: the plane is fitted) and the middle of what it shows (screen mm)."""

    fitted: bool
    zoom: Annotated[float, Meta(ge=1e-3, le=1e4)]
    center: tuple[_Mm, _Mm]


class OrientationDocument(_Struct, frozen=True):
    """Which plane a view shows, and how it lies on screen."""

    name: Literal["Axial", "Coronal", "Sagittal"]
    right: Literal[0, 1, 2]
    right_sign: Literal[-1, 1]
    down: Literal[0, 1, 2]
    down_sign: Literal[-1, 1]


class ViewDocument(_Struct, frozen=True):
    """How the case was looked at.

    ``layout`` and ``alone`` (the view that fills the window) are names; ``planes`` are the rotations of oblique
    planes; ``orbit`` is the side from which 3D shows the patient, in degrees; ``level`` the value of
    its surface (None: by the window level), ``cut`` the side from which ``cut_mm`` are cut away.
    """

    crosshair: Triple
    layout: _Name = ""
    alone: _Name = ""
    planes: Annotated[dict[_Name, Affine], Meta(max_length=3)] = {}
    snaps: bool = True
    orientations: Annotated[dict[_Name, OrientationDocument], Meta(max_length=8)] = {}
    cameras: Annotated[dict[_Name, CameraDocument], Meta(max_length=8)] = {}
    orbit: tuple[_Mm, _Mm] | None = None
    surface: bool = True
    level: float | None = None
    cut: Literal["", "FRONT", "BACK", "LEFT", "RIGHT", "TOP", "BOTTOM"] = ""
    cut_mm: Annotated[float, Meta(ge=0, le=1e6)] = 0.0
    inverted: bool = False
    anatomy_colors: AnatomyColors = "Gray"
    slab_mm: Annotated[float, Meta(ge=0, le=500)] = 0.0
    projection: _Name = ""
    interpolation: _Name = ""


class ScanDocument(_Struct, frozen=True):
    """Which scan it is of.

    Parameters
    ----------
    voxels_sha256
        Of voxels and geometry: what decides whether a scan is this one.
    paths
        What was opened, absolute; empty where the identity was hidden.
    relative
        The same, from the folder of the session file.
    series_uid
        DICOM Series Instance UID or, of other formats, the path below what was opened.
    shape
        Number of voxels (k, j, i).
    enclosed
        Whether the scan's own files lie in the session file.
    """

    voxels_sha256: _Hash
    paths: Annotated[list[Annotated[str, Meta(max_length=4096)]], Meta(max_length=MOST_PATHS)] = []
    relative: Annotated[
        list[Annotated[str, Meta(max_length=4096)]], Meta(max_length=MOST_PATHS)
    ] = []
    series_uid: Annotated[str, Meta(max_length=4096)] = ""
    shape: tuple[int, int, int] | None = None
    enclosed: bool = False


class RegistrationDocument(_Struct, frozen=True):
    """See :class:`~fusion3d_gui.imaging.registration.registration.Registration`."""

    matrix: Affine
    kind: Literal["rigid", "affine", "points", "manual"]
    mutual_information: float | None = None
    start_information: float | None = None
    overlap: _Share | None = None
    consistency_mm: Annotated[float, Meta(ge=0)] | None = None
    iterations: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 0
    residual_mm: Annotated[float, Meta(ge=0)] | None = None


class ComparisonDocument(_Struct, frozen=True):
    """How the second scan was drawn over the first; opacity and colours are of the fused image."""

    way: Literal["NONE", "BLEND", "FLICKER", "CHECKERBOARD", "DIFFERENCE"] = "NONE"
    blend: _Share = 0.5
    color_map: AnatomyColors = "Hot iron"


class ChangeDocument(_Struct, frozen=True):
    """See :class:`~fusion3d_gui.inference.analysis.result_types.Change`."""

    before: _Share
    now: _Share
    image: float
    metadata: float
    logit_before: float
    logit_now: float
    logit_image: float
    logit_metadata: float


class PriorDocument(_Struct, frozen=True):
    """The second scan's prediction, what changed it, and the labels of values that were taken from the form."""

    prediction: PredictionDocument
    change: ChangeDocument
    assumed: Annotated[list[_Text], Meta(max_length=500)] = []


class SecondDocument(_Struct, frozen=True):
    """The scan that lay beside.

    ``registration`` is the map (mm, LPS) from the first scan's space to its; ``window`` its centre and width, ``view``
    how it was looked at.
    """

    scan: ScanDocument
    registration: RegistrationDocument | None = None
    comparison: ComparisonDocument = ComparisonDocument()
    window: tuple[float, float] | None = None
    view: ViewDocument | None = None
    prior: PriorDocument | None = None


class SessionDocument(_Struct, frozen=True):
    """All of ``session.json``."""

    format: Literal["fusion3d-session"] = "fusion3d-session"
    version: Literal[6] = 6
    program: _Name = ""
    saved: Annotated[str, Meta(max_length=40)] = ""
    scan: ScanDocument | None = None
    marks: Annotated[list[MarkDocument], Meta(max_length=MOST_MARKS)] = []
    masks: Annotated[list[MaskDocument], Meta(max_length=MOST_MASKS)] = []
    mask_look: MaskLookDocument | None = None
    window: tuple[float, float] | None = None
    form: Annotated[list[EntryDocument], Meta(max_length=1000)] = []
    map: MapDocument | None = None
    notes: NotesDocument = NotesDocument()
    predictions: Annotated[list[PredictionDocument], Meta(max_length=20)] = []
    left: LeftDocument | None = None
    view: ViewDocument | None = None
    second: SecondDocument | None = None
    opened_map: OpenedMapDocument | None = None
    stated_ct: bool = False


build_types(SessionDocument)


def affine_rows(affine: np.ndarray) -> Affine:
    """A 4x4 affine as the document holds it."""
    rows: Affine = tuple(tuple(map(float, row)) for row in affine)  # type: ignore[assignment]
    return rows


def affine_of(plain: Affine) -> np.ndarray:
    """The 4x4 affine in a document. Raises ValueError where it spans no space."""
    affine = np.array(plain, dtype=np.float64)
    if not spans_space(affine) or not np.array_equal(affine[3], (0, 0, 0, 1)):
        raise ValueError("an affine is singular")
    return affine
