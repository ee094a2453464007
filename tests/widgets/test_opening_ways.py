"""Start page and file dialogs: the ways to a scan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit

from fusion3d_gui.inference.demo_cases import DemoCase
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.state.session import Session
from fusion3d_gui.state.settings import Settings
from fusion3d_gui.widgets.look.theme import apply_theme
from fusion3d_gui.widgets.window.main_window import MainWindow

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def demo_window(qapp, make_bundle, make_case):
    """The window with a demo case of its own."""
    apply_theme(qapp)
    bundle = make_bundle()
    demo = DemoCase("one", "A demo", make_case("demo"), bundle, {"age": 66, "sex": "F"}, "About it")
    session = Session([BundleInfo.read(bundle)], device="cpu")
    made = MainWindow(session, [demo])
    made.show()
    yield made
    made.close()
    assert session.close()
    made.deleteLater()


def at_peak(window) -> bool:
    peak = window.session.predictions.heatmap.peak_lps
    low, high = window.session.store.case.volume.bounds_lps
    return np.allclose(window.session.display.crosshair.position_lps, np.clip(peak, low, high))


@pytest.mark.parametrize("way", ["start page", "menu"])
def test_the_demo_is_shown_at_the_peak_of_its_heatmap(demo_window, qtbot, settled, way):
    if way == "menu":
        demo_window.menus.actions["demo_one"].trigger()
    else:
        demo_window.start.demo_requested.emit(demo_window.demos[0])
    qtbot.waitUntil(lambda: demo_window.session.predictions.heatmap is not None, timeout=60_000)
    settled(demo_window)
    assert at_peak(demo_window)


def test_the_crosshair_that_was_moved_meanwhile_stays(demo_window, qtbot, settled):
    session = demo_window.session
    demo_window.start.demo_requested.emit(demo_window.demos[0])
    qtbot.waitUntil(lambda: session.store.case is not None, timeout=60_000)
    session.display.crosshair.move_to(session.display.crosshair.bounds[0])
    there = session.display.crosshair.position_lps.copy()
    qtbot.waitUntil(lambda: session.predictions.heatmap is not None, timeout=60_000)
    settled(demo_window)
    assert np.array_equal(session.display.crosshair.position_lps, there)


def test_panels_about_a_scan_are_not_on_the_start_page(window, make_case, settled):
    assert not window.side.isVisible()
    assert not window.menus.actions["side"].isEnabled()
    window.session.opener.open(make_case())
    settled(window)
    assert window.side.isVisible()
    window.menus.actions["start"].trigger()
    for panel in (window.side, window.strip, window.series, window.marks):
        assert not panel.isVisible()
    window.menus.actions["start"].trigger()
    assert window.side.isVisible()
    assert window.strip.isVisible()


def in_dialog(act) -> list[str]:
    """Do something in the file dialog that opens next; its folder is put into the list returned."""
    folders: list[str] = []

    def look() -> None:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, QFileDialog):
            QTimer.singleShot(20, look)
            return
        folders.append(dialog.directory().absolutePath())
        act(dialog)

    QTimer.singleShot(20, look)
    return folders


def choose(*names: str):
    def act(dialog: QFileDialog) -> None:
        line = dialog.findChild(QLineEdit, "fileNameEdit")
        line.setText(" ".join(f'"{name}"' for name in names) if len(names) > 1 else names[0])
        dialog.accept()

    return act


def test_file_dialogs_begin_in_the_folder_used_last(
    qapp, make_case, make_bundle, tmp_path, settled
):
    apply_theme(qapp)
    one, two = make_case("one"), make_case("two")
    kept = tmp_path / "settings.json"
    session = Session([BundleInfo.read(make_bundle())], device="cpu")
    window = MainWindow(session, settings=Settings(kept))
    window.show()
    in_dialog(choose(str(one), str(two)))
    window.files.open_file()
    settled(window)
    assert session.store.case.paths == (one, two)
    folders = in_dialog(lambda dialog: dialog.reject())
    window.files.open_folder()
    assert folders == [str(tmp_path)]
    window.close()
    assert session.close()
    assert Settings(kept).values.folder == tmp_path
    later = Settings(kept)
    session = Session([BundleInfo.read(make_bundle())], device="cpu")
    window = MainWindow(session, settings=later)
    window.show()
    folders = in_dialog(lambda dialog: dialog.reject())
    window.files.open_folder()
    assert folders == [str(tmp_path)]
    doe = tmp_path / "DOE_JOHN"
    doe.mkdir()
    later.change(replace(later.values, folder=doe))
    folders = in_dialog(lambda dialog: dialog.reject())
    window.files.open_folder()
    assert folders == [str(doe)]
    session.store.identity.set_hidden(True)
    folders = in_dialog(choose(str(one)))
    window.files.open_file()
    settled(window)
    assert folders != [str(doe)]
    assert later.values.folder == doe
    later.forget_cases()
    assert later.values.folder is None
    window.close()
    assert session.close()


def test_a_recent_case_of_several_files_is_opened_whole(window, make_case, qtbot, settled):
    one, two = make_case("one"), make_case("two")
    window.session.opener.open([one, two])
    settled(window)
    window.session.opener.open(make_case("three"))
    settled(window)
    window.menus.actions["start"].trigger()
    button = window.start.recent[1]
    assert "one.nii.gz and 1 more" in button.text()
    assert button.toolTip() == f"{one}\n{two}"
    assert "one.nii.gz and 1 more" in window.menus.actions["recent_1"].text()
    qtbot.mouseClick(button, LEFT)
    settled(window)
    assert window.session.store.case.paths == (one, two)
    assert not window.start.isVisible()


def test_a_series_of_one_slice_and_short_times_are_worded_well(opened, settled):
    opened.session.predictions.predict()
    settled(opened)
    text = opened.side.prediction.readout.provenance.text()
    assert "0.0 s" not in text
    assert " ms" in text or " s " in text
