"""NIfTI that contradicts itself: the valid form is used, and what disagrees is said."""

from __future__ import annotations

import gzip
import logging
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.volume import Volume

#: RAS; x runs to the left, so that the voxel size alone would swap left and right.
_LEFTWARDS = np.array([[-2.0, 0, 0, 30], [0, 3, 0, -40], [0, 0, 4, -20], [0, 0, 0, 1]])
_VALUES = np.random.default_rng(3).integers(-100, 900, (6, 7, 8)).astype(np.int16)


def _saved(path: Path, image: nib.Nifti1Image) -> Path:
    """Save an image's header as it is; nibabel's own saving would mend it."""
    path.write_bytes(image.to_bytes())
    return path


def _image(affine: np.ndarray = _LEFTWARDS, values: np.ndarray = _VALUES) -> nib.Nifti1Image:
    image = nib.Nifti1Image(values, affine)
    image.set_qform(affine, 1)
    image.set_sform(affine, 1)
    return image


def _with_sform_rows(path: Path, rows: np.ndarray) -> Path:
    data = bytearray(_saved(path, _image()).read_bytes())
    data[280:328] = rows.astype("<f4").tobytes()
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_a_bad_sform_gives_way_to_a_good_qform(bad: float, tmp_path: Path) -> None:
    volume = open_volume(_with_sform_rows(tmp_path / "a.nii", np.full((3, 4), bad)))
    np.testing.assert_allclose(volume.affine, np.diag([-1, -1, 1, 1]) @ _LEFTWARDS, atol=1e-4)
    assert volume.notices == ("Its sform is not valid; its qform is used.",)
    assert (volume.faults, volume.doubts) == ((), ())


def test_without_any_valid_form_no_model_is_meant_for_it(tmp_path: Path) -> None:
    path = _with_sform_rows(tmp_path / "a.nii", np.zeros((3, 4)))
    data = bytearray(path.read_bytes())
    data[252:254] = b"\0\0"  # no qform
    path.write_bytes(data)
    volume = open_volume(path)
    assert volume.faults == ("Its orientation is not valid; only its voxel size is used.",)
    np.testing.assert_allclose(volume.spacing_mm, (4, 3, 2))


def test_a_voxel_size_that_is_not_the_sforms_is_said(tmp_path: Path) -> None:
    image = _image()
    image.header["pixdim"][1:4] = 1, 3, 4
    image.header["qform_code"] = 0
    volume = open_volume(_saved(tmp_path / "a.nii", image))
    (doubt,) = volume.doubts
    assert "voxels are 1 × 3 × 4 mm, its sform 2 × 3 × 4 mm" in doubt
    assert doubt in volume.notices
    assert volume.spacing_mm == pytest.approx((4, 3, 2))


def test_forms_that_are_mirror_images_are_said(tmp_path: Path) -> None:
    image = _image()
    image.set_sform(np.diag([-1, 1, 1, 1]) @ _LEFTWARDS, 1)
    volume = open_volume(_saved(tmp_path / "a.nii", image))
    assert "left and right may be swapped" in " ".join(volume.doubts)


@pytest.mark.parametrize(
    ("factor", "word"), [(1e-3, "small"), (1.0, ""), (10.0, "large"), (1e3, "large")]
)
def test_a_head_in_metres_or_ten_times_too_large_is_said(
    factor: float, word: str, tmp_path: Path
) -> None:
    affine = np.diag([factor * 24, factor * 30, factor * 20, 1.0])  # 144 × 210 × 160 mm
    volume = open_volume(_saved(tmp_path / "a.nii", _image(affine)))
    assert bool(volume.doubts) == bool(word)
    assert word in " ".join(volume.doubts)


def test_an_infinite_slope_is_said(tmp_path: Path) -> None:
    data = bytearray(_saved(tmp_path / "a.nii", _image()).read_bytes())
    data[112:116] = np.array([np.inf], "<f4").tobytes()
    (tmp_path / "a.nii").write_bytes(data)
    volume = open_volume(tmp_path / "a.nii")
    (fault,) = volume.faults
    assert "slope is infinite" in fault
    assert [each.short for each in volume.warnings if each.sentence == fault] == [
        "values not rescaled"
    ]


def test_whether_a_file_is_packed_is_told_by_its_bytes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plain = _saved(tmp_path / "right.nii", _image()).read_bytes()
    (tmp_path / "packed.nii").write_bytes(gzip.compress(plain))
    (tmp_path / "plain.nii.gz").write_bytes(plain)
    for name in ("packed.nii", "plain.nii.gz"):
        np.testing.assert_array_equal(open_volume(tmp_path / name).voxels, _VALUES.T)
    for packed in (plain[:-9], plain[: len(plain) // 2]):
        (tmp_path / "packed.nii").write_bytes(gzip.compress(packed))
        with pytest.raises(UserError, match="cut short"):
            open_volume(tmp_path / "packed.nii")
    (tmp_path / "odd.nii").write_bytes(b"\0" * 400)
    with caplog.at_level(logging.DEBUG), pytest.raises(UserError):
        open_volume(tmp_path / "odd.nii")
    assert not caplog.records


@pytest.mark.parametrize("channels", ["RGB", "RGBA"])
def test_colours_are_read_as_their_luminance(channels: str, tmp_path: Path) -> None:
    numbers = np.random.default_rng(4).integers(0, 256, (6, 7, 8, len(channels)), dtype=np.uint8)
    values = np.zeros((6, 7, 8), [(channel, "u1") for channel in channels])
    for number, channel in enumerate(channels):
        values[channel] = numbers[..., number]
    volume: Volume = open_volume(_saved(tmp_path / "a.nii", _image(values=values)))
    gray = np.rint(numbers[..., :3] @ [0.299, 0.587, 0.114])
    np.testing.assert_array_equal(volume.voxels, gray.T)
    assert volume.voxels.dtype == np.uint8
    assert "Colours are shown as their luminance." in volume.notices


def test_a_voxel_size_that_can_not_be_has_a_label_of_its_own(tmp_path: Path) -> None:
    data = bytearray(_saved(tmp_path / "a.nii", _image()).read_bytes())
    data[80:84] = np.array([np.inf], "<f4").tobytes()  # pixdim[1]
    data[252:256] = bytes(4)  # neither qform nor sform
    (tmp_path / "a.nii").write_bytes(data)
    volume = open_volume(tmp_path / "a.nii")
    assert "Its voxel size is not valid; 1 mm is shown." in volume.faults
    labels = {each.sentence: each.short for each in volume.warnings}
    assert labels["Its voxel size is not valid; 1 mm is shown."] == "voxel size not known"
    assert labels["The file does not say where it lies in the patient."] == "position in doubt"
