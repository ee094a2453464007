"""``meta_header``: the header of a MetaImage file (https://docs.itk.org/en/latest/learn/metaio.html), always in LPS."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.files.meta_fields import check_meta_offsets, meta_fields
from fusion3d_gui.imaging.files.nifti_geometry import NOT_VALID
from fusion3d_gui.imaging.files.voxel_header import (
    Packing,
    Role,
    VoxelHeader,
    axes_of,
    data_file_beside,
    size_of_data,
)
from fusion3d_gui.imaging.volume import affine_of_sizes, spans_space

_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",  # as ITK reads it on every system
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
#: Names of one thing, the first that is there counts.
_SIZES = ("ElementSpacing", "ElementSize")
_ORIGINS = ("Origin", "Offset", "Position")
_DIRECTIONS = ("TransformMatrix", "Rotation", "Orientation")
_MSB = ("BinaryDataByteOrderMSB", "ElementByteOrderMSB")
_MOST_AXES = 5


def meta_header(path: Path, head: bytes) -> VoxelHeader:
    """Read the header of a MetaImage file from its first bytes.

    Raises
    ------
    UserError
        It is no MetaImage file, contradicts itself, or is of a kind that is no scan.
    """
    last = re.search(rb"(?m)^\s*ElementDataFile\s*=\s*(.*?)[ \t\r]*\n?$", head)
    if last is None:
        raise UserError("is not a MetaImage file", path=path)
    fields = meta_fields(path, head[: last.start()])
    name = last[1].decode("utf-8", "replace")
    is_local = name.upper() == "LOCAL"
    data_file = path if is_local else data_file_beside(path, name)
    size = size_of_data(data_file, path)
    check_meta_offsets(path, fields, size, is_local=is_local)
    dtype = np.dtype(("<", ">")[_is_true(fields, *_MSB)] + _TYPES[fields["ElementType"]])
    sizes, roles = _axes(path, fields, dtype)
    affine, notices = _affine(fields)
    skipped = int(fields.get("HeaderSize", "0"))
    is_packed = _is_true(fields, "CompressedData")
    offset = skipped
    if skipped == -1:  # the voxels end with the file
        bytes_of_all = int(np.prod(sizes, dtype=object)) * dtype.itemsize
        offset = max(0, size - bytes_of_all)
    elif is_local:
        # The voxels begin on the next line; without one the file ends here.
        line, newline, _ = head[last.start(1) :].partition(b"\n")
        offset = last.start(1) + len(line) + len(newline)
    if is_packed and int(fields.get("CompressedDataSize", "0")) > size - offset:
        raise UserError(
            "is damaged or cut short", path=path, remedy="Copy it again from its source."
        )
    is_binary = _is_true(fields, "BinaryData") or skipped == -1  # as ITK takes it
    packing: Packing = "gzip" if is_packed else "raw" if is_binary else "text"
    if is_packed and (skipped == -1 or not is_binary):
        raise UserError(
            "has its voxels packed in a way that can't be read",
            path=path,
            remedy="Save it with gzip or raw encoding.",
        )
    return VoxelHeader(path, data_file, offset, 0, packing, dtype, sizes, roles, affine, notices)


def _axes(
    path: Path, fields: dict[str, str], dtype: np.dtype
) -> tuple[tuple[int, ...], tuple[Role, ...]]:
    sizes = tuple(map(int, fields["DimSize"].split()))
    spatial: list[Role] = ["i", "j", "k"]
    volumes: list[Role] = ["volume"] * (len(sizes) - 3)
    roles = spatial[: len(sizes)] + volumes
    channels = int(fields.get("ElementNumberOfChannels", "1"))
    if len(sizes) > _MOST_AXES:
        raise UserError(f"holds an image of shape {sizes}, which is not a scan", path=path)
    if channels in (3, 4) and dtype == np.uint8:
        sizes, roles = (channels, *sizes), ["colour", *roles]
    elif channels != 1:
        raise UserError(f"holds {channels} values a voxel, which are not a scan", path=path)
    return axes_of(path, sizes, roles)


def _affine(fields: dict[str, str]) -> tuple[np.ndarray, tuple[str, ...]]:
    count = len(fields["DimSize"].split())
    used = min(count, 3)
    spacing = _numbers(fields, _SIZES)[:used] or [1.0] * used
    origin = _numbers(fields, _ORIGINS)[:used] or [0.0] * used
    direction = np.eye(count)
    if turned := _numbers(fields, _DIRECTIONS):
        direction = np.reshape(turned, (count, count)).T  # an axis of the image is a row
    affine = np.eye(4)
    affine[:used, :used] = direction[:used, :used] * np.array(spacing)
    affine[:used, 3] = origin
    if not spans_space(affine):
        return affine_of_sizes(spacing), (NOT_VALID,)
    return affine, ()


def _numbers(fields: dict[str, str], names: tuple[str, ...]) -> list[float]:
    text = next((fields[name] for name in names if name in fields), "")
    return [float(word) for word in text.split()]


def _is_true(fields: dict[str, str], *names: str) -> bool:
    """Whether one of these fields says so, as MetaIO reads it."""
    return any(fields.get(name, "")[:1] in ("t", "T", "1") for name in names)
