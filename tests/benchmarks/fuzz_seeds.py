"""Small valid files of every format, which :mod:`fuzz_files` mutates."""

from __future__ import annotations

import bz2
import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import nibabel as nib
import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence

_ROWS, _COLUMNS, _FRAMES = 12, 10, 4
_LARGEST = 60_000
_SHIPPED = "pydicom-"
#: Suffixes of files that belong to a header beside them.
HALVES = (".raw", ".zraw", ".img", ".mat")
_SYNTAXES: dict[str, Callable[[np.ndarray], bytes] | None] = {
    "1.2.840.10008.1.2": None,
    "1.2.840.10008.1.2.1": None,
    "1.2.840.10008.1.2.2": None,
    "1.2.840.10008.1.2.4.50": lambda plane: imagecodecs.jpeg8_encode(plane.astype(np.uint8)),
    "1.2.840.10008.1.2.4.70": lambda plane: imagecodecs.ljpeg_encode(plane, bitspersample=16),
    "1.2.840.10008.1.2.4.80": imagecodecs.jpegls_encode,
    "1.2.840.10008.1.2.4.90": lambda plane: imagecodecs.jpeg2k_encode(plane, codecformat="j2k"),
    "1.2.840.10008.1.2.4.201": imagecodecs.htj2k_encode,
    "1.2.840.10008.1.2.5": None,
}


def _dataset(frames: int) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = pydicom.uid.CTImageStorage
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID = "1.2.3.4", "1.2.3"
    dataset.StudyInstanceUID, dataset.Modality = "1.2", "CT"
    dataset.PatientName, dataset.PatientID = "Fuzz^Anna", "17"
    dataset.ImagePositionPatient, dataset.PixelSpacing = [1, 2, 3], [1, 1]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
    dataset.WindowCenter, dataset.WindowWidth = [40, 50], [80, 90]
    dataset.SliceThickness, dataset.InstanceNumber = 2, 1
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = _ROWS, _COLUMNS, 1
    dataset.PhotometricInterpretation, dataset.PixelRepresentation = "MONOCHROME2", 0
    if frames > 1:
        dataset.NumberOfFrames = frames
        dataset.SOPClassUID = pydicom.uid.EnhancedCTImageStorage
        dataset.PerFrameFunctionalGroupsSequence = Sequence(
            [_functional_groups(frame) for frame in range(frames)]
        )
    return dataset


def _functional_groups(frame: int) -> Dataset:
    groups, position, content = Dataset(), Dataset(), Dataset()
    position.ImagePositionPatient = [1, 2, 3 + 2 * frame]
    content.InStackPositionNumber, content.DimensionIndexValues = frame + 1, [1, frame + 1]
    groups.PlanePositionSequence = Sequence([position])
    groups.FrameContentSequence = Sequence([content])
    return groups


def _table(dataset: Dataset, keyword: str) -> None:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [64, 0, 16])
    item.add_new("LUTData", "OW", np.arange(64, dtype="<u2").tobytes())
    item.ModalityLUTType = "HU"
    setattr(dataset, keyword, Sequence([item]))


def _save(dataset: Dataset, path: Path, syntax: str, planes: np.ndarray) -> None:
    encode = _SYNTAXES[syntax]
    bits = 8 if syntax.endswith("4.50") else 16
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    if encode is None:
        order = ">" if syntax.endswith(".1.2.2") else "<"
        dataset.PixelData = planes.astype(f"{order}u2").tobytes()
        if syntax.endswith("1.2.5"):
            dataset.PixelData = encapsulate([_rle(plane) for plane in planes])
    else:
        dataset.PixelData = encapsulate([encode(plane) for plane in planes])
    dataset["PixelData"].VR = "OB" if encode or syntax.endswith("1.2.5") else "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(path, enforce_file_format=True)


def _rle(plane: np.ndarray) -> bytes:
    """Run-length encoding without a run (PS3.5 annex G)."""
    halves = [
        bytes([plane.size - 1]) + (plane >> shift & 255).astype(np.uint8).tobytes()
        for shift in (8, 0)
    ]
    header = np.zeros(16, "<u4")
    header[:3] = 2, 64, 64 + len(halves[0])
    return header.tobytes() + b"".join(halves) + b"\0" * (sum(map(len, halves)) % 2)


def _write_dicom(folder: Path) -> None:
    planes = np.random.default_rng(1).integers(0, 200, (_FRAMES, _ROWS, _COLUMNS), np.uint16)
    for syntax in _SYNTAXES:
        name = syntax.removeprefix("1.2.840.10008.1.2").strip(".") or "implicit"
        _save(_dataset(1), folder / f"{name}.dcm", syntax, planes[:1])
        _save(_dataset(_FRAMES), folder / f"{name}-frames.dcm", syntax, planes)
    for keyword in ("ModalityLUTSequence", "VOILUTSequence"):
        dataset = _dataset(1)
        _table(dataset, keyword)
        del dataset.WindowCenter, dataset.WindowWidth
        _save(dataset, folder / f"{keyword}.dcm", "1.2.840.10008.1.2.1", planes[:1])
    dataset = _dataset(1)
    dataset.PhotometricInterpretation = "PALETTE COLOR"
    for colour in ("Red", "Green", "Blue"):
        name = f"{colour}PaletteColorLookupTable"
        dataset.add_new(f"{name}Descriptor", "US", [256, 0, 16])
        dataset.add_new(f"{name}Data", "OW", np.arange(256, dtype="<u2").tobytes())
    _save(dataset, folder / "palette.dcm", "1.2.840.10008.1.2.1", planes[:1])


def _write_itk(folder: Path) -> None:
    image = sitk.GetImageFromArray(np.arange(480, dtype=np.int16).reshape(_FRAMES, _ROWS, _COLUMNS))
    for suffix in ("nrrd", "mha", "mhd"):
        for packed in (False, True):
            sitk.WriteImage(image, str(folder / f"{suffix}-{packed}.{suffix}"), packed)
    head = "NRRD0004\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 10 12 4\n"
    head += (
        "space directions: (1,0,0) (0,1,0) (0,0,2)\nkinds: domain domain domain\nendian: little\n"
    )
    head += "space origin: (0,0,0)\n"
    raw = np.arange(480, dtype="<i2").tobytes()
    (folder / "bzip2.nrrd").write_bytes(f"{head}encoding: bzip2\n\n".encode() + bz2.compress(raw))
    text = " ".join(str(number) for number in range(480))
    (folder / "text.nrrd").write_text(f"{head}encoding: ascii\n\n{text}\n")
    (folder / "hex.nrrd").write_bytes(f"{head}encoding: hex\n\n".encode() + raw.hex().encode())
    listed = head.replace("dimension: 3", "dimension: 4").replace("sizes: ", "sizes: 2 ")
    listed = listed.replace("directions: ", "directions: none ").replace("kinds: ", "kinds: list ")
    (folder / "list.nrrd").write_bytes(f"{listed}encoding: raw\n\n".encode() + 2 * raw)


def _write_nifti(folder: Path) -> None:
    values = np.arange(480, dtype=np.int16).reshape(_COLUMNS, _ROWS, _FRAMES)
    for name, image in {
        "one.nii": nib.Nifti1Image(values, np.diag([1, 1, 2, 1])),
        "packed.nii.gz": nib.Nifti1Image(values, np.diag([1, 1, 2, 1])),
        "times.nii": nib.Nifti1Image(values.reshape(10, 6, 4, 2), np.eye(4)),
        "two.nii": nib.Nifti2Image(values, np.eye(4)),
        "pair.hdr": nib.Nifti1Pair(values, np.eye(4)),
        "analyze.hdr": nib.Spm2AnalyzeImage(values, np.eye(4)),
    }.items():
        nib.save(image, folder / name)


def is_shipped(path: Path) -> bool:
    """Whether a file is one of those that pydicom ships."""
    return path.name.startswith(_SHIPPED)


def write_seeds(folder: Path) -> None:
    """Write one small file of every kind into a folder, and those that pydicom ships."""
    _write_dicom(folder)
    _write_itk(folder)
    _write_nifti(folder)
    plain = sorted(folder.glob("*.dcm"))
    with zipfile.ZipFile(folder / "archive.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in plain[:3]:
            archive.write(path, f"series/{path.name}")
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as stream:
        stream.write(plain[0].read_bytes())
    (folder / "one.dcm.gz").write_bytes(packed.getvalue())
    shipped = Path(pydicom.__file__).parent / "data/test_files"
    for path in sorted(shipped.glob("*.dcm")):
        if path.stat().st_size <= _LARGEST:
            (folder / f"{_SHIPPED}{path.name}").write_bytes(path.read_bytes())
