"""The outbox item by item: what is put in, taken, settled, given back and thrown away, by exact values."""

from __future__ import annotations

import errno
import hashlib
import os
import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.simulated import PAINTED, SIMULATED
from fusion3d_gui.pacs.peer import Outcome
from fusion3d_gui.pacs.process_name import own_process_name
from fusion3d_gui.pacs.queues import outbox as outbox_module
from fusion3d_gui.pacs.queues.outbox import Outbox, OutboxItem, outbox_folder
from fusion3d_gui.pacs.queues.queue_database import make_private, queue_folder, transaction
from fusion3d_gui.pacs.study_header import header_dataset
from tests.pacs.small_objects import CT, SERIES, STUDY, node, small_object, small_objects


@pytest.fixture
def outbox(tmp_path) -> Outbox:
    return Outbox(tmp_path / "outbox")


def numbers(items: list[OutboxItem]) -> list[int]:
    return [item.id for item in items]


def copies(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "objects").iterdir())


# -- the database ---------------------------------------------------------------------------------


def test_queues_lie_in_the_users_folder_of_data_or_where_a_variable_says(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSION3D_CONFIG_DIR", str(tmp_path / "chosen"))
    assert queue_folder("outbox") == outbox_folder() == tmp_path / "chosen" / "outbox"
    monkeypatch.delenv("FUSION3D_CONFIG_DIR")
    asked = []

    def user_data_path(*names: object, **options: object) -> Path:
        asked.append((names, options))
        return tmp_path / "data"

    monkeypatch.setattr("platformdirs.user_data_path", user_data_path)
    assert queue_folder("inbox") == tmp_path / "data" / "inbox"
    assert asked == [(("fusion3d",), {"appauthor": False})]


def test_a_queues_folders_are_their_owners_alone(tmp_path):
    folder = tmp_path / "deep" / "queue"
    before = os.umask(0)
    try:
        make_private(folder, folder / "below")
    finally:
        os.umask(before)
    for path in (folder, folder / "below"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    folder.chmod(0o755)
    make_private(folder, folder / "below")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError) as error:
        make_private(tmp_path / "file", tmp_path / "file" / "below")
    assert error.value.problem == f"can't be made ({os.strerror(errno.ENOTDIR)})"
    assert error.value.path == tmp_path / "file"


def test_a_transaction_is_whole_or_undone_and_shuts_others_out(tmp_path):
    path = tmp_path / "queue" / "a.sqlite"
    path.parent.mkdir()
    with transaction(path) as database:
        database.execute("CREATE TABLE number (value INTEGER)")
        database.execute("INSERT INTO number VALUES (1)")
        other = sqlite3.connect(path, timeout=0)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()
    with pytest.raises(KeyError), transaction(path) as database:
        database.execute("INSERT INTO number VALUES (2)")
        raise KeyError
    with transaction(path) as database:
        assert database.execute("SELECT value FROM number").fetchall() == [(1,)]
        database.execute("ROLLBACK")  # nothing is left to commit
    path.write_bytes(b"no database at all, of more than sixteen bytes" * 30)
    with pytest.raises(UserError) as error, transaction(path):
        pass
    assert error.value.problem == "the queue can't be used (file is not a database)"
    assert error.value.path == path.parent


# -- putting in -----------------------------------------------------------------------------------


def test_an_item_says_of_its_object_what_the_header_says(outbox, tmp_path, clock):
    files = small_objects(tmp_path, 2)
    assert outbox.add(files, node(), STUDY, title="A result") == (2, 0)
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    expected = [
        OutboxItem(
            id=n,
            node="P",
            uid=f"{SERIES}.{n}",
            sop_class=CT,
            study_uid=STUDY,
            series_uid=SERIES,
            patient_id="P-1",
            sha256=digests[n - 1],
            bytes=files[n - 1].stat().st_size,
            only_test="",
            title="A result",
            added_s=clock.now,
            state="waiting",
            reason="",
            attempts=0,
            next_s=0.0,
            done_s=None,
            withdrawal="",
        )
        for n in (2, 1)
    ]
    assert outbox.items() == expected
    assert outbox.items_of("P", [each.uid for each in expected]) == expected[::-1]
    assert outbox.items_of("P", [expected[0].uid, "9.9"]) == expected[:1]
    assert outbox.items_of("Q", [expected[0].uid]) == []
    assert copies(tmp_path / "outbox") == sorted(f"{digest}.dcm" for digest in digests)
    for item, file in zip(expected[::-1], files, strict=True):
        assert outbox.path_of(item) == tmp_path / "outbox" / "objects" / f"{item.sha256}.dcm"
        assert outbox.path_of(item).read_bytes() == file.read_bytes()
        assert stat.S_IMODE(outbox.path_of(item).stat().st_mode) == 0o600


def test_what_is_known_is_counted_and_not_put_in_twice(outbox, tmp_path):
    files = small_objects(tmp_path, 3)
    assert outbox.add(files[:1], node(), STUDY) == (1, 0)
    assert outbox.add(files, node(), STUDY) == (2, 1)
    assert outbox.add(files, node(), STUDY) == (0, 3)
    assert outbox.add(files[:2], node("Q"), STUDY) == (2, 0)
    assert [(each.node, each.uid[-1]) for each in outbox.items()] == [
        *(("Q", "2"), ("Q", "1"), ("P", "3"), ("P", "2"), ("P", "1"))
    ]
    assert len(copies(tmp_path / "outbox")) == 3
    assert outbox.add([], node(), STUDY) == (0, 0)


def test_patient_and_study_of_the_first_file_are_kept_for_a_note(outbox, tmp_path):
    assert outbox.study_header(STUDY) == ""
    files = small_objects(tmp_path, 1)
    later = small_object(tmp_path / "later.dcm", f"{SERIES}.9", StudyID="S8")
    outbox.add([*files, later], node(), STUDY)
    header = header_dataset(outbox.study_header(STUDY))
    assert (header.StudyInstanceUID, header.PatientID, header.StudyID) == (STUDY, "P-1", "S7")
    outbox.add([later], node("Q"), STUDY)
    assert header_dataset(outbox.study_header(STUDY)).StudyID == "S7"
    assert outbox.study_header("1.2") == ""


def test_all_are_put_in_or_none(outbox, tmp_path):
    files = small_objects(tmp_path, 2)
    outbox.add(files[1:], node(), STUDY)
    small_object(files[1], f"{SERIES}.2", StudyID="S8")
    with pytest.raises(UserError) as error:
        outbox.add(files, node(), STUDY)
    assert (error.value.problem, error.value.path) == (
        "another object of its UID was put into the queue for P before",
        files[1],
    )
    assert error.value.remedy == "An object is changed by a new one with a UID of its own."
    assert [each.uid for each in outbox.items()] == [f"{SERIES}.2"]
    with pytest.raises(UserError, match="belongs to another study; nothing was sent"):
        outbox.add(files, node(), "1.2")


@pytest.mark.parametrize(
    ("attributes", "given", "reason"),
    [
        ({}, "", ""),
        ({}, "a test", "a test"),
        ({"ImageComments": SIMULATED}, "", "the scan is a simulated one"),
        ({"ImageComments": PAINTED}, "", "the scan is a simulated one"),
        ({"ImageComments": SIMULATED}, "a test", "a test"),
        ({"ImageComments": "A remark"}, "", ""),
        (
            {"SeriesDescription": "AI report: DEMO RESEARCH ONLY, not for diagnosis"},
            "",
            "the model was trained on simulated cases",
        ),
        (
            {"SeriesDescription": "AI report: DEMO RESEARCH ONLY, not for diagnosis"},
            "a test",
            "a test",
        ),
        ({"SeriesDescription": "AI report: RESEARCH ONLY, not for diagnosis"}, "", ""),
    ],
)
def test_what_is_only_for_test_systems_is_told_by_file_or_caller(
    outbox, tmp_path, attributes, given, reason
):
    files = small_objects(tmp_path, 1, **attributes)
    if reason:
        with pytest.raises(UserError) as error:
            outbox.add(files, node(), STUDY, only_test=given)
        assert error.value.problem == (
            f"P is not marked as a test system, and only those may have this: {reason}"
        )
        assert error.value.path == files[0] and outbox.items() == []
    else:
        assert outbox.add(files, node("Q"), STUDY, only_test=given) == (1, 0)
    assert outbox.add(files, node(is_test=True), STUDY, only_test=given) == (1, 0)
    assert outbox.items()[0].only_test == reason


def test_no_object_above_the_bound_is_put_in(outbox, tmp_path, monkeypatch):
    first, second = small_objects(tmp_path, 2)
    assert outbox_module._LARGEST_BYTES == 2 * 1024**3
    monkeypatch.setattr(outbox_module, "_LARGEST_BYTES", first.stat().st_size)
    assert outbox.add([first], node(), STUDY) == (1, 0)
    monkeypatch.setattr(outbox_module, "_LARGEST_BYTES", second.stat().st_size - 1)
    with pytest.raises(UserError) as error:
        outbox.add([second], node(), STUDY)
    assert str(error.value) == "002.dcm: is too large to send."


def test_a_copy_that_cannot_be_written_is_one_sentence(outbox, tmp_path, monkeypatch):
    (file,) = small_objects(tmp_path, 1)

    def fsync(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(UserError) as error:
        outbox.add([file], node(), STUDY)
    assert error.value.problem == "can't be copied into the queue (No space left on device)"
    assert error.value.path == file
    monkeypatch.undo()
    assert outbox.items() == [] and copies(tmp_path / "outbox") == []


# -- taking and settling --------------------------------------------------------------------------


def test_items_are_taken_in_turn_by_one_process_each(outbox, tmp_path, clock):
    outbox.add(small_objects(tmp_path, 3), node(), STUDY)
    outbox.add(small_objects(tmp_path, 1), node("Q"), STUDY)
    taken = outbox.claim("P", 2)
    assert numbers(taken) == [1, 2]
    assert [(each.state, each.attempts) for each in taken] == [("sending", 1)] * 2
    assert numbers(outbox.claim("P", 9)) == [3]
    assert outbox.claim("P", 9) == [] and outbox.claim("R", 9) == []
    assert numbers(outbox.claim("Q", 9)) == [4]


def test_what_a_dead_process_had_taken_is_taken_again_and_what_a_living_one_has_is_not(
    outbox, tmp_path
):
    outbox.add(small_objects(tmp_path, 2), node(), STUDY)
    outbox.claim("P", 9)
    parent = psutil.Process(os.getppid())
    senders = ("4194303999-5", f"{parent.pid}-{int(parent.create_time())}")
    with sqlite3.connect(tmp_path / "outbox" / "outbox.sqlite") as database:
        assert database.execute("SELECT DISTINCT sender FROM item").fetchall() == [
            (own_process_name(),)
        ]
        for number, sender in enumerate(senders, start=1):
            database.execute("UPDATE item SET sender = ? WHERE id = ?", (sender, number))
    database.close()
    (again,) = outbox.claim("P", 9)
    assert (again.id, again.attempts) == (1, 2)


def test_what_failed_is_due_later_and_later(outbox, tmp_path, clock):
    outbox.add(small_objects(tmp_path, 1), node(), STUDY)
    for pause in (5, 15, 60, 300, 900, 3600, 3600, 3600):
        (item,) = outbox.claim("P", 1)
        outbox.settle(item, Outcome("failed", "no line"))
        (waiting,) = outbox.items()
        assert (waiting.state, waiting.reason) == ("waiting", "no line")
        assert (waiting.next_s, waiting.done_s) == (clock.now + pause, None)
        clock.now += pause - 0.5
        assert outbox.claim("P", 1) == []
        clock.now += 0.5
    assert numbers(outbox.claim("P", 1, clock.now - 0.5)) == []
    assert numbers(outbox.claim("P", 1, clock.now)) == [1]
    assert outbox.items()[0].attempts == 9


@pytest.mark.parametrize("state", ["accepted", "refused"])
def test_what_is_settled_is_not_taken_again(outbox, tmp_path, clock, state):
    outbox.add(small_objects(tmp_path, 2), node(), STUDY)
    first, _ = outbox.claim("P", 9)
    clock.now += 7
    outbox.settle(first, Outcome(state, "a reason"))
    settled = outbox.items()[1]
    assert settled == replace(first, state=state, reason="a reason", done_s=clock.now)
    assert outbox.claim("P", 9) == []


def test_only_what_was_accepted_by_this_node_is_committed(outbox, tmp_path):
    files = small_objects(tmp_path, 2)
    for name in ("P", "Q"):
        outbox.add(files, node(name), STUDY)
        first, second = outbox.claim(name, 9)
        outbox.settle(first, Outcome("accepted", "with a warning"))
        outbox.settle(second, Outcome("refused"))
    outbox.mark_committed(f"{SERIES}.1", "P")
    outbox.mark_committed(f"{SERIES}.2", "P")
    assert [(each.node, each.state, each.reason) for each in reversed(outbox.items())] == [
        *(("P", "committed", ""), ("P", "refused", "")),
        *(("Q", "accepted", "with a warning"), ("Q", "refused", "")),
    ]


def test_what_is_given_back_is_due_and_what_is_settled_stays(outbox, tmp_path):
    outbox.add(small_objects(tmp_path, 2), node(), STUDY)
    first, second = outbox.claim("P", 9)
    outbox.settle(second, Outcome("accepted"))
    for item in (first, second):
        outbox.release(item)
    assert [each.state for each in outbox.items()] == ["accepted", "waiting"]
    assert numbers(outbox.claim("P", 9)) == [1]


def test_everything_that_waits_is_made_due_for_one_node_or_for_all(outbox, tmp_path, clock):
    for name in ("P", "Q"):
        outbox.add(small_objects(tmp_path, 1), node(name), STUDY)

    def fail() -> None:
        for name in ("P", "Q"):
            for item in outbox.claim(name, 9):
                outbox.settle(item, Outcome("failed"))

    fail()
    outbox.retry_now("Q")
    assert outbox.claim("P", 9) == [] and numbers(outbox.claim("Q", 9)) == [2]
    outbox.release(outbox.items()[0])
    fail()
    outbox.retry_now()
    assert numbers(outbox.claim("P", 9)) == [1] and numbers(outbox.claim("Q", 9)) == [2]


# -- throwing away --------------------------------------------------------------------------------


def test_what_waits_or_was_refused_is_thrown_away_with_its_copy(outbox, tmp_path):
    files = small_objects(tmp_path, 4)
    outbox.add(files, node(), STUDY)
    first, second, third = outbox.claim("P", 3)
    outbox.settle(first, Outcome("accepted"))
    outbox.settle(second, Outcome("refused"))
    (tmp_path / "outbox" / "objects" / ".half.part.dcm").write_bytes(b"half")
    for number in (1, 2, 3, 4):
        outbox.drop(number)
    assert [(each.id, each.state) for each in outbox.items()] == [(3, "sending"), (1, "accepted")]
    # The copy of what was accepted is needed no more; what another process writes is left alone.
    assert copies(tmp_path / "outbox") == [".half.part.dcm", f"{third.sha256}.dcm"]


def test_a_damaged_or_missing_copy_is_noticed(outbox, tmp_path):
    outbox.add(small_objects(tmp_path, 2), node(), STUDY)
    second, first = outbox.items()
    outbox.check_content(first)
    outbox.path_of(second).write_bytes(outbox.path_of(first).read_bytes())
    outbox.path_of(first).unlink()
    for item in (first, second):
        with pytest.raises(UserError, match="its copy in the queue is damaged"):
            outbox.check_content(item)
    # Of the right content, but named by the database for another study.
    with pytest.raises(UserError, match="its copy in the queue is damaged"):
        digest = hashlib.sha256(outbox.path_of(second).read_bytes()).hexdigest()
        outbox.path_of(second).rename(outbox.path_of(first))
        outbox.check_content(replace(first, study_uid="1.2", sha256=digest))


# -- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["waiting", "sending", "accepted", "committed", "refused"])
@pytest.mark.parametrize(
    ("withdrawal", "shown", "withdraws"),
    [
        ("", None, False),
        ("refused", None, False),
        ("waiting", "withdrawing", True),
        ("sending", "withdrawing", True),
        ("accepted", "withdrawn", True),
        ("committed", "withdrawn", True),
    ],
)
def test_an_item_is_there_until_a_note_withdraws_it(
    outbox, tmp_path, state, withdrawal, shown, withdraws
):
    item = OutboxItem(
        *(1, "P", "1.2", CT, STUDY, SERIES, "P-1", "", 3, "", "", 0.0, state, "", 1, 0.0, None),
        withdrawal,
    )
    assert item.is_there == (state in ("accepted", "committed") and not withdraws)
    assert item.shown_state == (shown or state)
