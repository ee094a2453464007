"""``write_dicom_series``: a volume as classic CT or MR images, one file for each slice."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage
from pydicom.valuerep import format_number_as_ds

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.simulated import simulation_mark
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.output_file import whole_file

_STORAGE = {"CT": CTImageStorage, "MR": MRImageStorage}

#: Largest dot product of a volume's row and column directions that count as perpendicular.
_PERPENDICULAR = 1e-4


def write_dicom_series(
    volume: Volume, folder: Path, *, attributes: Mapping[str, str], uid_seed: str
) -> list[Path]:
    """Write one file for each slice, ``0001.dcm`` on.

    Parameters
    ----------
    volume
        Of modality ``"CT"`` or ``"MR"``, with stored values that fit 16 bits, and perpendicular
        rows and columns; slices may be sheared against each other (as with a tilted gantry).
    folder
        Created if it is missing.
    attributes
        DICOM attributes by keyword, e.g. ``{"PatientAge": "054Y"}``; they override those derived
        from the volume.
    uid_seed
        The same seed gives the same UIDs; other slices and seeds give others.

    Returns
    -------
    list of Path
        In slice order.

    Raises
    ------
    UserError
        If the folder can't be written.
    ValueError
        If DICOM can't express the volume.
    """
    if volume.modality not in _STORAGE:
        raise ValueError(f"modality {volume.modality!r} is neither CT nor MR")
    stored = _sixteen_bits(volume.voxels)
    row, column = _directions(volume)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for k, plane in enumerate(stored):
            dataset = _slice(volume, plane, k, row, column, uid_seed)
            if "BodyPartExamined" not in attributes:
                dataset.Laterality = ""  # required where the part may be one of a pair
            for keyword, value in attributes.items():
                setattr(dataset, keyword, value)
            path = folder / f"{k + 1:04d}.dcm"
            with whole_file(path) as partial:
                dataset.save_as(partial, enforce_file_format=True)
            paths.append(path)
    except OSError as error:
        raise UserError(f"can't be written ({error.strerror})", path=folder) from None
    return paths


def _sixteen_bits(voxels: np.ndarray) -> np.ndarray:
    if voxels.dtype.kind not in "iu":
        raise ValueError(f"stored values of type {voxels.dtype} are not integers")
    low, high = int(voxels.min()), int(voxels.max())
    for dtype in (np.uint16, np.int16):
        limits = np.iinfo(dtype)
        if limits.min <= low and high <= limits.max:
            return voxels.astype(dtype)
    raise ValueError(f"stored values from {low} to {high} do not fit 16 bits")


def _directions(volume: Volume) -> tuple[np.ndarray, np.ndarray]:
    row = volume.affine[:3, 0] / volume.spacing_mm[2]
    column = volume.affine[:3, 1] / volume.spacing_mm[1]
    if abs(float(row @ column)) > _PERPENDICULAR:
        raise ValueError("rows and columns of the volume are not perpendicular")
    return row, column


def _slice(
    volume: Volume, plane: np.ndarray, k: int, row: np.ndarray, column: np.ndarray, seed: str
) -> Dataset:
    series_uid = _uid(seed, "series")
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = Dataset()
    dataset.file_meta = meta
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.ImageType = ["DERIVED", "SECONDARY", "OTHER" if volume.modality == "MR" else "AXIAL"]
    dataset.SOPClassUID = _STORAGE[volume.modality]
    dataset.SOPInstanceUID = _uid(seed, f"slice {k}")
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    for keyword in ("StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName"):
        setattr(dataset, keyword, "")
    dataset.Modality = volume.modality
    dataset.Manufacturer = ""
    dataset.SeriesDescription = volume.description[:64]
    if mark := simulation_mark(volume):
        dataset.ImageComments = mark
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex"):
        setattr(dataset, keyword, "")
    step = volume.affine[:3, 2]
    normal = np.cross(row, column)
    apart = abs(float(step @ normal))
    dataset.SliceThickness = _decimal(apart)
    dataset.SpacingBetweenSlices = _decimal(apart)
    dataset.PatientPosition = "HFS"
    if volume.modality == "MR":
        dataset.ScanningSequence = "RM"
        dataset.SequenceVariant = "NONE"
        dataset.ScanOptions = ""
        dataset.MRAcquisitionType = "3D"
        dataset.RepetitionTime = dataset.EchoTime = dataset.EchoTrainLength = ""
    else:
        dataset.KVP = dataset.AcquisitionNumber = ""
    dataset.StudyInstanceUID = _uid(seed, "study")
    dataset.SeriesInstanceUID = series_uid
    dataset.StudyID = "1"
    dataset.SeriesNumber = "1"
    dataset.InstanceNumber = str(k + 1)
    position = volume.affine[:3, 3] + k * step
    dataset.ImagePositionPatient = [_decimal(mm) for mm in position]
    dataset.ImageOrientationPatient = [_decimal(cosine) for cosine in (*row, *column)]
    dataset.FrameOfReferenceUID = _uid(seed, "frame of reference")
    dataset.PositionReferenceIndicator = ""
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = plane.shape
    dataset.PixelSpacing = [_decimal(volume.spacing_mm[1]), _decimal(volume.spacing_mm[2])]
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = int(plane.dtype.kind == "i")
    if volume.windows:
        dataset.WindowCenter = [_decimal(center) for center, _ in volume.windows]
        dataset.WindowWidth = [_decimal(width) for _, width in volume.windows]
    if volume.modality == "CT" or (volume.slope, volume.intercept) != (1.0, 0.0):
        dataset.RescaleIntercept = _decimal(volume.intercept)
        dataset.RescaleSlope = _decimal(volume.slope)
        dataset.RescaleType = volume.unit or ("HU" if volume.modality == "CT" else "US")
    dataset.PixelData = np.ascontiguousarray(plane, plane.dtype.newbyteorder("<")).tobytes()
    return dataset


def _decimal(number: float) -> str:
    """A decimal string of at most 16 characters (VR DS), as exact as fits."""
    return format_number_as_ds(float(number))


def _uid(seed: str, part: str) -> str:
    """A UID under 2.25 (PS3.5 B.2), from a hash in place of a random UUID."""
    digest = hashlib.sha256(f"{seed}\0{part}".encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"
