"""What files and bundles say reaches the terminal, the log and pages as plain text, line by line."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from fusion3d_gui.cli import terminal
from fusion3d_gui.cli.parser import run
from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.plain_text import html_text, markdown_text, terminal_text, visible_text

#: Controls but the line break, what turns the direction of text, other line breaks.
FORBIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)


def assert_plain(text: str, *, longest_line: int = 20_000) -> None:
    assert not FORBIDDEN.search(text), repr(FORBIDDEN.search(text))
    for line in text.splitlines():
        assert not line.lstrip().startswith("probability 0.0001"), line
        assert len(line) <= longest_line


def output(*arguments: object) -> tuple[int, str]:
    """Exit status and all that a process of its own writes to standard output and standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "fusion3d_gui", *map(str, arguments)],
        capture_output=True,
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).decode("utf-8")


def test_predict_and_info_write_no_control_character_and_no_forged_line(
    hostile_scan: Path, make_hostile_bundle, tmp_path: Path
) -> None:
    status, said = output("info", hostile_scan)
    assert status == 0
    assert "<img src=file:///x>" in said
    assert_plain(said)
    bundle = make_hostile_bundle()
    bundle = bundle.rename(bundle.with_name("bundle\x1b[2J"))
    result = tmp_path / "r.json"
    status, said = output("predict", hostile_scan, "--model", bundle, "--json", result)
    assert status == 0, said
    assert "Research use only" in said
    assert_plain(said)
    assert_plain(result.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "value", ["\x1b[2J", "1\nprobability 0.0001", "\u202e1", "x" * 100_000, "\ud800"]
)
def test_a_refusal_that_quotes_what_was_given_is_one_plain_line(
    value: str, make_bundle, tmp_path: Path, capsys
) -> None:
    scan = tmp_path / "a\x1b[2J\nprobability 0.0001.nii"
    write_nifti(Volume(np.zeros((3, 4, 5), np.int16), np.eye(4)), scan)
    assert run(["predict", str(scan), "--model", str(make_bundle()), "--set", f"age={value}"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("fusion3d: metadata age=")
    assert said.count("\n") == 1
    assert_plain(said)
    assert run(["predict", str(scan) + value[:9], "--model", str(make_bundle())]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert_plain(said)


def test_log_warnings_and_tracebacks_are_plain_lines_indented_below_the_first(
    monkeypatch: pytest.MonkeyPatch, capsys, hostile: str
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    root = logging.getLogger()
    before = list(root.handlers)
    try:
        terminal.keep_log_plain()
        added = [each for each in root.handlers if each not in before]
        try:
            raise ValueError(hostile)
        except ValueError:
            logging.getLogger("fusion3d_gui.x").exception("work failed on %s", hostile)
        said = capsys.readouterr().err
        logging.getLogger("pydicom").error("a library's record about /scans/Jane/1.dcm")
        warnings.warn("a library's warning", UserWarning, stacklevel=1)
        assert capsys.readouterr().err == ""
        sys.excepthook(ValueError, ValueError(hostile), None)
        said += capsys.readouterr().err
    finally:
        logging.captureWarnings(False)
        for handler in added:
            root.removeHandler(handler)
    assert "Traceback" in said
    assert not FORBIDDEN.search(said)
    assert not re.search(r"^probability", said, re.MULTILINE)
    assert max(map(len, said.splitlines())) < 30_000


def test_the_log_quotes_no_path_of_a_scan_but_the_places_in_the_program(capsys) -> None:
    formatter = terminal._PlainFormatter("%(levelname)s: %(message)s")
    log = logging.getLogger("fusion3d_gui.paths")
    try:
        Path("/scans/Querido Jane/1.dcm").read_bytes()
    except OSError as error:
        record = log.makeRecord(
            "x", logging.ERROR, "f", 1, "failed: %s, 3/4", (error,), sys.exc_info()
        )
    said = formatter.format(record)
    assert "Querido" not in said and "Jane" not in said
    assert "test_hostile_text.py" in said
    assert "FileNotFoundError: [Errno 2] No such file or directory: '(a path)'" in said
    plain = log.makeRecord("x", logging.ERROR, "f", 1, "3/4 of them, 5 mm/s", (), None)
    assert formatter.format(plain) == "ERROR: 3/4 of them, 5 mm/s"


def test_the_texts_of_a_table_are_plain_in_a_model_card(hostile: str) -> None:
    shown = markdown_text(f"a|b `c` [d](javascript:e) {hostile}")
    assert_plain(shown)
    assert not re.search(r"(?<!\\)[|`<>\[\]]", shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("T1 mprage", "T1 mprage"),
        ("山田　太郎", "山田　太郎"),
        ("می‌خواهم", "می‌خواهم"),
        ("a\r\nb\x85c\u2029d", "a ↵ b ↵ c ↵ d"),
        ("a\t \tb  c ", "a b c"),
        ("ID\u202e77\u200f", "ID\\u202e77\\u200f"),
        ("\x00\x1b[0m\x9b\x7f", "\\x00\\x1b[0m\\x9b\\x7f"),
        ("\ud83d", "\\ud83d"),
        ("a\U000e0041", "a\\U000e0041"),
        ("a\u3164b", "a\\u3164b"),
        ("e" + "\u0301" * 50, "e" + "\u0301" * 8),
        ("x" * 301, "x" * 299 + "…"),
    ],
)
def test_what_has_no_shape_is_written_out_and_what_is_spelt_stays(text: str, shown: str) -> None:
    assert visible_text(text) == shown
    assert visible_text(shown) == shown
    assert html_text(f"<{text}>").startswith("&lt;")


def test_a_line_for_a_terminal_keeps_its_columns_and_suits_its_encoding() -> None:
    assert terminal_text("logit        1.5") == "logit        1.5"
    assert terminal_text("a\nb é", "ascii") == "a \\u21b5 b \\xe9"


def test_an_error_is_one_line_whatever_it_quotes(hostile: str) -> None:
    error = UserError(hostile, path=Path("a\nprobability 0.0001"), remedy=hostile)
    assert_plain(str(error), longest_line=5000)
    assert "\n" not in str(error)
