"""C-GET and C-MOVE: instances of one series, over this program's association or to its storage service."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, evt
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelGet as GET,
)
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelMove as MOVE,
)

from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.dimse.association import association, line_broken
from fusion3d_gui.pacs.dimse.bounded import LISTENING, bound_each_association
from fusion3d_gui.pacs.dimse.storage_service import (
    TRANSFER_SYNTAXES,
    file_head,
    storage_service,
)
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.peer import Sink, Unreachable
from fusion3d_gui.pacs.query import InstanceEntry

#: What a series may be where the node does not say it: CT, MR and PET, classic, enhanced and converted.
_USUAL_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.2.1",
    "1.2.840.10008.5.1.4.1.1.2.2",
    "1.2.840.10008.5.1.4.1.1.4",
    "1.2.840.10008.5.1.4.1.1.4.1",
    "1.2.840.10008.5.1.4.1.1.4.4",
    "1.2.840.10008.5.1.4.1.1.128",
    "1.2.840.10008.5.1.4.1.1.130",
)
#: An association has at most 128 presentation contexts (PS3.8 section 9.3.2.2).
_MOST_CONTEXTS = 126
#: UIDs in one request: a value of explicit VR ends at 64 kB.
_MOST_UIDS = 500
#: The first request asks for what is shown first.
_FIRST_UIDS = 3

_SUCCESS, _PENDING = 0x0000, (0xFF00, 0xFF01)
_WARNING = 0xB000
_OUT_OF_RESOURCES = 0xA700
_STATUSES = {
    0xA701: "the node is out of resources",
    0xA702: "the node could not send the images",
    0xA801: "the node does not know your AE title {own} as a place to send to",
    0xA900: "the node does not understand the request",
    0x0122: "the node does not offer this service",
}


class _Taker:
    """Hands what arrives to the sink, and keeps what the sink raises: pynetdicom swallows it."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._lock = threading.Lock()
        self.error: Exception | None = None

    def store(self, event: evt.Event) -> int:
        """Handle a C-STORE; returns its status."""
        if self.error is None:
            try:
                self._sink.receive([file_head(event), event.request.DataSet.getbuffer()])
                return _SUCCESS
            except Exception as error:  # noqa: BLE001 - raised again on the thread that asked
                with self._lock:
                    self.error = self.error or error
        event.assoc.abort()
        if event.assoc.is_requestor:
            # Who asked waits on this line for an answer that will not come, for as long as a node may take.
            event.assoc.dimse.msg_queue.put((None, None))
        return _OUT_OF_RESOURCES

    def check(self) -> None:
        """Raise what the sink raised, or Cancelled."""
        if self.error is not None:
            raise self.error
        self._sink.check_cancelled()


def get(node: Node, instances: Sequence[InstanceEntry], sink: Sink) -> None:
    """Fetch instances by C-GET."""
    taker = _Taker(sink)
    classes = sorted({each.sop_class for each in instances if each.sop_class})
    with association(
        node,
        [build_context(GET), *_contexts(classes)],
        largest_message=sink.largest_bytes,
        handlers=[(evt.EVT_C_STORE, taker.store)],
        scp_roles=classes or _USUAL_CLASSES,
    ) as line:
        for number, question in enumerate(_questions(instances)):
            _follow(node, line.send_c_get(question, GET, msg_id=1 + number), taker)


def move(node: Node, instances: Sequence[InstanceEntry], sink: Sink) -> None:
    """Fetch instances by C-MOVE, to a storage service that listens only meanwhile."""
    taker = _Taker(sink)
    service = storage_service(node.own_ae_title, node.answer_s, most_associations=4)
    handlers = [
        *bound_each_association(sink.largest_bytes, node.answer_s),
        (evt.EVT_C_STORE, taker.store),
    ]
    while not LISTENING.acquire(timeout=0.2):
        sink.check_cancelled()
    try:
        _move(node, instances, service, handlers, taker)
    finally:
        LISTENING.release()


def _move(
    node: Node,
    instances: Sequence[InstanceEntry],
    service: AE,
    handlers: list[tuple[Any, Any]],
    taker: _Taker,
) -> None:
    try:
        listening = service.start_server(
            (node.own_host, node.own_port), block=False, evt_handlers=handlers
        )
    except OSError as error:
        raise UserError(
            f"{node.name}: port {node.own_port} can't be listened on ({error.strerror})",
            remedy="Choose another port for what the node sends to, and have its administrator enter it.",
        ) from None
    assert listening is not None
    try:
        with association(node, [build_context(MOVE)]) as line:
            for number, question in enumerate(_questions(instances)):
                answers = line.send_c_move(question, node.own_ae_title, MOVE, msg_id=1 + number)
                _follow(node, answers, taker)
    finally:
        listening.shutdown()


def _follow(node: Node, answers: Iterator[tuple[Dataset, Dataset | None]], taker: _Taker) -> None:
    for status, _ in answers:
        taker.check()
        if "Status" not in status:
            raise line_broken(node)
        code = int(status.Status)
        if code in (_SUCCESS, _WARNING, *_PENDING):
            continue  # the caller sees what is missing
        told = _STATUSES.get(code, "the images can't be fetched").format(own=node.own_ae_title)
        kind = Unreachable if code in (0xA701, 0xA702) else UserError
        raise kind(f"{node.name}: {told} (status {code:04X})")
    taker.check()


def _questions(instances: Sequence[InstanceEntry]) -> Iterator[Dataset]:
    starts = [0, *range(_FIRST_UIDS, len(instances), _MOST_UIDS)]
    for start, stop in zip(starts, [*starts[1:], len(instances)], strict=True):
        question = Dataset()
        question.QueryRetrieveLevel = "IMAGE"
        question.StudyInstanceUID = instances[0].study_uid
        question.SeriesInstanceUID = instances[0].series_uid
        question.SOPInstanceUID = [each.uid for each in instances[start:stop]]
        yield question


def _contexts(classes: Sequence[str]) -> list[PresentationContext]:
    """One context for each class and transfer syntax, so that the node need not convert; fewer where there is no room."""
    if not classes or len(classes) * len(TRANSFER_SYNTAXES) > _MOST_CONTEXTS:
        return [
            build_context(each, list(TRANSFER_SYNTAXES))
            for each in (classes or _USUAL_CLASSES)[:_MOST_CONTEXTS]
        ]
    return [build_context(each, syntax) for each in classes for syntax in TRANSFER_SYNTAXES]
