"""The sheet of what a listening node received, in the window, beside a real listener."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox

from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.peer import Outcome
from fusion3d_gui.pacs.queues.inbox import Inbox
from fusion3d_gui.pacs.queues.outbox import Outbox
from fusion3d_gui.serve.intake import InboxBounds, Intake
from tests.pacs.conftest import dcmtk as dcmtk
from tests.serve.conftest import OWN, SENDER, head_series, meant_for_mr

LEFT = Qt.MouseButton.LeftButton
#: Nobody listens there.
WARD = Node("Ward", "dimse", ae_title="WARD", host="127.0.0.1", port=9)


def rows(view) -> list[list[str]]:
    model = view.model
    return [
        [model.data(model.index(row, column)) for column in range(model.columnCount())]
        for row in range(model.rowCount())
    ]


@pytest.fixture
def view(window, qtbot):
    """The sheet, chosen by the mouse."""
    window.session.pacs.nodes.put(WARD)
    window.menus.actions["pacs"].trigger()
    qtbot.mouseClick(window.pacs.received_sheet, LEFT)
    assert window.pacs.received.isVisible()
    return window.pacs.received


@pytest.fixture
def listener(make_bundle, tmp_path):
    """Start a listener as a process of its own, on the inbox that the window shows; gives it and its port."""
    processes: list[subprocess.Popen[str]] = []

    def start() -> tuple[subprocess.Popen[str], int]:
        program = [sys.executable, "-m", "fusion3d_gui", "pacs", "listen", "--port", "0"]
        program += ["--model", str(meant_for_mr(make_bundle("image_only"))), "--allow", SENDER]
        process = subprocess.Popen(
            [*program, "--quiet", "0.5"],
            env={
                **os.environ,
                "FUSION3D_CONFIG_DIR": str(tmp_path),
                "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        for line in process.stdout:
            if "Listening" in line:
                return process, int(line.rstrip().rstrip(".").rpartition(" ")[2])
        raise AssertionError(process.wait())

    yield start
    for process in processes:
        process.kill()
        process.wait()


def test_what_a_listener_receives_is_seen_opened_predicted_again_and_deleted(
    window, view, qtbot, listener, dcmtk, tmp_path
):
    inbox_folder = tmp_path / "inbox"
    received = window.session.pacs.received
    assert view.listener.text().startswith("No listener is running.")
    assert view.status.text() == "Nothing was received."
    assert not inbox_folder.exists()  # looking makes nothing, and starts nothing
    process, port = listener()
    told = f"{OWN} listens on 127.0.0.1, port {port}; every result is held."
    qtbot.waitUntil(lambda: view.listener.text() == told, timeout=20000)

    def send(*files: Path) -> None:
        sent = dcmtk(
            "storescu", "-aet", SENDER, "-aec", OWN, "127.0.0.1", str(port), *map(str, files)
        )
        assert sent.returncode == 0, sent.stderr

    def answer(button: str, asked: str) -> None:
        """Press Delete in the table, and a button of what then asks."""
        qtbot.keyClick(view.table, Qt.Key.Key_Delete)
        box = view.findChild(QMessageBox)
        assert asked in box.text()
        (clicked,) = (each for each in box.buttons() if each.text().strip("&") == button)
        qtbot.mouseClick(clicked, LEFT)
        qtbot.waitUntil(lambda: view.findChild(QMessageBox) is None, timeout=5000)

    send(*head_series(tmp_path / "ct", "ct", modality="CT"))
    qtbot.waitUntil(lambda: [row[1] for row in rows(view)] == ["Held"], timeout=60000)
    (row,) = rows(view)
    assert row[2:6] == ["Nemo, Nina", "N-17", SENDER, "24"]
    assert "the model is meant for MR" in row[6]
    assert window.pacs.received_sheet.text() == "Received (1 held)"
    assert view.status.text() == "1 held for you to see."
    window.session.store.identity.set_hidden(True)
    assert rows(view)[0][2:4] == ["hidden", "hidden"]
    at = view.table.visualRect(view.model.index(0, 0)).center()
    qtbot.mouseClick(view.table.viewport(), LEFT, pos=at)
    answer("Cancel", f"24 images that {SENDER} sent")
    window.session.store.identity.set_hidden(False)

    # A key opens it, on the row that the mouse chose.
    qtbot.keyClick(view.table, Qt.Key.Key_Return)
    store = window.session.store
    qtbot.waitUntil(lambda: store.case is not None and store.case.is_complete, timeout=30000)
    assert store.case.volume.attributes["PatientID"] == "N-17" and window.pages.has_images
    assert window.settings.values.recent_cases == ()  # it does not stay where it is

    # Once more: the listener predicts it, and holds it again; the row stays the chosen one.
    window.menus.actions["pacs"].trigger()
    inbox = Inbox(inbox_folder)
    before = inbox.series()[0]
    qtbot.mouseClick(view.again, LEFT)
    qtbot.waitUntil(lambda: not received.series[0].waits_for_person, timeout=20000)
    for _ in range(2):
        assert "Series 1: 24 images; predicting." in process.stdout.readline()
        assert "Series 1: held for a person." in process.stdout.readline()
    qtbot.waitUntil(lambda: received.series[0].waits_for_person, timeout=20000)
    assert inbox.series() == [before] and view.chosen.entry.id == 1

    answer("Delete", f"24 images of Nemo, Nina that {SENDER} sent")
    qtbot.waitUntil(lambda: not received.series, timeout=20000)
    assert (
        not list((inbox_folder / "series").iterdir())
        and view.status.text() == "Nothing was received."
    )
    assert window.pacs.received_sheet.text() == "Received"

    process.send_signal(signal.SIGKILL)
    process.wait()
    qtbot.waitUntil(lambda: view.listener.text().startswith("No listener"), timeout=20000)


def take(inbox: Inbox, folder: Path, seed: str, **attributes: str) -> int:
    """Put a series of one image into the inbox, as a listener does; returns its number."""
    (file, *_) = head_series(folder / seed, seed, **attributes)
    head = pydicom.dcmread(file)
    uids = (str(head.SOPClassUID), str(head.SOPInstanceUID))
    return Intake(inbox, InboxBounds(), 0.0).take(b"", file.read_bytes(), uids, SENDER)


def test_each_state_is_told_and_a_line_that_is_down_too(window, view, qtbot, tmp_path):
    inbox, outbox = Inbox(tmp_path / "inbox"), Outbox(tmp_path / "outbox")
    for number, name in enumerate(("sent", "sending", "failed", "held"), 1):
        assert (
            take(inbox, tmp_path, name, PatientName=f"{name}^X", PatientID=f"P{number}") == number
        )
    for number in (1, 2):
        assert inbox.begin().id == number
        results = head_series(tmp_path / f"result {number}", ("sent", "sending")[number - 1])[1:3]
        uids = [str(pydicom.dcmread(file).SOPInstanceUID) for file in results]
        assert inbox.keep_result(number, uids)
        outbox.add(results, WARD, inbox.series()[number - 1].study_uid)
        inbox.mark_queued(number)
        state = "accepted" if number == 1 else "failed"
        for item in outbox.claim(WARD.name, 9):
            outbox.settle(item, Outcome(state, "" if number == 1 else "the line is down"))
    inbox.mark_sent(1)
    inbox.hold(3, "an error of the program (ValueError)", failed=True)
    inbox.hold(4, "doubtful: why <b>not</b>")
    received = window.session.pacs.received
    received.refresh()
    qtbot.waitUntil(lambda: view.model.rowCount() == 4, timeout=20000)
    assert [(row[1], row[2], row[3], row[6]) for row in rows(view)] == [
        ("Held", "held, X", "P4", "Doubtful: why <b>not</b>"),
        ("Failed", "failed, X", "P3", "An error of the program (ValueError)"),
        ("Sending", "sending, X", "P2", "The line is down"),
        ("Sent", "Nemo, Nina", "N-17", ""),  # its images are gone: as its result names the patient
    ]
    assert view.status.text() == "1 held for you to see, 1 failed, 1 under way, 1 sent."
    # Nothing can be done with what goes on by itself, nor once more with what is in the queue.
    enabled = []
    for row in range(4):
        view.table.selectRow(row)
        enabled.append((view.open.isEnabled(), view.again.isEnabled(), view.drop.isEnabled()))
    assert enabled == [(True, True, True), (True, True, True), (False,) * 3, (False,) * 3]
    inbox.hold(2, "Ward refused it: status A900", failed=True)
    received.refresh()
    qtbot.waitUntil(lambda: rows(view)[2][1] == "Failed", timeout=20000)
    view.table.selectRow(2)
    assert (view.open.isEnabled(), view.again.isEnabled()) == (True, False)
    # Once it was tried again it is no failure any more.
    inbox.try_again(3)
    inbox.hold(3, "doubtful")
    received.refresh()
    qtbot.waitUntil(lambda: rows(view)[1][1] == "Held", timeout=20000)


def test_an_inbox_that_cannot_be_read_is_one_sentence(window, view, qtbot, tmp_path):
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "inbox.sqlite").write_bytes(b"no database" * 99)
    with qtbot.waitSignal(window.session.store.failed, timeout=20000) as failed:
        pass
    assert "the queue can't be used" in str(failed.args[0])
