"""``SecondScan``: the scan that is open beside the one on screen, its place and its patient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from PySide6.QtCore import QObject, Signal

from fusion3d_gui.imaging.dicom.source_uids import read_source_uids
from fusion3d_gui.imaging.registration.registration import Registration
from fusion3d_gui.imaging.scan_warning import ScanWarning
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.beside.linking import Linking
from fusion3d_gui.state.beside.patient_check import Agreement, patients_agree
from fusion3d_gui.state.case.load import load_case
from fusion3d_gui.state.data.case import Case, name_of
from fusion3d_gui.state.display.display import Display
from fusion3d_gui.state.store import Store
from fusion3d_gui.state.tasks import TaskLane

#: Why the two scans move together: one frame of reference, or a registration; empty: they do not.
Link = Literal["frame", "registered", ""]

OTHER_PATIENT = ScanWarning(
    "OTHER PATIENT", "This scan is of another patient than the scan that it is shown beside."
)
NOT_CHECKED = ScanWarning(
    "patient not checked",
    "One of the two scans names no patient: whether both are of the same one is not known.",
)
NOT_LINKED = ScanWarning(
    "not linked",
    "The two scans share no frame of reference and are not registered: positions do not correspond.",
)


@dataclass(frozen=True, eq=False)
class _Read:
    """A scan that was read: its voxels' hash, and whether it shares the first scan's frame of reference."""

    case: Case
    shares_frame: bool
    sha256: str
    keeps_layout: bool


class SecondScan(QObject):
    """At most one, closed when another scan comes on screen. Never part of the case: it has no marks and no form.

    It has a :class:`Display` of its own, which follows the first scan's while the two are linked.
    """

    #: It was opened or closed, linked or unlinked, or moved by a registration.
    changed = Signal()
    #: A scan of another patient (Case) was chosen: it waits for :meth:`confirm` or :meth:`refuse`.
    asked = Signal(object)

    def __init__(self, store: Store, display: Display) -> None:
        super().__init__(store)
        self._store = store
        self.display = Display(self)
        self.lane = TaskLane("beside", self)
        self.linking = Linking(display, self.display, self)
        self._case: Case | None = None
        self._beside: Case | None = None
        self._waiting: _Read | None = None
        self._agreement: Agreement = "unknown"
        self._shares_frame = self._keeps_layout = False
        self._sha256 = ""
        self._registration: Registration | None = None
        self._shown: Volume | None = None
        store.case_opened.connect(self._on_case_opened)
        store.case_changed.connect(self._on_case_changed)

    # -- contents -----------------------------------------------------------------------------

    @property
    def case(self) -> Case | None:
        """The second scan as its file has it; None without one."""
        return self._case

    @property
    def volume(self) -> Volume | None:
        """The second scan as it is shown: in the first one's patient space where it is registered, with its warnings."""
        return self._shown

    @property
    def link(self) -> Link:
        """Why positions in both correspond; empty: they do not."""
        first, second = self._store.case, self._case
        if first is None or second is None:
            return ""
        if self._registration is not None:
            return "registered"
        return "frame" if self._shares_frame else ""

    @property
    def registration(self) -> Registration | None:
        """The map from the first scan to this one; None: where the files put them."""
        return self._registration

    @property
    def agreement(self) -> Agreement:
        """Whether it is of the same patient as the first scan."""
        return self._agreement

    @property
    def warnings(self) -> tuple[ScanWarning, ...]:
        """What must stand on every view that shows it."""
        found = {"other": (OTHER_PATIENT,), "unknown": (NOT_CHECKED,), "same": ()}[self._agreement]
        return found if self.link else (*found, NOT_LINKED)

    @property
    def waiting(self) -> Case | None:
        """The scan of another patient that waits for a yes."""
        return None if self._waiting is None else self._waiting.case

    @property
    def sha256(self) -> str:
        """SHA-256 of its voxels as its file has them; empty without one."""
        return self._sha256 if self._case is not None else ""

    @property
    def keeps_layout(self) -> bool:
        """Whether the views were already arranged for it when it was opened, as by a session."""
        return self._keeps_layout

    # -- opening ------------------------------------------------------------------------------

    def open(self, paths: Path | Sequence[Path], series_uid: str | None = None) -> None:
        """Read a file, a folder or several together, and show one of their series beside the scan on screen."""
        named = (paths,) if isinstance(paths, Path) else tuple(paths)
        first = self._store.case
        known = first.series if first is not None and series_uid and first.paths == named else ()
        self.open_from(
            lambda progress, on_first: load_case(
                named, series_uid, progress, known=known, on_first=on_first
            ),
            name_of(named),
        )

    def open_series(self, series: Series) -> None:
        """Show another series of what is open beside the one on screen."""
        first = self._store.case
        if first is not None:
            self.open(first.paths, series.uid)

    def open_from(
        self,
        load: Callable[[Progress, Callable[[Case], None]], Case],
        name: str,
        *,
        keeps_layout: bool = False,
    ) -> None:
        """Show what ``load(progress, on_first)`` gives, once all of it is read.

        ``keeps_layout``: the views are already arranged for two scans.
        """
        first = self._store.case
        if first is None:
            return
        hidden = self._store.identity.hidden
        self._waiting = None
        self._store.run(
            self.lane,
            "Opening a second scan" if hidden else f"Opening {name} beside",
            lambda progress: _read(first, load(progress, lambda case: None), keeps_layout),
            lambda read: self._on_read(first, read),
        )
        self.changed.emit()

    def confirm(self) -> None:
        """Show the scan of another patient that waits, marked as such."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None and self._store.case is not None:
            self._show(waiting, "other")

    def refuse(self) -> None:
        """Do not show it."""
        self._waiting = None

    def close(self) -> None:
        """Show the first scan alone again, and free the second one's memory."""
        self.lane.cancel()
        self._waiting = None
        if self._case is not None:
            self._case = self._shown = self._registration = None
            self.linking.set_linked(None)
            self.changed.emit()

    def register_as(self, registration: Registration | None) -> None:
        """Place the second scan by a registration; None: where its file puts it."""
        if self._case is not None:
            self._registration = registration
            self._place()

    # -- what happens -------------------------------------------------------------------------

    def _on_read(self, first: Case, read: _Read) -> None:
        now = self._store.case
        # Another scan may have come on screen meanwhile; the same with its identity hidden has the same key.
        if now is None or now.key != first.key:
            return
        agreement = patients_agree(now, read.case)
        if agreement == "other":
            self._waiting = read
            self.asked.emit(read.case)
        else:
            self._show(read, agreement)

    def _show(self, read: _Read, agreement: Agreement) -> None:
        case = read.case
        # As with any scan that is opened while the identity is hidden: it can't be revealed again.
        self._case = case.hide_identity(for_good=True) if self._store.identity.hidden else case
        self._shares_frame, self._sha256 = read.shares_frame, read.sha256
        self._keeps_layout = read.keeps_layout
        self._beside = self._store.case
        self._agreement = agreement
        self._registration = None
        self._place()

    def _place(self) -> None:
        """Show the scan where its file or its registration puts it, and link it if positions correspond."""
        first, case = self._store.case, self._case
        assert first is not None and case is not None
        shown = case.volume
        if self._registration is not None:
            shown = self._registration.onto_fixed(shown)
        before = self._shown
        self._shown = replace(shown, warnings=(*self.warnings, *shown.warnings))
        if before is None or before.voxels is not shown.voxels:
            # Else the first scan would follow the new one's planes and crosshair.
            self.linking.set_linked(None)
            self.display.show_case(replace(case, volume=self._shown))
        self.linking.set_linked(self._bounds() if self.link else None, self._same_values(first))
        self.changed.emit()

    def _bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest coordinates (mm, LPS) of both scans together."""
        first, second = self._store.case, self._shown
        assert first is not None and second is not None
        lows, highs = zip(first.volume.bounds_lps, second.bounds_lps, strict=True)
        return np.min(lows, axis=0), np.max(highs, axis=0)

    def _same_values(self, first: Case) -> bool:
        """Whether equal numbers mean the same in both, as Hounsfield units do: one window level fits both."""
        assert self._case is not None
        one, other = first.volume, self._case.volume
        return bool(one.unit) and (one.modality, one.unit) == (other.modality, other.unit)

    def _on_case_opened(self, case: Case) -> None:
        self.close()

    def _on_case_changed(self) -> None:
        """The identity was hidden or shown, or no case is on screen any more."""
        first, second = self._store.case, self._case
        if first is None:
            self.close()
        elif second is not None and first is not self._beside:
            self._beside = first
            hidden = self._store.identity.hidden
            self._case = second.hide_identity() if hidden else second.revealed or second
            self._place()


def _read(first: Case, second: Case, keeps_layout: bool) -> _Read:
    return _Read(second, _share_frame(first, second), second.volume.sha256, keeps_layout)


def _share_frame(first: Case, second: Case) -> bool:
    """Whether both share a DICOM frame of reference or are volumes of one file."""
    frames = [_frame_of_reference(each) for each in (first, second)]
    if any(frames):
        return frames[0] == frames[1]
    one, other = (_series_of(each) for each in (first, second))
    return one is not None and other is not None and one.paths == other.paths


def _frame_of_reference(case: Case) -> str:
    series = _series_of(case)
    if series is None or series.format != "DICOM":
        return ""
    return read_source_uids(series.paths[:1]).frame_of_reference


def _series_of(case: Case) -> Series | None:
    return next((each for each in case.series if each.uid == case.volume.series_uid), None)
