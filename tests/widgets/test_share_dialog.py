"""Share…: a dialog over the window; what is chosen is written, what must be looked at stops it first."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication

from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.state.export.sharing import Shareable
from fusion3d_gui.widgets.pacs.send_dialog import SendDialog
from fusion3d_gui.widgets.window.layout.view_grabber import picture_of
from fusion3d_gui.widgets.window.share.share_dialog import ShareDialog


@pytest.fixture
def named_scan(tmp_path: Path) -> Path:
    voxels = np.random.default_rng(0).integers(100, 300, (20, 22, 24)).astype(np.int16)
    voxels[8:12, 8:12, 8:12] = 900
    volume = Volume(voxels, np.diag([6.0, 6, 6, 1]), modality="MR", description="Head")
    who = {"PatientName": "Querido^Jane", "PatientID": "QUERIDO4711", "StudyDate": "20260112"}
    write_dicom_series(volume, tmp_path / "QUERIDO", attributes=who, uid_seed="share")
    return tmp_path / "QUERIDO"


@pytest.fixture
def predicted(window, named_scan, settled):
    window.session.opener.open(named_scan, metadata={"age": 71.0, "sex": "F"}, then_predict=True)
    settled(window)
    assert window.session.predictions.current is not None
    return window


@pytest.fixture
def dialog(predicted, qtbot, tmp_path):
    """The dialog, opened by its button; it writes into ``tmp_path / "out"``."""
    assert predicted.side.prediction.share.isVisible()
    predicted.side.prediction.share.click()
    qtbot.waitUntil(lambda: bool(predicted.findChildren(ShareDialog)), timeout=30_000)
    (shown,) = predicted.findChildren(ShareDialog)
    qtbot.waitUntil(lambda: bool(shown.preview.pages), timeout=30_000)
    (tmp_path / "out").mkdir()
    shown.set_folder(tmp_path / "out")
    yield shown
    shown.reject()


def test_a_result_goes_to_a_pacs_from_here_where_one_is_set_up(predicted, qtbot):
    def shown() -> ShareDialog:
        predicted.side.prediction.share.click()
        qtbot.waitUntil(lambda: bool(predicted.findChildren(ShareDialog)), timeout=30_000)
        return predicted.findChildren(ShareDialog)[0]

    without = shown()
    assert not without.pacs.isEnabled() and "No PACS is set up" in without.pacs.toolTip()
    without.reject()
    qtbot.waitUntil(lambda: not predicted.findChildren(ShareDialog))
    predicted.session.pacs.nodes.put(Node("Archive", "dicomweb", url="http://127.0.0.1:9/dicom"))
    dialog = shown()
    assert dialog.pacs.isEnabled()
    dialog.unnamed.click()
    assert not dialog.pacs.isEnabled()  # objects in the patient's study name the patient
    dialog.named.click()
    dialog.pacs.click()
    qtbot.waitUntil(lambda: bool(predicted.findChildren(SendDialog)))
    (send,) = predicted.findChildren(SendDialog)
    assert send.isVisible() and send.node.currentData() == "Archive"
    assert "Querido^Jane" in send.patient.text()
    send.reject()


def choose(dialog: ShareDialog, *keys: str) -> None:
    for key, box in dialog.items.items():
        box.setChecked(key in keys)


def share(dialog: ShareDialog, qtbot) -> list[str]:
    dialog.share.click()
    qtbot.waitUntil(dialog.shared.isVisible, timeout=60_000)
    folder = Path(dialog.choice().folder)
    return sorted(path.name for path in folder.iterdir())


def test_what_is_chosen_is_written_and_told(dialog, predicted, qtbot):
    departed = []
    predicted.session.store.departed.connect(departed.append)
    choose(dialog, "html", "json", "view", "layout")
    names = share(dialog, qtbot)
    assert [name.partition("-12-")[2] for name in names] == [
        "layout.png",
        "page.html",
        "result.json",
        "view.png",
    ]
    assert all(name.startswith("Querido-Jane_2026-01-12") for name in names)
    (told,) = departed
    assert [item.kind for item in told.items] == ["page", "result", "picture", "picture"]
    assert told.with_identity
    assert dict(told.values) == dict(predicted.session.predictions.current.metadata)
    assert dialog.shared.title.text() == "4 files were written"
    dialog.shared.copy.click()
    copied = QApplication.clipboard().mimeData().urls()
    assert sorted(Path(url.toLocalFile()).name for url in copied) == names


def test_without_identity_names_and_pages_do_not_tell_who(dialog, qtbot):
    dialog.unnamed.setChecked(True)
    choose(dialog, "html", "json")
    for name in share(dialog, qtbot):
        assert "uerido" not in name
        text = (Path(dialog.choice().folder) / name).read_text()
        assert "uerido" not in text.lower() and "Identity hidden" in text + "Identity hidden"


def test_a_session_leaves_with_the_rest(dialog, predicted, qtbot):
    choose(dialog, "json", "session")
    dialog.share.click()
    out = Path(dialog.choice().folder)
    qtbot.waitUntil(lambda: bool(list(out.glob("*.fusion3d"))), timeout=60_000)
    assert len(list(out.iterdir())) == 2


def test_what_needs_a_look_stops_sharing_until_it_is_confirmed(dialog, predicted, qtbot):
    shareable = dialog._shareable
    burnt = dataclasses.replace(shareable.result, burnt_in=("Text is burnt into it.",))
    dialog._shareable = Shareable(shareable.case, burnt, is_hidden=False)
    choose(dialog, "html")
    assert dialog.share.isEnabled() and not dialog.confirmations
    dialog.unnamed.setChecked(True)
    dialog.items["html"].setChecked(False)
    dialog.items["html"].setChecked(True)
    ((stop, box),) = dialog.confirmations.items()
    assert stop.text == "Text is burnt into it."
    assert not dialog.share.isEnabled()
    box.setChecked(True)
    assert dialog.share.isEnabled()
    choose(dialog, "json")
    assert not dialog.confirmations and dialog.share.isEnabled()
    choose(dialog)
    assert not dialog.share.isEnabled()


def test_while_the_identity_is_hidden_it_can_not_leave(predicted, qtbot):
    predicted.session.store.identity.set_hidden(True)
    predicted.menus.actions["share"].trigger()
    qtbot.waitUntil(lambda: bool(predicted.findChildren(ShareDialog)), timeout=30_000)
    (shown,) = predicted.findChildren(ShareDialog)
    assert not shown.named.isEnabled()
    assert shown.unnamed.isChecked()
    assert not shown.choice().identity
    shown.reject()


def test_there_is_nothing_to_share_before_a_prediction(opened):
    assert not opened.side.prediction.share.isVisible()
    assert not opened.menus.actions["share"].isEnabled()


def test_pictures_of_views_leave_the_patient_and_marks_that_name_one_out(predicted, settled):
    view, marks = predicted.views.active, predicted.session.annotations
    qimage = view.grab().toImage()
    named = picture_of(view, 10, marks, marks=True)
    predicted.session.store.identity.set_hidden(True)
    settled(predicted)
    hidden = picture_of(view, 10, marks, marks=True)
    # The same whether the identity is on screen or not: none of it is in the picture.
    np.testing.assert_array_equal(named, hidden)
    assert view.names_patient
    assert qimage.width() == named.shape[1]


def test_a_copied_picture_has_the_result_around_it(predicted, qtbot):
    QApplication.clipboard().clear()
    predicted.menus.actions["copy_picture"].trigger()
    qtbot.waitUntil(lambda: not QApplication.clipboard().image().isNull(), timeout=30_000)
    copied = QApplication.clipboard().image()
    assert copied.width() == 1440
    shown = predicted.pages.size()
    assert copied.height() > 1440 * shown.height() / shown.width()
