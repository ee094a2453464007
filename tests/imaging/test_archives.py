"""ZIP, gzip and DICOMDIR: opened like the folder they hold, and hostile ones refused."""

from __future__ import annotations

import gzip
import shutil
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.find import find_series
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.files import archive as archive_module
from fusion3d_gui.imaging.volume import Volume


def test_a_zip_opens_like_the_folder_in_it_and_writes_nothing_outside(
    tmp_path: Path, oblique_volume: Volume
) -> None:
    paths = write_dicom_series(oblique_volume, tmp_path / "s", attributes={}, uid_seed="z")
    with zipfile.ZipFile(tmp_path / "s.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in paths:
            archive.write(path, f"../../{path.name}")
        archive.writestr("read me.txt", "hello")
    before = set(tmp_path.parent.rglob("*"))
    volume = open_volume(tmp_path / "s.zip")
    assert set(tmp_path.parent.rglob("*")) == before
    np.testing.assert_array_equal(volume.voxels, oblique_volume.voxels)
    assert volume.path == tmp_path / "s.zip"
    assert len(find_series(tmp_path / "s.zip")) == 1


def test_a_member_without_a_name_is_left_out(tmp_path: Path, oblique_volume: Volume) -> None:
    (path, *_) = write_dicom_series(oblique_volume, tmp_path / "s", attributes={}, uid_seed="z")
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        archive.write(path, "1.dcm")
        archive.writestr(zipfile.ZipInfo(""), b"something")
    assert open_volume(tmp_path / "s.zip").shape[0] == 1


def test_a_gzipped_slice_opens(tmp_path: Path, oblique_volume: Volume) -> None:
    path = write_dicom_series(oblique_volume, tmp_path, attributes={}, uid_seed="g")[2]
    (tmp_path / "slice.dcm.gz").write_bytes(gzip.compress(path.read_bytes()))
    volume = open_volume(tmp_path / "slice.dcm.gz")
    np.testing.assert_array_equal(volume.voxels[0], oblique_volume.voxels[2])


def test_bombs_and_broken_archives_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_module, "_ALWAYS_ALLOWED", 1 << 20)  # 256 MB take long to write
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.dcm", bytes(8 << 20))
    whole = (tmp_path / "bomb.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[:-30])
    (tmp_path / "bomb.dcm.gz").write_bytes(gzip.compress(bytes(8 << 20), 9))
    with zipfile.ZipFile(tmp_path / "nested.zip", "w") as archive:
        archive.write(tmp_path / "bomb.zip", "inner.zip")
    for name, what in {
        "bomb.zip": "unpacks to",
        "cut.zip": "damaged",
        "bomb.dcm.gz": "unpacks to",
        "nested.zip": "no scan",
    }.items():
        with pytest.raises(UserError, match=what):
            open_volume(tmp_path / name)


def test_pairs_of_files_find_each_other_in_an_archive_and_in_a_folder(tmp_path: Path) -> None:
    values = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    made = tmp_path / "made"
    (made / "Dr. Ä" / "one").mkdir(parents=True)
    nib.Nifti1Pair(values.T, np.eye(4)).to_filename(made / "Dr. Ä" / "my scan.img")
    nib.Nifti1Pair(values.T + 1, np.eye(4)).to_filename(made / "Dr. Ä" / "one" / "my scan.img")
    sitk.WriteImage(sitk.GetImageFromArray(values + 2), str(made / "raw one.mhd"))
    sitk.WriteImage(sitk.GetImageFromArray(values + 3), str(made / "Dr. Ä" / "b.nhdr"))
    with zipfile.ZipFile(tmp_path / "pairs.zip", "w") as archive:
        for path in made.rglob("*.*"):
            archive.write(path, path.relative_to(made))
            archive.writestr(f"__MACOSX/{path.relative_to(made)}", b"forks")
        archive.writestr("._raw one.mhd", b"forks")
    for opened in (made, tmp_path / "pairs.zip"):
        found = find_series(opened)
        lowest = {
            int(open_volume(opened, series_uid=series.uid).voxels.min()): series for series in found
        }
        assert sorted(lowest) == [0, 1, 2, 3]
        assert len({series.uid for series in found}) == len(found) == 4
        assert not any(series.notices for series in found)


def test_members_whose_names_are_one_for_this_system_stay_apart(
    tmp_path: Path, oblique_volume: Volume
) -> None:
    paths = write_dicom_series(oblique_volume, tmp_path / "s", attributes={}, uid_seed="z")
    names = ["a:b", "a?b", "A*B", "con.dcm", "..", "x/../../y", "ü" * 300]
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        for path, name in zip(paths, names, strict=True):
            archive.write(path, name)
    # The hidden one ("..") is left out, as hidden files of a folder are.
    volume = open_volume(tmp_path / "s.zip")
    assert volume.missing == (4,)
    kept = [0, 1, 2, 3, 5, 6]
    np.testing.assert_array_equal(volume.voxels[kept], oblique_volume.voxels[kept])


def test_a_dicomdir_opens_what_it_lists() -> None:
    disc = Path(pydicom.__file__).parent / "data/test_files/dicomdirtests"
    listed = find_series(disc / "DICOMDIR")
    assert sum(len(series.paths) for series in listed) == 31
    assert all(path.is_relative_to(disc) for series in listed for path in series.paths)


def test_a_dicomdir_reached_through_a_link_lists_files_below_the_path_that_was_given(
    tmp_path: Path,
) -> None:
    disc = Path(pydicom.__file__).parent / "data/test_files/dicomdirtests"
    real = tmp_path / "real"
    shutil.copytree(disc / "77654033", real / "77654033")
    shutil.copy(disc / "DICOMDIR", real)
    # A listed file that is a link to somewhere outside the disc is not on the disc.
    (outside := tmp_path / "outside.dcm").write_bytes(b"")
    listed = sorted(path for path in real.rglob("*") if path.is_file() and path.parent != real)
    listed[0].rename(outside)
    listed[0].symlink_to(outside)
    (tmp_path / "disc").symlink_to(real, target_is_directory=True)
    found = find_series(tmp_path / "disc" / "DICOMDIR")
    paths = {path for series in found for path in series.paths}
    assert paths == {tmp_path / "disc" / path.relative_to(real) for path in listed[1:]}


def test_a_folder_of_gzipped_dicom_files_is_what_it_is_unpacked(
    tmp_path: Path, oblique_volume: Volume
) -> None:
    paths = write_dicom_series(oblique_volume, tmp_path / "a/b", attributes={}, uid_seed="z")
    plain = open_volume(tmp_path / "a")
    for path in paths:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    (tmp_path / "a/b/notes.txt.gz").write_bytes(gzip.compress(b"no scan" * 99))
    (tmp_path / "a/b/cut.dcm.gz").write_bytes(gzip.compress(bytes(128) + b"DICM" + bytes(999))[:-5])
    volume = open_volume(tmp_path / "a")
    np.testing.assert_array_equal(volume.voxels, plain.voxels)
    np.testing.assert_array_equal(volume.affine, plain.affine)
    assert len(find_series(tmp_path / "a")) == 1
