"""Affine, gaps and warnings of a stack's positions, by closed forms, to the distance at which each answer changes."""

from __future__ import annotations

import numpy as np
import pytest

from fusion3d_gui.imaging.dicom.stack.geometry import (
    StackGeometry,
    depths_mm,
    same_position_mm,
    stack_geometry,
)
from tests.imaging.memory_frames import dicom_file, frame, stacked


def shorts_of(found: StackGeometry) -> list[str]:
    return [each.short for each in found.warnings]


# -- affine ---------------------------------------------------------------------------------------


def axes() -> np.ndarray:
    made = np.linalg.qr(np.array([[3.0, 1, 0.4], [-1, 2, 1], [0.5, 0.3, 3]]))[0]
    return made * np.sign(np.linalg.det(made))


def oblique(count: int, step: np.ndarray, **changes):
    turn = axes()
    start = np.array([10.0, -20.0, 30.0])
    orientation = (*turn[:, 0].tolist(), *turn[:, 1].tolist())
    return [
        frame(position=tuple((start + n * step).tolist()), orientation=orientation, **changes)
        for n in range(count)
    ]


def test_an_oblique_stack_has_its_steps_and_its_first_position():
    turn = axes()
    step = 2.5 * turn[:, 2]
    found = stack_geometry(oblique(4, step))
    expected = np.eye(4)
    expected[:3, 0], expected[:3, 1], expected[:3, 2] = turn[:, 0] * 0.8, turn[:, 1] * 0.5, step
    expected[:3, 3] = (10, -20, 30)
    np.testing.assert_allclose(found.affine, expected, atol=1e-12)
    assert found.slice_count == 4 and found.is_even and found.missing == ()
    assert found.slice_indices.tolist() == [0, 1, 2, 3]
    assert found.warnings == () and found.notices == ()


def test_depths_are_along_the_normal_of_the_first_frame():
    turn = axes()
    frames = oblique(3, 2.5 * turn[:, 2] + 0.7 * turn[:, 0])
    depths = depths_mm(frames)
    np.testing.assert_allclose(np.diff(depths), 2.5)
    assert depths[0] == pytest.approx(float(np.array([10.0, -20, 30]) @ turn[:, 2]))
    with pytest.raises(ValueError, match="the frame has no orientation"):
        depths_mm([frame(orientation=None)])


@pytest.mark.parametrize(("thickness", "step"), [(3.0, 3.0), (None, 1.0)])
def test_a_single_slice_is_as_thick_as_its_header_says(thickness, step):
    found = stack_geometry(oblique(1, np.zeros(3), slice_spacing_mm=thickness))
    np.testing.assert_allclose(found.affine[:3, 2], axes()[:, 2] * step, atol=1e-12)
    np.testing.assert_allclose(found.affine[:3, 3], (10, -20, 30))
    assert (found.slice_count, found.slice_indices.tolist()) == (1, [0])
    assert found.is_even
    told = ["The file does not say how thick its slice is; 1 mm is shown."]
    assert list(found.notices) == ([] if thickness else told)
    assert shorts_of(found) == ([] if thickness else ["thickness unknown"])


def test_pixels_of_unknown_size_are_a_millimetre_wide():
    found = stack_geometry(stacked([0, 2, 4], spacing=None))
    np.testing.assert_allclose(found.affine[:3, :3], np.diag([1, 1, 2.0]))
    assert found.notices == ("The file does not say the size of a pixel; 1 mm is shown.",)
    assert shorts_of(found) == ["pixel size unknown"]


# -- tolerances -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spacing", "thickness", "scale"),
    [
        ((0.5, 0.8), 2.0, 1.0),
        ((0.1, 0.8), 2.0, 1.0),
        ((0.05, 0.8), 2.0, 0.5),
        ((0.8, 0.02), 2.0, 0.2),
        ((0.8, 0.8), 0.01, 0.1),
        ((10.0, 12.0), 20.0, 1.0),
        ((20.0, 30.0), 40.0, 2.0),
        ((30.0, 20.0), None, 2.0),
        (None, 50.0, 5.0),
        (None, None, 1.0),
    ],
)
def test_the_same_position_scales_with_the_smallest_edge_beyond_ordinary_voxels(
    spacing, thickness, scale
):
    made = frame(spacing=spacing, slice_spacing_mm=thickness)
    assert same_position_mm(made) == pytest.approx(0.005 * scale)


@pytest.mark.parametrize("scale", [1.0, 0.5, 2.0])
def test_slices_off_by_a_fiftieth_of_a_millimetre_are_even(scale):
    spacing = {1.0: (1.0, 1.0), 0.5: (0.05, 1.0), 2.0: (20.0, 20.0)}[scale]
    thickness = 20.0 if scale == 2 else 2.0
    for off, is_even in ((0.0199 * scale, True), (0.0201 * scale, False)):
        for sign in (-1, 1):
            depths = thickness * np.arange(5.0)
            depths[2] += sign * off
            found = stack_geometry(stacked(depths, spacing=spacing, slice_spacing_mm=thickness))
            assert found.slice_indices.tolist() == [0, 1, 2, 3, 4]
            assert (found.warnings == ()) == is_even
            assert is_even or shorts_of(found)[0].startswith("uneven spacing")


# -- gaps and uneven slices --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("depths", "missing", "sentence"),
    [
        (
            [0, 2, 4, 8, 10],
            (3,),
            "1 slice is missing, at 6.0 mm from the first slice (spacing 2 mm); left blank, so that the"
            " others are at their true position.",
        ),
        (
            [0, 0.6, 1.8, 2.4, 3.0],
            (2,),
            "1 slice is missing, at 1.2 mm from the first slice (spacing 0.6 mm); left blank, so that"
            " the others are at their true position.",
        ),
        (
            [0, 0.6, 1.2, 1.8, 2.4, 3.6, 4.2],
            (5,),
            "1 slice is missing, at 3.0 mm from the first slice (spacing 0.6 mm); left blank, so that"
            " the others are at their true position.",
        ),
        (
            [0, 0.25, 0.75, 1.0, 1.5],
            (2, 5),
            "2 slices are missing, at 0.5 and 1.2 mm from the first slice (spacing 0.25 mm); left"
            " blank, so that the others are at their true position.",
        ),
        (
            [0, 2, 4, 10, 12, 14, 18],
            (3, 4, 8),
            "3 slices are missing, at 6.0, 8.0 and 16.0 mm from the first slice (spacing 2 mm); left"
            " blank, so that the others are at their true position.",
        ),
        (
            [0, 2, 4, 10, 12, 14, 18, 22],
            (3, 4, 8, 10),
            "4 slices are missing, the first at 6.0 mm from the first slice (spacing 2 mm); left"
            " blank, so that the others are at their true position.",
        ),
    ],
)
def test_missing_slices_are_told_with_their_places(depths, missing, sentence):
    found = stack_geometry(stacked(depths))
    step = np.diff(depths).min()
    assert found.missing == missing and found.is_even
    assert found.slice_count == len(depths) + len(missing)
    np.testing.assert_allclose(found.slice_indices * step, depths)
    np.testing.assert_allclose(found.affine[:3, 2], (0, 0, step), atol=1e-12)
    np.testing.assert_allclose(found.affine[:3, 3], (1, 2, 0))
    count = len(missing)
    assert shorts_of(found) == ["1 slice missing" if count == 1 else f"{count} slices missing"]
    assert found.notices == (sentence,)


def test_half_as_many_slices_as_there_are_may_be_missing():
    found = stack_geometry(stacked([0, 2, 4, 6, 12]))
    assert found.missing == (4, 5)
    found = stack_geometry(stacked([0, 2, 4, 6, 14]))
    assert not found.is_even and found.missing == ()
    assert shorts_of(found) == ["uneven spacing, 2.00 to 8.00 mm"]


def test_gaps_count_as_missing_by_the_least_spacing_where_the_header_has_one_for_all():
    """Every second slice is missing but for one pair: the median gap is the double."""
    depths = [0, 4, 8, 12, 14, 18]
    found = stack_geometry(stacked(depths))
    assert not found.is_even  # four of ten would be missing, more than half of six
    depths = [0, 4, 8, 10, 12, 16]
    found = stack_geometry(stacked(depths))
    assert found.slice_indices.tolist() == [0, 2, 4, 5, 6, 8]
    assert found.missing == (1, 3, 7)
    frames = stacked(depths)
    other = stacked(depths, slice_spacing_mm=4.0)
    mixed = [*frames[:3], *other[3:]]
    assert not stack_geometry(mixed).is_even


def test_slices_slightly_uneven_are_shown_on_the_grid_with_how_far_off():
    found = stack_geometry(stacked([0, 2.1, 4, 6, 8]))
    assert found.slice_indices.tolist() == [0, 1, 2, 3, 4] and found.is_even
    assert shorts_of(found) == ["uneven spacing, 1.90 to 2.10 mm"]
    assert found.notices == (
        "Slices are spaced unevenly, 1.90 to 2.10 mm; shown every 2.00 mm, so up to 0.10 mm from"
        " their true position.",
    )
    for off, is_even in ((0.199, True), (0.201, False)):
        depths = [0, 2 + off, 4, 6, 8]
        assert stack_geometry(stacked(depths)).is_even == is_even


def test_missing_and_uneven_are_both_told():
    found = stack_geometry(stacked([0, 2.1, 4, 8, 10, 12]))
    assert shorts_of(found) == ["1 slice missing", "uneven spacing, 1.90 to 4.00 mm"]


@pytest.mark.parametrize(
    ("depths", "steps"),
    [
        ([0, 1, 2.5, 4.5, 7.0], 6),  # 10 % of the gaps: 1.15 mm; 7 / 1.15 is 6.09
        ([0, 0.01, 0.02, 5.0, 10.0], 20),  # no finer than a quarter of the mean
        ([0, 3.0, 7.5], 2),
    ],
)
def test_uneven_slices_are_interpolated_as_finely_as_the_closest_lie(depths, steps):
    found = stack_geometry(stacked(depths))
    step = depths[-1] / steps
    assert not found.is_even and found.missing == ()
    assert found.slice_count == steps + 1
    np.testing.assert_allclose(found.slice_indices, np.array(depths) / step)
    np.testing.assert_allclose(found.affine[:3, 2], (0, 0, step), atol=1e-12)
    gaps = np.diff(depths)
    least = f"{gaps.min():.2f}" if gaps.min() >= 0.01 else f"{gaps.min():.2g}"
    assert found.notices == (
        f"Slices are spaced unevenly, {least} to {gaps.max():.2f} mm; interpolated to every"
        f" {step:.2f} mm.",
    )
    assert shorts_of(found) == [f"uneven spacing, {least} to {gaps.max():.2f} mm"]


def test_distances_below_a_hundredth_of_a_millimetre_have_two_digits():
    depths = 0.004 * np.array([0, 1, 2.6, 4.9])
    found = stack_geometry(stacked(depths, spacing=(0.001, 0.001), slice_spacing_mm=0.004))
    assert shorts_of(found) == ["uneven spacing, 0.004 to 0.0092 mm"]


# -- sideways, tilt, contradictions --------------------------------------------------------------------


def shifted(
    count: int, sideways: float, at: int, tilt_deg: float = 0.0, spacing: float = 2.0, **changes
):
    frames = []
    for number in range(count):
        x = 1.0 + (sideways if number == at else 0.0)
        y = 2.0 + number * spacing * np.tan(np.deg2rad(tilt_deg))
        frames.append(frame(position=(x, y, spacing * number), **changes))
    return frames


def test_slices_shifted_sideways_are_told_beyond_a_fiftieth_of_a_millimetre():
    assert stack_geometry(shifted(5, 0.0199, 2)).warnings == ()
    found = stack_geometry(shifted(5, 0.0201, 2))
    assert shorts_of(found) == ["slices shifted sideways"]
    found = stack_geometry(shifted(5, -0.314, 3))
    assert found.notices == (
        "Slices are shifted sideways against each other by up to 0.31 mm; they are shown on a"
        " straight line.",
    )
    np.testing.assert_allclose(found.affine[:3, 2], (0, 0, 2), atol=1e-12)


@pytest.mark.parametrize(("tilt", "is_told"), [(0.049, False), (0.051, True), (-12.34, True)])
def test_a_tilt_is_told_and_kept_in_the_affine(tilt, is_told):
    found = stack_geometry(shifted(4, 0.0, 0, tilt))
    shift = 2 * np.tan(np.deg2rad(tilt))
    np.testing.assert_allclose(found.affine[:3, 2], (0, shift, 2), atol=1e-12)
    assert shorts_of(found) == ([f"gantry tilt {abs(tilt):.1f}°"] if is_told else [])
    assert not is_told or found.notices == (
        f"Slices are tilted by {abs(tilt):.1f} degrees (gantry tilt); shown sheared, as they lie.",
    )


@pytest.mark.parametrize(
    ("header_mm", "spacing", "is_told"),
    [
        (2.049, 2.0, False),
        (2.051, 2.0, True),
        (1.951, 2.0, False),
        (1.949, 2.0, True),
        (10.099, 10.0, False),
        (10.101, 10.0, True),
        (-2.0, 2.0, False),
        (-2.2, 2.0, True),
        (0.0, 2.0, False),
    ],
)
def test_a_spacing_of_the_header_is_believed_to_a_twentieth_of_a_millimetre_or_a_hundredth(
    header_mm, spacing, is_told
):
    file = dicom_file(SpacingBetweenSlices=header_mm)
    found = stack_geometry(shifted(4, 0.0, 0, spacing=spacing, file=file))
    assert shorts_of(found) == (["spacing contradictory"] if is_told else [])
    assert not is_told or found.notices == (
        f"The header says that slices are {abs(header_mm):.3g} mm apart, their positions say"
        f" {spacing:.3g} mm; the positions are used.",
    )
    np.testing.assert_allclose(found.affine[2, 2], spacing)


@pytest.mark.parametrize(
    ("header_deg", "tilt", "is_told"),
    [
        (10.49, 10.0, False),
        (10.51, 10.0, True),
        (-9.51, 10.0, False),
        (-9.49, 10.0, True),
        (0.0, 10.0, True),
        (0.4, 0.0, False),
        (0.6, 0.0, True),
    ],
)
def test_a_tilt_of_the_header_is_believed_to_half_a_degree(header_deg, tilt, is_told):
    file = dicom_file(GantryDetectorTilt=header_deg)
    found = stack_geometry(shifted(4, 0.0, 0, tilt, file=file))
    assert ("tilt contradictory" in shorts_of(found)) == is_told
    assert not is_told or found.notices[-1] == (
        f"The header says that the gantry was tilted by {abs(header_deg):.1f} degrees, the positions"
        f" say {tilt:.1f}; the positions are used."
    )


def test_what_is_interpolated_is_not_compared_with_the_header():
    file = dicom_file(SpacingBetweenSlices=9.0, GantryDetectorTilt=30.0)
    found = stack_geometry(stacked([0, 1, 2.5, 4.5, 7.0], file))
    assert shorts_of(found) == ["uneven spacing, 1.00 to 2.50 mm"]
