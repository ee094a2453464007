"""What a node answers to C-STORE, C-GET and C-MOVE becomes an outcome or a sentence; pynetdicom is the node."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
)
from pynetdicom import AE, build_context, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.dimse import get as get_module
from fusion3d_gui.pacs.dimse.get import get, move
from fusion3d_gui.pacs.dimse.store import send
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.peer import Outcome, Unreachable
from fusion3d_gui.pacs.query import InstanceEntry
from tests.pacs.conftest import free_port
from tests.pacs.small_objects import CT, SERIES, STUDY, small_object, small_objects


class AnsweringNode:
    """A node that answers with these statuses in turn, then with success."""

    def __init__(self) -> None:
        self.statuses: list[object] = []
        self.files: list[Path] = []
        self.questions: list[Dataset] = []
        self.stored: list[str] = []
        service = AE("X")
        service.add_supported_context(CTImageStorage, ExplicitVRLittleEndian, True, True)
        service.add_supported_context(StudyRootQueryRetrieveInformationModelGet)
        service.add_supported_context(StudyRootQueryRetrieveInformationModelMove)
        handlers = [
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_C_GET, self._get),
            (evt.EVT_C_MOVE, self._move),
        ]
        self.service = service.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)

    @property
    def node(self) -> Node:
        port = self.service.server_address[1]
        return Node(
            *("P", "dimse", "X", "127.0.0.1", port), own_host="127.0.0.1", own_port=free_port()
        )

    def _store(self, event):
        self.stored.append(str(event.request.AffectedSOPInstanceUID))
        return self.statuses.pop(0) if self.statuses else 0

    def _answers(self, event) -> Iterator:
        self.questions.append(event.identifier)
        wanted = event.identifier.SOPInstanceUID
        wanted = [wanted] if isinstance(wanted, str) else list(wanted)
        found = [pydicom.dcmread(file) for file in self.files]
        found = [each for each in found if each.SOPInstanceUID in wanted]
        yield len(found) or 1
        for each in found:
            yield 0xFF00, each
        if self.statuses:
            yield self.statuses.pop(0), None

    def _get(self, event):
        yield from self._answers(event)

    def _move(self, event):
        context = build_context(CTImageStorage, ExplicitVRLittleEndian)
        yield "127.0.0.1", self.move_port, {"contexts": [context]}
        yield from self._answers(event)


@pytest.fixture
def there() -> Iterator[AnsweringNode]:
    made = AnsweringNode()
    yield made
    made.service.shutdown()


def outcomes(node: Node, files: list[Path]) -> list[tuple[int, Outcome]]:
    told: list[tuple[int, Outcome]] = []
    send(node, files, lambda *each: told.append(each))
    return told


def test_each_status_of_a_store_becomes_an_outcome(there, tmp_path):
    with_comment = Dataset()
    with_comment.Status = 0xC123
    with_comment.ErrorComment = "no idea"
    expected = [
        (0x0000, "accepted", ""),
        (0xB000, "accepted", "with a warning (status B000)"),
        (0xB007, "accepted", "with a warning (status B007)"),
        (0xA700, "failed", "the node has no room (status A700)"),
        (0xA7FF, "failed", "the node has no room (status A7FF)"),
        (0x0110, "failed", "refused (status 0110)"),
        (0x0111, "refused", "refused (status 0111)"),
        (0xA900, "refused", "the data does not match its class (status A900)"),
        (0xA800, "refused", "refused (status A800)"),
        (0xC000, "refused", "the node does not understand it (status C000)"),
        (0x0117, "refused", "the node finds its UID invalid (status 0117)"),
        (0x0122, "refused", "the node does not take this class (status 0122)"),
        (0x0124, "refused", "the node does not let you store (status 0124)"),
        (with_comment, "refused", "refused (status C123: no idea)"),
    ]
    there.statuses = [status for status, _, _ in expected]
    files = small_objects(tmp_path, len(expected))
    assert outcomes(there.node, files) == [
        (n, Outcome(state, reason)) for n, (_, state, reason) in enumerate(expected)
    ]
    assert there.stored == [f"{SERIES}.{n}" for n in range(1, len(expected) + 1)]


class LateEvent(threading.Event):
    """Lets who waits go on only when a message has come, as a busy machine can."""

    line: Association

    def wait(self, timeout: float | None = None) -> bool:
        done = super().wait(timeout)
        until_s = time.monotonic() + 0.2
        while self.line.dimse.msg_queue.empty() and time.monotonic() < until_s:
            pass
        return done


def test_an_answer_reaches_its_request_however_late_the_association_thread_runs(
    there, tmp_path, monkeypatch
):
    make = Association.__init__

    def make_late(line: Association, *arguments, **named) -> None:
        make(line, *arguments, **named)
        line._reactor_checkpoint = LateEvent()
        line._reactor_checkpoint.line = line
        line._reactor_checkpoint.set()

    monkeypatch.setattr(Association, "__init__", make_late)
    node = replace(there.node, answer_s=5.0)
    files = small_objects(tmp_path, 40)
    assert {told.state for _, told in outcomes(node, files)} == {"accepted"}


def test_what_the_node_does_not_take_is_told_by_class_or_transfer_syntax(there, tmp_path):
    ct, mr = (
        small_object(tmp_path / "ct.dcm", "1.2.1"),
        small_object(tmp_path / "mr.dcm", "1.2.2", SOPClassUID=MRImageStorage),
    )
    implicit = pydicom.dcmread(ct)
    implicit.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    other = tmp_path / "implicit.dcm"
    implicit.save_as(other, implicit_vr=True, little_endian=True)
    last = small_object(tmp_path / "last.dcm", "1.2.3")
    assert outcomes(there.node, [other, mr, ct, last]) == [
        (0, Outcome("refused", "the node does not take objects of this transfer syntax")),
        (1, Outcome("refused", "the node does not take objects of this class")),
        (2, Outcome("accepted")),
        (3, Outcome("accepted")),
    ]


# -- fetching -------------------------------------------------------------------------------------


class Kept:
    """Keeps what arrives."""

    largest_bytes = 1 << 20

    def __init__(self) -> None:
        self.contents: list[bytes] = []
        self.error: Exception | None = None

    def receive(self, parts) -> None:
        if self.error is not None:
            raise self.error
        self.contents.append(b"".join(parts))

    def check_cancelled(self) -> None:
        pass


def wanted(count: int, sop_class: str = CT) -> list[InstanceEntry]:
    return [InstanceEntry(STUDY, SERIES, f"{SERIES}.{n}", sop_class) for n in range(1, count + 1)]


@pytest.fixture(params=["get", "move"])
def fetch(request, there):
    def run(instances: list[InstanceEntry], sink: Kept) -> None:
        node = there.node
        there.move_port = node.own_port
        (get if request.param == "get" else move)(node, instances, sink)

    return run


@pytest.mark.parametrize("sop_class", [CT, ""])
def test_instances_come_as_files_and_the_first_three_are_asked_for_first(
    there, fetch, tmp_path, sop_class, monkeypatch
):
    monkeypatch.setattr(get_module, "_MOST_UIDS", 2)
    there.files = small_objects(tmp_path, 6)
    kept = Kept()
    fetch(wanted(6, sop_class), kept)
    assert kept.contents == [file.read_bytes() for file in there.files] or [
        pydicom.dcmread(pydicom.filebase.DicomBytesIO(each)) for each in kept.contents
    ] == [pydicom.dcmread(file) for file in there.files]
    assert [
        (each.QueryRetrieveLevel, each.StudyInstanceUID, each.SeriesInstanceUID)
        for each in there.questions
    ] == [("IMAGE", STUDY, SERIES)] * 3
    asked = [each.SOPInstanceUID for each in there.questions]
    assert [[each] if isinstance(each, str) else list(each) for each in asked] == [
        [f"{SERIES}.{n}" for n in numbers] for numbers in ((1, 2, 3), (4, 5), (6,))
    ]


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (0xA701, Unreachable, "the node is out of resources (status A701)"),
        (0xA702, Unreachable, "the node could not send the images (status A702)"),
        (
            *(0xA801, UserError),
            "the node does not know your AE title FUSION3D as a place to send to (status A801)",
        ),
        (0xA900, UserError, "the node does not understand the request (status A900)"),
        (0x0122, UserError, "the node does not offer this service (status 0122)"),
        (0xC001, UserError, "the images can't be fetched (status C001)"),
        (0xB000, None, ""),
    ],
)
def test_each_status_of_a_retrieval_is_a_sentence(there, fetch, status, kind, told):
    there.statuses = [status]
    if kind is None:
        fetch(wanted(1), Kept())
        return
    with pytest.raises(UserError) as error:
        fetch(wanted(1), Kept())
    assert (type(error.value), error.value.problem) == (kind, f"P: {told}")


def test_what_the_sink_raises_is_raised(there, fetch, tmp_path):
    there.files = small_objects(tmp_path, 2)
    kept = Kept()
    kept.error = UserError("the disk is full")
    with pytest.raises(UserError, match="the disk is full"):
        fetch(wanted(2), kept)
    assert kept.contents == []


def test_a_class_has_a_context_for_each_transfer_syntax_where_there_is_room():
    syntaxes = get_module.TRANSFER_SYNTAXES
    assert len(syntaxes) == 16
    few = [f"1.2.{n}" for n in range(7)]
    contexts = get_module._contexts(few)
    assert [(each.abstract_syntax, each.transfer_syntax) for each in contexts] == [
        (each, [syntax]) for each in few for syntax in syntaxes
    ]
    many = [f"1.2.{n}" for n in range(8)]
    assert [
        (each.abstract_syntax, each.transfer_syntax) for each in get_module._contexts(many)
    ] == [(each, list(syntaxes)) for each in many]
    assert len(get_module._contexts([])) == 8
    most = [f"1.2.{n}" for n in range(200)]
    assert len(get_module._contexts(most)) == 126


@pytest.mark.parametrize(
    ("count", "parts"),
    [(1, [1]), (3, [3]), (4, [3, 1]), (503, [3, 500]), (504, [3, 500, 1])],
)
def test_at_most_500_uids_are_in_one_request(count, parts):
    questions = list(get_module._questions(wanted(count)))
    values = [each["SOPInstanceUID"].value for each in questions]
    assert [1 if isinstance(each, str) else len(each) for each in values] == parts
