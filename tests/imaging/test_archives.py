"""ZIP, gzip and DICOMDIR: opened like the folder they hold, and hostile ones refused."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom_write import write_dicom_series
from fusion3d_gui.imaging.open import find_series, open_volume
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


def test_a_gzipped_slice_opens(tmp_path: Path, oblique_volume: Volume) -> None:
    path = write_dicom_series(oblique_volume, tmp_path, attributes={}, uid_seed="g")[2]
    (tmp_path / "slice.dcm.gz").write_bytes(gzip.compress(path.read_bytes()))
    volume = open_volume(tmp_path / "slice.dcm.gz")
    np.testing.assert_array_equal(volume.voxels[0], oblique_volume.voxels[2])


def test_bombs_and_broken_archives_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.dcm", bytes(400 << 20))
    whole = (tmp_path / "bomb.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[:-30])
    (tmp_path / "bomb.dcm.gz").write_bytes(gzip.compress(bytes(400 << 20), 1))
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


def test_a_dicomdir_opens_what_it_lists() -> None:
    disc = Path(pydicom.__file__).parent / "data/test_files/dicomdirtests"
    listed = find_series(disc / "DICOMDIR")
    assert sum(len(series.paths) for series in listed) == 31
    assert all(path.is_relative_to(disc) for series in listed for path in series.paths)
