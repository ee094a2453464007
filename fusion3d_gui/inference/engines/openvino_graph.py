"""``build_graph``: OpenVINO's graph of the image branch.

It is built from the module itself, in the order of
:meth:`~fusion3d_gui.model.network.fusion.ImageBranch.features` and of its residual block, so that nothing
is converted through files. It is not traced by torch.fx: that replaces ``nn.Module.__call__`` for all
threads meanwhile, which would block what-if analyses, and leaks memory each time.

The convolutions are plain ones. Winograd's F(2, 3) along k, and the first layer's taps as channels, were
tried and did not pay at width 1 (97³, 20 alternating runs, two threads of a busy machine): medians 1.06 s
against 1.02 s of the plain graph, and 1.74 s against 1.70 s in a second series; of processor time 0.52 s
against 0.51 s. Only the fastest of the 20 was 13 % faster in the one series, and slower in the other.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from fusion3d_gui.model.network.fusion import ImageBranch
from fusion3d_gui.model.network.resnet import Bottleneck, ResNet50

if TYPE_CHECKING:
    # OpenVINO has no type hints for these; the aliases name the kind of value.
    Node = Any
    Model = Any


def import_openvino() -> ModuleType:
    """Import OpenVINO without its telemetry.

    Importing the package reports the import to its makers over the network unless its telemetry
    package is missing; a program that opens patients' scans contacts nobody, so here it is missing.

    Raises
    ------
    ImportError
        Where OpenVINO is not installed.
    """
    if "openvino" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino

    module: ModuleType = openvino
    return module


def build_graph(branch: ImageBranch, shape: tuple[int, ...]) -> Model:
    """Build OpenVINO's model of the branch's convolutions.

    Parameters
    ----------
    branch
        In eval mode; batch norms are folded into the convolutions before them.
    shape
        Of the input, [B, 1, k, j, i].

    Raises
    ------
    RuntimeError
        For an activation that is not known here.
    """
    openvino = import_openvino()
    from openvino import opset13 as ops

    image = ops.parameter(list(shape), dtype=np.float32, name="image")
    layers, net = Layers(ops), branch.backbone
    assert isinstance(net, ResNet50)
    maps = layers.activated(net.act, layers.convolved(net.conv1, net.bn1, image))
    if not net.no_max_pool:
        maps = layers.pooled(net.maxpool, maps)
    for stage in (net.layer1, net.layer2, net.layer3, net.layer4):
        maps = layers.stage(stage, maps)
    return openvino.Model([maps], [image], "image_branch")


class Layers:
    """The network's layers by OpenVINO's operations; batch norms as they stand in eval mode."""

    def __init__(self, ops: ModuleType) -> None:
        self.ops = ops

    def stage(self, blocks: Iterable[nn.Module], x: Node) -> Node:
        """A stage: its residual blocks one after the other."""
        for block in blocks:
            assert isinstance(block, Bottleneck)
            x = self.block(block, x)
        return x

    def block(self, of: Bottleneck, x: Node) -> Node:
        """A residual block: 1³, 3³ and 1³ convolutions, added to the shortcut."""
        return self.block_maps(of, x)[-1]

    def block_maps(self, of: Bottleneck, x: Node) -> tuple[Node, Node, Node]:
        """A residual block's maps after each of its three activations; the last leave the block."""
        first = self.activated(of.act, self.convolved(of.conv1, of.bn1, x))
        second = self.activated(of.act, self.convolved(of.conv2, of.bn2, first))
        inner = self.convolved(of.conv3, of.bn3, second)
        if isinstance(of.downsample, nn.Sequential):
            conv, norm = of.downsample
            assert isinstance(conv, nn.Conv3d) and isinstance(norm, nn.BatchNorm3d)
            x = self.convolved(conv, norm, x)
        return first, second, self.activated(of.act, self.ops.add(inner, x))

    def convolved(self, of: nn.Conv3d, norm: nn.BatchNorm3d, x: Node) -> Node:
        """The convolution and the batch norm after it."""
        weights, bias = folded(of, norm)
        kernel = self.ops.constant(np.ascontiguousarray(weights, np.float32))
        pads = [int(pad) for pad in of.padding]
        found = self.ops.convolution(x, kernel, list(of.stride), pads, pads, [1, 1, 1])
        return self.ops.add(found, bias.astype(np.float32).reshape(1, -1, 1, 1, 1))

    def activated(self, of: nn.Module, x: Node) -> Node:
        """The activation; only ReLU is known."""
        if not isinstance(of, nn.ReLU):
            raise RuntimeError(f"OpenVINO's graph knows no {type(of).__name__}")
        return self.ops.relu(x)

    def pooled(self, of: nn.MaxPool3d, x: Node) -> Node:
        """Max pooling."""
        # Later operation sets have a second output, the indices.
        from openvino import opset1

        kernel, stride, pad = (
            [value] * 3 if isinstance(value, int) else list(value)
            for value in (of.kernel_size, of.stride, of.padding)
        )
        return opset1.max_pool(x, stride, pad, pad, kernel, "floor")


def folded(of: nn.Conv3d, norm: nn.BatchNorm3d) -> tuple[np.ndarray, np.ndarray]:
    """The convolution's kernels and bias with the batch norm after it in them, in float64."""
    assert of.bias is None
    assert norm.running_mean is not None and norm.running_var is not None
    # By NumPy: PyTorch takes twice as long for so few numbers, and on a busy machine its threads wait for one another.
    gain, shift, mean, variance, weights = (
        value.detach().cpu().double().numpy()
        for value in (norm.weight, norm.bias, norm.running_mean, norm.running_var, of.weight)
    )
    scale = gain / np.sqrt(variance + norm.eps)
    return weights * scale[:, None, None, None, None], shift - mean * scale
