"""Format patient positions, voxel values and window levels: ``L 12.3   A 4.5   S 30.1 mm``."""

from __future__ import annotations

import math

import numpy as np

from fusion3d_gui.imaging.display.window import Window
from fusion3d_gui.inference.explain.hot_spots import FEWEST_CELLS, HotSpot

_LETTERS = (("R", "L"), ("A", "P"), ("I", "S"))


def position_text(lps_mm: np.ndarray) -> str:
    """Format a position (mm, LPS) with letters for signs: ``"L 12.3   A 4.5   S 30.1 mm"``."""
    rounded = (round(float(value), 1) for value in lps_mm)
    parts = [f"{axis_letter(axis, value)} {abs(value):.1f}" for axis, value in enumerate(rounded)]
    return "   ".join(parts) + " mm"


def spot_text(spot: HotSpot) -> str:
    """Format a hot spot's position and volume: ``"L 55  A 11  I 33 mm   12 ml"``.

    A spot too small for a volume, and one in the air, say so.
    """
    rounded = (round(float(value)) for value in spot.position_lps)
    place = "  ".join(
        f"{axis_letter(axis, value)} {abs(value)}" for axis, value in enumerate(rounded)
    )
    parts = [f"{place} mm"]
    if spot.volume_ml is None:
        parts.append(f"< {FEWEST_CELLS} cells")
    else:
        volume = f"{spot.volume_ml:.0f}" if spot.volume_ml >= 100 else f"{spot.volume_ml:.2g}"
        parts.append(f"{volume} ml")
    if spot.in_air:
        parts.append("in air")
    return "   ".join(parts)


def axis_letter(axis: int, value_mm: float) -> str:
    """Letter of the patient's side in which a coordinate along an LPS axis lies, e.g. ``"R"``."""
    return _LETTERS[axis][value_mm >= 0]


def value_text(value: float, unit: str) -> str:
    """Format a voxel's real value with its unit."""
    number = f"{value:.0f}" if value == round(value) else f"{value:.4g}"
    return f"{number} {unit}".rstrip()


def window_text(window: Window) -> str:
    """Format a window level's centre and width: ``"C 40  W 80"``."""
    return f"C {_short(window.center)}  W {_short(window.width)}"


def _short(value: float) -> str:
    """Format centre or width: whole numbers when large, three digits when small."""
    if abs(value) >= 100 or value == round(value):
        # Halves away from zero, as in the boxes of the header.
        return str(int(value + math.copysign(0.5, value)))
    return f"{value:.3g}"
