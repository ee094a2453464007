"""The heatmap's scale: unit and numbers, one for both sides, and one that is kept for all maps."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from scipy.stats import spearmanr

from fusion3d_gui.imaging.display.heat_colors import heatmap_colors
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.state.prediction.explainer import are_alike
from fusion3d_gui.state.prediction.side_by_side import MapCell
from fusion3d_gui.widgets.slice.captions import _items
from fusion3d_gui.widgets.slice.stamp import REMOVED, UNFINISHED

LEFT = Qt.MouseButton.LeftButton


def even_map(volume, value: float, **other) -> Heatmap:
    """The same value everywhere."""
    low, high = volume.bounds_lps
    affine = np.diag([*((high - low) / 4), 1.0])
    affine[:3, 3] = low + (high - low) / 8
    return Heatmap(np.full((4, 4, 4), value, np.float32), affine, "gradcam", "layer4", **other)


def shown_level(view, qtbot) -> int:
    """The level of the colour map, 0 to 255, in the middle of a view's opaque heatmap."""
    view.grab()
    qtbot.waitUntil(lambda: view.is_settled)
    image = view.grab().toImage()
    # Beside the crosshair, which lies in the middle.
    color = image.pixelColor(image.width() // 2 + 17, image.height() // 2 + 13)
    table = heatmap_colors("Inferno").astype(int)
    return int(np.abs(table - [color.red(), color.green(), color.blue()]).sum(axis=1).argmin())


@pytest.fixture
def even(window, tmp_path, settled):
    """The window with a prediction of noise, and an opaque overlay without a threshold."""
    values = np.random.default_rng(0).normal(300, 40, (30, 34, 26)).astype(np.int16)
    path = tmp_path / "noise.nii.gz"
    nib.save(nib.Nifti1Image(values, np.diag([4.0, 4.0, 5.0, 1.0])), path)
    window.session.opener.open(path, metadata={"age": 71.0, "sex": "F"}, then_predict=True)
    settled(window)
    overlay = window.session.display.overlay
    overlay.set_opacity(1.0)
    overlay.set_threshold(0.0)
    return window


def test_a_kept_scale_gives_the_same_value_the_same_colour_in_every_map(even, qtbot):
    view, overlay = even.views.axial, even.session.display.overlay
    volume = even.session.store.case.volume
    view.set_heatmap(even_map(volume, 0.02))
    assert shown_level(view, qtbot) >= 254
    view.set_heatmap(even_map(volume, 0.01))
    assert shown_level(view, qtbot) >= 254  # each has its own scale
    overlay.keep_scale(0.02)
    assert shown_level(view, qtbot) == pytest.approx(127, abs=2)
    overlay.keep_scale(0.005)
    assert shown_level(view, qtbot) >= 254
    scale = view._heat_scale
    assert (scale.top, scale.kept) == (0.005, True)
    # A map combined from stages has no unit, and keeps its own scale.
    relative = even_map(volume, 0.0007)
    view.set_heatmap(Heatmap(relative.values, relative.affine, "layercam", "layer3+layer4"))
    assert shown_level(view, qtbot) >= 254
    assert view._heat_scale.top is None
    overlay.keep_scale(None)


def test_the_scale_is_kept_beside_the_colour_bar_and_its_number_can_be_set(even, qtbot, settled):
    controls, overlay = even.side.overlay, even.session.display.overlay
    peak = even.session.predictions.heatmap.peak
    scale = controls.scale
    assert not scale.top.isVisibleTo(controls)
    qtbot.mouseClick(scale.keep, LEFT)
    assert overlay.kept_top == peak
    assert scale.top.isVisibleTo(controls)
    assert scale.top.suffix() == " logit"
    scale.top.setValue(0.5)
    assert overlay.kept_top == 0.5
    assert even.views.axial._heat_scale.kept
    # It stays for another prediction, made of other values by another method.
    even.session.form.set_value("age", 50)
    even.session.predictions.predict()
    settled(even)
    assert overlay.kept_top == 0.5
    assert even.views.axial._heat_scale.top == 0.5
    qtbot.keyClick(even.views.axial, Qt.Key.Key_U)
    assert overlay.kept_top is None
    assert not scale.keep.isChecked()
    assert even.views.axial._heat_scale.top == even.session.predictions.heatmap.peak


def test_both_sides_are_drawn_on_one_scale(even, qtbot):
    session, volume = even.session, even.session.store.case.volume
    cells = [
        MapCell("raised", "", "", even_map(volume, 0.04)),
        MapCell("lowered", "", "", even_map(volume, 0.01, side="lowered")),
    ]
    session.side_by_side.show(even, cells, lambda: True, on_one_scale=True)
    maps = even.map_views
    strong, weak = maps.views
    assert shown_level(strong, qtbot) >= 254
    assert shown_level(weak, qtbot) == pytest.approx(64, abs=2)
    assert maps.note.text() == "All on one scale: 100 % = 0.04 logit"
    session.display.overlay.keep_scale(0.08)
    assert maps.note.text() == "On the kept scale: 100 % = 0.08 logit"
    assert shown_level(strong, qtbot) == pytest.approx(127, abs=2)
    session.display.overlay.keep_scale(None)
    session.side_by_side.show(even, cells, lambda: True)
    assert maps.note.text() == "Each heatmap scaled to its own peak"
    assert shown_level(maps.views[1], qtbot) >= 254


def test_both_asks_for_one_scale(even, settled):
    even.session.explainer.show_both_sides()
    settled(even)
    peaks = [cell.heatmap.peak for cell in even.session.side_by_side.cells]
    assert even.session.side_by_side.common_top == max(peaks)


def test_a_map_that_is_not_finished_says_so_in_every_view(even):
    volume = even.session.store.case.volume
    views = (even.views.axial, even.views.coronal, even.views.sagittal)
    for finished in (False, True):
        heatmap = even_map(volume, 1.0, finished=finished)
        for view in views:
            view.set_heatmap(heatmap)
            assert view._caption_texts(view.slicer).stamp == (() if finished else UNFINISHED)
        even.views.volume.set_heatmap(heatmap)
        assert even.views.volume._caption_texts(volume).stamp == (() if finished else UNFINISHED)
    even.views.axial.set_heatmap(even_map(volume, 1.0, finished=False))
    even.session.display.overlay.toggle()
    assert not even.views.axial._caption_texts(even.views.axial.slicer).stamp


def test_the_images_say_that_the_form_has_taken_the_heatmap_away(opened, settled):
    session, views = opened.session, opened.views

    def stamps() -> set[tuple[str, ...]]:
        return {view._caption_texts(view.slicer).stamp for view in views.shown}

    session.predictions.predict()
    settled(opened)
    assert session.predictions.heatmap is not None
    assert stamps() == {()}
    session.form.set_value("age", 41.0)
    assert stamps() == {REMOVED["form"]}
    assert views.volume._caption_texts(session.store.case.volume).stamp == REMOVED["form"]
    for view in views.shown:
        shown = [item.text for item in _items(view._caption_texts(view.slicer), view.rect())]
        assert set(shown) & set(REMOVED["form"])
    session.display.overlay.toggle()
    assert stamps() == {()}  # who has hidden it misses nothing
    session.display.overlay.toggle()
    session.predictions.predict()
    assert stamps() == {()}


def test_the_images_say_that_another_model_has_taken_the_heatmap_away(
    opened, make_bundle, make_case, settled
):
    session, views = opened.session, opened.views

    def stamps() -> set[tuple[str, ...]]:
        texts = [view._caption_texts(view.slicer) for view in views.shown]
        texts.append(views.volume._caption_texts(session.store.case.volume))
        return {each.stamp for each in texts}

    session.models.choose(BundleInfo.read(make_bundle("add")))
    assert stamps() == {()}  # there was none to remove
    session.predictions.predict()
    settled(opened)
    session.models.choose(BundleInfo.read(make_bundle("multiply")))
    assert stamps() == {REMOVED["model"]}
    session.form.set_value("age", 41.0)
    assert stamps() == {REMOVED["model"]}
    session.predictions.predict()
    assert stamps() == {()}
    settled(opened)
    session.models.choose(BundleInfo.read(make_bundle("add")))
    session.opener.open(make_case("b"))
    settled(opened)
    assert stamps() == {()}
    settled(opened)
    assert stamps() == {()}


@pytest.mark.parametrize(("like", "warned"), [(1.0, True), (0.2, False)])
def test_maps_of_both_sides_that_are_nearly_the_same_are_said_to_be(like, warned):
    draw = np.random.default_rng(0)
    raised = draw.random((5, 6, 7)).astype(np.float32)
    noise = draw.random(raised.shape).astype(np.float32)
    lowered = 3 * (like * raised + (1 - like) * noise)
    grid = np.diag([8.0, 8.0, 8.0, 1.0])
    one, other = (Heatmap(each, grid, "gradcam++", "layer1") for each in (raised, lowered))
    assert spearmanr(raised.ravel(), lowered.ravel()).statistic > 0.95 or not warned
    assert are_alike(one, other) == warned
    assert not are_alike(one, Heatmap(raised[:3], grid, "gradcam++", "layer1"))
    assert not are_alike(one, Heatmap(np.zeros_like(raised), grid, "gradcam++", "layer1"))


def test_the_warning_stands_over_both_maps_in_the_window(even):
    volume = even.session.store.case.volume
    cells = [
        MapCell(side, "", "", even_map(volume, 0.04, side=side), warning="Nearly the same map")
        for side in ("raised", "lowered")
    ]
    even.session.side_by_side.show(even, cells, lambda: True)
    found = [
        label
        for label in even.map_views.findChildren(QLabel)
        if label.text() == "Nearly the same map" and label.isVisible()
    ]
    assert len(found) == 2
