"""The input grid: covers the volume, lies where SimpleITK says, keeps left left."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.imaging.reslice.resample import resample_to_grid
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.model.preprocessing import Preprocessing


def rotation(seed: int) -> np.ndarray:
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * np.sign(np.diag(r))


def volume_of(shape, spacing_ijk, seed=None, origin=(0, 0, 0), dtype=np.int16) -> Volume:
    rng = np.random.default_rng(3)
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) if seed is None else rotation(seed)) * np.asarray(spacing_ijk)
    affine[:3, 3] = origin
    return Volume(rng.integers(-500, 1500, shape).astype(dtype), affine)


def to_sitk(volume: Volume) -> sitk.Image:
    image = sitk.GetImageFromArray(volume.real())
    spacing = np.linalg.norm(volume.affine[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(volume.affine[:3, 3].tolist())
    image.SetDirection((volume.affine[:3, :3] / spacing).ravel().tolist())
    return image


@pytest.mark.parametrize("seed", [None, 0, 1, 2])
def test_sampling_agrees_with_simpleitk_where_no_averaging_is_needed(seed):
    volume = volume_of((20, 24, 28), (2.0, 2.5, 3.0), seed, origin=(10, -20, 30))
    grid = np.diag([1.9, 1.9, 1.9, 1.0])
    grid[:3, 3] = volume.center_lps - 1.9 * 9.5
    ours, inside = resample_to_grid(volume, grid, (20, 20, 20))
    reference = sitk.Resample(
        to_sitk(volume),
        (20, 20, 20),
        sitk.Transform(),
        sitk.sitkLinear,
        grid[:3, 3].tolist(),
        (1.9,) * 3,
        np.eye(3).ravel().tolist(),
        -9999.0,
    )
    theirs = sitk.GetArrayFromImage(reference)
    deep = theirs > -9999  # SimpleITK has no value in the outer half voxels
    both = deep & (inside > 0)
    assert both.mean() > 0.5
    np.testing.assert_allclose(ours[both], theirs[both], atol=0.05)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    spacing=st.tuples(*[st.floats(0.3, 6.0)] * 3),
    sheared=st.booleans(),
)
def test_a_linear_ramp_in_patient_space_comes_out_as_itself(seed, spacing, sheared):
    """Trilinear interpolation keeps linear functions, so this pins geometry.

    Averaging over boxes keeps them up to the steps between voxels: a box's ends that cut voxels at shares
    a and b shift its centroid by (a (1 - a) - b (1 - b)) / 2 voxels over its width, at most 1/8.
    """
    affine = np.eye(4)
    affine[:3, :3] = rotation(seed) * np.array(spacing)
    if sheared:
        affine[:3, 2] += 0.3 * affine[:3, 1]
    shape = (24, 36, 30)
    k, j, i = np.indices(shape)
    points = np.stack([i, j, k], -1) @ affine[:3, :3].T
    slope = np.array([0.7, -1.3, 2.1])
    volume = Volume((points @ slope).astype(np.float32), affine)
    grid = np.diag([2.0, 2.0, 2.0, 1.0])
    grid[:3, 3] = volume.center_lps - 2.0 * 3
    values, inside = resample_to_grid(volume, grid, (7, 7, 7))
    k, j, i = np.indices((7, 7, 7))
    targets = np.stack([i, j, k], -1) * 2.0 + grid[:3, 3]
    index = volume.to_index(targets)
    # Away from the ends, beyond which the outermost voxels continue.
    deep = ((index > 8) & (index < np.array(shape[::-1]) - 9)).all(-1)
    widths = 2.0 / np.array(volume.spacing_mm[::-1])
    shifts = np.where(widths > 1, 1 / (8 * np.maximum(widths, 1)), 0)
    bound = np.abs(slope @ affine[:3, :3]) @ shifts
    np.testing.assert_allclose(values[deep], (targets @ slope)[deep], atol=0.02 + bound)
    np.testing.assert_array_equal(inside[deep], 1)


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(*[st.integers(9, 60)] * 3),
    axes=st.permutations([0, 1, 2]),
    flips=st.tuples(*[st.booleans()] * 3),
)
def test_the_input_does_not_depend_on_how_the_file_is_turned(shape, axes, flips):
    volume = volume_of(shape, (0.8, 1.1, 2.3), seed=4, origin=(5, -7, 11))
    turn = np.zeros((4, 4))
    turn[3, 3] = 1
    index = [slice(None)] * 3
    for new, old in enumerate(axes):  # in the order (i, j, k)
        size = volume.shape[::-1][old]
        turn[old, new] = -1 if flips[new] else 1
        turn[old, 3] += size - 1 if flips[new] else 0
        index[old] = slice(None, None, -1 if flips[new] else 1)
    by_ijk = volume.voxels.transpose(2, 1, 0)[tuple(index)].transpose(axes)
    turned = Volume(by_ijk.transpose(2, 1, 0), volume.affine @ turn)
    np.testing.assert_allclose(
        turned.to_lps(np.zeros(3)), volume.to_lps((turn @ [0, 0, 0, 1])[:3]), atol=1e-9
    )
    preprocessing = Preprocessing((17, 17, 17), 2.75)
    np.testing.assert_allclose(
        preprocessing.apply(turned).voxels, preprocessing.apply(volume).voxels, atol=1e-4
    )


@settings(max_examples=60, deadline=None)
@given(
    seed=st.one_of(st.none(), st.integers(0, 1000)),
    spacing=st.tuples(*[st.floats(0.2, 12.0)] * 3),
    shape=st.tuples(*[st.integers(1, 40)] * 3),
)
def test_the_grid_covers_the_whole_volume_whatever_its_size(seed, spacing, shape):
    volume = volume_of(shape, spacing, seed)
    preprocessing = Preprocessing((17, 33, 17), 2.0)
    affine, notices = preprocessing.grid(volume)
    size = np.array([17, 33, 17])
    spacing_mm = affine[0, 0]
    low = affine[:3, 3] - spacing_mm / 2
    high = affine[:3, 3] + spacing_mm * (size - 0.5)
    assert (low <= volume.bounds_lps[0] + 1e-6).all()
    assert (high >= volume.bounds_lps[1] - 1e-6).all()
    assert spacing_mm >= 2.0
    assert bool(notices) == (spacing_mm > 2.0 * 1.001)


def test_left_stays_left_however_the_file_lies():
    voxels = np.zeros((30, 30, 30), np.int16)
    voxels[:, :, 3:8] = 1000
    left_is_high = Volume(voxels[:, :, ::-1], np.diag([2.0, 2, 2, 1]))
    left_is_low = Volume(voxels, np.diag([-2.0, 2, 2, 1]))
    for volume in (left_is_high, left_is_low):
        made = Preprocessing((31, 31, 31), 2.0).apply(volume)
        i = int(made.voxels[15, 15].argmax())
        assert made.affine[0, 0] * i + made.affine[0, 3] > volume.center_lps[0]


def test_standardised_input_does_not_depend_on_the_scale_of_the_stored_numbers():
    volume = volume_of((20, 20, 20), (3, 3, 3))
    scaled = Volume(volume.voxels, volume.affine, slope=7.0, intercept=-300.0)
    preprocessing = Preprocessing((17, 17, 17), 3.0)
    np.testing.assert_allclose(
        preprocessing.apply(volume).voxels, preprocessing.apply(scaled).voxels, atol=1e-4
    )


def test_a_window_maps_hounsfield_units_to_minus_one_to_one():
    volume = Volume(np.full((9, 9, 9), 1064, np.int16), np.diag([2.0, 2, 2, 1]), intercept=-1024)
    made = Preprocessing((9, 9, 9), 2.0, "window", window_center=40, window_width=80).apply(volume)
    assert made.voxels[4, 4, 4] == pytest.approx(0.0)


@pytest.mark.parametrize("value", [5.0, 0.1, -1000 / 3, 7e6, 0.0])
@pytest.mark.parametrize("mm", [0.61, 1.0, 2.0])
def test_a_constant_volume_is_refused_also_where_its_means_are_rounded(value, mm):
    volume = Volume(np.full((19, 23, 29), value, np.float32), np.diag([mm, mm, mm, 1]))
    with pytest.raises(UserError, match="same value"):
        Preprocessing((9, 9, 9), 2.0).apply(volume)


def test_values_that_are_not_finite_do_not_reach_the_network():
    volume = volume_of((12, 12, 12), (2, 2, 2), dtype=np.float32)
    volume.voxels[3:5] = np.nan
    volume.voxels[6, 6, 6] = np.inf
    assert np.isfinite(Preprocessing((9, 9, 9), 2.0).apply(volume).voxels).all()


def test_can_be_cancelled():
    def progress(fraction: float, message: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        Preprocessing((9, 9, 9), 2.0).apply(volume_of((9, 9, 9), (1, 1, 1)), progress)


@pytest.mark.parametrize(
    "wrong",
    [
        {"shape_kji": (1, 2)},
        {"shape_kji": (9, 9, 100_000)},
        {"spacing_mm": 0.0},
        {"intensity": "log"},
        {"intensity": "window"},
    ],
)
def test_a_configuration_without_sense_is_refused(wrong):
    with pytest.raises(ValueError, match=r"\w"):
        Preprocessing(**{"shape_kji": (9, 9, 9), "spacing_mm": 2.0, **wrong})


def test_the_foreground_is_what_is_not_air():
    voxels = np.array([-1.0, -0.5, 0.0, 2.0], np.float32)
    mr = Preprocessing((33, 33, 33), 3.0)
    ct = Preprocessing((33, 33, 33), 3.0, "window", 40, 80)
    assert mr.foreground(voxels).tolist() == [True, True, False, True]
    assert ct.foreground(voxels).tolist() == [False, True, True, True]


@pytest.mark.parametrize(
    ("version", "said"), [(None, "version 1"), (1, "version 1"), (3, "version 3")]
)
def test_weights_of_another_version_of_the_preprocessing_are_refused(version, said):
    plain = Preprocessing((9, 8, 10), 4.0).to_json()
    assert Preprocessing.from_json(plain) == Preprocessing((9, 8, 10), 4.0)
    del plain["version"]
    if version is not None:
        plain["version"] = version
    with pytest.raises(ValueError, match=f"trained with {said} of the preprocessing"):
        Preprocessing.from_json(plain)
