"""Teaches the last stage where a finding lies, in trainings whose table has masks.

A 1 × 1 × 1 convolution on the last stage's features, used in training only, has to tell the cells in which
the finding lies. A label says that something is there, not where, so that features may respond anywhere in the
receptive field; this ties the response to the place.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import numpy as np
from torch import Tensor, nn
from torch.nn.functional import softplus

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.reslice.resample import resample_to_grid
from fusion3d_gui.training.data.table import CaseRow

#: Weight of a finding's cell against one without: one or two of 900 hold it.
_FINDING_WEIGHT = 50.0


def finding_voxels(
    rows: Sequence[CaseRow], affines: np.ndarray, shape_kji: tuple[int, int, int]
) -> tuple[np.ndarray, ...]:
    """Voxels [m, 3] (k, j, i) of each case's mask on the network's input grid; none without a mask.

    ``affines`` [n, 4, 4] are the grids' (LPS mm). Raises UserError where no row has a mask.
    """
    if not any(row.mask for row in rows):
        raise UserError(
            "no row of the table has a mask",
            remedy="Add a column `mask`, or train without --mask-weight.",
        )

    def voxels(row: CaseRow, affine: np.ndarray) -> np.ndarray:
        if row.mask is None:
            return np.zeros((0, 3), np.int16)
        share, _ = resample_to_grid(open_volume(row.mask), affine, shape_kji)
        # A finding smaller than a voxel still has its strongest one.
        return np.argwhere(share >= min(0.5, float(share.max()))).astype(np.int16)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return tuple(pool.map(voxels, rows, affines))


def cell_targets(voxels: np.ndarray, stride: int, cells_kji: Sequence[int]) -> np.ndarray:
    """Share of the finding in each cell relative to the fullest cell's, float32 [k, j, i].

    ``voxels`` [m, 3] in voxels of the image that the network sees; cell n is centred on voxel n × ``stride``.
    """
    target = np.zeros(tuple(cells_kji), np.float32)
    if len(voxels):
        nearest = np.clip(
            np.floor(voxels / stride + 0.5).astype(int), 0, np.array(target.shape) - 1
        )
        np.add.at(target, tuple(nearest.T), 1.0)
        target /= target.max()
    return target


class CellFinder(nn.Module):
    """The convolution, with its loss."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.score = nn.Conv3d(channels, 1, kernel_size=1)
        # About the logit of a finding's share of the weighted cells.
        nn.init.constant_(cast(Tensor, self.score.bias), -2.5)

    def loss(self, feature_maps: Tensor, targets: Tensor) -> Tensor:
        """Weighted cross-entropy of features [b, C, k, j, i] against targets [b, k, j, i] of 0 to 1."""
        scores = self.score(feature_maps)[:, 0]
        positive = _FINDING_WEIGHT * targets
        negative = 1 - targets
        summed = (positive * softplus(-scores) + negative * softplus(scores)).sum()
        loss: Tensor = summed / (positive + negative).sum()
        return loss
