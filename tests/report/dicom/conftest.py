"""Series of every kind as files, a result on each of them, and judges that nobody here wrote."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dcmqi
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian

from fusion3d_gui.imaging.annotations.annotation import Annotation
from fusion3d_gui.imaging.annotations.measurement import measure
from fusion3d_gui.imaging.catalog.find import find_series
from fusion3d_gui.imaging.catalog.open import read_series
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.fit.fit_report import FitReport
from fusion3d_gui.inference.map_correction import MapCorrection
from fusion3d_gui.inference.prediction import Heatmap, Prediction
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.report.case_result import CaseResult
from fusion3d_gui.report.collect import collect_result

#: All of a patient and a study that a result must have as the scan has it; some of it is beyond ASCII.
IDENTITY = {
    "PatientName": "Žižková^Anežka",
    "PatientID": "PID-7731-ZX",
    "IssuerOfPatientID": "Hospital of Nowhere",
    "PatientBirthDate": "",
    "PatientSex": "F",
    "PatientAge": "077Y",
    "PatientWeight": "61.5",
    "PatientIdentityRemoved": "YES",
    "DeidentificationMethod": "By hand",
    "ClinicalTrialSponsorName": "Sponsor",
    "ClinicalTrialProtocolID": "TRIAL-7",
    "ClinicalTrialProtocolName": "",
    "ClinicalTrialSiteID": "SITE-2",
    "ClinicalTrialSiteName": "",
    "ClinicalTrialSubjectID": "SUBJ-19",
    "ClinicalTrialTimePointID": "week 4",
    "StudyDate": "",
    "StudyTime": "",
    "StudyID": "S77",
    "StudyDescription": "Hlava, kontrola",
    "AccessionNumber": "ACC-90417",
    "ReferringPhysicianName": "Dvořák^Jan",
    "AdmissionID": "ADM-3",
}

AXIAL = np.eye(3)
#: Rows run back and a little to the left, columns down: sagittal, oblique in two planes.
SAGITTAL_OBLIQUE = sitk.VersorTransform((0.1, 0.9, 0.3), 0.35)


def rotation(degrees: tuple[float, float, float]) -> np.ndarray:
    turn = sitk.Euler3DTransform()
    turn.SetRotation(*np.deg2rad(degrees))
    return np.array(turn.GetMatrix()).reshape(3, 3)


SHAPE_KJI = (9, 22, 26)
SPACING_IJK = np.array([3.5, 4.5, 7.0])


def scan_volume(directions: np.ndarray, modality: str = "MR", shear_mm: float = 0.0) -> Volume:
    """Voxels of noise; columns of ``directions`` are those of i, j and k."""
    values = np.random.default_rng(5).integers(0, 900, SHAPE_KJI).astype(np.int16)
    affine = np.eye(4)
    affine[:3, :3] = directions * SPACING_IJK
    affine[:3, 2] += shear_mm * directions[:, 1]
    affine[:3, 3] = -affine[:3, :3] @ (np.array(SHAPE_KJI[::-1]) - 1) / 2 + (12.0, -31.0, 55.0)
    if modality == "CT":
        return Volume(values, affine, 2.0, -1000.0, "HU", "CT", description="Scan")
    return Volume(values, affine, modality="MR", description="Scan", windows=((400, 700),))


def write_series(volume: Volume, folder: Path, **attributes: str) -> Path:
    write_dicom_series(volume, folder, attributes=IDENTITY | attributes, uid_seed=folder.name)
    return folder


def _axial(folder: Path) -> None:
    write_series(scan_volume(AXIAL), folder, BodyPartExamined="BRAIN")


def _head_first(folder: Path) -> None:
    """Slices whose numbers run against the normal."""
    volume = scan_volume(np.diag([1.0, 1.0, -1.0]))
    write_series(volume, folder)


def _sagittal(folder: Path) -> None:
    sagittal = np.array([[0, 0, 1.0], [1, 0, 0], [0, -1, 0]])
    write_series(scan_volume(rotation((9, -14, 20)) @ sagittal), folder)


def _tilted(folder: Path) -> None:
    write_series(scan_volume(AXIAL, "CT", shear_mm=1.5), folder)


def _uneven(folder: Path) -> None:
    """Slices at distances that fit no grid: the volume is interpolated between them."""
    write_series(scan_volume(rotation((0, 8, 0))), folder)
    for number, path in enumerate(sorted(folder.iterdir())):
        image = pydicom.dcmread(path)
        row, column = np.array(image.ImageOrientationPatient).reshape(2, 3)
        place = np.array(image.ImagePositionPatient) + np.cross(row, column) * 2.3 * (number**1.5)
        image.ImagePositionPatient = [f"{mm:.5f}" for mm in place]
        image.save_as(path)


def _missing(folder: Path) -> None:
    write_series(scan_volume(AXIAL), folder)
    (folder / "0005.dcm").unlink()


def _enhanced(folder: Path) -> None:
    """One multi-frame file whose frames are stored in no order."""
    classic = write_series(scan_volume(rotation((30, 0, 10))), folder.with_name("classic"))
    images = [pydicom.dcmread(path) for path in sorted(classic.iterdir())]
    order = np.random.default_rng(2).permutation(len(images))
    first = images[0]
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    for element in first:
        if element.keyword not in ("ImagePositionPatient", "ImageOrientationPatient", "PixelData"):
            made.add(element)
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.NumberOfFrames = len(images)
    made.SharedFunctionalGroupsSequence = _in(
        PlaneOrientationSequence=_in(ImageOrientationPatient=first.ImageOrientationPatient),
        PixelMeasuresSequence=_in(PixelSpacing=first.PixelSpacing, SliceThickness=7),
    )
    made.PerFrameFunctionalGroupsSequence = Sequence(
        _item(PlanePositionSequence=_in(ImagePositionPatient=images[index].ImagePositionPatient))
        for index in order
    )
    made.PixelData = b"".join(images[index].PixelData for index in order)
    folder.mkdir()
    made.save_as(folder / "frames.dcm", enforce_file_format=True)


def _item(**values: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def _in(**values: Any) -> Sequence:
    return Sequence([_item(**values)])


SERIES: dict[str, Callable[[Path], None]] = {
    "axial": _axial,
    "head first": _head_first,
    "sagittal oblique": _sagittal,
    "tilted gantry": _tilted,
    "uneven": _uneven,
    "slice missing": _missing,
    "enhanced": _enhanced,
}


@pytest.fixture
def series_folder(tmp_path: Path) -> Callable[[str], Path]:
    def write(name: str) -> Path:
        folder = tmp_path / name
        SERIES[name](folder)
        return folder

    return write


@pytest.fixture
def make_result(make_bundle) -> Callable[..., CaseResult]:
    """A result on any scan, with a heatmap that lies askew in it; keywords change the prediction."""
    info = BundleInfo.read(make_bundle())

    def make(path: Path, **changed: Any) -> CaseResult:
        series = find_series(path)[0]
        volume = read_series(series)
        prediction = replace(_prediction(volume), **changed)
        corner = volume.to_lps(np.array([3.0, 4.0, 2.0]))
        right, down, depth = (
            volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)
        ).T
        plane = {"right": tuple(right), "down": tuple(down)}

        def at(across: float, along: float, into: float = 0.0) -> tuple[float, ...]:
            return tuple((corner + across * right + along * down + into * depth).tolist())

        marks = (
            Annotation(1, "distance", (at(0, 0), at(20, 15)), text="width"),
            Annotation(2, "angle", (at(20, 0), at(0, 0), at(0, 12))),
            Annotation(3, "ellipse", (at(4, 4), at(34, 24)), **plane),
            Annotation(4, "rectangle", (at(0, 0), at(28, 17)), **plane),
            Annotation(5, "point", (at(7, 7),), text="bright"),
            Annotation(6, "arrow", (at(3, 3), at(9, 9))),
            Annotation(7, "distance", (at(0, 0), at(3, 4, 12))),
        )
        return collect_result(
            prediction,
            info,
            volume,
            opened=(path,),
            series=series,
            sources={},
            marks=tuple(measure(each, volume) for each in marks),
        )

    return make


def _prediction(volume: Volume) -> Prediction:
    """A prediction as if of a model, with two hot spots in a map of coarse cells."""
    cells = np.stack(np.meshgrid(*map(np.arange, (6, 7, 8)), indexing="ij"), axis=-1)
    values = sum(
        height * np.exp(-(np.linalg.norm(cells - np.array(where), axis=-1) ** 2) / 2.0)
        for height, where in ((0.02, (2.3, 3.1, 2.2)), (0.013, (3.4, 4.2, 4.9)))
    )
    affine = np.eye(4)
    affine[:3, :3] = rotation((4, -6, 11)) * 14.0
    affine[:3, 3] = volume.center_lps - affine[:3, :3] @ ((3.5, 3.0, 2.5))
    return Prediction(
        probability=0.7312,
        logit=1.5,
        temperature=1.5,
        threshold=0.4,
        class_names=("no", "yes"),
        heatmap=Heatmap(
            values.astype(np.float32),
            affine,
            "gradcam",
            "layer4",
            correction=MapCorrection(np.array([1.25, -6.5, 3.0]), (), applied=True),
        ),
        metadata={"age": 77.0, "sex": "F", "diabetes": True},
        bundle_name="test-concat",
        bundle_version="1.2.3",
        weights_sha256="a1" * 32,
        volume_sha256=volume.sha256,
        device="cpu",
        seconds=1.0,
        created=datetime.now(UTC),
        libraries={},
        fit=FitReport("fits", looked_at=("modality",)),
    )


@pytest.fixture
def dciodvfy() -> Callable[[Path], list[str]]:
    """Errors that David Clunie's validator finds in a file."""
    tool = shutil.which("dciodvfy")
    if tool is None:
        pytest.skip("dciodvfy (Debian's dicom3tools) is not installed")

    def check(path: Path) -> list[str]:
        said = subprocess.run([tool, str(path)], capture_output=True, text=True, errors="replace")
        lines = (said.stdout + said.stderr).splitlines()
        assert lines, "it says at least which IOD it found"
        return [line for line in lines if line.startswith(("Error", "Abort"))]

    return check


@pytest.fixture
def run_dcmqi(tmp_path: Path) -> Callable[..., Path]:
    """Run one of dcmqi's readers, which are those of 3D Slicer; returns the folder with what it wrote."""

    def run(tool: str, path: Path, *options: str) -> Path:
        out = tmp_path / f"dcmqi-{tool}-{path.stem}"
        out.mkdir(exist_ok=True)
        program = Path(dcmqi.__file__).parent / "bin" / tool
        call = [program, "--inputDICOM", path, *options]
        if tool != "tid1500reader":
            call += ["--outputDirectory", out]
        subprocess.run([*map(str, call)], check=True, capture_output=True, cwd=out)
        return out

    return run
