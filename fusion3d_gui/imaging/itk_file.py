"""NRRD and MetaImage (MHA, MHD) files, read by SimpleITK after their claims have been checked.

SimpleITK is ITK itself, to which MetaImage belongs and which reads NRRD by the code of its
inventors; it reads both into LPS and lets go of the interpreter lock meanwhile.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.bounds import LARGEST_DEFLATE_RATIO, check_memory
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.imaging.volume import Volume, Watch, nobody
from fusion3d_gui.progress import Progress, no_progress

_NRRD, _META = (".nrrd", ".nhdr"), (".mha", ".mhd")
_LONGEST_HEADER = 1 << 20
_LONGEST_AXIS = 1 << 20
#: bzip2 packs a run of one value into next to nothing; more than this is no scan.
_LARGEST_BZIP2_RATIO = 20_000
_MOST_VOLUMES = 1000


def is_itk_file(path: Path) -> bool:
    """Whether a file's name says that it is NRRD or MetaImage."""
    return path.name.lower().endswith(_NRRD + _META)


@dataclass(frozen=True, eq=False)
class _Information:
    """What a file's header says: size along (i, j, k, time), affine to LPS mm, bytes a voxel."""

    size: tuple[int, ...]
    affine: np.ndarray
    item_bytes: int
    notices: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        i, j, k = (*self.size, 1)[:3]
        return k, j, i

    @property
    def volume_count(self) -> int:
        return int(np.prod(self.size[3:], dtype=object))


def itk_series(path: Path) -> list[Series]:
    """What an NRRD or MetaImage file offers: one series for each of its volumes. Raises UserError."""
    known = _information(path)
    count = known.volume_count
    notices = known.notices
    if count > _MOST_VOLUMES:
        notices += (f"It holds {count} volumes; the first {_MOST_VOLUMES} are offered.",)
    return [
        Series(
            uid=f"{path.name}#{number + 1}" if number else path.name,
            description=_description(path, number, count),
            modality="",
            format=_format(path),
            shape=known.shape,
            affine=known.affine,
            paths=(path,),
            notices=notices,
            reader=partial(read_itk_file, path, number),
        )
        for number in range(min(count, _MOST_VOLUMES))
    ]


def read_itk_file(
    path: Path, number: int = 0, progress: Progress = no_progress, watch: Watch = nobody
) -> Volume:
    """Read one volume of an NRRD or MetaImage file; ``number`` counts from 0 in stored order.

    The stored type is kept. Nobody is called to ``watch``: ITK reads a file in one go. Raises
    UserError where it is damaged, holds no scan, or is too large for memory.
    """
    progress(0.0, "Reading")
    known = _information(path)
    check_memory(int(np.prod(known.shape, dtype=object)) * known.item_bytes, path)
    reader = _reader(path)
    if known.volume_count > 1:
        frame = np.unravel_index(number, known.size[3:], order="F")
        reader.SetExtractIndex([0, 0, 0, *(int(n) for n in frame)])
        reader.SetExtractSize([*known.size[:3], *(0 for _ in frame)])
    try:
        voxels = np.asarray(_Pixels(reader.Execute()))
    except (RuntimeError, MemoryError):
        raise _damaged(path) from None
    progress(1.0, "Reading")
    return Volume(
        voxels=voxels.reshape(known.shape),
        affine=known.affine,
        description=_description(path, number, known.volume_count),
        series_uid=f"{path.name}#{number + 1}" if number else path.name,
        path=path,
        notices=known.notices,
    )


class _Pixels:
    """An image's own memory as an array, without a copy: holds the image as long as the array lives."""

    def __init__(self, image: Any) -> None:
        import SimpleITK as sitk

        self._image = image
        self.__array_interface__ = sitk.GetArrayViewFromImage(image).__array_interface__


def _reader(path: Path) -> Any:
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    reader = sitk.ImageFileReader()
    reader.SetImageIO("NrrdImageIO" if path.name.lower().endswith(_NRRD) else "MetaImageIO")
    reader.SetFileName(str(path))
    return reader


def _information(path: Path) -> _Information:
    """Read a file's header, with every size that it claims checked against the file."""
    import SimpleITK as sitk

    stored, packing = _data_bytes(path)
    reader = _reader(path)
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        raise _damaged(path) from None
    size = tuple(int(n) for n in reader.GetSize())
    if not 2 <= len(size) <= 5 or min(size) < 1 or max(size) > _LONGEST_AXIS:
        raise UserError(f"holds an image of shape {size}, which is not a scan", path=path)
    kind = sitk.GetPixelIDValueAsString(reader.GetPixelID())
    item_bytes = _item_bytes(kind)
    if reader.GetNumberOfComponents() != 1 or item_bytes is None:
        raise UserError(f"holds values of type {kind}, which are not a scan", path=path)
    claimed = int(np.prod(size, dtype=object)) * item_bytes
    largest = {"raw": 1, "gzip": LARGEST_DEFLATE_RATIO, "bzip2": _LARGEST_BZIP2_RATIO}.get(
        packing, 1
    )
    if claimed > stored * largest:
        raise UserError(
            f"is cut short or damaged: its header claims {claimed:,} bytes of voxels",
            path=path,
            remedy="Copy it again from its source.",
        )
    affine, notices = _affine(reader, len(size))
    return _Information(size, affine, item_bytes, notices)


def _item_bytes(kind: str) -> int | None:
    """Bytes of a voxel by SimpleITK's name of its type; None for vectors and complex numbers."""
    found = re.fullmatch(r"(8|16|32|64)-bit (un)?signed integer|(32|64)-bit float", kind)
    return int(found[1] or found[3]) // 8 if found else None


def _affine(reader: Any, dimension: int) -> tuple[np.ndarray, tuple[str, ...]]:
    used = min(dimension, 3)
    direction = np.reshape(reader.GetDirection(), (dimension, dimension))[:used, :used]
    affine = np.eye(4)
    affine[:used, :used] = direction * np.array(reader.GetSpacing()[:used])
    affine[:used, 3] = reader.GetOrigin()[:used]
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        spacing = [mm if np.isfinite(mm) and mm > 0 else 1.0 for mm in reader.GetSpacing()[:used]]
        affine = np.diag([*spacing, *(1.0 for _ in range(4 - used))])
        return affine, ("Its orientation is not valid; only its voxel size is used.",)
    return affine, ()


def _data_bytes(path: Path) -> tuple[int, str]:
    """The bytes that a file has for its voxels, and how they are packed.

    Voxels may lie in another file; only one beside the header is read. Raises UserError.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(_LONGEST_HEADER)
        size = path.stat().st_size
    except OSError as error:
        raise UserError(f"can't be read ({error.strerror})", path=path) from None
    if path.name.lower().endswith(_NRRD):
        if not head.startswith(b"NRRD"):
            raise UserError("is not an NRRD file", path=path)
        text = re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0]
        fields = dict(re.findall(rb"(?m)^([A-Za-z ]+): ?(.*?)\s*$", text))
        elsewhere = fields.get(b"data file") or fields.get(b"datafile")
        packing = fields.get(b"encoding", b"raw").decode("latin-1").lower()
        packing = {"gz": "gzip", "bz2": "bzip2"}.get(packing, packing)
    else:
        last = re.search(rb"(?m)^\s*ElementDataFile\s*=\s*(.*?)\s*$", head)
        if last is None:
            raise UserError("is not a MetaImage file", path=path)
        text = head[: last.start()]
        elsewhere = None if last[1].upper() == b"LOCAL" else last[1]
        packing = "gzip" if re.search(rb"(?mi)^\s*CompressedData\s*=\s*True", text) else "raw"
    if elsewhere is None:
        return size, packing
    name = elsewhere.decode("utf-8", "replace")
    if name.upper().startswith("LIST") or "%" in name:
        raise UserError("has its voxels in many files, which can't be read", path=path)
    try:
        data_file = (path.parent / name).resolve()
        if data_file.parent != path.parent.resolve():
            raise UserError("has its voxels in another folder, where they are not read", path=path)
        return data_file.stat().st_size, packing
    except (OSError, ValueError):
        raise UserError("its other half, with the voxels, is missing", path=path) from None


def _damaged(path: Path) -> UserError:
    return UserError("is damaged or cut short", path=path, remedy="Copy it again from its source.")


def _format(path: Path) -> str:
    return "NRRD" if path.name.lower().endswith(_NRRD) else "MetaImage"


def _description(path: Path, number: int, count: int) -> str:
    return f"{path.stem} (volume {number + 1} of {count})" if count > 1 else path.stem
