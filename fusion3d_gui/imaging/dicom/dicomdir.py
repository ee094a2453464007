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
    """The image files that a DICOMDIR lists and that are there, and how many are missing.

    Files outside its folder count as missing: a disc holds what it lists. Raises UserError
    where it can't be read or none of its files is there.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UserError("is too large to be the contents of a disc", path=path)
        records = pydicom.dcmread(path).get("DirectoryRecordSequence") or []
        names = [name for record in records if (name := _file_name(record))]
    except PYDICOM_ERRORS:
        raise UserError("is damaged: its list can't be read", path=path) from None
    folder = path.parent.resolve()
    found = [file for name in names if (file := _find(folder, name)) is not None]
    if not found:
        raise UserError(
            f"lists {len(names)} images, none of which is beside it",
            path=path,
            remedy="Copy the whole disc, and open its folder.",
        )
    return found, len(names) - len(found)


def _file_name(record: Dataset) -> tuple[str, ...]:
    value = record.get("ReferencedFileID")
    if not value:
        return ()
    return (value,) if isinstance(value, str) else tuple(str(part) for part in value)


def _find(folder: Path, name: tuple[str, ...]) -> Path | None:
    # Discs are written in capitals, and often read by systems that show them in small letters.
    for parts in (name, tuple(part.lower() for part in name)):
        try:
            file = folder.joinpath(*parts).resolve()
            if file.is_relative_to(folder) and file.is_file():
                return file
        except (OSError, ValueError):
            return None
    return None
