"""The maps that the sanity checks make again: beside the methods themselves, by side, stage and cell."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr

from fusion3d_gui.inference.explain.checked_map import CamOfStages, InputGradient
from fusion3d_gui.model.attribution.cam import CAM_METHODS, explain
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.network_config import NetworkConfig
from fusion3d_gui.progress import no_progress

SHAPE = (33, 17, 49)
RNG = np.random.default_rng(6)
VOXELS = RNG.normal(size=SHAPE).astype(np.float32)
TISSUE = RNG.random(SHAPE) > 0.3
CODE = torch.from_numpy(RNG.normal(size=(1, 3)).astype(np.float32))


@pytest.fixture(scope="module")
def network() -> LearnedFeatureFusion3D:
    torch.manual_seed(8)
    config = NetworkConfig(fusion="concat", metadata_width=3, width=1 / 16, stem_pool=False)
    return LearnedFeatureFusion3D(config).eval()


def cells(shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """Nearest voxels of cells that span the grid from its first voxel to its last."""
    return np.ix_(
        *(np.rint(np.linspace(0, n - 1, m)).astype(int) for m, n in zip(shape, SHAPE, strict=True))
    )


def cam(network, method: str, stages: tuple[int, ...]):
    maps = explain(network, torch.from_numpy(VOXELS)[None, None], CODE, method, stages)
    return maps.raised[0].numpy(), maps.lowered[0].numpy()


@pytest.mark.parametrize("side", ["raised", "lowered"])
@pytest.mark.parametrize(("method", "stages"), [("layercam", (3,)), ("gradcam", (2, 4))])
def test_the_evidence_of_stages_is_the_map_with_its_side_as_positive(network, method, stages, side):
    found = CamOfStages(CODE, side, TISSUE, method, stages).evidence(network, VOXELS)
    raised, lowered = cam(network, method, stages)
    expected = raised - lowered if side == "raised" else lowered - raised
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())
    assert np.abs(expected).max() > 0


@pytest.mark.parametrize("side", ["raised", "lowered"])
def test_other_methods_are_compared_at_the_same_stages_over_tissue(network, side):
    checked = CamOfStages(CODE, side, TISSUE, "hirescam", (2,))
    found = checked.agreement(network, VOXELS, no_progress)
    assert list(found) == [method for method in CAM_METHODS if method != "hirescam"]
    number = ["raised", "lowered"].index(side)
    own = cam(network, "hirescam", (2,))[number]
    at = TISSUE[cells(own.shape)]
    for method, likeness in found.items():
        other = cam(network, method, (2,))[number]
        assert likeness == pytest.approx(spearmanr(own[at], other[at]).statistic, abs=1e-6)


def test_cells_of_chance_are_those_of_the_map_in_another_order():
    own = np.arange(24.0).reshape(2, 3, 4)
    checked = CamOfStages(CODE, "raised", TISSUE, "gradcam", (4,))
    one, other = (checked.random(SHAPE, own, np.random.default_rng(n)) for n in (0, 1))
    assert one.shape == own.shape
    assert sorted(one.ravel()) == sorted(own.ravel())
    assert not np.array_equal(one, own) and not np.array_equal(one, other)
    again = checked.random(SHAPE, own, np.random.default_rng(0))
    np.testing.assert_array_equal(one, again)
    # Over the whole map, not along one axis only.
    assert any(len({int(v) // 12 for v in plane.ravel()}) == 2 for plane in one)
    assert any(len({int(v) % 4 for v in row}) > 1 for row in one.transpose(2, 0, 1).reshape(4, -1))


def input_gradient(network) -> np.ndarray:
    """Gradient × input within tissue, smoothed by SciPy with a Gaussian of 8 mm at 4 mm, within tissue."""
    image = torch.from_numpy(VOXELS)[None, None].requires_grad_(True)
    (gradient,) = torch.autograd.grad(network(image, CODE).sum(), image)
    signed = (gradient * image)[0, 0].detach().numpy() * TISSUE
    return gaussian_filter(signed, 2.0, mode="constant", truncate=4.0) * TISSUE


@pytest.mark.parametrize("side", ["raised", "lowered"])
def test_the_gradient_is_smoothed_within_tissue_and_turned_to_its_side(network, side):
    found = InputGradient(CODE, side, TISSUE, 4.0).evidence(network, VOXELS)
    expected = input_gradient(network) * (1 if side == "raised" else -1)
    np.testing.assert_allclose(found, expected, atol=0.02 * np.abs(expected).max())
    assert np.abs(found[~TISSUE]).max() == 0


@pytest.mark.parametrize("side", ["raised", "lowered"])
def test_the_gradient_is_compared_with_maps_of_the_last_stage_at_their_cells(network, side):
    checked = InputGradient(CODE, side, TISSUE, 4.0)
    found = checked.agreement(network, VOXELS, no_progress)
    assert list(found) == list(CAM_METHODS)
    own = np.maximum(checked.evidence(network, VOXELS), 0)
    for method, likeness in found.items():
        other = cam(network, method, (4,))[["raised", "lowered"].index(side)]
        at = cells(other.shape)
        inside = TISSUE[at]
        expected = spearmanr(own[at][inside], other[inside]).statistic
        assert likeness == pytest.approx(0 if np.isnan(expected) else expected, abs=1e-6)
    assert any(found.values())


def test_noise_lies_within_tissue_and_is_smoothed_as_the_gradient_is():
    checked = InputGradient(None, "raised", TISSUE, 4.0)
    found = checked.random(SHAPE, VOXELS, np.random.default_rng(9))
    noise = np.random.default_rng(9).standard_normal(SHAPE) * TISSUE
    expected = gaussian_filter(noise, 2.0, mode="constant", truncate=4.0) * TISSUE
    np.testing.assert_allclose(found, expected, atol=0.02 * np.abs(expected).max())
    assert np.abs(found[~TISSUE]).max() == 0


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 2, 2), (5, 3, 7), SHAPE])
def test_cells_of_a_coarse_map_lie_from_end_to_end_of_the_grid(shape):
    one, other = RNG.normal(size=shape), RNG.normal(size=shape)
    tissue = np.zeros(SHAPE, bool)
    tissue[cells(shape)] = RNG.random(shape) > 0.2
    tissue[0, 0, :] = True
    checked = InputGradient(None, "raised", tissue, 4.0)
    # Cells of an axis of one lie at its beginning.
    at = tissue[cells(shape)]
    expected = spearmanr(one[at], other[at]).statistic
    assert checked.likeness(one, other) == pytest.approx(expected)


@pytest.mark.parametrize("which", [0, 1])
def test_a_map_that_is_constant_within_tissue_is_like_none(which):
    tissue = np.zeros(SHAPE, bool)
    tissue[:, :8] = True
    one, other = RNG.normal(size=(2, *SHAPE))
    pair = [one, other]
    pair[which] = np.where(tissue, 3.0, pair[which])
    assert InputGradient(None, "raised", tissue, 4.0).likeness(*pair) == 0.0
    assert InputGradient(None, "raised", tissue, 4.0).likeness(one, one) == pytest.approx(1)


def test_progress_of_the_pass_is_passed_on(network):
    seen: list[float] = []
    note = lambda at, message: seen.append(at)  # noqa: E731
    CamOfStages(CODE, "raised", TISSUE, "layercam", (3,)).evidence(network, VOXELS, note)
    count = len(seen)
    assert count > 1
    CamOfStages(CODE, "raised", TISSUE, "layercam", (3,)).agreement(network, VOXELS, note)
    assert len(seen) == 2 * count
    InputGradient(CODE, "raised", TISSUE, 4.0).evidence(network, VOXELS, note)
    assert len(seen) > 2 * count
