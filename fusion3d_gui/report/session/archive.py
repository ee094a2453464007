"""The session file as a ZIP archive: write it whole, read it within bounds. Nothing in it is ever run.

Members: ``session.json``, ``arrays/N.npy`` (float32, bool or uint8, three axes, C order) and, where scans are enclosed,
``scan/N`` or ``scan/N.SUFFIX``, the bytes of the first one's own files, and ``second/N`` of the second's. Any other
member is refused.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.limits import check_memory, gigabytes
from fusion3d_gui.output_file import whole_file
from fusion3d_gui.progress import Progress, no_progress
from fusion3d_gui.report.session.document import SessionDocument
from fusion3d_gui.report.session.migrations import document_of

SUFFIX = ".fusion3d"
_DOCUMENT = "session.json"
_ARRAY = re.compile(r"arrays/[0-9]{1,3}\.npy")
_SCAN = re.compile(r"(scan|second)/[0-9]{6}(\.[A-Za-z0-9]{1,8}){0,2}")
#: Which scan: the one on screen, or the one beside it.
Enclosed = Literal["scan", "second"]

#: Bounds on what a file may unpack to: the document, all arrays, and the number of its members.
LARGEST_DOCUMENT = 8_000_000
LARGEST_ARRAYS = 400_000_000
_MOST_MEMBERS = 20_000
_LONGEST_SIDE = 16_384
_CHUNK = 1 << 20

_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError)


@dataclass(frozen=True, eq=False)
class SessionFile:
    """A session file's content: the document, and its arrays by name."""

    document: SessionDocument
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


def add_array(arrays: dict[str, np.ndarray], array: np.ndarray) -> str:
    """Add an array to those of a session; returns its name."""
    name = f"arrays/{len(arrays)}.npy"
    arrays[name] = array
    return name


def is_session_file(path: Path) -> bool:
    """Whether a file is named as a session file is."""
    return path.suffix.lower() == SUFFIX and not path.is_dir()


def write_session(
    path: Path,
    session: SessionFile,
    scan_files: Sequence[Path] = (),
    second_files: Sequence[Path] = (),
    progress: Progress = no_progress,
    *,
    private: bool = False,
) -> None:
    """Write a session file beside ``path`` and rename it.

    Parameters
    ----------
    path, session
        The file, and what it holds.
    scan_files, second_files
        Files of the scan, and of the one beside it, to be enclosed in the order of its slices.
    progress
        Called for each of these.
    private
        Whether a new file may be read by its owner only.

    Raises
    ------
    OSError
        It can't be written.
    """
    document = msgspec.json.encode(session.document)
    with whole_file(path, private=private) as partial, zipfile.ZipFile(partial, "w") as archive:
        _write(archive, _DOCUMENT, document)
        for name, array in session.arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
            _write(archive, name, content.getvalue())
        whole = len(scan_files) + len(second_files)
        done = 0
        of_each: tuple[tuple[Enclosed, Sequence[Path]], ...] = (
            ("scan", scan_files),
            ("second", second_files),
        )
        for which, files in of_each:
            for number, each in enumerate(files):
                progress(done / whole, "Enclosing the scan")
                archive.write(each, _scan_name(which, number, each), zipfile.ZIP_STORED)
                done += 1


def read_session(path: Path) -> SessionFile:
    """Read a session file, or one of kept work.

    Raises
    ------
    UserError
        It is no session file, is damaged, of a newer version, or holds more than a session does.
    """
    try:
        with _opened(path) as archive:
            members = _checked_members(archive, path)
            document = document_of(_read(archive, members[_DOCUMENT], LARGEST_DOCUMENT, path))
            arrays, left = {}, LARGEST_ARRAYS
            for name in (name for name in members if _ARRAY.fullmatch(name)):
                content = _read(archive, members[name], left, path)
                left -= len(content)
                arrays[name] = _array(content, path)
    except _DAMAGE:
        raise UserError(
            "is no session file, or is damaged", path=path, remedy="Copy it again from its source."
        ) from None
    except UserError as error:
        raise UserError(error.problem, path=path, remedy=error.remedy) from None
    return SessionFile(document, arrays)


def unpack_scan(
    path: Path, folder: Path, progress: Progress, which: Enclosed = "scan"
) -> list[Path]:
    """Write the enclosed files of one of the scans into a folder; returns them in the order of the slices.

    Raises
    ------
    UserError
        The file is damaged, or the disk can't take them.
    """
    written = []
    try:
        with _opened(path) as archive:
            members = [
                member
                for name, member in sorted(_checked_members(archive, path).items())
                if _SCAN.fullmatch(name) and name.startswith(f"{which}/")
            ]
            for number, member in enumerate(members):
                progress(number / len(members), "Unpacking the scan")
                target = folder / member.filename.removeprefix(f"{which}/")
                target.write_bytes(_read(archive, member, member.file_size, path))
                written.append(target)
    except _DAMAGE as error:
        why = getattr(error, "strerror", None) or "it is damaged"
        raise UserError(f"its scan can't be unpacked ({why})", path=path) from None
    return written


def _opened(path: Path) -> zipfile.ZipFile:
    if not path.is_file():  # a pipe would be waited for
        raise UserError("is no file that can be read", path=path)
    return zipfile.ZipFile(path)


def _write(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    # The level is for speed: kept work is written several times a minute.
    archive.writestr(name, content, zipfile.ZIP_DEFLATED, compresslevel=1)


def _scan_name(which: Enclosed, number: int, path: Path) -> str:
    suffix = "".join(path.suffixes[-2:]) if path.name.lower().endswith(".gz") else path.suffix
    name = f"{which}/{number:06d}{suffix}"
    return name if _SCAN.fullmatch(name) else f"{which}/{number:06d}"


def _checked_members(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """The members by name, all of which a session may have; enclosed scans no larger than they lie there."""
    infos = archive.infolist()
    members = {info.filename: info for info in infos}
    known = all(
        name == _DOCUMENT or _ARRAY.fullmatch(name) or _SCAN.fullmatch(name) for name in members
    )
    if not known or len(members) < len(infos) or len(infos) > _MOST_MEMBERS:
        raise UserError("holds files that do not belong to a session", path=path)
    if _DOCUMENT not in members:
        raise UserError("is no session file: it has no session.json", path=path)
    for name, info in members.items():
        if info.flag_bits & 1 or info.compress_type not in (
            zipfile.ZIP_STORED,
            zipfile.ZIP_DEFLATED,
        ):
            raise UserError("is packed in a way that session files are not", path=path)
        if _SCAN.fullmatch(name) and info.file_size > info.compress_size:
            raise UserError("holds a scan that unpacks to more than it is", path=path)
    return members


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int, path: Path) -> bytes:
    """A member's bytes, at most ``limit``, whatever the archive's directory says."""
    if member.file_size > limit:
        raise UserError(f"unpacks to more than {gigabytes(limit)}", path=path)
    check_memory(2 * member.file_size, path)
    with archive.open(member) as source:
        content = source.read(limit + 1)
    if len(content) > limit:
        raise UserError(f"unpacks to more than {gigabytes(limit)}", path=path)
    return content


def _array(content: bytes, path: Path) -> np.ndarray:
    """The array in the bytes of an npy file: float32, bool or uint8, three axes, finite, C order."""
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):
            raise ValueError("another version")
        shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(stream, max_header_size=2000)
        if is_fortran or len(shape) != 3 or dtype.str not in ("<f4", "|b1", "|u1"):
            raise ValueError("another kind of array")
        if not all(1 <= side <= _LONGEST_SIDE for side in shape):
            raise ValueError("another shape")
        values = np.frombuffer(content, dtype, offset=stream.tell())
        if values.size != int(np.prod([int(side) for side in shape])):
            raise ValueError("another size")
        if dtype.str == "|b1" and values.view(np.uint8).max() > 1:
            raise ValueError("not bool")
        if not np.isfinite(values).all():
            raise ValueError("not finite")
    except (ValueError, TypeError, OverflowError, SyntaxError, RecursionError, MemoryError):
        raise UserError("holds an array that can't be read", path=path) from None
    return values.reshape(shape)
