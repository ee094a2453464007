"""``Finder``: studies that a node offers, and the series of the chosen one."""

from __future__ import annotations

import contextlib

import numpy as np
from PySide6.QtCore import QObject, Signal

from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.query import (
    SeriesEntry,
    SortKey,
    Study,
    StudyQuery,
    sorted_instances,
    sorted_series,
    sorted_studies,
)
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.pacs.node_list import NodeList
from fusion3d_gui.state.store import Store
from fusion3d_gui.state.tasks import TaskLane


class Finder(QObject):
    """Asks the chosen node; the newest question wins."""

    changed = Signal()
    picture_changed = Signal()

    def __init__(self, store: Store, nodes: NodeList) -> None:
        super().__init__(store)
        self._nodes = nodes
        self._lane = TaskLane("pacs-find", self)
        self._series_lane = TaskLane("pacs-series", self)
        self._picture_lane = TaskLane("pacs-picture", self)
        self._lane.changed.connect(self.changed)
        self._series_lane.changed.connect(self.changed)
        self._found: list[Study] = []
        self._query: dict[str, str] = {}
        self._sort: tuple[SortKey, bool] = ("date", True)
        #: The node that was asked.
        self.node: Node | None = None
        #: What is wrong with the last question or its answer; empty: nothing.
        self.problem = ""
        #: Whether there are more studies than are listed.
        self.has_more = False
        self.asked = False
        self.study: Study | None = None
        self.series: list[SeriesEntry] = []
        #: The series whose picture is wanted.
        self._pictured: SeriesEntry | None = None
        #: The picture of that series, uint8 RGB ``[row, column, 3]``; None where the node renders none.
        self.picture: np.ndarray | None = None

    @property
    def studies(self) -> list[Study]:
        """What was found, in the chosen order."""
        key, descending = self._sort
        return sorted_studies(self._found, key, descending=descending)

    @property
    def busy(self) -> bool:
        """Whether an answer is waited for."""
        return self._lane.running

    @property
    def listing_series(self) -> bool:
        """Whether the series of the chosen study are waited for."""
        return self._series_lane.running

    def find(self, **query: str) -> None:
        """Find studies; the fields of :class:`~fusion3d_gui.pacs.query.StudyQuery`."""
        node = self._nodes.chosen
        self.problem, self.study, self.series = "", None, []
        self._found, self.has_more, self.asked = [], False, True
        self._query = query
        self.show_picture(None)
        try:
            if node is None:
                raise UserError("There is no node to ask", remedy="Add one.")
            self._ask(node)
        except UserError as error:
            self._fail(error)

    def refresh(self) -> None:
        """Ask the last question again; what is listed and chosen stays until the answer is there."""
        if self.node is not None and self.asked and not self.busy:
            with contextlib.suppress(UserError):  # it was said when it was asked first
                self._ask(self.node)

    def _ask(self, node: Node) -> None:
        asked = StudyQuery(**self._query)  # type: ignore[arg-type]
        self.node = node

        def work(progress: Progress) -> list[Study]:
            return self._nodes.connect_to(node).find_studies(asked, progress)

        def done(found: list[Study]) -> None:
            self.problem = ""
            self._found, self.has_more = found[: asked.limit], len(found) > asked.limit
            self.changed.emit()

        task = self._lane.submit("Finding studies", work)
        task.succeeded.connect(done)
        task.failed.connect(self._fail)

    def cancel(self) -> None:
        """Wait for no answer any more."""
        self._lane.cancel()

    def sort(self, key: SortKey, descending: bool) -> None:
        """List studies in another order."""
        self._sort = (key, descending)
        self.changed.emit()

    def choose(self, study: Study | None) -> None:
        """List the series of a study."""
        if study == self.study:
            return
        self.study, self.series = study, []
        self.show_picture(None)
        node = self.node
        if study is None or node is None:
            self._series_lane.cancel()
            self.changed.emit()
            return

        def work(progress: Progress) -> list[SeriesEntry]:
            return self._nodes.connect_to(node).find_series(study.uid, progress)

        def done(found: list[SeriesEntry]) -> None:
            self.series = sorted_series(found)
            self.changed.emit()

        task = self._series_lane.submit("Listing series", work)
        task.succeeded.connect(done)
        task.failed.connect(self._fail)

    def show_picture(self, series: SeriesEntry | None) -> None:
        """Ask for a small picture of a series, of its middle image, where the node renders such."""
        if series == self._pictured:
            return
        self._pictured, self.picture = series, None
        self.picture_changed.emit()
        node = self.node
        if series is None or node is None or node.way != "dicomweb":
            self._picture_lane.cancel()
            return

        def work(progress: Progress) -> np.ndarray | None:
            peer = self._nodes.connect_to(node)
            instances = sorted_instances(
                peer.find_instances(series.study_uid, series.uid, progress)
            )
            progress(0.5, "Asking for a picture")
            return peer.thumbnail(instances[len(instances) // 2]) if instances else None

        def done(picture: np.ndarray | None) -> None:
            if series == self._pictured:
                self.picture = picture
                self.picture_changed.emit()

        # Where it fails, there is none: what is wrong with a node is told by its answers to questions.
        self._picture_lane.submit("Asking for a picture", work).succeeded.connect(done)

    def close(self) -> bool:
        """Cancel all; returns whether the threads ended in time."""
        lanes = (self._lane, self._series_lane, self._picture_lane)
        ended = [lane.close(2.0) for lane in lanes]
        return all(ended)

    def _fail(self, error: Exception) -> None:
        self.problem = (
            str(error)
            if isinstance(error, UserError)
            else "That did not work, through a fault of Fusion3D. The details are in its log."
        )
        self.changed.emit()
