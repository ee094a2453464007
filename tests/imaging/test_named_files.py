"""Several named files and folders are opened together, and nothing beside them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.find import files_of_whole_series, find_series, find_series_of
from fusion3d_gui.imaging.catalog.open import read_series
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.volume import Volume

DOE = {"PatientName": "DOE^JOHN", "PatientID": "1"}
ROE = {"PatientName": "ROE^JANE", "PatientID": "2"}


def write(folder: Path, who: dict[str, str], value: int, slices: int = 6) -> list[Path]:
    """A DICOM series of one value in every voxel; its files in the order of their slices."""
    voxels = np.full((slices, 24, 20), value, np.int16)
    voxels[:, 0, 0] = range(slices)
    volume = Volume(voxels, np.diag([4.0, 4.0, 6.0, 1.0]), modality="MR", description=folder.name)
    write_dicom_series(volume, folder, attributes=who, uid_seed=folder.name)
    (series,) = find_series(folder)
    return list(series.paths)


@pytest.fixture
def inbox(tmp_path: Path) -> dict[str, list[Path]]:
    """Files of two patients in one folder."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    moved = {}
    for name, who, value in (("doe", DOE, 100), ("roe", ROE, 900)):
        files = write(tmp_path / name, who, value)
        moved[name] = [inbox / f"{name}-{number}.dcm" for number in range(len(files))]
        for file, to in zip(files, moved[name], strict=True):
            shutil.move(file, to)
    return moved


def test_named_files_of_a_series_are_that_series_without_the_others(inbox):
    named = inbox["doe"][1:4]
    (series,) = find_series_of(named)
    assert sorted(series.paths) == sorted(named)
    assert series.identity["PatientName"] == "DOE^JOHN"
    volume = read_series(series)
    assert volume.shape == (3, 24, 20)
    assert volume.voxels.max() == 100


def test_named_files_of_two_patients_are_two_series_with_a_warning(inbox):
    found = find_series_of([*inbox["doe"], *inbox["roe"][:2]])
    assert [series.shape[0] for series in found] == [6, 2]
    assert [series.patient for series in found] == [1, 2]
    assert "The opened files are scans of 2 patients." in found[0].notices


def test_a_series_that_lies_in_two_named_folders_is_one(tmp_path):
    files = write(tmp_path / "a", DOE, 100)
    (tmp_path / "b").mkdir()
    for file in files[3:]:
        shutil.move(file, tmp_path / "b" / file.name)
    (series,) = find_series_of([tmp_path / "a", tmp_path / "b"])
    assert series.shape[0] == 6


def test_files_folders_and_archives_are_opened_together(tmp_path):
    write(tmp_path / "study", DOE, 100)
    for name, value in (("x", 1), ("y", 2)):
        (tmp_path / name).mkdir()
        write_nifti(
            Volume(np.full((4, 9, 9), value, np.int16), np.eye(4)), tmp_path / name / "s.nii"
        )
        shutil.make_archive(str(tmp_path / f"{name}-packed"), "zip", tmp_path / name)
    named = [tmp_path / "study", tmp_path / "x" / "s.nii"]
    named += [tmp_path / f"{name}-packed.zip" for name in ("x", "y")]
    found = find_series_of(named)
    assert len(found) == 4
    assert len({series.uid for series in found}) == 4
    for series in found:
        assert read_series(series).series_uid == series.uid
    values = sorted(int(read_series(series).voxels.max()) for series in found[1:])
    assert values == [1, 1, 2]


def test_a_named_file_that_is_no_scan_is_told_and_the_others_are_opened(inbox, tmp_path):
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear colleague")
    (series,) = find_series_of([*inbox["doe"], letter])
    assert "1 file was left out: letter.txt is not a scan that can be opened." in series.notices
    with pytest.raises(UserError, match="letter"):
        find_series_of([letter, letter.with_name("letter.txt")])


def test_a_named_path_that_is_missing_is_an_error(inbox, tmp_path):
    with pytest.raises(UserError, match=r"gone\.dcm: there is no such file"):
        find_series_of([inbox["doe"][0], tmp_path / "gone.dcm"])


def test_the_whole_series_of_a_file_leaves_out_other_series_and_patients(inbox):
    assert files_of_whole_series(inbox["doe"][2]) == sorted(inbox["doe"])


def test_one_named_slice_is_opened_alone_and_says_so(inbox):
    (series,) = find_series(inbox["roe"][2])
    assert series.paths == (inbox["roe"][2],)
    assert any("Only the named file is open" in notice for notice in series.notices)


def test_folders_that_are_links_are_read_once_and_never_lead_out(tmp_path):
    write(tmp_path / "store" / "doe", DOE, 100)
    write(tmp_path / "roe", ROE, 900)
    links = tmp_path / "links"
    links.mkdir()
    (links / "one").symlink_to(tmp_path / "store" / "doe")
    (links / "two").symlink_to(tmp_path / "store" / "doe")
    (links / "itself").symlink_to(links)
    (links / "round").symlink_to(tmp_path)
    (series,) = find_series(links)
    assert series.shape[0] == 6
    assert series.identity["PatientName"] == "DOE^JOHN"
    assert not any("duplicate" in notice for notice in series.notices)
