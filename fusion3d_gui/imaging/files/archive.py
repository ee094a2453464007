"""Unpack ZIP and gzip files into a temporary folder, within bounds on number and size."""

from __future__ import annotations

import gzip
import lzma
import re
import shutil
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.limits import LARGEST_DEFLATE_RATIO, gigabytes
from fusion3d_gui.progress import Progress, no_progress

_ZIP_MAGIC = b"PK\x03\x04"
_GZIP_MAGIC = b"\x1f\x8b"
_MOST_MEMBERS = 200_000
_CHUNK = 1 << 20
#: Characters of a file's name: at most 240 bytes, which every file system takes.
_LONGEST_NAME = 60

#: Highest compression ratio that is accepted: scans have 2 to 4, empty ones perhaps 50.
_LIKELY_RATIO = 200
#: Bytes that any archive may unpack to, whatever its ratio.
_ALWAYS_ALLOWED = 1 << 28

_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    ValueError,
    OverflowError,
)


def is_archive(path: Path) -> bool:
    """Whether a file is ZIP or gzip, by its first bytes; gzipped NIfTI is none. Raises UserError."""
    try:
        with path.open("rb") as stream:
            magic = stream.read(4)
    except OSError as error:
        raise UserError(f"can't be read ({error.strerror})", path=path) from None
    if magic[:2] == _GZIP_MAGIC:
        return not path.name.lower().endswith((".nii.gz", ".img.gz", ".hdr.gz"))
    return magic == _ZIP_MAGIC


def is_gzip(path: Path) -> bool:
    """Whether a file is gzip, by its first bytes. Raises OSError."""
    with path.open("rb") as stream:
        return stream.read(2) == _GZIP_MAGIC


class UnpackedArchive:
    """A temporary folder, removed once this object is garbage or the program ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)


def unpack(path: Path, progress: Progress) -> UnpackedArchive:
    """Unpack an archive into a temporary folder.

    Members of one folder stay together, under names that are cleaned, so that nothing is written
    outside. Hidden files are left out, and archives within the archive stay packed.

    Parameters
    ----------
    path
        A ZIP or gzip file.
    progress
        Called for each MiB; its ``Cancelled`` is let through, and what was unpacked is removed.

    Returns
    -------
    UnpackedArchive
        Keeps the folder for as long as it is referenced.

    Raises
    ------
    UserError
        The archive is damaged, protected by a password, has too many files, or unpacks to more than is
        plausible for a scan or fits on the disk.
    """
    try:
        content = UnpackedArchive(Path(tempfile.mkdtemp(prefix="fusion3d-")))
        limit = _limit(path, content.folder)
        with path.open("rb") as stream:
            magic = stream.read(4)
        if magic == _ZIP_MAGIC:
            _unpack_zip(path, content.folder, limit, progress)
        else:
            _unpack_gzip(path, content.folder, limit, progress)
    except _DAMAGE:
        raise UserError(
            "is damaged and can't be unpacked", path=path, remedy="Copy it again from its source."
        ) from None
    except OSError as error:
        raise UserError(f"can't be unpacked ({error.strerror or 'damaged'})", path=path) from None
    return content


def holds_packed_dicom(path: Path) -> bool:
    """Whether a file named ``.gz`` is a gzipped DICOM file, by its first bytes."""
    if not path.name.lower().endswith(".gz"):
        return False
    try:
        if not is_gzip(path):
            return False
        with gzip.open(path) as stream:
            return stream.read(132)[128:] == b"DICM"
    except (*_DAMAGE, OSError):
        return False


def unpack_each(files: Sequence[Path], root: Path, progress: Progress) -> UnpackedArchive:
    """Unpack gzip files below a folder into one temporary folder, those of a subfolder together.

    Files that are damaged or too large are left out.

    Raises
    ------
    UserError
        The disk can't take them.
    """
    try:
        content = UnpackedArchive(Path(tempfile.mkdtemp(prefix="fusion3d-")))
        paths = _MemberPaths(content.folder)
        for number, file in enumerate(files):
            progress(number / len(files), "Unpacking")
            target = paths.of(file.relative_to(root).as_posix()[: -len(".gz")])
            try:
                _inflate_to(target, file, _limit(file, content.folder), no_progress)
            except (*_DAMAGE, UserError):
                target.unlink()
    except OSError as error:
        raise UserError(f"can't be unpacked ({error.strerror or 'damaged'})", path=root) from None
    return content


def _limit(path: Path, folder: Path) -> int:
    likely = max(_LIKELY_RATIO * path.stat().st_size, _ALWAYS_ALLOWED)
    possible = LARGEST_DEFLATE_RATIO * path.stat().st_size + _CHUNK
    return min(likely, possible, shutil.disk_usage(folder).free // 2)


def _unpack_zip(path: Path, folder: Path, limit: int, progress: Progress) -> None:
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if not _is_hidden(member)]
        if len(members) > _MOST_MEMBERS:
            raise UserError(f"holds more than {_MOST_MEMBERS:,} files", path=path)
        if any(member.flag_bits & 1 for member in members):
            raise UserError("is protected by a password", path=path, remedy="Unpack it first.")
        total = sum(member.file_size for member in members)
        if total > limit:
            raise _too_large(path, total)
        done = 0
        paths = _MemberPaths(folder)
        for member in members:
            progress(min(1.0, done / max(1, total)), "Unpacking")
            target = paths.of(member.filename)
            with archive.open(member) as source, target.open("wb") as sink:
                for chunk in _chunks(source):
                    done += len(chunk)
                    if done > limit:  # the archive's own directory was wrong
                        raise _too_large(path, done)
                    sink.write(chunk)
                    progress(min(1.0, done / max(1, total)), "Unpacking")


def _unpack_gzip(path: Path, folder: Path, limit: int, progress: Progress) -> None:
    _inflate_to(folder / _clean(path.name.removesuffix(".gz")), path, limit, progress)


def _inflate_to(target: Path, path: Path, limit: int, progress: Progress) -> None:
    done = 0
    with gzip.open(path) as source, target.open("wb") as sink:
        for chunk in _chunks(source):
            done += len(chunk)
            if done > limit:
                raise _too_large(path, done)
            sink.write(chunk)
            progress(min(0.99, done / limit), "Unpacking")


def _chunks(source: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    while chunk := source.read(_CHUNK):
        yield chunk


def _too_large(path: Path, size: int) -> UserError:
    return UserError(
        f"unpacks to {gigabytes(size)} or more, which is not likely for a scan or does not fit",
        path=path,
        remedy="Unpack it yourself and open the folder.",
    )


def _is_hidden(member: zipfile.ZipInfo) -> bool:
    """Whether a member is a folder, has no name, or is a hidden file that some systems add."""
    parts = re.split(r"[/\\]", member.filename)
    return (
        not member.filename or member.is_dir() or parts[-1].startswith(".") or "__MACOSX" in parts
    )


class _MemberPaths:
    """Assigns paths to the members of an archive: one folder for each of its folders, one level deep."""

    def __init__(self, folder: Path) -> None:
        self._root = folder
        self._folders: dict[str, Path] = {"": folder}
        self._taken: set[str] = set()

    def of(self, name: str) -> Path:
        """A unique path for the member with this name; its folder is made."""
        inside, _, last = name.replace("\\", "/").rpartition("/")
        if inside not in self._folders:
            self._folders[inside] = self._root / f"{len(self._folders):04d}-{_clean(inside)}"
            self._folders[inside].mkdir()
        path = self._folders[inside] / _clean(last)
        # Two names may become one by cleaning, or on a file system that ignores case.
        if str(path).lower() in self._taken:
            path = path.with_name(f"{len(self._taken)}-{path.name}")
        self._taken.add(str(path).lower())
        return path


def _clean(name: str) -> str:
    last = re.split(r"[/\\]", name)[-1]
    cleaned = re.sub(r'[\x00-\x1f\x7f<>:"|?*]', "_", last)[-_LONGEST_NAME:]
    cleaned = cleaned.lstrip(". ").rstrip(". ")
    reserved = re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", cleaned)
    return f"_{cleaned}" if reserved else cleaned or "file"
