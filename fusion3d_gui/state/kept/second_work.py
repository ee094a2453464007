"""``SecondWork``: which scan lies beside and where its registration puts it, to be kept and to be put back."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.errors import UserError
from fusion3d_gui.progress import Progress, part_of
from fusion3d_gui.report.session.scan_reference import (
    places_of,
    scan_document,
    scan_name,
    series_among,
)
from fusion3d_gui.state.beside.alignment import Alignment
from fusion3d_gui.state.beside.second_scan import SecondScan
from fusion3d_gui.state.case.load import load_case
from fusion3d_gui.state.data.case import Case
from fusion3d_gui.state.kept.kept_work import KeptSecond
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.store import Store

#: Only so many places are tried: at each the whole scan is read to compare its hash.
_MOST_TRIED = 3


class SecondWork(QObject):
    """Opens the kept scan beside again where its voxels are unchanged; until then it stays kept as it was.

    A scan of another patient is not kept: each time it is shown needs a yes of its own.
    """

    changed = Signal()

    def __init__(self, store: Store, second: SecondScan, alignment: Alignment) -> None:
        super().__init__(store)
        self._store = store
        self._second = second
        self._alignment = alignment
        #: What was kept and is not on screen: it is being read, or was not found.
        self._pending: KeptSecond | None = None
        store.case_opened.connect(self._on_case_opened)
        second.changed.connect(self._on_second_changed)

    @property
    def now(self) -> KeptSecond | None:
        """The scan beside as it is to be kept; without paths while the identity is hidden."""
        second, case = self._second, self._second.case
        if case is None:
            return self._pending
        if second.agreement == "other":
            return None
        volume = case.volume
        hidden = self._store.identity.hidden or case.identity_hidden
        if hidden and second.registration is None:
            return None  # nothing would bring it back
        paths = () if hidden else case.paths
        scan = scan_document(second.sha256, paths, volume.series_uid, volume.shape, None)
        return KeptSecond(scan, second.registration)

    def restore(self, kept: KeptSecond) -> None:
        """Open the kept scan beside the one on screen, and place it as it was."""
        if self._second.case is not None or self._second.lane.running:
            return  # the user was faster
        self._pending = kept
        name = scan_name(kept.scan) or "the scan"
        self._second.open_from(_loader(kept), name, keeps_layout=True)

    def _on_case_opened(self, case: Case) -> None:
        self._pending = None

    def _on_second_changed(self) -> None:
        if self._second.case is not None and self._pending is not None:
            kept, self._pending = self._pending, None
            is_it = kept.scan.voxels_sha256 == self._second.sha256
            if is_it and kept.registration is not None:
                self._alignment.restore(kept.registration)
                told = f"The scan beside is placed as it was left: {kept.registration.short}."
                self._store.noticed.emit(Notice(told))
        self.changed.emit()


def _loader(kept: KeptSecond) -> Callable[[Progress, Callable[[Case], None]], Case]:
    """Work that reads the scan; it fails with a sentence where that is not found as it was."""

    def load(progress: Progress, on_first: Callable[[Case], None]) -> Case:
        name, count = scan_name(kept.scan), 0
        comes_back = " Its registration returns with it." if kept.registration is not None else ""
        for named in islice(places_of(kept.scan, kept.session), _MOST_TRIED):
            count += 1
            uid = series_among(named, kept.scan, part_of(progress, 0.0, 0.2))
            case = load_case(named, uid, part_of(progress, 0.2, 1.0), on_first=on_first)
            if case.volume.sha256 == kept.scan.voxels_sha256:
                return case
        if not kept.scan.paths:
            raise UserError(
                "The scan that lay beside this one was saved without its name",
                remedy=f"Open it beside.{comes_back}",
            )
        path = Path(name)
        if count:
            raise UserError(
                "the scan that lay beside this one has changed since, and is not shown",
                path=path,
                remedy="Open it beside and register it anew.",
            )
        raise UserError(
            "the scan that lay beside this one is not found",
            path=path,
            remedy=f"Open it beside from where it is now.{comes_back}",
        )

    return load
