"""Start screen, recent cases, series with pictures, tags, identity: finding one's way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtWidgets import QApplication, QWidget

from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.state.session import Session
from fusion3d_gui.state.settings import Settings
from fusion3d_gui.widgets.window.dialogs.tag_browser import TagBrowser
from fusion3d_gui.widgets.window.main_window import MainWindow

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def dicom_folder(tmp_path):
    """Two series of one patient, of different sizes."""
    for name, slices in (("first", 9), ("second", 6)):
        voxels = np.random.default_rng(slices).integers(0, 900, (slices, 24, 20)).astype(np.int16)
        volume = Volume(voxels, np.diag([4.0, 4.0, 6.0, 1.0]), modality="MR", description=name)
        identity = {"PatientName": "DOE^JOHN", "PatientID": "4711"}
        write_dicom_series(volume, tmp_path / "study" / name, attributes=identity, uid_seed=name)
    return tmp_path / "study"


@pytest.fixture
def two_series(window, dicom_folder, settled):
    window.session.opener.open(dicom_folder)
    settled(window)
    return window


def test_series_are_shown_with_pictures_and_a_click_opens_one(two_series, qtbot, settled):
    panel = two_series.series
    assert panel.isVisible()
    assert panel.list.count() == 2
    uids = [series.uid for series in two_series.session.store.case.series]
    qtbot.waitUntil(lambda: all(panel.thumbnails.image(uid) is not None for uid in uids))
    assert panel.thumbnails.image(uids[0]).std() > 0
    assert panel.list.currentRow() == 0
    where = panel.list.visualItemRect(panel.list.item(1)).center()
    qtbot.mouseClick(panel.list.viewport(), LEFT, pos=where)
    settled(two_series)
    assert two_series.session.store.case.volume.series_uid == uids[1]
    assert panel.list.currentRow() == 1


def test_series_of_several_patients_stand_under_their_names_or_numbers(window, tmp_path, settled):
    patients = (
        {"PatientName": "DOE^JOHN", "PatientID": "1"},
        {"PatientName": "ROE^JANE", "PatientID": "2"},
    )
    for number in range(3):
        voxels = np.full((5 + number, 24, 20), number, np.int16)
        volume = Volume(voxels, np.diag([4.0, 4.0, 6.0, 1.0]), modality="MR", description="T1")
        who, name = patients[number % 2], str(number)
        write_dicom_series(volume, tmp_path / name, attributes=who, uid_seed=name)
    window.session.opener.open(tmp_path)
    settled(window)
    items = window.series.list

    def headings() -> list[tuple[int, str]]:
        texts = [items.item(row).text() for row in range(items.count())]
        return [(row, text) for row, text in enumerate(texts) if "slices" not in text]

    (first, one), (second, other) = headings()
    assert (first, {one, other}) == (0, {"DOE JOHN\n1", "ROE JANE\n2"})
    assert second == (3 if one.startswith("DOE") else 2)
    assert not items.item(0).flags() & Qt.ItemFlag.ItemIsSelectable
    window.session.store.identity.set_hidden(True)
    assert [text for _, text in headings()] == ["Patient 1", "Patient 2"]


def test_scans_of_one_name_in_several_folders_are_listed_by_their_place(
    window, tmp_path, qtbot, settled
):
    for number, place in enumerate(("a", "b", "c")):
        (tmp_path / place).mkdir()
        voxels = np.full((9 - number, 24, 20), number, np.int16)
        volume = Volume(voxels, np.diag([4.0, 4.0, 6.0, 1.0]))
        write_nifti(volume, tmp_path / place / "reference.nii")
    window.session.opener.open(tmp_path)
    settled(window)
    items = window.series.list
    assert [items.item(n).text().split("\n")[0] for n in range(3)] == [
        f"{place}/reference" for place in ("a", "b", "c")
    ]
    where = items.visualItemRect(items.item(2)).center()
    qtbot.mouseClick(items.viewport(), LEFT, pos=where)
    settled(window)
    assert window.session.store.case.volume.voxels.max() == 2
    assert items.currentRow() == 2


def test_one_series_alone_needs_no_panel(opened):
    assert not opened.series.isVisible()
    assert not opened.session.store.browsing.running


def tags(window, qtbot) -> TagBrowser:
    window.menus.actions["tags"].trigger()
    browser = window.findChildren(TagBrowser)[-1]
    qtbot.waitUntil(lambda: browser.model.rowCount() > 0)
    return browser


def shown(browser: TagBrowser) -> str:
    model = browser.model
    return "\n".join(
        str(model.index(row, column).data())
        for row in range(model.rowCount())
        for column in range(4)
    )


def test_tags_that_arrive_after_their_browser_was_closed_are_dropped(two_series, qtbot):
    two_series.menus.actions["tags"].trigger()
    two_series.findChildren(TagBrowser)[-1].close()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert not two_series.findChildren(TagBrowser)
    # An exception in a slot would fail the test: pytest-qt catches it.
    qtbot.waitUntil(lambda: not two_series.session.store.listing.running)


def test_tags_asked_for_again_come_in_the_browser_that_is_open(two_series, qtbot):
    action = two_series.menus.actions["tags"]
    action.trigger()
    action.trigger()  # while the first one still reads
    (browser,) = two_series.findChildren(TagBrowser)
    qtbot.waitUntil(lambda: "elements" in browser.count.text())
    assert browser.count.text().startswith(str(browser.model.rowCount()))
    assert "DOE^JOHN" in shown(browser)


def test_a_file_whose_tags_can_not_be_read_any_more_says_so_in_place(two_series, qtbot):
    series = two_series.session.store.case.series
    for path in (path for each in series for path in each.paths):
        path.unlink()
    two_series.menus.actions["tags"].trigger()
    (browser,) = two_series.findChildren(TagBrowser)
    qtbot.waitUntil(lambda: "can't be read" in browser.count.text())
    assert two_series.notices.texts


def test_tags_are_searched_by_every_word_in_tag_name_and_value(two_series, qtbot):
    browser = tags(two_series, qtbot)
    everything = browser.model.rowCount()
    qtbot.keyClicks(browser.line, "patient doe")
    assert browser.model.rowCount() == 1
    assert "DOE^JOHN" in shown(browser)
    browser.line.setText("0020,0032")
    assert browser.model.rowCount() == 1
    browser.line.clear()
    assert browser.model.rowCount() == everything
    browser.close()


def test_tags_hold_no_identity_once_it_is_hidden_and_close_when_that_changes(two_series, qtbot):
    browser = tags(two_series, qtbot)
    two_series.menus.actions["anonymous"].trigger()
    assert not browser.isVisible()
    text = shown(tags(two_series, qtbot))
    assert "DOE" not in text
    assert "4711" not in text
    assert "hidden" in text


def test_a_scan_that_is_not_dicom_has_no_tags(opened):
    assert not opened.menus.actions["tags"].isEnabled()


def test_opened_cases_are_offered_again_and_can_be_forgotten(window, make_case, qtbot, settled):
    first, second = make_case("a"), make_case("b")
    for path in (first, second):
        window.session.opener.open(path)
        settled(window)
    window.menus.actions["start"].trigger()
    assert window.start.isVisible()
    assert [button.toolTip() for button in window.start.recent] == [str(second), str(first)]
    qtbot.mouseClick(window.start.recent[1], LEFT)
    settled(window)
    assert window.views.isVisible()
    assert window.session.store.case.volume.description == "a"
    assert window.menus.actions["recent_0"].isVisible()
    window.menus.actions["start"].trigger()
    qtbot.mouseClick(window.start.forget, LEFT)
    assert not window.start.recent
    assert not window.menus.actions["recent_0"].isVisible()


def test_no_path_is_remembered_or_shown_while_the_patient_is_hidden(window, make_case, settled):
    window.session.opener.open(make_case("DOE_JOHN"))
    settled(window)
    assert window.settings.values.recent_cases
    window.menus.actions["anonymous"].trigger()
    assert not window.start.recent
    assert not window.menus.actions["recent_0"].isVisible()
    window.session.opener.open(make_case("ROE_JANE"))
    settled(window)
    assert [path.name for (path,) in window.settings.values.recent_cases] == ["DOE_JOHN.nii.gz"]


def test_the_start_screen_leads_back_to_the_scan(opened):
    opened.menus.actions["start"].trigger()
    assert opened.start.isVisible()
    opened.menus.actions["start"].trigger()
    assert opened.views.isVisible()


def test_panels_stay_as_they_were_left_when_another_case_opens(opened, make_case, settled):
    opened.menus.actions["marks"].trigger()
    opened.menus.actions["side"].trigger()
    assert opened.marks.isVisible()
    assert not opened.side.isVisible()
    opened.session.opener.open(make_case("b"))
    settled(opened)
    QApplication.processEvents()
    assert opened.marks.isVisible()
    assert not opened.side.isVisible()


def test_text_size_and_theme_change_together_and_come_back(opened, qtbot):
    before = opened.status.value.font().pixelSize()
    opened.menus.actions["larger"].trigger()
    opened.menus.actions["light"].trigger()
    qtbot.waitUntil(lambda: not opened.restyling.is_busy)
    assert opened.status.value.font().pixelSize() > before
    assert opened.settings.values.theme == "light"
    opened.menus.actions["usual"].trigger()
    opened.menus.actions["light"].trigger()
    qtbot.waitUntil(lambda: not opened.restyling.is_busy)
    assert opened.status.value.font().pixelSize() == before
    assert opened.settings.values.theme == "dark"


def test_the_next_window_looks_as_the_last_one_was_left(qapp, tmp_path):
    from fusion3d_gui.imaging.reslice.sampling import Interpolation
    from fusion3d_gui.imaging.reslice.slab import Projection, Slab
    from fusion3d_gui.state.session import Session
    from fusion3d_gui.state.settings import Settings
    from fusion3d_gui.widgets.views.layout import Layout
    from fusion3d_gui.widgets.window.main_window import MainWindow

    def run(deed) -> None:
        session = Session([])
        window = MainWindow(session, settings=Settings(tmp_path / "settings.json"))
        window.show()
        deed(window, session.display.overlay)
        window.close()
        assert session.close()
        window.deleteLater()

    def leave(window, overlay) -> None:
        window.resize(1100, 700)
        window.views.set_layout(Layout.THREE)
        overlay.set_opacity(0.8)
        overlay.set_threshold(0.1)
        overlay.toggle_contours()
        window.session.display.smoothing.set_interpolation(Interpolation.CUBIC)
        window.session.display.slab.set_projection(Projection.MEAN)
        window.session.display.window_level.set_color_map("Viridis")
        window.session.display.volume_look.toggle_surface()
        window.settings.toggle_panel("side")

    def look(window, overlay) -> None:
        assert window.height() == 700  # the width is limited by the screen of this machine
        assert window.views.layout_name is Layout.THREE
        assert (overlay.opacity, overlay.threshold, overlay.contours) == (0.8, 0.1, True)
        assert window.session.display.smoothing.interpolation is Interpolation.CUBIC
        assert window.session.display.slab.slab == Slab(0.0, Projection.MEAN)
        assert window.session.display.window_level.color_map == "Viridis"
        assert not window.session.display.volume_look.is_surface
        assert not window.side.isVisible()

    run(leave)
    run(look)


def test_a_window_left_on_a_screen_that_is_gone_comes_back_where_it_can_be_seen(qapp):
    left = QWidget()
    left.setGeometry(5200, 300, 1000, 700)  # on a second screen, far to the right
    left.show()
    geometry = left.saveGeometry()
    left.close()
    settings = Settings()
    settings.change(replace(settings.values, window_geometry=bytes(geometry.data())))
    session = Session(device="cpu")
    window = MainWindow(session, settings=settings)
    window.show()
    QApplication.processEvents()
    seen = window.frameGeometry() & QApplication.primaryScreen().availableGeometry()
    assert seen.width() > 300
    assert seen.height() > 300
    window.close()
    assert session.close()


def test_one_dropped_slice_is_opened_alone_and_a_command_opens_its_series(
    window, dicom_folder, settled
):
    files = sorted((dicom_folder / "first").glob("*.dcm"))
    assert len(files) == 9
    window.session.opener.open(files[4])
    settled(window)
    assert window.session.store.case.volume.shape[0] == 1
    assert any("Only the named file is open" in text for text in window.notices.texts)
    action = window.menus.actions["whole_series"]
    assert action.isEnabled()
    action.trigger()
    settled(window)
    case = window.session.store.case
    assert case.volume.shape[0] == 9
    assert case.volume.attributes["PatientName"] == "DOE^JOHN"
    assert len(case.series) == 1
    window.session.opener.open(dicom_folder)
    settled(window)
    assert not action.isEnabled()
