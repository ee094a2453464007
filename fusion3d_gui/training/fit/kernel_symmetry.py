"""``symmetrise``: keeps convolutions centred, so that a map's response lies where its cause lies.

Convolutions followed by a mean over all positions give the same logit wherever the response lies, so that each
network learns a displacement of its own: over trainings, a random walk of the weights. The mean of a kernel's
eight mirror images has none, and a network of such kernels commutes with mirroring along every axis.
"""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor, nn

#: The axes k, j, i of a kernel [out, in, k, j, i], in all combinations: eight mirror images.
_MIRRORS = [axes for count in range(4) for axes in combinations((2, 3, 4), count)]


def mirror_mean(kernel: Tensor) -> Tensor:
    """Mean of the eight mirror images of a kernel [out, in, k, j, i]."""
    return torch.stack([kernel.flip(axes) for axes in _MIRRORS]).mean(dim=0)


@torch.no_grad()
def symmetrise(network: nn.Module, share: float) -> None:
    """Move every convolution's kernel, in place, by ``share`` (0 to 1) towards its :func:`mirror_mean`."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv3d) and max(layer.kernel_size) > 1:
            layer.weight.lerp_(mirror_mean(layer.weight), share)


@torch.no_grad()
def asymmetry(network: nn.Module) -> float:
    """Share of the kernels' squared norm that their mirror means lack: 0 for symmetric ones."""
    lacking = whole = 0.0
    for layer in network.modules():
        if isinstance(layer, nn.Conv3d) and max(layer.kernel_size) > 1:
            lacking += float((layer.weight - mirror_mean(layer.weight)).square().sum())
            whole += float(layer.weight.square().sum())
    return lacking / whole if whole else 0.0
