"""``ScanObjects``: masks, DICOM reports, maps and presentation states opened on the scan on screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.display.window import Window
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.progress import Progress, part_of
from fusion3d_gui.state.data.case import Case
from fusion3d_gui.state.display.display import Display
from fusion3d_gui.state.marks.annotations import Annotations
from fusion3d_gui.state.masks.mask_list import MaskList
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.store import Store

if TYPE_CHECKING:
    from fusion3d_gui.imaging.labels.scan_object import ScanObject

#: More files at once are a scan, not objects about one.
_MOST_FILES = 20


@dataclass(frozen=True, eq=False)
class OpenedMap:
    """A map of a file: its real values (mm, LPS), and what its file calls it."""

    volume: Volume
    title: str


class ScanObjects(QObject):
    """What files opened on a case add to it: a map here; masks, marks and window level where those are.

    One step undoes what masks, or marks, were added.
    """

    changed = Signal()

    def __init__(
        self, store: Store, display: Display, annotations: Annotations, masks: MaskList
    ) -> None:
        super().__init__(store)
        self._store = store
        self._display = display
        self._annotations = annotations
        self._masks = masks
        self._map: OpenedMap | None = None
        store.case_opened.connect(self._on_case_opened)

    @property
    def heat(self) -> Volume | None:
        """The map on the case, real values; None without one."""
        return None if self._map is None else self._map.volume

    @property
    def heat_title(self) -> str:
        """What the map's file calls it; empty while the identity is hidden: it is free text."""
        return "" if self._map is None or self._store.identity.hidden else self._map.title

    @property
    def opened_map(self) -> OpenedMap | None:
        """The map on the case with its title, to be kept; the same object for as long as it is shown."""
        return self._map

    def show_map(self, opened_map: OpenedMap | None) -> None:
        """Show the map that was kept of the case on screen; None: no map."""
        if opened_map is not self._map:
            self._map = opened_map
            self.changed.emit()

    @property
    def any_shown(self) -> bool:
        """Whether there are masks of files, or a map."""
        return len(self._masks.drawn) < len(self._masks.items) or self._map is not None

    def takes(self, paths: Sequence[Path]) -> bool:
        """Whether all files say that they lie on a scan, and there is a scan on which they could.

        DICOM objects say so themselves; label maps by names such as ``x_dseg.nii.gz`` and ``x.seg.nrrd``.
        """
        case = self._store.case
        if case is None or not case.is_complete or not 0 < len(paths) <= _MOST_FILES:
            return False
        from fusion3d_gui.imaging.labels.label_map_file import is_label_file, is_named_as_mask
        from fusion3d_gui.imaging.labels.object_file import object_kind

        return all(
            path.is_file()
            and (is_named_as_mask(path) if is_label_file(path) else object_kind(path) is not None)
            for path in paths
        )

    def open(self, paths: Sequence[Path]) -> None:
        """Read files onto the case on screen; one that is about another scan is refused with a sentence."""
        case = self._store.case
        if case is None:
            raise ValueError("there is no scan on screen")
        known = case.revealed or case
        series = next((each for each in known.series if each.uid == known.volume.series_uid), None)
        is_dicom = series is not None and series.format == "DICOM"
        files = series.paths if series is not None and is_dicom else ()
        named, volume = tuple(paths), known.volume

        def work(progress: Progress) -> list[ScanObject]:
            return _read(named, volume, files, progress)

        self._store.run(
            self._store.browsing,
            "Reading what lies on the scan",
            work,
            lambda found: self._on_read(found, case),
        )

    def clear(self) -> None:
        """Show no mask of a file and no map any more; marks, and masks that were drawn, stay."""
        self._map = None
        self._masks.remove_opened()
        self.changed.emit()

    def _on_case_opened(self, case: Case) -> None:
        self.show_map(None)

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
            self._masks.add_all(found.masks)
            told.append(f"{len(found.masks)} mask{'s' * (len(found.masks) > 1)}")
        if found.heat is not None:
            self._map = OpenedMap(found.heat, found.title)
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


def _read(
    named: tuple[Path, ...], volume: Volume, files: tuple[Path, ...], progress: Progress
) -> list[ScanObject]:
    """Read files onto a scan that was read from DICOM ``files``; none: it is of another format."""
    from fusion3d_gui.imaging.dicom.source_series import read_source_series
    from fusion3d_gui.imaging.labels.label_map_file import is_label_file
    from fusion3d_gui.imaging.labels.object_file import object_kind
    from fusion3d_gui.imaging.labels.read_masks import MASK_KINDS, read_masks
    from fusion3d_gui.imaging.labels.read_object import read_scan_object

    objects = [path for path in named if not is_label_file(path)]
    if objects and not files:
        raise UserError(
            "is a DICOM object, which can only be about a DICOM scan",
            path=objects[0],
            remedy="Open the series that it is about first.",
        )
    source = read_source_series(files, volume, part_of(progress, 0.0, 0.3)) if objects else None
    found = []
    for number, path in enumerate(named):
        part = part_of(
            progress, 0.3 + 0.7 * number / len(named), 0.3 + 0.7 * (number + 1) / len(named)
        )
        if source is None or is_label_file(path) or object_kind(path) in MASK_KINDS:
            found.append(read_masks(path, volume, source, part))
        else:
            found.append(read_scan_object(path, volume, source, part))
    return found
