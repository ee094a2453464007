"""``Worklist``: which of the listed studies were opened, predicted and sent; and the next one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.query import SeriesEntry, Study, sorted_series
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.beside.second_scan import SecondScan
from fusion3d_gui.state.case.opening import Opener
from fusion3d_gui.state.data.case import Case
from fusion3d_gui.state.data.departure import Departure
from fusion3d_gui.state.pacs.arriving_case import load_arriving
from fusion3d_gui.state.pacs.fetched import FetchedSeriesStore
from fusion3d_gui.state.pacs.finder import Finder
from fusion3d_gui.state.pacs.node_list import NodeList
from fusion3d_gui.state.store import Store
from fusion3d_gui.state.tasks import TaskLane


class Worklist(QObject):
    """Opens series of a node while they arrive, goes from study to study, and fetches the next one ahead."""

    changed = Signal()

    def __init__(
        self,
        store: Store,
        opener: Opener,
        nodes: NodeList,
        finder: Finder,
        fetched: FetchedSeriesStore,
    ) -> None:
        super().__init__(store)
        self._store = store
        self._opener = opener
        self._nodes = nodes
        self._finder = finder
        self._fetched = fetched
        self._ahead = TaskLane("pacs-ahead", self)
        #: The study on screen, or being opened.
        self._open_uid = ""
        #: Of which study a case is, by its paths.
        self._study_of: dict[tuple[Path, ...], str] = {}
        self._opened: set[str] = set()
        self._predicted: set[str] = set()
        self._sent: set[str] = set()
        store.case_completed.connect(lambda case: self._fetch_ahead())
        store.prediction_changed.connect(self._on_prediction_changed)
        store.departed.connect(self._on_departed)

    def marks(self, study: Study) -> tuple[str, ...]:
        """What was done with a study in this session: ``"opened"``, ``"predicted"``, ``"sent"``."""
        done = (
            ("opened", self._opened),
            ("predicted", self._predicted),
            ("sent", self._sent),
        )
        return tuple(name for name, uids in done if study.uid in uids)

    def open_series(self, series: SeriesEntry) -> None:
        """Open a series of the node that was asked, while it arrives."""
        node = self._finder.node
        if node is not None:
            self._open(node, series.study_uid, series)

    def open_study(self, study: Study, *, then_predict: bool = False) -> None:
        """Open the series of a study that has the most images, and predict it then."""
        node = self._finder.node
        if node is not None:
            self._open(node, study.uid, None, then_predict=then_predict)

    def study_of(self, case: Case) -> str:
        """UID of the study from which a case was fetched; empty where it was not."""
        return self._study_of.get(case.paths, "")

    def open_series_beside(self, series: SeriesEntry, second: SecondScan) -> None:
        """Open a series of the node that was asked beside the scan on screen, once it has arrived."""
        self._open_beside(series.study_uid, series, second)

    def open_study_beside(self, study: Study, second: SecondScan) -> None:
        """Open the series of a study that has the most images beside the scan on screen."""
        self._open_beside(study.uid, None, second)

    def _open_beside(self, study_uid: str, series: SeriesEntry | None, second: SecondScan) -> None:
        node = self._finder.node
        if node is not None:
            # The second scan hides its own identity where that of the first is hidden.
            load = self._loader(node, study_uid, series, hidden=False)
            second.open_from(load, f"a series of {node.name}")

    @property
    def next_study(self) -> Study | None:
        """The study after the one on screen, in the order of the list."""
        studies = self._finder.studies
        uids = [study.uid for study in studies]
        if self._open_uid not in uids:
            return studies[0] if studies else None
        after = uids.index(self._open_uid) + 1
        return studies[after] if after < len(studies) else None

    def open_next(self) -> None:
        """Open the next study."""
        study = self.next_study
        if study is not None:
            self.open_study(study)

    def close(self) -> bool:
        """Fetch nothing more; returns whether the thread ended in time."""
        return self._ahead.close(2.0)

    def _open(
        self,
        node: Node,
        study_uid: str,
        series: SeriesEntry | None,
        *,
        then_predict: bool = False,
    ) -> None:
        self._ahead.cancel()
        load = self._loader(node, study_uid, series, hidden=self._store.identity.hidden)
        self._open_uid = study_uid
        self._opened.add(study_uid)
        self._opener.open_from(load, f"a series of {node.name}", then_predict=then_predict)
        self.changed.emit()

    def _loader(
        self, node: Node, study_uid: str, series: SeriesEntry | None, *, hidden: bool
    ) -> Callable[[Progress, Callable[[Case], None]], Case]:
        """What fetches and reads a series, for a worker; ``series`` None: that with the most images."""

        def load(progress: Progress, on_first: Callable[[Case], None]) -> Case:
            peer = self._nodes.connect_to(node)
            wanted = series or main_series(peer.find_series(study_uid, progress), node)
            fetch = self._fetched.fetcher(peer, node, wanted)

            def know(case: Case) -> None:
                self._study_of[case.paths] = study_uid
                on_first(case)

            case = load_arriving(fetch, progress, hide_identity=hidden, on_first=know)
            self._study_of[case.paths] = study_uid
            return case

        return load

    def _fetch_ahead(self) -> None:
        node, study = self._finder.node, self.next_study
        if node is None or study is None or not self._open_uid or study.uid == self._open_uid:
            return

        def work(progress: Progress) -> None:
            peer = self._nodes.connect_to(node)
            wanted = main_series(peer.find_series(study.uid, progress), node)
            self._fetched.fetcher(peer, node, wanted)(
                progress, lambda instances: None, lambda path: None
            )

        # Where it fails, opening the study says why.
        self._ahead.submit("Fetching the next study", work)

    def _on_prediction_changed(self) -> None:
        case, shown = self._store.case, self._store.shown_prediction
        # Not the study that is being opened: what is on screen may still be the one before.
        uid = "" if case is None or shown is None else self.study_of(case)
        if uid and uid not in self._predicted:
            self._predicted.add(uid)
            self.changed.emit()

    def _on_departed(self, departure: Departure) -> None:
        case = departure.case
        uid = "" if case is None else self.study_of(case)
        if departure.place == "pacs" and uid:
            self._sent.add(uid)
            self.changed.emit()


def main_series(found: list[SeriesEntry], node: Node) -> SeriesEntry:
    """The series with the most images, the first of several. Raises UserError where there is none."""
    images = [
        each for each in found if each.modality not in ("SR", "PR", "KO", "SEG", "DOC", "RTSTRUCT")
    ]
    if not images:
        raise UserError(f"{node.name}: the study has no images")
    return max(sorted_series(images), key=lambda each: each.instance_count or 0)
