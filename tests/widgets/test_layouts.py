"""Layouts, oblique planes, slabs and cine, as their user meets them."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QCursor, QImage
from PySide6.QtWidgets import QApplication

from fusion3d_gui.imaging.plane import spatial_letters
from fusion3d_gui.imaging.reslice.slab import Projection
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.widgets.views.layout import Layout
from fusion3d_gui.widgets.volume.orbit import Orbit

LEFT = Qt.MouseButton.LeftButton


def heatmap_for(volume) -> Heatmap:
    low, high = volume.bounds_lps
    affine = np.diag([*((high - low) / 4), 1.0])
    affine[:3, 3] = low + (high - low) / 8
    values = np.zeros((4, 4, 4), np.float32)
    values[2, 1, 2] = 1.0
    return Heatmap(values, affine, "gradcam", "layer4")


@pytest.mark.parametrize(
    ("layout", "count"), [(Layout.LARGE_AND_TWO, 3), (Layout.THREE, 3), (Layout.SIDE_BY_SIDE, 2)]
)
def test_every_layout_shows_its_views_and_nothing_else(opened, layout, count):
    opened.views.set_layout(layout)
    QApplication.processEvents()
    assert len(opened.views.shown) == count
    for view in opened.views.shown:
        assert view.width() >= 140
        assert view.camera.is_fitted
        left, top = view.camera.to_px(view.shown_slice.rect.left, view.shown_slice.rect.top)
        assert left >= 0
        assert top >= 0


def test_side_by_side_both_views_show_the_same_place_and_one_of_them_the_heatmap(
    opened, turn_wheel
):
    views = opened.views
    views.set_layout(Layout.SIDE_BY_SIDE)
    QApplication.processEvents()
    for view in views.views:
        view.set_heatmap(heatmap_for(opened.session.store.case.volume))
    turn_wheel(views.axial, 240, QPointF(100, 150), ctrl=True)
    views.plain.pan(13, -7)
    at = QPointF(120, 90)
    assert np.allclose(views.axial.lps_at(at), views.plain.lps_at(at), atol=2.0)
    assert views.axial.camera.scale == views.plain.camera.scale
    assert views.axial.picture.overlay_is_drawn
    assert not views.plain.picture.overlay_is_drawn


def test_side_by_side_the_plain_image_lies_left_of_the_same_image_with_the_heatmap(opened, qtbot):
    views, overlay = opened.views, opened.session.display.overlay
    views.set_layout(Layout.SIDE_BY_SIDE)
    # The view under the pointer has handles on its arms. Where another window lies above, no Leave comes.
    QCursor.setPos(opened.mapToGlobal(QPoint(2, 2)))
    QApplication.processEvents()
    for view in views.views:
        QApplication.sendEvent(view, QEvent(QEvent.Type.Leave))
    # An odd pixel goes to one of them: pixels are compared where there is none.
    opened.resize(opened.width() + abs(views.plain.width() - views.axial.width()), opened.height())
    QApplication.processEvents()
    for view in views.views:
        view.set_heatmap(heatmap_for(opened.session.store.case.volume))
    views.plain.setFocus()
    left, right = (view.mapTo(opened, QPoint()) for view in (views.plain, views.axial))
    assert left.x() + views.plain.width() <= right.x()
    assert left.y() == right.y()
    assert views.plain.size() == views.axial.size()
    # Only one of them has the corner text and the colour bar.
    middle = views.plain.rect().adjusted(130, 90, -130, -90)

    def pictures() -> list[QImage]:
        qtbot.waitUntil(lambda: views.is_settled)
        return [view.grab(middle).toImage() for view in (views.plain, views.axial)]

    def largest_difference(one: QImage, other: QImage) -> int:
        assert one.format() == other.format() == QImage.Format.Format_RGB32
        first, second = (np.frombuffer(each.constBits(), np.uint8) for each in (one, other))
        return int(np.abs(first.astype(int) - second).max())

    plain, with_heat = pictures()
    assert largest_difference(plain, with_heat) > 8
    overlay.set_visible(False)
    # Half a pixel between them can round a gray value another way.
    assert max(largest_difference(plain, each) for each in pictures()) <= 1


def test_dragging_the_end_of_an_arm_turns_the_other_planes_about_the_crosshair(opened, qtbot):
    views, display = opened.views, opened.session.display
    display.crosshair.move_to(np.array([10.0, -12.0, 8.0]))
    place = display.crosshair.position_lps
    view = views.axial
    center = view.crosshair_px
    reach = 0.36 * min(view.width(), view.height())
    start = QPoint(round(center.x() + reach), round(center.y()))
    angle = np.deg2rad(30)
    end = QPoint(
        round(center.x() + reach * np.cos(angle)), round(center.y() + reach * np.sin(angle))
    )
    before = view.screen_plane
    qtbot.mousePress(view, LEFT, pos=start)
    qtbot.mouseMove(view, (start + end) / 2)
    qtbot.mouseMove(view, end)
    qtbot.mouseRelease(view, LEFT, pos=end)
    assert np.allclose(display.crosshair.position_lps, place)
    assert np.allclose(view.screen_plane.right_lps, before.right_lps)
    # Clockwise on screen: the coronal plane's right, which was to the left, now also points back.
    right = views.coronal.screen_plane.right_lps
    assert right == pytest.approx([np.cos(angle), np.sin(angle), 0], abs=0.02)
    assert spatial_letters(right) == "LP"
    for each in views.shown:
        plane = each.screen_plane
        assert abs(plane.distance_mm(place)) < (2.6 if each is view else 1e-5)
        if each is not view:
            assert np.allclose(each.lps_at(each.px_at(place)), place, atol=1e-5)
    assert views.coronal._traces.sides[:2] == ("RA", "LP")
    opened.views.straighten()
    assert display.planes.are_straight
    assert np.allclose(views.coronal.screen_plane.right_lps, [1, 0, 0])


def test_a_double_oblique_plane_shows_what_simpleitk_resamples_there(opened):
    views, volume = opened.views, opened.session.store.case.volume
    display = opened.session.display
    display.crosshair.move_to(np.array([3.0, -5.0, 4.0]))
    views.axial.turn_others(0.4)
    views.coronal.turn_others(-0.3)
    view = views.sagittal
    view.picture.hurried = False
    piece = view.shown_slice
    rows, columns = piece.values.shape
    plane, rect = view.screen_plane, piece.rect
    image = sitk.GetImageFromArray(volume.voxels)
    spacing = np.linalg.norm(volume.affine[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(volume.affine[:3, 3].tolist())
    image.SetDirection((volume.affine[:3, :3] / spacing).ravel().tolist())
    reference = sitk.Image(columns, rows, 1, sitk.sitkFloat32)
    step = rect.width / columns, rect.height / rows
    corner = view.camera.to_px(rect.left + step[0] / 2, rect.top + step[1] / 2)
    reference.SetOrigin(view.lps_at(QPointF(*corner)).tolist())
    reference.SetSpacing((*step, 1.0))
    axes = np.stack([plane.right_lps, plane.down_lps, plane.normal_lps], axis=1)
    reference.SetDirection(axes.ravel().tolist())
    expected = sitk.GetArrayFromImage(
        sitk.Resample(image, reference, sitk.Transform(), sitk.sitkLinear, np.nan, sitk.sitkFloat32)
    )[0]
    both = np.isfinite(expected) & np.isfinite(piece.values)
    assert both.mean() > 0.2
    assert np.abs(piece.values - expected)[both].max() < 1.0  # of 900


def test_flipped_and_turned_views_keep_letters_and_places_right(opened, qtbot):
    view, display = opened.views.axial, opened.session.display
    spot = np.array([30.0, -40.0, 22.5])
    display.crosshair.move_to(spot)
    for change in (opened.views.flip, opened.views.turn, opened.views.turn, opened.views.flip):
        view.setFocus()
        change()
        x, y = view.px_at(spot).toTuple()
        left, right, top, bottom = view._traces.sides
        half = view.width() / 2, view.height() / 2
        assert (right if x > half[0] else left) in "LA"
        assert (bottom if y > half[1] else top) in "LA"
        assert np.allclose(view.lps_at(QPointF(x, y)), spot, atol=2.6)


def test_a_slab_of_a_straight_view_projects_the_voxels_in_it(opened, qtbot):
    volume, display = opened.session.store.case.volume, opened.session.display
    view = opened.views.axial
    display.slab.set_thickness(15.0)
    assert view.picture.thickness_mm == pytest.approx(15.0)  # 3 slices of 5 mm
    depth = view.picture.depth_mm
    k = int(np.rint(volume.to_index(np.array([0, 0, depth]))[2]))
    for projection, reduce in (
        (Projection.MAXIMUM, np.max),
        (Projection.MINIMUM, np.min),
        (Projection.MEAN, np.mean),
    ):
        display.slab.set_projection(projection)
        values = view.shown_slice.values
        expected = reduce(volume.voxels[k - 1 : k + 2].astype(float), axis=0)
        assert np.allclose(np.sort(values.ravel()), np.sort(expected.ravel()))
    assert "Average 15 mm" in view._caption_texts(view.slicer).position


def test_an_oblique_slab_is_refined_in_steps_until_it_is_settled(opened, qtbot):
    display, view = opened.session.display, opened.views.axial
    opened.views.sagittal.turn_others(0.2)
    display.slab.set_thickness(40.0)
    assert not view.is_settled
    coarse = view.shown_slice.values.size
    qtbot.waitUntil(lambda: opened.views.is_settled, timeout=10_000)
    assert not view.picture.unfinished
    assert view.shown_slice.values.size >= coarse


def test_planes_along_the_scan_show_its_own_slices(opened, tmp_path, settled):
    import nibabel as nib

    turn = np.deg2rad(14)
    affine = np.eye(4)
    affine[:3, :3] = np.array(
        [[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]]
    ) @ np.diag([3.0, 3.0, 6.0])
    voxels = np.random.default_rng(0).integers(0, 900, (20, 24, 16)).astype(np.int16)
    nib.save(nib.Nifti1Image(voxels, affine), tmp_path / "tilted.nii")
    opened.session.opener.open(tmp_path / "tilted.nii")
    settled(opened)
    opened.views.straighten()
    assert not opened.views.axial.slicer.is_aligned
    opened.views.follow_scan()
    view = opened.views.axial
    assert view.slicer.is_aligned
    depth = view.picture.depth_mm
    k = view.slicer.index_at(view.orientation, depth)
    shown = np.sort(view.shown_slice.values.ravel())
    assert np.array_equal(shown, np.sort(voxels[:, :, k].ravel()))


def test_cine_turns_slices_goes_round_and_stops(opened, qtbot):
    display, view = opened.session.display, opened.views.axial
    view.setFocus()
    view.step(1_000_000)
    last = display.crosshair.position_lps[2]
    display.cine.change_speed(10)
    opened.views.toggle_cine()
    qtbot.waitUntil(lambda: display.crosshair.position_lps[2] < last, timeout=5000)
    assert "cine 60/s" in view._caption_texts(view.slicer).slice_count
    others = [each for each in opened.views.shown if each is not view]
    assert others
    assert not any("cine" in each._caption_texts(each.slicer).slice_count for each in others)
    opened.views.toggle_cine()
    assert not display.cine.running


def test_the_slider_goes_to_first_and_last_plane(opened, qtbot):
    view = opened.views.axial
    slider = opened.views._cells[view].layout().itemAt(1).widget()
    low, high = opened.session.store.case.volume.bounds_lps
    qtbot.mouseClick(slider, LEFT, pos=QPoint(5, 2))
    assert opened.session.display.crosshair.position_lps[2] == pytest.approx(high[2] - 2.5)
    qtbot.mouseClick(slider, LEFT, pos=QPoint(5, slider.height() - 3))
    assert opened.session.display.crosshair.position_lps[2] == pytest.approx(low[2] + 2.5)


def test_the_heatmap_stays_on_its_place_in_oblique_planes_and_slabs(opened, qtbot):
    volume, display = opened.session.store.case.volume, opened.session.display
    heatmap = heatmap_for(volume)
    peak = heatmap.peak_lps
    display.crosshair.move_to(peak)
    display.overlay.set_threshold(0.6)
    opened.views.axial.turn_others(0.5)
    opened.views.coronal.turn_others(0.4)
    for view in opened.views.views:
        view.set_heatmap(heatmap)

    def levels(view) -> np.ndarray:
        view.grab()
        return view.picture._heat._levels._value

    for view in opened.views.shown:
        found = levels(view)
        assert found.max() > 200  # straight planes lie at slices, up to 2.5 mm off the peak
        row, column = np.unravel_index(int(found.argmax()), found.shape)
        rect = view.picture._heat._levels._key[1]
        x, y = view.camera.to_px(
            rect.left + (column + 0.5) * rect.width / found.shape[1],
            rect.top + (row + 0.5) * rect.height / found.shape[0],
        )
        assert np.linalg.norm(view.lps_at(QPointF(x, y)) - peak) < 6.0  # cells of some 30 mm
    # A thin plane 25 mm off the peak misses it; a slab of 60 mm about that plane has it.
    opened.views.straighten()
    display.crosshair.move_to(peak + np.array([0.0, 0.0, 25.0]))
    assert levels(opened.views.axial).max() < 150
    display.slab.set_thickness(60.0)
    assert levels(opened.views.axial).max() > 235


def test_the_3d_view_shows_crosshair_letters_and_heatmap_where_they_are(opened, qtbot):
    views, volume = opened.views, opened.session.store.case.volume
    views.set_layout(Layout.GRID)
    view = views.volume
    heatmap = heatmap_for(volume)
    view.set_heatmap(heatmap)
    qtbot.waitUntil(lambda: view.is_settled, timeout=10_000)
    assert len(views.shown) == 3
    assert view.isVisible()
    opened.session.display.overlay.set_threshold(0.8)
    for turn in (0, 90, 135):
        view.orbit = Orbit(turn, 0.0)
        image = view.grab().toImage()
        wanted = view.px_at(heatmap.peak_lps)
        warm = []
        for y in range(0, image.height(), 3):
            for x in range(0, image.width(), 3):
                color = image.pixelColor(x, y)
                if color.red() - color.blue() > 40:
                    warm.append((x, y))
        assert np.linalg.norm(np.mean(warm, axis=0) - wanted.toTuple()) < 12
    view.orbit = Orbit(0.0, 0.0)
    assert view._caption_texts(volume).sides == ("R", "L", "S", "I")
    view.orbit = Orbit(90.0, 0.0)
    # From the patient's left anterior is on the screen's left.
    assert view._caption_texts(volume).sides == ("A", "P", "S", "I")
    assert "from the left" in view._caption_texts(volume).position


def test_the_3d_view_turns_by_drag_and_by_itself(opened, qtbot):
    opened.views.set_layout(Layout.GRID)
    view = opened.views.volume
    QApplication.processEvents()
    before = view.axes_lps[0]
    center = view.rect().center()
    qtbot.mousePress(view, LEFT, pos=center)
    qtbot.mouseMove(view, center + QPoint(40, 0))
    qtbot.mouseRelease(view, LEFT, pos=center + QPoint(40, 0))
    assert not np.allclose(view.axes_lps[0], before)
    turned = view.axes_lps[0]
    view.toggle_spin()
    qtbot.waitUntil(lambda: not np.allclose(view.axes_lps[0], turned), timeout=3000)
    view.toggle_spin()
    assert not view.spinning


def test_interpolation_is_chosen_and_changes_what_lies_between_voxels(opened, qtbot):
    display, view = opened.session.display, opened.views.axial
    display.crosshair.move_to(np.array([-40.0, 40.0, 20.0]))
    edge = np.array([2.0, -40.0, 20.0])  # of the bright eighth
    view.camera.zoom_about(*view.px_at(edge).toTuple(), 4.0)
    x, y = view.px_at(edge).toTuple()

    def profile() -> list[int]:
        image = view.grab().toImage()
        return [image.pixelColor(round(x) + n, round(y)).lightness() for n in range(-40, 40)]

    seen = {}
    for name in ("nearest", "linear", "cubic"):
        opened.menus.actions[f"interpolation_{name}"].trigger()
        seen[name] = profile()
    assert len(set(seen["nearest"])) == 2
    assert len(set(seen["linear"])) > 20
    assert len(set(seen["cubic"])) > 20
    assert seen["linear"] != seen["cubic"]
    assert np.mean(seen["cubic"]) == pytest.approx(np.mean(seen["linear"]), abs=6)
    # Oblique planes are cubic once they are at rest.
    view.turn_others(0.3)
    opened.views.coronal.turn_others(0.3)
    view.grab()
    assert view.picture.unfinished
    qtbot.waitUntil(lambda: opened.views.is_settled, timeout=10_000)
    assert not view.picture.unfinished


def test_the_slab_is_entered_in_millimetres_and_given_back_on_cancelling(opened, qtbot):
    from PySide6.QtWidgets import QInputDialog

    slab = opened.session.display.slab
    slab.set_thickness(5)
    opened.menus.actions["slab_mm"].trigger()
    (dialog,) = opened.findChildren(QInputDialog)
    dialog.setDoubleValue(12.5)
    assert slab.slab.thickness_mm == 12.5
    dialog.reject()
    assert slab.slab.thickness_mm == 5
    opened.menus.actions["slab_mm"].trigger()
    dialog = opened.findChildren(QInputDialog)[-1]
    dialog.setDoubleValue(7.0)
    dialog.accept()
    assert slab.slab.thickness_mm == 7.0


def test_one_to_one_gives_a_voxel_a_pixel_and_fit_shows_all_of_the_plane(opened):
    view = opened.views.axial
    view.setFocus()
    opened.menus.actions["actual_size"].trigger()
    finest = min(opened.session.store.case.volume.spacing_mm)
    at = np.array([0.0, 0.0, 20.0])
    step = view.px_at(at + np.array([finest, 0, 0])) - view.px_at(at)
    assert step.x() * view.devicePixelRatioF() == pytest.approx(1.0)
    opened.menus.actions["fit"].trigger()
    rect = view.shown_slice.rect
    left, top = view.camera.to_px(rect.left, rect.top)
    right, bottom = view.camera.to_px(rect.left + rect.width, rect.top + rect.height)
    assert min(left, top, view.width() - right, view.height() - bottom) >= 0
    assert max((right - left) / view.width(), (bottom - top) / view.height()) > 0.9


def test_the_crosshair_is_broken_around_text(opened):
    view = opened.views.axial
    view.grab()
    captions = view.picture.captions
    title_left, title_top, *_ = captions.areas[4]  # after the four letters
    assert title_left < 30
    assert title_top < 30
    left, top, right, bottom = captions.areas[5]
    lps = view.lps_at(QPointF((left + right) / 2, view.height() / 2))
    opened.session.display.crosshair.move_to(lps)
    view.grab()
    image = view.grab().toImage()
    x = int(view.crosshair_px.x())
    colors = {image.pixelColor(x, y).name() for y in range(int(top) + 1, int(bottom))}
    line = image.pixelColor(x, int(bottom) + 40)
    assert line.lightness() > 60
    assert line.name() not in colors


def test_ten_window_presets_have_a_key(opened):
    from fusion3d_gui.imaging.display.window import Preset, Window

    level = opened.session.display.window_level
    level.set_presets(tuple(Preset(f"P{n}", Window(n, 10 + n)) for n in range(1, 12)))
    for number in range(1, 11):
        action = opened.menus.actions[f"preset_{number}"]
        assert action.shortcut().toString() == str(number % 10)
        action.trigger()
        assert level.preset.name == f"P{number}"
