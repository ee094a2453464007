"""``ScanObjects``: DICOM segmentations, reports, maps and presentation states opened on the scan on screen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.imaging.display.window import Window
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.progress import Progress, part_of
from fusion3d_gui.state.data.case import Case
from fusion3d_gui.state.display.display import Display
from fusion3d_gui.state.marks.annotations import Annotations
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.store import Store

if TYPE_CHECKING:
    from fusion3d_gui.imaging.labels.scan_object import Mask, ScanObject

#: More files at once are a scan, not objects about one.
_MOST_FILES = 20


class ScanObjects(QObject):
    """What objects opened on a case add to it: masks and a map here, marks and window level where those are.

    Marks become marks of the case, which one step undoes; masks and map go with the case.
    """

    changed = Signal()

    def __init__(self, store: Store, display: Display, annotations: Annotations) -> None:
        super().__init__(store)
        self._store = store
        self._display = display
        self._annotations = annotations
        self._masks: tuple[Mask, ...] = ()
        self._heat: Volume | None = None
        self._heat_title = ""
        store.case_opened.connect(self._on_case_opened)

    @property
    def masks(self) -> tuple[Mask, ...]:
        """The masks on the case, in the order in which they were opened."""
        return self._masks

    @property
    def heat(self) -> Volume | None:
        """The map on the case, real values; None without one."""
        return self._heat

    @property
    def heat_title(self) -> str:
        """What the map's file calls it; empty while the identity is hidden: it is free text."""
        return "" if self._store.identity.hidden else self._heat_title

    @property
    def any_shown(self) -> bool:
        """Whether there are masks or a map."""
        return bool(self._masks) or self._heat is not None

    def takes(self, paths: Sequence[Path]) -> bool:
        """Whether all files are objects about a scan, and there is a scan that they could be about."""
        case = self._store.case
        if case is None or not case.is_complete or not 0 < len(paths) <= _MOST_FILES:
            return False
        from fusion3d_gui.imaging.labels.scan_object import object_kind

        return all(path.is_file() and object_kind(path) is not None for path in paths)

    def open(self, paths: Sequence[Path]) -> None:
        """Read files onto the case on screen; one that is about another scan is refused with a sentence."""
        case = self._store.case
        if case is None:
            raise ValueError("there is no scan on screen")
        known = case.revealed or case
        series = next((each for each in known.series if each.uid == known.volume.series_uid), None)
        if series is None or series.format != "DICOM":
            self._store.noticed.emit(
                Notice(
                    "The scan on screen is no DICOM: no DICOM object can be about it. Open the series"
                    " that the file is about first.",
                    "error",
                )
            )
            return
        named, files, volume = tuple(paths), series.paths, known.volume

        def work(progress: Progress) -> list[ScanObject]:
            from fusion3d_gui.imaging.dicom.source_series import read_source_series
            from fusion3d_gui.imaging.labels.read_object import read_scan_object

            source = read_source_series(files, volume, part_of(progress, 0.0, 0.3))
            return [
                read_scan_object(path, volume, source, part_of(progress, 0.3, 1.0))
                for path in named
            ]

        self._store.run(
            self._store.browsing,
            "Reading DICOM objects",
            work,
            lambda found: self._on_read(found, case),
        )

    def clear(self) -> None:
        """Show no mask and no map any more; marks stay, as undo removes them."""
        self._masks, self._heat, self._heat_title = (), None, ""
        self.changed.emit()

    def _on_case_opened(self, case: Case) -> None:
        if self.any_shown:
            self.clear()

    def _on_read(self, found: list[ScanObject], case: Case) -> None:
        now = self._store.case
        if now is None or now.key != case.key:
            return
        for each in found:
            self._show(each)
        self.changed.emit()

    def _show(self, found: ScanObject) -> None:
        told = []
        if found.masks:
            self._masks += found.masks
            told.append(f"{len(found.masks)} mask{'s' * (len(found.masks) > 1)}")
        if found.heat is not None:
            self._heat, self._heat_title = found.heat, found.title
            told.append("a map")
        if found.marks:
            self._annotations.add_all(found.marks)
            told.append(f"{len(found.marks)} mark{'s' * (len(found.marks) > 1)}")
        if found.window is not None:
            center, width = found.window
            self._display.window_level.choose(Window(center, width))
            told.append("a window level")
        what = " and ".join(told) or "nothing that can be shown"
        title = "" if self._store.identity.hidden else f" of “{found.title}”"
        self._store.noticed.emit(Notice(f"From a {found.kind}{title}: {what}."))
        for notice in found.notices:
            self._store.noticed.emit(Notice(notice, "warning"))
