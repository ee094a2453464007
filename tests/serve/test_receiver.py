"""What is pushed is taken whole, once and bounded, from those on the list alone."""

from __future__ import annotations

import socket
import threading
import time

import pydicom
import pytest
from pynetdicom import AE

from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.connect import connect
from fusion3d_gui.pacs.queues.inbox import Inbox
from fusion3d_gui.serve.intake import InboxBounds, Intake, NotTaken
from fusion3d_gui.serve.receiver import ListeningPlace, Receiver
from tests.serve.conftest import OWN, SENDER, head_series, node_at, place, push, wait_for


def states(inbox: Inbox) -> list[tuple[str, int, str]]:
    return [(each.state, each.images, each.reason) for each in inbox.series()]


def test_a_pushed_series_lies_in_the_inbox_byte_for_byte(receive, inbox, tmp_path):
    files = head_series(tmp_path / "a", "a")
    port = receive()
    connect(node_at(port)).echo()
    assert set(push(port, files)) == {("accepted", "")}
    (series,) = inbox.series()
    assert (series.state, series.images, series.caller) == ("arriving", len(files), SENDER)
    kept = sorted(inbox.images_of(series.id).iterdir())
    assert [path.name for path in kept] == [f"{n:05}.dcm" for n in range(1, len(files) + 1)]
    assert series.bytes == sum(path.stat().st_size for path in kept)
    assert all(path.stat().st_mode & 0o077 == 0 for path in (*kept, inbox.folder))
    for one, other in zip(files, kept, strict=True):
        assert pydicom.dcmread(one) == pydicom.dcmread(other)
    # Again: known, and not counted twice.
    assert set(push(port, files)) == {("accepted", "")}
    assert states(inbox) == [("arriving", len(files), "")]


def test_only_those_on_the_list_are_let_in_by_its_own_title(receive):
    port = receive(callers=(SENDER, "PACS"))
    for title in (SENDER, "PACS"):
        connect(node_at(port, own_ae_title=title)).echo()
    for changes, problem in (
        ({"own_ae_title": "INTRUDER"}, "does not know your AE title"),
        ({"own_ae_title": "SCANNER2"}, "does not know your AE title"),
        ({"ae_title": "ANY"}, "knows no AE title"),
    ):
        with pytest.raises(UserError, match=problem):
            connect(node_at(port, **changes)).echo()


@pytest.mark.parametrize(
    "changes", [{"callers": ()}, {"callers": ("",)}, {"callers": ("TOO-LONG-A-TITLE-",)}]
)
def test_a_list_of_nobody_is_refused(changes):
    with pytest.raises(UserError):
        place(**changes)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_there_is_not_is_refused(port):
    assert ListeningPlace(OWN, "127.0.0.1", 65535, (SENDER,)).port == 65535
    with pytest.raises(UserError, match="a port is a number from 0 to 65535"):
        ListeningPlace(OWN, "127.0.0.1", port, (SENDER,))


def test_a_taken_port_is_one_sentence(receive, inbox):
    port = receive()
    taken = ListeningPlace(OWN, "127.0.0.1", port, (SENDER,))
    with pytest.raises(UserError, match="can't be listened on"):
        Receiver(taken, inbox, Intake(inbox, InboxBounds(), 1.0), print).open()


def test_no_more_associations_than_allowed(receive):
    port = receive(most_associations=2, wait_s=120.0)
    client = AE(SENDER)
    client.add_requested_context("1.2.840.10008.1.1")
    lines = [client.associate("127.0.0.1", port, ae_title=OWN) for _ in range(2)]
    assert all(line.is_established for line in lines)
    third = client.associate("127.0.0.1", port, ae_title=OWN)
    assert third.is_rejected
    for line in lines:
        line.release()
    wait_for(lambda: _echoes(port), 60)


def test_silent_associations_and_connections_are_bounded_and_cut_off(receive):
    port = receive(most_associations=2, wait_s=1.0)
    client = AE(SENDER)
    client.add_requested_context("1.2.840.10008.1.1")
    line = client.associate("127.0.0.1", port, ae_title=OWN)
    wait_for(lambda: not line.is_established, 60)
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(12)]
    for each in silent:
        each.settimeout(60)
        assert each.recv(1) == b""
        each.close()
    wait_for(lambda: _echoes(port), 60)


def _echoes(port: int) -> bool:
    try:
        connect(node_at(port)).echo()
    except UserError:
        return False
    return True


def test_a_unit_sent_a_byte_at_a_time_is_cut_off(receive):
    port = receive(wait_s=1.0)
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port)) as line, pytest.raises(OSError):
        line.sendall(b"\1\0\0\0\1\0")
        while time.monotonic() < began + 60:
            line.sendall(b"\0")
            time.sleep(0.1)
    assert time.monotonic() < began + 60


def test_an_object_beyond_the_bound_is_cut_off(receive, inbox, tmp_path):
    from fusion3d_gui.pacs.peer import Unreachable
    from tests.pacs.conftest import make_series

    (file,) = make_series(tmp_path / "a", "large", count=1)
    dataset = pydicom.dcmread(file)
    dataset.Rows, dataset.Columns, dataset.PixelData = 2000, 2000, bytes(8_000_000)
    dataset.save_as(file)
    port = receive(largest_bytes=1 << 20)
    with pytest.raises(Unreachable):
        push(port, [file])
    assert inbox.series() == []
    assert list(inbox.incoming.iterdir()) == []


def test_messages_that_await_no_answer_are_cut_off(receive, inbox, tmp_path):
    """pynetdicom would collect them all in memory."""
    from tests.benchmarks.listener_mutants import Recording, data, unit

    port = receive()
    files = head_series(tmp_path / "a", "a")[:1]
    recording = Recording(port, SENDER, files, OWN)
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(unit(1, recording.request))
        assert line.recv(1) == b"\2"
        with pytest.raises(OSError):
            for _ in range(100_000):
                line.sendall(b"".join(data(*part) for part in recording.messages[0]))
    wait_for(lambda: _echoes(port), 20)


def test_bounds_on_what_lies_there(receive, inbox, tmp_path):
    files = head_series(tmp_path / "a", "a")
    size = files[0].stat().st_size
    port = receive(InboxBounds(most_bytes=5 * size, most_series=2, most_images=3))
    outcomes = push(port, files[:5])
    assert [state for state, _ in outcomes] == ["accepted"] * 3 + ["failed"] * 2
    assert "no room" in outcomes[-1][1]
    assert states(inbox) == [("held", 3, "it has more than 3 images")]
    other = head_series(tmp_path / "b", "bb")
    assert push(port, other[:1]) == [("accepted", "")]
    # Two series lie there: no third; and no more bytes.
    assert [state for state, _ in push(port, head_series(tmp_path / "c", "ccc")[:1])] == ["failed"]
    assert [state for state, _ in push(port, other[1:3])] == ["accepted", "failed"]
    assert sum(each.bytes for each in inbox.series()) <= 5 * size


def test_a_full_disk_is_told_to_the_sender_and_leaves_whole_images_only(small_disk, tmp_path):
    files = head_series(tmp_path / "a", "a")
    size = files[0].stat().st_size
    inbox = Inbox(small_disk(8 * ((size + 4095) // 4096) * 4096 + 60_000))
    receiver = Receiver(place(), inbox, Intake(inbox, InboxBounds(), 30.0), print)
    port = receiver.open()
    try:
        outcomes = push(port, files)
    finally:
        receiver.close()
    assert {state for state, _ in outcomes} == {"accepted", "failed"}
    assert all("no room" in reason for state, reason in outcomes if state == "failed")
    (series,) = inbox.series()
    kept = list(inbox.images_of(series.id).iterdir())
    assert series.images == len(kept) == sum(state == "accepted" for state, _ in outcomes)
    assert all(path.stat().st_size >= size - 600 for path in kept)
    assert list(inbox.incoming.iterdir()) == []


def test_another_patient_or_another_image_of_a_uid_is_not_mixed_in(receive, inbox, tmp_path):
    files = head_series(tmp_path / "a", "a")
    port = receive()
    push(port, files[:2])
    dataset = pydicom.dcmread(files[0])
    dataset.InstanceNumber = 77
    dataset.save_as(tmp_path / "other.dcm")
    ((state, reason),) = push(port, [tmp_path / "other.dcm"])
    assert state == "refused" and "0111" in reason
    assert states(inbox) == [("arriving", 2, "")]
    dataset = pydicom.dcmread(files[2])
    dataset.PatientID = "SOMEBODY-ELSE"
    dataset.save_as(tmp_path / "else.dcm")
    ((state, _),) = push(port, [tmp_path / "else.dcm"])
    assert state == "refused"
    assert states(inbox) == [("held", 2, "the patient changes within the series")]


def test_what_is_not_what_its_command_says_is_refused(inbox, tmp_path):
    (file, other) = head_series(tmp_path / "a", "a")[:2]
    intake = Intake(inbox, InboxBounds(), 1.0)
    dataset = pydicom.dcmread(other, stop_before_pixels=True)
    uids = (str(dataset.SOPClassUID), str(dataset.SOPInstanceUID))
    with pytest.raises(NotTaken, match="A900"):
        intake.take(b"", file.read_bytes(), uids, SENDER)
    with pytest.raises(NotTaken, match="C000"):
        intake.take(b"", b"no DICOM at all", uids, SENDER)
    assert inbox.series() == [] and list(inbox.incoming.iterdir()) == []


def test_a_series_is_complete_at_the_end_of_its_association_or_after_a_quiet_time(
    receive, inbox, tmp_path, monkeypatch
):
    monkeypatch.setattr("fusion3d_gui.serve.receiver._SETTLE_S", 0.2)
    files = head_series(tmp_path / "a", "a")
    port = receive(quiet_s=600.0)
    client = AE(SENDER)
    client.add_requested_context(pydicom.dcmread(files[0]).SOPClassUID)
    line = client.associate("127.0.0.1", port, ae_title=OWN)
    line.send_c_store(files[0])
    assert inbox.begin() is None
    line.release()
    wait_for(lambda: (found := inbox.begin()) is not None and found.state == "predicting", 10)
    # Another image comes meanwhile: what was begun is of no use.
    line = client.associate("127.0.0.1", port, ae_title=OWN)
    line.send_c_store(files[1])
    assert not inbox.keep_result(1, ["1.2"])
    assert states(inbox) == [("arriving", 2, "")]
    line.abort()  # an aborted one says nothing: the quiet time counts
    time.sleep(0.5)
    assert inbox.begin() is None
    inbox.recover(0.0)
    time.sleep(0.01)
    assert inbox.begin() is not None


def test_images_that_come_after_the_result_are_told_to_a_person(receive, inbox, tmp_path):
    files = head_series(tmp_path / "a", "a")
    port = receive(quiet_s=0.0)
    push(port, files[:3])
    series = inbox.begin()
    assert series is not None and inbox.keep_result(series.id, ["1.2.3"])
    inbox.mark_queued(series.id)
    inbox.mark_sent(series.id)
    assert [state for state, *_ in states(inbox)] == ["sent"]
    assert not inbox.images_of(series.id).exists()
    push(port, files[:3])  # pushed again: known, nothing begins
    assert inbox.begin() is None and [state for state, *_ in states(inbox)] == ["sent"]
    push(port, files[3:4])
    assert states(inbox) == [("held", 4, "images came after its result was made")]
    with pytest.raises(UserError, match="no series 1 is held whose result was never sent"):
        inbox.try_again(1)
    inbox.drop(1)
    assert inbox.series() == [] and not inbox.images_of(1).exists()


def test_what_a_killed_process_left_is_taken_up(receive, inbox, tmp_path):
    port = receive(quiet_s=0.0)
    push(port, head_series(tmp_path / "a", "a")[:2])
    (inbox.incoming / "half.part.dcm").write_bytes(b"half")
    for _ in range(2):  # it ends twice while this series is predicted
        series = inbox.begin()
        assert series is not None
        inbox = Inbox(inbox.folder)
        inbox.recover(0.0)
    assert states(inbox) == [("held", 2, "predicting it ended the program 2 times")]
    assert list(inbox.incoming.iterdir()) == []
    inbox.try_again(1)
    assert (series := inbox.begin()) is not None and series.begun == 1
    inbox.give_back(1)  # stopped in peace: it does not count
    assert (series := inbox.begin()) is not None and series.begun == 1


def test_several_senders_at_once_lose_nothing(receive, inbox, tmp_path):
    files = head_series(tmp_path / "a", "a")
    port = receive(most_associations=4)
    threads = [threading.Thread(target=push, args=(port, files[n::3])) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert states(inbox) == [("arriving", len(files), "")]
    (series,) = inbox.series()
    assert len(list(inbox.images_of(series.id).iterdir())) == len(files)
