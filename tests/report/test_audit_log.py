"""The audit log: entries chained by hashes, over several files and processes; every change to it is found."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.report.audit import log_folder
from fusion3d_gui.report.audit.entry import AuditEvent, FileLeft, ModelSaid
from fusion3d_gui.report.audit.log_folder import append, export_log, log_files
from fusion3d_gui.report.audit.verify import verify

WHEN = "2026-11-28T12:00:00+00:00"


def event(number: int) -> AuditEvent:
    return AuditEvent(
        "predict",
        WHEN,
        who="reader-7",
        scan_sha256="ab" * 32,
        model=ModelSaid("demo", "1.0", "cd" * 32),
        asked={"despite_misfit": False},
        answered={"probability": number / 100, "fit": "fits"},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "audit"


@pytest.fixture
def small_files(monkeypatch) -> None:
    """So small that three or four entries fill a file."""
    monkeypatch.setattr(log_folder, "LARGEST_BYTES", 2000)


def fill(folder: Path, count: int) -> None:
    for number in range(count):
        append(folder, [event(number)])


def test_each_line_names_the_sha256_of_the_line_before(folder, small_files) -> None:
    fill(folder, 12)
    lines = [line for path in log_files(folder) for line in path.read_bytes().splitlines(True)]
    before = "0" * 64
    for number, line in enumerate(lines, start=1):
        plain = json.loads(line)
        assert (plain["number"], plain["previous"]) == (number, before)
        before = hashlib.sha256(line).hexdigest()
    assert len(log_files(folder)) > 2
    verdict = verify(folder)
    assert (verdict.entries, verdict.problems, verdict.last_sha256) == (12, (), before)


def test_files_are_private_and_no_larger_than_allowed(folder, small_files) -> None:
    append(folder, [event(number) for number in range(12)])
    for path in log_files(folder):
        assert path.stat().st_size <= 2000
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert verify(folder).entries == 12 and not verify(folder).problems


def test_a_changed_an_exchanged_and_a_removed_entry_are_found(folder, small_files) -> None:
    def changed(path: Path, change) -> tuple[str, ...]:
        before = path.read_bytes()
        lines = before.splitlines(True)
        path.write_bytes(b"".join(change(lines)))
        problems = verify(folder).problems
        path.write_bytes(before)
        assert not verify(folder).problems
        return problems

    fill(folder, 12)
    first, second, *_, last = log_files(folder)
    forged = changed(first, lambda x: [x[0], x[1].replace(b"0.01", b"0.99"), *x[2:]])
    assert len(forged) == 1 and "first" not in forged[0] and "entry 3 does not follow" in forged[0]
    assert changed(second, lambda x: [x[1], x[0], *x[2:]])
    assert changed(second, lambda x: x[1:])  # the first of a later file
    assert changed(first, lambda x: x[1:]) == (
        "The log begins with entry 2; those before it were taken away.",
    )
    assert changed(last, lambda x: x[:-1]) == ("Entries 12 to 12 at the end are missing.",)
    assert changed(last, lambda x: [*x[:-1], x[-1].replace(b"0.11", b"0.99")]) == (
        "The last entry is not the one that was written last.",
    )
    assert changed(last, lambda x: [*x, b"{}\n"])
    second.rename(folder / "elsewhere")
    assert "does not follow" in verify(folder).problems[0]


def test_a_log_that_was_emptied_says_which_entries_are_missing(folder) -> None:
    fill(folder, 3)
    (path,) = log_files(folder)
    path.write_bytes(b"")
    assert verify(folder).problems == ("Entries 1 to 3 at the end are missing.",)


def test_old_files_go_and_the_log_says_so_itself(folder, small_files, monkeypatch) -> None:
    monkeypatch.setattr(log_folder, "MOST_FILES", 2)
    fill(folder, 30)
    assert len(log_files(folder)) == 3  # two full ones, and the one that is being written
    verdict = verify(folder)
    assert not verdict.problems and verdict.first.number == verdict.removed_up_to + 1 > 1
    log_files(folder)[0].unlink()  # by hand
    assert verify(folder).problems


def test_a_line_cut_off_by_a_power_cut_is_removed_and_told(folder) -> None:
    fill(folder, 2)
    path = folder / "audit.jsonl"
    with path.open("ab") as file:
        file.write(b'{"number": 3, "prev')
    assert verify(folder).problems
    append(folder, [event(3)])
    verdict = verify(folder)
    assert (verdict.entries, verdict.problems) == (4, ())
    told = json.loads(path.read_bytes().splitlines()[2])["event"]
    assert (told["what"], told["answered"]) == ("repaired", {"bytes_cut": 19})


def test_a_full_disk_leaves_the_log_whole(folder, monkeypatch) -> None:
    fill(folder, 2)
    real = os.write

    def short(handle: int, content: bytes) -> int:
        return real(handle, content[: len(content) // 2])

    with monkeypatch.context() as patch, pytest.raises(OSError, match="no space"):
        patch.setattr(os, "write", short)
        append(folder, [event(3)])
    assert verify(folder).entries == 2 and not verify(folder).problems
    fill(folder, 1)
    assert verify(folder).entries == 3 and not verify(folder).problems


_WRITER = """
import sys
from pathlib import Path
from fusion3d_gui.report.audit.entry import AuditEvent
from fusion3d_gui.report.audit.log_folder import append
for number in range(20):
    append(Path(sys.argv[1]), [AuditEvent("open", "2026-11-28T12:00:00+00:00", who=sys.argv[2])])
"""


def test_two_processes_write_one_chain(folder) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER, str(folder), who]) for who in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    verdict = verify(folder)
    assert (verdict.entries, verdict.problems) == (40, ())


def test_the_export_is_one_file_that_can_be_checked(folder, small_files, tmp_path) -> None:
    fill(folder, 12)
    out = tmp_path / "log.jsonl"
    assert export_log(folder, out) == 12
    assert out.read_bytes() == b"".join(path.read_bytes() for path in log_files(folder))
    assert verify(out).last_sha256 == verify(folder).last_sha256 and not verify(out).problems
    out.write_bytes(out.read_bytes().replace(b'"fits"', b'"refused"', 1))
    assert verify(out).problems


def test_what_is_no_log_is_refused_in_one_sentence(tmp_path) -> None:
    with pytest.raises(UserError, match="holds no audit log"):
        verify(tmp_path)
    with pytest.raises(UserError, match="empty"):
        export_log(tmp_path, tmp_path / "out")
    long = tmp_path / "long"
    long.write_bytes(b"x" * 300_000)
    assert all("no entry" in each for each in verify(long).problems)


def test_an_entry_of_another_type_is_found(folder) -> None:
    append(
        folder, [AuditEvent("export", WHEN, left=(FileLeft("page", "ab" * 32, 5),), place="file")]
    )
    path = folder / "audit.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"size":5', b'"size":"5"'))
    assert "no entry" in verify(folder).problems[0]
