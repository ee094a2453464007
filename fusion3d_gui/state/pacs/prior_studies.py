"""``PriorStudies``: other studies of the patient on screen, found in the PACS that the case came from, not fetched."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.pacs.query import Study, StudyQuery, sorted_studies
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.data.case import Case
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.pacs.fetched import FetchedSeriesStore
from fusion3d_gui.state.pacs.finder import Finder
from fusion3d_gui.state.pacs.node_list import NodeList
from fusion3d_gui.state.store import Store
from fusion3d_gui.state.tasks import TaskLane

#: So many are offered.
MOST = 10


class PriorStudies(QObject):
    """Asks once a case of the PACS is complete, for the same patient ID; says so where there are any."""

    changed = Signal()

    def __init__(
        self, store: Store, nodes: NodeList, finder: Finder, fetched: FetchedSeriesStore
    ) -> None:
        super().__init__(store)
        self._store = store
        self._nodes = nodes
        self._finder = finder
        self._fetched = fetched
        self._lane = TaskLane("pacs-prior", self)
        #: The newest first, without the one on screen.
        self.studies: list[Study] = []
        store.case_opened.connect(lambda case: self._forget())
        store.case_opened.connect(self._ask)
        store.case_completed.connect(self._ask)

    def close(self) -> bool:
        """Wait for no answer; returns whether the thread ended in time."""
        return self._lane.close(2.0)

    def _forget(self) -> None:
        self._lane.cancel()
        self.studies = []
        self.changed.emit()

    def _ask(self, case: Case) -> None:
        node = self._finder.node
        patient_id = case.volume.attributes.get("PatientID", "")
        own = next((each.study_uid for each in case.series if each.study_uid), "")
        # An ID with a wildcard in it would find others.
        exact = patient_id and not set(patient_id) & set("*?\\")
        if node is None or not exact or not case.is_complete:
            return
        if not self._fetched.holds(case.paths):
            return

        def work(progress: Progress) -> list[Study]:
            query = StudyQuery(patient_id=patient_id, limit=MOST + 1)
            found = self._nodes.connect_to(node).find_studies(query, progress)
            same = [each for each in found if each.patient_id == patient_id and each.uid != own]
            return sorted_studies(same)[:MOST]

        def done(found: list[Study]) -> None:
            self.studies = found
            self.changed.emit()
            if found:
                told = "1 other study" if len(found) == 1 else f"{len(found)} other studies"
                self._store.noticed.emit(
                    Notice(f"{node.name} has {told} of this patient: File, PACS, Other studies.")
                )

        # Where it fails, there is nothing to offer: the page of the PACS says why.
        self._lane.submit("Finding other studies", work).succeeded.connect(done)
