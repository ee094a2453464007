"""``CaseResult``: what is collected about a case, and that nothing names the patient once that is hidden."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pydicom

from fusion3d_gui.report.case_result import TEXT_REMOVED
from tests.report.conftest import PLANTED


def test_identity_and_uids_are_those_of_the_files(make_result, scan_folder):
    result = make_result()
    identity = result.identity
    files = sorted(
        (pydicom.dcmread(path) for path in scan_folder.iterdir()),
        key=lambda each: float(each.ImagePositionPatient[2]),
    )
    assert identity.patient_name == "Plantovsky^Quirina"
    assert identity.study_date == "20260112"
    assert identity.study_uid == files[0].StudyInstanceUID
    assert identity.series_uid == files[0].SeriesInstanceUID
    assert identity.frame_of_reference_uid == files[0].FrameOfReferenceUID
    assert identity.instance_uids == tuple(each.SOPInstanceUID for each in files)
    expected = hashlib.sha256(str(files[0].StudyInstanceUID).encode()).hexdigest()
    assert result.hashes.study_uid_sha256 == expected


def test_values_come_with_their_source_and_spots_with_their_side(make_result):
    result = make_result()
    assert {each.field.name: (each.text, each.source) for each in result.form} == {
        "age": ("77 years", "dicom"),
        "sex": ("Female", "dicom"),
        "diabetes": ("Yes", "typed"),
    }
    assert result.hot_spots[0].share == 1.0
    low, high = result.volume.bounds_lps
    for spot in result.hot_spots:
        left = spot.position_lps[0] - (low[0] + high[0]) / 2
        assert np.isclose(result.millimetres_left(spot), left)
        assert result.side(spot) == ("left" if left >= 1 else "right" if left <= -1 else "middle")
    middle = (low + high) / 2
    for left, side in ((0.9, "middle"), (1.1, "left"), (-0.9, "middle"), (-1.1, "right")):
        spot = replace(result.hot_spots[0], position_lps=middle + [left, 9.0, -9.0])
        assert result.side(spot) == side


def test_nothing_names_the_patient_once_that_is_hidden(make_result, scan_folder):
    result = make_result().without_identity()
    uid = pydicom.dcmread(next(scan_folder.iterdir())).SeriesInstanceUID
    assert result.identity is None
    assert result.volume.path is None
    texts = repr((result.volume, dict(result.volume.attributes), result.marks, result.notes))
    kept = ("F", "077Y")  # the model asks for them
    for planted in (*PLANTED.values(), "Plantovsky", "Quirina", str(uid)):
        assert planted in kept or planted not in texts
    assert [each.annotation.text for each in result.marks] == [TEXT_REMOVED, "bright"]
    assert result.hashes.series_uid_sha256 == hashlib.sha256(str(uid).encode()).hexdigest()
    assert result.without_identity() is result
