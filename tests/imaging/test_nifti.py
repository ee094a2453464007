"""NIfTI in and out, against nibabel and SimpleITK."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.find import find_series
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.files.nifti import read_nifti, write_nifti
from fusion3d_gui.imaging.volume import Volume


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_written_volume_reads_back_as_it_was(
    name: str, tmp_path: Path, oblique_volume: Volume
) -> None:
    write_nifti(oblique_volume, tmp_path / name)
    volume = read_nifti(tmp_path / name)
    np.testing.assert_array_equal(volume.voxels, oblique_volume.voxels)
    assert volume.voxels.dtype == np.int16
    assert (volume.slope, volume.intercept) == (2.0, -100.0)
    np.testing.assert_allclose(volume.affine, oblique_volume.affine, atol=1e-4)
    assert volume.notices == ()


def test_nibabel_and_simpleitk_see_the_same_values_at_the_same_places(
    tmp_path: Path, oblique_volume: Volume, same_at_same_place, same_as_nifti
) -> None:
    path = tmp_path / "a.nii.gz"
    write_nifti(oblique_volume, path)
    same_as_nifti(oblique_volume, path)
    header = nib.load(path).header
    assert (int(header["sform_code"]), int(header["qform_code"])) == (1, 1)
    np.testing.assert_allclose(header.get_sform(), header.get_qform(), atol=1e-3)
    assert header.get_xyzt_units()[0] == "mm"
    image = sitk.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    same_at_same_place(
        oblique_volume, sitk.GetArrayFromImage(image).T, np.diag([-1, -1, 1, 1]) @ affine
    )


def test_the_same_volume_gives_the_same_bytes(tmp_path: Path, oblique_volume: Volume) -> None:
    write_nifti(oblique_volume, tmp_path / "a.nii.gz")
    write_nifti(oblique_volume, tmp_path / "b.nii.gz")
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


@pytest.mark.parametrize("dtype", ["u1", "i2", ">i2", "i4", "f4", ">f4", "f8", "u2", "i1"])
def test_any_plain_type_is_kept(dtype: str, tmp_path: Path) -> None:
    values = np.arange(24).reshape(2, 3, 4).astype(dtype)
    nib.Nifti1Image(values, np.diag([1, 2, 3, 1])).to_filename(tmp_path / "a.nii")
    volume = open_volume(tmp_path / "a.nii")
    assert volume.voxels.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(volume.voxels, values.T)


@pytest.mark.parametrize("sform_code", [0, 1, 2, 4])
@pytest.mark.parametrize("qform_code", [0, 1, 3])
def test_sform_and_qform_are_preferred_as_nibabel_does(
    sform_code: int, qform_code: int, tmp_path: Path
) -> None:
    image = nib.Nifti1Image(np.zeros((2, 3, 4), np.uint8), None)
    turned = np.array([[0, -2.0, 0, 5], [1.5, 0, 0, -7], [0, 0, 3, 11], [0, 0, 0, 1]])
    image.header.set_zooms((1.5, 2.0, 3.0))
    image.set_qform(turned, qform_code, update_affine=False)
    image.set_sform(np.diag([2.0, 2.5, 2, 1]), sform_code, update_affine=False)
    (tmp_path / "a.nii").write_bytes(image.to_bytes())
    expected = np.diag([-1, -1, 1, 1]) @ nib.load(tmp_path / "a.nii").affine
    volume = open_volume(tmp_path / "a.nii")
    np.testing.assert_allclose(volume.affine, expected, atol=1e-6)
    both = sform_code > 0 and qform_code > 0
    assert ("in two ways where it lies" in " ".join(volume.notices)) == both
    assert ("does not say where it lies" in " ".join(volume.notices)) == (
        sform_code == qform_code == 0
    )


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_each_volume_of_a_4d_file_can_be_chosen_and_is_nibabels(name: str, tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(0, 99, (2, 3, 4, 5)).astype(">i2")
    image = nib.Nifti1Image(values, np.diag([1.0, 2, 3, 1]))
    image.header.set_slope_inter(0.5, 3)
    image.to_filename(tmp_path / name)
    found = find_series(tmp_path / name)
    assert [series.uid for series in found] == [name, *(f"{name}#{n}" for n in range(2, 6))]
    assert found[2].description == "a (volume 3 of 5)"
    reference = nib.load(tmp_path / name).get_fdata()
    for number, series in enumerate(found):
        volume = open_volume(tmp_path / name, series_uid=series.uid)
        np.testing.assert_allclose(volume.real(), reference[..., number].T)
    notices = " ".join(open_volume(tmp_path / name).notices)
    assert "5 volumes; the first is open" in notices


def test_a_broken_file_is_refused_in_one_sentence(tmp_path: Path, oblique_volume: Volume) -> None:
    write_nifti(oblique_volume, tmp_path / "good.nii")
    good = (tmp_path / "good.nii").read_bytes()
    (tmp_path / "cut.nii").write_bytes(good[:-1])
    (tmp_path / "cut.nii.gz").write_bytes(gzip.compress(good)[:-300])
    (tmp_path / "text.nii").write_text("hello " * 200)
    (tmp_path / "void.nii.gz").touch()
    huge = bytearray(good)
    huge[42:48] = np.array([30000] * 3, "<i2").tobytes()
    (tmp_path / "huge.nii").write_bytes(huge)
    (tmp_path / "huge.nii.gz").write_bytes(gzip.compress(bytes(huge)))
    nib.Nifti1Image(np.zeros((2, 2, 2), "c8"), np.eye(4)).to_filename(tmp_path / "complex.nii")
    for name in (
        "cut.nii",
        "cut.nii.gz",
        "text.nii",
        "void.nii.gz",
        "huge.nii",
        "huge.nii.gz",
        "complex.nii",
    ):
        with pytest.raises(UserError, match=name) as caught:
            open_volume(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert "dtype" not in str(caught.value)


_KINDS = {
    "a.nii": nib.Nifti1Image,
    "b.nii.gz": nib.Nifti2Image,
    "c.nii": nib.Nifti2Image,
    "d.img": nib.Nifti1Pair,
    "e.hdr": nib.Nifti1Pair,
    "f.img.gz": nib.Nifti1Pair,
    "g.img": nib.Nifti2Pair,
}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 6), (4, 5, 6, 3), (4, 5, 6, 1, 2)])
@pytest.mark.parametrize("name", _KINDS)
def test_every_kind_of_nifti_in_any_number_of_dimensions_is_what_nibabel_reads(
    name: str, shape: tuple[int, ...], order: str, tmp_path: Path, same_at_same_place
) -> None:
    values = np.random.default_rng(4).integers(-900, 900, shape).astype(order + "i2")
    sheared = np.array([[0.2, -2, 0.1, 5], [1.5, 0.3, 0, -7], [0, 0.2, 3, 11], [0, 0, 0, 1]])
    image = _KINDS[name](values, sheared)
    image.header.set_xyzt_units("mm")
    if order == ">":
        image = _KINDS[name](values, sheared, image.header.as_byteswapped(">"))
    image.header.set_slope_inter(0.5, -3)
    image.to_filename(tmp_path / name)
    reference = nib.load(tmp_path / name)
    volumes = np.asarray(reference.get_fdata()).reshape(*(*shape, 1)[:3], -1)
    found = find_series(tmp_path / name)
    assert len(found) == volumes.shape[3]
    for number, series in enumerate(found):
        volume = open_volume(tmp_path / name, series_uid=series.uid)
        same_at_same_place(volume, volumes[..., number], reference.affine)
        assert volume.voxels.dtype == np.int16
    # The other half of a pair is the same scan, and a folder offers it once.
    assert len(find_series(tmp_path)) == len(found)


@pytest.mark.parametrize(("unit", "mm"), [("mm", 1.0), ("micron", 0.001), ("meter", 1000.0)])
def test_places_are_in_mm_whatever_the_files_unit(unit: str, mm: float, tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((3, 4, 5), np.uint8), np.diag([2.0, 3, 4, 1]))
    image.header.set_xyzt_units(unit)
    image.to_filename(tmp_path / "a.nii")
    assert open_volume(tmp_path / "a.nii").spacing_mm == pytest.approx((4 * mm, 3 * mm, 2 * mm))


def test_a_pair_whose_other_half_is_missing_says_so(tmp_path: Path) -> None:
    nib.Nifti1Pair(np.zeros((2, 3, 4), np.int16), np.eye(4)).to_filename(tmp_path / "a.img")
    (tmp_path / "a.img").rename(tmp_path / "b.img")
    for name in ("a.hdr", "b.img"):
        with pytest.raises(UserError, match="other half"):
            open_volume(tmp_path / name)


@pytest.mark.parametrize("size", [1e-20, 0.0, 1e30])
def test_voxels_of_no_possible_size_are_shown_as_1_mm_and_said(size: float, tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.ones((4, 5, 6), np.int16), None)
    image.header["pixdim"][1:4] = 2.0, size, 3.0
    image.header["sform_code"] = 1
    nib.save(image, tmp_path / "odd.nii")
    data = bytearray((tmp_path / "odd.nii").read_bytes())
    data[76:92] = np.array([1.0, 2.0, size, 3.0], "<f4").tobytes()
    data[252:256] = np.array([0, 1], "<i2").tobytes()
    data[280:328] = bytes(48)  # an sform of zeros
    (tmp_path / "odd.nii").write_bytes(data)
    volume = open_volume(tmp_path / "odd.nii")
    np.testing.assert_allclose(np.linalg.norm(volume.affine[:3, :3], axis=0), (2.0, 1.0, 3.0))
    assert any("orientation is not valid" in notice for notice in volume.notices)


@pytest.mark.parametrize(("shift", "said"), [(0.4, ""), (0.6, "0.6 mm apart"), (7.0, "7.0 mm")])
def test_how_far_sform_and_qform_lie_apart_is_measured_at_the_corners(
    shift: float, said: str, tmp_path: Path
) -> None:
    image = nib.Nifti1Image(np.zeros((5, 6, 7), np.uint8), np.diag([2.0, 3, 4, 1]))
    image.set_qform(np.diag([2.0, 3, 4, 1]), 1)
    # A stretch that moves the last voxel along i by ``shift``: 4 steps from the first.
    sform = np.diag([2.0 + shift / 4, 3, 4, 1])
    image.set_sform(sform, 1)
    image.to_filename(tmp_path / "a.nii")
    volume = open_volume(tmp_path / "a.nii")
    notices = " ".join(volume.notices)
    assert ("in two ways" in notices) == bool(said)
    assert said in notices
    assert volume.spacing_mm[2] == pytest.approx(2.0 + shift / 4)
