"""``Preprocessing``: resamples and normalises a volume to the network's input, in training and prediction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.reslice.resample import resample_to_grid
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.progress import Progress, no_progress

Intensity = Literal["percentile", "window", "lesion"]
INTENSITIES: tuple[Intensity, ...] = get_args(Intensity)

#: Version of these computations, stored in a bundle: weights are only used with those they were trained with.
#: 1 was not continuous: a difference of 2e-7 mm in an affine moved a logit by 0.006.
VERSION = 2

#: Shares of a volume's values between which the low and the high end of its intensities are averaged.
_LOW_SHARES, _HIGH_SHARES = (0.0, 0.02), (0.9925, 0.9975)

#: Least height of the high end, as a share of the largest value: an image that is nearly all air has one.
_LEAST_HIGH = 0.01

#: Differences up to this share of the largest value are rounding: all voxels are equal.
_SAME = 1e-5

#: Scaled intensities (0..1 between the ends) between which a voxel turns from air into tissue.
_AIR, _TISSUE = 0.05, 0.15

#: A larger input grid would need gigabytes for the network's first feature maps.
_MOST_VOXELS = 256**3
#: No patient is further from the origin of any frame.
_FARTHEST_MM = 10_000.0


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
    the three axes, until it covers the whole volume: nothing is cropped, and a notice says so. With
    ``center_lps_mm``, for maps in standard space, the grid is the same for every volume.

    Parameters
    ----------
    shape_kji
        Voxels of the grid. ``m × total stride + 1`` along each axis puts the cells of the last
        feature map symmetrically, the outermost on the faces of the grid.
    spacing_mm
        Distance of the grid's points in mm, the same along all axes.
    intensity
        ``"percentile"``, for MR: scale the low and the high end of the volume's values to 0 and 1, clip
        to 0..2 (a bright finding stays brighter than tissue, a spike does not dominate), then standardise
        by mean and deviation of the tissue, air being 0. Tissue is a weight that rises from 0 to 1 between
        the scaled values 0.05 and 0.15. The high end is the mean of the values between two quantiles
        (99.25 and 99.75 %), at least 1 % of the largest value. The low end is the mean of the air: of what
        is not tissue, counted from the mean of the lowest 2 %. All of it is continuous in the voxels
        and the affine.
        ``"window"``: clip to the window and scale it to −1..1; for CT.
        ``"lesion"``, for lesion maps: the share (0..1) of each grid cell that lies in the lesion; every value
        but 0 is lesion.
    window_center, window_width
        In real values (HU for CT); for ``"window"`` only.
    center_lps_mm
        Centre of the grid in LPS mm; None: the volume's.
    """

    shape_kji: tuple[int, int, int]
    spacing_mm: float
    intensity: Intensity = "percentile"
    window_center: float = 0.0
    window_width: float = 0.0
    center_lps_mm: tuple[float, float, float] | None = None

    def __post_init__(self) -> None:
        shape = tuple(self.shape_kji)
        if len(shape) != 3 or not all(isinstance(n, int) and 8 <= n <= 512 for n in shape):
            raise ValueError(f"shape_kji is {self.shape_kji}, not three sizes of 8 to 512")
        if math.prod(shape) > _MOST_VOXELS:
            raise ValueError(f"shape_kji {self.shape_kji} has more than {_MOST_VOXELS:,} voxels")
        if not 0.05 <= self.spacing_mm <= 50:
            raise ValueError(f"spacing_mm is {self.spacing_mm}, not 0.05 to 50")
        if self.intensity not in INTENSITIES:
            raise ValueError(f"intensity is {self.intensity!r}, not {' or '.join(INTENSITIES)}")
        if self.intensity == "window" and not self.window_width > 0:
            raise ValueError("intensity window needs a window_width above 0")
        object.__setattr__(self, "shape_kji", shape)
        if self.center_lps_mm is not None:
            center = tuple(float(mm) for mm in self.center_lps_mm)
            if len(center) != 3 or not all(abs(mm) <= _FARTHEST_MM for mm in center):
                raise ValueError(f"center_lps_mm is {self.center_lps_mm}, not three places in mm")
            object.__setattr__(self, "center_lps_mm", center)

    def apply(self, volume: Volume, progress: Progress = no_progress) -> ModelInput:
        """Resample and normalise a volume.

        Raises UserError when all its voxels are equal.
        """
        affine, notices = self.grid(volume)
        if self.intensity == "lesion":
            volume = _lesion_only(volume)
        values, inside = resample_to_grid(volume, affine, self.shape_kji, progress)
        if self.intensity == "window":
            low = self.window_center - self.window_width / 2
            values = np.clip((values - low) / self.window_width, 0, 1) * 2 - 1
            values = inside * (values + 1) - 1
        elif self.intensity == "lesion":
            values = np.clip(values * inside, 0, 1)
        else:
            values = self._standardise(values, inside, volume)
        return ModelInput(np.ascontiguousarray(values, dtype=np.float32), affine, notices)

    def grid(self, volume: Volume) -> tuple[np.ndarray, tuple[str, ...]]:
        """Affine (4x4, LPS mm) of the input grid for this volume, and notices about it."""
        low, high = volume.bounds_lps
        size_ijk = np.array(self.shape_kji[::-1], dtype=np.float64)
        if self.center_lps_mm is not None:
            fixed = np.diag([*(self.spacing_mm,) * 3, 1.0])
            fixed[:3, 3] = np.array(self.center_lps_mm) - self.spacing_mm * (size_ijk - 1) / 2
            return fixed, ()
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
        return voxels > -1 if self.intensity == "window" else voxels != 0

    @staticmethod
    def _standardise(values: np.ndarray, inside: np.ndarray, volume: Volume) -> np.ndarray:
        darkest, bright = _mean_between(values, inside, [_LOW_SHARES, _HIGH_SHARES])
        # The largest of few values, as in a mask, counts by its weight: voxels enter at a weight of 0.
        reach = float((inside * (values - darkest)).max())
        if not reach > _SAME * float(np.abs(values).max()):
            raise UserError(
                "every voxel has the same value, so there is nothing to predict from",
                path=volume.path,
                remedy="Open another series.",
            )
        high = max(bright, darkest + _LEAST_HIGH * reach)
        # The mean of the air, unlike the darkest values, stays where it is when noise is added to it.
        scaled = (values - darkest) / (high - darkest)
        air = inside * np.clip((_TISSUE - scaled) / (_TISSUE - _AIR), 0, 1)
        low = float((air * values).sum(dtype=np.float64) / air.sum(dtype=np.float64))
        scaled = np.clip((values - low) / (high - low), 0, 2)
        # Air is set to the tissue's mean; else the outline of the head is by far the strongest signal.
        tissue = inside * np.clip((scaled - _AIR) / (_TISSUE - _AIR), 0, 1)
        total = max(float(tissue.sum()), 1e-6)
        mean = float((tissue * scaled).sum()) / total
        variance = float((tissue * (scaled - mean) ** 2).sum()) / total
        standardised: np.ndarray = tissue * (scaled - mean) / max(variance**0.5, 1e-3)
        return standardised

    def to_json(self) -> dict[str, Any]:
        """As a JSON object with the version; window keys only where the intensity uses a window."""
        plain = {"version": VERSION, **asdict(self)}
        plain["shape_kji"] = list(self.shape_kji)
        if self.intensity != "window":
            del plain["window_center"], plain["window_width"]
        if self.center_lps_mm is None:
            del plain["center_lps_mm"]
        else:
            plain["center_lps_mm"] = list(self.center_lps_mm)
        return plain

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Preprocessing:
        """Read back :meth:`to_json`, of an object that the schema of bundles allows.

        Raises
        ------
        ValueError
            Of another version of the preprocessing, or with values that make no sense.
        """
        plain = dict(plain)
        version = plain.pop("version", 1)
        if version != VERSION:
            raise ValueError(
                f"the weights were trained with version {version} of the preprocessing, and this is version "
                f"{VERSION}, which gives other numbers; train the model again"
            )
        return cls(**{**plain, "shape_kji": tuple(plain.get("shape_kji", ()))})


def _lesion_only(volume: Volume) -> Volume:
    """The volume with 1 for every value but 0. Raises UserError where there is none."""
    lesion = volume.real(volume.voxels) != 0
    if not lesion.any():
        raise UserError(
            "the map marks no lesion, so there is nothing to predict from",
            path=volume.path,
            remedy="Open another map.",
        )
    return replace(volume, voxels=lesion.astype(np.uint8), slope=1.0, intercept=0.0)


def _mean_between(
    values: np.ndarray, weights: np.ndarray, shares: Sequence[tuple[float, float]]
) -> list[float]:
    """Means of the weighted values between two quantiles each: continuous in values and weights.

    The mean of the quantile function over [a, b]; unlike one quantile it has no jump where the values have
    a gap.
    """
    # Most voxels of a skull-stripped scan are 0: the least value needs no sorting.
    least = values.min()
    above = values > least
    heights = values[above]
    order = np.argsort(heights)
    sizes = weights[above][order].astype(np.float64)
    sizes = np.concatenate([[weights[~above].sum(dtype=np.float64)], sizes])
    below = np.concatenate([[0.0], np.cumsum(sizes)])
    products = sizes * np.concatenate([[least], heights[order]])
    sums = np.concatenate([[0.0], np.cumsum(products)])
    found = []
    for start, end in shares:
        at = np.interp([start * below[-1], end * below[-1]], below, sums)
        found.append(float((at[1] - at[0]) / ((end - start) * below[-1])))
    return found
