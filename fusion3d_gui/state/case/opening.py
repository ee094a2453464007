"""``Opener``: opens scans, and returns to the case before where one turns out to be unreadable."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.display.window import Window
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.model.schema import Value
from fusion3d_gui.progress import Progress, part_of
from fusion3d_gui.state.case.case_switcher import CaseSwitcher
from fusion3d_gui.state.case.load import load_case
from fusion3d_gui.state.data.case import Case, name_of
from fusion3d_gui.state.data.shown_prediction import ShownPrediction
from fusion3d_gui.state.display.display import Display
from fusion3d_gui.state.store import Store

#: How long reading waits at most for the window to show a case's first slice.
_PAINTED_WITHIN_S = 0.1


@dataclass(frozen=True, eq=False)
class _CaseBefore:
    """The case that was on screen before (None: the start page), and how it was shown."""

    case: Case | None
    shown_prediction: ShownPrediction | None
    window: Window
    position_lps: np.ndarray


@dataclass(eq=False)
class _Opening:
    """One request to open a scan.

    ``shown`` is its case once that is on screen with some of its slices, and ``before`` what was on
    screen until then; ``painted`` is set once every view has painted it.
    """

    metadata: Mapping[str, Value]
    then_predict: bool
    shown: Case | None = None
    before: _CaseBefore | None = None
    painted: threading.Event = field(default_factory=threading.Event)


class Opener(QObject):
    """Reads scans on the loading lane and puts them on screen.

    The case on screen stays until the first slice of the new one has been read. Where the rest of
    it can't be read, or the user cancels, the case before returns.
    """

    #: A case that was opened with ``then_predict`` is on screen with all its slices.
    opened_to_predict = Signal()
    _first_slice_read = Signal(object, object)  # _Opening, Case; from the worker

    def __init__(self, store: Store, switcher: CaseSwitcher, display: Display) -> None:
        super().__init__(store)
        self._store = store
        self._switcher = switcher
        self._display = display
        self._opening: _Opening | None = None
        self._first_slice_read.connect(
            self._on_first_slice_read, Qt.ConnectionType.QueuedConnection
        )

    def open(
        self,
        paths: Path | Sequence[Path],
        series_uid: str | None = None,
        *,
        metadata: Mapping[str, Value] | None = None,
        then_predict: bool = False,
    ) -> None:
        """Open a file, a folder, or several of them together, and nothing beside them.

        Parameters
        ----------
        paths, series_uid
            What to open, and which of its series; None: the largest volume.
        metadata
            Values for the form, by field name.
        then_predict
            Emit :attr:`opened_to_predict` once the case is complete.
        """
        named = (paths,) if isinstance(paths, Path) else tuple(paths)
        if not named:
            raise ValueError("nothing to open")
        case = self._store.case
        # Another series of what is on screen: its series are known.
        same = case is not None and series_uid is not None and case.paths == named
        self._read(
            lambda progress: named,
            name_of(named),
            series_uid,
            _Opening(metadata or {}, then_predict),
            known=case.series if case is not None and same else (),
        )

    def open_series(self, series_uid: str) -> None:
        """Open another series of what is open."""
        case = self._store.case
        if case is not None and series_uid != case.volume.series_uid:
            self.open(case.paths, series_uid)

    @property
    def can_open_whole_series(self) -> bool:
        """Whether only files of the series on screen were named, so that there may be others."""
        case = self._store.case
        shown = None if case is None else self._shown_series(case)
        return (
            case is not None
            and shown is not None
            and shown.format == "DICOM"
            and all(path in case.paths for path in shown.paths)
        )

    def open_whole_series(self) -> None:
        """Open every file of the series on screen that lies in the folder of its files."""
        case = self._store.case
        shown = None if case is None else self._shown_series(case)
        if shown is not None and self.can_open_whole_series:
            first = shown.paths[0]

            def find(progress: Progress) -> tuple[Path, ...]:
                from fusion3d_gui.imaging.catalog.find import files_of_whole_series

                return tuple(files_of_whole_series(first, part_of(progress, 0.0, 0.2)))

            self._read(find, "the whole series", None, _Opening({}, False))

    @staticmethod
    def _shown_series(case: Case) -> Series | None:
        return next((each for each in case.series if each.uid == case.volume.series_uid), None)

    def _read(
        self,
        find_paths: Callable[[Progress], tuple[Path, ...]],
        name: str,
        series_uid: str | None,
        opening: _Opening,
        *,
        known: tuple[Series, ...] = (),
    ) -> None:
        hidden = self._store.identity.hidden

        def load(progress: Progress, on_first: Callable[[Case], None]) -> Case:
            return load_case(
                find_paths(progress),
                series_uid,
                progress,
                known=known,
                hide_identity=hidden,
                on_first=on_first,
            )

        self._load(load, name, opening)

    def open_from(
        self,
        load: Callable[[Progress, Callable[[Case], None]], Case],
        name: str,
        *,
        then_predict: bool = False,
    ) -> None:
        """Open what ``load(progress, on_first)`` gives, as :func:`~fusion3d_gui.state.case.load.load_case` does."""
        self._load(load, name, _Opening({}, then_predict))

    def _load(
        self,
        load: Callable[[Progress, Callable[[Case], None]], Case],
        name: str,
        opening: _Opening,
    ) -> None:
        store = self._store

        def on_first(case: Case) -> None:
            self._first_slice_read.emit(opening, case)
            # Else the reader competes with the GUI thread for Python's lock, and delays the first image.
            opening.painted.wait(_PAINTED_WITHIN_S)

        store.run(
            store.loading,
            "Opening a scan" if store.identity.hidden else f"Opening {name}",
            lambda progress: load(progress, on_first),
            lambda case: self._on_loaded(opening, case),
            undone=lambda: self._return_from(opening),
        )
        self._opening = opening

    def _on_first_slice_read(self, opening: _Opening, case: Case) -> None:
        if opening is not self._opening:
            return  # cancelled or superseded
        store, display = self._store, self._display
        before = _CaseBefore(
            store.case,
            store.shown_prediction,
            display.window_level.window,
            display.crosshair.position_lps,
        )
        try:
            self._switcher.show(case, opening.metadata)
        except UserError:
            return  # shown once the whole case has been read
        opening.shown, opening.before = store.case, before
        # Behind the paint jobs of the views, which are queued by now.
        display.paint_queue.add(opening, opening.painted.set)

    def _on_loaded(self, opening: _Opening, case: Case) -> None:
        self._opening = None
        if opening.shown is None or not _same_grid(opening.shown, case):
            try:
                self._switcher.show(case, opening.metadata)
            except UserError as error:
                self._store.tell_failure(error)
                return
        else:
            self._switcher.complete(case, noticed=opening.shown.volume.notices)
        if opening.then_predict:
            self.opened_to_predict.emit()

    def _return_from(self, opening: _Opening) -> None:
        """Put the case before back on screen, in place of one that was not read to its end."""
        if opening is self._opening:
            self._opening = None
        before, shown, now = opening.before, opening.shown, self._store.case
        # Its identity may have been hidden meanwhile, which makes it another object.
        if before is None or shown is None or now is None or now.key != shown.key:
            return
        if before.case is None:
            self._switcher.show_none()
            return
        self._switcher.show(before.case, {}, before.shown_prediction)
        self._display.window_level.set_window(before.window)
        self._display.crosshair.move_to(before.position_lps)


def _same_grid(one: Case, other: Case) -> bool:
    """Whether what was shown of a case while it was read lies where the whole case does."""
    a, b = one.volume, other.volume
    return a.shape == b.shape and np.allclose(a.affine, b.affine, atol=1e-3)
