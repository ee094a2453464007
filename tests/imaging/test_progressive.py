"""A volume that is shown while it is read: the middle slice first, never a wrong voxel."""

from __future__ import annotations

import gzip
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.encaps import encapsulate

from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.imaging.catalog.find import find_series
from fusion3d_gui.imaging.catalog.open import open_volume, read_series
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.volume import Volume

_ITK = ["nrrd", "nhdr", "mha", "mhd", "packed nrrd", "packed nhdr", "packed mha", "packed mhd"]


def _written(kind: str, volume: Volume, folder: Path) -> Path:
    packing, _, suffix = kind.rpartition(" ")
    if suffix in ("nrrd", "nhdr", "mha", "mhd"):
        write_nifti(volume, folder / "source.nii")
        image = sitk.ReadImage(str(folder / "source.nii"), sitk.sitkInt16)
        sitk.WriteImage(image, str(folder / f"scan.{suffix}"), packing == "packed")
        return folder / f"scan.{suffix}"
    if kind.startswith("nii"):
        path = folder / f"scan.{kind}"
        write_nifti(volume, path)
        return path
    for path in write_dicom_series(volume, folder / "dicom", attributes={}, uid_seed="w"):
        if kind != "dicom":
            dataset = pydicom.dcmread(path)
            if kind == "jpeg-ls":
                frame = imagecodecs.jpegls_encode(dataset.pixel_array.view(np.uint16))
                dataset.file_meta.TransferSyntaxUID = pydicom.uid.JPEGLSLossless
            else:
                frame = imagecodecs.jpeg2k_encode(dataset.pixel_array, level=0, codecformat="j2k")
                dataset.file_meta.TransferSyntaxUID = pydicom.uid.JPEG2000Lossless
            dataset.PixelData = encapsulate([bytes(frame)])
            dataset["PixelData"].VR = "OB"
            dataset.save_as(path)
    return folder / "dicom"


@pytest.mark.parametrize("kind", ["dicom", "jpeg-ls", "nii", "nii.gz", *_ITK])
def test_the_volume_is_seen_once_its_middle_slice_is_there_and_fills_in_place(
    kind: str, oblique_volume: Volume, tmp_path: Path
) -> None:
    path = _written(kind, oblique_volume, tmp_path)
    seen: list[Volume] = []

    def watch(volume: Volume) -> None:
        seen.append(volume)
        is_read = volume.loaded_slices.is_read
        assert is_read[3]
        assert not is_read.all()
        np.testing.assert_array_equal(volume.real()[is_read], oblique_volume.real()[is_read])
        assert volume.value_at(volume.to_lps(np.array([2, 2, 3]))) is not None
        unread = int(np.flatnonzero(~is_read)[0])
        assert volume.value_at(volume.to_lps(np.array([2, 2, unread]))) is None
        with pytest.raises(ValueError, match="identity"):
            _ = volume.sha256

    volume = open_volume(path, watch=watch)
    assert len(seen) == 1
    assert volume.loaded_slices is None
    assert volume.voxels is seen[0].voxels
    assert seen[0].loaded_slices.is_complete
    np.testing.assert_array_equal(volume.real(), oblique_volume.real())
    np.testing.assert_allclose(seen[0].affine, oblique_volume.affine, atol=1e-4)


@pytest.mark.parametrize("kind", ["dicom", "jpeg-ls", "jpeg 2000", "nii", "nii.gz", *_ITK])
def test_the_volume_is_seen_long_before_its_last_slice_is_there(
    kind: str, oblique_volume: Volume, tmp_path: Path
) -> None:
    noise = np.random.default_rng(3).integers(0, 4000, (40, 64, 64)).astype(np.int16)
    path = _written(kind, replace(oblique_volume, voxels=noise), tmp_path)
    shares: list[float] = []
    volume = open_volume(path, watch=lambda volume: shares.append(volume.loaded_slices.share))
    np.testing.assert_array_equal(volume.real(), 2.0 * noise - 100)
    assert len(shares) == 1
    # Packed files have to be unpacked from their start; others decode beside the first slice.
    packed = "packed" in kind or kind == "nii.gz"
    assert shares[0] < (0.6 if packed else 1.0 if kind == "jpeg 2000" else 0.05)


def test_unevenly_spaced_slices_are_seen_only_when_all_are_there(
    oblique_volume: Volume, tmp_path: Path
) -> None:
    paths = write_dicom_series(oblique_volume, tmp_path, attributes={}, uid_seed="w")
    dataset = pydicom.dcmread(paths[2])
    step = oblique_volume.affine[:3, 2] * 0.4
    dataset.ImagePositionPatient = list(np.array(dataset.ImagePositionPatient, float) + step)
    dataset.save_as(paths[2])
    seen: list[Volume] = []
    open_volume(tmp_path, watch=seen.append)
    assert not seen


def test_a_slice_damaged_in_its_middle_is_refused_after_the_volume_was_seen(
    oblique_volume: Volume, tmp_path: Path
) -> None:
    folder = _written("jpeg-ls", oblique_volume, tmp_path)
    dataset = pydicom.dcmread(folder / "0001.dcm")
    dataset.PixelData = encapsulate([b"\xff\xd8nothing"])
    dataset.save_as(folder / "0001.dcm")
    seen: list[Volume] = []
    with pytest.raises(UserError, match=r"0001\.dcm"):
        open_volume(folder, watch=seen.append)
    assert len(seen) == 1


@pytest.mark.parametrize("kind", ["dicom", "nii", "mha", "packed nrrd"])
def test_cancelling_after_the_first_slice_stops_the_reading(
    kind: str, oblique_volume: Volume, tmp_path: Path
) -> None:
    path = _written(kind, oblique_volume, tmp_path)
    seen: list[Volume] = []

    def progress(fraction: float, message: str) -> None:
        if seen:
            raise Cancelled

    with pytest.raises(Cancelled):
        open_volume(path, watch=seen.append, progress=progress)
    assert len(seen) == 1


def test_the_decoding_of_one_large_image_can_be_given_up_before_its_end(
    oblique_volume: Volume, tmp_path: Path
) -> None:
    noise = np.random.default_rng(3).integers(0, 4000, (1, 1024, 1024)).astype(np.int16)
    path = _written("jpeg 2000", replace(oblique_volume, voxels=noise), tmp_path)
    (found,) = find_series(path)
    told: list[float] = []

    def progress(fraction: float, message: str) -> None:
        told.append(fraction)
        if len(told) == 3:
            raise Cancelled

    seen: list[Volume] = []
    with pytest.raises(Cancelled):
        read_series(found, progress=progress, watch=seen.append)
    assert told == [0.0, 0.0, 0.0]
    assert not seen


def test_a_found_series_is_read_without_its_headers_being_looked_at_again(
    oblique_volume: Volume, tmp_path: Path
) -> None:
    folder = _written("dicom", oblique_volume, tmp_path)
    found = find_series(folder)
    (folder / "later.dcm").write_bytes((folder / "0001.dcm").read_bytes())
    volume = read_series(found[0], notices=("Hello.",))
    np.testing.assert_array_equal(volume.voxels, oblique_volume.voxels)
    assert volume.notices == ("Hello.",)


def test_what_an_archive_holds_can_be_read_while_its_series_are_held_and_is_then_removed(
    oblique_volume: Volume, tmp_path: Path, monkeypatch
) -> None:
    folder = _written("dicom", oblique_volume, tmp_path)
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    found = find_series(tmp_path / "s.zip")
    np.testing.assert_array_equal(read_series(found[0]).voxels, oblique_volume.voxels)
    assert list(scratch.iterdir())
    del found
    assert not list(scratch.iterdir())


def test_a_multi_frame_file_is_read_frame_by_frame_in_any_layout_of_its_fragments(
    oblique_volume: Volume, tmp_path: Path
) -> None:
    path = write_dicom_series(oblique_volume, tmp_path, attributes={}, uid_seed="m")[0]
    stored = np.concatenate([oblique_volume.voxels] * 3)
    frames = [imagecodecs.jpegls_encode(plane.view(np.uint16)) for plane in stored]
    for name, packed in {
        "table": encapsulate(frames, has_bot=True),
        "no table": encapsulate(frames, has_bot=False),
        "fragments": encapsulate(frames, fragments_per_frame=3, has_bot=True),
    }.items():
        dataset = pydicom.dcmread(path)
        dataset.NumberOfFrames = len(frames)
        dataset.PixelData = packed
        dataset["PixelData"].VR = "OB"
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.JPEGLSLossless
        dataset.save_as(tmp_path / "frames")
        volume = open_volume(tmp_path / "frames")
        np.testing.assert_array_equal(volume.voxels, stored, err_msg=name)


def test_a_gzipped_nifti_that_ends_too_early_is_refused(
    oblique_volume: Volume, tmp_path: Path
) -> None:
    write_nifti(oblique_volume, tmp_path / "a.nii")
    whole = (tmp_path / "a.nii").read_bytes()
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(whole[:-200]))
    with pytest.raises(UserError, match="cut short"):
        open_volume(tmp_path / "a.nii.gz")


def test_looking_through_a_folder_reads_no_pixels_and_tells_how_far_it_is(
    oblique_volume: Volume, tmp_path: Path
) -> None:
    large = replace(oblique_volume, voxels=np.ones((40, 256, 256), np.int16))
    write_dicom_series(large, tmp_path / "a" / "b", attributes={}, uid_seed="w")
    told: list[tuple[float, str]] = []
    counters = Path("/proc/self/io")
    before = counters.read_text() if counters.exists() else "rchar: 0"
    (found,) = find_series(tmp_path, lambda fraction, message: told.append((fraction, message)))
    after = counters.read_text() if counters.exists() else "rchar: 0"
    assert found.shape == (40, 256, 256)
    read = int(after.split()[1]) - int(before.split()[1])
    assert read < 40 * 20_000  # of 131,072 bytes of pixels in each
    assert [fraction for fraction, _ in told] == sorted(fraction for fraction, _ in told)
    said = dict.fromkeys(message for _, message in told)
    assert list(said) == ["Looking for files", "Looking at 40 files", "Sorting the slices"]


@pytest.mark.parametrize(
    "message", ["Looking for files", "Looking at 7 files", "Sorting the slices"]
)
def test_looking_through_a_folder_can_be_given_up_at_every_stage(
    message: str, oblique_volume: Volume, tmp_path: Path
) -> None:
    write_dicom_series(oblique_volume, tmp_path, attributes={}, uid_seed="w")

    def progress(fraction: float, said: str) -> None:
        if said == message:
            raise Cancelled

    with pytest.raises(Cancelled):
        find_series(tmp_path, progress)
