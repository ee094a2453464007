"""Unpacking: what it reports, what it refuses and what it leaves behind."""

from __future__ import annotations

import gzip
import tempfile
import zipfile
from pathlib import Path

import pytest

from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.imaging.files import archive as archive_module
from fusion3d_gui.imaging.files.archive import is_archive, unpack
from fusion3d_gui.progress import no_progress


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made during a test."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(archive_module, "_CHUNK", 1000)
    return folder


def _zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_unpacking_a_zip_reports_the_share_of_bytes_that_are_written(tmp_path: Path) -> None:
    path = _zip(tmp_path / "a.zip", {"one": bytes(3000), "two": bytes(1000)})
    reports: list[tuple[float, str]] = []
    unpacked = unpack(path, lambda *report: reports.append(report))
    assert [fraction for fraction, _ in reports] == [0, 0.25, 0.5, 0.75, 0.75, 1.0]
    assert {message for _, message in reports} == {"Unpacking"}
    assert {file.name: file.stat().st_size for file in unpacked.folder.iterdir()} == {
        "one": 3000,
        "two": 1000,
    }


def test_unpacking_gzip_reports_the_share_of_what_it_may_unpack_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_module, "_limit", lambda path, folder: 4000)
    (tmp_path / "a.dcm.gz").write_bytes(gzip.compress(bytes(4000)))
    reports: list[float] = []
    unpack(tmp_path / "a.dcm.gz", lambda fraction, message: reports.append(fraction))
    assert reports == [0.25, 0.5, 0.75, 0.99]


@pytest.mark.parametrize("name", ["a.zip", "a.dcm.gz"])
def test_an_archive_unpacks_up_to_its_limit_and_not_one_byte_further(
    name: str, tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    if name.endswith(".zip"):
        _zip(path, {"one": bytes(3000), "two": bytes(1000)})
    else:
        path.write_bytes(gzip.compress(bytes(4000)))
    monkeypatch.setattr(archive_module, "_limit", lambda path, folder: 4000)
    unpack(path, no_progress)
    monkeypatch.setattr(archive_module, "_limit", lambda path, folder: 3999)
    with pytest.raises(UserError, match=f"{name}: unpacks to 4.0 kB or more"):
        unpack(path, no_progress)
    assert not list(scratch.iterdir())


def test_an_archive_may_hold_so_many_files_and_not_one_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = {"one": b"1", "two": b"2", "folder/": b"", ".hidden": b"", "__MACOSX/one": b""}
    path = _zip(tmp_path / "a.zip", members)
    monkeypatch.setattr(archive_module, "_MOST_MEMBERS", 2)
    unpack(path, no_progress)
    monkeypatch.setattr(archive_module, "_MOST_MEMBERS", 1)
    with pytest.raises(UserError, match="holds more than 1 files"):
        unpack(path, no_progress)


def test_an_archive_may_pack_200_to_1_once_it_is_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(bytes(1000))
    monkeypatch.setattr(archive_module, "_ALWAYS_ALLOWED", 1)
    assert archive_module._limit(path, tmp_path) == 200 * 1000
    monkeypatch.setattr(archive_module, "_ALWAYS_ALLOWED", 500_000)
    assert archive_module._limit(path, tmp_path) == 500_000
    monkeypatch.setattr(archive_module, "_ALWAYS_ALLOWED", 1 << 40)
    assert archive_module._limit(path, tmp_path) == 1032 * 1000 + 1000  # more than DEFLATE can


def test_a_cancelled_unpacking_leaves_nothing_behind(tmp_path: Path, scratch: Path) -> None:
    path = _zip(tmp_path / "a.zip", {"one": bytes(3000)})

    def progress(fraction: float, message: str) -> None:
        if fraction > 0.5:
            assert list(scratch.iterdir())
            raise Cancelled

    with pytest.raises(Cancelled):
        unpack(path, progress)
    assert not list(scratch.iterdir())


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("scan.dcm", "scan.dcm"),
        ("../../etc/passwd", "passwd"),
        ("a\\b\\scan.dcm", "scan.dcm"),
        ('a<b>:"c|d?*.dcm', "a_b___c_d__.dcm"),
        ("line\nfeed", "line_feed"),
        ("CON", "_CON"),
        ("com1.dcm", "_com1.dcm"),
        ("com1x.dcm", "com1x.dcm"),
        ("...", "file"),
        ("x" * 99 + ".dcm", "x" * 56 + ".dcm"),
    ],
)
def test_a_members_name_is_cleaned_for_every_file_system(name: str, cleaned: str) -> None:
    assert archive_module._clean(name) == cleaned


def test_names_that_become_one_are_kept_apart_in_one_folder_for_each_of_the_archives(
    tmp_path: Path,
) -> None:
    members = {"a/x": b"1", "A/x": b"2", "a/X": b"3", "a/x?": b"4", "a/x*": b"5", "b/c/x": b"6"}
    unpacked = unpack(_zip(tmp_path / "a.zip", members), no_progress)
    found = {
        file.relative_to(unpacked.folder).as_posix(): file.read_bytes()
        for file in unpacked.folder.rglob("*")
        if file.is_file()
    }
    assert found == {
        "0001-a/x": b"1",
        "0002-A/x": b"2",
        "0001-a/2-X": b"3",
        "0001-a/x_": b"4",
        "0001-a/4-x_": b"5",
        "0003-c/x": b"6",
    }


def test_an_archive_is_known_by_its_first_bytes_except_gzipped_nifti(tmp_path: Path) -> None:
    path = _zip(tmp_path / "scan.dat", {"one": b"1"})
    assert is_archive(path)
    packed = gzip.compress(b"1")
    for name, expected in (("a.gz", True), ("a", True), ("a.nii.gz", False), ("a.IMG.GZ", False)):
        (tmp_path / name).write_bytes(packed)
        assert is_archive(tmp_path / name) == expected
    (tmp_path / "a.zip").write_bytes(b"plain")
    assert not is_archive(tmp_path / "a.zip")
    with pytest.raises(UserError, match="can't be read"):
        is_archive(tmp_path / "none.zip")
