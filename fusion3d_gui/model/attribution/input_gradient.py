"""Gradient × input: the attribution of the logit to the voxels of the network's input, from one pass back.

Each voxel's value times the derivative of the logit by it (Shrikumar et al. 2016, "Not just a black box"),
smoothed by a Gaussian. The input is 0 where there is no evidence (air; a voxel like the mean of tissue), so that
such voxels get none. Unlike class activation maps, it has the resolution of the input, and no displacement:
a voxel's value is attributed at that voxel.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from fusion3d_gui.model.attribution.localisation_record import SMOOTHING_MM
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.progress import Progress, no_progress

#: The Gaussian is cut off at this many standard deviations.
_REACH = 3.0


def gradient_times_input(
    network: LearnedFeatureFusion3D,
    image: Tensor,
    metadata: Tensor | None = None,
    progress: Progress = no_progress,
) -> tuple[Tensor, Tensor]:
    """Gradient × input of a batch of cases, not smoothed.

    Parameters
    ----------
    network
        In eval mode, so that cases of a batch don't change each other's maps.
    image
        [B, 1, k, j, i], as the network takes it.
    metadata
        [B, W]; None for ``image_only``.
    progress
        Called after each residual block, forward and back; what it raises passes through.

    Returns
    -------
    signed, logit : Tensor
        [B, k, j, i], above 0 where the voxel raised the logit; [B].

    Raises
    ------
    ValueError
        For a network in training mode.
    """
    code = None if metadata is None else metadata.detach().clone()
    return _attributed(network, image, lambda maps: network.head(maps, code).logit, progress)


def pooled_gradient_times_input(
    network: LearnedFeatureFusion3D,
    image: Tensor,
    pooled_gradient: Tensor,
    progress: Progress = no_progress,
) -> Tensor:
    """Gradient × input [B, k, j, i] from d logit / d pooled features [B, C], without the head.

    Parameters and errors as for :func:`gradient_times_input`.
    """
    weights = pooled_gradient.detach().clone()

    def score(maps: Tensor) -> Tensor:
        return (maps.mean(dim=(2, 3, 4)) * weights).sum(dim=1)

    return _attributed(network, image, score, progress)[0]


def _attributed(
    network: LearnedFeatureFusion3D,
    image: Tensor,
    score: Callable[[Tensor], Tensor],
    progress: Progress,
) -> tuple[Tensor, Tensor]:
    """Input times the gradient of ``score`` [B] of the last stage's feature maps; the score."""
    if network.training:
        raise ValueError("maps are made in eval mode")
    blocks = network.image_branch.backbone.blocks
    done = 0

    def step() -> None:
        nonlocal done
        progress(done / (2 * len(blocks) + 1), "Explaining")
        done += 1

    hooks = [block.register_forward_hook(_on_way_back(step)) for block in blocks]
    try:
        with torch.inference_mode(False), torch.enable_grad():
            # A tensor made in inference mode can't take part in the way back.
            leaf = image.detach().clone().requires_grad_(True)
            found = score(network.image_branch.features(leaf, step))
            (gradient,) = torch.autograd.grad(found.sum(), leaf)
    finally:
        for hook in hooks:
            hook.remove()
    return (gradient * leaf.detach())[:, 0], found.detach()


def smoothed(maps: Tensor, spacing_mm: float, sigma_mm: float = SMOOTHING_MM) -> Tensor:
    """Maps [B, k, j, i] smoothed by a Gaussian of ``sigma_mm``; beyond the grid there is nothing.

    ``spacing_mm`` is the grid's, the same along all axes. The weights sum to 1, so that a value keeps
    the unit of the logit and the map its sum, but for what leaves the grid.
    """
    sigma = sigma_mm / spacing_mm
    reach = max(1, round(_REACH * sigma))
    # As products of matrices, one an axis: 25 times as fast as PyTorch's convolutions of one channel. Two-dimensional
    # ones: a batch of small ones took 10 times as long on a busy machine, whose threads wait for one another.
    for axis in (1, 2, 3):
        place = torch.arange(maps.shape[axis], device=maps.device, dtype=maps.dtype)
        away = (place[:, None] - place[None]).abs()
        weights = torch.exp(-0.5 * (away / sigma) ** 2) * (away <= reach)
        offsets = torch.arange(-reach, reach + 1, device=maps.device, dtype=maps.dtype)
        weights = weights / torch.exp(-0.5 * (offsets / sigma) ** 2).sum()
        last = maps.transpose(axis, 3)
        maps = (last.reshape(-1, last.shape[3]) @ weights).reshape(last.shape).transpose(axis, 3)
    return maps


def _on_way_back(step: Callable[[], None]) -> Callable[..., None]:
    def hook(module: torch.nn.Module, inputs: object, output: Tensor) -> None:
        output.register_hook(lambda gradient: step())

    return hook
