"""What Grad-CAM at the last stage needs: the head's gradient, and where the cells lie.

The pooling is a mean over the n cells of the last stage, so every cell has the same gradient,
d logit/d pooled / n: no backward pass through the convolutions is needed.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D


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


def cell_affine(grid_affine: np.ndarray, total_stride: int, offset: float = 0.0) -> np.ndarray:
    """Affine of the feature map's cells, from that of the network's input grid (both LPS mm).

    A convolution of odd kernel k, stride s and padding (k−1)/2 centres its output n on input n·s
    (Araujo et al. 2019, Computing Receptive Fields), and so does the 3-wide max pooling. Cell n of
    the last stage is therefore centred on input voxel n × total stride, not on the middle of a
    block of voxels. With input sizes of m × stride + 1 the cells cover the grid symmetrically. Other padding
    moves all cells by ``offset`` input voxels (:class:`~fusion3d_gui.model.network.backbone.Stage`).
    """
    to_voxel = np.diag([total_stride] * 3 + [1.0])
    to_voxel[:3, 3] = offset
    found: np.ndarray = np.asarray(grid_affine, dtype=np.float64) @ to_voxel
    return found
