"""Read and write NIfTI-1 and NIfTI-2 (and Analyze): RAS mm in the file, LPS mm in the ``Volume``."""

from __future__ import annotations

import gzip
import io
import logging
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

import nibabel as nib
import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.colour import COLOURS_ARE_GRAY, gray_of_rgb
from fusion3d_gui.imaging.files.archive import is_gzip
from fusion3d_gui.imaging.files.multi_volume import (
    series_of_volumes,
    volume_description,
    volume_uid,
)
from fusion3d_gui.imaging.files.nifti_geometry import nifti_geometry
from fusion3d_gui.imaging.files.slice_stream import StoredSlices, read_slices
from fusion3d_gui.imaging.limits import LARGEST_DEFLATE_RATIO, check_memory
from fusion3d_gui.imaging.loaded_slices import LoadedSlices
from fusion3d_gui.imaging.scan_warning import ScanWarning, position_warnings
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.imaging.simulated import attributes_of_note, painted_warnings, simulation_mark
from fusion3d_gui.imaging.volume import (
    RAS_LPS,
    Volume,
    Watch,
    no_watch,
)
from fusion3d_gui.output_file import whole_file
from fusion3d_gui.progress import Progress, no_progress

_INFINITE_SLOPE = ScanWarning(
    "values not rescaled", "The file's slope is infinite: its values are not rescaled."
)
_SUFFIXES = (".nii", ".nii.gz", ".hdr", ".img", ".hdr.gz", ".img.gz")

# What is wrong with a header is said in one sentence of our own.
logging.getLogger("nibabel.global").setLevel(logging.CRITICAL + 1)

#: Raised by nibabel and the unpacker on damaged files, as found by fuzzing.
_DAMAGE = (
    nib.filebasedimages.ImageFileError,
    nib.spatialimages.HeaderDataError,
    nib.spatialimages.ImageDataError,
    nib.wrapstruct.WrapStructError,
    EOFError,
    KeyError,
    MemoryError,
    OSError,
    OverflowError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


def is_nifti(path: Path) -> bool:
    """Whether a file's name says that it is NIfTI."""
    return path.name.lower().endswith(_SUFFIXES)


def nifti_series(path: Path) -> list[Series]:
    """The series that a NIfTI file offers, from its header: one for each of its volumes. Raises UserError."""
    image = _load(path)
    geometry = nifti_geometry(image)
    return series_of_volumes(
        path,
        read_nifti,
        stem=_stem(path),
        format="NIfTI",
        shape=_shape(image),
        affine=geometry.affine,
        count=_volume_count(image),
        notices=geometry.notices,
    )


def read_nifti(
    path: Path, number: int = 0, progress: Progress = no_progress, watch: Watch = no_watch
) -> Volume:
    """Read one volume of a NIfTI file, in its stored type with slope and intercept beside.

    The sform has precedence over the qform, as in nibabel. Colours are read as their luminance.

    Parameters
    ----------
    path
        The file, or either of a pair (``.hdr`` and ``.img``).
    number
        Which of its volumes, from 0 in stored order.
    progress
        Called before each slice.
    watch
        Called once the middle slice has been read, which is the first to be read of an uncompressed
        file.

    Raises
    ------
    UserError
        The file is damaged, of a type that is no scan (complex numbers), or too large for memory.
    """
    progress(0.0, "Reading slices")
    image = _load(path)
    geometry = nifti_geometry(image)
    dtype = image.get_data_dtype()
    is_colour = dtype.names is not None and dtype.names[:3] == ("R", "G", "B")
    if dtype.kind not in "iuf" and not is_colour:
        kind = "complex numbers" if dtype.kind == "c" else f"values of type {dtype.name}"
        raise UserError(f"holds {kind}, which are not a scan", path=path)
    shape = _shape(image)
    kept = np.dtype(np.float64) if dtype.itemsize > 8 else dtype.newbyteorder("=")
    kept = np.dtype(np.uint8) if is_colour else kept
    slope, intercept = float(image.dataobj.slope), float(image.dataobj.inter)
    faults, warnings = geometry.faults, position_warnings(geometry.notices)
    # Not a number stands for no rescale: nibabel writes it so.
    if np.isinf(_stored_slope(image)):
        faults += (_INFINITE_SLOPE.sentence,)
        warnings = (_INFINITE_SLOPE, *warnings)
    check_memory(int(np.prod(shape, dtype=object)) * kept.itemsize, path)
    attributes = attributes_of_note(_note(image))
    warnings = (*warnings, *painted_warnings(attributes))
    notices = (*faults, *(each for each in geometry.notices if each not in faults))
    if is_colour:
        notices += (COLOURS_ARE_GRAY,)
    volume = Volume(
        voxels=np.zeros(shape, kept),
        affine=geometry.affine,
        slope=slope,
        intercept=intercept,
        description=volume_description(_stem(path), number, _volume_count(image)),
        series_uid=volume_uid(path, number),
        path=path,
        attributes=MappingProxyType(attributes),
        notices=notices,
        faults=faults,
        warnings=warnings,
        doubts=geometry.doubts,
        loaded_slices=LoadedSlices(shape[0]),
    )
    data_file = Path(image.file_map["image"].filename)
    packed = is_gzip(data_file)
    start = _offset(image) + number * int(np.prod(shape, dtype=object)) * dtype.itemsize
    try:
        with gzip.open(data_file) if packed else data_file.open("rb", buffering=0) as stream:
            stream.seek(start)
            read_slices(
                stream,
                StoredSlices(data_file, start, dtype, packed),
                volume,
                progress,
                watch,
                convert=_gray if is_colour else None,
            )
    except _DAMAGE:
        raise UserError(
            "is damaged or cut short", path=path, remedy="Copy it again from its source."
        ) from None
    return replace(volume, loaded_slices=None)


def _stored_slope(image: Any) -> float:
    """The slope as the file has it; nibabel takes an infinite one for none."""
    file = Path((image.file_map.get("header") or image.file_map["image"]).filename)
    with gzip.open(file) if is_gzip(file) else file.open("rb") as stream:
        header = type(image).header_class.from_fileobj(stream, check=False)
    return float(header.get("scl_slope", 1.0))


def _gray(plane: np.ndarray) -> np.ndarray:
    return gray_of_rgb(np.stack([plane[colour] for colour in "RGB"], axis=-1))


def _note(image: Any) -> str:
    """The header's description; empty in formats that have none."""
    note = bytes(image.header["descrip"]) if "descrip" in image.header else b""
    return note.rstrip(b"\0").decode("latin-1")


def _volume_count(image: Any) -> int:
    return int(np.prod(image.shape[3:], dtype=object))


def write_nifti(volume: Volume, path: Path, *, note: str = "Fusion3D") -> None:
    """Write a volume as NIfTI-1, in its stored type and with its rescale.

    Voxel (i, j, k) stays voxel (i, j, k). Both sform and qform hold the affine in RAS mm; the qform
    without its shear, which it can't express. The same volume always gives the same bytes. The header's
    ``descrip`` holds ``note`` (up to 79 ASCII characters), or the mark of a simulated scan.

    Raises
    ------
    UserError
        The file can't be written, or its name does not end in ``.nii`` or ``.nii.gz``.
    """
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        raise UserError("NIfTI files end in .nii or .nii.gz", path=path)
    try:
        with whole_file(path) as whole, whole.open("wb") as file:
            if path.name.lower().endswith(".gz"):
                _write_packed(volume, file, note, level=4)
            else:
                _write_stored(volume, file, note)
    except OSError as error:
        raise UserError(f"can't be written ({error.strerror})", path=path) from None


def nifti_bytes(volume: Volume, *, note: str = "Fusion3D") -> bytes:
    """The bytes of a ``.nii.gz`` as :func:`write_nifti` makes it, packed faster and less."""
    packed = io.BytesIO()
    _write_packed(volume, packed, note, level=1)
    return packed.getvalue()


def _write_packed(volume: Volume, sink: BinaryIO, note: str, *, level: int) -> None:
    # No time and no name in the gzip header: the same volume gives the same bytes.
    with gzip.GzipFile("", "wb", level, sink, mtime=0) as packed:
        _write_stored(volume, packed, note)


def _write_stored(volume: Volume, sink: BinaryIO | gzip.GzipFile, note: str) -> None:
    """Write header and stored voxels as they are; nibabel itself would rescale them."""
    kind = volume.voxels.dtype
    kind = np.dtype(np.float32) if kind == np.float16 else kind
    ras = RAS_LPS @ volume.affine
    header = nib.Nifti1Image(volume.voxels.astype(kind, copy=False).T, ras, dtype=kind).header
    header.set_xyzt_units("mm")
    header.set_sform(ras, code="scanner")
    header.set_qform(ras, code="scanner", strip_shears=True)
    header["descrip"] = (simulation_mark(volume) or note).encode("ascii")
    header.set_data_dtype(kind)
    header["cal_min"] = header["cal_max"] = 0
    header.set_data_offset(352)
    # set_slope_inter treats 1 and 0 like any other; the single-precision fields hold the nearest.
    header.set_slope_inter(volume.slope, volume.intercept)
    sink.write(header.binaryblock)
    sink.write(b"\0" * 4)
    for plane in volume.voxels:
        sink.write(np.ascontiguousarray(plane.astype(kind, copy=False)).data)


def _load(path: Path) -> Any:
    """Open a file's header, and check the sizes that it claims against the size of the file."""
    image: Any
    try:
        image = _open_image(path)
    except FileNotFoundError:
        raise _half_missing(path) from None
    except _DAMAGE:
        raise UserError("is not a valid NIfTI file, or is damaged", path=path) from None
    if not isinstance(image, nib.AnalyzeImage):
        raise UserError("is not a NIfTI file", path=path)
    if (
        path.name.lower().endswith((".nii", ".nii.gz"))
        and 3000 <= int(image.header["intent_code"]) < 3100
    ):
        raise UserError("holds connectivity (CIFTI), not a scan", path=path)
    shape = image.shape
    if not 2 <= len(shape) <= 7 or min(shape) < 1:
        raise UserError(f"holds an image of shape {shape}, which is not a scan", path=path)
    claimed = int(np.prod([int(n) for n in shape], dtype=object)) * image.get_data_dtype().itemsize
    data_file = Path(image.file_map["image"].filename or path)
    try:
        size = data_file.stat().st_size
    except FileNotFoundError:
        raise _half_missing(path) from None
    except OSError as error:
        raise UserError(f"can't be read ({error.strerror})", path=data_file) from None
    packed = is_gzip(data_file)
    room = LARGEST_DEFLATE_RATIO * size if packed else size - _offset(image)
    if claimed > room:
        raise UserError(
            f"is cut short or damaged: its header claims {claimed:,} bytes of voxels",
            path=path,
            remedy="Copy it again from its source.",
        )
    return image


def _offset(image: Any) -> int:
    """Bytes from the start of the file to the voxels."""
    return int(image.dataobj.offset)


def _half_missing(path: Path) -> UserError:
    return UserError(
        "its other half (.hdr or .img) is missing", path=path, remedy="Put both into one folder."
    )


def _open_image(path: Path) -> Any:
    """nibabel's image of a file, from its header; packed or not by its first bytes, whatever its name."""
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        pair = nib.Nifti1Pair.filespec_to_file_map(str(path))
        if not all(Path(str(half.filename)).is_file() for half in pair.values()):
            raise _half_missing(path)
        return nib.load(path)
    with gzip.open(path) if is_gzip(path) else path.open("rb") as stream:
        # By its header's size alone; ``nib.load`` would try several classes.
        is_second = stream.read(4) in (b"\x1c\x02\0\0", b"\0\0\x02\x1c")
        kind = nib.Nifti2Image if is_second else nib.Nifti1Image
        stream.seek(0)
        return kind.from_file_map({"image": nib.FileHolder(str(path), stream)})


def _shape(image: Any) -> tuple[int, int, int]:
    i, j, k = (*image.shape, 1)[:3]
    return int(k), int(j), int(i)


def _stem(path: Path) -> str:
    name = path.name
    for suffix in (".gz", ".nii", ".hdr", ".img"):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    return name
