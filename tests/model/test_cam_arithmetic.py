"""Class activation maps of numbers set by hand: weights, combination, cells and refusals, beside numpy and scipy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from torch import nn

from fusion3d_gui.model.attribution.cam import (
    CAM_METHODS,
    STAGES,
    ClassMaps,
    StageTrace,
    Trace,
    class_maps,
    explain,
    free_trace,
    interpolate_cells,
    stages_of,
    trace,
)
from fusion3d_gui.model.attribution.gradcam import cell_affine, pooled_gradient
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.network_config import NetworkConfig


def drawn(seed: int, *shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def maps_by_definition(a: np.ndarray, g: np.ndarray, method: str) -> np.ndarray:
    """The map [B, k, j, i] of a logit with gradients g by activations a, by the papers' formulas, cell by cell."""
    found = np.zeros((a.shape[0], *a.shape[2:]))
    for case in range(a.shape[0]):
        for channel in range(a.shape[1]):
            one, slope = a[case, channel], g[case, channel]
            if method == "gradcam":
                weight = slope.mean()
            elif method == "hirescam":
                weight = slope
            elif method == "layercam":
                weight = np.maximum(slope, 0)
            else:
                below = 2 * slope**2 + one.sum() * slope**3
                weight = (slope**2 / below * np.maximum(slope, 0)).sum()
            found[case] += weight * one
    return np.maximum(found, 0)


@pytest.mark.parametrize("method", CAM_METHODS)
def test_each_method_is_its_papers_formula_for_and_against(method):
    a, g = drawn(0, 2, 3, 2, 3, 4), drawn(1, 2, 3, 2, 3, 4)
    logit = torch.tensor([1.5, -2.0])
    found = class_maps(Trace(logit, {3: StageTrace(a, g, 8, 1.5)}), method, (3,))
    raised = maps_by_definition(a.numpy(), g.numpy(), method)
    lowered = maps_by_definition(a.numpy(), -g.numpy(), method)
    assert raised.max() > 0.1 and lowered.max() > 0.1
    np.testing.assert_allclose(found.raised, raised, atol=1e-12)
    np.testing.assert_allclose(found.lowered, lowered, atol=1e-12)
    np.testing.assert_allclose(found.signed, raised - lowered, atol=1e-12)
    assert (found.stride, found.offset) == (8, 1.5)
    assert found.logit is logit


@pytest.mark.parametrize("method", CAM_METHODS)
def test_one_gradient_for_all_cells_is_that_gradient_in_each(method):
    a, g = drawn(2, 2, 3, 2, 3, 4), drawn(3, 2, 3, 1, 1, 1)
    for_all = class_maps(Trace(torch.zeros(2), {4: StageTrace(a, g, 16)}), method, (4,))
    in_each = StageTrace(a, g.expand_as(a), 16)
    expected = class_maps(Trace(torch.zeros(2), {4: in_each}), method, (4,))
    torch.testing.assert_close(for_all.raised, expected.raised)
    torch.testing.assert_close(for_all.lowered, expected.lowered)
    assert (for_all.offset, for_all.stride) == (0, 16)


def test_a_weight_whose_denominator_is_0_is_0():
    # The activations of channel 0 sum to 2, and a gradient of -1 makes 2 + 2 * -1 = 0; channel 1 has weights.
    a = torch.tensor([[[[[0.5, 1.5]]], [[[1.0, 3.0]]]]])
    g = torch.tensor([[[[[-1.0, -1.0]]], [[[0.5, 0.5]]]]])
    found = class_maps(Trace(torch.zeros(1), {4: StageTrace(a, g, 16)}), "gradcam++", (4,))
    # Channel 1: alpha = 1 / (2 + 4 * 0.5), weight = 2 * alpha * 0.5.
    np.testing.assert_allclose(found.raised, [[[[0.25, 0.75]]]])
    # Against: -g is 1 in channel 0: alpha = 1 / (2 + 2), weight = 2 * alpha; channel 1 has a denominator of 0.
    np.testing.assert_allclose(found.lowered, [[[[0.25, 0.75]]]])


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_denominator_of_0_counts_for_nothing_where_the_gradient_is_above_0(sign):
    # The activations sum to -4, and 2 - 4 * 0.5 = 0.
    a, g = torch.tensor([[[[[-6.0, 1, 1, 0]]]]]), torch.full((1, 1, 1, 1, 1), 0.5)
    found = class_maps(Trace(torch.zeros(1), {4: StageTrace(a, sign * g, 16)}), "gradcam++", (4,))
    assert found.raised.tolist() == found.lowered.tolist() == [[[[0.0] * 4]]]


@pytest.fixture
def two_stages() -> Trace:
    """A stage of stride 4 whose cell 0 lies on voxel 0.5, and one of stride 8, on voxel 2."""
    fine = StageTrace(drawn(4, 2, 3, 5, 6, 7), drawn(5, 2, 3, 5, 6, 7), 4, 0.5)
    coarse = StageTrace(drawn(6, 2, 4, 3, 3, 4), drawn(7, 2, 4, 3, 3, 4), 8, 2.0)
    return Trace(torch.tensor([0.25, 4.0]), {2: fine, 3: coarse})


@pytest.mark.parametrize("stages", [(2, 3), (3, 2)])
@pytest.mark.parametrize("method", CAM_METHODS)
def test_stages_are_combined_where_their_cells_lie(two_stages, method, stages):
    found = class_maps(two_stages, method, stages)
    assert (found.stride, found.offset) == (4, 0.5)
    assert found.logit is two_stages.logit
    cells = np.indices((5, 6, 7)).astype(float)
    own = {stage: class_maps(two_stages, method, (stage,)) for stage in (2, 3)}
    for case in range(2):
        peak = {
            n: float(torch.maximum(one.raised[case], one.lowered[case]).max())
            for n, one in own.items()
        }
        for side in ("raised", "lowered"):
            fine, coarse = (
                np.tanh(2 * getattr(own[n], side)[case].numpy() / peak[n]) for n in (2, 3)
            )
            # Fine cell n lies on voxel 4 n + 0.5, coarse cell m on voxel 8 m + 2.
            at = (4 * cells + 0.5 - 2) / 8
            expected = np.maximum(fine, map_coordinates(coarse, at, order=1, mode="nearest"))
            np.testing.assert_allclose(getattr(found, side)[case], expected, atol=1e-12)


def test_a_stage_without_evidence_takes_nothing_from_the_other(two_stages):
    fine, coarse = two_stages.stages[2], two_stages.stages[3]
    empty = coarse._replace(gradients=torch.zeros_like(coarse.gradients))
    both = class_maps(Trace(two_stages.logit, {2: fine, 3: empty}), "hirescam", (2, 3))
    own = class_maps(two_stages, "hirescam", (2,))
    peak = torch.maximum(own.raised, own.lowered).amax(dim=(1, 2, 3), keepdim=True)
    torch.testing.assert_close(both.raised, torch.tanh(2 * own.raised / peak))
    torch.testing.assert_close(both.lowered, torch.tanh(2 * own.lowered / peak))


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 2, 3), (2, 1, 1)])
@pytest.mark.parametrize(("ratio", "shift"), [(0.5, 0.0), (0.25, -0.6), (0.5, 0.375), (1.0, 0.0)])
def test_cells_are_interpolated_as_scipy_does_and_hold_at_the_ends(shape, ratio, shift):
    coarse = drawn(8, 2, *shape)
    size = (6, 7, 9)
    found = interpolate_cells(coarse, size, ratio, shift)
    at = np.indices(size) * ratio + shift
    for case in range(2):
        expected = map_coordinates(coarse[case].numpy(), at, order=1, mode="nearest")
        np.testing.assert_allclose(found[case], expected, atol=1e-12)
    if not shift:
        torch.testing.assert_close(interpolate_cells(coarse, size, ratio), found)


def test_cells_lie_at_stride_and_offset_along_every_axis_of_the_grid():
    # i, j and k of the grid lie along different axes of the patient.
    grid = np.array([[0, 0, 3.0, 10], [-2.0, 0, 0, 20], [0, 1.5, 0, 30], [0, 0, 0, 1]])
    maps = ClassMaps(torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2, 2), 4, torch.zeros(1), 1.5)
    cell = np.array([1, 2, 3, 1])
    voxel = np.array([4 * 1 + 1.5, 4 * 2 + 1.5, 4 * 3 + 1.5, 1])
    for found in (maps.affine(grid), cell_affine(grid, 4, 1.5)):
        np.testing.assert_allclose(found @ cell, grid @ voxel)
        np.testing.assert_array_equal(found[3], [0, 0, 0, 1])
        assert found.dtype == np.float64
    np.testing.assert_allclose(cell_affine(grid, 4) @ cell, grid @ [4, 8, 12, 1])
    plain = ClassMaps(torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2, 2), 4, torch.zeros(1))
    np.testing.assert_array_equal(plain.affine(grid), cell_affine(grid, 4))


@pytest.fixture(scope="module")
def network() -> LearnedFeatureFusion3D:
    torch.manual_seed(5)
    config = NetworkConfig(fusion="concat", metadata_width=3, width=1 / 16, stem_pool=False)
    return LearnedFeatureFusion3D(config).double().eval()


@pytest.fixture(scope="module")
def case() -> tuple[torch.Tensor, torch.Tensor]:
    return drawn(9, 2, 1, 17, 17, 33), drawn(10, 2, 3)


@pytest.mark.parametrize("stages", [(1,), (2, 4), (4, 1, 3), (4,)])
def test_a_trace_holds_what_autograd_gives_at_each_stage_asked_for(network, case, stages):
    image, metadata = case
    found = trace(network, image, metadata, stages)
    assert list(found.stages) == list(stages)
    kept: dict[int, torch.Tensor] = {}
    hooks = [
        getattr(network.image_branch.backbone, f"layer{n}").register_forward_hook(
            lambda module, inputs, output, n=n: kept.__setitem__(n, output)
        )
        for n in stages
    ]
    logit = network(image, metadata)
    for hook in hooks:
        hook.remove()
    torch.testing.assert_close(found.logit, logit.detach())
    assert not found.logit.requires_grad
    gradients = torch.autograd.grad(logit.sum(), [kept[n] for n in stages])
    for stage, gradient in zip(stages, gradients, strict=True):
        one = found.stages[stage]
        torch.testing.assert_close(one.activations, kept[stage].detach())
        torch.testing.assert_close(one.gradients, gradient)
        assert not one.activations.requires_grad
        assert (one.stride, one.offset) == (2 * 2 ** (stage - 1), 0)


def test_without_stages_it_is_the_last_and_the_default_method_is_gradcam(network, case):
    image, metadata = case
    assert list(trace(network, image, metadata).stages) == [4]
    plain = explain(network, image, metadata)
    judge = class_maps(trace(network, image, metadata, (4,)), "gradcam", (4,))
    torch.testing.assert_close(plain.signed, judge.signed, rtol=0, atol=0)
    assert plain.stride == 16


@pytest.mark.parametrize("stages", [(4,), (3,), (1,), (1, 4), (4, 2)])
def test_progress_counts_the_blocks_of_both_ways_and_the_head(network, case, stages):
    blocks = {n: len(part.blocks) for n, part in zip(STAGES, stages_of(network), strict=True)}
    total = sum(blocks.values()) + sum(blocks[n] for n in STAGES if n > min(stages)) + 1
    seen: list[tuple[float, str]] = []
    trace(network, *case, stages, lambda *told: seen.append(told))
    assert {message for _, message in seen} == {"Explaining"}
    np.testing.assert_allclose([at for at, _ in seen], np.arange(total - 1) / total)
    again: list[tuple[float, str]] = []
    explain(network, *case, "layercam", stages, lambda *told: again.append(told))
    assert again == seen


def test_a_trace_needs_no_gradient_of_its_inputs_and_leaves_none(network, case):
    image, metadata = (each.clone().requires_grad_(True) for each in case)
    trace(network, image, metadata, (2,))
    assert image.grad is None and metadata.grad is None
    assert all(parameter.grad is None for parameter in network.parameters())
    with torch.no_grad():
        found = trace(network, *case, (2,))
    assert float(found.stages[2].gradients.abs().max()) > 0
    assert not any(module._forward_hooks for module in network.modules())


def test_the_trace_of_the_last_stage_comes_of_the_head_alone(network, case):
    image, metadata = case
    with torch.inference_mode():
        out = network.forward_features(image, metadata)
        free = free_trace(network, out.feature_maps, out.pooled, metadata)
    judge = trace(network, image, metadata, (4,))
    assert list(free.stages) == [4]
    one, expected = free.stages[4], judge.stages[4]
    assert one.gradients.shape == (*expected.gradients.shape[:2], 1, 1, 1)
    torch.testing.assert_close(
        one.gradients.expand_as(expected.gradients).clone(), expected.gradients
    )
    torch.testing.assert_close(one.activations.clone(), expected.activations)
    torch.testing.assert_close(free.logit.clone(), judge.logit)
    assert (one.stride, one.offset) == (expected.stride, expected.offset)
    gradient = pooled_gradient(network, out.pooled, metadata)
    assert not gradient.requires_grad
    steps = torch.eye(out.pooled.shape[1], dtype=torch.double) * 1e-5
    with torch.no_grad():
        pooled = out.pooled.clone()
        for channel in (0, 7):
            ends = [
                network.head_from_pooled(pooled + sign * steps[channel], metadata)[-1]
                for sign in (1, -1)
            ]
            slope = (ends[0] - ends[1]) / 2e-5
            torch.testing.assert_close(gradient[:, channel], slope, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("stages", [(), (0,), (5,), (4, 4), (1, 9)])
def test_stages_that_are_none_of_the_four_or_come_twice_are_refused(network, case, stages):
    with pytest.raises(ValueError, match=r"^stages are \(.*\), not different ones of 1 to 4$"):
        trace(network, *case, stages)
    with pytest.raises(ValueError, match="not different ones of 1 to 4"):
        class_maps(Trace(torch.zeros(1), {}), "gradcam", stages)


def test_what_was_not_traced_and_unknown_methods_are_named(two_stages):
    with pytest.raises(ValueError, match=r"^stage 4 was not traced$"):
        class_maps(two_stages, "gradcam", (2, 4))
    with pytest.raises(ValueError, match=r"^method is 'cam', not one of gradcam, gradcam\+\+"):
        class_maps(two_stages, "cam", (2,))


def test_a_network_in_training_and_one_without_stages_have_no_maps(network, case):
    with pytest.raises(ValueError, match="maps are made in eval mode"):
        trace(LearnedFeatureFusion3D(network.config).train(), *case)

    class WithoutStages(nn.Module):
        stages = ()

    changed = LearnedFeatureFusion3D(network.config).eval()
    changed.image_branch.backbone = WithoutStages()
    with pytest.raises(ValueError, match="no convolutional stages"):
        stages_of(changed)
