"""``Blanking``: how much of a logit hangs on a place, measured by blanking a ball there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.training.data.network_outputs import network_inputs

#: Radius of the ball. With its Gaussian of 8 mm, the reference map spreads evidence about as far.
RADIUS_MM = 12.0

#: Balls blanked at once.
_BATCH = 4


class Blanking:
    """Drops of a case's logit when a ball about a place is set to 0, as occlusion does.

    Parameters
    ----------
    image, code
        The case's input [k, j, i] and its encoded metadata [W].
    affine
        Of the input grid, 4x4, LPS mm.
    """

    def __init__(
        self,
        network: LearnedFeatureFusion3D,
        image: np.ndarray,
        code: np.ndarray,
        affine: np.ndarray,
    ) -> None:
        self._network = network
        self._image = image.astype(np.float32)
        self._code = torch.from_numpy(code.astype(np.float32))[None]
        self._to_index = np.linalg.inv(affine)
        self._radius = RADIUS_MM / float(np.linalg.norm(affine[:3, 0]))
        self._base = float(self._logits(self._image[None])[0])
        self._known: dict[tuple[int, ...], float] = {}

    def drops(self, places: Sequence[np.ndarray | None]) -> np.ndarray:
        """Drop of the logit [n] for a ball about each place (mm, LPS); 0 where there is none."""
        voxels = [None if place is None else self._voxel(place) for place in places]
        wanted = list(dict.fromkeys(v for v in voxels if v is not None and v not in self._known))
        for start in range(0, len(wanted), _BATCH):
            batch = wanted[start : start + _BATCH]
            logits = self._logits(np.stack([self._blanked(voxel) for voxel in batch]))
            for voxel, logit in zip(batch, logits, strict=True):
                self._known[voxel] = self._base - float(logit)
        return np.array([0.0 if voxel is None else self._known[voxel] for voxel in voxels])

    def _voxel(self, place: np.ndarray) -> tuple[int, ...]:
        index = self._to_index[:3, :3] @ place + self._to_index[:3, 3]
        return tuple(int(n) for n in np.rint(index[::-1]))

    def _blanked(self, center: tuple[int, ...]) -> np.ndarray:
        away = np.zeros(self._image.shape)
        for axis, middle in enumerate(center):
            shape = [1, 1, 1]
            shape[axis] = -1
            away = away + ((np.arange(self._image.shape[axis]) - middle) ** 2).reshape(shape)
        return np.where(away <= self._radius**2, np.float32(0), self._image)

    def _logits(self, images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            code = self._code.expand(len(images), -1)
            given = network_inputs(self._network, torch.from_numpy(images)[:, None], code)
            found: np.ndarray = self._network(*given).double().cpu().numpy()
        return found
