"""Volumes of every shape and type in every plane, slab and projection: nothing breaks, and types look alike."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from PySide6.QtCore import QPointF
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QWidget

from fusion3d_gui.imaging.display.window import Window, presets
from fusion3d_gui.imaging.reslice.slab import Projection
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.state.display.display import Display
from fusion3d_gui.widgets.slice.slice_view import SliceView
from fusion3d_gui.widgets.volume.volume_view import VolumeView

SHAPES = [(1, 1, 1), (1, 6, 7), (5, 1, 9), (4, 8, 1), (3, 4, 5)]
TYPES = ["u1", "i1", "u2", "i2", "i4", "f4", "f8", ">i2"]


def volume_of(shape, kind: str, tilt: float) -> Volume:
    chance = np.random.default_rng(3)
    voxels = (chance.random(shape) * 100).astype(kind)
    if np.dtype(kind).kind == "f":
        voxels.flat[0] = np.nan
    turn = np.array([[np.cos(tilt), -np.sin(tilt), 0], [np.sin(tilt), np.cos(tilt), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([2.0, -3.0, 4.0])
    return Volume(voxels, affine)


def exercise(views: list[SliceView], display: Display, volume: Volume) -> None:
    low, high = volume.bounds_lps
    display.planes.straighten()
    display.crosshair.set_bounds(low, high, volume.center_lps)
    display.window_level.set_presets(presets(volume))
    heatmap = Heatmap(np.ones((1, 1, 1), np.float32), volume.affine, "gradcam", "x")
    for view in views:
        view.set_volume(volume)
        view.set_heatmap(heatmap)

    def look() -> None:
        for view in views:
            view.grab()
            view.step(1)
            view.cycle()
            view.grip_at(QPointF(30, 40))
            assert np.isfinite(view.lps_at(QPointF(3, 5))).all()

    look()
    for projection in Projection:
        display.slab.set_projection(projection)
        display.slab.set_thickness(10)
        look()
    views[0].turn_others(0.3)
    views[1].turn_others(0.2)
    look()
    display.slab.set_thickness(0)
    look()
    views[0].pan(1e5, 1e5)
    views[0].zoom_about(3, 3, 1e6)
    views[0].zoom_about(3, 3, 1e-9)
    look()
    display.overlay.toggle_contours()
    display.planes.follow_scan(volume)
    look()
    display.overlay.toggle_contours()


@pytest.fixture
def display(qapp):
    return Display()


@pytest.fixture
def views(display, qtbot):
    from fusion3d_gui.imaging.plane import ORIENTATIONS

    made = [SliceView(each, display) for each in ORIENTATIONS]
    for view in made:
        qtbot.addWidget(view)
        view.resize(200, 160)
        view.show()
    return made


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("tilt", [0.0, 0.35])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_shown_in_every_way(views, display, shape, tilt):
    exercise(views, display, volume_of(shape, "i2", tilt))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", TYPES)
def test_every_type_is_shown_in_every_way(views, display, kind):
    exercise(views, display, volume_of((3, 4, 5), kind, 0.2))


def levels(view: QWidget) -> np.ndarray:
    """The picture as int [rows, columns, 3]."""
    image = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)
    return rows[..., :3].astype(int)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("kind", TYPES)
def test_a_type_changes_nothing_in_the_picture(views, display, qtbot, kind, turned):
    volume = volume_of((3, 4, 5), kind, 0.2)
    low, high = volume.bounds_lps
    display.crosshair.set_bounds(low, high, volume.center_lps)
    display.window_level.set_window(Window.between(0, 100))
    pictures = []
    for shown in (volume, Volume(volume.voxels.astype("f8"), volume.affine)):
        for view in views:
            view.set_volume(shown)
        if turned and not pictures:
            views[0].turn_others(0.3)
        for view in views:
            view.grab()
        qtbot.waitUntil(lambda: all(view.is_settled for view in views))
        pictures.append([levels(view) for view in views])
    for own, doubles in zip(*pictures, strict=True):
        assert len(np.unique(own)) > 20
        assert np.abs(own - doubles).max() <= 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("shape", "kind"), [*((shape, "i2") for shape in SHAPES), *(((3, 4, 5), k) for k in TYPES)]
)
def test_every_volume_can_be_turned_in_3d(display, qtbot, shape, kind):
    volume = volume_of(shape, kind, 0.2)
    display.window_level.set_presets(presets(volume))
    view = VolumeView(display)
    qtbot.addWidget(view)
    view.resize(200, 160)
    view.set_volume(volume)
    view.set_heatmap(Heatmap(np.ones((1, 1, 1), np.float32), volume.affine, "gradcam", "x"))
    view.show()
    qtbot.waitUntil(lambda: view.is_settled, timeout=5000)
    pictures = []
    for _ in range(6):
        view.turn(67, 31)
        pictures.append(levels(view))
        view.display.volume_look.toggle_surface()
        pictures.append(levels(view))
    # Something is drawn from every side, and it is another picture from each.
    assert all(len(np.unique(picture)) > 8 for picture in pictures)
    assert all((a != b).any() for a, b in itertools.pairwise(pictures))
    QApplication.processEvents()
