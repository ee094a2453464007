"""What is sent to the browser, read back by nibabel and SimpleITK: left and right, values, colours, no identity."""

from __future__ import annotations

import gzip
from dataclasses import replace

import matplotlib
import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.simulated import SIMULATED, SIMULATED_ATTRIBUTES
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.notebook import layers
from fusion3d_gui.notebook.layers import (
    Layer,
    crosshair_share,
    heat_layer,
    mask_layers,
    scan_layer,
)
from fusion3d_gui.notebook.masks import masks_of_arrays


def center_ras(layer: Layer, least: float) -> np.ndarray:
    """Centre (mm, RAS) of the voxels of at least this value, by nibabel."""
    image = nib.Nifti1Image.from_bytes(gzip.decompress(layer.nifti))
    index = np.argwhere(image.get_fdata() >= least)
    return nib.affines.apply_affine(image.affine, index).mean(axis=0)


def center_lps(layer: Layer, least: float, folder) -> np.ndarray:
    """The same (mm, LPS) by SimpleITK, whose space is LPS."""
    path = folder / "layer.nii.gz"
    path.write_bytes(layer.nifti)
    image = sitk.ReadImage(str(path))
    index = np.argwhere(sitk.GetArrayFromImage(image) >= least)[:, ::-1]
    return np.mean(
        [image.TransformContinuousIndexToPhysicalPoint(each.tolist()) for each in index], axis=0
    )


def itk_image(volume: Volume) -> sitk.Image:
    image = sitk.GetImageFromArray(volume.voxels.astype(np.float64))
    image.SetSpacing(volume.spacing_mm[::-1])
    image.SetOrigin(volume.affine[:3, 3].tolist())
    image.SetDirection((volume.affine[:3, :3] / volume.spacing_mm[::-1]).ravel().tolist())
    return image


def test_left_is_left_in_every_image_however_the_array_is_stored(scene, tmp_path):
    scan = scan_layer(scene.scan)
    heat = heat_layer(scene.heat.as_volume, scan.image, 0.35, 0.5)
    (mask,), lost = mask_layers(masks_of_arrays({"lesion": scene.mask}, scene.scan), scan.image)
    assert lost == ()
    for layer, least, expected in (
        (scan, -700, scene.ball_lps),
        (heat, 200, scene.heat_lps),
        (mask, 1, scene.mask_lps),
    ):
        np.testing.assert_allclose(center_ras(layer, least), expected * (-1, -1, 1), atol=1.5)
        np.testing.assert_allclose(center_lps(layer, least, tmp_path), expected, atol=1.5)


def test_the_crosshair_stands_where_nibabel_finds_the_position(scene):
    ras = nib.as_closest_canonical(
        nib.Nifti1Image.from_bytes(gzip.decompress(scan_layer(scene.scan).nifti))
    )
    index = nib.affines.apply_affine(np.linalg.inv(ras.affine), scene.mask_lps * (-1, -1, 1))
    expected = (index + 0.5) / ras.shape
    np.testing.assert_allclose(crosshair_share(scene.scan, scene.mask_lps), expected, atol=1e-4)
    assert crosshair_share(scene.scan, np.full(3, 1e5)) == pytest.approx([0.5, 0.5, 0.5], abs=0.5)


def test_the_browser_gets_real_values_and_nothing_of_the_file(scene):
    sent = gzip.decompress(scan_layer(scene.scan).nifti)
    image = nib.Nifti1Image.from_bytes(sent)
    np.testing.assert_array_equal(image.get_fdata().T, scene.scan.real())
    for word in (b"Smith", b"S-17", b"1.2.3.4"):
        assert word not in sent
    assert bytes(image.header["descrip"]).rstrip(b"\0") == b"Fusion3D"
    simulated = replace(scene.scan, attributes=SIMULATED_ATTRIBUTES)
    header = nib.Nifti1Image.from_bytes(gzip.decompress(scan_layer(simulated).nifti)).header
    assert bytes(header["descrip"]).rstrip(b"\0").decode() == SIMULATED


def test_the_gray_range_is_the_files_window_or_most_of_the_values():
    voxels = np.linspace(0, 1000, 30**3, dtype=np.float32).reshape(30, 30, 30)
    volume = Volume(voxels, np.eye(4))
    low, high = scan_layer(volume).look
    assert 0 <= low < 60 and 940 < high <= 1000
    assert scan_layer(replace(volume, windows=((40.0, 80.0),))).look == (0.0, 80.0)


def test_a_scan_whose_low_values_are_white_is_sent_negated():
    voxels = np.arange(27, dtype=np.uint16).reshape(3, 3, 3)
    attributes = {"PhotometricInterpretation": "MONOCHROME1"}
    layer = scan_layer(Volume(voxels, np.eye(4), windows=((10.0, 8.0),), attributes=attributes))
    assert layer.look == (-14.0, -6.0)
    sent = nib.Nifti1Image.from_bytes(gzip.decompress(layer.nifti)).get_fdata().T
    np.testing.assert_array_equal(sent, -voxels.astype(float))


@pytest.mark.parametrize("kind", ["int8", "int32", "uint32", "int64", "float16", "float64", "bool"])
def test_any_type_of_voxel_is_sent_in_one_that_niivue_draws(kind):
    voxels = (np.arange(27) % 2 if kind == "bool" else np.arange(27)).reshape(3, 3, 3).astype(kind)
    sent = nib.Nifti1Image.from_bytes(gzip.decompress(scan_layer(Volume(voxels, np.eye(4))).nifti))
    assert sent.get_data_dtype() == np.float32
    np.testing.assert_array_equal(sent.get_fdata().T, voxels.astype(float))


def test_values_that_are_no_numbers_are_sent_as_the_lowest_and_the_highest():
    voxels = np.arange(8, dtype=np.float32).reshape(2, 2, 2) - 3
    voxels[0, 0, 1], voxels[0, 1, 0] = np.nan, np.inf
    sent = nib.Nifti1Image.from_bytes(
        gzip.decompress(scan_layer(Volume(voxels, np.eye(4))).nifti)
    ).get_fdata()
    assert sent.T.ravel().tolist() == [-3, -3, 4, 0, 1, 2, 3, 4]


def test_a_scan_of_too_many_voxels_is_averaged_in_its_place(scene, tmp_path, monkeypatch):
    monkeypatch.setattr(layers, "MOST_VOXELS", 40_000)
    scan = scan_layer(scene.scan)
    assert 30_000 < scan.image.voxels.size <= 40_000
    # It fills the scan's box, and reaches beyond no face by more than half a voxel.
    for shown, whole in zip(scan.image.bounds_lps, scene.scan.bounds_lps, strict=True):
        np.testing.assert_allclose(shown, whole, atol=0.6 * max(scan.image.spacing_mm))
    np.testing.assert_allclose(center_lps(scan, -700, tmp_path), scene.ball_lps, atol=3)
    (mask,), _ = mask_layers(masks_of_arrays({"lesion": scene.mask}, scene.scan), scan.image)
    assert mask.image.shape == scan.image.shape
    np.testing.assert_allclose(center_lps(mask, 1, tmp_path), scene.mask_lps, atol=3)


def test_heat_has_the_colours_of_the_main_window_and_nothing_below_the_threshold(scene):
    layer = heat_layer(scene.heat.as_volume, scan_layer(scene.scan).image, 0.35, 0.5)
    inferno = np.rint(255 * matplotlib.colormaps["inferno"](np.arange(256))[:, :3])
    np.testing.assert_allclose(layer.look[:, :3], inferno, atol=1)
    assert not layer.look[: int(255 * 0.35) + 1, 3].any()
    assert (layer.look[255, 3], layer.opacity) == (255, 0.5)
    # Between the cells' centres as SimpleITK interpolates.
    scan, heat = (itk_image(each) for each in (layer.image, scene.heat.as_volume))
    expected = sitk.GetArrayFromImage(sitk.Resample(heat, scan, sitk.Transform(), sitk.sitkLinear))
    away = np.abs(layer.image.voxels - 255 * expected / scene.heat.peak)
    assert away[expected > 0].max() <= 0.51


def test_heat_ends_at_its_outermost_cells():
    grid = Volume(np.zeros((20, 20, 20), np.uint8), np.eye(4))
    heat = Volume(np.ones((2, 2, 2), np.float32), np.diag([4.0, 4, 4, 1]))
    levels = heat_layer(heat, grid, 0.35, 0.5).image.voxels
    assert levels[:6, :6, :6].all()
    assert not levels[7:].any() and not levels[:, 7:].any() and not levels[..., 7:].any()


def test_masks_that_overlap_lie_in_images_of_their_own_and_keep_their_colours():
    scan = Volume(np.zeros((12, 12, 12), np.uint8), np.eye(4))
    first, second, third = (np.zeros(scan.shape, bool) for _ in range(3))
    first[2:6], second[8:10], third[4:9] = True, True, True
    masks = masks_of_arrays({"first": first, "second": second, "third": third}, scan)
    found, _ = mask_layers(masks, scan)
    shown = [
        {tuple(layer.look[n][:3]): layer.image.voxels == n for n in range(1, len(layer.look))}
        for layer in found
    ]
    assert [len(each) for each in shown] == [2, 1]
    # Okabe and Ito's sky blue, orange, bluish green.
    for place, color, expected in (
        (0, (86, 180, 233), first),
        (0, (230, 159, 0), second),
        (1, (0, 158, 115), third),
    ):
        np.testing.assert_array_equal(shown[place][color], expected)
    assert all(layer.look[0, 3] == 0 and (layer.look[1:, 3] == 255).all() for layer in found)


def test_too_many_masks_in_one_place_are_refused_in_one_sentence():
    scan = Volume(np.zeros((4, 4, 4), np.uint8), np.eye(4))
    same = {f"mask {n}": np.ones(scan.shape) for n in range(9)}
    with pytest.raises(UserError, match="too many masks overlap to be shown"):
        mask_layers(masks_of_arrays(same, scan), scan)
