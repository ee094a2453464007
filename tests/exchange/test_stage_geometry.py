"""Where the cells of MONAI's networks lie, against the centre of mass of what reaches them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fusion3d_gui.model.network.architectures import checked_options
from fusion3d_gui.model.network.monai_backbone import MonaiBackbone


def averaging(backbone: MonaiBackbone) -> MonaiBackbone:
    """The same strides and paddings with equal positive weights, mean for max pooling, and no gates."""
    for name, module in list(backbone.named_modules()):
        if isinstance(module, nn.Conv3d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
        elif isinstance(module, nn.BatchNorm3d):
            module.reset_parameters()
        elif isinstance(module, nn.MaxPool3d):
            parent = backbone.get_submodule(name.rpartition(".")[0])
            setattr(
                parent,
                name.rpartition(".")[2],
                nn.AvgPool3d(3, 2, module.padding, ceil_mode=module.ceil_mode),
            )
        elif type(module).__name__ == "MBConvBlock":
            module.has_se = False
        elif "SELayer" in type(module).__name__:
            module.add_residual = False
    return backbone.eval()


@pytest.mark.parametrize(
    ("name", "channels", "stages"),
    [
        ("resnet10", 512, (1, 2, 3)),
        ("densenet121", 1024, (1, 2, 3)),
        ("efficientnet-b0", 1280, (1, 2)),
    ],
)
def test_a_cell_is_centred_on_the_voxels_that_reach_it(name, channels, stages):
    options = {"conv1_t_stride": 2} if name == "resnet10" else {}
    torch.manual_seed(0)
    backbone = averaging(MonaiBackbone(name, checked_options(name, options), channels))
    recorded = {}
    for number in stages:
        stage = backbone.stages[number - 1]
        stage.module.register_forward_hook(
            lambda module, given, output, number=number: recorded.update({number: output})
        )
    # Flat along two axes, which costs little: one axis tells.
    image = torch.ones(1, 1, 129, 33, 33, requires_grad=True)
    backbone(image)
    for number in stages:
        stage, maps = backbone.stages[number - 1], recorded[number]
        cell = maps.shape[2] // 2
        (gradient,) = torch.autograd.grad(maps[0, :, cell].sum(), image, retain_graph=True)
        reach = gradient[0, 0].sum(dim=(1, 2))
        centre = float((reach * torch.arange(129)).sum() / reach.sum())
        assert stage.stride * cell + stage.offset == pytest.approx(centre, abs=0.05 * stage.stride)
