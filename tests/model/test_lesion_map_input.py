"""The network's input from a lesion map: its share of each cell of a fixed grid, against SimpleITK's resampling."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.model.preprocessing import Preprocessing

CENTER = (3.0, -8.0, 11.0)
GRID = Preprocessing((9, 9, 9), 4.0, "lesion", center_lps_mm=CENTER)


def lesion_map(shape, origin, value=1):
    voxels = np.zeros(shape, np.uint8)
    at = [slice(n // 3, n // 2) for n in shape]
    voxels[tuple(at)] = value
    affine = np.eye(4)
    affine[:3, 3] = origin
    return Volume(voxels=voxels, affine=affine)


def test_the_grid_is_the_same_for_every_volume():
    for origin in ((-15, -26, -7), (-20, -20, -10)):
        affine = GRID.apply(lesion_map((36, 36, 36), origin)).affine
        np.testing.assert_allclose(affine[:3, 3] + 4 * 4.0, CENTER)
        np.testing.assert_allclose(np.diag(affine), (4, 4, 4, 1))


def test_a_cell_holds_the_share_of_it_that_is_lesion():
    volume = lesion_map((36, 36, 36), (-13.5 + 3 - 4.0, -8 - 17.5, 11 - 17.5))
    made = GRID.apply(volume).voxels
    assert made.min() == 0
    assert made.max() <= 1
    assert made.sum() * 64 == pytest.approx((volume.voxels != 0).sum(), rel=0.02)
    image = sitk.GetImageFromArray(volume.voxels.astype(np.float32))
    image.SetOrigin(volume.affine[:3, 3].tolist())
    smooth = sitk.Mean(image, [2, 2, 2])
    grid = sitk.Image(9, 9, 9, sitk.sitkFloat32)
    grid.SetSpacing((4.0,) * 3)
    grid.SetOrigin([center - 16.0 for center in CENTER])
    other = sitk.GetArrayFromImage(sitk.Resample(smooth, grid, sitk.Transform(), sitk.sitkLinear))
    assert np.corrcoef(made.ravel(), other.ravel())[0, 1] > 0.93


def test_beyond_the_maps_edge_there_is_no_lesion():
    """A map all of lesion, 12 mm wide: the cells count it once, those cut by its edge in part."""
    affine = np.eye(4)
    affine[:3, 3] = np.array(CENTER) - 5.5
    made = GRID.apply(Volume(voxels=np.ones((12, 12, 12), np.uint8), affine=affine)).voxels
    assert np.isfinite(made).all()
    assert max(made[0].max(), made[:, -1].max(), made[..., 0].max()) == 0
    assert made[4, 4, 4] == pytest.approx(1.0)
    assert made.sum() * 64 == pytest.approx(12**3, rel=0.35)


def test_every_value_but_0_is_lesion():
    ones = GRID.apply(lesion_map((36, 36, 36), (-15, -26, -7))).voxels
    many = GRID.apply(lesion_map((36, 36, 36), (-15, -26, -7), value=255)).voxels
    np.testing.assert_array_equal(ones, many)


def test_a_map_without_a_lesion_is_refused():
    with pytest.raises(UserError, match="no lesion"):
        GRID.apply(Volume(voxels=np.zeros((12, 12, 12), np.uint8), affine=np.eye(4)))


def test_the_configuration_survives_json():
    assert Preprocessing.from_json(GRID.to_json()) == GRID
    assert "center_lps_mm" not in Preprocessing((9, 9, 9), 4.0).to_json()
    with pytest.raises(ValueError, match="center_lps_mm"):
        Preprocessing((9, 9, 9), 4.0, "lesion", center_lps_mm=(0.0, 1e9, 0.0))
