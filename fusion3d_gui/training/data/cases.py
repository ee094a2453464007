"""Preprocessed cases in memory, on the whole grid or averaged down."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool3d


@dataclass(frozen=True, eq=False)
class Cases:
    """Preprocessed cases in memory.

    ``images`` float16 [n, k, j, i] (half precision halves the memory); ``metadata`` float32 [n, W], encoded;
    ``labels`` int64 [n], 0 or 1; ``findings``, where the training uses masks, each case's voxels [m, 3]
    (k, j, i) of the whole grid that lie in its finding.
    """

    images: np.ndarray
    metadata: np.ndarray
    labels: np.ndarray
    findings: tuple[np.ndarray, ...] | None = None

    def coarsened(self, factor: int) -> Cases:
        """The same cases with images averaged down (see :func:`coarsen`)."""
        if factor == 1:
            return self
        images = [
            coarsen(torch.from_numpy(image.astype(np.float32))[None, None], factor)[0, 0].half()
            for image in self.images
        ]
        return replace(self, images=torch.stack(images).numpy())

    def subset(self, rows: np.ndarray) -> Cases:
        """These rows alone."""
        return Cases(self.images[rows], self.metadata[rows], self.labels[rows])

    def mirrored(self) -> Cases:
        """The same cases with images mirrored left to right."""
        return replace(self, images=np.ascontiguousarray(self.images[..., ::-1]))

    def batch(self, rows: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """Image [B, 1, k, j, i], metadata [B, W] and label [B] of these rows, float32."""
        images = torch.from_numpy(self.images[rows].astype(np.float32))[:, None]
        metadata = torch.from_numpy(self.metadata[rows].astype(np.float32))
        labels = torch.from_numpy(self.labels[rows].astype(np.float32))
        return images, metadata, labels


def coarsen(images: Tensor, factor: int) -> Tensor:
    """Average [B, 1, k, j, i] down by a factor, keeping the first and last point of each axis.

    A grid of m·factor + 1 points becomes one of m + 1 points with the same ends, so that positions in the
    feature map do not shift between coarse and whole epochs.
    """
    if factor == 1:
        return images
    size = 2 * (factor // 2) + 1
    return avg_pool3d(images, size, factor, size // 2, count_include_pad=False)
