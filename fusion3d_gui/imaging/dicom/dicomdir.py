"""DICOMDIR: the table of contents of a DICOM disc."""

from __future__ import annotations

from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.parser.header import PYDICOM_ERRORS

MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"
_MAGIC_OFFSET = 128
_MOST_BYTES = 1 << 28


def is_dicomdir(path: Path) -> bool:
    """Whether a file is called DICOMDIR, as PS3.10 section 8.6 demands, and is DICOM."""
    if not path.name.upper().startswith("DICOMDIR"):
        return False
    try:
        with path.open("rb") as stream:
            return stream.read(132)[_MAGIC_OFFSET:] == b"DICM"
    except OSError as error:
        raise UserError(f"can't be read ({error.strerror})", path=path) from None


def read_dicomdir(path: Path) -> tuple[list[Path], int]:
    """The image files that a DICOMDIR lists and that are present, and how many are missing.

    Files outside its folder, links to such included, count as missing: a disc holds what it lists.

    Raises
    ------
    UserError
        If it can't be read, or if none of its files is present.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UserError("is too large to be the contents of a disc", path=path)
        records = pydicom.dcmread(path).get("DirectoryRecordSequence") or []
        file_ids = [file_id for record in records if (file_id := _file_id(record))]
    except PYDICOM_ERRORS:
        raise UserError("is damaged: its list can't be read", path=path) from None
    disc = path.parent.resolve()
    # Below the path as it was given: through a link, the resolved files would lie elsewhere.
    found = [path.parent / file for each in file_ids if (file := _file_in(disc, each)) is not None]
    if not found:
        raise UserError(
            f"lists {len(file_ids)} images, none of which is beside it",
            path=path,
            remedy="Copy the whole disc, and open its folder.",
        )
    return found, len(file_ids) - len(found)


def _file_id(record: Dataset) -> tuple[str, ...]:
    """Names of the folders and the file that a record refers to; empty where it refers to none."""
    value = record.get("ReferencedFileID")
    if not value:
        return ()
    return (value,) if isinstance(value, str) else tuple(str(part) for part in value)


def _file_in(disc: Path, file_id: tuple[str, ...]) -> Path | None:
    """The file relative to the disc's (resolved) folder; None where it is missing or outside."""
    # Discs are written in capitals, and often read by systems that show them in small letters.
    for parts in (file_id, tuple(part.lower() for part in file_id)):
        try:
            file = disc.joinpath(*parts).resolve()
            if file.is_relative_to(disc) and file.is_file():
                return file.relative_to(disc)
        except (OSError, ValueError):
            return None
    return None
