"""DICOM series: order, geometry, several in a folder, what is wrong with them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.imaging.catalog.find import find_series
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.privacy.deidentify import volume_without_identity
from fusion3d_gui.imaging.volume import Volume


@pytest.fixture
def series(tmp_path: Path, oblique_volume: Volume) -> Path:
    folder = tmp_path / "series"
    write_dicom_series(
        oblique_volume,
        folder,
        attributes={
            "PatientName": "Doe^Jane",
            "PatientBirthDate": "19500301",
            "StudyDate": "20200229",
        },
        uid_seed="test",
    )
    return folder


def _edit(path: Path, **changes: object) -> None:
    dataset = pydicom.dcmread(path)
    for keyword, value in changes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.save_as(path)


def test_a_written_series_reads_back_as_it_was(series: Path, oblique_volume: Volume) -> None:
    volume = open_volume(series)
    np.testing.assert_array_equal(volume.voxels, oblique_volume.voxels)
    assert volume.voxels.dtype == np.int16
    np.testing.assert_allclose(volume.affine, oblique_volume.affine, atol=1e-9)
    assert (volume.slope, volume.intercept, volume.unit) == (2.0, -100.0, "HU")
    assert volume.notices == ()


def test_simpleitk_sees_the_same_values_at_the_same_places(
    series: Path, same_at_same_place
) -> None:
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(series)))
    image = reader.Execute()
    values = sitk.GetArrayFromImage(image).T
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    same_at_same_place(open_volume(series), values, np.diag([-1, -1, 1, 1]) @ affine)


def test_the_age_is_reckoned_from_the_dates_when_it_is_not_said(series: Path) -> None:
    assert open_volume(series).attributes["PatientAge"] == "069Y"


def test_order_comes_from_positions_whatever_names_and_numbers_say(
    series: Path, oblique_volume: Volume, tmp_path: Path
) -> None:
    shuffled = tmp_path / "shuffled"
    shuffled.mkdir()
    for number, path in enumerate(sorted(series.iterdir())):
        target = shuffled / f"IM{(number * 5) % 7}"
        shutil.copy(path, target)
        _edit(target, InstanceNumber=(number * 3) % 7)
    (shuffled / "notes.txt").write_text("not a scan")
    (shuffled / "empty").touch()
    np.testing.assert_array_equal(open_volume(shuffled).voxels, oblique_volume.voxels)


def test_the_largest_of_several_series_opens_and_the_others_can_be_chosen(
    series: Path, oblique_volume: Volume
) -> None:
    small = replace(oblique_volume, voxels=oblique_volume.voxels[:3] + 1, description="Small")
    write_dicom_series(small, series / "other", attributes={}, uid_seed="other")
    found = find_series(series)
    assert [each.shape[0] for each in found] == [7, 3]
    volume = open_volume(series)
    assert volume.shape[0] == 7
    assert "2 series" in " ".join(volume.notices)
    chosen = open_volume(series, series_uid=found[1].uid)
    np.testing.assert_array_equal(chosen.voxels, small.voxels)
    with pytest.raises(UserError, match=r"no series 1\.2\.3"):
        open_volume(series, series_uid="1.2.3")


def test_a_copy_of_a_slice_is_left_out_and_said(series: Path, oblique_volume: Volume) -> None:
    shutil.copy(series / "0003.dcm", series / "copy.dcm")
    volume = open_volume(series)
    np.testing.assert_array_equal(volume.voxels, oblique_volume.voxels)
    assert "1 duplicate file left out." in volume.notices
    shutil.copy(series / "0004.dcm", series / "other copy.dcm")
    assert "2 duplicate files left out." in open_volume(series).notices


def test_a_missing_slice_is_left_blank_so_that_the_others_stay_in_place(
    series: Path, oblique_volume: Volume
) -> None:
    (series / "0004.dcm").unlink()
    volume = open_volume(series)
    assert volume.shape == oblique_volume.shape
    np.testing.assert_allclose(volume.affine, oblique_volume.affine, atol=1e-9)
    kept = [0, 1, 2, 4, 5, 6]
    np.testing.assert_array_equal(volume.voxels[kept], oblique_volume.voxels[kept])
    assert len(np.unique(volume.voxels[3])) == 1
    assert "1 slice is missing" in " ".join(volume.notices)
    assert "7.5 mm" in " ".join(volume.notices)
    assert volume.missing == (3,)
    assert volume.value_at(volume.to_lps(np.array([2, 2, 3]))) is None
    assert volume.value_at(volume.to_lps(np.array([2, 2, 4]))) is not None


def test_a_truncated_slice_is_left_out_and_named(series: Path) -> None:
    whole = (series / "0002.dcm").read_bytes()
    (series / "0002.dcm").write_bytes(whole[:-20])
    text = " ".join(open_volume(series).notices)
    assert "0002.dcm" in text
    assert "1 slice is missing" in text


def test_unevenly_spaced_slices_are_interpolated_onto_true_places(
    tmp_path: Path, oblique_volume: Volume
) -> None:
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    depths = np.array([0.0, 1.0, 2.3, 3.1, 4.9, 6.0, 8.0])
    voxels = np.broadcast_to((1000 * depths)[:, None, None], (7, 4, 5)).astype(np.int16)
    folder = tmp_path / "uneven"
    paths = write_dicom_series(
        replace(oblique_volume, voxels=voxels, affine=affine, slope=1.0, intercept=0.0),
        folder,
        attributes={},
        uid_seed="u",
    )
    for path, depth in zip(paths, depths, strict=True):
        _edit(path, ImagePositionPatient=[0, 0, depth])
    volume = open_volume(folder)
    assert "unevenly, 0.80 to 2.00 mm" in " ".join(volume.notices)
    where = volume.to_lps(
        np.stack([np.zeros(volume.shape[0])] * 2 + [np.arange(volume.shape[0])], -1)
    )
    np.testing.assert_allclose(volume.voxels[:, 0, 0], 1000 * where[:, 2], atol=1)


def test_a_tilted_gantry_is_carried_as_shear(tmp_path: Path, oblique_volume: Volume) -> None:
    affine = np.array(oblique_volume.affine)
    affine[:3, 2] += 0.4 * affine[:3, 1]
    tilted = replace(oblique_volume, affine=affine)
    write_dicom_series(tilted, tmp_path / "tilted", attributes={}, uid_seed="t")
    volume = open_volume(tmp_path / "tilted")
    np.testing.assert_allclose(volume.affine, affine, atol=1e-9)
    np.testing.assert_array_equal(volume.voxels, tilted.voxels)
    assert "tilted by 10.0 degrees" in " ".join(volume.notices)


def test_two_echoes_in_one_series_are_two_volumes(series: Path, oblique_volume: Volume) -> None:
    second = replace(oblique_volume, voxels=oblique_volume.voxels + 1)
    write_dicom_series(second, series / "2", attributes={"EchoNumbers": "2"}, uid_seed="second")
    for path in series.glob("*.dcm"):
        _edit(path, EchoNumbers=1)
    first_file = pydicom.dcmread(series / "0001.dcm")
    for path in (series / "2").iterdir():
        _edit(
            path,
            SeriesInstanceUID=first_file.SeriesInstanceUID,
            FrameOfReferenceUID=first_file.FrameOfReferenceUID,
            PatientName="Doe^Jane",
            PatientBirthDate="19500301",
        )
    first, other = find_series(series)
    assert (first.shape, other.shape) == (oblique_volume.shape,) * 2
    assert "echo 1" in first.description
    assert "echo 2" in other.description
    np.testing.assert_array_equal(open_volume(series, series_uid=other.uid).voxels, second.voxels)


def test_a_localiser_never_opens_by_default(series: Path, oblique_volume: Volume) -> None:
    scout = replace(oblique_volume, voxels=np.zeros((2, 200, 200), np.int16), description="Scout")
    paths = write_dicom_series(scout, series / "scout", attributes={}, uid_seed="scout")
    for path in paths:
        _edit(path, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    assert [each.description for each in find_series(series)] == ["Test", "Scout"]


def test_slopes_that_differ_from_slice_to_slice_are_applied(
    series: Path, oblique_volume: Volume
) -> None:
    for number, path in enumerate(sorted(series.iterdir())):
        _edit(path, RescaleSlope=1 + number)
    volume = open_volume(series)
    assert volume.voxels.dtype == np.float32
    expected = oblique_volume.voxels * np.arange(1.0, 8.0)[:, None, None] - 100.0
    np.testing.assert_allclose(volume.voxels, expected)
    assert "differs from slice to slice" in " ".join(volume.notices)


def test_what_cannot_be_read_is_refused_in_one_sentence(series: Path, tmp_path: Path) -> None:
    (tmp_path / "text.dcm").write_text("hello, this is no scan\n" * 30)
    (tmp_path / "void.dcm").touch()
    (tmp_path / "short.dcm").write_bytes((series / "0001.dcm").read_bytes()[:900])
    (tmp_path / "cut.dcm").write_bytes((series / "0001.dcm").read_bytes()[:-1])
    shutil.copy(series / "0001.dcm", tmp_path / "video.dcm")
    dataset = pydicom.dcmread(tmp_path / "video.dcm")
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.102"
    dataset.PixelData = pydicom.encaps.encapsulate([b"\0\0\0\1movie!"])
    dataset["PixelData"].VR = "OB"
    dataset.save_as(tmp_path / "video.dcm")
    (tmp_path / "nothing").mkdir()
    for name, what in {
        "text.dcm": "not a scan",
        "void.dcm": "not a scan",
        "short.dcm": "cut short before",
        "cut.dcm": "cut short",
        "video.dcm": "MPEG-4",
        "missing": "no such file",
        "nothing": "no scan",
    }.items():
        with pytest.raises(UserError, match=what) as caught:
            open_volume(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert name in str(caught.value)
        assert "Doe" not in str(caught.value)


def test_a_header_that_claims_more_than_the_file_holds_allocates_nothing(series: Path) -> None:
    path = series / "0001.dcm"
    _edit(path, Rows=65535, Columns=65535, NumberOfFrames=1000000)
    with pytest.raises(UserError, match="fewer pixels"):
        open_volume(path)


def test_cancelling_stops_the_reading(series: Path) -> None:
    def cancel(fraction: float, message: str) -> None:
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        open_volume(series, progress=cancel)


def test_a_single_slice_of_a_series_suggests_its_folder(series: Path, tmp_path: Path) -> None:
    notices = " ".join(open_volume(series / "0003.dcm").notices)
    assert "Open its folder" in notices
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(series / "0003.dcm", alone / "0003.dcm")
    (alone / "notes.txt").write_text("hello")
    assert "Open its folder" not in " ".join(open_volume(alone / "0003.dcm").notices)


def test_scans_of_several_patients_in_one_folder_are_told_apart(
    series: Path, oblique_volume: Volume
) -> None:
    assert not any("patients" in notice for notice in open_volume(series).notices)
    other = {"PatientName": "Roe^Rick", "PatientID": "7"}
    write_dicom_series(oblique_volume, series / "other", attributes=other, uid_seed="roe")
    assert "This folder holds scans of 2 patients." in open_volume(series).notices
    first, second = find_series(series)
    assert first.study_uid != second.study_uid
    assert {first.to_json()["patient"], second.to_json()["patient"]} == {1, 2}
    assert first.to_json()["study_uid"] == first.study_uid


def test_headers_that_contradict_the_positions_are_reported_with_both_numbers(series: Path) -> None:
    for path in series.iterdir():
        _edit(path, SpacingBetweenSlices=4, GantryDetectorTilt=-12.5)
    text = " ".join(open_volume(series).notices)
    assert "says that slices are 4 mm apart, their positions say 2.5 mm" in text
    assert "tilted by 12.5 degrees, the positions say 0.0" in text


@pytest.mark.parametrize("shift_mm", [0.0, 17.5], ids=["same place", "one behind the other"])
@pytest.mark.parametrize("told_by", ["PatientName", "PatientID", "PatientBirthDate"])
def test_two_patients_under_one_series_uid_are_two_volumes_and_said(
    shift_mm: float, told_by: str, series: Path, oblique_volume: Volume
) -> None:
    affine = np.array(oblique_volume.affine)
    affine[:3, 3] += shift_mm / 2.5 * affine[:3, 2]
    other = replace(oblique_volume, voxels=oblique_volume.voxels + 1, affine=affine)
    first = pydicom.dcmread(series / "0001.dcm")
    who = {each: first[each].value for each in ("PatientName", "PatientID", "PatientBirthDate")}
    who |= {told_by: "19991231" if told_by.endswith("Date") else "Roe"}
    write_dicom_series(other, series / "2", attributes=who, uid_seed="roe")
    for path in (series / "2").iterdir():
        _edit(
            path,
            SeriesInstanceUID=first.SeriesInstanceUID,
            FrameOfReferenceUID=first.FrameOfReferenceUID,
            SOPInstanceUID=pydicom.dcmread(series / path.name).SOPInstanceUID,
        )
    found = find_series(series)
    volumes = [open_volume(series, series_uid=each.uid) for each in found]
    assert [volume.shape for volume in volumes] == [oblique_volume.shape] * 2
    assert {
        int(volume.voxels[0, 0, 0]) - int(oblique_volume.voxels[0, 0, 0]) for volume in volumes
    } == {0, 1}
    assert {"(patient 1)", "(patient 2)"} == {each.description[5:] for each in found}
    assert "name 2 different patients" in " ".join(found[0].notices)


def test_an_invalid_orientation_is_called_so(series: Path) -> None:
    for path in series.iterdir():
        _edit(path, ImageOrientationPatient=[1, 0, 0, 1, 0, 0])
    assert "is not valid" in " ".join(open_volume(series).notices)


def test_scans_of_one_name_in_several_folders_are_told_apart_by_their_place(
    tmp_path: Path, oblique_volume: Volume
) -> None:
    for number, name in enumerate(("", "a", "a/b", "c")):
        (tmp_path / name).mkdir(exist_ok=True)
        plain = replace(oblique_volume, voxels=oblique_volume.voxels + number)
        write_nifti(plain, tmp_path / name / "reference.nii")
    found = find_series(tmp_path)
    assert (
        {series.uid for series in found}
        == {series.subfolder for series in found}
        == {"reference.nii", "a/reference.nii", "a/b/reference.nii", "c/reference.nii"}
    )
    for series in found:
        number = ["reference.nii", "a/reference.nii", "a/b/reference.nii", "c/reference.nii"].index(
            series.uid
        )
        volume = open_volume(tmp_path, series_uid=series.uid)
        assert volume.series_uid == series.uid
        assert volume.description == series.description == series.uid.removesuffix(".nii")
        assert volume_without_identity(volume).description == "Scan"
        np.testing.assert_array_equal(volume.voxels, oblique_volume.voxels + number)


def test_images_without_a_series_uid_belong_together_by_their_folder(
    tmp_path: Path, oblique_volume: Volume
) -> None:
    for number, name in enumerate(("one/scan", "two/scan")):
        plain = replace(oblique_volume, voxels=oblique_volume.voxels + number)
        for path in write_dicom_series(plain, tmp_path / name, attributes={}, uid_seed=name):
            _edit(path, SeriesInstanceUID=None)
    found = find_series(tmp_path)
    assert [(series.uid, series.subfolder) for series in found] == [
        ("no-uid-1", "one/scan"),
        ("no-uid-2", "two/scan"),
    ]
    for number, series in enumerate(found):
        volume = open_volume(tmp_path, series_uid=series.uid)
        np.testing.assert_array_equal(volume.voxels, oblique_volume.voxels + number)


def test_a_damaged_file_of_another_format_among_good_ones_is_named(
    series: Path, oblique_volume: Volume
) -> None:
    write_nifti(oblique_volume, series / "good.nii")
    whole = (series / "good.nii").read_bytes()
    (series / "cut.nii").write_bytes(whole[:-9])
    for each in find_series(series):
        assert "1 file was left out: cut.nii" in " ".join(each.notices)
    for path in series.glob("*.dcm"):
        path.unlink()
    assert "cut.nii" in " ".join(open_volume(series).notices)
