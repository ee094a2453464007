"""``build_gradient_graph``: OpenVINO's graph of gradient × input, a pass forward and a pass back.

OpenVINO has no automatic differentiation, so the way back is written out: with batch norms folded in, it
is a chain of transposed convolutions, of masks where a ReLU let nothing through, and of the max-pool's
routing. Transposed convolutions are plain convolutions here: by the flipped kernel where the stride is 1,
else one for each phase of the finer grid, interleaved afterwards. OpenVINO's own transposed convolution
took 71 ms instead of 9 for the stem of a shipped model (one thread), and its grouped one gave wrong
numbers. The whole graph of a shipped model takes 3 to 4 times as long as the pass forward; PyTorch took 11.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from torch import nn

from fusion3d_gui.inference.engines.openvino_graph import Layers, folded, import_openvino
from fusion3d_gui.model.network.fusion import ImageBranch
from fusion3d_gui.model.network.resnet import Bottleneck, ResNet50

if TYPE_CHECKING:
    # OpenVINO has no type hints for these; the aliases name the kind of value.
    Node = Any
    Model = Any

#: The stem's max-pool, the only one known here.
_WINDOW, _STRIDE, _PAD = 3, 2, 1


class _Step(NamedTuple):
    """One residual block on the way forward: its input and the outputs of its three ReLUs."""

    block: Bottleneck
    entered: Node
    first: Node
    second: Node
    left: Node


def build_gradient_graph(branch: ImageBranch, shape: tuple[int, ...]) -> Model:
    """Build OpenVINO's model of gradient × input.

    Parameters
    ----------
    branch
        In eval mode; batch norms are folded into the convolutions before them.
    shape
        Of the image, [1, 1, k, j, i].

    Returns
    -------
    openvino.Model
        Inputs: the image, and [1, C, 1, 1, 1], the derivative of the logit by each cell of the last
        stage's feature maps (the same for all cells of a channel). Output: gradient × input, of the
        image's shape.

    Raises
    ------
    RuntimeError
        For a layer that is not known here.
    """
    openvino = import_openvino()
    from openvino import opset13 as ops

    layers, back, net = Layers(ops), _WayBack(ops), branch.backbone
    assert isinstance(net, ResNet50)
    image = ops.parameter(list(shape), dtype=np.float32, name="image")
    stem = layers.activated(net.act, layers.convolved(net.conv1, net.bn1, image))
    pooled = stem if net.no_max_pool else layers.pooled(net.maxpool, stem)
    steps: list[_Step] = []
    maps = pooled
    for block in itertools.chain(net.layer1, net.layer2, net.layer3, net.layer4):
        assert isinstance(block, Bottleneck)
        first, second, left = layers.block_maps(block, maps)
        steps.append(_Step(block, maps, first, second, left))
        maps = left
    channels = _size(maps)[1]
    given = ops.parameter([1, channels, 1, 1, 1], dtype=np.float32, name="gradient")
    gradient = given
    for step in reversed(steps):
        gradient = back.block(step, gradient)
    if not net.no_max_pool:
        gradient = back.pooled(net.maxpool, stem, pooled, gradient)
    gradient = back.activated(stem, gradient)
    gradient = back.convolved(net.conv1, net.bn1, image, gradient)
    return openvino.Model([ops.multiply(gradient, image)], [image, given], "gradient_times_input")


class _WayBack:
    """The derivative by each layer's input, from that by its output."""

    def __init__(self, ops: ModuleType) -> None:
        self.ops = ops

    def block(self, step: _Step, gradient: Node) -> Node:
        """Back through a residual block."""
        of = step.block
        gradient = self.activated(step.left, gradient)
        inner = self.convolved(of.conv3, of.bn3, step.second, gradient)
        inner = self.activated(step.second, inner)
        inner = self.convolved(of.conv2, of.bn2, step.first, inner)
        inner = self.activated(step.first, inner)
        inner = self.convolved(of.conv1, of.bn1, step.entered, inner)
        if isinstance(of.downsample, nn.Sequential):
            conv, norm = of.downsample
            assert isinstance(conv, nn.Conv3d) and isinstance(norm, nn.BatchNorm3d)
            gradient = self.convolved(conv, norm, step.entered, gradient)
        return self.ops.add(inner, gradient)

    def activated(self, output: Node, gradient: Node) -> Node:
        """Back through a ReLU: what it let through, it lets back."""
        passed = self.ops.convert(self.ops.greater(output, self._constant(np.zeros(1))), "f32")
        return self.ops.multiply(gradient, passed)

    def convolved(self, of: nn.Conv3d, norm: nn.BatchNorm3d, entered: Node, gradient: Node) -> Node:
        """Back through a convolution and the batch norm after it."""
        weights, _ = folded(of, norm)
        stride, padding = of.stride[0], int(of.padding[0])
        inputs, kernel = weights.shape[1], weights.shape[2]
        # Along an axis, output n takes input s·n − p + t by its tap t; so input s·m + r gets from
        # output m + o by the tap t = r + p − s·o.
        taps = [
            [(r, t, (r + padding - t) // stride) for t in range(kernel)
             if (r + padding - t) % stride == 0]
            for r in range(stride)
        ]  # fmt: skip
        offsets = [o for phase in taps for _, _, o in phase]
        low, high = min(offsets), max(offsets)
        phases = np.zeros((inputs, *(stride,) * 3, len(weights), *(high - low + 1,) * 3))
        axis = list(itertools.chain.from_iterable(taps))
        for (r0, t0, o0), (r1, t1, o1), (r2, t2, o2) in itertools.product(axis, repeat=3):
            place = (slice(None), r0, r1, r2, slice(None), o0 - low, o1 - low, o2 - low)
            phases[place] = weights[:, :, t0, t1, t2].T
        phases = phases.reshape(inputs * stride**3, *phases.shape[4:])
        size = _size(entered)[2:]
        begin = [-low] * 3
        end = [
            -(-n // stride) - 1 + high - (m - 1)
            for n, m in zip(size, _size(gradient)[2:], strict=True)
        ]
        found = self._convolution(gradient, phases, begin, end)
        return self._interleaved(found, stride, size)

    def pooled(self, of: nn.MaxPool3d, entered: Node, left: Node, gradient: Node) -> Node:
        """Back through the max-pool: to the first of a window's largest values, as PyTorch does."""
        if (of.kernel_size, of.stride, of.padding) != (_WINDOW, _STRIDE, _PAD):
            raise RuntimeError("OpenVINO's graph knows no such pooling")
        channels, size = _size(left)[1], _size(left)[2:]
        places = list(itertools.product(range(_WINDOW), repeat=3))
        cells, flat = len(places), int(np.prod(size))
        # Each window's values as channels of their own.
        pick = np.zeros((channels, cells, 1, *(_WINDOW,) * 3))
        for number, place in enumerate(places):
            k, j, i = place
            pick[:, number, 0, k, j, i] = 1
        values = self._grouped(entered, pick, _STRIDE, [_PAD] * 3, [_PAD] * 3)
        values = self._reshaped(values, [channels, cells, flat])
        equal = self.ops.equal(values, self._reshaped(left, [channels, 1, flat]))
        rank = self._constant(np.arange(cells, 0, -1).reshape(1, cells, 1))
        rank = self.ops.multiply(self.ops.convert(equal, "f32"), rank)
        first = self.ops.equal(rank, self.ops.reduce_max(rank, self._whole([1]), True))
        routed = self.ops.multiply(
            self.ops.convert(first, "f32"), self._reshaped(gradient, [channels, 1, flat])
        )
        routed = self._reshaped(routed, [1, channels * cells, *size])
        # Value d of window n stands at 2·n + d − 1 of the finer grid: phase 0 at n for d = 1, phase 1 at
        # n for d = 2 and at n − 1 for d = 0.
        put = np.zeros((channels, _STRIDE**3, cells, 2, 2, 2))
        for number, place in enumerate(places):
            r0, r1, r2 = (int(d != 1) for d in place)
            phase = (r0 * _STRIDE + r1) * _STRIDE + r2
            o0, o1, o2 = (int(d == 0) for d in place)
            put[:, phase, number, o0, o1, o2] = 1
        return self._interleaved(
            self._grouped(routed, put, 1, [0] * 3, [1] * 3), _STRIDE, _size(entered)[2:]
        )

    def _convolution(
        self, x: Node, weights: np.ndarray, begin: Sequence[int], end: Sequence[int]
    ) -> Node:
        ones = [1, 1, 1]
        return self.ops.convolution(x, self._constant(weights), ones, begin, end, ones)

    def _grouped(
        self, x: Node, weights: np.ndarray, stride: int, begin: list[int], end: list[int]
    ) -> Node:
        kernel = self._constant(weights)
        return self.ops.group_convolution(x, kernel, [stride] * 3, begin, end, [1, 1, 1])

    def _interleaved(self, x: Node, stride: int, size: Sequence[int]) -> Node:
        """The phases of a grid, [1, C × stride³, …], in their places, cropped to ``size``."""
        if stride > 1:
            x = self.ops.depth_to_space(x, "depth_first", stride)
        if list(_size(x)[2:]) == list(size):
            return x
        return self.ops.slice(
            x,
            self._whole([0, 0, 0]),
            self._whole(size),
            self._whole([1, 1, 1]),
            self._whole([2, 3, 4]),
        )

    def _reshaped(self, x: Node, shape: Sequence[int]) -> Node:
        return self.ops.reshape(x, self._whole(shape), False)

    def _constant(self, values: np.ndarray) -> Node:
        return self.ops.constant(np.ascontiguousarray(values, np.float32))

    def _whole(self, values: Sequence[int]) -> Node:
        return self.ops.constant(np.array(values, np.int64))


def _size(node: Node) -> list[int]:
    return [int(n) for n in node.get_output_shape(0)]
