"""``CaseEmbeddings``: the map of a table's cases and the model's reference cases, made when it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Signal

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.progress import Progress, part_of
from fusion3d_gui.state.cases.case_table import CaseTable
from fusion3d_gui.state.prediction.models import Models
from fusion3d_gui.state.tasks import TaskLane

if TYPE_CHECKING:
    from fusion3d_gui.inference.case_list.case_map import CaseMap

PERCENTILE = "embedding_percentile"
_NO_FILES = (
    "The results hold no embeddings. Those of fusion3d predict have them beside the table, in the folder "
    "embeddings: predict the cases again, into another folder."
)


class CaseEmbeddings(QObject):
    """Reads the embeddings of the table on a thread, projects them, and adds the column of percentiles."""

    changed = Signal()

    def __init__(self, table: CaseTable, models: Models) -> None:
        super().__init__(table)
        self._table, self._models = table, models
        self._lane = TaskLane("case-map", self)
        self._lane.changed.connect(self.changed)
        #: The files of which the map is, or is being made.
        self._files: tuple[Path | None, ...] = ()
        self._map: CaseMap | None = None
        self._problem = ""
        table.changed.connect(self._on_table_changed)

    @property
    def map(self) -> CaseMap | None:
        """Where the cases lie; None until it is made."""
        return self._map

    @property
    def progress(self) -> tuple[float, str] | None:
        """How much of the work is done (0 to 1), and what is done now; None: nothing is under way."""
        return (self._lane.fraction, self._lane.message) if self._lane.running else None

    @property
    def problem(self) -> str:
        """Why there is no map, or what it lacks; empty where nothing is wrong."""
        return self._problem

    def want(self) -> None:
        """Make the map of the table, unless there is one or it is being made."""
        cases = self._table.cases
        if cases is None or self._lane.running or self._map is not None:
            return
        files = self._files = cases.embeddings
        if not any(each is not None for each in files):
            self._problem = _NO_FILES
            self.changed.emit()
            return
        weights, info = cases.weights_sha256, self._bundle_of(cases.models)

        def work(progress: Progress) -> tuple[CaseMap, str]:
            from fusion3d_gui.inference.case_list.case_map import map_cases, read_embeddings
            from fusion3d_gui.model.reference.reference import Reference

            rows, embeddings = read_embeddings(files, part_of(progress, 0.0, 0.9))
            if not len(rows):
                raise UserError(_NO_FILES.rstrip("."))
            reference, missing = (
                None,
                "Its model is not in the list, so its reference cases are missing.",
            )
            if info is not None:
                missing = "Its model has no reference cases."
                try:
                    reference = Reference.load(info, weights)
                except UserError as error:
                    missing = str(error)
            progress(0.9, "Projecting")
            return map_cases(rows, embeddings, reference), "" if reference is not None else missing

        task = self._lane.submit("Mapping the cases", work)
        task.succeeded.connect(lambda made: self._on_made(files, *made))
        task.failed.connect(self._on_failed)

    def cancel(self) -> None:
        """Give the map up; it can be asked for again."""
        self._lane.cancel()

    def close(self) -> bool:
        """End the thread; returns whether it ended in time."""
        return self._lane.close()

    def _on_made(self, files: tuple[Path | None, ...], made: CaseMap, missing: str) -> None:
        cases = self._table.cases
        if cases is None or cases.embeddings is not files:
            return
        self._map, self._problem = made, missing
        if made.has_reference:
            column = np.full(cases.count, np.nan)
            column[made.rows] = made.percentile
            self._table.add_column(PERCENTILE, column)
        self.changed.emit()

    def _on_failed(self, error: Exception) -> None:
        known = isinstance(error, UserError)
        self._problem = str(error) if known else "The map failed. The details are in the log."
        self.changed.emit()

    def _on_table_changed(self) -> None:
        cases = self._table.cases
        files = () if cases is None else cases.embeddings
        if files is not self._files:
            self._lane.cancel()
            self._files, self._map, self._problem = files, None, ""
            self.changed.emit()

    def _bundle_of(self, models: tuple[tuple[str, str], ...]) -> BundleInfo | None:
        """The bundle of the first results; None where it is not in the list."""
        named = models[0] if models else ("", "")
        return next(
            (each for each in self._models.bundles if (each.name, each.version) == named), None
        )
