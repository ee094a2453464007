"""The acquired slices come first, with the numbers of their images; what is computed from them says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PySide6.QtWidgets import QApplication

from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.widgets.views.layout import Layout

AXIAL = np.eye(3)
CORONAL = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], float)
SAGITTAL = np.array([[0, 0, -1], [1, 0, 0], [0, -1, 0]], float)
TILT = np.deg2rad(18)
TILTED = np.array([[1, 0, 0], [0, np.cos(TILT), -np.sin(TILT)], [0, np.sin(TILT), np.cos(TILT)]])

Change = Callable[[pydicom.Dataset, int], None]


@pytest.fixture
def open_scan(window, settled, tmp_path: Path):
    """Open a DICOM series whose voxel axes are the columns; ``change`` gets each file with its number from 0."""

    def open_(axes: np.ndarray, slices: int = 9, change: Change | None = None) -> np.ndarray:
        affine = np.eye(4)
        affine[:3, :3] = axes @ np.diag([2.0, 2.0, 6.0])
        chance = np.random.default_rng(slices)
        voxels = chance.integers(0, 900, (slices, 20, 24)).astype(np.int16)
        folder = tmp_path / f"scan{len(list(tmp_path.glob('scan*')))}"
        seed = folder.name
        write_dicom_series(
            Volume(voxels, affine, modality="MR"), folder, attributes={}, uid_seed=seed
        )
        for number, path in enumerate(sorted(folder.glob("*.dcm"))):
            if change is not None:
                file = pydicom.dcmread(path)
                change(file, number)
                file.save_as(path)
        window.session.opener.open(folder)
        settled(window)
        return voxels

    return open_


def texts(view):
    return view._caption_texts(view.slicer)


def shows(view, image: np.ndarray) -> bool:
    """Whether the view shows just these pixels, in whatever direction."""
    return np.array_equal(np.sort(view.shown_slice.values.ravel()), np.sort(image.ravel()))


@pytest.mark.parametrize(
    ("axes", "name"), [(AXIAL, "axial"), (CORONAL, "coronal"), (SAGITTAL, "sagittal")]
)
def test_the_acquired_plane_opens_first_and_largest_in_every_layout(
    window, open_scan, axes, name
) -> None:
    open_scan(axes)
    views = window.views
    main = getattr(views, name)
    others = {views.axial, views.coronal, views.sagittal} - {main}
    assert main.width() > max(view.width() for view in others)
    assert views.active is main
    for layout in (Layout.THREE, Layout.SIDE_BY_SIDE):
        views.set_layout(layout)
        QApplication.processEvents()
        assert main.isVisible()
    assert views.plain.orientation == main.orientation
    for view in others:
        assert "reformatted" in texts(view).position
        assert "Im" not in texts(view).slice_count
    assert "slice 6 mm" in texts(main).position


def test_slices_carry_instance_number_and_location_of_their_file(window, open_scan) -> None:
    def renumber(file: pydicom.Dataset, number: int) -> None:
        file.InstanceNumber = 9 - number
        file.SliceLocation = 100.5 + number

    voxels = open_scan(AXIAL, change=renumber)
    view = window.views.axial
    view.step(-1000)
    view.step(2)
    assert shows(view, voxels[2])
    assert texts(view).slice_count == "Im 7 / 9"
    assert texts(view).position.startswith("Loc 102.5 mm")
    open_scan(AXIAL, change=lambda file, number: setattr(file, "InstanceNumber", 101 + number))
    view.step(-1000)
    assert texts(view).slice_count == "Im 101   1 / 9"
    window.session.display.slab.set_thickness(20.0)
    assert texts(view).slice_count == "1 / 9"  # a slab is no image


def test_tilted_slices_are_shown_as_they_were_acquired(window, open_scan) -> None:
    voxels = open_scan(TILTED)
    view = window.views.axial
    assert texts(view).slice_count == "Im 5 / 9"
    assert texts(view).position == "tilted 18°   slice 6 mm"
    assert shows(view, voxels[4])
    assert "oblique 18°   reformatted" in texts(window.views.coronal).position
    window.views.straighten()
    assert "resampled" in texts(view).position
    assert "Im" not in texts(view).slice_count


def test_slices_under_a_tilted_gantry_are_shown_pixel_by_pixel(window, open_scan) -> None:
    def shift(file: pydicom.Dataset, number: int) -> None:
        x, y, z = map(float, file.ImagePositionPatient)
        file.ImagePositionPatient = [x, y + 1.3 * number, z]

    voxels = open_scan(AXIAL, change=shift)
    view = window.views.axial
    for number in range(9):
        view.step(-1000)
        view.step(number)
        assert texts(view).slice_count == f"Im {number + 1} / 9"
        assert shows(view, voxels[number])
        # The middle of the image lies where the file says.
        rect, middle = view.shown_slice.rect, np.array([11.5, 9.5, number])
        place = window.session.store.case.volume.to_lps(middle)
        u, v = view.orientation.to_screen(view._to_plane_space(place))
        assert (rect.left + rect.width / 2, rect.top + rect.height / 2) == pytest.approx((u, v))
    assert "resampled" in texts(window.views.sagittal).position


def test_unevenly_spaced_slices_say_that_they_are_interpolated(window, open_scan) -> None:
    def spread(file: pydicom.Dataset, number: int) -> None:
        x, y, z = map(float, file.ImagePositionPatient)
        file.ImagePositionPatient = [x, y, z + 0.4 * number**2]

    open_scan(AXIAL, change=spread)
    assert "resampled" in texts(window.views.axial).position
    assert "Im" not in texts(window.views.axial).slice_count
    assert "9 slices interpolated to" in window.header.detail.text()
    assert window.session.store.case.series[0].slice_count == 9


@pytest.mark.parametrize("slices", [1, 2])
def test_one_or_two_slices_get_one_view_and_the_next_scan_the_layout_again(
    window, open_scan, slices
) -> None:
    open_scan(CORONAL, slices)
    assert window.views.shown == (window.views.coronal,)
    open_scan(AXIAL)
    assert len(window.views.shown) == 3
    window.views.toggle_maximised(window.views.axial)
    open_scan(SAGITTAL)
    assert window.views.shown == (window.views.sagittal,)  # the acquired plane, alone as before


def test_maps_side_by_side_begin_in_the_acquired_plane(window, open_scan) -> None:
    open_scan(SAGITTAL)
    assert window.map_views.planes["Sagittal"].isChecked()
