"""Window level: map real values to gray levels, and choose windows that suit a volume."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fusion3d_gui.imaging.voi_curve import VoiCurve
from fusion3d_gui.imaging.volume import Volume

#: Voxels from which a volume's percentiles are computed, about.
_SUBSAMPLE = 500_000

#: Voxels from which a histogram is computed, about.
_COUNTED = 60_000

_MIN_WIDTH = 1e-6


@dataclass(frozen=True)
class Window:
    """The real values shown from black to white.

    Parameters
    ----------
    center, width
        In real values: black at ``center - width / 2`` and below, white at ``center + width / 2`` and
        above. A width below 1e-6 becomes 1e-6.
    curve
        Brightness between; None: linear, DICOM's LINEAR_EXACT (PS3.3 C.11.2.1.3.2).

    Raises
    ------
    ValueError
        Centre or width is not finite.
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
        """The real value at and below which everything is black."""
        return self.center - self.width / 2

    @property
    def high(self) -> float:
        """The real value at and above which everything is white."""
        return self.center + self.width / 2

    def reshaped(self, center: float, width: float) -> Window:
        """A window over other values with the same curve."""
        return Window(center, width, self.curve)

    @classmethod
    def between(cls, low: float, high: float) -> Window:
        """The window from one real value (black) to another (white)."""
        return cls((low + high) / 2, max(high - low, _MIN_WIDTH))


@dataclass(frozen=True)
class Preset:
    """A window with a name."""

    name: str
    window: Window

    @property
    def title(self) -> str:
        """Name, width and centre, as radiologists write them: ``"Brain 80/40"``."""
        return f"{self.name} {self.window.width:.4g}/{self.window.center:.4g}"


#: Of the picture of a lesion map on the template.
ON_TEMPLATE = Preset("On the template", Window(127.5, 255))

#: For standardised uptake values of PET.
_SUV_PRESETS = (
    Preset("SUV 0–5", Window(2.5, 5)),
    Preset("SUV 0–10", Window(5, 10)),
    Preset("SUV 0–20", Window(10, 20)),
)

#: In Hounsfield units.
CT_PRESETS = (
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
    """The windows to offer for a volume: the file's own, an automatic one, then its modality's.

    Reads a subsample of the voxels: call it off the GUI thread for a large volume.
    """
    automatic = percentile_window(volume, 1.0, 99.9)
    found = [
        Preset("From file" if n == 0 else f"From file {n + 1}", Window(center, width, volume.curve))
        for n, (center, width) in enumerate(volume.windows)
        if np.isfinite([center, width]).all() and width > 0
    ]
    found.append(Preset("Automatic", automatic))
    if volume.modality == "CT":
        found += CT_PRESETS
    elif volume.unit == "SUV":
        found += _SUV_PRESETS
    else:
        found.append(Preset("Soft contrast", percentile_window(volume, 0.0, 100.0)))
        quarter = automatic.width / 4
        found.append(Preset("High contrast", Window(automatic.center, 2 * quarter)))
    return tuple(found)


def percentile_window(volume: Volume, low_percent: float, high_percent: float) -> Window:
    """The window between two percentiles of the real values, from a regular subsample of the voxels.

    Padding and values that are not finite do not count. Where both percentiles are the same value,
    the window spans all values.
    """
    step = max(1, round((volume.voxels.size / _SUBSAMPLE) ** (1 / 3)))
    stored = volume.voxels[::step, ::step, ::step]
    padded = _padded(stored, volume)
    values = volume.real(stored if padded is None else stored[~padded]).ravel()
    values = values[np.isfinite(values)]
    if not values.size:
        return Window(0.5, 1.0)
    low, high = (float(edge) for edge in np.percentile(values, (low_percent, high_percent)))
    if high <= low:
        # Nearly all voxels have one value (background): use the whole range.
        low, high = float(values.min()), float(values.max())
    return Window.between(low, high) if high > low else Window(low, 1.0)


def _padded(stored: np.ndarray, volume: Volume) -> np.ndarray | None:
    """Where stored values are padding; None where the volume has none."""
    if volume.padding is None:
        return None
    low, high = volume.padding
    return (stored >= low) & (stored <= high)


def value_histogram(volume: Volume, bins: int) -> tuple[np.ndarray, float, float]:
    """Histogram of the real values on a coarse subsample, quick enough for the GUI thread.

    Parameters
    ----------
    volume
        The voxels; values that are not finite do not count.
    bins
        Number of bins.

    Returns
    -------
    counts : numpy.ndarray
        ``[bins]``.
    low, high : float
        Range of the bins in real values, without the lowest 0.05 % and the highest 0.02 %.
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
    """Gray levels of stored values under a window.

    Parameters
    ----------
    stored
        Stored values of the volume, of any shape; NaN outside of it.
    volume
        Their rescale and padding, and whether the file wants low values white (MONOCHROME1).
    window
        In real values.

    Returns
    -------
    numpy.ndarray
        uint8, like ``stored``; NaN and padding are 0.
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
    """Gray level of every value that 8- or 16-bit voxels can store.

    With it gray levels and colours of a slice are one table lookup.

    Parameters
    ----------
    volume, window
        As for :func:`to_gray`.

    Returns
    -------
    numpy.ndarray or None
        uint8 ``[256]`` or ``[65536]``, indexed by the stored value's bits as an unsigned number; None
        for voxels of other types, for which :func:`to_gray` must be used.
    """
    kind = volume.voxels.dtype
    if kind.kind not in "iu" or kind.itemsize > 2 or not kind.isnative:
        return None
    bits = np.arange(1 << 8 * kind.itemsize, dtype=f"u{kind.itemsize}")
    return to_gray(bits.view(kind), volume, window)
