"""The page of the PACS, driven by mouse and keys against a real PACS."""

from __future__ import annotations

import datetime
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from PySide6.QtCore import Qt

from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.nodes.node_file import read_nodes
from fusion3d_gui.pacs.orthanc import AE_TITLE, PASSWORD, USER, Orthanc
from fusion3d_gui.progress import no_progress
from fusion3d_gui.state.pacs.pacs_parts import PacsPlaces
from fusion3d_gui.state.session import Session
from fusion3d_gui.state.settings import Settings
from fusion3d_gui.widgets.pacs.node_dialog import NodeDialog
from fusion3d_gui.widgets.pacs.send_dialog import SendDialog
from fusion3d_gui.widgets.window.main_window import MainWindow
from tests.pacs.conftest import make_series, needs_orthanc
from tests.pacs.conftest import store as store

PATIENTS = ("Adams^Amy", "Brown^Ben", "Clark^Cara")


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scans")
    return {
        name: make_series(
            folder / str(number),
            f"page{number}",
            count=20 + number,
            PatientName=name,
            PatientID=f"P-{number}",
            StudyDate=f"2026010{9 - number}",
            StudyDescription=f"Study {number}",
        )
        for number, name in enumerate(PATIENTS)
    }


@pytest.fixture(scope="module")
def pacs_server(scans, store):
    with Orthanc() as running:
        store(running, [file for files in scans.values() for file in files])
        yield running


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSION3D_SECRET_WEB", PASSWORD)
    return PacsPlaces.below(tmp_path)


@pytest.fixture
def window(qtbot, places):
    session = Session(pacs=places)
    made = MainWindow(session)
    qtbot.addWidget(made)
    made.show()
    yield made
    assert session.close()


def nodes_of(server: Orthanc) -> tuple[Node, Node]:
    return (
        Node("Web", "dicomweb", url=server.url, authentication="basic", user=USER),
        Node("Dimse", "dimse", ae_title=AE_TITLE, host="127.0.0.1", port=server.dicom_port),
    )


def rows(model) -> list[list[str]]:
    return [
        [model.data(model.index(row, column)) for column in range(model.columnCount())]
        for row in range(model.rowCount())
    ]


@pytest.fixture(params=["Web", "Dimse"])
def found(request, window, qtbot, pacs_server):
    """The page with all studies listed."""
    for node in nodes_of(pacs_server):
        window.session.pacs.nodes.put(node)
    window.session.pacs.nodes.choose(request.param)
    window.menus.actions["pacs"].trigger()
    qtbot.keyClick(window.pacs.fields["patient"], Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.pacs.study_model.rowCount() == 3, timeout=20000)
    return window.pacs


pytestmark = needs_orthanc


def test_studies_are_found_sorted_and_narrowed(found, qtbot):
    assert [row[1] for row in rows(found.study_model)] == [
        "Adams, Amy",
        "Brown, Ben",
        "Clark, Cara",
    ]
    assert rows(found.study_model)[0][0] == "2026-01-09"
    found.studies.horizontalHeader().setSortIndicator(1, Qt.SortOrder.DescendingOrder)
    assert [row[1] for row in rows(found.study_model)] == [
        "Clark, Cara",
        "Brown, Ben",
        "Adams, Amy",
    ]
    qtbot.keyClicks(found.fields["patient"], "bro")
    qtbot.keyClick(found.fields["patient"], Qt.Key.Key_Return)
    # Whether the case of letters counts is up to the server: Orthanc's names don't.
    qtbot.waitUntil(lambda: found.study_model.rowCount() == 1, timeout=20000)
    assert found.status.text() == "1 study."


def test_a_series_opens_while_it_arrives_and_the_next_study_by_a_key(
    found, window, qtbot, scans, places
):
    seen: list[tuple[bool, float]] = []
    window.session.store.case_opened.connect(
        lambda case: seen.append((case.is_complete, case.volume.affine[2, 3]))
    )
    found.studies.selectRow(0)
    qtbot.waitUntil(lambda: found.series_model.rowCount() == 1, timeout=20000)
    qtbot.mouseClick(found.open, Qt.MouseButton.LeftButton)

    def complete(name: str):
        case = window.session.store.case
        return (
            case is not None
            and case.is_complete
            and case.volume.attributes["PatientName"].startswith(name)
        )

    qtbot.waitUntil(lambda: complete("Adams"), timeout=30000)
    assert (
        seen and seen[0][0] is False
    )  # some of its slices were on screen before the rest had come
    assert window.pages.has_images
    there = open_volume(scans["Adams^Amy"][0].parent)
    volume = window.session.store.case.volume
    assert np.array_equal(volume.voxels, there.voxels) and np.allclose(volume.affine, there.affine)
    assert rows(found.study_model)[0][7] == "Opened"
    qtbot.keyClick(
        window,
        Qt.Key.Key_N,
        Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier,
    )
    qtbot.waitUntil(lambda: complete("Brown"), timeout=30000)
    assert window.settings.values.recent_cases == ()  # what was fetched is not there the next time
    assert any(places.cache.rglob("*.dcm"))


def test_names_are_not_shown_while_identity_is_hidden(found, window):
    window.session.store.identity.set_hidden(True)
    assert {row[1] for row in rows(found.study_model)} == {"hidden"}
    assert {row[2] for row in rows(found.study_model)} == {"hidden"}


def test_what_is_wrong_is_said_on_the_page(window, qtbot):
    window.menus.actions["pacs"].trigger()
    page = window.pacs
    page.findChild(NodeDialog).close()
    assert page.status.text() == "Add a node to find studies in."
    window.session.pacs.nodes.put(Node("Gone", "dimse", ae_title="X", host="127.0.0.1", port=1))
    qtbot.keyClick(page.fields["patient"], Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "refuses connections" in page.status.text(), timeout=20000)
    qtbot.keyClicks(page.fields["first_date"], "soon")
    qtbot.keyClick(page.fields["first_date"], Qt.Key.Key_Return)
    assert "soon is no date" in page.status.text()


def test_a_node_is_entered_tested_and_kept_without_its_secret(window, qtbot, pacs_server, places):
    window.menus.actions["nodes"].trigger()
    dialog = window.pacs.findChild(NodeDialog)
    dialog.way.setCurrentIndex(2)
    assert dialog.form.isRowVisible(dialog.url) and not dialog.form.isRowVisible(dialog.host)
    dialog.sign_on.setCurrentIndex(1)
    for field, text in (
        (dialog.name, "Other"),
        (dialog.url, pacs_server.url),
        (dialog.user, USER),
        (dialog.secret, "wrong-secret"),
    ):
        field.clear()
        qtbot.keyClicks(field, text)
    qtbot.mouseClick(dialog.test, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "is wrong" in dialog.status.text(), timeout=20000)
    dialog.secret.setText(PASSWORD)
    qtbot.mouseClick(dialog.test, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dialog.status.text() == "Other answers.", timeout=20000)
    qtbot.mouseClick(dialog.keep, Qt.MouseButton.LeftButton)
    (kept,) = read_nodes(places.nodes)
    assert kept.url == pacs_server.url and kept.user == USER
    assert PASSWORD not in places.nodes.read_text().replace(USER, "", 1)
    qtbot.mouseClick(dialog.remove, Qt.MouseButton.LeftButton)
    assert read_nodes(places.nodes) == ()
    dialog.close()


def test_what_is_sent_is_listed(window, qtbot, pacs_server, scans, tmp_path):
    files = make_series(tmp_path / "sent", "sent from the page", count=2, PatientID="S-1")
    node = nodes_of(pacs_server)[1]
    window.session.pacs.nodes.put(node)
    study = str(pydicom.dcmread(files[0]).StudyInstanceUID)
    queue = window.session.pacs.queue
    queue.outbox().add(files, node, study, title="A report")
    queue.retry()
    model = window.pacs.queue.model
    qtbot.waitUntil(lambda: model.rowCount() == 2, timeout=20000)
    assert {tuple(row[1:4]) for row in rows(model)} == {("Accepted", "Dimse", "A report")}
    assert window.pacs.queue.status.text() == "2 accepted."


def test_fetched_images_are_erased_when_the_window_closes(qtbot, places, pacs_server):
    session = Session(pacs=places)
    window = MainWindow(session)
    qtbot.addWidget(window)
    window.show()
    session.pacs.nodes.put(nodes_of(pacs_server)[1])
    session.pacs.finder.find(patient="Clark")
    qtbot.waitUntil(lambda: len(session.pacs.finder.studies) == 1, timeout=20000)
    session.pacs.worklist.open_next()
    qtbot.waitUntil(
        lambda: session.store.case is not None and session.store.case.is_complete, timeout=30000
    )
    assert any(places.cache.rglob("*.dcm"))
    window.close()
    assert session.close()
    assert not any(places.cache.rglob("*.dcm"))


def test_a_result_is_sent_into_its_study_once_it_was_asked_for(
    qtbot, places, pacs_server, make_bundle, tmp_path, store
):
    files = make_series(tmp_path / "to predict", "to predict", count=24, PatientID="R-1")
    store(pacs_server, files)
    study = str(pydicom.dcmread(files[0]).StudyInstanceUID)
    session = Session([BundleInfo.read(make_bundle("image_only"))], device="cpu", pacs=places)
    window = MainWindow(session)
    qtbot.addWidget(window)
    window.show()
    node = replace(nodes_of(pacs_server)[1], is_test=True)
    session.pacs.nodes.put(node)
    session.pacs.finder.find(study_uid=study)
    qtbot.waitUntil(lambda: len(session.pacs.finder.studies) == 1, timeout=20000)
    session.pacs.worklist.open_next()
    qtbot.waitUntil(
        lambda: session.store.case is not None and session.store.case.is_complete, timeout=30000
    )
    session.predictions.predict_despite_misfit()
    qtbot.waitUntil(lambda: window.menus.actions["send_result"].isEnabled(), timeout=120000)
    assert not session.pacs.queue.items
    window.menus.actions["send_result"].trigger()
    dialog = window.findChild(SendDialog)
    assert "R-1" in dialog.patient.text()
    qtbot.mouseClick(dialog.send, Qt.MouseButton.LeftButton)
    queue = session.pacs.queue
    qtbot.waitUntil(
        lambda: bool(queue.items) and all(item.state == "accepted" for item in queue.items),
        timeout=120000,
    )
    (listed,) = session.pacs.finder.studies
    assert session.pacs.worklist.marks(listed) == ("opened", "predicted", "sent")
    peer = session.pacs.nodes.connect_to(node)
    modalities = {each.modality for each in peer.find_series(study, no_progress)}
    assert {"CT", "SR", "OT"} <= modalities
    assert {item.study_uid for item in queue.items} == {study}
    window.close()
    assert session.close()


def test_other_studies_of_the_patient_are_offered_and_not_fetched(
    window, qtbot, pacs_server, store, tmp_path, places
):
    for number in range(2):
        files = make_series(
            tmp_path / f"visit {number}",
            f"visit{number}",
            count=20,
            PatientID="V-1",
            StudyDate=f"2025030{number + 1}",
            StudyDescription=f"Visit {number}",
        )
        store(pacs_server, files)
    session = window.session
    session.pacs.nodes.put(nodes_of(pacs_server)[0])
    session.pacs.finder.find(patient_id="V-1")
    qtbot.waitUntil(lambda: len(session.pacs.finder.studies) == 2, timeout=20000)
    session.pacs.finder.find(patient_id="V-1", last_date="2025-03-01")
    qtbot.waitUntil(lambda: len(session.pacs.finder.studies) == 1, timeout=20000)
    session.pacs.worklist.open_next()
    qtbot.waitUntil(lambda: len(session.pacs.prior.studies) == 1, timeout=30000)
    action = window.menus.actions["other_study_0"]
    assert action.isVisible() and action.text() == "2025-03-02, CT, Visit 1"
    assert not window.menus.actions["other_study_1"].isVisible()
    assert len(list(places.cache.rglob("*.dcm"))) == 20
    session.store.identity.set_hidden(True)
    assert not action.isVisible()
    session.store.identity.set_hidden(False)
    action.trigger()
    qtbot.waitUntil(
        lambda: (
            session.store.case.is_complete
            and session.store.case.volume.attributes.get("StudyDescription") == "Visit 1"
        ),
        timeout=30000,
    )
    page = window.pacs
    window.menus.actions["pacs"].trigger()
    session.pacs.finder.find(patient_id="V-1", last_date="2025-03-01")
    qtbot.waitUntil(lambda: page.study_model.rowCount() == 1, timeout=20000)
    page.studies.selectRow(0)
    qtbot.waitUntil(lambda: page.series_model.rowCount() == 1, timeout=20000)
    qtbot.mouseClick(page.open_beside, Qt.MouseButton.LeftButton)
    assert window.pages.has_images
    qtbot.waitUntil(lambda: session.second.case is not None, timeout=30000)
    assert session.second.case.volume.attributes["StudyDescription"] == "Visit 0"
    assert session.second.agreement == "same"


def test_a_worklist_is_asked_again_and_when_the_page_opens_the_next_time(
    qtbot, pacs_server, store, places, tmp_path
):
    def coming(number: int) -> None:
        today = f"{datetime.date.today():%Y%m%d}"
        files = make_series(
            tmp_path / f"w{number}",
            f"worklist{number}",
            count=1,
            StudyDate=today,
            PatientName="W^W",
        )
        store(pacs_server, files)

    coming(0)
    settings = Settings(tmp_path / "settings.json")
    for opened, count in ((False, 1), (True, 2)):
        session = Session(pacs=places)
        window = MainWindow(session, settings=settings)
        qtbot.addWidget(window)
        window.show()
        page = window.pacs
        session.pacs.nodes.put(nodes_of(pacs_server)[1])
        window.menus.actions["pacs"].trigger()
        if not opened:
            qtbot.keyClicks(page.fields["first_date"], "today")
            qtbot.keyClicks(page.fields["patient"], "W")
            page.keep.click()
        assert page.keep.isChecked() and page.fields["first_date"].text() == "today"
        qtbot.waitUntil(
            lambda page=page, count=count: page.study_model.rowCount() == count, timeout=20000
        )
        page.studies.selectRow(0)
        chosen = session.pacs.finder.study
        coming(count)
        assert "patient" not in settings.values.worklist
        session.pacs.finder.refresh()
        qtbot.waitUntil(
            lambda page=page, count=count: page.study_model.rowCount() == count + 1, timeout=20000
        )
        assert session.pacs.finder.study == chosen
        assert page.study_model.study_at(page.studies.currentIndex().row()) == chosen
        window.close()
        assert session.close()
