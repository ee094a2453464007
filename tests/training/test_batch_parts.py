"""The batches of a training, case by case: their order, their parts, and where voxels of a finding go."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.transforms.compose import Compose
from monai.transforms.intensity.array import RandScaleIntensity, RandShiftIntensity
from monai.transforms.spatial.array import RandFlip

from fusion3d_gui.training.data.cases import Cases, coarsen
from fusion3d_gui.training.fit.batches import Batches
from fusion3d_gui.training.fit.recipe import Recipe

SHAPE = (5, 7, 9)
COUNT = 11


@pytest.fixture(scope="module")
def cases() -> Cases:
    """Eleven cases with their number as metadata; in each, every voxel of the finding has a value of its own."""
    rng = np.random.default_rng(2)
    images = rng.permuted(np.arange(COUNT * 315).reshape(COUNT, -1), axis=1) % 315
    images = images.reshape(COUNT, *SHAPE).astype(np.float16)
    findings = tuple(rng.integers(0, SHAPE, (n % 4, 3)) for n in range(COUNT))
    return Cases(
        images, np.arange(COUNT, dtype=float)[:, None], np.arange(COUNT) % 3 // 2, findings
    )


def recipe_of(**changed) -> Recipe:
    return Recipe(
        **{
            "coarse_epochs": 0,
            "epochs": 3,
            "batch": 4,
            "shift_voxels": 2,
            "intensity_scale": 0.0,
            "intensity_shift": 0.0,
            **changed,
        }
    )


def mixed(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def numbers(batch) -> list[int]:
    return batch.metadata[:, 0].int().tolist()


def test_an_epoch_is_a_permutation_in_parts_of_equal_size(cases):
    rows = np.array([9, 1, 4, 5, 0, 10, 7, 3, 8])
    batches = Batches(cases, rows, recipe_of(), 21)
    assert len(batches) == 3
    for epoch in range(2):
        found = list(batches)
        order = torch.randperm(9, generator=torch.Generator().manual_seed(mixed(21, epoch)))
        expected = rows[order.numpy()]
        assert [numbers(batch) for batch in found] == [p.tolist() for p in np.split(expected, 3)]
        assert [batch.step for batch in found] == [3 * epoch, 3 * epoch + 1, 3 * epoch + 2]
        for batch in found:
            assert batch.start == 0
            assert batch.all_labels.tolist() == batch.labels.tolist()
            assert batch.labels.tolist() == cases.labels[numbers(batch)].tolist()
            assert batch.image.dtype == batch.all_labels.dtype == torch.float32


@pytest.mark.parametrize(("count", "steps"), [(1, 1), (4, 1), (5, 2), (8, 2), (9, 3)])
def test_the_steps_of_an_epoch_are_the_batches_rounded_up(cases, count, steps):
    assert len(Batches(cases, np.arange(count), recipe_of(), 0)) == steps


def test_of_a_batch_of_four_three_processes_take_two_one_and_one_case(cases):
    rows = np.arange(8)
    whole = list(Batches(cases, rows, recipe_of(), 5))
    parts = [list(Batches(cases, rows, recipe_of(), 5, rank=r, world=3)) for r in range(3)]
    for step, batch in enumerate(whole):
        each = [part[step] for part in parts]
        assert [one.start for one in each] == [0, 2, 3]
        assert [len(one.image) for one in each] == [2, 1, 1]
        torch.testing.assert_close(torch.cat([one.image for one in each]), batch.image)
        assert [n for one in each for n in numbers(one)] == numbers(batch)
        for one in each:
            assert torch.equal(one.all_labels, batch.all_labels)
            assert one.step == batch.step
        moved = [voxels for one in each for voxels in one.findings]
        for found, expected in zip(moved, batch.findings, strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("first", [1, 3, 4, 7])
def test_from_any_step_a_training_goes_on_as_it_would_have(cases, first):
    recipe = recipe_of(coarse_epochs=1)
    batches = Batches(cases, np.arange(COUNT), recipe, 3)
    expected = [batch for _ in range(3) for batch in batches][first:]
    later = Batches(cases, np.arange(COUNT), recipe, 3, first_step=first)
    found = [batch for _ in range(3 - first // 3) for batch in later]
    assert [batch.step for batch in found] == list(range(first, 9))
    for one, other in zip(found, expected, strict=True):
        assert one.step == other.step
        torch.testing.assert_close(one.image, other.image, rtol=0, atol=0)


@pytest.mark.parametrize("mirrored", [True, False])
def test_an_image_is_shifted_mirrored_and_changed_as_its_step_and_place_say(cases, mirrored):
    recipe = recipe_of(intensity_scale=0.3, intensity_shift=0.2, mirrored=mirrored, coarse_epochs=1)
    batches = Batches(cases, np.arange(COUNT), recipe, 8)
    coarse = cases.coarsened(2)
    turned = 0
    for epoch, (seen, reach) in enumerate(((coarse, 1), (cases, 2))):
        for batch in batches:
            for place, number in enumerate(numbers(batch)):
                seed = mixed(8, batch.step, place)
                shift = np.random.default_rng(seed).integers(-reach, reach + 1, size=3)
                own = np.roll(seen.images[number].astype(np.float32), shift, axis=(0, 1, 2))
                flip = RandFlip(0.5 if mirrored else 0.0, spatial_axis=2)
                contrast = [RandScaleIntensity(0.3, prob=1.0), RandShiftIntensity(0.2, prob=1.0)]
                change = Compose([flip, *contrast]).set_random_state(seed=seed)
                expected = change(torch.from_numpy(own)[None])
                turned += flip._do_transform
                np.testing.assert_allclose(batch.image[place], expected, rtol=1e-6)
                assert batch.step // len(batches) == epoch
    assert (4 < turned < 18) if mirrored else turned == 0


@pytest.mark.parametrize("mirrored", [True, False])
def test_voxels_of_a_finding_go_where_their_values_go(cases, mirrored):
    batches = Batches(cases, np.arange(COUNT), recipe_of(mirrored=mirrored), 4)
    count = 0
    for batch in batches:
        for image, number, voxels in zip(batch.image, numbers(batch), batch.findings, strict=True):
            own = cases.findings[number]
            assert voxels.shape == own.shape
            for before, after in zip(own, voxels, strict=True):
                k, j, i = np.asarray(after).astype(int)
                assert float(image[0, k, j, i]) == float(cases.images[(number, *before)])
                count += 1
    assert count == sum(len(each) for each in cases.findings)


def test_on_the_coarse_grid_voxels_lie_at_half_their_place():
    # Without a shift: what is at (k, j, i) of the whole grid lies at half of it, between cells where odd.
    findings = (np.array([[0, 2, 8], [4, 5, 3]]),)
    images = np.zeros((1, *SHAPE), np.float16)
    cases = Cases(images, np.zeros((1, 1)), np.array([1]), findings)
    recipe = recipe_of(coarse_epochs=1, shift_voxels=1, mirrored=False, batch=2)
    (batch,) = Batches(cases, np.array([0]), recipe, 0)
    np.testing.assert_allclose(batch.findings[0], [[0, 1, 4], [2, 2.5, 1.5]])
    shifted = recipe_of(coarse_epochs=1, shift_voxels=3, mirrored=False, batch=2)
    (batch,) = Batches(cases, np.array([0]), shifted, 0)
    shift = np.random.default_rng(mixed(0, 0, 0)).integers(-1, 2, size=3)
    expected = (np.array([[0, 1, 4], [2, 2.5, 1.5]]) + shift) % (3, 4, 5)
    np.testing.assert_allclose(batch.findings[0], expected)
    assert findings[0].tolist() == [[0, 2, 8], [4, 5, 3]]


def test_a_mirrored_finding_lies_as_far_from_the_other_side():
    findings = (np.array([[1, 2, 0], [3, 4, 6]]),)
    cases = Cases(np.zeros((1, *SHAPE), np.float16), np.zeros((1, 1)), np.array([1]), findings)
    found = set()
    for seed in range(12):
        recipe = recipe_of(shift_voxels=0, batch=2)
        (batch,) = Batches(cases, np.array([0]), recipe, seed)
        found.add(str(batch.findings[0].tolist()))
    assert found == {
        "[[1.0, 2.0, 0.0], [3.0, 4.0, 6.0]]",
        "[[1.0, 2.0, 8.0], [3.0, 4.0, 2.0]]",
    }


def test_without_masks_there_are_no_findings(cases):
    plain = Cases(cases.images, cases.metadata, cases.labels)
    assert next(iter(Batches(plain, np.arange(4), recipe_of(), 0))).findings is None


def test_weighted_sampling_draws_by_the_rarity_of_the_label_with_replacement():
    count = 900
    labels = (np.arange(count) % 9 == 0).astype(np.int64)
    cases = Cases(np.zeros((count, 2, 2, 2), np.float16), np.arange(count)[:, None], labels)
    batches = Batches(cases, np.arange(count), recipe_of(sampling="weighted", batch=900), 1)
    (batch,) = batches
    drawn = numbers(batch)
    share = labels[drawn].mean()
    assert len(drawn) == count and abs(share - 0.5) < 0.06
    assert len(set(drawn)) < 0.75 * count
    weights = torch.where(torch.from_numpy(labels) == 1, 1 / 100, 1 / 800).double()
    generator = torch.Generator().manual_seed(mixed(1, 0))
    assert drawn == torch.multinomial(weights, count, True, generator=generator).tolist()


def test_the_whole_and_the_coarse_cases_are_at_hand(cases):
    batches = Batches(cases, np.arange(4), recipe_of(coarse_epochs=2), 0)
    assert batches.at(1) is cases
    np.testing.assert_array_equal(batches.at(2).images, cases.coarsened(2).images)
    with pytest.raises(KeyError):
        Batches(cases, np.arange(4), recipe_of(), 0).at(2)


@pytest.mark.parametrize("factor", [2, 3, 4, 5])
def test_averaging_down_takes_the_mean_of_what_lies_about_each_point(factor):
    values = np.random.default_rng(factor).normal(size=(2, 1, 2 * factor + 1, factor + 1, 7))
    found = coarsen(torch.from_numpy(values), factor).numpy()
    reach = factor // 2
    assert found.shape == (2, 1, 3, 2, 6 // factor + 1)
    for n, _, k, j, i in np.ndindex(found.shape):
        near = tuple(slice(max(0, factor * c - reach), factor * c + reach + 1) for c in (k, j, i))
        assert found[n, 0, k, j, i] == pytest.approx(values[(n, 0, *near)].mean())


def test_cases_are_taken_apart_and_averaged_down_by_row(cases):
    assert cases.coarsened(1) is cases
    coarse = cases.coarsened(2)
    assert coarse.images.dtype == np.float16 and coarse.images.shape == (COUNT, 3, 4, 5)
    for n in (0, COUNT - 1):
        one = coarsen(torch.from_numpy(cases.images[n].astype(np.float32))[None, None], 2)
        np.testing.assert_array_equal(coarse.images[n], one[0, 0].half())
    assert coarse.findings is cases.findings and coarse.labels is cases.labels
    part = cases.subset(np.array([3, 1]))
    np.testing.assert_array_equal(part.images, cases.images[[3, 1]])
    assert part.metadata[:, 0].tolist() == [3, 1]
    assert part.labels.tolist() == cases.labels[[3, 1]].tolist()
    assert part.findings is None
    image, metadata, labels = cases.batch(np.array([5, 2]))
    assert image.shape == (2, 1, *SHAPE) and metadata.shape == (2, 1)
    assert {image.dtype, metadata.dtype, labels.dtype} == {torch.float32}
    np.testing.assert_array_equal(image[:, 0], cases.images[[5, 2]])
    assert metadata[:, 0].tolist() == [5, 2] and labels.tolist() == [1, 1]
    mirrored = cases.mirrored()
    np.testing.assert_array_equal(mirrored.images[..., 0], cases.images[..., -1])
    assert mirrored.images.flags.c_contiguous
