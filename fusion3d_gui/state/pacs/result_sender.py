"""``ResultSender``: the result on screen as DICOM objects, into the queue for a node."""

from __future__ import annotations

import tempfile
from pathlib import Path

from PySide6.QtCore import QObject

from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.progress import Progress, part_of
from fusion3d_gui.report.case_result import CaseResult
from fusion3d_gui.report.dicom.words import why_result_only_for_test
from fusion3d_gui.state.data.departure import Departure, LeftItem, files_left
from fusion3d_gui.state.export.result_collector import ResultCollector
from fusion3d_gui.state.pacs.node_list import NodeList
from fusion3d_gui.state.pacs.send_queue import SendQueue
from fusion3d_gui.state.store import Store


class ResultSender(QObject):
    """Sends what the user asks for, into the study of the scan, under its patient.

    Where a site has chosen a node for it, each result that fits is also sent by itself, once: not what is doubtful, was
    refused or was restored from an earlier run.
    """

    def __init__(
        self, store: Store, collector: ResultCollector, nodes: NodeList, queue: SendQueue
    ) -> None:
        super().__init__(store)
        self._store = store
        self._collector = collector
        self._nodes = nodes
        self._queue = queue
        self._forwards_to = ""
        #: Scan, model and values of what was forwarded.
        self._forwarded: set[str] = set()
        store.prediction_changed.connect(self._forward)

    @property
    def can_send(self) -> bool:
        """Whether there is a current prediction of a DICOM scan whose identity is not hidden."""
        case = self._store.case
        return (
            self._collector.can_collect
            and case is not None
            and not case.identity_hidden
            and not self._store.identity.hidden
            and any(each.study_uid for each in case.series if each.uid == case.volume.series_uid)
        )

    def set_forwarding(self, node: str) -> None:
        """Send results that fit to the node of this name by themselves, from the next one on; empty: none."""
        self._forwards_to = node

    def _forward(self) -> None:
        """A prediction has changed: send it where it is finished, fits, and was not sent so before."""
        shown = self._store.shown_prediction
        node = next((each for each in self._nodes.nodes if each.name == self._forwards_to), None)
        if node is None or shown is None or shown.workbench is None or not self.can_send:
            return
        made = shown.prediction
        finished = shown.explanation is not None and shown.heatmap is not None
        if not finished or made.fit.fit != "fits" or made.despite_misfit:
            return
        key = repr((node.name, made.volume_sha256, made.weights_sha256, dict(made.metadata)))
        if key not in self._forwarded:
            self._forwarded.add(key)
            self.send(node)

    def send(self, node: Node) -> None:
        """Make the objects and put them into the queue; what is wrong is shown in the window."""
        collect, case, store = self._collector.work(), self._store.case, self._store
        if collect is None or case is None or not self.can_send:
            return

        def work(progress: Progress) -> tuple[tuple[LeftItem, ...], CaseResult]:
            from fusion3d_gui.report.dicom.write_results import write_dicom_results

            result = collect(part_of(progress, 0.0, 0.4))
            identity = result.identity
            if identity is None or not identity.study_uid:
                raise UserError("the scan has no study that the result could join")
            with tempfile.TemporaryDirectory(prefix="fusion3d-send-") as folder:
                files = write_dicom_results(
                    result, Path(folder), progress=part_of(progress, 0.4, 0.9)
                )
                progress(0.9, "Putting it into the queue")
                self._queue.outbox().add(
                    files,
                    node,
                    identity.study_uid,
                    only_test=why_result_only_for_test(result),
                    title=f"Result of {result.prediction.bundle_name}",
                )
                return files_left(("dicom", file) for file in files), result

        def done(outcome: tuple[tuple[LeftItem, ...], CaseResult]) -> None:
            left, result = outcome
            values = result.prediction.metadata
            store.departed.emit(Departure(case, left, values, place="pacs", with_identity=True))
            self._queue.retry()

        store.run(store.saving, f"Sending to {node.name}", work, done)
