"""``StudyCases``: the studies that were found in a PACS as the table of cases; what is predicted fills its columns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject

from fusion3d_gui.inference.fit.fit_report import FitReport
from fusion3d_gui.pacs.query import Study
from fusion3d_gui.state.cases.case_table import CaseTable
from fusion3d_gui.state.data.case import Case
from fusion3d_gui.state.pacs.finder import Finder
from fusion3d_gui.state.pacs.worklist import Worklist
from fusion3d_gui.state.prediction.predictions import Predictions
from fusion3d_gui.state.store import Store

if TYPE_CHECKING:
    from fusion3d_gui.inference.case_list.case_list import CaseList

#: Columns that are shown at first.
_COLUMNS = ("case", "date", "modality", "description", "probability", "class", "doubt", "done")
#: Columns of texts that a prediction fills.
_SAID = ("class", "doubt", "reasons", "model")

_Cells = Mapping[str, str | float]


class StudyCases(QObject):
    """Follows the list of the PACS page while the table shows it. Opening a study predicts it, if there is a model."""

    def __init__(
        self,
        store: Store,
        table: CaseTable,
        finder: Finder,
        worklist: Worklist,
        predictions: Predictions,
    ) -> None:
        super().__init__(store)
        self._store, self._table = store, table
        self._finder, self._worklist = finder, worklist
        self._shown: CaseList | None = None
        self._studies: tuple[Study, ...] = ()
        #: What was predicted in this session, by study UID, and where its images lie.
        self._said: dict[str, _Cells] = {}
        self._paths: dict[str, Path] = {}
        finder.changed.connect(self._on_found)
        worklist.changed.connect(self._update)
        predictions.arrived.connect(self._on_predicted)
        predictions.refused.connect(self._on_refused)

    @property
    def can_show(self) -> bool:
        """Whether there are studies to list."""
        return bool(self._finder.studies)

    @property
    def is_shown(self) -> bool:
        """Whether the table shows studies of a PACS."""
        return self._shown is not None and self._table.origin is self

    def show(self) -> None:
        """List the studies that were found, in place of what the table shows."""
        self._studies = tuple(self._finder.studies)
        self._shown = self._listed()
        self._table.show(self._shown, self, self._open, _COLUMNS)

    def _open(self, row: int) -> None:
        self._worklist.open_study(self._studies[row], then_predict=self._store.bundle is not None)

    def _on_found(self) -> None:
        finder = self._finder
        settled = finder.asked and not finder.busy and not finder.problem
        found = {study.uid for study in finder.studies}
        if settled and self.is_shown and found != {study.uid for study in self._studies}:
            kept = {study.uid for study in self._studies} & found
            # As they stood, then what is new.
            by_uid = {study.uid: study for study in finder.studies}
            old = [by_uid[study.uid] for study in self._studies if study.uid in kept]
            new = [study for study in finder.studies if study.uid not in kept]
            before = self._studies
            self._studies = (*old, *new)
            self._update(before)

    def _on_predicted(self) -> None:
        shown = self._store.shown_prediction
        if shown is None:
            return
        prediction = shown.prediction
        self._keep(
            shown.request.case,
            {
                "probability": prediction.probability,
                "class": prediction.class_name or "",
                "doubt": prediction.fit.fit,
                "reasons": " ".join(prediction.fit.reasons),
                "model": f"{prediction.bundle_name} {prediction.bundle_version}",
            },
        )

    def _on_refused(self, report: FitReport) -> None:
        bundle = self._store.bundle
        model = "" if bundle is None else f"{bundle.name} {bundle.version}"
        case = self._store.case
        if case is None:
            return
        self._keep(case, {"doubt": "refused", "reasons": " ".join(report.reasons), "model": model})

    def _keep(self, case: Case, cells: _Cells) -> None:
        """Keep what was said of a case, if it is of a study."""
        uid = self._worklist.study_of(case)
        if uid:
            self._said[uid], self._paths[uid] = cells, case.paths[0]
            self._update()

    def _update(self, before: tuple[Study, ...] | None = None) -> None:
        """Fill the rows anew; what is selected and opened stays, by study."""
        if self.is_shown:
            was = self._studies if before is None else before
            rows = {study.uid: row for row, study in enumerate(self._studies)}
            self._shown = self._listed()
            self._table.update(self._shown, [rows.get(study.uid, -1) for study in was])

    def _listed(self) -> CaseList:
        from fusion3d_gui.inference.case_list.case_list import CaseList

        studies, node = self._studies, self._finder.node
        said = [self._said.get(study.uid, {}) for study in studies]
        texts = {
            "case": [study.shown_patient for study in studies],
            "patient_id": [study.patient_id for study in studies],
            "date": [study.shown_date for study in studies],
            "modality": [", ".join(study.modalities) for study in studies],
            "description": [study.description for study in studies],
            "sex": [study.sex for study in studies],
            "accession": [study.accession for study in studies],
            **{name: [str(each.get(name, "")) for each in said] for name in _SAID},
            "done": [", ".join(self._worklist.marks(study)) for study in studies],
        }
        counts = [study.instance_count for study in studies]
        numbers = {
            "probability": [float(each.get("probability", "nan")) for each in said],
            "images": [np.nan if each is None else float(each) for each in counts],
        }
        columns = {name: np.array(each, dtype=object) for name, each in texts.items()}
        columns |= {name: np.array(each, dtype=float) for name, each in numbers.items()}
        return CaseList(
            f"studies of {node.name}" if node is not None else "studies",
            columns,
            tuple(self._paths.get(study.uid) for study in studies),
        )
