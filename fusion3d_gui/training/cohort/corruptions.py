"""Corruptions of a scan: what goes wrong with real ones, to try out-of-distribution detection with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import affine_transform, gaussian_filter, rotate

from fusion3d_gui.imaging.volume import Volume

#: A voxel above this share of the 99th percentile counts as tissue.
_TISSUE = 0.1


@dataclass(frozen=True)
class Corruption:
    """One kind of corruption: its ``name`` on the card, and ``change``, a function of voxels [k, j, i].

    ``change`` takes the voxels as float32, with i along the patient's left-right axis, j along
    front-back and k along foot-head (in either direction), and a generator for what is random.
    """

    name: str
    change: Callable[[np.ndarray, np.random.Generator], np.ndarray]

    def apply(self, volume: Volume, seed: int) -> Volume:
        """A corrupted copy, int16, the same for the same seed; the volume's axes must be the patient's."""
        voxels = self.change(volume.voxels.astype(np.float32), np.random.default_rng(seed))
        return replace(volume, voxels=np.rint(voxels).astype(np.int16))


def _top(voxels: np.ndarray) -> float:
    """99th percentile."""
    return float(np.percentile(voxels, 99))


def _tissue(voxels: np.ndarray) -> np.ndarray:
    above: np.ndarray = voxels > _TISSUE * _top(voxels)
    return above


def _noise(voxels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(0, _top(voxels), voxels.shape)


def _noisy(voxels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Magnitude (Rician) noise of 30 % of the 99th percentile over the whole field of view."""
    real, imaginary = 0.3 * _top(voxels) * rng.standard_normal((2, *voxels.shape))
    magnitude: np.ndarray = np.hypot(voxels + real, imaginary)
    return magnitude


def _other_contrast(voxels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Dark where tissue is bright, as T2 against T1; air stays dark."""
    return np.where(_tissue(voxels), np.maximum(1.1 * _top(voxels) - voxels, 0), 0)


def _flat(voxels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Tissue with hardly any contrast in a bright shell, as in CT."""
    tissue, top = _tissue(voxels), _top(voxels)
    near = gaussian_filter(tissue.astype(np.float32), 1.5)
    shell = (near > 0.05) & (near < 0.5)
    return np.where(shell, 3 * top, np.where(tissue, 0.9 * top + 0.1 * voxels, 0))


def _half(axis: int) -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    """Set one half along an axis to 0, a random one."""

    def change(voxels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        kept = np.moveaxis(voxels.copy(), axis, 0)
        middle = len(kept) // 2
        kept[slice(None, middle) if rng.random() < 0.5 else slice(middle, None)] = 0
        return np.moveaxis(kept, 0, axis)

    return change


def _turned(voxels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rotate by 90 degrees about the foot-head axis, cropped or padded to the same size."""
    turned = np.rot90(voxels, axes=(1, 2))
    found = np.zeros_like(voxels)
    size = [min(a, b) for a, b in zip(turned.shape, voxels.shape, strict=True)]
    into = tuple(
        slice((b - n) // 2, (b - n) // 2 + n) for n, b in zip(size, found.shape, strict=True)
    )
    out = tuple(
        slice((a - n) // 2, (a - n) // 2 + n) for n, a in zip(size, turned.shape, strict=True)
    )
    found[into] = turned[out]
    return found


def _smaller(voxels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shrink to two thirds, as with a wrong voxel size."""
    middle = (np.array(voxels.shape) - 1) / 2
    smaller: np.ndarray = affine_transform(voxels, np.full(3, 1.5), offset=-0.5 * middle, order=1)
    return smaller


def _off_center(voxels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shift by a fifth of the field of view along a random axis; what leaves it is lost."""
    axis = int(rng.integers(3))
    shift = np.zeros(3)
    shift[axis] = rng.choice([-1, 1]) * voxels.shape[axis] / 5
    shifted: np.ndarray = affine_transform(voxels, np.ones(3), offset=shift, order=1)
    return shifted


def _slab(voxels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Set a sixth of the slices to 0, at a random position in the middle half."""
    kept, thick = voxels.copy(), len(voxels) // 6
    start = int(rng.integers(len(voxels) // 4, 3 * len(voxels) // 4 - thick))
    kept[start : start + thick] = 0
    return kept


#: In the order of the card's table.
CORRUPTIONS = (
    Corruption("upside down", lambda voxels, rng: voxels[::-1]),
    Corruption("back to front", lambda voxels, rng: voxels[:, ::-1]),
    Corruption("a quarter turned", _turned),
    Corruption(
        "grey values inverted", lambda voxels, rng: _top(voxels) - np.minimum(voxels, _top(voxels))
    ),
    Corruption("other contrast (tissue dark for bright)", _other_contrast),
    Corruption("flat tissue in a bright shell (as in CT)", _flat),
    Corruption("noise alone", _noise),
    Corruption("drowned in noise", _noisy),
    Corruption("half missing, left or right", _half(2)),
    Corruption("half missing, front or back", _half(1)),
    Corruption("half missing, top or bottom", _half(0)),
    Corruption("a sixth of the slices blank", _slab),
    Corruption("a third smaller (wrong voxel size)", _smaller),
    Corruption("off centre by a fifth of the field", _off_center),
    Corruption(
        "tilted by 30 degrees",
        lambda voxels, rng: rotate(voxels, 30, (0, 1), reshape=False, order=1),
    ),
    Corruption("blurred (Gaussian of 2 voxels)", lambda voxels, rng: gaussian_filter(voxels, 2)),
    Corruption("mirrored left to right", lambda voxels, rng: voxels[:, :, ::-1]),
)


@dataclass(frozen=True)
class Misreading:
    """A scan that is read wrongly or is no scan: its ``name`` on the card, and what becomes of the volume."""

    name: str
    apply: Callable[[Volume], Volume]


def _scaled(factor: float) -> Callable[[Volume], Volume]:
    def change(volume: Volume) -> Volume:
        affine = volume.affine.copy()
        affine[:3] *= factor
        return replace(volume, affine=affine)

    return change


#: Changes of a volume's grid and kind, to try the declared scope and the gauges with.
MISREADINGS = (
    Misreading("ten times too large", _scaled(10)),
    Misreading("in metres for millimetres", _scaled(0.001)),
    Misreading("a quarter too large", _scaled(1.25)),
    Misreading(
        "the lower half of the slices",
        lambda volume: replace(volume, voxels=volume.voxels[: len(volume.voxels) // 2]),
    ),
    Misreading(
        "every second slice lost",
        lambda volume: replace(volume, voxels=volume.voxels[::2]),
    ),
    Misreading(
        "one slice",
        lambda volume: replace(volume, voxels=volume.voxels[len(volume.voxels) // 2][None]),
    ),
    Misreading(
        "its mask",
        lambda volume: replace(
            volume, voxels=_tissue(volume.voxels.astype(np.float32)).astype(np.uint8)
        ),
    ),
    Misreading("all voxels equal", lambda volume: replace(volume, voxels=0 * volume.voxels + 7)),
)
