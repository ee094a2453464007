"""Marks as files: complete, in patient space, and without the patient."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from fusion3d_gui import RESEARCH_USE_ONLY, __version__
from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.annotations.annotation import Annotation
from fusion3d_gui.imaging.annotations.measurement import measure
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.report.measurement_file import write_measurements

MARKS = (
    Annotation(1, "distance", ((0, 0, 0), (3, 4, 0))),
    Annotation(2, "angle", ((1, 0, 0), (0, 0, 0), (0, 1, 0)), text="=1+1"),
    Annotation(3, "ellipse", ((0, 0, 1), (4, 4, 1)), (1, 0, 0), (0, 1, 0)),
    Annotation(4, "arrow", ((1, 1, 1), (2, 2, 1)), text="Läsion, links"),
)


@pytest.fixture
def volume() -> Volume:
    voxels = np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7)
    return Volume(
        voxels,
        np.eye(4),
        unit="HU",
        description="DOE^JOHN",
        series_uid="1.2.3.4",
        attributes={"PatientName": "DOE^JOHN", "PatientID": "4711"},
    )


def test_a_table_holds_every_mark_its_points_and_its_numbers(tmp_path, volume):
    path = tmp_path / "marks.csv"
    write_measurements(path, [measure(mark, volume) for mark in MARKS], volume)
    rows = list(csv.DictReader(path.open(encoding="utf-8", newline="")))
    assert [row["kind"] for row in rows] == ["distance", "angle", "ellipse", "arrow"]
    assert float(rows[0]["length_mm"]) == 5
    assert float(rows[1]["angle_deg"]) == 90
    assert float(rows[2]["area_mm2"]) == pytest.approx(np.pi * 4)
    assert rows[2]["value_unit"] == "HU"
    assert float(rows[2]["mean"]) == pytest.approx(volume.voxels[1, 2, 2])
    assert rows[3]["text"] == "Läsion, links"
    assert (rows[0]["x2_lps_mm"], rows[0]["y2_lps_mm"]) == ("3.0000", "4.0000")
    assert all(row["notice"] == RESEARCH_USE_ONLY for row in rows)


def test_a_table_has_these_columns_in_this_order_and_empty_cells_for_what_a_mark_has_not(
    tmp_path, volume
):
    path = tmp_path / "marks.csv"
    write_measurements(path, [measure(mark, volume) for mark in MARKS], volume)
    with path.open(encoding="utf-8", newline="") as stream:
        header, distance, angle, *_ = csv.reader(stream)
    assert header == [
        *("number", "kind", "text", "length_mm", "angle_deg", "value", "mean", "sd", "minimum"),
        *("maximum", "area_mm2", "voxels", "value_unit"),
        *("x1_lps_mm", "y1_lps_mm", "z1_lps_mm", "x2_lps_mm", "y2_lps_mm", "z2_lps_mm"),
        *("x3_lps_mm", "y3_lps_mm", "z3_lps_mm", "volume_sha256", "program", "notice"),
    ]
    about = [volume.sha256, f"Fusion3D {__version__}", RESEARCH_USE_ONLY]
    zero = ["0.0000"] * 3
    ends = [*zero, "3.0000", "4.0000", "0.0000", "", "", ""]
    assert distance == ["1", "distance", "", "5", *[""] * 8, "HU", *ends, *about]
    ends = ["1.0000", "0.0000", "0.0000", *zero, "0.0000", "1.0000", "0.0000"]
    assert angle == ["2", "angle", "'=1+1", "", "90", *[""] * 7, "HU", *ends, *about]


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\tx", "\rx"])
def test_what_a_spreadsheet_would_take_for_a_formula_is_text(tmp_path, volume, text):
    path = tmp_path / "marks.csv"
    write_measurements(path, [measure(MARKS[1].with_text(text), volume)], volume)
    with path.open(encoding="utf-8", newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert row["text"] == f"'{text}"


def test_a_document_says_frame_units_rule_and_provenance(tmp_path, volume):
    path = tmp_path / "marks.json"
    write_measurements(path, [measure(mark, volume) for mark in MARKS], volume)
    plain = json.loads(path.read_text(encoding="utf-8"))
    assert plain["notice"] == RESEARCH_USE_ONLY
    assert plain["volume_sha256"] == volume.sha256
    assert "LPS" in plain["frame"]
    first = plain["measurements"][0]
    assert first["points_lps_mm"] == [[0, 0, 0], [3, 4, 0]]
    assert first["quantities"]["length_mm"] == {"value": 5.0, "unit": "mm"}
    assert set(plain) == {
        *("notice", "program", "created", "volume_sha256", "frame", "regions", "measurements")
    }
    assert plain["program"] == f"Fusion3D {__version__}"
    assert set(first) == {"number", "kind", "text", "points_lps_mm", "quantities"}
    region = plain["measurements"][2]
    assert (region["right_lps"], region["down_lps"]) == ([1, 0, 0], [0, 1, 0])
    assert list(region["quantities"]) == [
        *("mean", "sd", "minimum", "maximum", "area_mm2", "voxels")
    ]
    assert plain["measurements"][3]["text"] == "Läsion, links"


@pytest.mark.parametrize("name", ["marks.csv", "marks.json"])
def test_no_file_names_the_patient_or_the_series(tmp_path, volume, name):
    path = tmp_path / name
    write_measurements(path, [measure(mark, volume) for mark in MARKS], volume)
    text = path.read_text(encoding="utf-8")
    assert not any(each in text for each in ("DOE", "4711", "1.2.3.4"))


def test_another_kind_of_file_and_a_folder_that_is_not_there_are_refused(tmp_path, volume):
    for path in (
        tmp_path / "marks.xlsx",
        tmp_path / "no" / "marks.csv",
        tmp_path / "no" / "m.json",
    ):
        with pytest.raises(UserError, match=path.name):
            write_measurements(path, [], volume)
