"""Frames sorted into stacks: what belongs together, in which order, under which name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fusion3d_gui.imaging.dicom.frames.lookup_table import LookupTable
from fusion3d_gui.imaging.dicom.frames.unreadable import UnreadableValue
from fusion3d_gui.imaging.dicom.instance import DicomInstance
from fusion3d_gui.imaging.dicom.stack.sort import Stack, patient_of, sort_into_stacks
from tests.imaging.memory_frames import dicom_file, frame


def instance(number: int, depth: float | None = None, notices=(), frames=None, **values):
    """One image of a series; ``frames``: changes of each of several frames."""
    path = values.pop("path", f"scan/{number:03}.dcm")
    changes = {key: values.pop(key) for key in list(values) if key in _OF_FRAMES}
    said = {
        "SeriesInstanceUID": "1.2",
        "SOPInstanceUID": f"1.4.{number}",
        "InstanceNumber": number,
        **values,
    }
    file = dicom_file(path, len(frames or (1,)), **{k: v for k, v in said.items() if v is not None})
    if depth is not None:
        changes["position"] = (0.0, 0.0, float(depth))
    made = [frame(file, index=n, **{**changes, **each}) for n, each in enumerate(frames or ({},))]
    return DicomInstance(file, tuple(made), tuple(notices))


_OF_FRAMES = {
    "position",
    "orientation",
    "spacing",
    "slice_spacing_mm",
    "labels",
    "table",
    "unreadable",
}


def series(count: int, start: int = 1, **values) -> list[DicomInstance]:
    return [instance(start + n, 2.0 * n, **values) for n in range(count)]


def numbers(stack: Stack) -> list[int]:
    return [int(each.file.elements.number("InstanceNumber")) for each in stack.frames]


def test_frames_are_in_the_order_of_their_positions_with_the_geometry_of_that_order():
    made = [instance(n, depth) for n, depth in ((1, 4), (2, 0), (3, 6), (4, 2))]
    (stack,) = sort_into_stacks(made)
    assert numbers(stack) == [2, 4, 1, 3]
    assert (stack.uid, stack.part, stack.notices, stack.shape) == ("1.2", "", (), (4, 4, 6))
    np.testing.assert_allclose(stack.geometry.affine[:3, 2], (0, 0, 2))
    assert not stack.is_localiser and stack.faults == () and stack.doubts == ()


def test_series_are_told_apart_largest_first_localisers_last():
    scout = series(9, 100, SeriesInstanceUID="1.9", ImageType="ORIGINAL\\PRIMARY\\LOCALIZER")
    made = [*scout, *series(2, SeriesInstanceUID="1.3"), *series(5, SeriesInstanceUID="1.5")]
    told: list[tuple[float, str]] = []
    stacks = sort_into_stacks(made, lambda *each: told.append(each))
    assert [each.uid for each in stacks] == ["1.5", "1.3", "1.9"]
    assert [each.is_localiser for each in stacks] == [False, False, True]
    assert told == [(pytest.approx(n / 3), "Sorting the slices") for n in range(3)]


@pytest.mark.parametrize(
    ("larger", "smaller"),
    [
        ({"rows": 5}, {"rows": 4, "columns": 7}),
        ({"rows": 9, "columns": 2}, {"rows": 4, "columns": 4}),
        ({"columns": 9}, {"rows": 7, "columns": 7}),
    ],
)
def test_the_size_of_a_stack_is_the_number_of_its_voxels(larger, smaller):
    made = [
        *series(3, SeriesInstanceUID="1.3", **smaller),
        *series(3, SeriesInstanceUID="1.5", **larger),
    ]
    sizes = [3 * each.get("rows", 4) * each.get("columns", 6) for each in (larger, smaller)]
    expected = ["1.5", "1.3"] if sizes[0] > sizes[1] else ["1.3", "1.5"]
    assert [each.uid for each in sort_into_stacks(made)] == expected


def test_files_without_a_series_belong_together_by_their_folder():
    made = [
        *[instance(n, n, SeriesInstanceUID=None, path=f"a/{n}") for n in (1, 2, 3)],
        *[instance(n, n, SeriesInstanceUID=None, path=f"b/{n}") for n in (4, 5)],
        *[instance(n, n, path=f"b/{n}") for n in (6, 7, 8, 9)],
    ]
    stacks = sort_into_stacks(made)
    assert [(each.uid, len(each.frames)) for each in stacks] == [
        ("1.2", 4),
        ("no-uid-1", 3),
        ("no-uid-2", 2),
    ]


def test_patients_of_one_series_are_kept_apart():
    made = [
        *series(2, PatientID="A", PatientName="X", PatientBirthDate="19500101"),
        *series(4, 10, PatientID="B", PatientName="X", PatientBirthDate="19500101"),
    ]
    assert patient_of(made[0].file) == ("A", "X", "19500101")
    stacks = sort_into_stacks(made)
    assert [(each.uid, each.part, len(each.frames)) for each in stacks] == [
        ("1.2", "patient 2", 4),
        ("1.2#2", "patient 1", 2),
    ]
    told = "The files of this series name 2 different patients; kept apart."
    assert all(each.notices == (told,) for each in stacks)


def test_parts_of_a_series_are_numbered_or_named():
    made = [*series(3), *series(2, 10, rows=9)]
    stacks = sort_into_stacks(made)
    assert [(each.uid, each.part) for each in stacks] == [
        ("1.2", "part 1 of 2"),
        ("1.2#2", "part 2 of 2"),
    ]
    made = [
        *[instance(n, n, labels={"EchoTime": "10"}) for n in (1, 2, 3)],
        *[instance(n + 3, n, labels={"EchoTime": "80"}) for n in (1, 2, 3)],
        *[instance(n + 6, n, PatientID="B") for n in (1, 2)],
    ]
    stacks = sort_into_stacks(made)
    assert [(each.uid, each.part) for each in stacks] == [
        ("1.2", "patient 1, TE 10"),
        ("1.2#2", "patient 1, TE 80"),
        ("1.2#3", "patient 2"),
    ]


# -- which frames belong together -----------------------------------------------------------------


def parts(**of_second) -> list[int]:
    """Sizes of the stacks of three slices and of two that differ from them."""
    made = [*series(3), *[instance(10 + n, 6.0 + 2 * n, **of_second) for n in range(2)]]
    return [len(each.frames) for each in sort_into_stacks(made)]


TABLE = LookupTable(0, np.array([1, 2], np.uint16), 255.0, "")


@pytest.mark.parametrize(
    "change",
    [
        {"rows": 5},
        {"columns": 5},
        {"samples": 3},
        {"signed": True},
        {"bits_allocated": 32},
        {"spacing": (0.5, 0.9)},
        {"spacing": (0.6, 0.8)},
        {"spacing": None},
        {"ImageType": "LOCALIZER"},
        {"table": TABLE},
        {"photometric": "MONOCHROME1"},
        {"orientation": (0.0, 1.0, 0.0, 0.0, 0.0, 1.0)},
        {"orientation": None},
    ],
)
def test_frames_that_one_volume_can_not_hold_part(change):
    sizes = parts(**change)
    assert sum(sizes) == 5 and max(sizes) == 3


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"bits_stored": 10},
        {"spacing": (0.50004, 0.8)},
        {"slice_spacing_mm": 3.0},
        {"FrameOfReferenceUID": "1.3"},
        {"unreadable": (UnreadableValue("SliceThickness", "x"),)},
    ],
)
def test_frames_that_one_volume_can_hold_stay(change):
    assert parts(**change) == [5]


def test_frames_of_reference_part_frames_only_where_there_are_two():
    made = [
        *series(3, FrameOfReferenceUID="1.3"),
        *[instance(10 + n, 6.0 + 2 * n, FrameOfReferenceUID="1.5") for n in range(2)],
    ]
    assert sorted(len(each.frames) for each in sort_into_stacks(made)) == [2, 3]


@pytest.mark.parametrize(
    ("spacing", "stays"),
    [
        ((0.1, 0.10004), True),
        ((0.1, 0.10006), False),
        ((0.0999, 0.09990004), True),
        ((0.0999, 0.09993), False),
        ((0.01, 0.0100004), True),
        ((0.01, 0.010006), False),
    ],
)
def test_spacings_are_compared_to_four_digits(spacing, stays):
    made = [
        instance(n, n, spacing=(spacing[n > 2], 0.8), slice_spacing_mm=1.0) for n in (1, 2, 3, 4)
    ]
    assert (len(sort_into_stacks(made)) == 1) == stays


@pytest.mark.parametrize(("lean", "stays"), [(0.00099, True), (0.00101, False)])
@pytest.mark.parametrize("place", range(6))
def test_orientations_are_the_same_to_a_thousandth(lean, stays, place):
    turned = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    turned[place] += lean
    assert (parts(orientation=tuple(turned)) == [5]) == stays
    turned[place] -= 2 * lean
    assert (parts(orientation=tuple(turned)) == [5]) == stays


def test_frames_without_positions_are_in_the_order_of_their_numbers():
    made = [instance(n, None, position=None, orientation=None) for n in (3, 1, 2)]
    (stack,) = sort_into_stacks(made)
    assert numbers(stack) == [1, 2, 3]
    np.testing.assert_allclose(stack.geometry.affine, np.diag([0.8, 0.5, 2.0, 1.0]))
    assert (stack.geometry.slice_count, stack.geometry.slice_indices.tolist()) == (3, [0, 1, 2])
    assert stack.notices == (
        "The file does not say where its images lie in the patient: left and right, front and back"
        " are not known.",
    )
    assert [each.short for each in stack.geometry.warnings] == ["left and right unknown"]


def test_frames_without_positions_and_sizes_have_voxels_of_a_millimetre():
    bare = {"position": None, "orientation": None, "spacing": None, "slice_spacing_mm": None}
    (stack,) = sort_into_stacks([instance(n, None, **bare) for n in (1, 2)])
    np.testing.assert_allclose(stack.geometry.affine, np.eye(4))


@pytest.mark.parametrize("lacks", [{"position": None}, {"orientation": None}])
def test_half_a_place_is_none(lacks):
    (stack,) = sort_into_stacks([instance(n, **lacks) for n in (2, 1)])
    assert numbers(stack) == [1, 2]
    assert [each.short for each in stack.geometry.warnings] == ["left and right unknown"]


def test_a_place_that_can_not_be_read_is_said_as_such():
    broken = (UnreadableValue("ImagePositionPatient", "x"),)
    made = [instance(n, None, position=None, unreadable=broken) for n in (1, 2)]
    (stack,) = sort_into_stacks(made)
    assert stack.notices == (
        'The file\'s Image Position (Patient), "x", is not valid: its geometry is not known.',
        "Left and right, front and back are not known.",
    )
    slope = (UnreadableValue("RescaleSlope", "x"),)
    made = [instance(n, None, position=None, unreadable=slope) for n in (1, 2)]
    assert "The file does not say where" in sort_into_stacks(made)[0].notices[1]


# -- faults -------------------------------------------------------------------------------------


def faults(made: list[DicomInstance]) -> list[list[str]]:
    return [[each.short for each in stack.faults] for stack in sort_into_stacks(made)]


def test_a_slice_spacing_that_can_not_be_read_matters_where_positions_do_not_tell_it():
    broken = (UnreadableValue("SliceThickness", "x"),)
    assert faults([instance(n, n, unreadable=broken) for n in (1, 2)]) == [[]]
    assert faults([instance(1, 1, unreadable=broken)]) == [["geometry not known"]]
    lost = [instance(n, None, position=None, unreadable=broken) for n in (1, 2)]
    assert faults(lost) == [["geometry not known"]]
    lost = [instance(n, n, orientation=None, unreadable=broken) for n in (1, 2)]
    assert faults(lost) == [["geometry not known"]]


def test_a_position_that_can_not_be_read_is_a_fault_of_all_stacks_and_a_slope_of_its_own():
    place = (UnreadableValue("ImagePositionPatient", "x"),)
    slope = (UnreadableValue("RescaleSlope", "x"),)
    made = [
        *series(3),
        instance(9, None, position=None, unreadable=place),
        *[instance(20 + n, n, rows=3, unreadable=slope) for n in (0, 1)],
    ]
    assert faults(made) == [
        ["geometry not known"],
        ["values not rescaled", "geometry not known"],
        ["geometry not known"],
    ]


@pytest.mark.parametrize(
    ("sop_class", "count", "placed", "is_fault"),
    [
        ("1.2.840.10008.5.1.4.1.1.7", 2, False, True),
        ("1.2.840.10008.5.1.4.1.1.7", 1, False, False),
        ("1.2.840.10008.5.1.4.1.1.7", 2, True, False),
        ("1.2.840.10008.5.1.4.1.1.4", 2, False, False),
    ],
)
def test_captures_without_places_are_no_volume(sop_class, count, placed, is_fault):
    place = {} if placed else {"position": None}
    made = [
        instance(n, 2.0 * n if placed else None, SOPClassUID=sop_class, **place)
        for n in range(1, count + 1)
    ]
    (stack,) = sort_into_stacks(made)
    sentence = "Its images (Secondary Capture Image) are no slices of a volume."
    assert [(each.short, each.sentence) for each in stack.faults] == (
        [("not a volume", sentence)] if is_fault else []
    )
    assert (sentence in stack.notices) == is_fault


# -- copies ---------------------------------------------------------------------------------------


def copies(**of_copy) -> tuple[int, tuple[str, ...]]:
    made = series(3)
    values = {"SOPInstanceUID": "1.4.2", "InstanceNumber": 2, "path": "scan/copy.dcm", **of_copy}
    stacks = sort_into_stacks([*made, instance(2, 2.0, **values)])
    return sum(len(each.frames) for each in stacks), stacks[0].notices


def test_a_copy_of_an_image_is_left_out_and_told():
    assert copies() == (3, ("1 duplicate file left out.",))
    made = [*series(3), *[instance(n, 2.0 * (n - 1), path=f"scan/x{n}") for n in (1, 2)]]
    (stack,) = sort_into_stacks(made)
    assert numbers(stack) == [1, 2, 3] and stack.notices == ("2 duplicate files left out.",)
    assert [each.file.path.name for each in stack.frames] == ["001.dcm", "002.dcm", "003.dcm"]


@pytest.mark.parametrize(
    "change",
    [
        {"SOPInstanceUID": "1.4.9"},
        {"SOPInstanceUID": None},
        {"InstanceNumber": 9},
        {"ImagePositionPatient": "0\\0\\9"},
        {"rows": 5},
        {"columns": 5},
        {"frames": ({}, {})},
    ],
)
def test_an_image_that_differs_is_no_copy(change):
    count, notices = copies(**change)
    assert count >= 4
    assert not any("duplicate" in each for each in notices)


def test_images_without_a_uid_are_no_copies_of_each_other():
    made = [instance(1, n, SOPInstanceUID=None, path=f"scan/{n}") for n in range(3)]
    (stack,) = sort_into_stacks(made)
    assert len(stack.frames) == 3


def test_notices_of_files_come_once_after_those_of_the_series():
    made = [
        instance(1, 0, ("odd",)),
        instance(2, 2, ("odd", "other")),
        instance(1, 0, ("odd",), path="scan/copy"),
    ]
    (stack,) = sort_into_stacks(made)
    assert stack.notices == ("1 duplicate file left out.", "odd", "other")


def test_copies_are_known_by_the_names_of_their_files():
    made = [
        instance(1, 0, path="scan/b"),
        instance(1, 0, path="scan/a"),
        instance(2, 2, path="scan/c"),
    ]
    (stack,) = sort_into_stacks(made)
    assert [each.file.path for each in stack.frames] == [Path("scan/a"), Path("scan/c")]
