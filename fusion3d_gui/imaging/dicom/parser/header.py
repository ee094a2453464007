"""``read_header``: the wanted elements of a DICOM file, its transfer syntax, and where its pixels lie.

Files that break the encoding rules in a way that our own walker does not know are read by pydicom
instead, which knows more of them and takes seven to nine times as long.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pydicom
from pydicom.dataelem import RawDataElement

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.parser.element_values import ElementValues
from fusion3d_gui.imaging.dicom.parser.encoding import (
    DEFLATED,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    ITEM,
    NATIVE,
    VRS,
    FileBytes,
    NotDicom,
    inflate_file,
    read_file_meta,
)
from fusion3d_gui.imaging.dicom.parser.walker import (
    PIXEL_TAGS,
    PRESENCE_ONLY,
    UNDEFINED_LENGTH,
    DataSetWalker,
    IrregularEncoding,
    PixelElement,
    TruncatedFile,
)

# Values are parsed here or shown as they are: no need for pydicom's warning about each odd one.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

#: What pydicom raises on damaged files, as found by fuzzing.
PYDICOM_ERRORS = (
    pydicom.errors.BytesLengthException,
    pydicom.errors.InvalidDicomError,
    AttributeError,
    EOFError,
    KeyError,
    IndexError,
    MemoryError,
    NotImplementedError,
    OSError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class Header:
    """The wanted elements of a file, its transfer syntax UID, and its pixels (None: it has none)."""

    elements: ElementValues
    transfer_syntax: str
    pixels: PixelElement | None


def read_header(file: FileBytes, wanted: frozenset[int]) -> Header:
    """Read the wanted elements of a file, up to its pixels.

    Parameters
    ----------
    file
        The file, deflated or not.
    wanted
        Tags, as :func:`tag_numbers` gives them.

    Raises
    ------
    NotDicom
        If the file is something else.
    UserError
        If it is DICOM, and is cut short or damaged.
    """
    syntax, start = read_file_meta(file)
    with inflate_file(file, start) if syntax == DEFLATED else file as plain:
        try:
            explicit, little = _encoding(plain, start, syntax)
            values, pixels = DataSetWalker(plain, explicit, little).walk(start, wanted)
        except TruncatedFile:
            _refuse_short(file.path)
        except IrregularEncoding:
            if syntax == DEFLATED:  # pydicom would inflate it once more, without a bound
                raise UserError("is damaged: its header can't be read", path=file.path) from None
            return _read_by_pydicom(plain, wanted)
    _refuse_past_end(pixels, plain)
    syntax = syntax or _syntax_of(explicit, little)
    if pixels is not None and pixels.length is None and syntax in NATIVE[:3]:
        raise UserError("does not say how its pixels are compressed", path=file.path)
    return Header(ElementValues(values, little), syntax, pixels)


def _refuse_past_end(pixels: PixelElement | None, file: FileBytes) -> None:
    if pixels is None:
        return
    end = _known_end(pixels, file.head) if pixels.length is None else pixels.offset + pixels.length
    if end > file.size:
        _refuse_short(file.path)


def _known_end(pixels: PixelElement, head: bytes) -> int:
    """End of the last fragment whose item lies in ``head``: for most single images, of the pixels."""
    position = pixels.offset
    while head[position : position + 4] == ITEM and len(head) >= position + 8:
        position += 8 + int.from_bytes(head[position + 4 : position + 8], "little")
    return position


def _refuse_short(path: Path) -> NoReturn:
    raise UserError("is cut short", path=path, remedy="Copy it again from its source.")


def _syntax_of(explicit: bool, little: bool) -> str:
    return IMPLICIT_LITTLE if not explicit else EXPLICIT_LITTLE if little else EXPLICIT_BIG


def _encoding(file: FileBytes, start: int, syntax: str) -> tuple[bool, bool]:
    """(explicit VR, little endian), as the bytes show it, which the transfer syntax may contradict."""
    first = file.read(start, 8)
    if len(first) < 8:
        raise IrregularEncoding
    explicit = first[4:6] in VRS
    little = not (explicit and first[0] == 0 and first[1] != 0)
    if not explicit and syntax == EXPLICIT_BIG:
        raise IrregularEncoding
    return explicit, little


def _read_by_pydicom(file: FileBytes, wanted: Iterable[int]) -> Header:
    buffered = io.BytesIO(file.read(0, file.size))
    try:
        dataset = pydicom.dcmread(buffered, stop_before_pixels=True, force=True)
        little = dataset.original_encoding[1] is not False
        syntax = (
            str(getattr(dataset.file_meta, "TransferSyntaxUID", ""))
            if hasattr(dataset, "file_meta")
            else ""
        )
        implicit = dataset.original_encoding[0] is not False
        values = {}
        for number in wanted:
            element = dataset.get_item(number) if number in dataset else None
            if number in PRESENCE_ONLY and element is not None:
                values[number] = b""
            elif isinstance(element, RawDataElement) and isinstance(element.value, bytes):
                values[number] = element.value
    except PYDICOM_ERRORS:
        raise UserError("is damaged: its header can't be read", path=file.path) from None
    if not dataset:
        raise NotDicom
    offset = buffered.tell()
    try:
        found = DataSetWalker(file, not implicit, little).element(offset)
    except IrregularEncoding:
        found = None
    pixels = None
    if found is not None and found[0] in PIXEL_TAGS:
        length = None if found[1] == UNDEFINED_LENGTH else found[1]
        pixels = PixelElement(found[0], found[2], length, found[3])
        _refuse_past_end(pixels, file)
    return Header(ElementValues(values, little), syntax or _syntax_of(not implicit, little), pixels)
