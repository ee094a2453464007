"""Files for a walk to open: small scans of several kinds, and files that must be refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.volume import Volume


def make_cases(folder: Path) -> list[Path]:
    """Three NIfTI scans (straight, anisotropic, oblique), then DICOM: a folder and the same as a ZIP.

    The DICOM folder has two patients, the first with two series.
    """
    made = []
    for number, shape in enumerate(((40, 44, 36), (12, 60, 60), (30, 34, 38))):
        chance = np.random.default_rng(number)
        affine = np.diag([3.0, 3.0, 10.0 if number == 1 else 3.5, 1.0])
        if number == 2:
            turn, _ = np.linalg.qr(chance.normal(size=(3, 3)))
            affine[:3, :3] = turn @ affine[:3, :3]
        path = folder / f"case{number}.nii.gz"
        write_nifti(_volume(chance, shape, affine, "MR"), path)
        made.append(path)
    dicom = folder / "dicom"
    for number, (patient, modality) in enumerate((("A", "MR"), ("A", "CT"), ("B", "MR"))):
        chance = np.random.default_rng(10 + number)
        affine = np.diag([4.0, 4.0, 5.0, 1.0])
        write_dicom_series(
            _volume(chance, (14 + number, 40, 40), affine, modality),
            dicom / f"series{number}",
            attributes={
                "PatientName": f"Walker^{patient}",
                "PatientID": patient,
                "PatientAge": "054Y",
                "SeriesDescription": f"Series {number}",
            },
            uid_seed=f"walk {number}",
        )
    made.append(dicom)
    made.append(Path(shutil.make_archive(str(folder / "zipped"), "zip", dicom)))
    return made


def make_broken(folder: Path) -> list[Path]:
    """Paths that must be refused: text, truncated files, an empty folder, a missing file."""
    inside = folder / "broken"
    inside.mkdir()
    words = inside / "words.dcm"
    words.write_text("not an image\n" * 40)
    whole = (folder / "case0.nii.gz").read_bytes()
    short = inside / "short.nii.gz"
    short.write_bytes(whole[: len(whole) // 2])
    slices = inside / "short_dicom"
    slices.mkdir()
    one = next((folder / "dicom" / "series0").iterdir()).read_bytes()
    (slices / "cut.dcm").write_bytes(one[: len(one) // 3])
    empty = inside / "empty"
    empty.mkdir()
    return [words, short, slices, empty, inside / "missing.nii.gz"]


def _volume(
    chance: np.random.Generator, shape: tuple[int, int, int], affine: np.ndarray, modality: str
) -> Volume:
    """Noise with a bright block, its middle at the origin (mm)."""
    voxels = chance.normal(300, 60, shape)
    voxels[shape[0] // 3 : shape[0] // 2, shape[1] // 3 : shape[1] // 2] = 900
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape[::-1]) - 1) / 2
    return Volume(voxels.astype(np.int16), affine, modality=modality)
