"""``TransferFunction``: how coloured and how opaque 3D draws each value of a volume."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Stop:
    """A value with its colour (``"#RRGGBB"``) and opacity, the share of light that 1 mm of it absorbs."""

    value: float
    color: str
    opacity: float


@dataclass(frozen=True)
class TransferFunction:
    """Piecewise linear between stops, constant beyond the first and the last.

    Parameters
    ----------
    stops
        By ascending value, at least two.
    is_relative
        Values are shares of the window level (0: black, 1: white); else they are real values.
    edges
        How much of the opacity only boundaries between tissues have, 0 (none: values alone count) to 1 (all of it).
    """

    stops: tuple[Stop, ...]
    is_relative: bool = False
    edges: float = 0.0

    @property
    def level(self) -> float:
        """The value at which half of the largest opacity is first reached: what a reader moves."""
        values, opacities = (
            np.array([getattr(each, name) for each in self.stops], float)
            for name in ("value", "opacity")
        )
        fine = np.linspace(values[0], values[-1], 256)
        shown = np.interp(fine, values, opacities)
        return float(fine[int(np.argmax(shown >= shown.max() / 2))])

    def within(self, low: float, high: float) -> TransferFunction:
        """The same in real values, where it is relative to the window level from ``low`` to ``high``."""
        if not self.is_relative:
            return self
        moved = tuple(replace(each, value=low + each.value * (high - low)) for each in self.stops)
        return replace(self, stops=moved, is_relative=False)

    def moved(self, by: float) -> TransferFunction:
        """The same with all values raised by an amount."""
        return replace(
            self, stops=tuple(replace(each, value=each.value + by) for each in self.stops)
        )

    @property
    def range(self) -> tuple[float, float]:
        """The first and the last stop's value."""
        return self.stops[0].value, self.stops[-1].value

    def colors(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Colours ``[n, 3]`` (0 to 1) and opacities ``[n]`` of a millimetre of these values ``[n]``."""
        at = [each.value for each in self.stops]
        rgb = np.array(
            [[int(each.color[n : n + 2], 16) / 255 for n in (1, 3, 5)] for each in self.stops]
        )
        mixed = np.stack([np.interp(values, at, rgb[:, channel]) for channel in range(3)], axis=1)
        return mixed, np.interp(values, at, [each.opacity for each in self.stops])
