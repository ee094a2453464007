"""Reading a study: each reader's order, the log that survives a kill, the window that shows no more than the arm."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from fusion3d_gui.cli.parser import run
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.report.reader_study.protocol import read_protocol, reading_order
from fusion3d_gui.report.reader_study.read_log import Read, ReadLog, washout_sentence
from fusion3d_gui.state.display.corner_text import corner_lines
from fusion3d_gui.state.reader_study.reading import Reading
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.look.theme import apply_theme
from fusion3d_gui.widgets.reader_study.reading_window import ReadingWindow


@pytest.fixture
def write_protocol(tmp_path):
    def write(**changes) -> Path:
        declared = {
            "format": "fusion3d reader study",
            "version": 1,
            "question": "Is there a lesion?",
            "seed": 3,
            "washout_days": 0,
            "arms": ["unaided", "map"],
            "readers": ["R1", "R2"],
            "rating": {"labels": ["no", "rather no", "rather yes", "yes"], "positive_from": 3},
            "cases": [{"id": f"c{n}", "path": f"doe{n}.nii.gz"} for n in range(6)],
            "model": "model",
            **changes,
        }
        path = tmp_path / "protocol.json"
        path.write_text(json.dumps(declared), encoding="utf-8")
        return path

    return write


@pytest.fixture
def read_study(qapp, qtbot, write_protocol, make_case, make_bundle):
    """Open a reading window on two cases with given arms; closed again at the end."""
    opened = []

    def read(**changes):
        apply_theme(qapp)
        for n in range(2):
            make_case(f"doe{n}")
        cases = [
            {
                "id": f"c{n}",
                "path": f"doe{n}.nii.gz",
                "metadata": {"age": 60, "sex": "F", "diabetes": True},
            }
            for n in range(2)
        ]
        bundle = make_bundle()
        study = read_protocol(write_protocol(cases=cases, model=str(bundle), **changes))
        log = ReadLog(study, "R1")
        session = Session([BundleInfo.read(bundle)], device="cpu")
        reading = Reading(session, study, log)
        window = ReadingWindow(session, reading)
        opened.append((window, session, log))
        window.show()
        reading.start()
        qtbot.waitUntil(lambda: reading.phase == "reading", timeout=60_000)
        return window

    yield read
    for window, session, log in opened:
        window.close()
        assert session.close()
        log.close()
        window.deleteLater()


def test_an_order_has_each_case_in_each_arm_once_and_depends_on_seed_and_reader(write_protocol):
    protocol = read_protocol(write_protocol(arms=["unaided", "number", "map"])).protocol

    order = reading_order(protocol, "R1")

    assert len({(one.case.id, one.arm) for one in order}) == len(order) == 18
    for period in (1, 2, 3):
        shown = [one for one in order if one.period == period]
        assert len({one.case.id for one in shown}) == 6
        assert sorted(one.arm for one in shown) == ["map"] * 2 + ["number"] * 2 + ["unaided"] * 2
    assert order == reading_order(protocol, "R1") != reading_order(protocol, "R2")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": None}, "an arm shows the model, and no model is named"),
        ({"readers": ["R1", "R1"]}, "the reader 'R1' is named twice"),
        ({"truth": {"c1": 1}}, "unknown field `truth`"),
        ({"rating": {"labels": ["no", "yes"], "positive_from": 3}}, "beyond the last label"),
    ],
)
def test_a_wrong_protocol_is_refused_in_one_line(write_protocol, capsys, changes, said):
    status = run(["reader-study", "run", str(write_protocol(**changes)), "--reader", "R1"])

    error = capsys.readouterr().err
    assert status == 2 and said in error and error.count("\n") == 1


_CHILD = """
import sys
from pathlib import Path
from fusion3d_gui.report.reader_study.protocol import read_protocol
from fusion3d_gui.report.reader_study.read_log import Read, ReadLog
log = ReadLog(read_protocol(Path(sys.argv[1])), "R1")
while log.next is not None:
    one = log.next
    log.add_read(Read(one.number, one.period, one.case.id, one.arm, 1, 1, 2.0, "a", "b", 1))
    print(one.number, flush=True)
"""


def test_reads_survive_a_kill_at_any_moment_none_lost_and_none_twice(write_protocol):
    cases = [{"id": f"c{n}", "path": "a"} for n in range(2000)]
    path = write_protocol(cases=cases)
    study = read_protocol(path)
    said = 0
    for wanted in (20, 7, 30):
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        for _ in range(wanted):
            said = int(child.stdout.readline())
        os.kill(child.pid, signal.SIGKILL)
        rest = child.stdout.read().splitlines()
        child.wait()
        said = max([said, *map(int, rest)])
        with ReadLog(study, "R1") as log:
            assert [read.number for read in log.reads] == list(range(1, len(log.reads) + 1))
            assert said <= len(log.reads) <= said + 1  # one may be on the disk and not yet said


def test_a_line_that_was_cut_off_is_removed_and_its_case_comes_again(write_protocol):
    study = read_protocol(write_protocol())
    with ReadLog(study, "R1") as log:
        log.add_read(_read(log, "2026-01-01T00:00:00+00:00"))
        whole = log.path.read_bytes()
        second = log.next
    log.path.write_bytes(whole + b'{"line":"read","number":2,"per')

    with ReadLog(study, "R1") as again:
        assert again.next == second
        assert again.path.read_bytes() == whole


def test_a_protocol_that_has_changed_is_refused(write_protocol):
    with ReadLog(read_protocol(write_protocol()), "R1"):
        pass

    with pytest.raises(Exception, match="the protocol has changed since the first read"):
        ReadLog(read_protocol(write_protocol(seed=4)), "R1")


def test_two_windows_never_read_for_one_reader(write_protocol):
    study = read_protocol(write_protocol())

    with ReadLog(study, "R1"), pytest.raises(Exception, match="another window reads for 'R1'"):
        ReadLog(study, "R1")


def test_the_second_period_waits_for_the_wash_out(write_protocol, make_bundle, capsys):
    path = write_protocol(washout_days=28, model=str(make_bundle()))
    study = read_protocol(path)
    ended = datetime.now(UTC)
    with ReadLog(study, "R1") as log:
        for _ in range(6):
            assert washout_sentence(log, study, ended) is None
            log.add_read(_read(log, ended.isoformat()))
        assert washout_sentence(log, study, ended + timedelta(days=28)) is None

    assert run(["reader-study", "run", str(path), "--reader", "R1"]) == 2

    error = capsys.readouterr().err
    assert "read again after a wash-out of 28 days" in error and error.count("\n") == 1
    assert f"{ended + timedelta(days=28):%Y-%m-%d}" in error


def test_cases_are_read_by_keys_and_leave_as_a_table_that_is_analysed(
    read_study, qtbot, tmp_path, capsys
):
    window = read_study()
    reading = window.reading
    for number in range(1, 5):
        qtbot.waitUntil(
            lambda number=number: reading.phase == "reading" and reading.position[0] == number,
            timeout=60_000,
        )
        view = window.views.main
        qtbot.keyClick(view, Qt.Key.Key_Return)  # nothing is chosen: the case stays
        assert reading.position[0] == number
        if number == 1:
            qtbot.keyClick(view, Qt.Key.Key_P)
            qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=view.rect().center())
        qtbot.keyClick(view, Qt.Key.Key_4 if number % 2 else Qt.Key.Key_1)
        if number == 2:
            qtbot.mouseClick(window.bar.confidence_buttons[2], Qt.MouseButton.LeftButton)
        else:
            qtbot.keyClick(view, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
        qtbot.keyClick(view, Qt.Key.Key_Return)
    assert reading.phase == "done" and "All cases are read" in window.message.text()

    truth = tmp_path / "truth.csv"
    truth.write_text("case,truth\nc0,0\nc1,1\n", encoding="utf-8")
    out = tmp_path / "results.csv"
    assert (
        run(
            [
                "reader-study",
                "results",
                str(tmp_path / "protocol.json"),
                "--truth",
                str(truth),
                "--out",
                str(out),
            ]
        )
        == 0
    )
    with out.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["rating"] for row in rows] == ["4", "1", "4", "1"]
    assert [row["positive"] for row in rows] == ["1", "0", "1", "0"]
    assert [row["confidence"] for row in rows] == ["2", "3", "2", "2"]
    assert rows[0]["marks_lps_mm"].startswith("point ") and not rows[1]["marks_lps_mm"]
    assert all(float(row["seconds"]) >= 0 and row["openings"] == "1" for row in rows)
    assert all((row["probability"] == "") == (row["arm"] == "unaided") for row in rows)
    # Two cases are too few to analyse, which is said in one line.
    assert run(["reader-study", "analyse", str(out)]) == 2
    assert "fewer than two positive cases" in capsys.readouterr().err


def test_the_arm_without_the_model_shows_neither_number_nor_map_nor_name(read_study, qtbot):
    window = read_study(arms=["unaided"])
    session = window.session

    assert session.predictions.current is None and session.predictions.heatmap is None
    assert not window.bar.model.isVisible()
    window.views.toggle_maximised(window.views.coronal)
    assert not any(view.names_patient for view in window.views.views)
    texts = [label.text() for label in window.findChildren(QLabel)] + [window.windowTitle()]
    captions = [line for view in window.views.shown for line in corner_lines(view.picture.volume)]
    assert not [
        text for text in (*texts, *captions) if "doe" in text or "c0" in text or "c1" in text
    ]


def test_the_arm_with_the_number_shows_the_same_picture_as_the_arm_without(read_study, qtbot):
    pictures = {}
    for arm in ("unaided", "number", "map"):
        window = read_study(arms=[arm], seed=1, question=f"{arm}?")
        qtbot.waitUntil(lambda views=window.views: views.is_settled, timeout=30_000)
        assert ("Model:" in window.bar.model.text()) == (arm != "unaided")
        image = window.views.main.grab().toImage()
        pictures[arm] = np.frombuffer(bytes(image.constBits()), np.uint8).copy()
        reading_log = window.reading._log
        reading_log.path.unlink()
        reading_log.close()

    assert (pictures["unaided"] == pictures["number"]).all()
    assert (pictures["unaided"] != pictures["map"]).any()


def test_a_pause_hides_the_images_and_stops_the_clock(read_study, qtbot):
    window = read_study(arms=["number"])
    reading = window.reading
    assert window.keys.text().startswith("1–4 rating  ·  Ctrl+1–3 confidence")
    assert window.bar.model.isVisible()

    qtbot.keyClick(window, Qt.Key.Key_F8)

    before = reading.seconds
    qtbot.wait(30)
    assert reading.seconds == before and not window.views.isVisible()
    # Nor what the model says: it could be thought about while no time counts.
    assert not window.bar.model.isVisible()
    qtbot.keyClick(window, Qt.Key.Key_4)
    assert reading.rating is None
    qtbot.keyClick(window, Qt.Key.Key_F8)
    assert window.views.isVisible()
    qtbot.waitUntil(lambda: reading.seconds > before)


def test_every_key_of_the_window_has_one_meaning_and_every_control_a_name(read_study):
    window = read_study(arms=["unaided"])

    keys = [action.shortcut().toString() for action in window.actions()]
    assert len(keys) == len(set(keys))
    bar = window.bar
    for button in (*bar.rating_buttons, *bar.confidence_buttons, bar.pause, bar.mark, bar.confirm):
        assert button.accessibleName() and button.toolTip()


def _read(log: ReadLog, ended: str) -> Read:
    one = log.next
    assert one is not None
    return Read(one.number, one.period, one.case.id, one.arm, 2, 1, 3.5, ended, ended, 1)
