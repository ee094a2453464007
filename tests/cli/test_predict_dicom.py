"""``fusion3d predict --dicom``: objects in the scan's study, or in a new one without a name."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest

from fusion3d_gui.cli.parser import run
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.volume import Volume

NAME = "Plantovsky^Quirina"


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    affine = np.diag([1.5, 1.5, 3.0, 1.0])
    voxels = np.random.default_rng(0).integers(-200, 1200, (24, 40, 44)).astype(np.int16)
    attributes = {"PatientAge": "071Y", "PatientSex": "F", "PatientName": NAME, "PatientID": "7"}
    folder = tmp_path / "scan"
    write_dicom_series(
        Volume(voxels, affine, modality="MR"), folder, attributes=attributes, uid_seed="cli"
    )
    return folder


def test_the_objects_join_the_study_and_a_correction_names_the_report(scan, make_bundle, tmp_path):
    first = ["predict", scan, "--model", make_bundle(), "--dicom", tmp_path / "first"]
    assert run(list(map(str, first))) == 0
    made = {path.name: pydicom.dcmread(path) for path in (tmp_path / "first").iterdir()}
    assert {"heatmap.dcm", "report.dcm", "marks.dcm"} <= set(made)
    image = pydicom.dcmread(scan / "0001.dcm")
    for each in made.values():
        assert (each.StudyInstanceUID, each.PatientName) == (image.StudyInstanceUID, NAME)
    report = tmp_path / "first" / "report.dcm"
    again = [*first[:-1], tmp_path / "second", "--corrects", report]
    assert run(list(map(str, again))) == 0
    later = pydicom.dcmread(tmp_path / "second" / "report.dcm")
    named = later.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    assert (
        named.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == made["report.dcm"].SOPInstanceUID
    )


def test_a_new_study_holds_the_scan_and_names_nobody(scan, make_bundle, tmp_path):
    out = tmp_path / "out"
    call = ["predict", scan, "--model", make_bundle(), "--dicom", out, "--new-study"]
    assert run(list(map(str, call))) == 0
    assert len(list((out / "scan").iterdir())) == 24
    for path in out.rglob("*.dcm"):
        content = path.read_bytes()
        assert b"Plantovsky" not in content and b"Quirina" not in content
        assert (
            pydicom.dcmread(path).StudyInstanceUID
            != pydicom.dcmread(scan / "0001.dcm").StudyInstanceUID
        )


def test_a_scan_that_is_no_dicom_is_refused_before_anything_is_computed(
    make_bundle, tmp_path, capsys
):
    path = tmp_path / "scan.nii.gz"
    nib.save(nib.Nifti1Image(np.ones((20, 20, 20), np.int16), np.eye(4)), path)
    call = ["predict", path, "--model", make_bundle(), "--dicom", tmp_path / "out"]
    assert run(list(map(str, call))) == 2
    said = capsys.readouterr().err
    assert "the scan is no DICOM" in said and "--new-study" in said
    assert not (tmp_path / "out").exists()
