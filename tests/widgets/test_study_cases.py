"""Studies of a real PACS as the table of cases: opened by keys, filled by predictions, hidden with the identity."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt

from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.window.main_window import MainWindow
from tests.pacs.conftest import make_series, needs_orthanc
from tests.pacs.conftest import store as store
from tests.widgets.test_pacs_page import nodes_of
from tests.widgets.test_pacs_page import pacs_server as pacs_server
from tests.widgets.test_pacs_page import places as places
from tests.widgets.test_pacs_page import scans as scans

pytestmark = needs_orthanc


@pytest.fixture
def window(qtbot, places, make_bundle):
    session = Session([BundleInfo.read(make_bundle())], device="cpu", pacs=places)
    made = MainWindow(session)
    qtbot.addWidget(made)
    made.show()
    yield made
    made.close()
    assert session.close()


@pytest.fixture
def page(window, qtbot, pacs_server):
    """The table of cases with the three studies, by patient."""
    for node in nodes_of(pacs_server):
        window.session.pacs.nodes.put(node)
    window.session.pacs.nodes.choose("Web")
    window.menus.actions["pacs"].trigger()
    qtbot.keyClick(window.pacs.fields["patient"], Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.pacs.study_model.rowCount() >= 3, timeout=20000)
    qtbot.mouseClick(window.pacs.as_table, Qt.MouseButton.LeftButton)
    assert window.pages.shows_cases
    window.session.cases.table.sort_by("case", descending=False)
    return window.cases


def cells(page, name: str) -> list[str]:
    column = page._table.columns.index(name)
    model = page.model
    return [model.data(model.index(row, column)) for row in range(model.rowCount())]


def test_return_opens_and_predicts_a_study_and_its_row_is_filled(page, window, qtbot):
    assert cells(page, "case")[:3] == ["Adams, Amy", "Brown, Ben", "Clark, Cara"]
    assert cells(page, "date")[:3] == ["2026-01-09", "2026-01-08", "2026-01-07"]
    assert cells(page, "probability")[:3] == ["", "", ""]
    assert not page.add_button.isEnabled()
    session = window.session
    page.view.selectRow(1)
    page.view.setFocus()
    qtbot.keyClick(page.view, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: session.predictions.current is not None, timeout=60_000)
    assert session.store.case.volume.attributes["PatientName"].startswith("Brown")
    said = session.predictions.current
    window.menus.actions["cases"].trigger()
    assert cells(page, "probability")[:3] == ["", f"{said.probability:.3f}", ""]
    assert cells(page, "class")[1] == (said.class_name or "")
    assert cells(page, "doubt")[:3] == ["", said.fit.fit, ""]
    assert cells(page, "done")[1] == "opened, predicted"
    # The row chosen stays chosen, and the key for the next case goes on in the table's order.
    assert page.view.selectionModel().selectedRows()[0].row() == 1
    window.menus.actions["cases_next"].trigger()
    qtbot.waitUntil(
        lambda: (
            session.predictions.current is not None
            and session.store.case.volume.attributes["PatientName"].startswith("Clark")
        ),
        timeout=60_000,
    )
    assert all(cells(page, "probability")[1:3])
    np.testing.assert_allclose(
        float(cells(page, "probability")[2]), session.predictions.current.probability, atol=6e-4
    )


def test_who_the_patients_are_is_hidden_and_a_filter_finds_a_study(page, window, qtbot):
    qtbot.keyClicks(page.filter, "description ~ 'Study 2'")
    qtbot.keyClick(page.filter, Qt.Key.Key_Return)
    assert cells(page, "case") == ["Clark, Cara"]
    window.session.store.identity.set_hidden(True)
    (name,) = cells(page, "case")
    assert name.startswith("Case ")
    assert cells(page, "date") == cells(page, "description") == ["hidden"]
    assert cells(page, "modality") == ["CT"]
    assert "Web" not in page.title.text()


def test_a_new_study_is_added_and_what_is_selected_stays(
    page, window, qtbot, pacs_server, store, tmp_path
):
    table = window.session.cases.table
    page.view.selectRow(2)
    files = make_series(tmp_path / "new", "late", PatientName="Davis^Dan", PatientID="P-9")
    store(pacs_server, files)
    window.session.pacs.finder.refresh()
    qtbot.waitUntil(lambda: table.cases.count == 4, timeout=20000)
    assert "Davis, Dan" in cells(page, "case")
    assert [table.cases.text(row, "case") for row in table.selected] == ["Clark, Cara"]
