"""``PacsParts``: the parts of the window's state that are about the PACS."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fusion3d_gui.pacs.fetch.cache import cache_folder
from fusion3d_gui.pacs.nodes.node_file import node_file_path
from fusion3d_gui.pacs.queues.inbox import inbox_folder
from fusion3d_gui.pacs.queues.outbox import outbox_folder
from fusion3d_gui.state.case.opening import Opener
from fusion3d_gui.state.cases.case_table import CaseTable
from fusion3d_gui.state.export.result_collector import ResultCollector
from fusion3d_gui.state.pacs.fetched import FetchedSeriesStore
from fusion3d_gui.state.pacs.finder import Finder
from fusion3d_gui.state.pacs.node_list import NodeList
from fusion3d_gui.state.pacs.prior_studies import PriorStudies
from fusion3d_gui.state.pacs.received import Received
from fusion3d_gui.state.pacs.result_sender import ResultSender
from fusion3d_gui.state.pacs.send_queue import SendQueue
from fusion3d_gui.state.pacs.study_cases import StudyCases
from fusion3d_gui.state.pacs.worklist import Worklist
from fusion3d_gui.state.prediction.predictions import Predictions
from fusion3d_gui.state.store import Store


@dataclass(frozen=True)
class PacsPlaces:
    """Where the list of nodes, fetched series, the queue and what the listener received lie."""

    nodes: Path
    cache: Path
    outbox: Path
    inbox: Path

    @classmethod
    def of_user(cls) -> PacsPlaces:
        """The user's own."""
        return cls(node_file_path(), cache_folder(), outbox_folder(), inbox_folder())

    @classmethod
    def below(cls, folder: Path) -> PacsPlaces:
        """All in one folder."""
        return cls(folder / "pacs.json", folder / "cache", folder / "outbox", folder / "inbox")


@dataclass(frozen=True)
class PacsOptions:
    """``forwards_to``: name of the node to which results that fit go by themselves; empty: to none.

    ``keeps_fetched``: whether encrypted copies of fetched series stay when the window closes.
    """

    forwards_to: str = ""
    keeps_fetched: bool = False


class PacsParts:
    """Creates the parts."""

    def __init__(
        self,
        places: PacsPlaces,
        store: Store,
        opener: Opener,
        collector: ResultCollector,
        table: CaseTable,
        predictions: Predictions,
    ) -> None:
        self.nodes = NodeList(places.nodes, store)
        self.finder = Finder(store, self.nodes)
        self.fetched = FetchedSeriesStore(places.cache)
        self.worklist = Worklist(store, opener, self.nodes, self.finder, self.fetched)
        self.cases = StudyCases(store, table, self.finder, self.worklist, predictions)
        self.prior = PriorStudies(store, self.nodes, self.finder, self.fetched)
        self.queue = SendQueue(places.outbox, store, self.nodes)
        self.received = Received(places.inbox, places.outbox, store, opener)
        self.sender = ResultSender(store, collector, self.nodes, self.queue)

    def set_options(self, options: PacsOptions) -> None:
        """Forward and keep this way from now on."""
        self.sender.set_forwarding(options.forwards_to)
        self.fetched.set_keeping("encrypt" if options.keeps_fetched else "erase")

    def holds(self, paths: Iterable[Path]) -> bool:
        """Whether paths are of series that were fetched or received, and do not stay where they are."""
        listed = tuple(paths)
        return self.fetched.holds(listed) or self.received.holds(listed)

    def close(self) -> bool:
        """Cancel all work and erase what was fetched; returns whether the threads ended in time."""
        ended = [
            each.close()
            for each in (
                *(self.nodes, self.finder, self.worklist, self.prior, self.queue),
                self.received,
            )
        ]
        self.fetched.close()
        return all(ended)
