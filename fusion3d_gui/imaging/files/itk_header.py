"""Text headers of NRRD and MetaImage files: where their voxels are, how packed, of which type.

SimpleITK reads sizes and geometry. What is read here must be known before SimpleITK, which is C++ and trusts
its input, may see a file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.files.meta_fields import check_meta_offsets, meta_fields
from fusion3d_gui.imaging.files.nrrd_fields import check_nrrd_text, nrrd_fields
from fusion3d_gui.imaging.files.slice_stream import StoredSlices

TEXT_ENCODINGS = ("ascii", "text", "txt")
NRRD_SUFFIXES = (".nrrd", ".nhdr")
_LONGEST_HEADER = 1 << 20

#: NRRD's and MetaImage's names of types and the numpy ones.
_NRRD_TYPES = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "short int", "signed short", "int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsigned short", "uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    "float": "f4",
    "double": "f8",
}
_META_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}


@dataclass(frozen=True)
class ItkHeader:
    """What the text of a header says.

    Parameters
    ----------
    voxel_bytes
        Bytes of the file that holds the voxels, from the first of them to its end.
    packing
        NRRD's encoding (``"raw"``, ``"gzip"``, ``"bzip2"`` ...); MetaImage's is raw, gzip or ascii.
    stored
        Where the slices are; None where they can't be read one by one.
    sizes
        Length of each axis, the fastest first.
    has_list
        Whether one axis counts volumes, such as the gradients of a diffusion scan.
    """

    voxel_bytes: int
    packing: str
    stored: StoredSlices | None
    sizes: tuple[int, ...]
    has_list: bool = False


def read_itk_header(path: Path) -> ItkHeader:
    """Read the text part of an NRRD or MetaImage file.

    Raises
    ------
    UserError
        The file is something else, or its voxels are in a file that is missing, or in another folder,
        where none is read.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(_LONGEST_HEADER)
    except OSError as error:
        raise UserError(f"can't be read ({error.strerror})", path=path) from None
    return _nrrd(path, head) if path.name.lower().endswith(NRRD_SUFFIXES) else _meta(path, head)


def _nrrd(path: Path, head: bytes) -> ItkHeader:
    if not head.startswith(b"NRRD"):
        raise UserError("is not an NRRD file", path=path)
    fields, end = nrrd_fields(path, head, is_whole=len(head) < _LONGEST_HEADER)
    packing = fields.get("encoding", "raw").lower()
    packing = {"gz": "gzip", "bz2": "bzip2"}.get(packing, packing)
    elsewhere = fields.get("datafile")
    data_file = path if elsewhere is None else _beside(path, elsewhere)
    offset = end if elsewhere is None else 0
    if packing in TEXT_ENCODINGS:
        check_nrrd_text(path, data_file, offset)
    kind = _NRRD_TYPES.get(fields.get("type", "").lower())
    plain = packing in ("raw", "gzip", "bzip2") and "byteskip" not in fields
    stored = None
    if plain and kind is not None and "lineskip" not in fields:
        order = {"little": "<", "big": ">"}.get(fields.get("endian", "").lower(), "")
        if order or kind.endswith("1"):
            dtype = np.dtype((order or "<") + kind)
            stored = StoredSlices(data_file, offset, dtype, packing != "raw", packing == "bzip2")
    kinds = fields.get("kinds", "").lower().split()
    sizes = _integers(fields.get("sizes", ""))
    left = _size(data_file, path) - offset
    return ItkHeader(left, packing, stored, sizes, "list" in kinds)


def _meta(path: Path, head: bytes) -> ItkHeader:
    last = re.search(rb"(?m)^\s*ElementDataFile\s*=\s*(.*?)[ \t\r]*\n?$", head)
    if last is None:
        raise UserError("is not a MetaImage file", path=path)
    fields = meta_fields(path, head[: last.start()])
    is_packed = fields.get("CompressedData", "").lower() == "true"
    name = last[1].decode("utf-8", "replace")
    is_local = name.upper() == "LOCAL"
    data_file = path if is_local else _beside(path, name)
    size = _size(data_file, path)
    check_meta_offsets(path, fields, size, is_local=is_local)
    # The voxels begin on the next line; without one the file ends here.
    line, newline, _ = head[last.start(1) :].partition(b"\n")
    offset = last.start(1) + len(line) + len(newline) if is_local else 0
    left = size - (offset or max(0, int(fields.get("HeaderSize", "0"))))
    is_binary = fields.get("BinaryData", "").lower() == "true"
    kind = _META_TYPES.get(fields.get("ElementType", ""))
    stored = None
    if (
        kind is not None
        and is_binary
        and fields.get("HeaderSize", "0") == "0"
        and fields.get("ElementNumberOfChannels", "1") == "1"
    ):
        said = [fields[key].lower() for key in _META_ORDER if key in fields]
        order = ">" if "true" in said else "<"
        stored = StoredSlices(data_file, offset, np.dtype(order + kind), packed=is_packed)
    if stored is None and is_packed and int(fields.get("CompressedDataSize", "0")) > left:
        raise UserError(
            "is damaged or cut short", path=path, remedy="Copy it again from its source."
        )
    packing = (
        "gzip"
        if is_packed
        else "raw"
        if fields.get("BinaryData", "")[:1] in ("t", "T", "1")
        else "ascii"
    )
    return ItkHeader(left, packing, stored, _integers(fields.get("DimSize", "")))


_META_ORDER = ("BinaryDataByteOrderMSB", "ElementByteOrderMSB")


def _integers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split() if part.isdecimal() and len(part) < 10)


def _beside(path: Path, name: str) -> Path:
    if name.upper().startswith("LIST") or "%" in name:
        raise UserError("has its voxels in many files, which can't be read", path=path)
    try:
        data_file = (path.parent / name).resolve()
        if data_file.parent != path.parent.resolve():
            raise UserError("has its voxels in another folder, where they are not read", path=path)
    except (OSError, ValueError):
        raise _half_missing(path) from None
    return data_file


def _size(data_file: Path, path: Path) -> int:
    try:
        return data_file.stat().st_size
    except (OSError, ValueError):
        raise _half_missing(path) from None


def _half_missing(path: Path) -> UserError:
    return UserError("its other half, with the voxels, is missing", path=path)
