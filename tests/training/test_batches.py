"""What a step of a training sees: averaging down, mirroring, shifts and changes of contrast."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter

from fusion3d_gui.training.data.cases import Cases, coarsen
from fusion3d_gui.training.fit.batches import Batches
from fusion3d_gui.training.fit.recipe import Recipe

COUNT, SHAPE = 60, (9, 11, 13)
PLAIN = {
    "coarse_epochs": 0,
    "epochs": 1,
    "batch": 6,
    "intensity_scale": 0.0,
    "intensity_shift": 0.0,
}


@pytest.fixture(scope="module")
def cases() -> Cases:
    rng = np.random.default_rng(0)
    images = rng.integers(-9, 9, (COUNT, *SHAPE)).astype(np.float16)
    numbers = np.arange(COUNT, dtype=np.float32)[:, None]
    return Cases(images, numbers, np.arange(COUNT) % 2)


def seen(cases: Cases, recipe: Recipe, epochs: int = 1) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each image that was seen [k, j, i] with the case's own."""
    batches = Batches(cases, np.arange(COUNT), recipe, 7)
    found = []
    for _ in range(epochs):
        for batch in batches:
            for image, number in zip(batch.image, batch.metadata[:, 0], strict=True):
                found.append((image[0].numpy(), cases.images[int(number)].astype(np.float32)))
    return found


def test_images_are_mirrored_left_to_right_half_of_the_time_and_never_otherwise(cases):
    mirrored = 0
    for image, own in seen(cases, Recipe(**PLAIN, shift_voxels=0)):
        flipped = np.array_equal(image, own[:, :, ::-1])
        assert flipped or np.array_equal(image, own)
        mirrored += flipped
    assert 0.3 < mirrored / COUNT < 0.7


def test_images_are_not_mirrored_where_the_side_may_matter(cases):
    for image, own in seen(cases, Recipe(**PLAIN, shift_voxels=0, mirrored=False)):
        np.testing.assert_array_equal(image, own)


def test_images_are_shifted_along_every_axis_up_to_the_recipes_bound(cases):
    shifts = []
    for image, own in seen(cases, Recipe(**PLAIN, shift_voxels=2), epochs=2):
        # The shift at which image and case correlate best, by the Fourier transform.
        scores = [
            np.fft.ifftn(np.fft.fftn(image) * np.conj(np.fft.fftn(each))).real
            for each in (own, own[:, :, ::-1])
        ]
        best = max(scores, key=np.max)
        index = np.unravel_index(best.argmax(), SHAPE)
        shifts.append([(n + s // 2) % s - s // 2 for n, s in zip(index, SHAPE, strict=True)])
    for along in np.array(shifts).T:
        assert set(along) == {-2, -1, 0, 1, 2}


def test_coarse_epochs_shift_by_half_as_many_voxels_of_twice_the_size(cases):
    recipe = Recipe(**{**PLAIN, "coarse_epochs": 1}, shift_voxels=2)
    coarse = cases.coarsened(2)
    assert coarse.images.shape[1:] == (5, 6, 7)
    batches = Batches(cases, np.arange(COUNT), recipe, 7)
    for batch in batches:
        for image, number in zip(batch.image, batch.metadata[:, 0], strict=True):
            own = torch.from_numpy(coarse.images[int(number)].astype(np.float32))
            rolled = [
                torch.roll(each, (k, j, i), (0, 1, 2))
                for each in (own, own.flip(2))
                for k in (-1, 0, 1)
                for j in (-1, 0, 1)
                for i in (-1, 0, 1)
            ]
            assert any(torch.equal(image[0], each) for each in rolled)
    whole = next(iter(batches))
    assert whole.image.shape[2:] == SHAPE and whole.step == len(batches)


def test_contrast_is_scaled_and_offset_within_the_recipes_bounds(cases):
    recipe = Recipe(**{**PLAIN, "intensity_scale": 0.2, "intensity_shift": 0.3}, shift_voxels=0)
    changes = []
    for image, own in seen(cases, recipe):
        fits = [
            np.polyfit(each.ravel(), image.ravel(), 1, full=True) for each in (own, own[..., ::-1])
        ]
        (slope, offset), residual, *_ = min(fits, key=lambda fit: fit[1][0])
        assert residual[0] < 1e-3
        changes.append((slope, offset))
    slopes, offsets = np.array(changes).T
    for values, middle, reach in ((slopes, 1, 0.2), (offsets, 0, 0.3)):
        assert np.abs(values - middle).max() <= reach + 1e-3
        assert values.min() < middle - reach / 2 and values.max() > middle + reach / 2


def test_a_step_depends_on_the_seed_and_its_number_alone(cases):
    recipe = Recipe(**PLAIN, shift_voxels=2)
    all_steps = list(Batches(cases, np.arange(COUNT), recipe, 7))
    later = list(Batches(cases, np.arange(COUNT), recipe, 7, first_step=4))
    assert len(all_steps) == 10 and [b.step for b in later] == list(range(4, 10))
    for one, other in zip(all_steps[4:], later, strict=True):
        assert torch.equal(one.image, other.image)
    other = next(iter(Batches(cases, np.arange(COUNT), recipe, 8)))
    assert not torch.equal(other.image, all_steps[0].image)


def test_averaging_down_keeps_the_ends_and_is_the_mean_of_three():
    ramp = torch.arange(9.0).expand(1, 1, 5, 7, 9)
    found = coarsen(ramp, 2)
    assert found.shape == (1, 1, 3, 4, 5)
    # At the ends the mean of two points, else of three about every second one.
    assert found[0, 0, 0, 0].tolist() == pytest.approx([0.5, 2, 4, 6, 7.5])
    assert coarsen(ramp, 1) is ramp
    noise = np.random.default_rng(0).random((9, 9, 11))
    found = coarsen(torch.from_numpy(noise)[None, None], 2)[0, 0].numpy()
    judge = uniform_filter(noise, 3)[::2, ::2, ::2]
    np.testing.assert_allclose(found[1:-1, 1:-1, 1:-1], judge[1:-1, 1:-1, 1:-1])


def test_mirrored_cases_keep_their_order_and_are_turned_from_left_to_right_only():
    images = np.arange(2 * 2 * 3 * 4, dtype=np.float16).reshape(2, 2, 3, 4)
    cases = Cases(images, np.array([[1.0], [2.0]]), np.array([0, 1]))
    mirrored = cases.mirrored()
    np.testing.assert_array_equal(mirrored.images, np.flip(images, axis=3))
    np.testing.assert_array_equal(mirrored.labels, cases.labels)
    np.testing.assert_array_equal(mirrored.metadata, cases.metadata)
