"""Colours of heatmap and anatomy. The heatmap's are perceptually uniform and safe for the colour-blind.

Inferno and viridis are by Nathaniel J. Smith, Stéfan van der Walt and Eric Firing (CC0), as in matplotlib.
"""

from __future__ import annotations

import numpy as np

#: Every fifth of its 256 colours, as RRGGBB; those between are interpolated to within 2 of 255.
_NODES = (
    "00000402020c0504170a072210092d160b391e0c45260c512f0a5b380962400a67490b6a510e6c"
    "59106e61136e69166e71196e781c6d801f6c88226a902568982766a02a63a82e5fb0315bb73557"
    "bf3952c63d4dcc4248d34743d94d3ddf5337e45a31e9612bed6925f1711ff47918f78212f98b0b"
    "fa9407fb9d07fca60cfcb014fbba1ffac42af8cd37f6d746f4e156f2ea69f2f27df5f992fcffa4"
)

#: Every 28th or so of viridis' 256 colours; those between are interpolated to within 6 of 255.
_VIRIDIS = "4401544828783e498931688e26828e1f9e8935b7796ece58b5de2bfde725"

#: The names of the heatmap's maps, the default first: warm colours stand out from gray anatomy.
HEATMAPS = ("Inferno", "Viridis")

#: The names of the anatomy's maps, the default first.
ANATOMY_MAPS = ("Gray", "Hot iron", "Viridis")

#: The map's darkest colours would darken the anatomy like a shadow: below this share of the way from
#: the threshold to the peak the overlay fades in instead of starting with a hard edge.
_FADE = 0.12


def heatmap_colors(name: str = "Inferno") -> np.ndarray:
    """uint8 ``[256, 3]`` RGB from the lowest to the highest value."""
    if name == "Viridis":
        return _between(_VIRIDIS, np.linspace(0, 255, len(_VIRIDIS) // 6))
    return _between(_NODES, np.arange(0, 256, 5))


def _between(nodes_hex: str, at: np.ndarray) -> np.ndarray:
    nodes = np.frombuffer(bytes.fromhex(nodes_hex), dtype=np.uint8).reshape(-1, 3)
    channels = [np.interp(np.arange(256), at, nodes[:, c]) for c in range(3)]
    return np.stack(channels, axis=1).round().astype(np.uint8)


def anatomy_colors(name: str, inverted: bool) -> np.ndarray:
    """uint32 ``[256]`` opaque RGB of the gray levels."""
    level = np.arange(256)
    if name == "Hot iron":  # DICOM PS3.6 annex B.1.1
        rgb = np.stack([2 * level, 2 * (level - 128), 4 * (level - 192)], axis=1).clip(0, 255)
    elif name == "Viridis":
        rgb = heatmap_colors(name)
    else:
        rgb = np.stack([level] * 3, axis=1)
    red, green, blue = (rgb[::-1] if inverted else rgb).astype(np.uint32).T
    return (red << 16) | (green << 8) | blue | 0xFF000000


def overlay_lut(opacity: float, threshold: float, name: str = "Inferno") -> np.ndarray:
    """uint32 ``[256]`` premultiplied ARGB of the values 0 (none) to 255 (peak).

    Entirely transparent below ``threshold`` (share of the peak).
    """
    share = np.arange(256) / 255.0
    above = share - threshold
    fade = np.clip(above / max(_FADE * (1.0 - threshold), 1e-6), 0.0, 1.0)
    return _premultiplied(name, np.where((above >= 0) & (share > 0), opacity * fade, 0.0))


def contour_lut(opacity: float, name: str = "Inferno") -> np.ndarray:
    """uint32 ``[256]`` premultiplied ARGB of lines at the values 0 (none) to 255 (peak)."""
    return _premultiplied(name, np.where(np.arange(256) > 0, min(1.0, 2 * opacity), 0.0))


def contour_levels(threshold: float) -> tuple[float, ...]:
    """Shares of the peak at which lines are drawn: the threshold, and two more up to the peak."""
    first = max(threshold, 0.05)
    return first, first + (1 - first) / 3, first + 2 * (1 - first) / 3


def _premultiplied(name: str, alpha: np.ndarray) -> np.ndarray:
    premultiplied = (heatmap_colors(name) * alpha[:, None]).round().astype(np.uint32)
    red, green, blue = premultiplied.T
    return ((alpha * 255).round().astype(np.uint32) << 24) | (red << 16) | (green << 8) | blue
