"""Read NRRD and MetaImage (MHA, MHD) files slice by slice, after what their headers claim has been checked.

Where an axis counts volumes or colours, it may lie anywhere among the others: a slice is then a part of a block of the
file, which holds that slice of every volume.
"""

from __future__ import annotations

import bz2
import io
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.colour import COLOURS_ARE_GRAY, gray_of_rgb
from fusion3d_gui.imaging.files.meta_header import meta_header
from fusion3d_gui.imaging.files.multi_volume import (
    series_of_volumes,
    volume_description,
    volume_uid,
)
from fusion3d_gui.imaging.files.nifti_geometry import NOT_VALID, size_doubts
from fusion3d_gui.imaging.files.nrrd_header import nrrd_header
from fusion3d_gui.imaging.files.slice_stream import InflatingReader, StoredSlices, read_slices
from fusion3d_gui.imaging.files.voxel_header import Packing, VoxelHeader, size_of_data
from fusion3d_gui.imaging.files.voxel_text import bytes_of_hex, numbers_of_text
from fusion3d_gui.imaging.limits import LARGEST_DEFLATE_RATIO, check_memory
from fusion3d_gui.imaging.loaded_slices import LoadedSlices
from fusion3d_gui.imaging.scan_warning import position_warnings
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.imaging.volume import Volume, Watch, no_watch
from fusion3d_gui.progress import Progress, no_progress

_NRRD_SUFFIXES = (".nrrd", ".nhdr")
_META_SUFFIXES = (".mha", ".mhd")
_LONGEST_HEADER = 1 << 20
_CHUNK = 1 << 20
#: Characters that a number as text takes at most, with what is between it and the next.
_LONGEST_NUMBER = 64
#: Highest compression ratios that are accepted. bzip2 packs a run of one value into next to nothing, but a
#: scan never that far. As text a value of 8 bytes takes a digit and a space at least.
_LARGEST_RATIOS: dict[Packing, int] = {
    "gzip": LARGEST_DEFLATE_RATIO,
    "bzip2": 20_000,
    "text": 4,
}


def is_voxel_file(path: Path) -> bool:
    """Whether a file's name says that it is NRRD or MetaImage."""
    return path.name.lower().endswith(_NRRD_SUFFIXES + _META_SUFFIXES)


def voxel_file_series(path: Path) -> list[Series]:
    """The series that an NRRD or MetaImage file offers, one for each of its volumes. Raises UserError."""
    header = _header(path)
    return series_of_volumes(
        path,
        read_voxel_file,
        stem=path.stem,
        format="NRRD" if path.name.lower().endswith(_NRRD_SUFFIXES) else "MetaImage",
        shape=header.shape,
        affine=header.affine,
        count=header.volume_count,
        notices=header.notices + size_doubts(header.affine, header.shape[::-1]),
    )


def read_voxel_file(
    path: Path, number: int = 0, progress: Progress = no_progress, watch: Watch = no_watch
) -> Volume:
    """Read one volume of an NRRD or MetaImage file, in its stored type; colours as their luminance.

    Parameters
    ----------
    path
        The file, or its header where the voxels are in another file.
    number
        Which of its volumes, from 0 in stored order.
    progress
        Called before each slice.
    watch
        Called once the middle slice has been read.

    Raises
    ------
    UserError
        The file is damaged, holds no scan, or is too large for memory.
    """
    progress(0.0, "Reading slices")
    header = _header(path)
    kept = header.dtype.newbyteorder("=")
    check_memory(int(np.prod(header.shape, dtype=object)) * kept.itemsize, path)
    doubts = size_doubts(header.affine, header.shape[::-1])
    faults = tuple(each for each in header.notices if each == NOT_VALID)
    colours = (COLOURS_ARE_GRAY,) if "colour" in header.roles else ()
    volume = Volume(
        voxels=np.zeros(header.shape, kept),
        affine=header.affine,
        description=volume_description(path.stem, number, header.volume_count),
        series_uid=volume_uid(path, number),
        path=path,
        notices=(*header.notices, *doubts, *colours),
        faults=faults,
        doubts=doubts,
        warnings=position_warnings(header.notices),
        loaded_slices=LoadedSlices(header.shape[0]),
    )
    try:
        with header.data_file.open("rb", buffering=0) as stream:
            _read(header, number, stream, volume, progress, watch)
    except (OSError, EOFError, ValueError, zlib.error):
        raise UserError(
            "is damaged or cut short", path=path, remedy="Copy it again from its source."
        ) from None
    return replace(volume, loaded_slices=None)


def _header(path: Path) -> VoxelHeader:
    """Read a file's header, and check the sizes that it claims against the size of the file."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_LONGEST_HEADER)
    except OSError as error:
        raise UserError(f"can't be read ({error.strerror})", path=path) from None
    if path.name.lower().endswith(_NRRD_SUFFIXES):
        header = nrrd_header(path, head, is_whole=len(head) < _LONGEST_HEADER)
    else:
        header = meta_header(path, head)
    there = size_of_data(header.data_file, path) - header.offset
    claimed = header.byte_count + header.skipped
    if claimed > there * _LARGEST_RATIOS.get(header.packing, 1):
        raise UserError(
            f"is cut short or damaged: its header claims {header.byte_count:,} bytes of voxels",
            path=path,
            remedy="Copy it again from its source.",
        )
    return header


def _read(
    header: VoxelHeader,
    number: int,
    stream: Any,
    volume: Volume,
    progress: Progress,
    watch: Watch,
) -> None:
    """Read one volume's slices from the file with the voxels."""
    block, start, pick = _layout(header, number)
    start += header.skipped
    stream.seek(header.offset)
    source, is_packed = _unpacked(header, stream)
    if header.packing == "raw":
        start += header.offset
    elif is_packed:
        _pass_over(source, start, progress)
    stored = StoredSlices(header.data_file, start, header.dtype, is_packed, block)
    read_slices(source, stored, volume, progress, watch, convert=pick)


def _unpacked(header: VoxelHeader, stream: BinaryIO) -> tuple[Any, bool]:
    """What gives the voxels' bytes, and whether it gives them only in order."""
    if header.packing == "raw":
        return stream, False
    if header.packing == "gzip":
        return InflatingReader(stream), True
    if header.packing == "bzip2":
        return bz2.BZ2File(stream), True
    count = header.byte_count // header.dtype.itemsize
    longest = count * (_LONGEST_NUMBER if header.packing == "text" else 4 * header.dtype.itemsize)
    text_bytes = min(longest, header.data_file.stat().st_size - header.offset)
    check_memory(2 * text_bytes + 16 * count, header.path)
    text = stream.read(text_bytes)
    if header.packing == "hex":
        return io.BytesIO(bytes_of_hex(text)), False
    is_part = text_bytes == longest
    numbers = numbers_of_text(text, count, header.dtype, header.path, is_part=is_part)
    return io.BytesIO(numbers), False


def _pass_over(source: Any, count: int, progress: Progress) -> None:
    """Read and drop so many bytes. Raises EOFError where there are fewer."""
    scratch = memoryview(bytearray(min(count, _CHUNK)))
    left = count
    while left:
        progress(0.0, "Reading slices")
        got = source.readinto(scratch[: min(left, len(scratch))])
        if not got:
            raise EOFError
        left -= got


def _layout(header: VoxelHeader, number: int) -> tuple[tuple[int, ...], int, Any]:
    """How a volume lies in the voxels.

    Returns
    -------
    block : tuple of int
        Shape of the stored values of slice k of all volumes that are interleaved with it, slowest axis first.
    start : int
        Bytes before the block of the first slice.
    pick : callable
        From such a block to the slice ``[j, i]``.
    """
    sizes, roles = header.sizes, header.roles
    counts = [size for size, role in zip(sizes, roles, strict=True) if role == "volume"]
    which = list(np.unravel_index(number, counts, order="F")) if counts else []
    index = {n: int(which.pop(0)) for n, role in enumerate(roles) if role == "volume"}
    k = roles.index("k")
    strides = [int(np.prod(sizes[:n], dtype=object)) for n in range(len(sizes))]
    start = sum(strides[n] * at for n, at in index.items() if n > k) * header.dtype.itemsize
    inner = range(k - 1, -1, -1)
    block = tuple(sizes[n] for n in inner)
    chosen = tuple(index.get(n, slice(None)) for n in inner)
    kept = [roles[n] for n in inner if n not in index]

    def pick(values: np.ndarray) -> np.ndarray:
        found = values[chosen]
        if "colour" not in kept:
            return found
        colours = np.moveaxis(found, kept.index("colour"), -1)[..., :3]
        return gray_of_rgb(colours.astype(colours.dtype.newbyteorder("=")))

    return block, start, pick
