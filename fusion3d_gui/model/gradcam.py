"""Grad-CAM at the last stage, from the head's gradient alone."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from fusion3d_gui.model.fusion import LearnedFeatureFusion3D


def gradcam(feature_maps: Tensor, pooled_gradient: Tensor) -> Tensor:
    """Grad-CAM (Selvaraju et al. 2017, eqs. 1-2) of feature maps that are averaged before the head.

    The mean over the n cells gives every cell the same gradient, d logit/d pooled / n; eq. 1's
    weight of a channel is that gradient's spatial mean, so no backward pass through the
    convolutions is needed.

    Parameters
    ----------
    feature_maps
        [B, C, k, j, i] of the last stage.
    pooled_gradient
        [B, C], d logit / d pooled.

    Returns
    -------
    [B, k, j, i], not negative and not normalised.
    """
    cells = feature_maps[0, 0].numel()
    weighted = torch.einsum("bckji,bc->bkji", feature_maps, pooled_gradient / cells)
    return torch.relu(weighted)


def pooled_gradient(
    network: LearnedFeatureFusion3D, pooled: Tensor, metadata: Tensor | None
) -> Tensor:
    """d logit / d pooled [B, C] of the network's head, in its present mode (eval for inference)."""
    with torch.inference_mode(False), torch.enable_grad():
        leaf = pooled.detach().clone().requires_grad_(True)
        inputs = None if metadata is None else metadata.detach().clone()
        logit = network.head_from_pooled(leaf, inputs)[-1]
        (gradient,) = torch.autograd.grad(logit.sum(), leaf)
    return gradient


def cell_affine(grid_affine: np.ndarray, total_stride: int) -> np.ndarray:
    """Affine of the feature map's cells, from that of the network's input grid (both LPS mm).

    A convolution of odd kernel k, stride s and padding (k−1)/2 centres its output n on input n·s
    (Araujo et al. 2019, Computing Receptive Fields), and so does the 3-wide max pooling. Cell n of
    the last stage is therefore centred on input voxel n × total stride, not on the middle of a
    block of voxels. With input sizes of m × stride + 1 the cells cover the grid symmetrically.
    """
    return np.asarray(grid_affine, dtype=np.float64) @ np.diag([total_stride] * 3 + [1.0])
