"""A result with everything in it: a small scan of a named patient, a small model's prediction, marks."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from fusion3d_gui.imaging.annotations.annotation import Annotation
from fusion3d_gui.imaging.annotations.measurement import measure
from fusion3d_gui.imaging.catalog.find import find_series
from fusion3d_gui.imaging.catalog.open import read_series
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.analysis.workbench import Workbench
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.pipeline import predict_and_explain
from fusion3d_gui.inference.predictor import load_predictor
from fusion3d_gui.report.case_result import CaseResult, OtherPrediction, ReaderNotes
from fusion3d_gui.report.collect import collect_result

#: Planted in the header: none of them may leave without identity.
PLANTED = {
    "PatientName": "Plantovsky^Quirina",
    "PatientID": "PID-7731-ZX",
    "PatientBirthDate": "19480229",
    "PatientSex": "F",
    "PatientAge": "077Y",
    "AccessionNumber": "ACC-90417",
    "InstitutionName": "Hospital of Nowhere",
    "StudyDate": "20260112",
    "StudyTime": "101500",
    "StudyDescription": "MR head of Plantovsky",
    "SeriesDescription": "T1 for Quirina",
}


@pytest.fixture
def scan_folder(tmp_path: Path) -> Path:
    """A DICOM series of a named patient: noise around one bright ball."""
    random = np.random.default_rng(3)
    values = random.normal(300, 40, (26, 34, 30))
    index = np.stack(np.meshgrid(*map(np.arange, values.shape), indexing="ij"), axis=-1)
    values[np.linalg.norm(index - np.array([14, 12, 20]), axis=-1) < 5] = 900
    affine = np.diag([4.0, 4.0, 5.0, 1.0])
    affine[:3, 3] = (-60, -70, -50)
    folder = tmp_path / "Plantovsky"
    folder.mkdir()
    volume = Volume(values.astype(np.int16), affine, modality="MR")
    write_dicom_series(volume, folder, uid_seed="planted", attributes=PLANTED)
    return folder


@pytest.fixture
def make_result(scan_folder: Path, make_bundle):
    """Predict the planted scan and collect everything; keywords replace fields of the result."""

    def make(**changed) -> CaseResult:
        series = find_series(scan_folder)[0]
        volume = read_series(series)
        predictor = load_predictor(make_bundle(), "cpu", engine="torch")
        values = predictor.info.schema.case_values(volume.attributes, {"diabetes": True})
        explanation = Explanation()
        predicted = predict_and_explain(predictor, volume, values, explanation)
        marks = (
            Annotation(1, "distance", ((0, 0, 0), (30, 40, 0)), text="of Plantovsky, seen twice"),
            Annotation(2, "point", ((20, -22, 20),), text="bright"),
        )
        result = collect_result(
            predicted.prediction,
            predictor.info,
            volume,
            opened=(scan_folder,),
            series=series,
            sources={"age": "dicom", "sex": "dicom", "diabetes": "typed"},
            explanation=explanation,
            workbench=Workbench(predicted, predictor.reference, volume),
            marks=tuple(measure(each, volume) for each in marks),
            others=(OtherPrediction(predictor.info, None, "the model is not meant for this scan"),),
            notes=ReaderNotes("Right frontal lesion.", "I agree <b>partly</b> & doubt the rest."),
        )
        return dataclasses.replace(result, **changed)

    return make
