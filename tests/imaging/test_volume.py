"""``Volume``: refuses what is no image in space, and says where and what its voxels are."""

from __future__ import annotations

import base64
import re
from dataclasses import replace

import imagecodecs
import numpy as np
import pytest

from fusion3d_gui.imaging.loaded_slices import LoadedSlices
from fusion3d_gui.imaging.plane import spatial_letters
from fusion3d_gui.imaging.volume import Volume, affine_of_sizes, spans_space


@pytest.mark.parametrize("shape", [(3, 4), (0, 4, 5), (3, 0, 5), (3, 4, 0), (2, 3, 4, 5)])
def test_an_image_without_three_axes_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="three axes"):
        Volume(np.zeros(shape), np.eye(4))


def test_an_affine_of_another_size_not_finite_or_singular_is_refused() -> None:
    voxels = np.zeros((2, 3, 4))
    with pytest.raises(ValueError, match="4x4"):
        Volume(voxels, np.eye(3))
    with pytest.raises(ValueError, match="finite"):
        Volume(voxels, np.diag([1.0, np.inf, 1.0, 1.0]))
    flat = np.eye(4)
    flat[:3, 1] = flat[:3, 0]
    with pytest.raises(ValueError, match="singular"):
        Volume(voxels, flat)
    assert spans_space(np.diag([1e-4, 1e3, 1.0, 1.0]))
    assert not spans_space(np.diag([0.0, 1e-3, 1e-3, 1.0]))
    assert not spans_space(np.diag([1.0, np.nan, 1.0, 1.0]))


def test_the_affine_can_not_be_changed_afterwards() -> None:
    affine = np.eye(4)
    volume = Volume(np.zeros((2, 3, 4)), affine)
    affine[0, 0] = 7
    assert volume.affine[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        volume.affine[0, 0] = 7


def test_sizes_that_no_voxel_has_become_1_mm() -> None:
    for sizes, expected in (
        ((0.5, 2.0, 3.0), (0.5, 2.0, 3.0)),
        ((0.5, 2.0), (0.5, 2.0, 1.0)),
        ((0.9e-5, 1.1e4, -2.0), (1.0, 1.0, 1.0)),
        ((1e-5, 1e4, np.nan), (1e-5, 1e4, 1.0)),
    ):
        np.testing.assert_array_equal(affine_of_sizes(sizes), np.diag([*expected, 1.0]))


def test_bounds_are_the_voxels_outer_faces_and_the_centre_is_between_them(
    oblique_volume: Volume,
) -> None:
    k, j, i = oblique_volume.shape
    corners = np.array([[a, b, c] for a in (0, i) for b in (0, j) for c in (0, k)]) - 0.5
    lps = corners @ oblique_volume.affine[:3, :3].T + oblique_volume.affine[:3, 3]
    low, high = oblique_volume.bounds_lps
    np.testing.assert_allclose(low, lps.min(axis=0))
    np.testing.assert_allclose(high, lps.max(axis=0))
    np.testing.assert_allclose(oblique_volume.center_lps, (low + high) / 2)
    assert oblique_volume.spacing_mm == pytest.approx((2.5, 1.1, 0.8))


def test_a_position_and_its_index_are_inverse_to_one_another(oblique_volume: Volume) -> None:
    index = np.random.default_rng(0).uniform(-5, 20, (4, 5, 3))
    np.testing.assert_allclose(oblique_volume.to_index(oblique_volume.to_lps(index)), index)


def test_the_value_at_a_position_is_that_of_its_voxel_up_to_its_faces(
    oblique_volume: Volume,
) -> None:
    volume = oblique_volume
    for inside in ((0.0, 0.0, 0.0), (3.4, 5.6, 2.2), (-0.49, 10.49, 6.49), (12.49, -0.49, 0.0)):
        i, j, k = np.rint(inside).astype(int)
        expected = float(volume.voxels[k, j, i]) * 2.0 - 100.0
        assert volume.value_at(volume.to_lps(np.array(inside))) == expected
    for axis, size in enumerate((13, 11, 7)):
        for beyond in (-0.51, size - 0.49):
            index = np.array([3.0, 3.0, 3.0])
            index[axis] = beyond
            assert volume.value_at(volume.to_lps(index)) is None


def test_missing_and_unread_slices_are_absent_and_have_no_value(oblique_volume: Volume) -> None:
    loaded = LoadedSlices(7)
    for k in (0, 2, 5):
        loaded.add(k)
    volume = replace(oblique_volume, missing=(2,), loaded_slices=loaded)
    assert volume.absent.tolist() == [False, True, True, True, True, False, True]
    assert loaded.share == pytest.approx(3 / 7)
    assert not loaded.is_complete
    assert volume.value_at(volume.to_lps(np.array([1, 1, 2]))) is None
    assert volume.value_at(volume.to_lps(np.array([1, 1, 5]))) is not None
    loaded.finish()
    assert loaded.is_complete
    assert np.flatnonzero(volume.absent).tolist() == [2]


def test_real_values_are_rescaled_stored_ones_in_single_precision(oblique_volume: Volume) -> None:
    expected = oblique_volume.voxels.astype(np.float32) * 2 - 100
    np.testing.assert_array_equal(oblique_volume.real(), expected)
    np.testing.assert_array_equal(oblique_volume.real(oblique_volume.voxels[2]), expected[2])
    assert oblique_volume.real().dtype == np.float32
    plain = replace(oblique_volume, slope=1.0, intercept=0.0)
    plain.real()[:] = 7
    assert not (plain.voxels == 7).all()  # always a copy


def test_the_identity_changes_with_everything_that_changes_the_image(
    oblique_volume: Volume,
) -> None:
    volume = oblique_volume
    changed = volume.voxels.copy()
    changed[3, 4, 5] += 1
    moved = volume.affine.copy()
    moved[0, 3] += 1e-9
    others = [
        replace(volume, voxels=changed),
        replace(volume, voxels=volume.voxels.astype(np.int32)),
        replace(volume, voxels=np.ascontiguousarray(volume.voxels.reshape(7, 13, 11))),
        replace(volume, affine=moved),
        replace(volume, slope=2.0000001),
        replace(volume, intercept=-100.0000001),
    ]
    assert len({each.sha256 for each in (volume, *others)}) == 7
    same = replace(volume, voxels=volume.voxels.copy(), description="Other", modality="MR")
    assert same.sha256 == volume.sha256


def test_a_volume_that_is_still_being_read_has_no_identity(oblique_volume: Volume) -> None:
    reading = replace(oblique_volume, loaded_slices=LoadedSlices(7))
    with pytest.raises(ValueError, match="no identity"):
        _ = reading.sha256


@pytest.mark.parametrize(
    ("direction", "letters"),
    [
        ((1, 0, 0), "L"),
        ((-2, 0, 0), "R"),
        ((0, 1, 0), "P"),
        ((0, -1, 0), "A"),
        ((0, 0, 1), "S"),
        ((0, 0, -1), "I"),
        ((0.6, -0.8, 0), "AL"),
        ((-0.7, 0.2, -0.9), "IR"),
        ((0.5, 0.6, 0.7), "SPL"),
        ((np.cos(np.deg2rad(19.9)), np.sin(np.deg2rad(19.9)), 0), "L"),
        ((np.cos(np.deg2rad(20.1)), np.sin(np.deg2rad(20.1)), 0), "LP"),
    ],
)
def test_letters_name_the_axes_that_a_direction_leans_to_by_more_than_20_degrees(
    direction: tuple[float, ...], letters: str
) -> None:
    assert spatial_letters(np.array(direction)) == letters


def test_a_direction_without_length_has_no_letters() -> None:
    with pytest.raises(ValueError, match="length"):
        spatial_letters(np.zeros(3))


@pytest.mark.parametrize("windows", [((90.0, 40.0), (7.0, 2.0)), ()])
def test_a_notebook_shows_the_first_window_of_the_file_or_nearly_all_values(
    windows: tuple[tuple[float, float], ...],
) -> None:
    voxels = np.random.default_rng(5).integers(0, 200, (5, 5, 5)).astype(np.int16)
    volume = Volume(voxels, np.eye(4), windows=windows)
    axial = re.findall(r"data:image/png;base64,([^\"]+)\"", volume._repr_html_())[0]
    shown = imagecodecs.png_decode(base64.b64decode(axial))[..., 0].astype(float)
    middle = np.concatenate([voxels[2], voxels[:, 2], voxels[:, :, 2]])
    low, high = (70, 110) if windows else np.percentile(middle, (1, 99.5))
    expected = np.clip((voxels[2] - low) / (high - low), 0, 1) * 255
    np.testing.assert_allclose(shown, expected, atol=0.5 + 1e-4)
