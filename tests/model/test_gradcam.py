"""Grad-CAM against MONAI's, and the place of its cells against the network's receptive field."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.visualize import GradCAM
from torch import nn

from fusion3d_gui.model.attribution.cam import class_maps, free_trace
from fusion3d_gui.model.attribution.gradcam import cell_affine
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.network_config import FUSIONS, NetworkConfig


class WithFixedMetadata(nn.Module):
    """MONAI's GradCAM passes one input and expects [B, classes]."""

    def __init__(self, network, metadata):
        super().__init__()
        self.network, self.metadata = network, metadata

    def forward(self, image):
        return self.network(image, self.metadata)[:, None]


@pytest.mark.parametrize("fusion", FUSIONS)
def test_equals_monais_gradcam_without_a_backward_pass_through_the_convolutions(fusion):
    torch.manual_seed(1)
    width = 0 if fusion == "image_only" else 5
    network = LearnedFeatureFusion3D(
        NetworkConfig(fusion=fusion, metadata_width=width, width=1 / 16, stem_pool=False)
    ).eval()
    with torch.no_grad():
        # A random head may give an all-negative map, which would compare zeros with zeros.
        network.classifier[-1].weight.abs_()
    image = torch.randn(1, 1, 49, 65, 49)
    metadata = None if fusion == "image_only" else torch.randn(1, 5)
    with torch.inference_mode():
        out = network.forward_features(image, metadata)
        ours = class_maps(
            free_trace(network, out.feature_maps, out.pooled, metadata), "gradcam", (4,)
        ).raised
    method = GradCAM(
        nn_module=WithFixedMetadata(network, metadata),
        target_layers="network.image_branch.backbone.layer4",
    )
    theirs = method.compute_map(image, class_idx=0)[:, 0]
    assert ours.shape == theirs.shape == (1, 4, 5, 4)
    assert float(ours.max()) > 0
    torch.testing.assert_close(ours / ours.max(), theirs.detach() / theirs.max(), atol=1e-4, rtol=0)


def test_a_head_set_by_hand_gives_the_map_known_beforehand():
    network = LearnedFeatureFusion3D(NetworkConfig(fusion="image_only", width=1 / 16)).eval()
    channels = network.config.feature_channels
    with torch.no_grad():
        for parameter in [
            *network.image_branch.embed.parameters(),
            *network.classifier.parameters(),
        ]:
            parameter.zero_()
        network.image_branch.embed[0].weight[0, 3] = 2.0  # embedding 0 = relu(2 × pooled channel 3)
        network.classifier[0].weight[0, 0] = 1.0
        network.classifier[3].weight[0, 0] = 5.0
    maps = torch.rand(1, channels, 2, 3, 4)
    out = network.head(maps)
    assert out.logit.item() == pytest.approx(10 * maps[0, 3].mean().item(), rel=1e-5)
    cam = class_maps(free_trace(network, maps, out.pooled, None), "gradcam", (4,)).raised
    torch.testing.assert_close(cam[0], 10 * maps[0, 3] / 24)


@pytest.mark.parametrize(("stem_stride", "stem_pool"), [(2, False), (2, True), (1, True)])
def test_a_cell_lies_where_its_receptive_field_is_centred(stem_stride, stem_pool):
    torch.manual_seed(0)
    network = LearnedFeatureFusion3D(
        NetworkConfig(
            fusion="image_only", width=1 / 16, stem_stride=stem_stride, stem_pool=stem_pool
        )
    ).double()
    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
        if isinstance(module, nn.MaxPool3d):
            module.register_forward_hook(
                lambda m, inputs, _: nn.functional.avg_pool3d(inputs[0], 3, 2, 1)
            )
    network.eval()
    stride = network.config.total_stride
    cells = 17
    # Thin across, and long enough along k for the middle cell to see no end.
    image = torch.ones(1, 1, 1 + stride * (cells - 1), 8, 8, dtype=torch.double, requires_grad=True)
    maps = network.image_branch.features(image)
    assert maps.shape[2] == cells
    middle = cells // 2
    (gradient,) = torch.autograd.grad(maps[0, :, middle, 0, 0].sum(), image)
    weight = gradient[0, 0].sum(dim=(1, 2)).numpy()
    centre = float((weight * np.arange(len(weight))).sum() / weight.sum())
    grid_affine = np.diag([2.0, 2.0, 3.0, 1.0])
    grid_affine[:3, 3] = [5, 6, 7]
    lps = cell_affine(grid_affine, stride) @ np.array([0, 0, middle, 1])
    assert lps[2] == pytest.approx(3 * centre + 7, abs=0.05 * stride)
    assert lps[:2] == pytest.approx([5, 6])
