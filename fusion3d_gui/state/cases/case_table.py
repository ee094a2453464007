"""``CaseTable``: cases of a table with what models said of them: sorted, filtered, selected, opened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Signal

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.schema import Value
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.case.opening import Opener
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.prediction.models import Models
from fusion3d_gui.state.prediction.percent import percent
from fusion3d_gui.state.store import Store
from fusion3d_gui.state.tasks import TaskLane

if TYPE_CHECKING:
    from fusion3d_gui.inference.case_list.case_curves import CaseCurves
    from fusion3d_gui.inference.case_list.case_list import CaseList

#: Columns that are shown at first, where there are such.
FIRST_COLUMNS = (
    *("case", "label", "probability", "error", "wrong", "disagreement", "doubt"),
    *("displacement_mm", "failure"),
)
#: So many columns at first, if there are more.
_MOST_AT_FIRST = 12
_NO_ROWS = np.zeros(0, np.int64)


class CaseTable(QObject):
    """A list of cases and how it is looked at. Rows are numbered as in the list, whatever their order on screen."""

    #: Another list, or other columns.
    changed = Signal()
    #: Another order, or other rows that the filter finds.
    arranged = Signal()
    selection_changed = Signal()

    def __init__(self, store: Store, opener: Opener, models: Models) -> None:
        super().__init__(store)
        self._store, self._opener, self._models = store, opener, models
        self._lane = TaskLane("cases", self)
        self._paths: tuple[Path, ...] = ()
        #: Who gave the list, and opens its cases; None: it was read from files.
        self._origin: tuple[object, Callable[[int], None]] | None = None
        self._cases: CaseList | None = None
        self._columns: tuple[str, ...] = ()
        self._sort: tuple[str, bool] | None = None
        self._filter, self._problem = "", ""
        #: What the filter found, of which list and filter.
        self._found = _NO_ROWS
        self._found_of: tuple[CaseList, str] | None = None
        self._order = _NO_ROWS
        self._selected = _NO_ROWS
        self._opened: int | None = None
        self._curves: CaseCurves | None = None

    # -- what is ------------------------------------------------------------------------------

    @property
    def cases(self) -> CaseList | None:
        """The list; None before one is opened."""
        return self._cases

    @property
    def busy(self) -> bool:
        """Whether a table is being read, or maps are measured."""
        return self._lane.running

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that are shown."""
        return self._columns

    @property
    def order(self) -> np.ndarray:
        """Rows of the list in the order on screen: those that the filter finds."""
        return self._order

    @property
    def sort(self) -> tuple[str, bool] | None:
        """The column by which it is sorted, and whether descending; None: as in the file."""
        return self._sort

    @property
    def filter(self) -> str:
        """The text of the filter."""
        return self._filter

    @property
    def problem(self) -> str:
        """Why the filter can't be used; empty where it can."""
        return self._problem

    @property
    def selected(self) -> np.ndarray:
        """Rows that are selected, in the table or in a chart."""
        return self._selected

    @property
    def opened(self) -> int | None:
        """The row whose scan was opened last."""
        return self._opened

    @property
    def curves(self) -> CaseCurves | None:
        """ROC and calibration of the rows that the filter finds; None without labels and probabilities."""
        return self._curves

    def places(self, rows: np.ndarray) -> list[int]:
        """Where rows stand in the order on screen, ascending; those that the filter left out are nowhere."""
        found: list[int] = np.flatnonzero(np.isin(self._order, rows)).tolist()
        return found

    def meaning(self, name: str) -> str:
        """What a column that was made here means; the name of another."""
        from fusion3d_gui.inference.case_list.case_list import MADE_COLUMNS

        return MADE_COLUMNS.get(name, name)

    @property
    def origin(self) -> object:
        """Who gave the list by :meth:`show`; None where it was read from files."""
        return None if self._origin is None else self._origin[0]

    # -- opening ------------------------------------------------------------------------------

    def show(
        self,
        cases: CaseList,
        origin: object,
        open_row: Callable[[int], None],
        columns: Sequence[str],
    ) -> None:
        """List cases that were not read from files; ``open_row`` opens one, ``columns`` are shown at first."""
        self._lane.cancel()
        self._paths, self._opened, self._sort = (), None, None
        self._origin = origin, open_row
        self._columns = tuple(columns)
        self._show(cases, more_columns=False)

    def update(self, cases: CaseList, places: Sequence[int]) -> None:
        """List the cases of :meth:`show` with other cells; ``places`` are the new rows of the old ones, -1: gone."""
        moved = np.asarray(places, np.int64)
        chosen = moved[self._selected]
        opened = -1 if self._opened is None else int(moved[self._opened])
        self._opened = None if opened < 0 else opened
        self._show(cases, more_columns=False)
        self.select(chosen[chosen >= 0])

    def open(self, paths: Sequence[Path]) -> None:
        """Read a table of cases, a BIDS folder or results in place of what is listed."""
        self._read(tuple(paths))

    def add_results(self, paths: Sequence[Path]) -> None:
        """Read results of another model too."""
        self._read((*self._paths, *paths))

    def _read(self, paths: tuple[Path, ...]) -> None:
        def work(progress: Progress) -> CaseList:
            from fusion3d_gui.inference.case_list.read_case_list import read_case_list

            return read_case_list(paths, progress)

        def on_read(found: CaseList) -> None:
            self._paths, self._origin = paths, None
            self._opened = None
            for notice in found.notices:
                self._store.noticed.emit(Notice(notice, "warning"))
            self._show(found)

        self._store.run(self._lane, "Reading a table of cases", work, on_read)
        self.changed.emit()

    def add_column(self, name: str, values: np.ndarray) -> None:
        """Add a column of numbers, or replace its content; what is selected and sorted stays."""
        if self._cases is not None:
            chosen = self._selected
            self._show(self._cases.with_column(name, values))
            self.select(chosen)
            if name not in self._columns:
                self.show_columns([*self._columns, name])

    def _show(self, found: CaseList, *, more_columns: bool = True) -> None:
        known = set(self._columns)
        first = [name for name in FIRST_COLUMNS if name in found.columns]
        kept = [name for name in self._columns if name in found.columns]
        more = [name for name in found.columns if name not in first]
        own = [*first, *more[: max(0, _MOST_AT_FIRST - len(first))]]
        self._cases = found
        added = [name for name in own if name not in known] if more_columns else []
        self._columns = tuple(kept + added)
        if self._sort is not None and self._sort[0] not in found.columns:
            self._sort = None
        self._selected = _NO_ROWS
        # What hears of the change before the new order is there must not find rows that are no more.
        self._order = self._order[self._order < found.count]
        self.changed.emit()
        self._arrange()

    def measure_distances(self) -> None:
        """Fill the column of the distances of heatmaps from lesions."""
        cases = self._cases
        if cases is None or not self.can_measure:
            return

        def work(progress: Progress) -> np.ndarray:
            from fusion3d_gui.inference.case_list.map_distances import map_distances

            return map_distances(cases, progress)

        def on_measured(found: np.ndarray) -> None:
            if self._cases is cases:
                self._show(cases.with_column("displacement_mm", found))
                self.sort_by("displacement_mm", descending=True)

        self._store.run(self._lane, "Measuring the heatmaps", work, on_measured)
        self.changed.emit()

    @property
    def can_measure(self) -> bool:
        """Whether there are heatmaps and lesions whose distances can be measured."""
        if self._cases is None:
            return False
        from fusion3d_gui.inference.case_list.map_distances import can_measure

        return can_measure(self._cases)

    # -- looking ------------------------------------------------------------------------------

    def show_columns(self, names: Sequence[str]) -> None:
        """Show these columns."""
        cases = self._cases
        if cases is not None:
            self._columns = tuple(name for name in names if name in cases.columns)
            self.changed.emit()

    def sort_by(self, name: str, *, descending: bool) -> None:
        """Sort by a column; rows without a value come last."""
        if self._cases is not None and name in self._cases.columns:
            self._sort = name, descending
            self._arrange()

    def set_filter(self, text: str) -> None:
        """Show the rows that a filter finds; one that can't be used changes nothing but :attr:`problem`."""
        self._filter = text
        self._arrange()

    def errors_first(self) -> None:
        """Sort by error, the largest first."""
        self.sort_by("error", descending=True)

    def _arrange(self) -> None:
        cases = self._cases
        if cases is None:
            return
        from fusion3d_gui.inference.case_list.case_curves import case_curves
        from fusion3d_gui.inference.case_list.case_filter import matching

        if self._found_of != (cases, self._filter):
            try:
                self._found = np.flatnonzero(matching(cases, self._filter))
            except UserError as error:
                self._problem = str(error)
                self.arranged.emit()
                return
            self._found_of, self._problem = (cases, self._filter), ""
            self._curves = case_curves(cases, self._found)
        found = self._found
        if self._sort is not None:
            name, descending = self._sort
            self._order = cases.sorted(found, name, descending=descending)
        else:
            self._order = found
        self.arranged.emit()

    def select(self, rows: np.ndarray) -> None:
        """Select rows, as chosen in the table or in a chart."""
        rows = np.unique(np.asarray(rows, dtype=np.int64))
        if not np.array_equal(rows, self._selected):
            self._selected = rows
            self.selection_changed.emit()

    # -- a case -------------------------------------------------------------------------------

    def open_case(self, row: int) -> None:
        """Open a case's scan with its values, and predict by the model of the results if it is in the list."""
        cases = self._cases
        if cases is None:
            return
        if self._origin is not None:
            self._opened = row
            self._origin[1](row)
            self.selection_changed.emit()
            return
        path = cases.paths[row]
        if path is None:
            name = "" if self._store.identity.hidden else f" {cases.text(row, 'case')}"
            self._store.tell_failure(UserError(f"The case{name} has no scan in the table"))
            return
        self._opened = row
        has_model = self._choose_model()
        values = self._values(row) if self._store.bundle is not None else {}
        predicted = bool(cases.models) and not np.isnan(cases.columns["probability"][row])
        self._opener.open(path, metadata=values, then_predict=predicted and has_model)
        if predicted:
            self._store.noticed.emit(Notice(self._said(row)))
        self.selection_changed.emit()

    def step(self, rows: int) -> None:
        """Open the case so many rows further down in the order on screen."""
        at = np.flatnonzero(self._order == self._opened) if self._opened is not None else _NO_ROWS
        place = int(at[0]) + rows if len(at) else 0
        if 0 <= place < len(self._order):
            self.open_case(int(self._order[place]))

    @property
    def can_step(self) -> bool:
        """Whether there is a case after the one opened last."""
        at = np.flatnonzero(self._order == self._opened) if self._opened is not None else _NO_ROWS
        return bool(len(at)) and int(at[0]) + 1 < len(self._order)

    def _said(self, row: int) -> str:
        """What the table has about a case."""
        cases = self._cases
        assert cases is not None
        parts = [f"In the table: {percent(float(cases.columns['probability'][row]))}"]
        if len(cases.models) > 1:
            parts[0] += f", mean of {len(cases.models)} models"
        elif cases.models[0][0]:
            parts[0] += f" by {cases.models[0][0]} {cases.models[0][1]}"
        if "label" in cases.columns:
            parts.append(f"label {cases.text(row, 'label')}")
        doubt = cases.text(row, "doubt") if "doubt" in cases.columns else ""
        if doubt and doubt != "fits":
            parts.append(doubt)
        return ", ".join(parts) + "."

    def _choose_model(self) -> bool:
        """Use the model of the first results; returns whether it is in the list."""
        cases = self._cases
        if cases is None or not cases.models:
            return self._store.bundle is not None
        name, version = cases.models[0]
        for info in self._models.bundles:
            if (info.name, info.version) == (name, version):
                self._models.choose(info)
                return True
        return False

    def _values(self, row: int) -> dict[str, Value]:
        """The case's values for the form of the chosen model; what it does not take is left out."""
        bundle, cases = self._store.bundle, self._cases
        found: dict[str, Value] = {}
        if bundle is None or cases is None or not cases.values:
            return found
        for field in bundle.schema.fields:
            text = cases.values[row].get(f"metadata.{field.name}") or cases.values[row].get(
                field.name
            )
            if text:
                try:
                    found[field.name] = field.parse(text)
                except UserError:
                    continue
        return found

    def close(self) -> bool:
        """End the thread; returns whether it ended in time."""
        return self._lane.close()
