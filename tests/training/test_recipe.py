"""The recipe of a training: its defaults are those of the shipped models; its rates and losses."""

from __future__ import annotations

import json

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from fusion3d_gui.shipped import models_dir
from fusion3d_gui.training.fit.recipe import Recipe, default_recipe


@pytest.mark.parametrize("model", ["demo-add", "demo-concat", "demo-image-only", "demo-multiply"])
def test_a_shipped_models_recipe_can_be_read_again_and_is_what_its_card_says(model):
    folder = models_dir() / model
    metadata = json.loads((folder / "configs" / "metadata.json").read_text(encoding="utf-8"))
    recipe = Recipe(**metadata["training"]["recipe"])
    assert recipe.text in (folder / "docs" / "README.md").read_text(encoding="utf-8")


def test_from_a_bundle_a_training_is_shorter_and_gentler():
    short, whole = default_recipe(from_bundle=True), Recipe()
    assert (short.coarse_epochs, short.epochs, short.coarse_rate) == (2, 1, 1e-3)
    rest = {**whole.to_json(), "coarse_epochs": 2, "epochs": 1, "coarse_rate": 1e-3}
    assert short.to_json() == rest


def test_the_coarse_grid_and_the_whole_one_have_a_cycle_each():
    recipe = Recipe(coarse_epochs=4, epochs=2, coarse_rate=0.8, rate=0.2)
    steps = 10
    # Each begins at 1/25 of its peak, peaks after a quarter and ends at 1/10000 of where it began.
    for start, length, peak in ((0, 40, 0.8), (40, 20, 0.2)):
        assert recipe.rate_at(start, steps) == pytest.approx(peak / 25)
        assert recipe.rate_at(start + length // 4, steps) == pytest.approx(peak)
        assert recipe.rate_at(start + length - 1, steps) == pytest.approx(peak / 25e4)
    assert [recipe.coarseness(epoch) for epoch in range(6)] == [2, 2, 2, 2, 1, 1]
    assert recipe.all_epochs == 6


def test_the_losses_are_focal_with_or_without_alpha_and_plain_cross_entropy():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(40, generator=generator)
    labels = (torch.rand(40, generator=generator) < 0.3).float()
    plain = binary_cross_entropy_with_logits(logits, labels, reduction="none")
    assert Recipe(loss="bce").make_loss()(logits, labels) == pytest.approx(float(plain.mean()))
    chance = torch.sigmoid(logits)
    wrong = torch.where(labels == 1, 1 - chance, chance)
    for gamma in (1.0, 2.0):
        found = Recipe(loss="focal", focal_gamma=gamma).make_loss()(logits, labels)
        assert float(found) == pytest.approx(float((wrong**gamma * plain).mean()), rel=1e-5)
    dynamic = Recipe(loss="focal_dynamic").make_loss()
    assert dynamic.dynamic_alpha and not Recipe().make_loss().dynamic_alpha
    smoothed = Recipe(loss="bce", label_smoothing=0.2).make_loss()(logits, labels)
    expected = binary_cross_entropy_with_logits(logits, labels * 0.8 + 0.1)
    assert float(smoothed) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"loss": "mse"},
        {"sampling": "sorted"},
        {"epochs": 0},
        {"coarse_epochs": -1},
        {"batch": 1},
        {"patience": 0},
        {"rate": 0.0},
        {"rate": 1.01},
        {"coarse_rate": 0.0},
        {"coarse_rate": 2.0},
        {"mask_weight": -0.01},
        {"mask_weight": 100.5},
        {"kernel_symmetry": 1.5},
        {"kernel_symmetry": -0.01},
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match=r"not one of|at least|not 0 to 1|not above 0"):
        Recipe(**wrong)


def test_the_smallest_recipe_is_allowed():
    recipe = Recipe(coarse_epochs=0, epochs=1, batch=2, patience=1)
    assert recipe.coarseness(0) == 1
    assert recipe.rate_at(0, 1) > 0
    Recipe(rate=1.0, coarse_rate=1.0, kernel_symmetry=1.0, mask_weight=100.0)


def test_the_card_names_the_settings():
    text = Recipe(loss="focal_dynamic", focal_gamma=1.5, sampling="weighted", batch=12).text
    for part in (
        "8 epochs on the grid averaged down by 2",
        "batches of 12",
        "γ = 1.5 and α from each",
    ):
        assert part in text
    assert "drawn equally often" in text
    assert "averaged down" not in Recipe(coarse_epochs=0).text
    assert "left-right mirroring" in Recipe().text and "mirror images" not in Recipe().text
    text = Recipe(mirrored=False, kernel_symmetry=0.02).text
    assert "no mirroring" in text and "by 2 % towards the mean of its eight mirror images" in text


def test_the_default_training_in_words_and_numbers():
    recipe = Recipe()
    assert recipe.text == (
        "AdamW with one-cycle schedules: 8 epochs on the grid averaged down by 2 (peak learning rate 0.0015), "
        "then 2 on the whole grid (peak 0.0005); batches of 16; weight decay 0.02; focal loss with γ = 1 and "
        "no α. Augmentation: left-right mirroring, shifts of up to 4 voxels, small changes of contrast."
    )
    assert (recipe.intensity_scale, recipe.intensity_shift) == (0.15, 0.15)
    assert (recipe.patience, recipe.label_smoothing) == (5, 0.0)
