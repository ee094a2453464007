"""The audit log's files: when they are renamed and removed, how they are mended, and each thing that checking tells."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path

import filelock
import msgspec
import platformdirs
import pytest

from fusion3d_gui import __version__
from fusion3d_gui.errors import UserError
from fusion3d_gui.report.audit import log_folder
from fusion3d_gui.report.audit.entry import (
    BEGINNING,
    LONGEST_LINE,
    AuditEntry,
    AuditEvent,
    hash_of,
    line_of,
)
from fusion3d_gui.report.audit.log_folder import (
    Head,
    append,
    audit_folder,
    export_log,
    lines_of,
    log_files,
    read_head,
)
from fusion3d_gui.report.audit.verify import verify

WHEN = "2026-11-28T12:00:00+00:00"
LATER = "2026-11-28T13:00:00+00:00"


def event(who: str = "", when: str = WHEN) -> AuditEvent:
    return AuditEvent("open", when, who=who)


def lines(folder: Path) -> list[bytes]:
    return [line for path in log_files(folder) for line in path.read_bytes().splitlines(True)]


def names(folder: Path) -> list[str]:
    return [path.name for path in log_files(folder)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "audit"


def test_the_folder_is_the_user_s_unless_the_variable_moves_it(monkeypatch, tmp_path):
    monkeypatch.setenv("FUSION3D_CONFIG_DIR", str(tmp_path))
    assert audit_folder() == tmp_path / "audit"
    for unset in ("", None):
        if unset is None:
            monkeypatch.delenv("FUSION3D_CONFIG_DIR")
        else:
            monkeypatch.setenv("FUSION3D_CONFIG_DIR", unset)
        own = platformdirs.user_data_path("fusion3d", appauthor=False)
        assert audit_folder() == own / "audit"


def test_an_entry_has_its_number_the_hash_before_it_the_program_and_the_event(folder):
    append(folder, [event("a"), event("b")])
    append(folder, [event("c")])
    before = BEGINNING
    for number, (line, who) in enumerate(zip(lines(folder), "abc", strict=True), start=1):
        entry = msgspec.json.decode(line, type=AuditEntry)
        assert entry == AuditEntry(number, before, f"Fusion3D {__version__}", event(who))
        before = hashlib.sha256(line).hexdigest()
    assert json.loads((folder / "audit.head").read_bytes()) == {"number": 3, "sha256": before}
    assert read_head(folder) == Head(3, before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("audit.jsonl", "audit.head"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


def test_no_event_writes_nothing(folder):
    append(folder, [])
    assert log_files(folder) == [] and read_head(folder) is None


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b'{"number": 1}', b'{"number": 1, "sha256": "a", "more": 1}']
)
def test_a_head_that_says_nothing_readable_is_none(folder, content):
    folder.mkdir(parents=True)
    assert read_head(folder) is None
    (folder / "audit.head").write_bytes(content)
    assert read_head(folder) is None
    (folder / "audit.head").write_bytes(b'{"number": 7, "sha256": "a"}')
    assert read_head(folder) == Head(7, "a")


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(("spare", "files"), [(0, 1), (-1, 2)])
def test_a_file_is_renamed_after_its_first_entry_once_it_would_be_too_large(
    folder, monkeypatch, spare, files, at_once
):
    entry = AuditEntry(1, BEGINNING, f"Fusion3D {__version__}", event("x"))
    size = len(line_of(entry))
    monkeypatch.setattr(log_folder, "LARGEST_BYTES", 3 * size + spare)
    three = [event("x"), event("y"), event("z")]
    for events in [three] if at_once else [[each] for each in three]:
        append(folder, events)
    expected = ["audit-000000001.jsonl", "audit.jsonl"][-files:]
    assert names(folder) == expected
    assert len(log_files(folder)[-1].read_bytes().splitlines()) == (3 if files == 1 else 1)
    append(folder, [event("w")])
    last = names(folder)
    assert last == (["audit-000000001.jsonl", "audit.jsonl"])
    assert [json.loads(line)["number"] for line in lines(folder)] == [1, 2, 3, 4]
    assert not verify(folder).problems


def test_an_entry_that_is_larger_than_a_file_has_one_of_its_own(folder, monkeypatch):
    monkeypatch.setattr(log_folder, "LARGEST_BYTES", 10)
    append(folder, [event("a"), event("b")])
    append(folder, [event("c")])
    assert names(folder) == ["audit-000000001.jsonl", "audit-000000002.jsonl", "audit.jsonl"]
    assert [len(path.read_bytes().splitlines()) for path in log_files(folder)] == [1, 1, 1]
    assert (verify(folder).entries, verify(folder).problems) == (3, ())


def test_a_file_whose_first_line_is_no_entry_is_named_0(folder, monkeypatch):
    append(folder, [event("a")])
    path = folder / "audit.jsonl"
    path.write_bytes(b"{}\n" + path.read_bytes())
    monkeypatch.setattr(log_folder, "LARGEST_BYTES", 10)
    append(folder, [event("b")])
    assert names(folder) == ["audit-000000000.jsonl", "audit.jsonl"]


def test_old_files_are_removed_and_an_entry_names_the_last_of_them(folder, monkeypatch):
    monkeypatch.setattr(log_folder, "LARGEST_BYTES", 900)
    append(folder, [event(who) for who in "abcdefghijklmno"])
    full = names(folder)
    assert len(full) >= 4
    known = [hash_of(line) for line in lines(folder)]
    monkeypatch.setattr(log_folder, "MOST_FILES", len(full) - 3)
    append(folder, [event("j", WHEN), event("k", LATER)])
    assert full[0] not in names(folder) and full[1] not in names(folder)
    assert len(names(folder)) == len(full) - 3 + 1
    found = [msgspec.json.decode(line, type=AuditEntry) for line in lines(folder)]
    removed = [each for each in found if each.event.what == "removed"]
    assert removed and {each.event.when for each in removed} == {LATER}
    first = found[0].number
    told = {"last_number": first - 1, "last_sha256": known[first - 2]}
    assert removed[-1].event.answered == told
    assert found[0].previous == known[first - 2]
    verdict = verify(folder)
    assert verdict.problems == () and verdict.removed_up_to == found[0].number - 1


def test_a_file_that_was_changed_is_not_removed(folder, monkeypatch):
    monkeypatch.setattr(log_folder, "LARGEST_BYTES", 900)
    append(folder, [event(who) for who in "abcdefghijklmno"])
    first, second, *others = log_files(folder)
    first.write_bytes(b"{}\n")
    monkeypatch.setattr(log_folder, "MOST_FILES", len(others) - 1)
    append(folder, [event("j")])
    assert first.read_bytes() == b"{}\n"
    assert not second.exists()


@pytest.mark.parametrize("torn", [b"x", b'{"number": 2', b"y" * 3000])
@pytest.mark.parametrize("before", [0, LONGEST_LINE])
def test_what_stands_after_the_last_line_break_is_cut_and_counted(folder, torn, before):
    append(folder, [event("a" * (before // 2)), event("b" * (before // 2))])
    path = folder / "audit.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    append(folder, [event("b", LATER), event("c", WHEN)])
    assert path.read_bytes().startswith(whole)
    events = [msgspec.json.decode(line, type=AuditEntry).event for line in lines(folder)]
    assert [each.what for each in events] == ["open", "open", "repaired", "open", "open"]
    assert events[2] == AuditEvent("repaired", LATER, answered={"bytes_cut": len(torn)})
    assert verify(folder).problems == ()


def test_a_file_of_half_a_line_alone_is_emptied(folder):
    folder.mkdir(parents=True)
    (folder / "audit.jsonl").write_bytes(b"half")
    append(folder, [event("a")])
    first, second = (msgspec.json.decode(line, type=AuditEntry) for line in lines(folder))
    assert (first.number, first.previous, first.event.what) == (1, BEGINNING, "repaired")
    assert first.event.answered == {"bytes_cut": 4}
    assert second.number == 2


def test_a_whole_file_is_not_mended(folder):
    append(folder, [event("a")])
    append(folder, [event("b")])
    whats = [json.loads(line)["event"]["what"] for line in lines(folder)]
    assert whats == ["open", "open"]
    (folder / "audit.jsonl").write_bytes(b"")
    append(folder, [event("c")])
    assert [json.loads(line)["number"] for line in lines(folder)] == [1]


@pytest.mark.parametrize(("head", "number"), [(True, 3), (False, 1)])
def test_after_a_last_line_that_was_changed_the_chain_goes_on_from_what_is_there(
    folder, head, number
):
    append(folder, [event("a"), event("b")])
    path = folder / "audit.jsonl"
    first, _ = lines(folder)
    path.write_bytes(first + b'{"changed": 1}\n')
    if not head:
        (folder / "audit.head").unlink()
    append(folder, [event("c")])
    entry = msgspec.json.decode(lines(folder)[-1], type=AuditEntry)
    assert (entry.number, entry.previous) == (number, hash_of(b'{"changed": 1}\n'))
    assert verify(folder).problems


def test_an_empty_newest_file_is_followed_by_the_last_entry_of_the_one_before(folder, monkeypatch):
    monkeypatch.setattr(log_folder, "LARGEST_BYTES", 10)
    append(folder, [event("a"), event("b")])
    (folder / "audit.jsonl").write_bytes(b"")
    append(folder, [event("c")])
    *_, before, last = lines(folder)
    assert json.loads(last)["previous"] == hash_of(before)
    assert json.loads(last)["number"] == 2


def test_a_last_line_as_long_as_allowed_is_read_whole(folder):
    short = AuditEntry(1, BEGINNING, f"Fusion3D {__version__}", event(""))
    longest = event("w" * (LONGEST_LINE - len(line_of(short))))
    append(folder, [longest])
    assert len(lines(folder)[0]) == LONGEST_LINE
    append(folder, [event("a")])
    append(folder, [longest.__class__("open", WHEN, who=longest.who[1:])])
    append(folder, [event("b")])
    assert [json.loads(line)["number"] for line in lines(folder)] == [1, 2, 3, 4]
    assert verify(folder).problems == ()
    with pytest.raises(ValueError, match="too long"):
        append(folder, [event("w" * LONGEST_LINE)])


def test_lines_come_in_pieces_of_the_longest_length(tmp_path):
    path = tmp_path / "lines"
    path.write_bytes(b"a" * (LONGEST_LINE + 5) + b"\nb\n" + b"c")
    assert list(lines_of(path)) == [b"a" * LONGEST_LINE, b"aaaaa\n", b"b\n", b"c"]


def test_entries_are_seen_onto_the_disk_and_no_file_stays_open(folder, monkeypatch):
    synced: list[int] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(handle), real(handle)))
    append(folder, [event("a")])
    first = len(synced)
    assert first >= 1
    # A fault of the disk leaves the file as it was, and closes it too.
    opened, closed = [], []
    real_open, real_close = os.open, os.close

    def opening(path, *rest, **more):
        handle = real_open(path, *rest, **more)
        if str(path).endswith("audit.jsonl"):
            opened.append(handle)
        return handle

    def closing(handle):
        closed.append(handle)
        real_close(handle)

    monkeypatch.setattr(os, "open", opening)
    monkeypatch.setattr(os, "close", closing)
    before = (folder / "audit.jsonl").read_bytes()
    append(folder, [event("b")])

    def failing(handle):
        raise OSError(5, "input/output error")

    monkeypatch.setattr(os, "fsync", failing)
    whole = (folder / "audit.jsonl").read_bytes()
    assert whole.startswith(before) and len(whole) > len(before)
    with pytest.raises(OSError, match="input/output error"):
        append(folder, [event("c")])
    assert (folder / "audit.jsonl").read_bytes() == whole
    assert len(opened) == 2 and set(opened) <= set(closed)
    assert [closed.count(handle) >= opened.count(handle) for handle in opened] == [True, True]


def test_a_log_that_another_program_holds_is_given_up_after_a_while(folder, tmp_path, monkeypatch):
    append(folder, [event("a")])
    monkeypatch.setattr(log_folder, "_PATIENCE_S", 0.05)
    with filelock.FileLock(folder / "audit.lock"):
        with pytest.raises(OSError, match="another program is writing to it") as failure:
            append(folder, [event("b")])
        assert failure.value.errno == 11
        with pytest.raises(UserError, match=r"can't be written here \(another program is writing"):
            export_log(folder, tmp_path / "out")
    assert len(lines(folder)) == 1


def test_an_export_into_no_folder_is_refused_with_the_reason(folder, tmp_path):
    append(folder, [event("a")])
    with pytest.raises(UserError, match=r"can't be written here \(No such file or directory\)"):
        export_log(folder, tmp_path / "none" / "out")
    assert export_log(folder, tmp_path / "out") == 1


# Checking.


def write(folder: Path, entries: list[bytes], head: Head | None = None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "audit.jsonl").write_bytes(b"".join(entries))
    if head is not None:
        (folder / "audit.head").write_bytes(msgspec.json.encode(head))


def chain(numbers: list[int], first: str = BEGINNING, **about: object) -> list[bytes]:
    found, before = [], first
    for number in numbers:
        line = line_of(AuditEntry(number, before, "p", AuditEvent("open", WHEN, **about)))
        found.append(line)
        before = hash_of(line)
    return found


def test_an_entry_whose_number_does_not_follow_is_told(folder):
    entries = chain([1, 2, 4, 5])
    write(folder, entries, Head(5, hash_of(entries[-1])))
    verdict = verify(folder)
    assert verdict.problems == ("audit.jsonl, line 3: entry 4 follows entry 2.",)
    assert (verdict.entries, verdict.first.number, verdict.last.number) == (4, 1, 5)
    assert verdict.last_sha256 == hash_of(entries[-1])
    assert verdict.removed_up_to == 0


def test_a_line_that_is_no_entry_is_told_with_the_break_after_it(folder):
    entries = chain([1, 2, 3])
    write(folder, [entries[0], b"{}\n", entries[2]], Head(3, hash_of(entries[2])))
    verdict = verify(folder)
    assert verdict.problems[0] == "audit.jsonl, line 2: it is no entry, or was cut off."
    assert verdict.problems[1] == (
        "audit.jsonl, line 3: entry 3 does not follow the one before it; one of both was changed, "
        "or one removed."
    )
    assert (len(verdict.problems), verdict.entries) == (2, 3)
    write(folder, [entries[0], entries[1][:-1]], Head(2, hash_of(entries[1])))
    assert verify(folder).problems[0] == "audit.jsonl, line 2: it is no entry, or was cut off."


@pytest.mark.parametrize(("count", "told"), [(19, 20), (20, 20), (40, 20)])
def test_at_most_20_problems_are_told(folder, count, told):
    write(folder, [b"{}\n"] * count)
    assert len(verify(folder).problems) == told
    assert verify(folder).entries == count


def test_a_log_that_begins_later_was_shortened_unless_an_entry_says_so(folder):
    before = "ab" * 32
    plain = chain([5, 6], before)
    write(folder, plain, Head(6, hash_of(plain[-1])))
    taken = ("The log begins with entry 5; those before it were taken away.",)
    assert verify(folder).problems == taken
    for answered, problems, removed in (
        ({"last_number": 4, "last_sha256": before}, (), 4),
        ({"last_number": 4, "last_sha256": "cd" * 32}, taken, 4),
        ({"last_number": 3, "last_sha256": before}, taken, 3),
        ({"last_number": "4", "last_sha256": before}, taken, 0),
        ({"last_number": 4}, taken, 0),
    ):
        told = AuditEvent("removed", WHEN, answered=answered)
        last = line_of(AuditEntry(7, hash_of(plain[-1]), "p", told))
        write(folder, [*plain, last], Head(7, hash_of(last)))
        verdict = verify(folder)
        assert (verdict.problems, verdict.removed_up_to) == (problems, removed)
    # A first entry with number 1 that follows something is no beginning either.
    odd = chain([1], before)
    write(folder, odd, Head(1, hash_of(odd[0])))
    assert verify(folder).problems == (
        "The log begins with entry 1; those before it were taken away.",
    )


def test_only_a_removal_s_words_count_as_such(folder):
    told = chain([1], answered={"last_number": 9, "last_sha256": "ab" * 32})
    write(folder, told, Head(1, hash_of(told[0])))
    assert (verify(folder).removed_up_to, verify(folder).problems) == (0, ())


def test_the_end_is_compared_with_what_the_head_names(folder, tmp_path):
    entries = chain([1, 2, 3])
    write(folder, entries)
    assert verify(folder).problems == (
        "The file that names the last entry is missing or was changed.",
    )
    for head, problems in (
        (Head(3, hash_of(entries[2])), ()),
        (Head(2, hash_of(entries[1])), ()),  # stopped between the entry and its head
        (Head(3, "00" * 32), ("The last entry is not the one that was written last.",)),
        (Head(4, "00" * 32), ("Entries 4 to 4 at the end are missing.",)),
        (Head(9, "00" * 32), ("Entries 4 to 9 at the end are missing.",)),
    ):
        write(folder, entries, head)
        assert verify(folder).problems == problems
    # An exported file has none.
    out = tmp_path / "out.jsonl"
    out.write_bytes(b"".join(entries))
    assert verify(out).problems == ()


def test_a_log_that_is_not_there_or_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no audit log"):
        verify(tmp_path / "none.jsonl")
    (tmp_path / "audit.jsonl").mkdir()
    with pytest.raises(UserError, match=r"can't be read \(Is a directory\)"):
        verify(tmp_path)
