"""``Preprocessing``: resamples and normalises a volume to the network's input, in training and prediction."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.reslice.resample import resample_to_grid
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.progress import Progress, no_progress

#: Scaled intensity (0..1 between the percentiles) above which a voxel counts as tissue.
_FOREGROUND = 0.1


@dataclass(frozen=True, eq=False)
class ModelInput:
    """The network's input made from a volume.

    Parameters
    ----------
    voxels
        Normalised intensities, float32 ``[k, j, i]``.
    affine
        4x4 from the index (i, j, k) to LPS mm.
    notices
        Sentences for the user about deviations, such as a coarser spacing.
    """

    voxels: np.ndarray
    affine: np.ndarray
    notices: tuple[str, ...]


@dataclass(frozen=True)
class Preprocessing:
    """Parameters of the resampling to a grid of fixed size, and of the intensity normalisation.

    The grid's axes are the patient's (i to the left, j to posterior, k to superior), its centre is
    the volume's. Where the volume is larger than the grid, the grid's spacing grows, equally along
    the three axes, until it covers the whole volume: nothing is cropped, and a notice says so.

    Parameters
    ----------
    shape_kji
        Voxels of the grid. ``m × total stride + 1`` along each axis puts the cells of the last
        feature map symmetrically, the outermost on the faces of the grid.
    spacing_mm
        Distance of the grid's points in mm, the same along all axes.
    intensity
        ``"percentile"``: scale the 1st and 99.5th percentile within the volume to 0 and 1, clip to
        0..2 (a bright finding stays brighter than tissue, a spike does not dominate), then
        standardise by mean and deviation of what is above 0.1 (the foreground), the rest being 0;
        for MR.
        ``"window"``: clip to the window and scale it to −1..1; for CT.
    window_center, window_width
        In real values (HU for CT); for ``"window"`` only.
    """

    shape_kji: tuple[int, int, int]
    spacing_mm: float
    intensity: Literal["percentile", "window"] = "percentile"
    window_center: float = 0.0
    window_width: float = 0.0

    def __post_init__(self) -> None:
        shape = tuple(self.shape_kji)
        if len(shape) != 3 or not all(isinstance(n, int) and 8 <= n <= 512 for n in shape):
            raise ValueError(f"shape_kji is {self.shape_kji}, not three sizes of 8 to 512")
        if not 0.05 <= self.spacing_mm <= 50:
            raise ValueError(f"spacing_mm is {self.spacing_mm}, not 0.05 to 50")
        if self.intensity not in ("percentile", "window"):
            raise ValueError(f"intensity is {self.intensity!r}, not percentile or window")
        if self.intensity == "window" and not self.window_width > 0:
            raise ValueError("intensity window needs a window_width above 0")
        object.__setattr__(self, "shape_kji", shape)

    def apply(self, volume: Volume, progress: Progress = no_progress) -> ModelInput:
        """Resample and normalise a volume.

        Raises UserError when all its voxels are equal.
        """
        affine, notices = self.grid(volume)
        values, inside = resample_to_grid(volume, affine, self.shape_kji, progress)
        if self.intensity == "window":
            low = self.window_center - self.window_width / 2
            values = np.clip((values - low) / self.window_width, 0, 1) * 2 - 1
            values[~inside] = -1
        else:
            values = self._standardise(values, inside, volume)
        return ModelInput(np.ascontiguousarray(values, dtype=np.float32), affine, notices)

    def grid(self, volume: Volume) -> tuple[np.ndarray, tuple[str, ...]]:
        """Affine (4x4, LPS mm) of the input grid for this volume, and notices about it."""
        low, high = volume.bounds_lps
        size_ijk = np.array(self.shape_kji[::-1], dtype=np.float64)
        extent = size_ijk * self.spacing_mm
        factor = max(1.0, float(((high - low) / extent).max()))
        spacing = self.spacing_mm * factor
        notices: tuple[str, ...] = ()
        if factor > 1.001:
            field = " × ".join(f"{mm:.0f}" for mm in high - low)
            own = " × ".join(f"{mm:.0f}" for mm in extent)
            notices = (
                f"The field of view ({field} mm) is larger than the model's ({own} mm), so it was "
                f"sampled at {spacing:.2f} mm instead of {self.spacing_mm:g} mm; anatomy appears "
                "smaller than in training.",
            )
        affine = np.diag([spacing, spacing, spacing, 1.0])
        affine[:3, 3] = (low + high) / 2 - spacing * (size_ijk - 1) / 2
        return affine, notices

    def foreground(self, voxels: np.ndarray) -> np.ndarray:
        """Tissue mask, bool, of the shape of ``voxels`` (see :attr:`ModelInput.voxels`)."""
        return voxels != 0 if self.intensity == "percentile" else voxels > -1

    @staticmethod
    def _standardise(values: np.ndarray, inside: np.ndarray, volume: Volume) -> np.ndarray:
        low, high = np.percentile(values[inside], [1, 99.5])
        if not high > low:
            low, high = values[inside].min(), values[inside].max()
        if not high > low:
            raise UserError(
                "every voxel has the same value, so there is nothing to predict from",
                path=volume.path,
                remedy="Open another series.",
            )
        scaled = np.clip((values - low) / (high - low), 0, 2)
        scaled[~inside] = 0
        foreground = scaled[scaled > _FOREGROUND]
        mean, std = (
            (foreground.mean(), foreground.std())
            if foreground.size > 1
            else (scaled.mean(), scaled.std())
        )
        values = (scaled - mean) / max(float(std), 1e-3)
        # Set air to the tissue's mean; otherwise the outline of the head is by far the strongest signal.
        values[scaled <= _FOREGROUND] = 0
        return values

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; window keys only where the intensity uses a window."""
        plain = asdict(self)
        plain["shape_kji"] = list(self.shape_kji)
        if self.intensity != "window":
            del plain["window_center"], plain["window_width"]
        return plain

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Preprocessing:
        """Read back :meth:`to_json`. Raises ValueError naming what is wrong."""
        unknown = set(plain) - set(cls.__dataclass_fields__)
        if unknown:
            raise ValueError(f"unknown keys {', '.join(sorted(unknown))}")
        return cls(**{**plain, "shape_kji": tuple(plain.get("shape_kji", ()))})
