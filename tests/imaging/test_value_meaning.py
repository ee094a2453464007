"""What stored values mean, from headers in memory: SUV and its limits, windows, padding, and what is told."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset

from fusion3d_gui.imaging.dicom.frames.frame import Rescale
from fusion3d_gui.imaging.dicom.frames.lookup_table import LookupTable
from fusion3d_gui.imaging.dicom.frames.unreadable import UnreadableValue
from fusion3d_gui.imaging.dicom.stack.geometry import stack_geometry
from fusion3d_gui.imaging.dicom.stack.sort import Stack
from fusion3d_gui.imaging.dicom.suv import SuvFactor, SuvUnavailable, suv_factor
from fusion3d_gui.imaging.dicom.value_interpretation import (
    ValueInterpretation,
    interpret_values,
)
from fusion3d_gui.imaging.voi_curve import SIGMOID
from tests.imaging.memory_frames import dicom_file, frame, shorts

# -- SUV ------------------------------------------------------------------------------------------


def item(**values) -> Dataset:
    made = Dataset()
    for key, value in values.items():
        setattr(made, key, value)
    return made


def pet(dose: dict | None = None, **changes) -> Dataset:
    said = {
        "CorrectedImage": ["DECY", "ATTN", "SCAT"],
        "PatientWeight": "70",
        "DecayCorrection": "START",
        "SeriesDate": "20260101",
        "SeriesTime": "110000",
        **changes,
    }
    of_dose = {
        "RadionuclideTotalDose": "370000000",
        "RadionuclideHalfLife": "6586.2",
        "RadiopharmaceuticalStartTime": "100000",
        **(dose or {}),
    }
    made = item(**{key: value for key, value in said.items() if value is not None})
    made.RadiopharmaceuticalInformationSequence = [
        item(**{key: value for key, value in of_dose.items() if value is not None})
    ]
    return made


def factor(dataset: Dataset, *times: str) -> SuvFactor:
    return suv_factor(dataset, times)


def refused(dataset: Dataset, *times: str) -> str:
    with pytest.raises(SuvUnavailable) as raised:
        suv_factor(dataset, times)
    return str(raised.value)


def after(seconds: float, half_life: float = 6586.2) -> float:
    return 70_000 / (370e6 * 2 ** (-seconds / half_life))


def test_a_factor_is_weight_by_the_dose_that_is_left():
    found = factor(pet())
    assert found.factor == pytest.approx(after(3600))
    assert found.notice == (
        "Values are SUV by body weight (370 MBq, 70 kg, 60 minutes after injection)."
    )
    found = factor(pet(DecayCorrection="ADMIN", SeriesTime=None))
    assert found.factor == pytest.approx(70_000 / 370e6)
    assert found.notice == "Values are SUV by body weight (370 MBq, 70 kg)."


@pytest.mark.parametrize(
    ("changes", "times", "seconds"),
    [
        ({}, ("103000", "120000"), 1800),
        ({}, ("120000", ""), 3600),
        ({"SeriesTime": None}, ("103000", "102000"), 1200),
        ({"SeriesDate": None, "AcquisitionDate": "20260101"}, (), 3600),
        ({"SeriesDate": None, "StudyDate": "20260101"}, (), 3600),
        ({"SeriesTime": "000100", "SeriesDate": "20260102"}, (), 50_460),
        ({"SeriesTime": "100000"}, (), 0),
    ],
)
def test_the_scan_begins_with_the_earliest_of_its_times(changes, times, seconds):
    assert factor(pet(**changes), *times).factor == pytest.approx(after(seconds))


@pytest.mark.parametrize(
    ("whole", "seconds"),
    [
        ("20260101093000", 5400),
        ("20251231235959", 39_601),
        ("20251231110000", 86_400),
        ("20260101", 3600),
        ("2026010109300", 3600),
    ],
)
def test_an_injection_may_have_a_date(whole, seconds):
    dose = {"RadiopharmaceuticalStartDateTime": whole}
    assert factor(pet(dose)).factor == pytest.approx(after(seconds))


def test_an_enhanced_image_names_the_time_of_its_correction():
    changes = {
        "CorrectedImage": None,
        "DecayCorrection": None,
        "DecayCorrected": "YES",
        "AttenuationCorrected": "YES",
        "DecayCorrectionDateTime": "20260101103000.5",
    }
    assert factor(pet(**changes)).factor == pytest.approx(after(1800))
    assert refused(pet(**{**changes, "AttenuationCorrected": "NO"})) == (
        "the images are not corrected for decay and attenuation"
    )
    assert refused(pet(**{**changes, "DecayCorrectionDateTime": ""})) == (
        "the file does not say to which time decay was corrected"
    )
    plain = {"DecayCorrectionDateTime": "20260101103000", "DecayCorrection": "NONE"}
    assert refused(pet(**plain)) == "the file does not say to which time decay was corrected"


@pytest.mark.parametrize(
    ("dose", "changes", "reason"),
    [
        ({}, {"CorrectedImage": "DECY"}, "the images are not corrected for decay and attenuation"),
        (
            {},
            {"CorrectedImage": ["ATTN"]},
            "the images are not corrected for decay and attenuation",
        ),
        ({}, {"CorrectedImage": None}, "the images are not corrected for decay and attenuation"),
        ({}, {"PatientWeight": None}, "the file does not give the patient's weight"),
        ({}, {"PatientWeight": "0"}, "the file does not give the patient's weight"),
        ({}, {"PatientWeight": "-70"}, "the file does not give the patient's weight"),
        ({}, {"PatientWeight": "0.1"}, "the patient's weight, 0.1 kg, is not plausible"),
        ({}, {"PatientWeight": "1000"}, "the patient's weight, 1000 kg, is not plausible"),
        ({"RadionuclideTotalDose": None}, {}, "the file does not give the injected dose"),
        ({"RadionuclideTotalDose": "999999"}, {}, "the injected dose, 999999 Bq, is not plausible"),
        (
            {"RadionuclideTotalDose": "370"},
            {},
            "the injected dose, 370 Bq, is not plausible; it may be in MBq",
        ),
        (
            {"RadionuclideTotalDose": "1"},
            {},
            "the injected dose, 1 Bq, is not plausible; it may be in MBq",
        ),
        ({"RadionuclideTotalDose": "0.5"}, {}, "the injected dose, 0.5 Bq, is not plausible"),
        (
            {"RadionuclideTotalDose": "20000000001"},
            {},
            "the injected dose, 2e+10 Bq, is not plausible",
        ),
        (
            {},
            {"DecayCorrection": "NONE"},
            "the file does not say to which time decay was corrected",
        ),
        ({"RadionuclideHalfLife": None}, {}, "the file does not give the half-life"),
        (
            {"RadiopharmaceuticalStartTime": None},
            {},
            "the file does not give the time of injection",
        ),
        ({}, {"SeriesTime": None}, "the file does not give the time of the scan"),
        ({}, {"SeriesDate": None}, "the file does not give the time of the scan"),
        (
            {"RadiopharmaceuticalStartDateTime": "20260101110001"},
            {},
            "the times of injection and scan contradict each other",
        ),
        (
            {"RadiopharmaceuticalStartDateTime": "20251231105959"},
            {},
            "the times of injection and scan contradict each other",
        ),
        (
            {"RadionuclideHalfLife": "29.9"},
            {},
            "the half-life, 29.9 s, is not plausible; it may be in minutes",
        ),
        (
            {"RadionuclideHalfLife": "109.77"},
            {},
            "the half-life, 109.77 s, is not plausible; it may be in minutes",
        ),
        (
            {"RadionuclideHalfLife": "230"},
            {},
            "by its half-life, 230 s, almost nothing of the dose was left at the time of the scan, 60"
            " minutes after injection",
        ),
    ],
)
def test_what_is_missing_or_not_plausible_is_the_reason(dose, changes, reason):
    assert refused(pet(dose, **changes)) == reason


@pytest.mark.parametrize(
    ("dose", "changes"),
    [
        ({}, {"PatientWeight": "0.11"}),
        ({}, {"PatientWeight": "999"}),
        ({"RadionuclideTotalDose": "1000000"}, {}),
        ({"RadionuclideTotalDose": "20000000000"}, {}),
        (
            {"RadionuclideHalfLife": "250", "RadiopharmaceuticalStartTime": "095730"},
            {},  # 15 half-lives
        ),
        ({"RadionuclideHalfLife": "458"}, {}),
    ],
)
def test_what_is_just_plausible_counts(dose, changes):
    assert factor(pet(dose, **changes)).factor > 0


@pytest.mark.parametrize(
    ("half_life", "seconds", "is_kept"),
    [("30", "5", True), ("122.2", "60", True), ("76.4", "60", True)],
)
def test_short_half_lives_are_those_of_short_lived_nuclides(half_life, seconds, is_kept):
    dose = {
        "RadionuclideHalfLife": half_life,
        "RadiopharmaceuticalStartTime": f"1059{60 - int(seconds):02}",
    }
    assert (factor(pet(dose)).factor > 0) == is_kept


@pytest.mark.parametrize(
    ("named", "half_life", "is_kept"),
    [
        ({"RadionuclideCodeSequence": [item(CodeMeaning="^18^Fluorine")]}, 6586.2 * 1.029, True),
        ({"RadionuclideCodeSequence": [item(CodeMeaning="^18^Fluorine")]}, 6586.2 * 1.031, False),
        ({"RadionuclideCodeSequence": [item(CodeMeaning="^18^Fluorine")]}, 6586.2 * 0.971, True),
        ({"RadionuclideCodeSequence": [item(CodeMeaning="^18^Fluorine")]}, 6586.2 * 0.969, False),
        ({"Radiopharmaceutical": "Ga-68 DOTATATE"}, 6586.2, False),
        ({"Radiopharmaceutical": "Ga-68 DOTATATE"}, 4063.0, True),
        ({"Radiopharmaceutical": "I-124"}, 360810.0, True),
        ({"Radiopharmaceutical": "1185 of something"}, 6586.2, True),
        ({"Radiopharmaceutical": "FDG"}, 5000.0, True),
    ],
)
def test_a_named_nuclide_has_its_half_life_to_three_hundredths(named, half_life, is_kept):
    dataset = pet({"RadionuclideHalfLife": f"{half_life:.8g}", **named})
    if is_kept:
        assert factor(dataset).factor == pytest.approx(after(3600, half_life))
    else:
        assert refused(dataset).startswith(f"the half-life, {half_life:g} s, is not that of ")


# -- stacks -----------------------------------------------------------------------------------------


def stack(count: int = 3, changes_of=lambda number: {}, **values) -> Stack:
    frames = []
    for number in range(count):
        said = {**values, **changes_of(number)}
        of_frame = {key: said.pop(key) for key in list(said) if key in _OF_FRAMES}
        file = dicom_file(f"scan/{number}", **said)
        frames.append(frame(file, position=(0.0, 0.0, 2.0 * number), **of_frame))
    return Stack("1.2", tuple(frames), stack_geometry(frames), "", ())


_OF_FRAMES = {"rescale", "windows", "voi_function", "table", "unreadable"}
HU = Rescale(1.0, -1024.0, "HU")


def meaning(**values) -> ValueInterpretation:
    return interpret_values(stack(**values))


def test_values_without_anything_special():
    found = meaning(Modality="MR", rescale=Rescale(2.0, 3.0, "ms"))
    assert found == ValueInterpretation(1.0, "ms", (), None, None, False, ())


@pytest.mark.parametrize(("count", "middle"), [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)])
def test_the_middle_slice_speaks_for_the_stack(count, middle):
    found = interpret_values(
        stack(count, lambda number: {"windows": ((float(number), 1.0),)}, Modality="MR")
    )
    assert found.windows == ((float(middle), 1.0),)


def test_a_rescale_that_can_not_be_read_in_any_slice_leaves_no_unit():
    broken = (UnreadableValue("RescaleSlope", "x"),)
    made = stack(3, lambda n: {"unreadable": broken if n == 2 else ()}, Modality="CT", rescale=HU)
    assert interpret_values(made).unit == ""
    place = (UnreadableValue("PixelSpacing", "x"),)
    assert meaning(Modality="CT", rescale=HU, unreadable=place).unit == "HU"


def test_windows_follow_the_files_function():
    windows = ((40.0, 80.0), (50.0, 350.0))
    found = meaning(Modality="CT", windows=windows, voi_function="SIGMOID")
    assert (found.windows, found.curve) == (windows, SIGMOID)
    assert found.notices == (
        "The file asks for a brightness curve; it is applied in the file's window.",
    )
    found = meaning(Modality="CT", windows=windows, voi_function="LINEAR")
    assert (found.windows, found.curve, found.notices) == (windows, None, ())


@pytest.mark.parametrize(
    ("unit", "expected", "notices"),
    [
        ("GML", "SUV", ()),
        ("gml", "SUV", ()),
        ("counts", "counts", ("Values stay in counts, not SUV.",)),
        ("", "", ()),
    ],
)
def test_pet_in_other_units(tmp_path, unit, expected, notices):
    path = tmp_path / "a.dcm"
    item(Modality="PT").save_as(path, implicit_vr=False, little_endian=True)
    made = Stack(
        "1",
        (frame(dicom_file(str(path), Modality="PT"), rescale=Rescale(2.0, 0.0, unit)),),
        None,
        "",
        (),
    )
    found = interpret_values(made)
    assert (found.factor, found.unit, found.notices) == (1.0, expected, notices)


# -- padding ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "padding"),
    [
        ({"PixelPaddingValue": shorts(7)}, (7, 7)),
        ({"PixelPaddingValue": shorts(7), "PixelPaddingRangeLimit": shorts(3)}, (3, 7)),
        ({"PixelPaddingValue": shorts(3), "PixelPaddingRangeLimit": shorts(9)}, (3, 9)),
        ({"PixelPaddingRangeLimit": shorts(9)}, (9, 9)),
        ({"PixelPaddingValue": b""}, None),
        ({}, None),
        ({"PixelPaddingValue": shorts(0xF007)}, (7, 7)),  # 12 bits are stored
        ({"PixelPaddingValue": shorts(0xF800), "signed": True}, (-2048, -2048)),
        ({"PixelPaddingValue": shorts(0x0800), "signed": True}, (-2048, -2048)),
        ({"PixelPaddingValue": shorts(0x07FF), "signed": True}, (2047, 2047)),
        ({"PixelPaddingValue": shorts(0xFFFF), "signed": True}, (-1, -1)),
        ({"PixelPaddingValue": shorts(7), "samples": 3}, None),
        ({"PixelPaddingValue": shorts(7), "floating": True}, None),
        ({"PixelPaddingValue": shorts(7), "bits_allocated": 32}, None),
        ({"PixelPaddingValue": shorts(7), "bits_allocated": 8, "bits_stored": 8}, (7, 7)),
    ],
)
def test_padding_is_of_stored_values(values, padding):
    assert meaning(Modality="MR", **values).padding == padding


@pytest.mark.parametrize(
    ("stored", "rescale", "padding", "said"),
    [
        (124, HU, (124, 124), None),  # -900 HU
        (125, HU, None, "-899"),
        (0, Rescale(-1.0, -1000.0, "HU"), (0, 0), None),
        (0, Rescale(1.0, 0.0, "HU"), None, "0"),
        (2000, Rescale(-1.0, 0.0, "HU"), (2000, 2000), None),
    ],
)
def test_padding_of_ct_lies_below_air(stored, rescale, padding, said):
    found = meaning(Modality="CT", rescale=rescale, PixelPaddingValue=shorts(stored))
    assert found.padding == padding
    assert found.notices == (
        (f"The file calls {said} HU padding, which may be tissue; shown as it is.",) if said else ()
    )
    assert not found.padding_may_be_bright


def test_the_higher_end_of_paddings_range_decides_in_ct():
    ends = {"PixelPaddingValue": shorts(0), "PixelPaddingRangeLimit": shorts(200)}
    found = meaning(Modality="CT", rescale=HU, **ends)
    assert found.padding is None and "calls -824 HU padding" in found.notices[0]
    table = LookupTable(0, np.array([1, 2], np.uint16), 255.0, "")
    assert meaning(Modality="CT", rescale=Rescale(), table=table, **ends).padding == (0, 200)
    assert meaning(Modality="MR", rescale=HU, **ends).padding == (0, 200)


@pytest.mark.parametrize(
    ("values", "bright"),
    [
        ({"PixelPaddingValue": shorts(0)}, False),
        ({"PixelPaddingValue": shorts(1)}, True),
        ({"PixelPaddingValue": shorts(0), "PixelPaddingRangeLimit": shorts(1)}, True),
        ({"PixelPaddingValue": shorts(9), "photometric": "MONOCHROME1"}, False),
        ({"PixelPaddingValue": shorts(0xF800), "signed": True}, False),
        ({"PixelPaddingValue": shorts(0xF801), "signed": True}, True),
        ({}, False),
    ],
)
def test_padding_may_be_bright_above_the_lowest_stored_value(values, bright):
    assert meaning(Modality="MR", **values).padding_may_be_bright == bright
