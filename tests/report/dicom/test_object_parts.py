"""Parts of DICOM objects by themselves: references to frames, the words of doubt, and values in 16 bits."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from fusion3d_gui import __version__
from fusion3d_gui.imaging.simulated import SIMULATED_ATTRIBUTES
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.fit.fit_report import FitReport
from fusion3d_gui.report.dicom.codes import anatomic_region, ucum
from fusion3d_gui.report.dicom.file_references import refer_to_files
from fusion3d_gui.report.dicom.new_study import sixteen_bits
from fusion3d_gui.report.dicom.result_object import with_own_uids
from fusion3d_gui.report.dicom.words import (
    doubt,
    long_string,
    series_description,
    statement,
    why_only_for_test,
    why_result_only_for_test,
)
from tests.report.plain_result import plain_result, plain_volume

# References.


def _item(uid: str, **more: Any) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.1", uid
    for keyword, value in more.items():
        setattr(item, keyword, value)
    return item


def _frame(uid: str, number: int | None) -> Any:
    header = Dataset()
    header.SOPClassUID, header.SOPInstanceUID = "1.9", uid
    return SimpleNamespace(header=header, number=number)


FRAMES = {
    "1.2.1": _frame("5.1", 4),
    "1.2.2": _frame("5.1", 7),
    "1.2.3": _frame("5.2", None),
    "1.2.4": _frame("5.1", 9),
}


def _read(items: Any) -> list[tuple[str, str, Any]]:
    return [
        (
            str(each.ReferencedSOPClassUID),
            str(each.ReferencedSOPInstanceUID),
            each.get("ReferencedFrameNumber"),
        )
        for each in items
    ]


@pytest.mark.parametrize(
    ("keyword", "numbered"),
    [
        ("SourceImageSequence", True),
        ("ReferencedImageSequence", True),
        ("ReferencedInstanceSequence", False),
    ],
)
def test_frames_of_one_file_become_one_item_with_their_numbers_where_frames_are_named(
    keyword, numbered
):
    dataset = Dataset()
    uids = ("1.2.1", "9.9", "1.2.3", "1.2.2", "1.2.4")
    setattr(dataset, keyword, Sequence([_item(uid) for uid in uids]))
    dataset.PatientName = "x"
    refer_to_files(dataset, FRAMES)
    assert _read(getattr(dataset, keyword)) == [
        ("1.9", "5.1", [4, 7, 9] if numbered else None),
        ("1.1", "9.9", None),
        ("1.9", "5.2", None),
    ]


def test_the_image_of_a_content_item_names_its_frame_and_nested_items_are_found():
    item = Dataset()
    item.ValueType = "IMAGE"
    item.ReferencedSOPSequence = Sequence([_item("1.2.2")])
    other = Dataset()
    other.ValueType = "NUM"
    other.ReferencedSOPSequence = Sequence([_item("1.2.1"), _item("1.2.2")])
    inside = _item("9.9", SourceImageSequence=Sequence([_item("1.2.1")]))
    other.ReferencedInstanceSequence = Sequence([inside])
    root = Dataset()
    root.ContentSequence = Sequence([item, other])
    refer_to_files(root, FRAMES)
    first, second = root.ContentSequence
    assert _read(first.ReferencedSOPSequence) == [("1.9", "5.1", 7)]
    assert _read(second.ReferencedSOPSequence) == [("1.9", "5.1", None)]
    (kept,) = second.ReferencedInstanceSequence
    assert _read(kept.SourceImageSequence) == [("1.9", "5.1", 4)]


def test_uids_that_highdicom_made_get_our_root_the_same_for_the_same():
    root = "1.2.826.0.1.3680043.10.511.3."
    made = Dataset()
    made.SOPInstanceUID = UID(root + "1")
    made.SOPClassUID = UID("1.2.840.10008.5.1.4.1.1.4")
    first, second = Dataset(), Dataset()
    first.ReferencedSOPInstanceUID = UID(root + "1")
    second.ReferencedSOPInstanceUID = UID(root + "2")
    made.ReferencedImageSequence = Sequence([first, second])
    made.file_meta = FileMetaDataset()
    assert with_own_uids(made) is made
    assert str(made.SOPClassUID) == "1.2.840.10008.5.1.4.1.1.4"
    assert made.SOPInstanceUID.startswith("2.25.")
    one, other = made.ReferencedImageSequence
    assert one.ReferencedSOPInstanceUID == made.SOPInstanceUID
    assert other.ReferencedSOPInstanceUID.startswith("2.25.")
    assert other.ReferencedSOPInstanceUID != made.SOPInstanceUID
    meta = made.file_meta
    assert meta.MediaStorageSOPInstanceUID == made.SOPInstanceUID
    assert meta.ImplementationClassUID == "2.25.171234065790237651943080563227150988471"
    assert meta.ImplementationVersionName == f"FUSION3D {__version__}"[:16]


# Words.

SIMULATED = plain_volume(attributes=SIMULATED_ATTRIBUTES)


@pytest.mark.parametrize(
    ("fit", "volume", "marks", "reasons"),
    [
        (FitReport("fits"), None, "", ""),
        (FitReport("doubtful", ("Thick.", "Odd.")), None, "DOUBTFUL ", ""),
        (
            FitReport("refused", ("A photograph.",)),
            None,
            "MISFIT ",
            "the model is not meant for this scan",
        ),
        (
            FitReport("fits", (), (), "A toy."),
            SIMULATED,
            "DEMO SIMULATED ",
            "the model was trained on simulated cases; the scan is a simulated one",
        ),
    ],
)
def test_the_name_of_a_series_has_the_marks_and_says_where_it_may_go(fit, volume, marks, reasons):
    result = plain_result(fit, volume)
    description = f"AI heatmap: {marks}RESEARCH ONLY, not for diagnosis"
    assert series_description(result, "AI heatmap") == description
    assert why_only_for_test(description) == reasons == why_result_only_for_test(result)


def test_marks_count_only_where_they_stand():
    assert why_only_for_test("DEMO: RESEARCH ONLY, not for diagnosis") == ""
    assert why_only_for_test("a: RESEARCH ONLY DEMO") == ""
    assert why_only_for_test("a: DEMONSTRATION RESEARCH ONLY") == ""


def test_doubt_is_said_in_its_order_and_then_that_it_is_for_research_only():
    result = plain_result(FitReport("doubtful", ("Thick.", "Odd."), (), "A toy."), SIMULATED)
    heatmap = replace(result.prediction.heatmap, finished=False)
    unfinished = replace(result, prediction=replace(result.prediction, heatmap=heatmap))
    said = ("DOUBTFUL: Thick. Odd.", "A toy.", "The scan is a simulated one, of no patient.")
    assert doubt(result) == said
    assert doubt(unfinished) == (*said, "The heatmap was not finished.")
    assert statement(result) == " ".join((*said, "Research use only. Not for diagnosis."))
    usual = plain_result()
    assert doubt(usual) == ()
    assert statement(usual) == "Research use only. Not for diagnosis."


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a\\b", "a/b"),
        ("  a \n\t b  ", "a b"),
        ("x" * 64, "x" * 64),
        ("x" * 65, "x" * 64),
        ("x" * 63 + " y", "x" * 63),
        ("", ""),
    ],
)
def test_a_long_string_has_64_characters_and_no_backslash(text, kept):
    assert long_string(text) == kept


# Values.


def test_values_with_fractions_are_rounded_to_65535_steps():
    voxels = np.array([-1.5, 0.25, 3.0, 8.5], np.float32).reshape(1, 2, 2)
    made = sixteen_bits(Volume(voxels, np.eye(4), slope=2.0, intercept=-7.0, padding=None))
    step = 10.0 / 65535
    assert made.voxels.dtype == np.uint16
    np.testing.assert_array_equal(made.voxels.ravel(), np.rint((voxels.ravel() + 1.5) / step))
    assert made.slope == pytest.approx(2.0 * step)
    assert made.intercept == pytest.approx(-7.0 + 2.0 * -1.5)
    assert made.padding is None


def test_values_that_are_none_become_0_and_one_value_alone_has_a_step_of_1():
    voxels = np.array([np.nan, np.inf, 4.0, 2.0], np.float32).reshape(1, 2, 2)
    made = sixteen_bits(Volume(voxels, np.eye(4)))
    real = made.voxels * made.slope + made.intercept
    np.testing.assert_allclose(real.ravel(), [0, 0, 4, 2], atol=1e-4)
    same = sixteen_bits(Volume(np.full((2, 2, 2), 2.5), np.eye(4)))
    assert (same.slope, same.intercept) == (1.0, 2.5)
    assert not same.voxels.any()


# Codes.


@pytest.mark.parametrize(
    ("unit", "code", "meaning"),
    [
        ("mm", "mm", "mm"),
        ("mm²", "mm2", "mm2"),
        ("ml", "mL", "mL"),
        ("°", "deg", "deg"),
        ("%", "%", "%"),
        ("HU", "[hnsf'U]", "Hounsfield unit"),
        ("Bq/ml", "Bq/ml", "Bq/ml"),
        ("", "1", "no units"),
        ("parsec", "1", "no units"),
    ],
)
def test_units_are_those_of_ucum(unit, code, meaning):
    found = ucum(unit)
    assert (found.value, found.scheme_designator, found.meaning) == (code, "UCUM", meaning)


def _region(part: str, **coded: str) -> tuple[str, str, str]:
    source = Dataset()
    source.BodyPartExamined = part
    if coded:
        item = Dataset()
        for keyword, value in coded.items():
            setattr(item, keyword, value)
        source.AnatomicRegionSequence = Sequence([item])
    found = anatomic_region(source)
    return found.value, found.scheme_designator, found.meaning


def test_the_region_is_the_coded_one_else_the_named_one_else_the_whole_body():
    whole = ("38266002", "SCT", "Entire body")
    assert _region("BRAIN") == ("12738006", "SCT", "Brain")
    assert _region("brain ") == ("12738006", "SCT", "Brain")
    assert _region("CHEST")[2] == "Chest"
    assert _region("") == _region("TOE") == whole
    full = {"CodeValue": "1", "CodingSchemeDesignator": "X", "CodeMeaning": "Part"}
    assert _region("BRAIN", **full) == ("1", "X", "Part")
    assert _region("BRAIN", CodeValue="1", CodingSchemeDesignator="X") == ("1", "X", "1")
    assert _region("BRAIN", CodeValue="1", CodeMeaning="Part") == ("12738006", "SCT", "Brain")
    assert _region("TOE", CodingSchemeDesignator="X") == whole
    empty = Dataset()
    empty.AnatomicRegionSequence = Sequence([])
    assert anatomic_region(empty).value == "38266002"
