"""OpenVINO's graph of the image branch, in the arithmetic that is fastest there.

It is built from the module itself, in the order of
:meth:`~fusion3d_gui.model.fusion.ImageBranch.features` and of MONAI's residual block, so that nothing
is converted through files. It is not traced by torch.fx: that replaces ``nn.Module.__call__`` for all
threads meanwhile, so that a what-if would have to wait, and leaves memory behind each time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

import numpy as np
from monai.networks.nets.resnet import ResNetBottleneck
from torch import nn

from fusion3d_gui.inference.engines.winograd import Halves, Winograd
from fusion3d_gui.model.fusion import ImageBranch


def import_openvino() -> ModuleType:
    """OpenVINO without its telemetry.

    Importing the package reports the import to its makers over the network unless its telemetry
    package is missing; a program that opens patients' scans calls nobody, so here it is missing.

    Raises ImportError where OpenVINO is not installed.
    """
    if "openvino" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino

    return openvino


def build_graph(branch: ImageBranch, shape: tuple[int, ...]) -> Any:
    """OpenVINO's model of the branch's convolutions, for an input of ``shape`` [B, 1, k, j, i].

    Raises RuntimeError for an activation that is not known here.
    """
    openvino = import_openvino()
    from openvino import opset13 as ops

    image = ops.parameter(list(shape), dtype=np.float32, name="image")
    layers, net = _Layers(ops), branch.backbone
    # MONAI's network may have other dimensions than three.
    assert isinstance(net.conv1, nn.Conv3d) and isinstance(net.maxpool, nn.MaxPool3d)
    maps = layers.activated(net.act, layers.stem(net.conv1, net.bn1, image))
    if not net.no_max_pool:
        maps = layers.pooled(net.maxpool, maps)
    for stage in (net.layer1, net.layer2, net.layer3, net.layer4):
        maps = layers.stage(stage, maps)
    if isinstance(maps, Halves):
        maps = layers.winograd.whole(maps)
    return openvino.Model([maps], [image], "image_branch")


class _Layers:
    """The network's layers by OpenVINO's operations; batch norms as they stand in eval mode."""

    def __init__(self, ops: ModuleType) -> None:
        self.ops = ops
        self.winograd = Winograd(ops)

    def stem(self, of: nn.Conv3d, norm: nn.BatchNorm3d, image: Any) -> Any:
        """The first convolution, of the one channel [B, 1, k, j, i] that a scan has.

        A convolution of a single channel adds up too few products at a time for a processor's vectors.
        So it adds the same ones, those of all its taps along i as of that many channels: the first
        layer, which took a quarter of all time, needs half of it.
        """
        ops = self.ops
        weights, bias = _folded(of, norm)
        taps, stride, pad = weights.shape[4], of.stride[2], int(of.padding[2])
        weights = np.moveaxis(weights, 4, 1)[:, :, 0, :, :, None]
        batch, _, k, j, i = image.get_output_shape(0)
        starts = stride * np.arange((i + 2 * pad - taps) // stride + 1)
        places = starts[:, None] + np.arange(taps)
        sides = ops.constant([0, 0, 0, 0, pad])
        padded = ops.pad(image, sides, sides, "constant", np.float32(0))
        met = ops.reshape(
            ops.gather(padded, places.ravel(), 4), [batch, k, j, len(starts), taps], False
        )
        return self.convolution(
            ops.transpose(met, [0, 4, 1, 2, 3]),
            weights,
            bias,
            [*of.stride[:2], 1],
            [int(pad) for pad in of.padding[:2]] + [0],
        )

    def stage(self, blocks: Iterable[nn.Module], x: Any) -> Any:
        """A stage; in halves from the first block on that is faster so, to the next with a stride."""
        for block in blocks:
            assert isinstance(block, ResNetBottleneck)
            if not isinstance(x, Halves) and self.winograd.pays(block.conv2, x):
                x = self.winograd.halves(x)
            x = self.block(block, x)
        return x

    def block(self, of: ResNetBottleneck, x: Any) -> Any:
        """A residual block of a picture, or of the halves of one."""

        def normed(conv: nn.Conv3d, norm: nn.BatchNorm3d, x: Any) -> Any:
            return _each(lambda part: self.convolved(conv, norm, part), x)

        def activated(x: Any) -> Any:
            return _each(lambda part: self.activated(of.act, part), x)

        inner = activated(normed(of.conv1, of.bn1, x))
        if isinstance(inner, Halves):
            convolved = (
                self.winograd.convolved if of.conv2.stride[0] == 1 else self.winograd.strided
            )
            inner = convolved(inner, *_folded(of.conv2, of.bn2))
        else:
            inner = normed(of.conv2, of.bn2, inner)
        inner = normed(of.conv3, of.bn3, activated(inner))
        shortcut = x
        if isinstance(of.downsample, nn.Sequential):
            conv, norm = of.downsample
            assert isinstance(conv, nn.Conv3d) and isinstance(norm, nn.BatchNorm3d)
            if isinstance(x, Halves) and not isinstance(inner, Halves):
                shortcut = self.convolution(x.even, *_folded(conv, norm), [1, 2, 2], [0, 0, 0])
            else:
                shortcut = normed(conv, norm, x)
        return activated(_each(self.ops.add, inner, shortcut))

    def convolved(self, of: nn.Conv3d, norm: nn.BatchNorm3d, x: Any) -> Any:
        """The convolution and the batch norm after it."""
        weights, bias = _folded(of, norm)
        return self.convolution(x, weights, bias, list(of.stride), [int(pad) for pad in of.padding])

    def convolution(
        self, x: Any, weights: np.ndarray, bias: np.ndarray, stride: list[int], pads: list[int]
    ) -> Any:
        made = self.ops.constant(np.ascontiguousarray(weights, np.float32))
        found = self.ops.convolution(x, made, stride, pads, pads, [1, 1, 1])
        return self.ops.add(found, bias.astype(np.float32).reshape(1, -1, 1, 1, 1))

    def activated(self, of: nn.Module, x: Any) -> Any:
        if not isinstance(of, nn.ReLU):
            raise RuntimeError(f"OpenVINO's graph knows no {type(of).__name__}")
        return self.ops.relu(x)

    def pooled(self, of: nn.MaxPool3d, x: Any) -> Any:
        # That of later operation sets has a second output, of indices.
        from openvino import opset1

        kernel, stride, pad = (
            [value] * 3 if isinstance(value, int) else list(value)
            for value in (of.kernel_size, of.stride, of.padding)
        )
        return opset1.max_pool(x, stride, pad, pad, kernel, "floor")


def _each(layer: Callable[..., Any], *pictures: Any) -> Any:
    """The layer of whole pictures, or of the halves of all of them."""
    if isinstance(pictures[0], Halves):
        return Halves(*(layer(*parts) for parts in zip(*pictures, strict=True)))
    return layer(*pictures)


def _folded(of: nn.Conv3d, norm: nn.BatchNorm3d) -> tuple[np.ndarray, np.ndarray]:
    """The convolution's kernels and bias with the batch norm after it in them, in float64."""
    assert of.bias is None
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    bias = norm.bias.double() - norm.running_mean.double() * scale
    weights = of.weight.double() * scale[:, None, None, None, None]
    return weights.detach().cpu().numpy(), bias.detach().cpu().numpy()
