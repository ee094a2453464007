"""Read NRRD and MetaImage (MHA, MHD) files by SimpleITK, after the sizes they claim have been checked.

SimpleITK is the reference: MetaImage is ITK's own format, and ITK reads NRRD by its inventors' library. It
gives LPS and releases the interpreter lock. Where the header's text says where the slices are, these are
read one by one instead (:mod:`fusion3d_gui.imaging.files.slice_stream` says what that brings).
"""

from __future__ import annotations

import bz2
import re
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.files.itk_header import NRRD_SUFFIXES, TEXT_ENCODINGS, read_itk_header
from fusion3d_gui.imaging.files.multi_volume import (
    series_of_volumes,
    volume_description,
    volume_uid,
)
from fusion3d_gui.imaging.files.nifti_geometry import NOT_VALID, size_doubts
from fusion3d_gui.imaging.files.slice_stream import InflatingReader, StoredSlices, read_slices
from fusion3d_gui.imaging.limits import LARGEST_DEFLATE_RATIO, check_memory
from fusion3d_gui.imaging.loaded_slices import LoadedSlices
from fusion3d_gui.imaging.scan_warning import position_warnings
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.imaging.volume import Volume, Watch, affine_of_sizes, no_watch, spans_space
from fusion3d_gui.progress import Progress, no_progress

_META_SUFFIXES = (".mha", ".mhd")
_LONGEST_AXIS = 1 << 20
#: Time (s) between two looks whether the user has cancelled.
_TICK_S = 0.05
#: Highest compression ratios that are accepted. bzip2 packs a run of one value into next to nothing, but a
#: scan never that far. As text a value of 8 bytes takes a digit and a space at least.
_LARGEST_RATIOS = {
    "gzip": LARGEST_DEFLATE_RATIO,
    "bzip2": 20_000,
    **dict.fromkeys(TEXT_ENCODINGS, 4),
}


def is_itk_file(path: Path) -> bool:
    """Whether a file's name says that it is NRRD or MetaImage."""
    return path.name.lower().endswith(NRRD_SUFFIXES + _META_SUFFIXES)


@dataclass(frozen=True, eq=False)
class _Information:
    """What a file's header says, checked.

    Parameters
    ----------
    size
        Number of voxels along (i, j, k, time ...).
    affine
        4x4 from (i, j, k) to LPS mm.
    item_bytes
        Bytes of a voxel.
    notices
        Sentences for the user.
    stored
        Where the slices are; None where they can't be read one by one.
    list_count
        Number of volumes that SimpleITK gives as components of each voxel; 1 where it gives axes.
    """

    size: tuple[int, ...]
    affine: np.ndarray
    item_bytes: int
    notices: tuple[str, ...]
    stored: StoredSlices | None
    list_count: int = 1

    @property
    def shape(self) -> tuple[int, int, int]:
        i, j, k = (*self.size, 1)[:3]
        return k, j, i

    @property
    def volume_count(self) -> int:
        return int(np.prod(self.size[3:], dtype=object)) * self.list_count


def itk_series(path: Path) -> list[Series]:
    """The series that an NRRD or MetaImage file offers, one for each of its volumes. Raises UserError."""
    known = _information(path)
    return series_of_volumes(
        path,
        read_itk_file,
        stem=path.stem,
        format="NRRD" if path.name.lower().endswith(NRRD_SUFFIXES) else "MetaImage",
        shape=known.shape,
        affine=known.affine,
        count=known.volume_count,
        notices=known.notices,
    )


def read_itk_file(
    path: Path, number: int = 0, progress: Progress = no_progress, watch: Watch = no_watch
) -> Volume:
    """Read one volume of an NRRD or MetaImage file, in its stored type.

    Parameters
    ----------
    path
        The file, or its header where the voxels are in another file.
    number
        Which of its volumes, from 0 in stored order.
    progress
        Called before each slice.
    watch
        Called once the middle slice has been read; not for later volumes of a packed file and for
        encodings (bzip2, text ...) that only SimpleITK reads, in one go.

    Raises
    ------
    UserError
        The file is damaged, holds no scan, or is too large for memory.
    """
    progress(0.0, "Reading slices")
    known = _information(path)
    check_memory(int(np.prod(known.shape, dtype=object)) * known.item_bytes, path)
    volume = Volume(
        voxels=np.empty((1, 1, 1), np.uint8),
        affine=known.affine,
        description=volume_description(path.stem, number, known.volume_count),
        series_uid=volume_uid(path, number),
        path=path,
        notices=known.notices,
        faults=tuple(each for each in known.notices if each == NOT_VALID),
        doubts=size_doubts(known.affine, known.size),
        warnings=position_warnings(known.notices),
    )
    stored = known.stored
    if stored is not None and (stored.is_bzip2 or not (stored.packed and number)):
        before = number * int(np.prod(known.shape, dtype=object)) * known.item_bytes
        if not stored.packed:
            stored, before = replace(stored, offset=stored.offset + before), 0
        return _by_slices(known, stored, volume, progress, watch, skipped_bytes=before)
    reader = _reader(path)
    if known.list_count > 1:
        return replace(volume, voxels=_component(reader, known, number, path, progress))
    if known.volume_count > 1:
        frame = np.unravel_index(number, known.size[3:], order="F")
        reader.SetExtractIndex([0, 0, 0, *(int(n) for n in frame)])
        reader.SetExtractSize([*known.size[:3], *(0 for _ in frame)])
    try:
        voxels = np.asarray(_Pixels(_cancellable(progress, reader.Execute)))
    except (RuntimeError, MemoryError):
        raise _damaged(path) from None
    return replace(volume, voxels=voxels.reshape(known.shape))


def _component(
    reader: Any, known: _Information, number: int, path: Path, progress: Progress
) -> np.ndarray:
    """One component of each voxel: a volume of a list axis."""
    import SimpleITK as sitk

    whole = known.volume_count + 1
    check_memory(whole * int(np.prod(known.shape, dtype=object)) * known.item_bytes, path)

    def read() -> Any:
        return sitk.VectorIndexSelectionCast(reader.Execute(), number)

    try:
        voxels = np.asarray(_Pixels(_cancellable(progress, read)))
    except (RuntimeError, MemoryError):
        raise _damaged(path) from None
    return voxels.reshape(known.shape)


def _cancellable(progress: Progress, work: Callable[[], Any]) -> Any:
    """Run work that can't be interrupted on a thread, so that cancelling need not wait for its end."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="itk")
    try:
        future = pool.submit(work)
        while not wait((future,), timeout=_TICK_S).done:
            progress(0.0, "Reading slices")
        return future.result()
    finally:
        pool.shutdown(wait=False)


def _by_slices(
    known: _Information,
    stored: StoredSlices,
    volume: Volume,
    progress: Progress,
    watch: Watch,
    *,
    skipped_bytes: int,
) -> Volume:
    voxels = np.zeros(known.shape, stored.dtype.newbyteorder("="))
    volume = replace(volume, voxels=voxels, loaded_slices=LoadedSlices(len(voxels)))
    try:
        with stored.path.open("rb", buffering=0) as stream:
            stream.seek(stored.offset)
            source: Any = InflatingReader(stream) if stored.packed else stream
            if stored.is_bzip2:
                source = bz2.BZ2File(stream)
                source.seek(skipped_bytes)
            read_slices(source, stored, volume, progress, watch)
    except (OSError, EOFError, zlib.error):
        raise _damaged(stored.path) from None
    return replace(volume, loaded_slices=None)


class _Pixels:
    """Gives an array the memory of a SimpleITK image without a copy, and keeps the image alive with it."""

    def __init__(self, image: Any) -> None:
        import SimpleITK as sitk

        self._image = image
        self.__array_interface__ = sitk.GetArrayViewFromImage(image).__array_interface__


def _reader(path: Path) -> Any:
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    reader = sitk.ImageFileReader()
    reader.SetImageIO("NrrdImageIO" if path.name.lower().endswith(NRRD_SUFFIXES) else "MetaImageIO")
    reader.SetFileName(str(path))
    return reader


def _information(path: Path) -> _Information:
    """Read a file's header, and check the sizes that it claims against the size of the file."""
    import SimpleITK as sitk

    header = read_itk_header(path)
    reader = _reader(path)
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        raise _damaged(path) from None
    size = tuple(int(n) for n in reader.GetSize())
    if not 2 <= len(size) <= 5 or min(size) < 1 or max(size) > _LONGEST_AXIS:
        raise UserError(f"holds an image of shape {size}, which is not a scan", path=path)
    kind = sitk.GetPixelIDValueAsString(reader.GetPixelID())
    components = int(reader.GetNumberOfComponents())
    list_count = components if header.has_list and len(size) == 3 else 1
    item_bytes = _item_bytes(kind.removeprefix("vector of ") if list_count > 1 else kind)
    if components != list_count or item_bytes is None:
        raise UserError(f"holds values of type {kind}, which are not a scan", path=path)
    claimed = int(np.prod(size, dtype=object)) * item_bytes * list_count
    room = header.voxel_bytes * _LARGEST_RATIOS.get(header.packing, 1)
    if claimed > room:
        raise UserError(
            f"is cut short or damaged: its header claims {claimed:,} bytes of voxels",
            path=path,
            remedy="Copy it again from its source.",
        )
    affine, notices = _affine(reader, len(size))
    notices += size_doubts(affine, size)
    stored = header.stored
    sizes = size if list_count == 1 else (*size, list_count)
    if stored is not None and (stored.dtype.itemsize, header.sizes) != (item_bytes, sizes):
        stored = None  # ITK reads the header differently: let it read the voxels too
    # MetaIO only prints that unpacking failed, and returns voxels all the same.
    is_meta = path.name.lower().endswith(_META_SUFFIXES)
    if stored is None and header.packing in ("bzip2", "gzip" if is_meta else ""):
        raise UserError(
            f"is packed by {header.packing} in a way that can't be read",
            path=path,
            remedy="Save it with gzip or raw encoding.",
        )
    return _Information(size, affine, item_bytes, notices, stored, list_count)


def _item_bytes(kind: str) -> int | None:
    """Bytes of a voxel from SimpleITK's name of its type; None for vectors and complex numbers."""
    found = re.fullmatch(r"(8|16|32|64)-bit (un)?signed integer|(32|64)-bit float", kind)
    return int(found[1] or found[3]) // 8 if found else None


def _affine(reader: Any, dimension: int) -> tuple[np.ndarray, tuple[str, ...]]:
    used = min(dimension, 3)
    direction = np.reshape(reader.GetDirection(), (dimension, dimension))[:used, :used]
    affine = np.eye(4)
    affine[:used, :used] = direction * np.array(reader.GetSpacing()[:used])
    affine[:used, 3] = reader.GetOrigin()[:used]
    if not spans_space(affine):
        return affine_of_sizes(reader.GetSpacing()[:used]), (NOT_VALID,)
    return affine, ()


def _damaged(path: Path) -> UserError:
    return UserError("is damaged or cut short", path=path, remedy="Copy it again from its source.")
