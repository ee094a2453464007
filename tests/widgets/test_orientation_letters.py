"""Letters at the sides of views, in every position in which a patient can lie, judged by SimpleITK."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from PySide6.QtCore import QPointF

from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.display.window import Window
from fusion3d_gui.imaging.plane import ORIENTATIONS
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.state.display.display import Display
from fusion3d_gui.state.prediction.hot_spot_list import HotSpotList
from fusion3d_gui.widgets.slice.slice_view import SliceView

#: Row and column directions (LPS) of an axial slice as a scanner makes it in each patient position.
POSITIONS = {
    "HFS": ((1, 0, 0), (0, 1, 0)),
    "HFP": ((-1, 0, 0), (0, -1, 0)),
    "HFDR": ((0, 1, 0), (-1, 0, 0)),
    "HFDL": ((0, -1, 0), (1, 0, 0)),
    "FFS": ((-1, 0, 0), (0, 1, 0)),
    "FFP": ((1, 0, 0), (0, -1, 0)),
    "FFDR": ((0, -1, 0), (-1, 0, 0)),
    "FFDL": ((0, 1, 0), (1, 0, 0)),
}
#: A voxel (i, j, k) away from all middles.
SPOT = (16, 3, 8)


@pytest.fixture(params=POSITIONS)
def scan(request, tmp_path) -> tuple[Volume, sitk.Image]:
    """A series with one bright spot, as this program and as SimpleITK read it."""
    row, column = np.array(POSITIONS[request.param], float)
    affine = np.eye(4)
    affine[:3, :3] = np.stack([0.9 * row, 1.3 * column, 2.5 * np.cross(row, column)], axis=1)
    affine[:3, 3] = (-30, 12, 80)
    voxels = np.full((12, 18, 20), 100, np.int16)
    i, j, k = SPOT
    voxels[k - 1 : k + 2, j - 1 : j + 2, i - 1 : i + 2] = 900
    source = Volume(voxels, affine, modality="MR", description="made")
    about = {"PatientPosition": request.param}
    write_dicom_series(source, tmp_path / "s", attributes=about, uid_seed=request.param)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path / "s")))
    return open_volume(tmp_path / "s"), reader.Execute()


@pytest.fixture
def show(qtbot):
    """The three views on a volume, and their display."""

    def show_(volume: Volume) -> tuple[list[SliceView], Display]:
        display = Display()
        low, high = volume.bounds_lps
        display.crosshair.set_bounds(low, high, volume.center_lps)
        display.window_level.set_window(Window(500, 1000))
        views = [SliceView(each, display) for each in ORIENTATIONS]
        for view in views:
            qtbot.addWidget(view)
            view.resize(440, 400)
            view.set_volume(volume)
            view.show()
        return views, display

    return show_


def letters(view: SliceView) -> tuple[str, str]:
    """Those at the right and at the bottom; the opposite ones must lie opposite."""
    left, right, top, bottom = view._caption_texts(view.slicer).sides
    opposite = dict(zip("LRPASI", "RLAPIS", strict=True))
    assert [opposite[each] for each in right] == list(left)
    assert [opposite[each] for each in bottom] == list(top)
    return right, bottom


def screen_code(view: SliceView, image: sitk.Image) -> str:
    """SimpleITK's letters for the screen's right and down, found by where its voxels are on screen."""
    chance = np.random.default_rng(0)
    indices = chance.integers(0, np.array(image.GetSize()), (12, 3)).tolist()
    places = np.array([image.TransformIndexToPhysicalPoint(each) for each in indices])
    pixels = np.array([view.px_at(each).toTuple() for each in places])
    to_px, *_ = np.linalg.lstsq(places - places[0], pixels - pixels[0], rcond=None)
    right, down = (column / np.linalg.norm(column) for column in to_px.T)
    direction = np.stack([right, down, np.cross(right, down)], axis=1).ravel()
    code = sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(direction.tolist())
    return code[:2]


def test_letters_are_simpleitks_straight_flipped_turned_and_oblique(scan, show):
    volume, image = scan
    views, _ = show(volume)
    usual = {"Axial": ("L", "P"), "Coronal": ("L", "I"), "Sagittal": ("P", "I")}
    for view in views:
        start = view.orientation
        assert letters(view) == usual[start.name]
        for orientation in (start, start.flipped(), start.rotated(), start.rotated().flipped()):
            view.set_orientation(orientation)
            assert "".join(letters(view)) == screen_code(view, image)
        view.set_orientation(start)
    views[0].turn_others(0.5)
    views[1].turn_others(-0.4)
    views[2].turn_others(0.45)
    for view in views:
        right, bottom = letters(view)
        # The strongest direction first; oblique planes name the others after it.
        assert right[0] + bottom[0] == screen_code(view, image)
        assert len(right + bottom) > 2


def test_a_spot_is_seen_where_simpleitk_has_it(scan, show):
    volume, image = scan
    views, display = show(volume)
    where = np.array(image.TransformIndexToPhysicalPoint(SPOT))
    assert image.GetPixel(*SPOT) == 900
    display.crosshair.move_to(where)
    aside = np.array([0.7, 0.7, 0.7])  # of the crosshair's lines
    for view in views:
        for turned in (view.orientation, view.orientation.rotated().flipped()):
            view.set_orientation(turned)
            at = view.px_at(where + aside)
            assert np.allclose(view.lps_at(view.px_at(where)), where, atol=1.3)
            picture = view.grab().toImage()

            def lightness(place: QPointF, picture=picture) -> float:
                x, y = round(place.x()), round(place.y())
                around = [(x + n, y + m) for n in range(-2, 3) for m in range(-2, 3)]
                return float(np.median([picture.pixelColor(*each).lightness() for each in around]))

            bright, dark = lightness(at), lightness(view.px_at(2 * volume.center_lps - where))
            assert bright > 150 > dark


def test_the_side_of_a_hot_spot_is_the_patients_left_or_right(scan):
    volume, image = scan
    display = Display()
    low, high = volume.bounds_lps
    display.crosshair.set_bounds(low, high, volume.center_lps)
    values = np.zeros((12, 18, 20), np.float32)
    i, j, k = SPOT
    values[k, j, i] = 1.0
    spots = HotSpotList(display)
    spots.set_heatmap(Heatmap(values, volume.affine, "gradcam", "x"))
    middle = np.array(image.TransformContinuousIndexToPhysicalPoint([9.5, 8.5, 5.5]))
    # +x is the patient's left (DICOM PS3.3 C.7.6.2.1.1).
    at = image.TransformIndexToPhysicalPoint(SPOT)
    assert spots.side(spots.spots[0]) == ("left" if at[0] > middle[0] else "right")
    assert np.allclose(spots.spots[0].position_lps, at, atol=1e-3)
