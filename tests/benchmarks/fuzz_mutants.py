"""Seeded mutations of files, by what their formats mean and by their bytes, for :mod:`fuzz_files`."""

from __future__ import annotations

import gzip
import random
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

_VRS = (
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OF OW PN SH SL SQ SS ST TM UI UL UN US UT ZZ \0\0"
).split(b" ")
_LONG_VRS = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"UC", b"UN", b"UR", b"UT"}
_NUMBERS = (
    *("0", "-1", "1", "2", "3", "255", "65535", "65536", "-32769", "2147483647", "-2147483648"),
    *("4294967295", "99999999999", "1e400", "-1e400", "nan", "inf", "1e-320", "0.0000001", "1e30"),
    *("1,5", "", "a", "-0", "1\\2\\3", "1\\", "\\", "1 2 3 4 5 6 7", "%s", "9" * 400, "0x10"),
)
_LENGTHS = (0, 1, 2, 3, 7, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF, 1 << 20)
_SHORTS = (0, 1, 2, 3, 4, 8, 12, 16, 32, 64, 127, 128, 255, 256, 257, 4096, 32767, 32768, 65535)
_ITEM, _END_OF_ITEMS = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
#: Elements that a mutant may get beside its own: each decides on pixels, geometry or frames.
_ADDED = (
    *((0x0028, 0x0008, b"IS"), (0x0020, 0x0032, b"DS"), (0x0020, 0x0037, b"DS")),
    *((0x0028, 0x0030, b"DS"), (0x0028, 0x1053, b"DS"), (0x0028, 0x1052, b"DS")),
    *((0x0028, 0x1050, b"DS"), (0x0028, 0x1051, b"DS"), (0x0028, 0x1101, b"US")),
    *((0x0028, 0x3000, b"SQ"), (0x0028, 0x3010, b"SQ"), (0x0040, 0x9096, b"SQ")),
    *((0x5200, 0x9229, b"SQ"), (0x5200, 0x9230, b"SQ"), (0x0054, 0x0022, b"SQ")),
    *((0x3004, 0x000C, b"DS"), (0x0018, 0x0088, b"DS"), (0x0028, 0x0120, b"US")),
    *((0x0019, 0x100A, b"US"), (0x0029, 0x1010, b"OB"), (0x0065, 0x1050, b"DS")),
    *((0x0028, 0x0002, b"US"), (0x0028, 0x0006, b"US"), (0x0008, 0x0005, b"CS")),
)


@dataclass(frozen=True)
class _Element:
    """Where an element of a DICOM file begins, its value begins, and it ends."""

    start: int
    value: int
    end: int
    vr: bytes


def _elements(data: bytes) -> tuple[list[_Element], bool, str]:
    """The top level of a DICOM file, whether its VRs are explicit, and its byte order for struct."""
    found: list[_Element] = []
    position = 132 if data[128:132] == b"DICM" else 0
    explicit, order = data[position + 4 : position + 6].isalpha(), "<"
    while position + 8 <= len(data):
        group = struct.unpack_from("<H", data, position)[0]
        if group not in (2, 0x200) and found and found[-1].start < 400:
            explicit = data[position + 4 : position + 6].isalpha()
            order = ">" if explicit and data[position] == 0 and data[position + 1] else "<"
        vr = data[position + 4 : position + 6] if explicit or group == 2 else b""
        if vr in _LONG_VRS and position + 12 <= len(data):
            value, length = position + 12, struct.unpack_from(f"{order}I", data, position + 8)[0]
        elif vr:
            value, length = position + 8, struct.unpack_from(f"{order}H", data, position + 6)[0]
        else:
            value, length = position + 8, struct.unpack_from(f"{order}I", data, position + 4)[0]
        if length == 0xFFFFFFFF:
            end = data.find(_END_OF_ITEMS, value)
            length = (end + 8 if end >= 0 else len(data)) - value
        found.append(_Element(position, value, min(value + length, len(data)), vr))
        position = value + length
    return found, explicit, order


def _dicom(data: bytes, chance: random.Random) -> bytes:
    elements, explicit, order = _elements(data)
    if not elements:
        return _bytes(data, chance)
    chosen = chance.choice(elements)
    if chance.random() < 0.5:  # those of the image itself
        chosen = chance.choice([each for each in elements if _is_image(data, each)] or elements)
    whole = bytearray(data)
    is_compressed = data[elements[-1].value : elements[-1].value + 4] == _ITEM
    kind = chance.randrange(16 if is_compressed else 9)
    if kind == 0 and chosen.vr:
        whole[chosen.start + 4 : chosen.start + 6] = chance.choice(_VRS)
    elif kind == 1:
        length = chance.choice((*_LENGTHS, len(data), chosen.end - chosen.value + 1))
        if chosen.value - chosen.start == 8 and chosen.vr:
            whole[chosen.value - 2 : chosen.value] = struct.pack(f"{order}H", length & 0xFFFF)
        else:
            whole[chosen.value - 4 : chosen.value] = struct.pack(f"{order}I", length)
    elif kind == 2:
        del whole[chosen.start : chosen.end]
    elif kind == 3:
        other = chance.choice(elements)
        whole[other.start : other.start] = data[chosen.start : chosen.end]
    elif kind in (4, 5, 6):
        value = _value(chosen.vr, chance, order, chosen.end - chosen.value)
        head = data[chosen.start : chosen.value]
        if chosen.value - chosen.start == 8 and chosen.vr:
            head = head[:6] + struct.pack(f"{order}H", len(value))
        else:
            head = head[:-4] + struct.pack(f"{order}I", len(value))
        whole[chosen.start : chosen.end] = head + value
    elif kind == 7:
        whole[chosen.start : chosen.start] = _added(chance, explicit, order)
    elif kind == 8:
        whole[chosen.start : chosen.start] = _nested(chance, explicit, order)
    else:
        return _fragments(data, elements[-1], chance)
    return bytes(whole)


def _is_image(data: bytes, element: _Element) -> bool:
    return data[element.start : element.start + 2] in (b"\x28\0", b"\0\x28", b"\x20\0", b"\xe0\x7f")


def _value(vr: bytes, chance: random.Random, order: str, size: int) -> bytes:
    if vr in (b"US", b"SS", b"OW") or (not vr and size == 2):
        count = chance.choice((1, 1, 1, 0, 2, 3))
        return b"".join(struct.pack(f"{order}H", chance.choice(_SHORTS)) for _ in range(count))
    if vr in (b"FD", b"FL", b"UL", b"SL", b"AT", b"OB", b"UN", b"SQ"):
        return chance.randbytes(chance.choice((0, 2, 4, 8, 16, 24)))
    count = chance.choice((1, 1, 1, 2, 3, 6))
    text = "\\".join(chance.choice(_NUMBERS) for _ in range(count)).encode()
    return text + b" " * (len(text) % 2)


def _header(group: int, element: int, vr: bytes, length: int, explicit: bool, order: str) -> bytes:
    tag = struct.pack(f"{order}HH", group, element)
    if not explicit:
        return tag + struct.pack(f"{order}I", length)
    if vr in _LONG_VRS:
        return tag + vr + b"\0\0" + struct.pack(f"{order}I", length)
    return tag + vr + struct.pack(f"{order}H", length & 0xFFFF)


def _added(chance: random.Random, explicit: bool, order: str) -> bytes:
    group, element, vr = chance.choice(_ADDED)
    value = _value(vr, chance, order, 0)
    return _header(group, element, vr, len(value), explicit, order) + value


def _nested(chance: random.Random, explicit: bool, order: str) -> bytes:
    """A sequence in a sequence ..., with or without lengths, sometimes without its ends."""
    depth, sequence = chance.choice((10, 100, 1000, 5000)), (0x0040, 0x0275, b"SQ")
    if chance.random() < 0.5:
        start = _header(*sequence, 0xFFFFFFFF, explicit, order) + _ITEM + b"\xff" * 4
        end = b"\xfe\xff\x0d\xe0\0\0\0\0" + _END_OF_ITEMS + b"\0\0\0\0"
        return start * depth + (end * depth if chance.random() < 0.7 else b"")
    inner = b""
    for _ in range(min(depth, 1000)):
        item = _ITEM + struct.pack("<I", len(inner)) + inner
        inner = _header(*sequence, len(item), explicit, order) + item
    return inner


def _fragments(data: bytes, pixels: _Element, chance: random.Random) -> bytes:
    """Items of compressed pixels that lie: about offsets, lengths, number and what they hold."""
    whole = bytearray(data)
    items = [m.start() for m in re.finditer(re.escape(_ITEM), data[pixels.value :])]
    if not items or data[pixels.value : pixels.value + 4] != _ITEM:
        return _bytes(data, chance)
    item = pixels.value + chance.choice(items)
    kind = chance.randrange(7)
    if kind == 0:
        whole[item + 4 : item + 8] = struct.pack("<I", chance.choice(_LENGTHS))
    elif kind == 1:
        count = chance.choice((1, 4, 100))
        offsets = struct.pack(f"<{count}I", *(chance.choice(_LENGTHS) for _ in range(count)))
        length = struct.unpack_from("<I", data, pixels.value + 4)[0] % len(data)
        table = _ITEM + struct.pack("<I", len(offsets)) + offsets
        whole[pixels.value : pixels.value + 8 + length] = table
    elif kind == 2:
        whole[item:item] = (_ITEM + b"\0" * 4) * chance.choice((1, 3, 5000))
    elif kind == 3:
        del whole[item : item + 8]
    elif kind == 4:
        del whole[chance.randrange(item, len(data)) :]
    else:  # within the first bytes of a compressed image: sizes, tiles, tables
        for _ in range(chance.choice((1, 1, 2, 4))):
            at = min(item + 8 + chance.randrange(160), len(whole) - 4)
            size = chance.choice((1, 2, 4))
            whole[at : at + size] = chance.choice((b"\0", b"\xff", b"\1", b"\x7f")) * size
    return bytes(whole)


def _text_header(data: bytes, chance: random.Random) -> bytes:
    """A header of NRRD or MetaImage whose lines are repeated, moved, emptied or given other numbers."""
    last = re.search(rb"(?m)^ElementDataFile.*\n|\n\r?\n", data)
    end = last.end() if last else len(data)
    lines = data[:end].split(b"\n")
    at = chance.randrange(len(lines))
    kind = chance.randrange(8)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(chance.randrange(len(lines)), lines[at])
    elif kind == 2:
        other = chance.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    elif kind == 3:
        sign = b"=" if b"=" in lines[at] else b":"
        lines[at] = lines[at].partition(sign)[0] + sign + b" " + chance.choice(_NUMBERS).encode()
    elif kind == 4:
        lines[at] += b"x" * chance.choice((10, 5000, 100_000))
    elif kind == 5:
        key = chance.choice(_KEYS)
        lines.insert(chance.randrange(1, len(lines)), key + chance.choice(_NUMBERS).encode())
    else:
        numbers = list(re.finditer(rb"-?[\d.]+", lines[at]))
        if numbers:
            found = chance.choice(numbers)
            number = chance.choice(_NUMBERS).encode()
            lines[at] = lines[at][: found.start()] + number + lines[at][found.end() :]
    return b"\n".join(lines) + data[end:]


_KEYS = (
    *(b"byte skip: ", b"line skip: ", b"encoding: ", b"data file: ", b"thicknesses: "),
    *(b"measurement frame: ", b"dimension: ", b"space dimension: ", b"block size: ", b"type: "),
    *(b"axis mins: ", b"labels: ", b"centers: ", b"key:=", b"spacings: ", b"space units: "),
    *(b"NDims = ", b"DimSize = ", b"HeaderSize = ", b"ElementNumberOfChannels = "),
    *(b"CompressedDataSize = ", b"ElementSpacing = ", b"BinaryData = ", b"Color = "),
    *(b"ObjectType = ", b"ObjectSubType = ", b"ElementMin = ", b"AcquisitionDate = "),
    *(b"Modality = ", b"ElementSize = ", b"AnatomicalOrientation = ", b"DistanceUnits = "),
)

#: Fields of a NIfTI-1 header: offset, form of a value, and number of values.
_NIFTI_FIELDS = (
    *((0, "i", 1), (40, "h", 8), (56, "f", 3), (68, "h", 4), (76, "f", 8), (108, "f", 1)),
    *((112, "f", 2), (120, "h", 1), (123, "b", 1), (124, "f", 4), (252, "h", 2)),
    *((256, "f", 6), (280, "f", 12), (344, "i", 1), (348, "i", 3)),
)
_REAL = (0.0, -1.0, 1e-30, 1e30, 3e38, float("nan"), float("inf"), -0.0, 352.0, 1e7)
_WHOLE = (0, 1, -1, 2, 3, 4, 7, 8, 16, 32, 64, 127, 128, 256, 512, 768, 1536, 2304, 32767, -32768)


def _nifti(data: bytes, chance: random.Random) -> bytes:
    whole = bytearray(data.ljust(364, b"\0"))
    for _ in range(chance.choice((1, 1, 2, 3))):
        offset, form, count = chance.choice(_NIFTI_FIELDS)
        at = offset + struct.calcsize(form) * chance.randrange(count)
        value = chance.choice(_REAL if form == "f" else _WHOLE)
        if form == "b":
            value = max(-128, min(127, value))
        struct.pack_into(f"<{form}", whole, at, value)
    return bytes(whole)


def _bytes(data: bytes, chance: random.Random) -> bytes:
    whole = bytearray(data)
    for _ in range(chance.choice((1, 2, 5, 20))):
        if len(whole) < 2:
            break
        anywhere = chance.randrange(len(whole))
        kind = chance.random()
        if kind < 0.5:
            near = chance.randrange(min(len(whole), 3000))
            whole[near] = chance.choice((0, 1, 127, 128, 255))
        elif kind < 0.7:
            whole[anywhere] ^= 1 << chance.randrange(8)
        elif kind < 0.8:
            del whole[anywhere:]
        elif kind < 0.9:
            whole[anywhere : anywhere + 4] = b"\xff" * 4
        else:
            del whole[anywhere : anywhere + chance.randrange(1, 50)]
    return bytes(whole)


def _packed(inner: Callable[[bytes, random.Random], bytes]) -> Callable[..., bytes]:
    """Mutate what a gzip file holds; sometimes the gzip file itself."""

    def mutate(data: bytes, chance: random.Random) -> bytes:
        if chance.random() < 0.3:
            return _bytes(data, chance)
        mutant = gzip.compress(inner(zlib.decompress(data, 47), chance), mtime=0)
        return mutant + chance.choice((b"", b"", b"\0" * 100, mutant, b"\x1f\x8b\x08"))

    return mutate


def _archive(data: bytes, chance: random.Random) -> bytes:
    """A ZIP file whose sizes, names, methods or entries lie."""
    whole = bytearray(data)
    records = [(m.start(), m[0]) for m in re.finditer(rb"PK\x01\x02|PK\x03\x04|PK\x05\x06", data)]
    start, kind = chance.choice(records)
    at = start + chance.randrange(4, {b"PK\1\2": 60, b"PK\3\4": 44, b"PK\5\6": 22}[kind])
    size = chance.choice((1, 2, 4))
    whole[at : at + size] = chance.choice((b"\0", b"\xff", b"\1", b"\x7f", b"/", b".")) * size
    return bytes(whole)


def mutant_of(name: str, data: bytes, chance: random.Random) -> bytes:
    """A mutant of a file: by its format in two of three cases, else or also by its bytes."""
    lower = name.lower()
    if lower.endswith((".dcm", ".dcm.gz")):
        mutate: Callable[[bytes, random.Random], bytes] = _dicom
    elif lower.endswith((".nrrd", ".nhdr", ".mha", ".mhd")):
        mutate = _text_header
    elif lower.endswith(".zip"):
        mutate = _archive
    else:
        mutate = _nifti
    if lower.endswith(".gz"):
        mutate = _packed(mutate)
    if chance.random() < 0.7:
        for _ in range(chance.choice((1, 1, 2, 3))):
            try:
                data = mutate(data, chance)
            except (struct.error, IndexError, ValueError, zlib.error):
                break  # the mutant before has no structure any more
        if chance.random() < 0.85:
            return data
    return _bytes(data, chance)
