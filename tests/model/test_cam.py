"""Class activation maps at every stage against MONAI, Captum, and known answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam, LayerGradientXActivation
from monai.visualize import GradCAM, GradCAMpp
from scipy.ndimage import map_coordinates
from torch import nn

from fusion3d_gui.errors import Cancelled
from fusion3d_gui.model.attribution.cam import (
    CAM_METHODS,
    STAGES,
    class_maps,
    explain,
    free_trace,
    interpolate_cells,
    stages_of,
    trace,
)
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.network_config import FUSIONS, NetworkConfig


class WithFixedMetadata(nn.Module):
    """The judges pass one input and expect [B, classes]; the sign of the logit can be turned."""

    def __init__(self, network, metadata, sign=1.0):
        super().__init__()
        self.network, self.metadata, self.sign = network, metadata, sign

    def forward(self, image):
        return self.sign * self.network(image, self.metadata)[:, None]


def network_for(fusion: str = "concat", seed: int = 3) -> LearnedFeatureFusion3D:
    torch.manual_seed(seed)
    width = 0 if fusion == "image_only" else 5
    network = LearnedFeatureFusion3D(
        NetworkConfig(fusion=fusion, metadata_width=width, width=1 / 16, stem_pool=False)
    )
    with torch.no_grad():
        # Large gradients, so that the small constants which the judges add to denominators vanish.
        network.classifier[-1].weight.mul_(1e6)
    return network.double().eval()


def case_for(network: LearnedFeatureFusion3D, count: int = 2):
    torch.manual_seed(4)
    image = torch.randn(count, 1, 33, 49, 33, dtype=torch.double)
    if network.config.fusion == "image_only":
        return image, None
    return image, torch.randn(count, 5, dtype=torch.double)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("stage", STAGES)
def test_gradcam_and_hirescam_equal_captums_at_every_stage_for_and_against(stage, sign):
    network = network_for()
    image, metadata = case_for(network)
    traced = trace(network, image, metadata, (stage,))
    wrapped = WithFixedMetadata(network, metadata, sign)
    layer = getattr(network.image_branch.backbone, f"layer{stage}")
    judges = {
        "gradcam": LayerGradCam(wrapped, layer).attribute(image, target=0)[:, 0],
        # The gradient of each cell times its activation, over the channels: HiResCAM.
        "hirescam": LayerGradientXActivation(wrapped, layer).attribute(image, target=0).sum(1),
    }
    for method, theirs in judges.items():
        maps = class_maps(traced, method, (stage,))
        strongest = float(theirs.detach().abs().max())
        assert strongest > 0
        close(maps.raised if sign > 0 else maps.lowered, torch.relu(theirs.detach()), strongest)
        close(sign * maps.signed, theirs.detach(), strongest)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("stage", STAGES)
def test_layercam_and_gradcam_plus_plus_equal_the_papers_formulas(stage, sign):
    network = network_for()
    image, metadata = case_for(network)
    kept = []
    layer = getattr(network.image_branch.backbone, f"layer{stage}")
    hook = layer.register_forward_hook(lambda m, i, output: kept.append(output))
    logit = sign * network(image, metadata)
    hook.remove()
    (gradient,) = torch.autograd.grad(logit.sum(), kept[0])
    a, g = kept[0].detach().numpy(), gradient.numpy()
    # Jiang et al. 2021, eqs. 5-6; Chattopadhay et al. 2018, eqs. 10 and 19.
    layercam = (np.maximum(g, 0) * a).sum(1)
    total = a.sum(axis=(2, 3, 4), keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        alpha = np.where(g != 0, g**2 / (2 * g**2 + total * g**3), 0)
    weights = (alpha * np.maximum(g, 0)).sum(axis=(2, 3, 4), keepdims=True)
    plus_plus = (weights * a).sum(1)
    traced = trace(network, image, metadata, (stage,))
    for method, theirs in (("layercam", layercam), ("gradcam++", plus_plus)):
        maps = class_maps(traced, method, (stage,))
        assert theirs.max() > 0
        close(
            maps.raised if sign > 0 else maps.lowered, torch.from_numpy(theirs), float(theirs.max())
        )


def close(found: torch.Tensor, expected: torch.Tensor, strongest: float) -> None:
    torch.testing.assert_close(found, expected, atol=1e-9 * strongest, rtol=0)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("fusion", FUSIONS)
def test_gradcam_equals_monais_at_every_stage_and_in_every_fusion_mode(fusion, stage):
    network = network_for(fusion)
    image, metadata = case_for(network, 1)
    ours = explain(network, image, metadata, "gradcam", (stage,))
    wrapped = WithFixedMetadata(network, metadata)
    method = GradCAM(wrapped, f"network.image_branch.backbone.layer{stage}")
    theirs = method.compute_map(image, class_idx=0)[:, 0].detach()
    strongest = float(torch.maximum(ours.raised, ours.lowered).max())
    assert strongest > 0
    torch.testing.assert_close(ours.raised, theirs, atol=1e-5 * strongest, rtol=0)


def test_gradcam_plus_plus_equals_monais_at_the_last_stage_up_to_its_scale():
    # MONAI's sums A·g³ where the paper has (sum of A)·g³: the same where g is the same in all cells.
    network = network_for("image_only")
    with torch.no_grad():
        network.classifier[-1].weight.abs_()
        image, _ = case_for(network, 1)
        network.classifier[-1].bias -= network(image)  # MONAI takes exp(logit): keep it at 1
    ours = explain(network, image, None, "gradcam++").raised
    theirs = GradCAMpp(
        WithFixedMetadata(network, None), "network.image_branch.backbone.layer4"
    ).compute_map(image, class_idx=0)[:, 0]
    assert float(ours.max()) > 0
    theirs = theirs.detach()
    torch.testing.assert_close(ours / ours.max(), theirs / theirs.max(), atol=1e-4, rtol=0)


def test_at_the_last_stage_the_maps_equal_those_of_the_heads_gradient_alone():
    network = network_for()
    image, metadata = case_for(network)
    with torch.inference_mode():
        out = network.forward_features(image, metadata)
        free = class_maps(
            free_trace(network, out.feature_maps, out.pooled, metadata), "gradcam", (4,)
        )
        maps = explain(network, image, metadata)
    torch.testing.assert_close(maps.raised, free.raised)
    torch.testing.assert_close(free.logit, out.logit)
    torch.testing.assert_close(maps.logit, out.logit)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_tensors_made_in_inference_mode_are_traced_like_any_other(fusion):
    network = network_for(fusion)
    image, metadata = case_for(network)
    expected = trace(network, image, metadata, STAGES)
    with torch.inference_mode():
        image = image.clone()
        metadata = None if metadata is None else metadata.clone()
    found = trace(network, image, metadata, STAGES)
    torch.testing.assert_close(found.logit, expected.logit)
    for stage in STAGES:
        for method in CAM_METHODS:
            torch.testing.assert_close(
                class_maps(found, method, (stage,)).signed,
                class_maps(expected, method, (stage,)).signed,
            )


@pytest.mark.parametrize("stage", STAGES)
def test_a_case_gets_the_same_map_alone_and_in_a_batch(stage):
    network = network_for()
    image, metadata = case_for(network, 3)
    together = explain(network, image, metadata, "layercam", (stage,)).signed
    alone = explain(network, image[1:2], metadata[1:2], "layercam", (stage,)).signed
    torch.testing.assert_close(together[1:2], alone)


def test_what_lowers_the_logit_is_what_raises_its_negative():
    network = network_for()
    image, metadata = case_for(network)
    before = {m: explain(network, image, metadata, m, (3,)) for m in CAM_METHODS}
    with torch.no_grad():
        network.classifier[-1].weight.neg_()
        network.classifier[-1].bias.neg_()
    for method, maps in before.items():
        turned = explain(network, image, metadata, method, (3,))
        torch.testing.assert_close(turned.raised, maps.lowered)
        torch.testing.assert_close(turned.signed, -maps.signed)


@pytest.mark.parametrize("stem", [(2, False), (2, True), (1, True)])
@pytest.mark.parametrize("stage", STAGES)
def test_a_stages_cells_lie_where_their_receptive_fields_are_centred(stem, stage):
    network = LearnedFeatureFusion3D(
        NetworkConfig("image_only", width=1 / 16, stem_stride=stem[0], stem_pool=stem[1])
    ).double()
    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
        if isinstance(module, nn.MaxPool3d):
            module.register_forward_hook(
                lambda m, inputs, _: nn.functional.avg_pool3d(inputs[0], 3, 2, 1)
            )
    network.eval()
    stride = stages_of(network)[stage - 1].stride
    assert stride == stem[0] * (2 if stem[1] else 1) * 2 ** (stage - 1)
    middle = 8 * 2 ** (4 - stage)
    length = 1 + network.config.total_stride * 16
    image = torch.ones(1, 1, length, 8, 8, dtype=torch.double, requires_grad=True)
    kept = []
    layer = getattr(network.image_branch.backbone, f"layer{stage}")
    layer.register_forward_hook(lambda m, i, output: kept.append(output))
    network.image_branch.features(image)
    (gradient,) = torch.autograd.grad(kept[0][0, :, middle, 0, 0].sum(), image)
    weight = gradient[0, 0].sum(dim=(1, 2)).numpy()
    centre = float((weight * np.arange(length)).sum() / weight.sum())
    maps = explain(network, image.detach(), None, "gradcam", (stage,))
    assert maps.raised.shape[1] == 16 * 2 ** (4 - stage) + 1
    lps = maps.affine(np.diag([2.0, 2.0, 3.0, 1.0])) @ np.array([0, 0, middle, 1])
    assert lps[2] == pytest.approx(3 * centre, abs=0.05 * stride)


def test_interpolated_cells_equal_scipys_in_patient_space():
    rng = np.random.default_rng(0)
    coarse = rng.random((1, 3, 4, 3))
    found = interpolate_cells(torch.from_numpy(coarse), (9, 13, 10), 1 / 4)
    index = np.stack(np.meshgrid(*(np.arange(n) / 4 for n in (9, 13, 10)), indexing="ij"))
    expected = map_coordinates(coarse[0], index, order=1, mode="nearest")
    np.testing.assert_allclose(found[0].numpy(), expected, atol=1e-12)


def test_combined_stages_keep_the_fine_grid_and_the_coarse_evidence():
    network = network_for()
    image, metadata = case_for(network)
    traced = trace(network, image, metadata, (3, 4))
    both = class_maps(traced, "layercam", (4, 3))
    fine = class_maps(traced, "layercam", (3,))
    assert both.stride == fine.stride == 8
    assert both.raised.shape == fine.raised.shape
    largest = torch.maximum(both.raised, both.lowered).amax(dim=(1, 2, 3))
    torch.testing.assert_close(largest, torch.full_like(largest, np.tanh(2.0)))
    # The strongest cell of each stage is as strong in the combination, at its own place.
    for stage, step in ((3, 1), (4, 2)):
        own = class_maps(traced, "layercam", (stage,))
        for case in range(len(image)):
            raised = own.raised[case]
            if raised.max() >= own.lowered[case].max():
                place = np.unravel_index(int(raised.argmax()), raised.shape)
                value = both.raised[(case, *(step * n for n in place))]
                assert float(value) == pytest.approx(np.tanh(2.0), abs=1e-6)


def test_an_empty_map_stays_empty_in_the_combination():
    network = network_for("image_only")
    with torch.no_grad():
        network.classifier[-1].weight.zero_()
    image, _ = case_for(network, 1)
    for method in CAM_METHODS:
        maps = explain(network, image, None, method, (2, 4))
        assert float(maps.raised.abs().max()) == float(maps.lowered.abs().max()) == 0


def test_the_way_back_can_be_cancelled_and_leaves_no_hook_behind():
    network = network_for("image_only")
    image, _ = case_for(network, 1)
    seen: list[float] = []
    explain(network, image, None, "layercam", (1,), lambda f, _: seen.append(f))
    # From 0 in equal steps; of the last, which ends it, nothing is said.
    np.testing.assert_allclose(seen, np.arange(len(seen)) / (len(seen) + 1))
    calls = 0

    def late(fraction: float, message: str) -> None:
        nonlocal calls
        calls += 1
        if calls == len(seen):
            raise Cancelled

    with pytest.raises(Cancelled):
        explain(network, image, None, "layercam", (1,), late)
    assert not any(module._forward_hooks for module in network.modules())


@pytest.mark.parametrize("stage", STAGES)
def test_progress_is_reported_and_can_cancel_after_each_block_of_the_way_back(stage):
    network = network_for("image_only")
    image, _ = case_for(network, 1)
    backbone = network.image_branch.backbone
    back = sum(len(getattr(backbone, f"layer{later}")) for later in STAGES if later > stage)
    head_is_done = False

    def head_done(*_: object) -> None:
        nonlocal head_is_done
        head_is_done = True

    network.classifier[-1].register_forward_hook(head_done)
    seen: list[float] = []

    def note(fraction: float, message: str) -> None:
        if head_is_done:
            seen.append(fraction)
            if len(seen) == cancel_at:
                raise Cancelled

    cancel_at = 0
    trace(network, image, None, (stage,), note)
    assert len(seen) == back
    assert seen == sorted(set(seen))
    for cancel_at in range(1, back + 1):
        head_is_done, seen = False, []
        with pytest.raises(Cancelled):
            trace(network, image, None, (stage,), note)
        assert len(seen) == cancel_at


def test_wrong_stages_methods_and_training_mode_are_refused():
    network = network_for("image_only")
    image, _ = case_for(network, 1)
    for stages in ((), (0,), (5,), (4, 4)):
        with pytest.raises(ValueError, match="stages"):
            explain(network, image, None, "gradcam", stages)
    with pytest.raises(ValueError, match="method"):
        explain(network, image, None, "smoothcam", (4,))
    with pytest.raises(ValueError, match="not traced"):
        class_maps(trace(network, image, None, (4,)), "gradcam", (3,))
    with pytest.raises(ValueError, match="eval"):
        explain(network.train(), image)
