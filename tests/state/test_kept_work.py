"""Marks, window levels, form entries and map settings return when the same case is opened again."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fusion3d_gui.imaging.annotations.annotation import Annotation
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.display.window import Window
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.state.kept import work_folder
from fusion3d_gui.state.kept.kept_work import KeptWork
from fusion3d_gui.state.kept.work_folder import read_work, work_key, write_work
from fusion3d_gui.state.session import Session

WHO = {"PatientName": "Querido^Jane", "PatientID": "QUERIDO4711", "PatientAge": "070Y"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "cases"


@pytest.fixture
def run_of(qapp, make_bundle, folder, settled, qtbot) -> Iterator:
    """Open a path in a session of its own, as in a new run of the program; ``end`` it as on quitting."""
    bundle = make_bundle()
    begun: list[Session] = []

    def begin(path: Path, hidden: bool = False) -> Session:
        session = Session([BundleInfo.read(bundle)], device="cpu", kept_folder=folder)
        begun.append(session)
        session.told = []
        session.store.noticed.connect(lambda notice: session.told.append(notice.text))
        session.store.identity.set_hidden(hidden)
        open_in(session, path)
        return session

    def open_in(session: Session, path: Path) -> None:
        session.opener.open(path)
        settled(session)
        assert session.store.case is not None
        qtbot.waitUntil(lambda: session.keeper._is_read)

    def end(session: Session) -> None:
        begun.remove(session)
        assert session.close()

    begin.end, begin.open_in = end, open_in
    yield begin
    for session in begun:
        assert session.close()


def dicom(folder: Path, seed: int = 0, who: dict[str, str] = WHO) -> Path:
    voxels = np.random.default_rng(seed).integers(0, 900, (12, 20, 22)).astype(np.int16)
    volume = Volume(voxels, np.diag([2.0, 2, 4, 1]), modality="MR", description="T1")
    write_dicom_series(volume, folder, attributes=who, uid_seed="same")
    return folder


def work_on(session: Session) -> None:
    """Two marks, one with a text, a window level, two entries, and another map."""
    marks = session.annotations
    marks.add_point(np.array([1.0, 2, 3]))
    marks.set_draft("rectangle", ((0, 0, 0), (8, 6, 0)), (1, 0, 0), (0, 1, 0))
    marks.keep_draft()
    marks.set_text(2, "left <b>hilum</b>")
    session.display.window_level.set_window(Window(321, 123))
    session.form.type_text("age", "61")
    session.form.set_value("diabetes", True)
    session.display.overlay.set_threshold(0.6)
    session.explanation_choice.choose(Explanation("hirescam", (4,), "lowered"))


def assert_restored(session: Session) -> None:
    first, second = session.annotations.items
    assert first.points == ((1.0, 2.0, 3.0),)
    assert (second.kind, second.text) == ("rectangle", "left <b>hilum</b>")
    level = session.display.window_level.window
    assert (level.center, level.width) == (321, 123)
    assert session.form.values == {"age": 61.0, "sex": None, "diabetes": True}
    assert session.form.entry("age").text == "61"
    assert session.display.overlay.threshold == 0.6
    assert session.explanation_choice.wanted == Explanation("hirescam", (4,), "lowered")


def test_all_work_returns_when_the_case_is_opened_again_after_quitting(
    run_of, tmp_path, folder
) -> None:
    session = run_of(dicom(tmp_path / "scan"))
    work_on(session)
    run_of.end(session)
    again = run_of((tmp_path / "scan").rename(tmp_path / "elsewhere"))
    assert_restored(again)
    date = time.strftime("%b")
    assert again.told[-1].startswith(
        "Restored 2 marks, the form, the window level and the heatmap's"
    )
    assert again.told[-1].endswith(f"{date}.")
    assert not again.annotations.can_undo
    again.annotations.add_point(np.zeros(3))
    assert again.annotations.items[-1].number == 3
    run_of.end(again)
    assert len(run_of(tmp_path / "elsewhere").annotations.items) == 3


def test_a_case_that_nobody_changed_leaves_no_file_and_emptied_work_none(
    run_of, tmp_path, folder
) -> None:
    path = dicom(tmp_path / "scan")
    run_of.end(run_of(path))
    assert not list(folder.glob("*"))
    session = run_of(path)
    session.annotations.add_point(np.zeros(3))
    run_of.end(session)
    assert len(list(folder.iterdir())) == 1
    session = run_of(path)
    session.annotations.remove_all()
    run_of.end(session)
    assert not list(folder.iterdir())


def test_two_patients_with_one_series_uid_but_other_voxels_never_share_work(
    run_of, tmp_path
) -> None:
    session = run_of(dicom(tmp_path / "a"))
    work_on(session)
    other = dicom(tmp_path / "b", seed=1, who=WHO | {"PatientName": "Other^John"})
    run_of.open_in(session, other)
    assert session.annotations.items == ()
    session.annotations.add_point(np.array([9.0, 9, 9]))
    run_of.end(session)
    assert_restored(run_of(tmp_path / "a"))
    kept = run_of(other)
    assert [mark.points for mark in kept.annotations.items] == [((9.0, 9.0, 9.0),)]
    assert kept.form.entry("age").value == 70


def test_returning_within_a_run_doubles_nothing(run_of, tmp_path) -> None:
    session = run_of(dicom(tmp_path / "a"))
    work_on(session)
    run_of.open_in(session, dicom(tmp_path / "b", seed=1))
    told = len(session.told)
    run_of.open_in(session, tmp_path / "a")
    assert_restored(session)
    assert not any(text.startswith("Restored") for text in session.told[told:])


def test_files_are_private_named_by_a_hash_and_hold_nothing_from_the_header(
    run_of, tmp_path, folder
) -> None:
    for hidden in (False, True):
        session = run_of(dicom(tmp_path / "QUERIDO_JANE"), hidden)
        session.annotations.add_point(np.array([hidden, 0.0, 0.0]))
        run_of.end(session)
        (path,) = folder.iterdir()
        assert len(path.stem) == 64 and set(path.stem) <= set("0123456789abcdef")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        with zipfile.ZipFile(path) as archive:
            assert archive.namelist() == ["session.json"]
            text = archive.read("session.json").decode().lower()
        assert not any(part in text for part in ("querido", "4711", "070y", "1.2.826"))


def test_forgetting_deletes_the_file_and_keeps_no_more_of_the_case(
    run_of, tmp_path, folder, qtbot
) -> None:
    session = run_of(dicom(tmp_path / "scan"))
    work_on(session)
    session.keeper._keep()
    qtbot.waitUntil(lambda: bool(list(folder.glob("*.fusion3d"))))
    assert session.keeper.can_forget
    session.keeper.forget()
    assert not session.keeper.can_forget
    session.annotations.add_point(np.zeros(3))
    run_of.end(session)
    assert not list(folder.glob("*"))
    assert run_of(tmp_path / "scan").annotations.items == ()


_KILLED = """
import os, sys, time
from pathlib import Path
import numpy as np
from PySide6.QtCore import QCoreApplication
from fusion3d_gui.state.session import Session
app = QCoreApplication([])
session = Session([], kept_folder=Path(sys.argv[2]))
session.opener.open(Path(sys.argv[1]))
marks, number = session.annotations, 0
while True:
    app.processEvents()
    time.sleep(0.005)
    if session.store.case is not None and session.store.case.is_complete:
        marks.add_point(np.array([number, 0.0, 0.0]))
        number += 1
        print(number, flush=True)
"""


def test_work_survives_a_kill_in_the_middle_of_drawing(run_of, tmp_path, folder) -> None:
    path = dicom(tmp_path / "scan")
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(path), str(folder)], stdout=subprocess.PIPE, text=True
    )
    drawn = {}
    for line in process.stdout:
        drawn[int(line)] = time.monotonic()
        if len(drawn) == 400:
            break
    process.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    process.wait()
    process.stdout.close()
    count = len(run_of(path).annotations.items)
    certain = [number for number, when in drawn.items() if when < killed - 1.0]
    assert certain and count >= certain[-1]


def test_marks_drawn_before_the_kept_ones_are_read_come_after_them(
    run_of, tmp_path, folder, make_bundle, qtbot
) -> None:
    session = run_of(dicom(tmp_path / "scan"))
    session.annotations.add_point(np.array([1.0, 0, 0]))
    run_of.end(session)
    session = run_of(tmp_path / "scan")
    marks = session.annotations
    old = marks.items
    marks._history.items, marks._history.next_number = (), 1
    marks.add_point(np.array([5.0, 0, 0]))
    marks.add_point(np.array([6.0, 0, 0]))
    marks.put_first(old)
    assert [(mark.number, mark.points[0][0]) for mark in marks.items] == [(1, 1), (2, 5), (3, 6)]
    marks.undo()
    assert [mark.number for mark in marks.items] == [1, 2]
    marks.add_point(np.zeros(3))
    assert marks.items[-1].number == 4


def test_work_over_work_that_was_not_seen_loses_neither() -> None:
    one, two = (Annotation(1, "point", ((x, 0.0, 0.0),), (1, 0, 0), (0, 1, 0)) for x in (1.0, 2.0))
    merged = KeptWork((two,)).over(KeptWork((one,), window=(1, 2)))
    assert [(mark.number, mark.points[0][0]) for mark in merged.marks] == [(1, 1), (2, 2)]
    assert merged.window == (1, 2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"version": 9}',
        json.dumps({"version": 1, "marks": [{}], "window": None, "form": [], "map": None}),
        json.dumps({"version": 1, "marks": [], "window": [1e999, 1], "form": [], "map": None}),
        json.dumps({"version": 1, "marks": [], "window": None, "form": [{}], "map": {}}),
    ],
)
def test_a_file_that_makes_no_sense_is_ignored(text: str, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "k.json").write_text(text)
    assert read_work(folder, "k") is None


def test_the_number_of_kept_cases_is_bounded(folder: Path, monkeypatch) -> None:
    monkeypatch.setattr(work_folder, "MOST_CASES", 3)
    for number in range(5):
        write_work(folder, f"k{number}", KeptWork(window=(number, 1)))
        os.utime(folder / f"k{number}.fusion3d", (number, number))
    assert sorted(path.stem for path in folder.iterdir()) == ["k2", "k3", "k4"]


def test_half_files_of_killed_processes_are_cleared_and_count_as_no_case(
    folder: Path, monkeypatch
) -> None:
    monkeypatch.setattr(work_folder, "MOST_CASES", 2)
    folder.mkdir(parents=True, exist_ok=True)
    old, new = folder / ".0a.part.fusion3d", folder / ".0b.part.fusion3d"
    old.write_text("{")
    new.write_text("{")
    os.utime(old, (1, 1))
    for number in range(2):
        write_work(folder, f"k{number}", KeptWork(window=(number, 1)))
    assert sorted(path.name for path in folder.iterdir()) == [
        new.name,
        "k0.fusion3d",
        "k1.fusion3d",
    ]


def test_the_key_follows_voxels_and_places_not_names(tmp_path: Path) -> None:
    volume = Volume(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.eye(4), series_uid="1.2.3")
    key = work_key(volume)
    assert work_key(replace(volume, path=tmp_path, description="x")) == key
    assert work_key(replace(volume, series_uid="1.2.4")) != key
    assert work_key(replace(volume, voxels=volume.voxels + 1)) != key
    assert work_key(replace(volume, affine=np.diag([2.0, 1, 1, 1]))) != key
    file = replace(volume, series_uid="a.nii")
    assert work_key(file) == work_key(replace(file, series_uid="sub/b.nii"))


def test_a_folder_that_cant_be_written_is_told_once(run_of, tmp_path, folder, qtbot) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_text("a file in its place")
    session = run_of(dicom(tmp_path / "scan"))
    for x in (1.0, 2.0):
        session.annotations.add_point(np.array([x, 0, 0]))
        session.keeper._keep()
        qtbot.waitUntil(lambda: not session.keeper._writing.running)
    assert sum("can't be kept" in text for text in session.told) == 1


def test_keeping_never_holds_up_the_window(run_of, tmp_path, qtbot) -> None:
    volume = Volume(
        np.random.default_rng(0).integers(0, 999, (220, 400, 400)).astype(np.int16), np.eye(4)
    )
    write_nifti(volume, tmp_path / "large.nii")
    session = run_of(tmp_path / "large.nii")
    longest = 0.0  # of this thread's own work: hashing alone takes longer
    for number in range(300):
        begun = time.thread_time()
        session.annotations.add_point(np.array([number, 0.0, 0.0]))
        session.keeper._keep()
        longest = max(longest, time.thread_time() - begun)
    assert longest < 0.05
