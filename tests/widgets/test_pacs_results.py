"""What becomes of results in the window: forwarded by themselves, withdrawn; pictures of series; copies that stay."""

from __future__ import annotations

import io
from dataclasses import replace

import imagecodecs
import numpy as np
import pydicom
import pytest
import requests
from PySide6.QtCore import Qt

from fusion3d_gui.imaging.simulated import SIMULATED
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.pacs.orthanc import PASSWORD, USER, Orthanc
from fusion3d_gui.state.pacs.pacs_parts import PacsPlaces
from fusion3d_gui.state.session import Session
from fusion3d_gui.state.settings import Settings
from fusion3d_gui.widgets.pacs.node_dialog import NodeDialog
from fusion3d_gui.widgets.pacs.withdraw_dialog import WithdrawDialog
from fusion3d_gui.widgets.window.main_window import MainWindow
from tests.pacs.conftest import make_series, needs_orthanc
from tests.pacs.conftest import store as store
from tests.pacs.test_nodes import memory_keyring as memory_keyring
from tests.serve.conftest import head_series, meant_for_mr
from tests.widgets.test_pacs_page import nodes_of, rows

pytestmark = needs_orthanc


@pytest.fixture(scope="module")
def pacs_server():
    with Orthanc() as running:
        yield running


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSION3D_SECRET_WEB", PASSWORD)
    return PacsPlaces.below(tmp_path)


@pytest.fixture
def open_window(qtbot, places):
    """Make a window, with a model or without; closed at the end."""
    made: list[MainWindow] = []

    def open_one(bundle=None, settings: Settings | None = None) -> MainWindow:
        bundles = [] if bundle is None else [BundleInfo.read(bundle)]
        session = Session(bundles, device="cpu", pacs=places)
        made.append(MainWindow(session, settings=settings or Settings()))
        qtbot.addWidget(made[-1])
        made[-1].show()
        return made[-1]

    yield open_one
    for window in made:
        window.close()
        assert window.session.close()


def predicted(window: MainWindow, qtbot, folder) -> None:
    store = window.session.store
    before = store.shown_prediction
    window.session.open(folder)
    qtbot.waitUntil(
        lambda: store.case is not None and store.case.is_complete and store.case.paths == (folder,),
        timeout=30000,
    )
    window.session.predictions.predict()
    qtbot.waitUntil(
        lambda: (
            (shown := store.shown_prediction) is not None
            and shown is not before
            and shown.heatmap is not None
        ),
        timeout=120000,
    )


def test_a_result_that_fits_is_forwarded_once_where_the_site_wants_it(
    open_window, qtbot, pacs_server, make_bundle, tmp_path
):
    for name, more in (("good", {}), ("odd", {"BodyPartExamined": "KNEE"}), ("sim", {})):
        given = {"ImageComments": SIMULATED} if name == "sim" else more
        head_series(tmp_path / name, f"forward {name}", **given)
    bundle = meant_for_mr(make_bundle("image_only"))
    scope = bundle / "configs" / "scope.json"
    scope.write_text(scope.read_text().replace('"body_part": ""', '"body_part": "brain"'))
    settings = Settings()
    window = open_window(bundle, settings)
    queue, node = window.session.pacs.queue, nodes_of(pacs_server)[1]
    window.session.pacs.nodes.put(node)
    predicted(window, qtbot, tmp_path / "good")
    assert not queue.items and not queue.outbox().items()  # off by default
    # The switch is in the form of the node.
    window.menus.actions["nodes"].trigger()
    dialog = window.pacs.findChild(NodeDialog)
    assert not dialog.forward.isChecked()
    dialog.forward.setChecked(True)
    qtbot.mouseClick(dialog.keep, Qt.MouseButton.LeftButton)
    dialog.close()
    assert settings.values.forwards_to == "Dimse"
    predicted(window, qtbot, tmp_path / "odd")
    assert window.session.store.shown_prediction.prediction.fit.fit == "doubtful"
    predicted(window, qtbot, tmp_path / "good")
    qtbot.waitUntil(
        lambda: bool(queue.items) and all(item.state == "accepted" for item in queue.items),
        timeout=120000,
    )
    study = str(pydicom.dcmread(next((tmp_path / "good").glob("*.dcm"))).StudyInstanceUID)
    assert {item.study_uid for item in queue.items} == {study}
    count = len(queue.items)
    # A result of a simulated scan goes to no node but a test system; that is said.
    said: list[str] = []
    window.session.store.noticed.connect(lambda notice: said.append(notice.text))
    predicted(window, qtbot, tmp_path / "sim")
    qtbot.waitUntil(lambda: any("not marked as a test system" in text for text in said))
    # And the first once more: the same result is not sent twice.
    predicted(window, qtbot, tmp_path / "good")
    qtbot.wait(300)
    assert len(queue.outbox().items()) == count


def test_what_was_sent_is_withdrawn_from_the_queue(
    open_window, qtbot, pacs_server, tmp_path, places
):
    window = open_window()
    node = nodes_of(pacs_server)[1]
    window.session.pacs.nodes.put(node)
    queue, view = window.session.pacs.queue, window.pacs.queue
    window.menus.actions["pacs"].trigger()
    qtbot.mouseClick(window.pacs.sent_sheet, Qt.MouseButton.LeftButton)
    for name in ("one", "other"):
        files = make_series(tmp_path / name, f"withdraw {name}", count=2, PatientID="W-1")
        study = str(pydicom.dcmread(files[0]).StudyInstanceUID)
        queue.outbox().add(files, node, study, title=name)
    queue.retry()
    qtbot.waitUntil(lambda: [row[1] for row in rows(view.model)] == ["Accepted"] * 4, timeout=20000)
    assert not view.withdraw.isEnabled()
    view.table.selectRow(0)
    qtbot.mouseClick(view.withdraw, Qt.MouseButton.LeftButton)
    dialog = view.findChild(WithdrawDialog)
    assert dialog.told.text() == "other: 2 objects at Dimse"
    qtbot.mouseClick(dialog.withdraw, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: view.status.text() == "3 accepted, 2 withdrawn.", timeout=20000)
    states = {row[3]: row[1] for row in rows(view.model)}
    assert states == {"Withdrawal": "Accepted", "other": "Withdrawn", "one": "Accepted"}
    for row in range(3):  # neither the note nor what it names can be withdrawn
        view.table.selectRow(row)
        assert not view.withdraw.isEnabled()
    note = next(item for item in queue.items if item.title == "Withdrawal")
    named = _named_by(pacs_server, note.uid)
    assert named == {item.uid for item in queue.items if item.title == "other"}


def _named_by(server: Orthanc, uid: str) -> set[str]:
    base = server.url.removesuffix("/dicom-web")
    (found,) = requests.post(f"{base}/tools/lookup", data=uid, auth=(USER, PASSWORD)).json()
    content = requests.get(f"{base}{found['Path']}/file", auth=(USER, PASSWORD)).content
    note = pydicom.dcmread(io.BytesIO(content))
    assert note.Modality == "KO" and note.ConceptNameCodeSequence[0].CodeValue == "113037"
    (study,) = note.CurrentRequestedProcedureEvidenceSequence
    return {
        str(each.ReferencedSOPInstanceUID)
        for series in study.ReferencedSeriesSequence
        for each in series.ReferencedSOPSequence
    }


def test_the_picture_of_a_series_is_the_one_that_the_server_renders(
    open_window, qtbot, pacs_server, store, tmp_path
):
    files = head_series(tmp_path / "a", "pictured", PatientID="PIC-1")
    store(pacs_server, files)
    window = open_window()
    web, dimse = nodes_of(pacs_server)
    finder, page = window.session.pacs.finder, window.pacs
    window.session.pacs.nodes.put(dimse)
    window.session.pacs.nodes.put(web)
    window.menus.actions["pacs"].trigger()

    def list_series(name: str) -> None:
        window.session.pacs.nodes.choose(name)
        finder.find(patient_id="PIC-1")
        qtbot.waitUntil(lambda: page.study_model.rowCount() == 1, timeout=20000)
        page.studies.selectRow(0)
        qtbot.waitUntil(lambda: page.series_model.rowCount() == 1, timeout=20000)

    list_series("Web")
    qtbot.waitUntil(page.picture.isVisible, timeout=20000)
    middle = pydicom.dcmread(sorted(files)[12])
    address = (
        f"{web.url}/studies/{middle.StudyInstanceUID}/series/{middle.SeriesInstanceUID}"
        f"/instances/{middle.SOPInstanceUID}/rendered?viewport=128,128"
    )
    answer = requests.get(address, auth=(USER, PASSWORD), headers={"Accept": "image/jpeg"})
    wanted = imagecodecs.jpeg_decode(answer.content)
    shown = finder.picture.astype(float)
    assert np.abs(shown - wanted.reshape(*shown.shape[:2], -1)).mean() < 3 and shown.std() > 10
    window.session.store.identity.set_hidden(True)
    assert not page.picture.isVisible()
    window.session.store.identity.set_hidden(False)
    assert page.picture.isVisible()
    list_series("Dimse")
    assert finder.picture is None and not page.picture.isVisible()


def test_fetched_series_stay_encrypted_where_the_user_wants_it(
    open_window, qtbot, pacs_server, store, tmp_path, places, memory_keyring
):
    store(pacs_server, make_series(tmp_path / "a", "kept", count=20, PatientID="KEPT-1"))
    window = open_window()
    session = window.session
    session.pacs.nodes.put(replace(nodes_of(pacs_server)[1]))
    window.menus.actions["nodes"].trigger()
    dialog = window.pacs.findChild(NodeDialog)
    qtbot.mouseClick(dialog.copies, Qt.MouseButton.LeftButton)
    session.pacs.finder.find(patient_id="KEPT-1")
    qtbot.waitUntil(lambda: len(session.pacs.finder.studies) == 1, timeout=20000)
    session.pacs.worklist.open_next()
    qtbot.waitUntil(
        lambda: session.store.case is not None and session.store.case.is_complete, timeout=30000
    )
    sealed = places.cache / "sealed"
    qtbot.waitUntil(lambda: len(list(sealed.rglob("*.sealed"))) == 20)
    assert not any(b"KEPT-1" in path.read_bytes() for path in sealed.rglob("*.sealed"))
    session.pacs.fetched.close()
    assert not any(places.cache.rglob("*.dcm")) and any(sealed.rglob("*.sealed"))
    qtbot.mouseClick(dialog.copies, Qt.MouseButton.LeftButton)  # off: erased at once
    assert not any(sealed.rglob("*"))
    dialog.close()
