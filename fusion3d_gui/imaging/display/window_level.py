"""Window and level: which real values are black, which are white, and sensible choices of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fusion3d_gui.imaging.voi_curve import VoiCurve
from fusion3d_gui.imaging.volume import Volume

#: About this many voxels are enough to know a volume's percentiles.
_SUBSAMPLE = 500_000

#: And about this many to draw how often values occur.
_COUNTED = 60_000

_MIN_WIDTH = 1e-6


@dataclass(frozen=True)
class Window:
    """Real values from ``center - width / 2`` (black) to ``center + width / 2`` (white).

    The map between is linear and exact: DICOM's LINEAR_EXACT (PS3.3 C.11.2.1.3.2), unless a file
    asks for a ``curve``.
    """

    center: float
    width: float
    curve: VoiCurve | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not (np.isfinite(self.center) and np.isfinite(self.width)):
            raise ValueError("a window needs a finite centre and width")
        if self.width < _MIN_WIDTH:
            object.__setattr__(self, "width", _MIN_WIDTH)

    @property
    def low(self) -> float:
        """The real value from which on down everything is black."""
        return self.center - self.width / 2

    @property
    def high(self) -> float:
        """The real value from which on up everything is white."""
        return self.center + self.width / 2

    def reshaped(self, center: float, width: float) -> Window:
        """The same curve over other values."""
        return Window(center, width, self.curve)

    @classmethod
    def between(cls, low: float, high: float) -> Window:
        """The window that spans two real values."""
        return cls((low + high) / 2, max(high - low, _MIN_WIDTH))


@dataclass(frozen=True)
class Preset:
    """A window with a name."""

    name: str
    window: Window


#: From the first to the second standardised uptake value.
_SUV_PRESETS = (
    Preset("SUV 0–5", Window(2.5, 5)),
    Preset("SUV 0–10", Window(5, 10)),
    Preset("SUV 0–20", Window(10, 20)),
)

_CT_PRESETS = (
    Preset("Brain", Window(40, 80)),
    Preset("Subdural", Window(75, 215)),
    Preset("Stroke", Window(40, 40)),
    Preset("Bone", Window(500, 2000)),
    Preset("Lung", Window(-600, 1500)),
    Preset("Mediastinum", Window(50, 350)),
    Preset("Abdomen", Window(50, 400)),
    Preset("Liver", Window(80, 150)),
)


def presets(volume: Volume) -> tuple[Preset, ...]:
    """Windows worth a key for this volume: the file's own first, then its modality's.

    Reads a subsample of the voxels, so call it off the GUI thread for a large volume.
    """
    automatic = percentile_window(volume, 1.0, 99.9)
    found = [
        Preset("From file" if n == 0 else f"From file {n + 1}", Window(center, width, volume.curve))
        for n, (center, width) in enumerate(volume.windows)
        if np.isfinite([center, width]).all() and width > 0
    ]
    found.append(Preset("Automatic", automatic))
    if volume.modality == "CT":
        found += _CT_PRESETS
    elif volume.unit == "SUV":
        found += _SUV_PRESETS
    else:
        found.append(Preset("Soft contrast", percentile_window(volume, 0.0, 100.0)))
        quarter = automatic.width / 4
        found.append(Preset("High contrast", Window(automatic.center, 2 * quarter)))
    return tuple(found)


def percentile_window(volume: Volume, low_percent: float, high_percent: float) -> Window:
    """From one percentile of the real values to another, judged on a regular subsample."""
    step = max(1, round((volume.voxels.size / _SUBSAMPLE) ** (1 / 3)))
    stored = volume.voxels[::step, ::step, ::step]
    padded = _padded(stored, volume)
    values = volume.real(stored if padded is None else stored[~padded]).ravel()
    values = values[np.isfinite(values)]
    if not values.size:
        return Window(0.5, 1.0)
    low, high = (float(edge) for edge in np.percentile(values, (low_percent, high_percent)))
    if high <= low:
        # More than the percentiles' share is one value (background): fall back on the whole range.
        low, high = float(values.min()), float(values.max())
    return Window.between(low, high) if high > low else Window(low, 1.0)


def _padded(stored: np.ndarray, volume: Volume) -> np.ndarray | None:
    """Where stored values stand for no measurement; None where none can."""
    if volume.padding is None:
        return None
    low, high = volume.padding
    return (stored >= low) & (stored <= high)


def value_histogram(volume: Volume, bins: int) -> tuple[np.ndarray, float, float]:
    """How often real values occur on a coarse subsample, and the range (low, high) of the bins.

    The few most extreme values are left out of the range. Quick enough for the GUI thread.
    """
    step = max(1, round((volume.voxels.size / _COUNTED) ** (1 / 3)))
    values = volume.real(volume.voxels[::step, ::step, ::step]).ravel()
    values = values[np.isfinite(values)]
    if not values.size:
        return np.zeros(bins), 0.0, 1.0
    low, high = (float(each) for each in np.quantile(values, (0.0005, 0.9998)))
    low, high = (low, high) if high > low else (low - 0.5, low + 0.5)
    counts, _ = np.histogram(values, bins=bins, range=(low, high))
    return counts, low, high


def to_gray(stored: np.ndarray, volume: Volume, window: Window) -> np.ndarray:
    """uint8 gray levels of stored values under a window; NaN (outside the volume) and padding are black.

    Low values are white where the file means them so.
    """
    white = 255.0 if window.curve is None else 1.0
    gray = stored.astype(np.float32)
    gray *= np.float32(white * volume.slope / window.width)
    gray += np.float32(white * (volume.intercept - window.low) / window.width)
    if window.curve is not None:
        gray = window.curve.brightness(gray) * np.float32(255.0)
    gray += np.float32(0.5)
    np.clip(gray, 0.0, 255.0, out=gray)
    if volume.low_is_white:
        np.subtract(255.0, gray, out=gray)
    if stored.dtype.kind == "f":
        gray[np.isnan(gray)] = 0.0
    padded = _padded(stored, volume)
    if padded is not None:
        gray[padded] = 0.0
    return gray.astype(np.uint8)


def gray_table(volume: Volume, window: Window) -> np.ndarray | None:
    """uint8 gray level of every value that 8- or 16-bit voxels can store, by its bits as unsigned.

    None for other types: :func:`to_gray` them. A table makes one look-up out of many steps.
    """
    kind = volume.voxels.dtype
    if kind.kind not in "iu" or kind.itemsize > 2 or not kind.isnative:
        return None
    bits = np.arange(1 << 8 * kind.itemsize, dtype=f"u{kind.itemsize}")
    return to_gray(bits.view(kind), volume, window)
