"""``KeptWork``: what a reader did on a case, as a value. It holds nothing from the scan's header but what was predicted with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.annotations.annotation import Annotation
from fusion3d_gui.imaging.registration.registration import Registration
from fusion3d_gui.inference.analysis.result_types import Change
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.fit.fit_report import FitReport
from fusion3d_gui.inference.prediction import Prediction
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.schema import Field
from fusion3d_gui.report.case_result import ReaderNotes
from fusion3d_gui.report.session.document import ScanDocument
from fusion3d_gui.state.beside.comparison import ComparisonLook
from fusion3d_gui.state.case.entry import Entry
from fusion3d_gui.state.case.scan_objects import OpenedMap
from fusion3d_gui.state.display.arrangement import ViewArrangement
from fusion3d_gui.state.export.left import LeftResult
from fusion3d_gui.state.masks.mask_list import KeptMask, MaskLook


@dataclass(frozen=True)
class MapSettings:
    """How the heatmap of one model was made and drawn; ``bundle`` is the model's name."""

    bundle: str
    explanation: Explanation
    visible: bool
    opacity: float
    threshold: float
    contours: bool
    color_map: str
    kept_top: float | None


@dataclass(frozen=True, eq=False)
class KeptPrediction:
    """A prediction with its heatmap, which was made as ``explanation`` says; equal only to itself."""

    prediction: Prediction
    explanation: Explanation

    def is_of(self, info: BundleInfo) -> bool:
        """Whether a bundle of this name and version made it, with values and a decision that are this bundle's."""
        made, decision = self.prediction, info.decision
        if (made.bundle_name, made.bundle_version) != (info.name, info.version):
            return False
        said = (made.class_names, made.threshold, made.temperature)
        try:
            is_its_form = info.schema.parse(made.metadata) == dict(made.metadata)
        except UserError:
            return False
        own = (tuple(decision.class_names), decision.threshold, decision.temperature)
        return is_its_form and said == own

    def agrees_with(self, now: FitReport) -> bool:
        """Whether it was refused or not as the case would be ``now``, and knew every reason that there is now.

        Whether the scan fits depends on the bundle's scope, and on what the reader says the values are.
        """
        then = self.prediction.fit
        return (then.fit == "refused") == (now.fit == "refused") and set(now.reasons) <= set(
            then.reasons
        )

    @property
    def text(self) -> str:
        """In a few words, e.g. ``"73 % by demo 1.2.0 on 28 Nov"``."""
        made, when = self.prediction, self.prediction.created.astimezone()
        return (
            f"{100 * made.probability:.3g} % by {made.bundle_name} {made.bundle_version} "
            f"on {when.day} {when:%b}"
        )


@dataclass(frozen=True)
class KeptView:
    """How a case was looked at: crosshair (mm LPS), planes, arrangement of the views, 3D, colours, slab.

    ``planes`` are the transforms of oblique planes, row by row; ``cut``, ``projection`` and ``interpolation`` are
    names, empty where there is none.
    """

    crosshair: tuple[float, float, float]
    planes: Mapping[str, tuple[float, ...]]
    snaps: bool
    arrangement: ViewArrangement
    surface: bool
    level: float | None
    cut: str
    cut_mm: float
    inverted: bool
    anatomy_colors: str
    slab_mm: float
    projection: str
    interpolation: str

    def same_place(self, other: KeptView | None) -> bool:
        """Whether crosshair and planes are the same: views fit themselves, but don't move these."""
        mine = (self.crosshair, self.planes)
        return other is not None and mine == (other.crosshair, other.planes)

    @property
    def matrices(self) -> dict[str, np.ndarray]:
        """The planes' transforms, 4x4."""
        return {name: np.reshape(each, (4, 4)) for name, each in self.planes.items()}


@dataclass(frozen=True)
class KeptPrior:
    """The second scan's prediction, how the first one's differs, and the labels of values taken from the form."""

    made: KeptPrediction
    change: Change
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True)
class KeptSecond:
    """The scan that lay beside.

    Parameters
    ----------
    scan
        Which.
    registration
        Where it was put; None: where its file puts it.
    session
        The session file that named it, if any: it may have moved along with that, or be enclosed in it.
    look
        How it was drawn over the first.
    window, view
        Its own window level (centre and width) and how it was looked at.
    prior
        What was predicted of it.
    """

    scan: ScanDocument
    registration: Registration | None = None
    session: Path | None = None
    look: ComparisonLook | None = None
    window: tuple[float, float] | None = None
    view: KeptView | None = None
    prior: KeptPrior | None = None

    def unnamed(self) -> KeptSecond:
        """Without paths and UID."""
        scan = ScanDocument(self.scan.voxels_sha256, shape=self.scan.shape)
        return replace(self, scan=scan, session=None)

    def is_placed_as(self, other: KeptSecond | None) -> bool:
        """Whether it is the same scan at the same place."""
        if other is None or self.scan.voxels_sha256 != other.scan.voxels_sha256:
            return False
        mine, its = self.registration, other.registration
        if mine is None or its is None:
            return mine is its
        return np.array_equal(mine.matrix, its.matrix)


@dataclass(frozen=True)
class KeptWork:
    """The reader's work on a case; None or empty: as the program has it.

    Parameters
    ----------
    marks, window, form, map_settings, notes
        ``window`` is centre and width in real values.
    predictions
        The last of each model.
    left
        The result that left last.
    view
        How the case was looked at; it is kept along with other work, and is none by itself.
    saved
        When it was written, in local time.
    masks
        Those that the reader drew are work; those of files are kept along with other work.
    second
        The scan beside. A registration and a prediction of it are work; else it is kept along with other work.
    mask_look
        How masks are drawn; None without masks.
    opened_map
        The map of a file; it is kept along with other work, and is none by itself.
    stated_ct
        Whether the reader has said that the scan is CT in Hounsfield units.
    """

    marks: tuple[Annotation, ...] = ()
    window: tuple[float, float] | None = None
    form: Mapping[Field, Entry] = field(default_factory=dict)
    map_settings: MapSettings | None = None
    notes: ReaderNotes = field(default_factory=ReaderNotes)
    predictions: tuple[KeptPrediction, ...] = ()
    left: LeftResult | None = None
    view: KeptView | None = None
    saved: datetime | None = None
    masks: tuple[KeptMask, ...] = ()
    second: KeptSecond | None = None
    mask_look: MaskLook | None = None
    opened_map: OpenedMap | None = None
    stated_ct: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to keep."""
        done = (self.marks, self.drawn, self.form, self.map_settings, self.predictions, self.left)
        return (
            not any(done)
            and self.window is None
            and self.notes == ReaderNotes()
            and not self.is_registered
            and not self.stated_ct
            and (self.second is None or self.second.prior is None)
        )

    @property
    def drawn(self) -> tuple[KeptMask, ...]:
        """The masks that the reader drew."""
        return tuple(each for each in self.masks if each.item.is_drawn)

    @property
    def is_registered(self) -> bool:
        """Whether a scan beside was registered."""
        return self.second is not None and self.second.registration is not None

    @property
    def summary(self) -> str:
        """What it holds, e.g. ``"3 marks and the form of 28 Nov"``."""
        count = len(self.marks)
        parts = [f"{count} mark" + ("" if count == 1 else "s")] if count else []
        drawn = len(self.drawn)
        parts += [f"{drawn} mask" + ("" if drawn == 1 else "s")] if drawn else []
        parts += ["the form"] if self.form else []
        parts += ["the prediction"] if self.predictions else []
        parts += ["the window level"] if self.window is not None else []
        parts += ["the heatmap's settings"] if self.map_settings is not None else []
        parts += ["that it is CT"] if self.stated_ct else []
        parts += ["the registration"] if self.is_registered else []
        parts += ["the notes"] if self.notes != ReaderNotes() else []
        text = " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))
        return text if self.saved is None else f"{text} of {self.saved.day} {self.saved:%b}"

    def says_no_more(self, other: KeptWork) -> bool:
        """Whether marks, masks, entries, predictions, registration and notes are none but those of the other."""
        entries = all(other.form.get(each) == entry for each, entry in self.form.items())
        theirs = [each.item for each in other.masks]
        if not all(any(each.item.is_same(one) for one in theirs) for each in self.drawn):
            return False
        predicted = {each.prediction.created for each in other.predictions}
        if not {each.prediction.created for each in self.predictions} <= predicted:
            return False
        if self.second is not None and self.is_registered:
            entries = entries and self.second.is_placed_as(other.second)
        return entries and set(self.marks) <= set(other.marks) and self.notes == other.notes

    def over(self, older: KeptWork) -> KeptWork:
        """This work done without sight of ``older``: its marks after the older ones, its values instead of them."""
        last = max((mark.number for mark in older.marks), default=0)
        added = [
            replace(mark, number=last + number) for number, mark in enumerate(self.marks, start=1)
        ]
        notes = ReaderNotes(
            self.notes.reading or older.notes.reading, self.notes.comment or older.notes.comment
        )
        return KeptWork(
            (*older.marks, *added),
            self.window or older.window,
            {**older.form, **self.form},
            self.map_settings or older.map_settings,
            notes,
            self.with_predictions(older.predictions).predictions,
            self.left or older.left,
            self.view or older.view,
            masks=(*older.masks, *self.masks),
            second=self.second or older.second,
            mask_look=self.mask_look or older.mask_look,
            opened_map=self.opened_map or older.opened_map,
            stated_ct=self.stated_ct or older.stated_ct,
        )

    def with_predictions(self, others: tuple[KeptPrediction, ...]) -> KeptWork:
        """With the predictions of other models, and of other scans, than those that it has."""
        own = {_model_and_scan(each) for each in self.predictions}
        kept = [each for each in others if _model_and_scan(each) not in own]
        return replace(self, predictions=(*self.predictions, *kept)[:MOST_PREDICTIONS])


#: So many predictions of a case are kept.
MOST_PREDICTIONS = 12


def _model_and_scan(each: KeptPrediction) -> tuple[str, str, str]:
    made = each.prediction
    return made.bundle_name, made.bundle_version, made.volume_sha256
