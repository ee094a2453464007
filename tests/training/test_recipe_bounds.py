"""The recipe at the bounds of each setting, its learning rate at every step, and its whole text."""

from __future__ import annotations

import json
import math
import re

import pytest

from fusion3d_gui.training.fit.recipe import (
    COARSENESS,
    LOSSES,
    SAMPLINGS,
    Recipe,
    default_recipe,
)


def test_the_defaults_are_these():
    assert Recipe().to_json() == {
        "coarse_epochs": 8,
        "epochs": 2,
        "coarse_rate": 1.5e-3,
        "rate": 5e-4,
        "batch": 16,
        "loss": "focal",
        "focal_gamma": 1.0,
        "label_smoothing": 0.0,
        "sampling": "shuffled",
        "weight_decay": 0.02,
        "patience": 5,
        "shift_voxels": 4,
        "intensity_scale": 0.15,
        "intensity_shift": 0.15,
        "mirrored": True,
        "kernel_symmetry": 0.0,
        "mask_weight": 0.0,
    }
    assert json.loads(json.dumps(Recipe().to_json())) == Recipe().to_json()
    assert (LOSSES, SAMPLINGS) == (("focal", "focal_dynamic", "bce"), ("shuffled", "weighted"))
    assert COARSENESS == 2
    assert default_recipe(from_bundle=False) == Recipe()
    assert default_recipe(True) == Recipe(coarse_epochs=2, epochs=1, coarse_rate=1e-3)


EPOCHS = "at least one epoch on the whole grid is needed"
STEPS = "batch must be at least 2 and patience at least 1"
RATES = "a peak learning rate is not above 0 and at most 1"


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"loss": "mse"}, "loss is 'mse', not one of focal, focal_dynamic, bce"),
        ({"sampling": "any"}, "sampling is 'any', not one of shuffled, weighted"),
        ({"epochs": 0}, EPOCHS),
        ({"epochs": -1}, EPOCHS),
        ({"epochs": 0, "coarse_epochs": 3}, EPOCHS),
        ({"coarse_epochs": -1}, EPOCHS),
        ({"batch": 1}, STEPS),
        ({"batch": -2}, STEPS),
        ({"patience": 0}, STEPS),
        ({"rate": 0.0}, RATES),
        ({"rate": -0.1}, RATES),
        ({"rate": 1.001}, RATES),
        ({"coarse_rate": 0.0}, RATES),
        ({"coarse_rate": 1.001}, RATES),
        ({"rate": math.nan}, RATES),
        ({"kernel_symmetry": -0.001}, "kernel symmetry is -0.001, not 0 to 1"),
        ({"kernel_symmetry": 1.001}, "kernel symmetry is 1.001, not 0 to 1"),
        ({"mask_weight": -0.001}, "mask weight is -0.001, not 0 to 100"),
        ({"mask_weight": 100.001}, "mask weight is 100.001, not 0 to 100"),
    ],
)
def test_what_is_just_beyond_a_bound_is_refused(wrong, complaint):
    with pytest.raises(ValueError, match=f"^{re.escape(complaint)}$"):
        Recipe(**wrong)


@pytest.mark.parametrize(
    "setting",
    [
        {"epochs": 1},
        {"coarse_epochs": 0},
        {"coarse_epochs": 1},
        {"batch": 2},
        {"batch": 3},
        {"patience": 1},
        {"rate": 1.0},
        {"rate": 0.001, "coarse_rate": 1.0},
        {"coarse_rate": 0.001},
        {"kernel_symmetry": 0.001},
        {"kernel_symmetry": 1.0},
        {"mask_weight": 100.0},
        {"mask_weight": 0.5},
        *({"loss": loss} for loss in LOSSES),
        *({"sampling": sampling} for sampling in SAMPLINGS),
    ],
)
def test_what_is_at_a_bound_is_kept(setting):
    plain = Recipe(**setting).to_json()
    assert plain == {**Recipe().to_json(), **setting}


def by_hand(peak: float, at: int, steps: int) -> float:
    """A cycle's rate: half a cosine from 1/25 to the peak in a quarter, another to 1/250000."""
    rise = steps / 4
    if at < rise:
        share, start, end = at / rise, peak / 25, peak
    else:
        share, start, end = (at - rise) / max(1, steps - 1 - rise), peak, peak / 250_000
    return start + (end - start) * math.sin(math.pi / 2 * min(1, share)) ** 2


@pytest.mark.parametrize("steps", [1, 2, 5, 8])
def test_every_step_has_the_rate_of_its_cycle(steps):
    recipe = Recipe(coarse_epochs=3, epochs=2, coarse_rate=0.6, rate=0.3)
    coarse = [by_hand(0.6, step, 3 * steps) for step in range(3 * steps)]
    whole = [by_hand(0.3, step, 2 * steps) for step in range(2 * steps)]
    found = [recipe.rate_at(step, steps) for step in range(5 * steps)]
    assert found == pytest.approx(coarse + whole, rel=1e-9)
    assert recipe.rate_at(5 * steps + 3, steps) == pytest.approx(0.3 / 250_000)


def test_without_coarse_epochs_the_first_step_is_that_of_the_whole_grid():
    recipe = Recipe(coarse_epochs=0, epochs=1, rate=0.5)
    assert recipe.rate_at(0, 4) == pytest.approx(0.02)
    assert recipe.rate_at(1, 4) == pytest.approx(0.5)
    # Halfway from 1 to 3 down from the peak: the mean of its ends.
    assert recipe.rate_at(2, 4) == pytest.approx((0.5 + 0.5 / 250_000) / 2)
    assert recipe.rate_at(0, 1) == pytest.approx(0.02)
    assert [recipe.coarseness(epoch) for epoch in (0, 1)] == [1, 1]
    assert recipe.all_epochs == 1


def test_the_loss_has_the_recipes_settings():
    for loss, gamma, dynamic in (("bce", 0.0, False), ("focal", 1.7, False)):
        made = Recipe(loss=loss, focal_gamma=1.7, label_smoothing=0.1).make_loss()
        assert (made.gamma, made.dynamic_alpha) == (gamma, dynamic)
        assert (made.alpha, made.label_smoothing) == (None, 0.1)
    made = Recipe(loss="focal_dynamic", focal_gamma=1.7).make_loss()
    assert (made.gamma, made.dynamic_alpha, made.label_smoothing) == (1.7, True, 0.0)


def test_a_recipe_with_everything_in_words():
    recipe = Recipe(
        coarse_epochs=3,
        epochs=4,
        coarse_rate=0.01,
        rate=0.02,
        batch=7,
        loss="focal_dynamic",
        focal_gamma=2.5,
        sampling="weighted",
        weight_decay=0.125,
        shift_voxels=6,
        mirrored=False,
        kernel_symmetry=0.035,
        mask_weight=0.75,
    )
    assert recipe.text == (
        "AdamW with one-cycle schedules: 3 epochs on the grid averaged down by 2 (peak learning rate 0.01), "
        "then 4 on the whole grid (peak 0.02); batches of 7; weight decay 0.125; focal loss with γ = 2.5 and α "
        "from each batch. Both classes are drawn equally often. Augmentation: no mirroring; shifts of up to 6 "
        "voxels, small changes of contrast. After each step every kernel moved by 3.5 % towards the mean of its "
        "eight mirror images, so that maps point at their cause. With a weight of 0.75, a 1 × 1 × 1 convolution "
        "on the last stage also learned from the masks in which cells the lesion lies; it is not part of the "
        "model."
    )


def test_a_recipe_with_the_least_in_words():
    assert Recipe(coarse_epochs=0, epochs=1, loss="bce", batch=2).text == (
        "AdamW with one-cycle schedules: 1 on the whole grid (peak 0.0005); batches of 2; weight decay 0.02; "
        "binary cross-entropy. Augmentation: left-right mirroring, shifts of up to 4 voxels, small changes of "
        "contrast."
    )
