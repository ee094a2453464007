"""Slices that are not there are striped, at their place, in every plane."""

from __future__ import annotations

import numpy as np
import pytest

from fusion3d_gui.imaging.loaded_slices import LoadedSlices
from fusion3d_gui.imaging.plane import AXIAL, CORONAL, SAGITTAL
from fusion3d_gui.imaging.reslice.slicer import Slicer
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.widgets.slice.unread_hatching import hatching_image


def _volume(**more) -> Volume:
    """Ten axial slices, from 100 mm downwards."""
    affine = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -4.0, 100], [0, 0, 0, 1]])
    return Volume(np.ones((10, 12, 14), np.int16), affine, **more)


def test_a_whole_volume_has_no_stripes() -> None:
    volume = _volume()
    for orientation in (AXIAL, CORONAL, SAGITTAL):
        piece = Slicer(volume).cut(orientation, volume.center_lps[orientation.depth])
        assert hatching_image(volume, orientation, piece) is None


@pytest.mark.parametrize("orientation", [CORONAL, SAGITTAL])
def test_a_missing_slice_is_a_striped_band_at_its_height(orientation) -> None:
    volume = _volume(missing=(2,))
    piece = Slicer(volume).cut(orientation, volume.center_lps[orientation.depth])
    image = hatching_image(volume, orientation, piece)
    opaque = [
        row for row in range(image.height()) if image.pixelColor(image.width() // 2, row).alpha()
    ]
    # Slice 0 is at the top; slice 2 is the third tenth of the picture.
    assert min(opaque) == pytest.approx(0.2 * image.height(), abs=1.5)
    assert max(opaque) == pytest.approx(0.3 * image.height(), abs=1.5)


def test_a_slice_that_is_being_read_is_striped_all_over_until_it_is_there() -> None:
    loaded_slices = LoadedSlices(10)
    loaded_slices.add(5)
    volume = _volume(loaded_slices=loaded_slices)
    read, unread = (Slicer(volume).cut(AXIAL, 100 - 4.0 * k) for k in (5, 6))
    assert hatching_image(volume, AXIAL, read) is None
    image = hatching_image(volume, AXIAL, unread)
    assert all(
        image.pixelColor(x, y).alpha()
        for x in range(0, image.width(), 37)
        for y in range(0, image.height(), 37)
    )
    loaded_slices.finish()
    assert hatching_image(volume, AXIAL, unread) is None
