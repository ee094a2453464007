"""``SecondWork``: which scan lies beside and where its registration puts it, to be kept and to be put back."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.files.archive import UnpackedArchive
from fusion3d_gui.progress import Progress, part_of
from fusion3d_gui.report.session.archive import unpack_scan
from fusion3d_gui.report.session.scan_reference import (
    places_of,
    scan_document,
    scan_name,
    series_among,
)
from fusion3d_gui.state.beside.alignment import Alignment
from fusion3d_gui.state.beside.comparison import Comparison, Way
from fusion3d_gui.state.beside.prior_prediction import PriorPrediction, PriorResult
from fusion3d_gui.state.beside.second_scan import SecondScan
from fusion3d_gui.state.case.load import load_case
from fusion3d_gui.state.data.case import Case
from fusion3d_gui.state.kept.display_work import (
    show_colors,
    show_view,
    show_window,
    view_of_display,
)
from fusion3d_gui.state.kept.kept_work import KeptPrediction, KeptPrior, KeptSecond
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.store import Store

#: Only so many places are tried: at each the whole scan is read to compare its hash.
_MOST_TRIED = 3


class SecondWork(QObject):
    """Opens the kept scan beside again where its voxels are unchanged; until then it stays kept as it was.

    A scan of another patient is not kept: each time it is shown needs a yes of its own.
    """

    #: The scan, its place, how it is drawn over the first or what was predicted of it may have changed.
    changed = Signal()
    #: How it is looked at may have changed.
    view_changed = Signal()

    def __init__(
        self,
        store: Store,
        second: SecondScan,
        alignment: Alignment,
        comparison: Comparison,
        prior: PriorPrediction,
    ) -> None:
        super().__init__(store)
        self._store = store
        self._second = second
        self._alignment = alignment
        self._comparison = comparison
        self._prior = prior
        #: What was kept and is not on screen: it is being read, or was not found.
        self._pending: KeptSecond | None = None
        #: What was kept of its prediction, until the first scan's is on screen too.
        self._pending_prior: KeptPrior | None = None
        #: The prediction collected last, so that the same one is kept as the same.
        self._kept_prior: tuple[PriorResult, KeptPrior] | None = None
        #: Scans that were enclosed in sessions stay unpacked for as long as the window is open.
        self._unpacked: list[UnpackedArchive] = []
        store.case_opened.connect(self._on_case_opened)
        second.changed.connect(self._on_second_changed)
        store.prediction_changed.connect(self._offer_prior)
        for signal in (prior.changed, comparison.changed, second.display.window_level.changed):
            signal.connect(self.changed)
        display = second.display
        for signal in (
            display.crosshair.moved,
            display.planes.changed,
            display.slab.changed,
            display.smoothing.changed,
            display.arrangement.changed,
        ):
            signal.connect(self.view_changed)

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
        prior = self._prior_now
        if hidden and second.registration is None and prior is None:
            return None  # nothing would bring it back
        paths = () if hidden else case.paths
        scan = scan_document(second.sha256, paths, volume.series_uid, volume.shape, None)
        window = second.display.window_level.window
        return KeptSecond(
            scan,
            second.registration,
            look=self._comparison.look,
            window=(window.center, window.width),
            view=view_of_display(second.display),
            prior=prior,
        )

    @property
    def _prior_now(self) -> KeptPrior | None:
        result = self._prior.result
        if result is None:
            return self._pending_prior
        if self._kept_prior is None or self._kept_prior[0] is not result:
            made = KeptPrediction(result.prediction, result.explanation)
            self._kept_prior = result, KeptPrior(made, result.change, result.assumed)
        return self._kept_prior[1]

    @property
    def files(self) -> tuple[Path, ...]:
        """The scan's own files; empty where it is not kept."""
        case = self._second.case
        if case is None or self._second.agreement == "other":
            return ()
        uid = case.volume.series_uid
        return next((each.paths for each in case.series if each.uid == uid), ())

    def restore(self, kept: KeptSecond) -> None:
        """Open the kept scan beside the one on screen, and place it as it was."""
        if self._second.case is not None or self._second.lane.running:
            return  # the user was faster
        self._pending = kept
        name = scan_name(kept.scan) or "the scan"
        self._second.open_from(_loader(kept, self._unpacked), name, keeps_layout=True)

    def close(self) -> None:
        """Close the scan beside, and keep none."""
        self._pending = None
        self._second.close()

    def _on_case_opened(self, case: Case) -> None:
        self._pending = self._pending_prior = None

    def _on_second_changed(self) -> None:
        if self._second.case is not None and self._pending is not None:
            kept, self._pending = self._pending, None
            if kept.scan.voxels_sha256 == self._second.sha256:
                self._put_back(kept)
        elif self._second.case is None:
            self._pending_prior = None
        self.changed.emit()

    def _put_back(self, kept: KeptSecond) -> None:
        second = self._second
        self._pending_prior = kept.prior
        if kept.registration is not None:
            self._alignment.restore(kept.registration)
            told = f"The scan beside is placed as it was left: {kept.registration.short}."
            self._store.noticed.emit(Notice(told))
        level = second.display.window_level
        if kept.window is not None and not second.linking.shares_window:
            show_window(level, kept.window)
        if kept.view is not None and second.link:
            show_colors(level, kept.view)  # all else follows the first scan
        elif kept.view is not None:
            with contextlib.suppress(ValueError):
                show_view(second.display, kept.view)
        if kept.look is not None:
            way = kept.look.way if second.link else Way.NONE
            self._comparison.take(replace(kept.look, way=way))
        self._offer_prior()

    def _offer_prior(self) -> None:
        """Show the kept prediction of the scan beside, once that and the first scan's prediction are on screen."""
        kept = self._pending_prior
        if kept is None or self._prior.result is not None:
            return
        made = kept.made
        if self._prior.restore(made.prediction, kept.change, kept.assumed, made.explanation):
            self._pending_prior = None


def _loader(
    kept: KeptSecond, unpacked: list[UnpackedArchive]
) -> Callable[[Progress, Callable[[Case], None]], Case]:
    """Work that reads the scan; it fails with a sentence where that is not found as it was.

    Where it is enclosed in the session it is unpacked; the folder is added to ``unpacked``.
    """

    def load(progress: Progress, on_first: Callable[[Case], None]) -> Case:
        name, count = scan_name(kept.scan), 0
        comes_back = " Its registration returns with it." if kept.registration is not None else ""
        places = places_of(kept.scan, kept.session)
        if kept.scan.enclosed and kept.session is not None:
            content = UnpackedArchive(Path(tempfile.mkdtemp(prefix="fusion3d-")))
            unpacked.append(content)
            files = unpack_scan(kept.session, content.folder, part_of(progress, 0.0, 0.1), "second")
            if files:
                inside = (content.folder,) if len(files) > 1 else (files[0],)
                places = chain((inside,), places)
        for named in islice(places, _MOST_TRIED):
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
