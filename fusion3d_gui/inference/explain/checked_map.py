"""``CamOfStages`` and ``InputGradient``: heatmaps that the sanity checks make again for changed networks and images.

Both compare maps only where the image holds tissue: elsewhere there is no evidence, and the ranks of its
absence are random.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from fusion3d_gui.inference.prediction import Side
from fusion3d_gui.model.attribution.cam import CAM_METHODS, CamMethod, Trace, class_maps, trace
from fusion3d_gui.model.attribution.input_gradient import gradient_times_input, smoothed
from fusion3d_gui.model.attribution.localisation_record import USUAL_STAGE
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.progress import Progress, no_progress


@dataclass(frozen=True, eq=False)
class CheckedMap(ABC):
    """Parameters of a map that is made again.

    Parameters
    ----------
    code
        The encoded metadata [1, W]; None for ``image_only``.
    side
        Which side of the signed map is displayed.
    tissue
        Bool mask [k, j, i] of the input grid.
    """

    code: Tensor | None
    side: Side
    tissue: np.ndarray

    @abstractmethod
    def evidence(
        self, network: LearnedFeatureFusion3D, voxels: np.ndarray, progress: Progress
    ) -> np.ndarray:
        """The signed map [k, j, i] of an input [k, j, i]; the displayed heatmap is its positive part."""

    @abstractmethod
    def agreement(
        self, network: LearnedFeatureFusion3D, voxels: np.ndarray, progress: Progress
    ) -> dict[str, float]:
        """Likeness of the displayed map to those of other methods, by method."""

    @abstractmethod
    def random(
        self, shape: tuple[int, ...], own: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """A map of chance [k, j, i], as coarse as ``own``."""

    def likeness(self, one: np.ndarray, other: np.ndarray) -> float:
        """Spearman's rank correlation of two maps over tissue; 0 where one of them is constant."""
        cells = self.tissue[_at_cells(one.shape, self.tissue.shape)]
        if np.ptp(one[cells], axis=None) == 0 or np.ptp(other[cells], axis=None) == 0:
            return 0.0
        return float(spearmanr(one[cells], other[cells]).statistic)

    def _traced(
        self,
        network: LearnedFeatureFusion3D,
        voxels: np.ndarray,
        stages: tuple[int, ...],
        progress: Progress,
    ) -> Trace:
        return trace(network, *self._inputs(network, voxels), stages, progress)

    def _inputs(
        self, network: LearnedFeatureFusion3D, voxels: np.ndarray
    ) -> tuple[Tensor, Tensor | None]:
        device = next(network.parameters()).device
        image = torch.from_numpy(voxels)[None, None].to(device)
        return image, None if self.code is None else self.code.to(device)

    def _cam(self, traced: Trace, method: CamMethod, stages: tuple[int, ...]) -> np.ndarray:
        """A class activation map of a pass as displayed: non-negative."""
        maps = class_maps(traced, method, stages)
        found = maps.raised if self.side == "raised" else maps.lowered
        return np.asarray(found[0].cpu().numpy())

    def _sided(self, signed: np.ndarray) -> np.ndarray:
        return np.asarray(signed if self.side == "raised" else -signed)


@dataclass(frozen=True, eq=False)
class CamOfStages(CheckedMap):
    """A class activation map; other methods are asked at the same stages."""

    method: CamMethod
    stages: tuple[int, ...]

    def evidence(
        self,
        network: LearnedFeatureFusion3D,
        voxels: np.ndarray,
        progress: Progress = no_progress,
    ) -> np.ndarray:
        """See :meth:`CheckedMap.evidence`."""
        traced = self._traced(network, voxels, self.stages, progress)
        return self._sided(class_maps(traced, self.method, self.stages).signed[0].cpu().numpy())

    def agreement(
        self, network: LearnedFeatureFusion3D, voxels: np.ndarray, progress: Progress
    ) -> dict[str, float]:
        """See :meth:`CheckedMap.agreement`; all maps come from one pass."""
        traced = self._traced(network, voxels, self.stages, progress)
        own = self._cam(traced, self.method, self.stages)
        return {
            other: self.likeness(own, self._cam(traced, other, self.stages))
            for other in CAM_METHODS
            if other != self.method
        }

    def random(
        self, shape: tuple[int, ...], own: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """The same cells, shuffled."""
        return rng.permutation(own.ravel()).reshape(own.shape)


@dataclass(frozen=True, eq=False)
class InputGradient(CheckedMap):
    """Gradient × input, smoothed; it is compared with class activation maps of the last stage, at their cells."""

    spacing_mm: float

    def evidence(
        self,
        network: LearnedFeatureFusion3D,
        voxels: np.ndarray,
        progress: Progress = no_progress,
    ) -> np.ndarray:
        """See :meth:`CheckedMap.evidence`."""
        image, code = self._inputs(network, voxels)
        signed, _ = gradient_times_input(network, image, code, progress)
        signed = signed * torch.from_numpy(self.tissue).to(signed.device)
        found = smoothed(signed, self.spacing_mm)[0].cpu().numpy()
        return self._sided(found * self.tissue)

    def agreement(
        self, network: LearnedFeatureFusion3D, voxels: np.ndarray, progress: Progress
    ) -> dict[str, float]:
        """See :meth:`CheckedMap.agreement`."""
        stages = (USUAL_STAGE,)
        own = np.maximum(self.evidence(network, voxels), 0)
        traced = self._traced(network, voxels, stages, progress)
        found: dict[str, float] = {}
        for method in CAM_METHODS:
            cam = self._cam(traced, method, stages)
            found[method] = self.likeness(own[_at_cells(cam.shape, own.shape)], cam)
        return found

    def random(
        self, shape: tuple[int, ...], own: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Noise within tissue, smoothed as the map is."""
        noise = torch.from_numpy(rng.standard_normal(shape) * self.tissue)
        return np.asarray(smoothed(noise[None], self.spacing_mm)[0].numpy() * self.tissue)


def _at_cells(cells: Sequence[int], shape: Sequence[int]) -> tuple[np.ndarray, ...]:
    """Index of the voxels on which a map's cells lie; the outermost cells lie on the grid's ends."""
    axes = [
        np.rint(np.arange(n) * (size - 1) / max(n - 1, 1)).astype(int)
        for n, size in zip(cells, shape, strict=True)
    ]
    return np.ix_(*axes)
