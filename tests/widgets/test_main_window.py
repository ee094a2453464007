"""The window as its user meets it: opening, failing, predicting, cancelling, closing."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QImage
from PySide6.QtWidgets import QApplication, QFrame, QLabel

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.state.notice import Notice

LEFT = Qt.MouseButton.LeftButton


def drop(window, *paths: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    copy, none = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(50, 50), copy, mime, LEFT, none)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(window, QDropEvent(QPointF(50, 50), copy, mime, LEFT, none))


def has_color(view) -> bool:
    """Whether anything but gray and the crosshair's accent is drawn (the heatmap is warm)."""
    image = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    pixels = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1, 4)
    blue, red = pixels[..., 0].astype(int), pixels[..., 2].astype(int)
    return bool(((red - blue) > 25).any())


def predict(window, qtbot, settled) -> None:
    qtbot.mouseClick(window.side.prediction.button, LEFT)
    settled(window)


def test_it_says_what_it_is_for_and_what_to_do(window):
    assert window.header.badge.text() == RESEARCH_USE_ONLY
    assert window.header.badge.isVisible()
    assert window.start.isVisible()
    assert not window.side.prediction.button.isEnabled()


def test_a_dropped_file_is_opened(window, make_case, settled):
    drop(window, make_case("dropped"))
    settled(window)
    assert window.views.isVisible()
    assert window.header.title.text() == "dropped"
    assert "30 × 34 × 26" in window.header.detail.text()


def test_a_dropped_file_that_is_no_scan_is_named_in_the_window_and_the_case_stays(
    opened, tmp_path, settled
):
    bad = tmp_path / "letter.dcm"
    bad.write_text("Dear colleague")
    drop(opened, bad)
    settled(opened)
    assert opened.header.title.text() == "a"
    assert "letter.dcm" in opened.notices.texts[0]
    assert opened.notices.isVisible()
    assert QApplication.activeModalWidget() is None


def test_several_dropped_files_are_listed_and_no_file_beside_them(window, make_case, settled):
    make_case("neighbour", base=0)
    drop(window, make_case("one"), make_case("two"))
    settled(window)
    assert window.header.series.isVisible()
    named = [series.description for series in window.session.store.case.series]
    assert sorted(named) == ["one", "two"]
    assert window.settings.values.recent_cases == (window.session.store.case.paths,)
    chosen = 1 - window.header.series.currentIndex()
    window.header.series.activated.emit(chosen)
    settled(window)
    assert window.header.series.itemText(chosen).startswith(window.header.title.text())


def test_predict_shows_probability_class_threshold_provenance_and_the_heatmap(
    opened, qtbot, settled
):
    assert not any(has_color(view) for view in opened.views.views)
    for name, value in {"age": 71.0, "sex": "F", "diabetes": False}.items():
        opened.session.form.set_value(name, value)
    predict(opened, qtbot, settled)
    panel, prediction = opened.side.prediction, opened.session.predictions.current
    assert prediction is not None
    assert panel.readout.number.text().endswith("%")
    assert panel.readout.class_name.text() == prediction.class_name
    assert "threshold 40 %" in panel.readout.gauge.accessibleName()
    for part in ("test-concat", "1.2.3", "CPU"):
        assert part in panel.readout.provenance.text()
    opened.session.hot_spots.go_to_peak()
    assert any(has_color(view) for view in opened.views.views)
    assert "Grad-CAM" in opened.side.overlay.about.text()
    assert "cells of" in opened.side.overlay.about.text()


def test_the_heatmap_key_hides_and_shows_it_and_the_threshold_clears_it(opened, qtbot, settled):
    predict(opened, qtbot, settled)
    opened.session.hot_spots.go_to_peak()
    opened.views.axial.setFocus()
    qtbot.keyClick(opened, Qt.Key.Key_H)
    assert not any(has_color(view) for view in opened.views.views)
    qtbot.keyClick(opened, Qt.Key.Key_H)
    assert any(has_color(view) for view in opened.views.views)
    opened.side.overlay.opacity.slider.setValue(0)
    assert not any(has_color(view) for view in opened.views.views)


def test_editing_the_form_takes_the_heatmap_away_and_says_outdated(opened, qtbot, settled):
    predict(opened, qtbot, settled)
    opened.session.hot_spots.go_to_peak()
    assert not opened.side.prediction.readout.outdated.isVisible()
    box = opened.side.form.rows["age"].input.box
    box.setFocus()
    qtbot.keyClicks(box, "71")
    assert opened.session.form.values["age"] == 71
    assert opened.side.prediction.readout.outdated.isVisible()
    assert all(view.heatmap is None for view in opened.views.views)
    assert "outdated" in opened.side.overlay.about.text()


def test_opening_another_case_takes_result_and_heatmap_away(opened, make_case, qtbot, settled):
    predict(opened, qtbot, settled)
    opened.session.opener.open(make_case("b"))
    settled(opened)
    assert opened.session.store.shown_prediction is None
    assert not opened.side.prediction.readout.number.isVisible()
    assert not any(has_color(view) for view in opened.views.views)


def test_cancel_stands_where_predict_was_and_works(opened, qtbot, settled):
    panel = opened.side.prediction
    qtbot.mouseClick(panel.button, LEFT)
    cancel = panel.findChild(type(panel._progress)).cancel
    assert cancel.isVisible()
    qtbot.mouseClick(cancel, LEFT)
    assert panel.button.isVisible()
    settled(opened)
    assert opened.session.store.shown_prediction is None


def test_escape_cancels_what_is_under_way(opened, qtbot, settled):
    opened.session.predictions.predict()
    assert opened.session.store.predicting
    opened.menus.actions["cancel"].trigger()
    assert not opened.session.store.predicting
    settled(opened)
    assert opened.session.store.shown_prediction is None
    assert opened.side.prediction.button.isEnabled()


def test_window_presets_work_by_key_by_name_and_by_number(opened, qtbot):
    level = opened.session.display.window_level
    opened.views.axial.setFocus()
    qtbot.keyClick(opened, Qt.Key.Key_2)
    assert level.window == level.presets[1].window
    controls = opened.header.window_controls
    controls.center.setValue(400)
    controls.width_box.setValue(500)
    assert (level.window.center, level.window.width) == (400, 500)
    controls.presets.activated.emit(0)
    assert level.preset is level.presets[0]


def test_nothing_is_cut_off_at_1280_by_800_nor_at_the_smallest_size(opened, qtbot, settled):
    predict(opened, qtbot, settled)
    for size in ((1280, 800), (960, 600)):
        opened.resize(*size)
        QApplication.processEvents()
        for label in (opened.header.detail, opened.header.badge, opened.status.position):
            assert label.width() >= label.sizeHint().width() - 1, (size, label.text())
        assert opened.side.horizontalScrollBar().maximum() == 0
        assert min(view.width() for view in opened.views.shown) >= 140


def test_closing_during_a_prediction_leaves_no_thread_behind(opened):
    opened.session.predictions.predict()
    opened.close()
    assert not opened.session.store.predicting
    assert opened.session.close()


def test_whatever_is_asked_after_the_end_does_no_harm(opened, make_case, settled):
    opened.session.predictions.predict()
    settled(opened)
    opened.close()
    assert opened.session.close()
    opened.session.explanation_choice.choose(Explanation("layercam", (1,), "raised"))
    opened.session.explainer.check()
    opened.session.opener.open(make_case("b"))
    for command in opened.menus.commands:
        # Those that wait for an answer in a dialog; a session is asked for its place when first saved.
        if not command.title.endswith("…") and command.id != "save_session":
            command.run()
    QApplication.processEvents()
    assert not opened.session.store.predicting
    assert not opened.session.store.inference.running


@pytest.mark.parametrize("seed", range(3))
def test_no_order_of_actions_shows_one_cases_heatmap_on_another(
    opened, make_case, make_bundle, qtbot, settled, turn_wheel, seed
):
    chance, session = random.Random(seed), opened.session
    paths = [make_case(f"case{number}", base=200 + number) for number in range(3)]
    infos = [session.store.bundle, BundleInfo.read(make_bundle("multiply"))]
    views = opened.views.views

    def check() -> None:
        prediction = session.predictions.current
        for view in views:
            shown = view.heatmap
            assert shown is None or (prediction is not None and shown is prediction.heatmap)
            if view.slicer is not None:
                assert np.shares_memory(view.slicer.volume.voxels, session.store.case.volume.voxels)
        if prediction is not None:
            assert prediction.volume_sha256 == session.store.case.volume.sha256
        readout = opened.side.prediction.readout
        if session.predictions.is_outdated:
            assert readout.outdated.isVisible()

    actions = {
        "open": lambda: session.opener.open(chance.choice(paths)),
        "predict": session.predictions.predict,
        "cancel": opened.menus.actions["cancel"].trigger,
        "edit": lambda: session.form.set_value("age", float(chance.randint(40, 44))),
        "model": lambda: session.models.choose_and_load(chance.choice(infos)),
        "wheel": lambda: turn_wheel(chance.choice(views), chance.choice((-240, 120))),
        "peak": session.hot_spots.go_to_peak,
        "alone": lambda: opened.views.toggle_maximised(chance.choice(views)),
        "heatmap": session.display.overlay.toggle,
    }
    for _ in range(50):
        name = chance.choices(list(actions), weights=(3, 5, 1, 3, 1, 4, 2, 1, 1))[0]
        actions[name]()
        check()
        qtbot.wait(chance.choice((0, 2, 10, 60)))
        check()
    settled(opened)
    check()


def test_notices_beyond_the_third_are_a_click_away(window):
    strip = window.notices
    for number in range(5):
        strip.add(Notice(f"Notice {number}."))
    rows = [row for row in strip.findChildren(QFrame, "notice") if row.isVisibleTo(strip)]
    assert len(rows) == 3
    assert strip.more_button.text() == "2 more"
    strip.more_button.click()
    rows = [row for row in strip.findChildren(QFrame, "notice") if row.isVisibleTo(strip)]
    assert len(rows) == 5
    assert strip.texts[0] == "Notice 4."
    strip.clear()
    assert not strip.isVisible()


def test_a_page_without_images_stays_while_identity_is_hidden_and_reads_nothing_off_images(opened):
    window, status = opened, opened.status
    window.resize(1700, 900)

    def shown() -> set[str]:
        labels = (each for each in status.findChildren(QLabel) if each.isVisible())
        return {each.text()[:5] for each in labels} - {""}

    QApplication.processEvents()
    with_images = shown()
    assert "Wheel" in with_images and len(with_images) > 2
    for name in ("start", "pacs", "cases"):
        window.menus.actions[name].trigger()
        page = window.pages.currentWidget()
        for _ in range(2):
            window.menus.actions["anonymous"].trigger()
            assert window.pages.currentWidget() is page
        window.resize(window.width() + 1, 900)
        QApplication.processEvents()
        status.show_hovered(np.zeros(3))
        assert shown() == set()
        window.menus.actions[name].trigger()
        assert window.pages.has_images
        assert "Wheel" in shown() and len(shown()) > 2
