"""The inbox series by series, and what is taken into it: bounds, states, statuses and files, by exact values."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.queues.inbox import Inbox, InboxSeries, inbox_folder
from fusion3d_gui.serve.intake import InboxBounds, Intake, NotTaken
from tests.pacs.conftest import clock as clock
from tests.pacs.small_objects import CT, SERIES, STUDY, small_object

DAY_S = 24 * 3600


@pytest.fixture
def push(inbox, tmp_path):
    """Have one object taken, ``SERIES.number``; returns the number of its series."""

    def take(
        uid: str = f"{SERIES}.1", bounds: InboxBounds | None = None, quiet_s=10.0, **attributes
    ) -> int:
        content = small_object(tmp_path / "pushed.dcm", uid, **attributes).read_bytes()
        intake = Intake(inbox, bounds or InboxBounds(), quiet_s)
        return intake.take(content[:50], content[50:], (CT, uid), "SCANNER")

    return take


def state(inbox: Inbox) -> list[tuple[int, str, str, bool]]:
    return [(each.id, each.state, each.reason, each.failed) for each in inbox.series()]


def refused(status: int):
    return pytest.raises(NotTaken, match=f"status {status:04X}")


# -- taking in ------------------------------------------------------------------------------------


def test_an_instance_lies_whole_in_the_folder_of_its_series(inbox, push, tmp_path, clock):
    before = os.umask(0)
    try:
        assert push() == 1
    finally:
        os.umask(before)
    first = (tmp_path / "pushed.dcm").read_bytes()
    began = clock.now
    clock.now += 3
    assert push(f"{SERIES}.2") == 1
    second = (tmp_path / "pushed.dcm").read_bytes()
    images = inbox.images_of(1)
    assert images == inbox.folder / "series" / "1" / "images"
    assert inbox.result_of(1) == inbox.folder / "series" / "1" / "result"
    assert {path.name: path.read_bytes() for path in images.iterdir()} == {
        "00001.dcm": first,
        "00002.dcm": second,
    }
    assert stat.S_IMODE(images.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in images.iterdir()} == {0o600}
    assert inbox.series() == [
        InboxSeries(
            id=1,
            study_uid=STUDY,
            series_uid=SERIES,
            caller="SCANNER",
            state="arriving",
            reason="",
            images=2,
            bytes=len(first) + len(second),
            begun=0,
            queued=False,
            first_s=began,
            done_s=None,
            failed=False,
        )
    ]
    # Complete once nothing has come for the time of quiet.
    clock.now += 9.5
    assert inbox.begin() is None
    clock.now += 0.5
    assert inbox.begin().id == 1
    assert list(inbox.incoming.iterdir()) == []


def test_what_is_known_counts_once_and_another_of_its_uid_is_a_duplicate(inbox, push):
    push()
    push()
    with refused(0x0111) as error:
        push(StudyID="S8")
    assert error.value.status == 0x0111
    assert [(each.images, each.state) for each in inbox.series()] == [(1, "arriving")]


def test_another_series_has_a_number_of_its_own(inbox, push):
    assert push() == 1
    assert push("1.2.9.1", SeriesInstanceUID="1.2.9") == 2
    assert push("1.2.9.2", StudyInstanceUID="1.2.8") == 3
    assert push(f"{SERIES}.2") == 1


@pytest.mark.parametrize(
    "changes", [{"PatientID": "P-2"}, {"PatientName": "A"}, {"PatientBirthDate": ""}]
)
def test_a_change_of_patient_holds_the_series(inbox, push, changes):
    push()
    with refused(0xA900):
        push(f"{SERIES}.2", **changes)
    assert state(inbox) == [(1, "held", "the patient changes within the series", False)]
    assert inbox.series()[0].images == 1
    # What is held may be completed, and stays held.
    assert push(f"{SERIES}.3") == 1
    assert (inbox.series()[0].state, inbox.series()[0].images) == ("held", 2)


def test_the_command_names_class_and_instance(inbox, tmp_path):
    content = small_object(tmp_path / "a.dcm", "1.2.1").read_bytes()
    intake = Intake(inbox, InboxBounds(), 1.0)
    for uids in (("1.2.840.10008.5.1.4.1.1.4", "1.2.1"), (CT, "1.2.2")):
        with refused(0xA900):
            intake.take(content, b"", uids, "A")
    with refused(0xC000):
        intake.take(content[:100], b"", (CT, "1.2.1"), "A")
    assert intake.take(content, b"", (CT, "1.2.1"), "A\x1b") == 1
    assert inbox.series()[0].caller == "A\\x1b"


def test_the_usual_bounds():
    assert InboxBounds() == InboxBounds(20_000_000_000, 10_000, 10_000)


def test_images_of_a_series_up_to_the_bound(inbox, push):
    bounds = InboxBounds(most_images=2)
    push(bounds=bounds)
    push(f"{SERIES}.2", bounds)
    with refused(0xA700):
        push(f"{SERIES}.3", bounds)
    assert state(inbox) == [(1, "held", "it has more than 2 images", False)]
    assert len(list(inbox.images_of(1).iterdir())) == 2


def test_bytes_and_series_up_to_the_bound(inbox, push, tmp_path):
    push()
    size = (tmp_path / "pushed.dcm").stat().st_size
    push(f"{SERIES}.2", InboxBounds(most_bytes=2 * size))
    with refused(0xA700):
        push(f"{SERIES}.3", InboxBounds(most_bytes=3 * size - 1))
    with refused(0xA700):
        push("1.2.9.1", InboxBounds(most_series=1), SeriesInstanceUID="1.2.9")
    assert push("1.2.9.1", InboxBounds(most_series=2), SeriesInstanceUID="1.2.9") == 2
    # What was sent does not count.
    inbox.begin()
    with inbox.database() as database:
        database.execute("UPDATE series SET state = 'sent' WHERE id = 1")
    assert push("1.2.7.1", InboxBounds(most_series=2), SeriesInstanceUID="1.2.7") == 3


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (errno.ENOSPC, 0xA700),
        (errno.EDQUOT, 0xA700),
        (errno.EFBIG, 0xA700),
        (errno.EIO, 0xC000),
    ],
)
def test_a_failure_of_the_disk_is_a_status(inbox, push, monkeypatch, number, status):
    def fsync(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    with refused(status):
        push()
    assert list(inbox.incoming.iterdir()) == []


def test_an_instance_is_on_the_disk_before_it_is_in_the_queue(inbox, push, monkeypatch):
    sizes = []
    real = os.fsync

    def fsync(handle: int) -> None:
        sizes.append(os.fstat(handle).st_size)
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    push()
    assert sizes == [inbox.series()[0].bytes]


def test_a_queue_that_cannot_be_written_has_no_room(inbox, push):
    (inbox.folder / "inbox.sqlite").write_bytes(b"no database " * 400)
    with refused(0xA700):
        push()


# -- what becomes of it ---------------------------------------------------------------------------


def test_the_series_that_is_complete_for_longest_is_begun(inbox, push, clock):
    push("1.2.9.1", SeriesInstanceUID="1.2.9", quiet_s=20.0)
    push("1.2.8.1", SeriesInstanceUID="1.2.8", quiet_s=10.0)
    push("1.2.7.1", SeriesInstanceUID="1.2.7", quiet_s=10.0)
    assert inbox.begin() is None
    clock.now += 20
    begun = [inbox.begin() for _ in range(3)]
    assert [(each.id, each.state, each.begun) for each in begun] == [
        *((2, "predicting", 1), (3, "predicting", 1), (1, "predicting", 1))
    ]
    assert inbox.begin() is None
    inbox.give_back(3)
    inbox.give_back(7)
    assert [(each.state, each.begun) for each in inbox.series()][2] == ("waiting", 0)
    assert inbox.begin().begun == 1


def test_an_association_that_ended_shortens_the_wait_of_its_series(inbox, push, clock):
    for name in "789":
        push(f"1.2.{name}.1", SeriesInstanceUID=f"1.2.{name}", quiet_s=30.0)
    inbox.settle([1, 2], 5.0)
    inbox.settle([2], 60.0)  # never lengthens it
    clock.now += 4.5
    assert inbox.begin() is None
    clock.now += 0.5
    assert [inbox.begin().id, inbox.begin().id, inbox.begin()] == [1, 2, None]


def test_a_result_is_kept_queued_and_sent(inbox, push, clock):
    push(quiet_s=0.0)
    assert not inbox.keep_result(1, ["1.9"])
    assert inbox.result_uids(1) == []
    inbox.begin()
    assert inbox.keep_result(1, ["1.9", "1.8"])
    assert not inbox.keep_result(1, ["1.7"])
    assert inbox.result_uids(1) == ["1.9", "1.8"] and inbox.result_uids(2) == []
    inbox.mark_sent(1)  # not yet in the outbox
    assert state(inbox) == [(1, "predicted", "", False)] and inbox.images_of(1).is_dir()
    inbox.mark_queued(1)
    assert (inbox.series()[0].state, bool(inbox.series()[0].queued)) == ("sending", True)
    clock.now += 5
    inbox.mark_sent(1)
    (sent,) = inbox.series()
    assert (sent.state, sent.bytes, sent.done_s, sent.images) == ("sent", 0, clock.now, 1)
    assert list((inbox.folder / "series").iterdir()) == []
    # Pushed again it is known; more of it is held.
    push()
    push(f"{SERIES}.2")
    assert state(inbox) == [(1, "held", "images came after its result was made", False)]


@pytest.mark.parametrize("steps", [0, 1])
def test_images_that_come_after_the_result_hold_the_series(inbox, push, steps):
    push(quiet_s=0.0)
    inbox.begin()
    inbox.keep_result(1, ["1.9"])
    for _ in range(steps):
        inbox.mark_queued(1)
    push(f"{SERIES}.2")
    assert state(inbox) == [(1, "held", "images came after its result was made", False)]


def test_images_that_come_while_it_is_predicted_begin_it_anew(inbox, push):
    push(quiet_s=0.0)
    inbox.begin()
    push(f"{SERIES}.2")
    assert state(inbox) == [(1, "arriving", "", False)]
    assert not inbox.keep_result(1, ["1.9"])


def test_a_series_without_a_folder_is_sent_too(inbox, push):
    import shutil

    push(quiet_s=0.0)
    inbox.begin()
    inbox.keep_result(1, [])
    inbox.mark_queued(1)
    shutil.rmtree(inbox.images_of(1).parent)
    inbox.mark_sent(1)
    assert inbox.series()[0].state == "sent"


def test_a_held_series_says_why_is_tried_again_or_dropped(inbox, push):
    push()
    inbox.hold(1, "x" * 500, failed=True)
    assert state(inbox) == [(1, "held", "x" * 399 + "…", True)]
    inbox.hold(1, "another\nreason")
    assert state(inbox) == [(1, "held", "another ↵ reason", False)]
    inbox.hold(1, "failed", failed=True)
    inbox.try_again(1)
    assert state(inbox) == [(1, "waiting", "", False)]
    for what, problem in (
        (inbox.try_again, "no series 1 is held whose result was never sent"),
        (inbox.drop, "no series 1 is held"),
    ):
        with pytest.raises(UserError) as error:
            what(1)
        assert error.value.problem == problem
        assert error.value.remedy == "List them with: fusion3d pacs listen --status."
    assert inbox.images_of(1).is_dir()
    with pytest.raises(UserError, match="no series 7 is held"):
        inbox.drop(7)
    inbox.hold(1, "for a person", failed=True)
    inbox.drop(1)
    assert inbox.series() == [] and list((inbox.folder / "series").iterdir()) == []
    # Nothing of it is known any more.
    assert push() == 2
    assert state(inbox) == [(2, "arriving", "", False)]


def test_a_held_series_whose_result_is_in_the_outbox_is_not_tried_again(inbox, push):
    push(quiet_s=0.0)
    inbox.begin()
    inbox.keep_result(1, ["1.9"])
    inbox.mark_queued(1)
    inbox.hold(1, "refused", failed=True)
    with pytest.raises(UserError, match="whose result was never sent"):
        inbox.try_again(1)
    assert state(inbox) == [(1, "held", "refused", True)]


def test_series_are_listed_by_state_in_the_order_of_arrival(inbox, push, clock):
    for name in "789":
        push(f"1.2.{name}.1", SeriesInstanceUID=f"1.2.{name}")
    inbox.hold(2, "a reason")
    assert [each.id for each in inbox.series()] == [1, 2, 3]
    assert [each.id for each in inbox.series("held")] == [2]
    assert [each.id for each in inbox.series("held", "arriving")] == [1, 2, 3]
    assert inbox.series("sent") == []


# -- after the end of a process -------------------------------------------------------------------


def test_a_new_listener_takes_up_what_the_last_one_left(inbox, push, clock):
    for name in "3456789":
        push(f"1.2.{name}.1", SeriesInstanceUID=f"1.2.{name}", quiet_s=5.0)
    with inbox.database() as database:
        for number, what in (
            (2, "state = 'predicting', begun = 1"),
            (3, "state = 'predicting', begun = 2"),
            (4, f"state = 'sent', done_s = {clock.now + 4 - 30 * DAY_S - 0.5}"),
            (5, f"state = 'sent', done_s = {clock.now + 4 - 30 * DAY_S + 0.5}"),
            (6, "state = 'held', reason = 'a reason'"),
            (7, "state = 'predicting', begun = 3"),
        ):
            database.execute(f"UPDATE series SET {what} WHERE id = {number}")
    (inbox.incoming / "half.part.dcm").write_bytes(b"half")
    (inbox.folder / "series" / "6-0123").mkdir()
    (inbox.folder / "series" / "stray").write_text("no folder")
    clock.now += 4
    inbox.recover(8.0)
    crashed = "predicting it ended the program 2 times"
    assert state(inbox) == [
        (1, "arriving", "", False),
        (2, "waiting", "", False),
        (3, "held", crashed, True),
        (5, "sent", "", False),
        (6, "held", "a reason", False),
        (7, "held", crashed, True),
    ]
    assert list(inbox.incoming.iterdir()) == []
    left = sorted(path.name for path in (inbox.folder / "series").iterdir() if path.is_dir())
    assert left == ["1", "2", "3", "6", "7"]
    # It was arriving: its sender gets the time of quiet anew.
    assert inbox.begin().id == 2
    clock.now += 7.5
    assert inbox.begin() is None
    clock.now += 0.5
    assert inbox.begin().id == 1


def test_the_inbox_lies_beside_the_outbox(monkeypatch, tmp_path):
    monkeypatch.setenv("FUSION3D_CONFIG_DIR", str(tmp_path))
    assert inbox_folder() == Path(tmp_path) / "inbox"
