"""3 × 3 × 3 convolutions with two thirds of their multiplications: minimal filtering along k.

Two neighbouring planes of the result are six 1 × 3 × 3 convolutions: each is three, one for each plane
of the kernel. They can be had from four, of sums and differences of planes: Winograd's F(2, 3)
(Arithmetic Complexity of Computations, 1980; Lavin and Gray, Fast Algorithms for Convolutional Neural
Networks, 2016, section 4.1). In float32 the results differ by a few units in the last place.

A picture is held as two halves meanwhile, its even and its odd planes: so the four are each one
convolution of as many planes as a half has, and layers that look at single voxels take the halves as
they are.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from torch import nn

#: With fewer channels most time goes into sums and differences, with fewer voxels into fetching kernels.
_LEAST_CHANNELS = 64
_LEAST_VOXELS = 150

_K = 2  # the axis of planes in [B, C, k, j, i]


class Halves(NamedTuple):
    """A picture [B, C, k, j, i]: its planes 0, 2, 4, … along k, and 1, 3, 5, …

    Of an odd number of planes ``even`` has one more.
    """

    even: Any
    odd: Any


class Winograd:
    """Convolutions of :class:`Halves` by OpenVINO's operations ``ops``."""

    def __init__(self, ops: ModuleType) -> None:
        self.ops = ops

    def pays(self, of: nn.Conv3d, x: Any) -> bool:
        """Whether the convolution is one of those known here, and faster so for a picture like ``x``."""
        return (
            of.kernel_size == (3, 3, 3)
            and of.stride == (1, 1, 1)
            and of.in_channels >= _LEAST_CHANNELS
            and _planes(x) > 1
            and int(np.prod(_shape(x)[2:])) >= _LEAST_VOXELS
        )

    def halves(self, x: Any) -> Halves:
        """The halves of the picture ``x``."""
        return Halves(self._planes(x, 0, _planes(x), 2), self._planes(x, 1, _planes(x), 2))

    def whole(self, halves: Halves) -> Any:
        """The picture of which these are the halves."""
        even, odd = halves
        planes = _planes(even) + _planes(odd)
        if _planes(odd) < _planes(even):
            odd = self._joined(odd, self._zeros(even))
        batch, channels, pairs, *plane = _shape(even)
        pair = self.ops.concat([self.ops.unsqueeze(half, _K + 1) for half in (even, odd)], _K + 1)
        found = self.ops.reshape(pair, [batch, channels, 2 * pairs, *plane], False)
        return self._planes(found, 0, planes)

    def convolved(self, halves: Halves, weights: np.ndarray, bias: np.ndarray) -> Halves:
        """The halves of a picture convolved with ``weights`` [C', C, 3, 3, 3], plus ``bias`` [C'].

        Stride 1, and one zero around the picture, as PyTorch's Conv3d with padding 1.
        """
        ops, (even, odd), zeros = self.ops, halves, self._zeros(halves.even)
        pairs, odds = _planes(even), _planes(odd)
        before = self._joined(zeros, self._planes(odd, 0, pairs - 1))
        behind = self._joined(self._planes(even, 1, pairs), zeros)
        if odds < pairs:
            odd = self._joined(odd, zeros)
        first, middle, last = (weights[:, :, [k]] for k in range(3))
        shift = bias.astype(np.float32).reshape(1, -1, 1, 1, 1)
        both = ops.add(self._convolution(ops.add(even, odd), (first + middle + last) / 2), shift)
        apart = self._convolution(ops.subtract(odd, even), (first - middle + last) / 2)
        left = self._convolution(ops.subtract(before, odd), first)
        right = self._convolution(self._planes(ops.subtract(behind, even), 0, odds), last)
        return Halves(
            ops.add(left, ops.add(both, apart)),
            ops.add(right, self._planes(ops.subtract(both, apart), 0, odds)),
        )

    def strided(self, halves: Halves, weights: np.ndarray, bias: np.ndarray) -> Any:
        """The same with stride 2: a picture again, which takes no fewer multiplications so."""
        (even, odd), stride = halves, (1, 2, 2)
        lacking = _planes(even) - _planes(odd)
        # A kernel's middle plane always meets an even one.
        middle = self._convolution(even, weights[:, :, [1]], stride)
        sides = self._convolution(odd, weights[:, :, [0, 2]], stride, (1, lacking))
        shift = bias.astype(np.float32).reshape(1, -1, 1, 1, 1)
        return self.ops.add(self.ops.add(middle, shift), sides)

    def _convolution(
        self,
        x: Any,
        weights: np.ndarray,
        stride: tuple[int, int, int] = (1, 1, 1),
        zeros: tuple[int, int] = (0, 0),
    ) -> Any:
        """With one zero around each plane, and so many planes of zeros before and behind all."""
        kernel = self.ops.constant(np.ascontiguousarray(weights, np.float32))
        before, behind = ([planes, 1, 1] for planes in zeros)
        return self.ops.convolution(x, kernel, list(stride), before, behind, [1, 1, 1])

    def _planes(self, x: Any, first: int, end: int, step: int = 1) -> Any:
        if (first, end, step) == (0, _planes(x), 1):
            return x
        return self.ops.slice(x, [first], [end], [step], [_K])

    def _joined(self, first: Any, second: Any) -> Any:
        return self.ops.concat([first, second], _K)

    def _zeros(self, like: Any) -> Any:
        """A plane of zeros."""
        shape = _shape(like)
        shape[_K] = 1
        return self.ops.constant(np.zeros(shape, np.float32))


def _planes(x: Any) -> int:
    return _shape(x)[_K]


def _shape(x: Any) -> list[int]:
    return [int(size) for size in x.get_output_shape(0)]
