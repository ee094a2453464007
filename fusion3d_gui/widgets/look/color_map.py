"""Lookup tables of the colour maps for heatmap and anatomy."""

from __future__ import annotations

import numpy as np

from fusion3d_gui.imaging.display.heat_colors import heat_alpha, heatmap_colors

#: The names of the heatmap's maps, the default first: warm colours stand out from gray anatomy.
HEATMAPS = ("Inferno", "Viridis")

#: The names of the anatomy's maps, the default first.
ANATOMY_MAPS = ("Gray", "Hot iron", "Viridis")


def anatomy_colors(name: str, inverted: bool) -> np.ndarray:
    """Return uint32 ``[256]``, the opaque RGB of each gray level."""
    level = np.arange(256)
    if name == "Hot iron":  # DICOM PS3.6 annex B.1.1
        rgb = np.stack([2 * level, 2 * (level - 128), 4 * (level - 192)], axis=1).clip(0, 255)
    elif name == "Viridis":
        rgb = heatmap_colors(name)
    else:
        rgb = np.stack([level] * 3, axis=1)
    return _packed(rgb[::-1] if inverted else rgb) | np.uint32(0xFF000000)


def overlay_lut(opacity: float, threshold: float, name: str = "Inferno") -> np.ndarray:
    """Return uint32 ``[256]``, the premultiplied ARGB of the levels 0 (none) to 255 (peak) as areas.

    Parameters
    ----------
    opacity
        Alpha from 0 to 1, reached a little above the threshold.
    threshold
        Share of the peak below which the overlay is entirely transparent.
    """
    return _premultiplied(name, heat_alpha(opacity, threshold))


def contour_lut(opacity: float, name: str = "Inferno") -> np.ndarray:
    """Return uint32 ``[256]``, the premultiplied ARGB of the levels 0 (none) to 255 (peak) as lines."""
    return _premultiplied(name, np.where(np.arange(256) > 0, min(1.0, 2 * opacity), 0.0))


def contour_levels(threshold: float) -> tuple[float, ...]:
    """Return the shares of the peak at which contours are drawn: the threshold and two more above it."""
    first = max(threshold, 0.05)
    return first, first + (1 - first) / 3, first + 2 * (1 - first) / 3


def _premultiplied(name: str, alpha: np.ndarray) -> np.ndarray:
    rgb = _packed((heatmap_colors(name) * alpha[:, None]).round())
    colors: np.ndarray = ((alpha * 255).round().astype(np.uint32) << 24) | rgb
    return colors


def _packed(rgb: np.ndarray) -> np.ndarray:
    """Return ``[256, 3]`` RGB as uint32 ``[256]``, 0x00RRGGBB."""
    red, green, blue = rgb.astype(np.uint32).T
    packed: np.ndarray = (red << 16) | (green << 8) | blue
    return packed
