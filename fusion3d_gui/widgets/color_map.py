"""The colours of the heatmap: inferno, perceptually uniform and safe for the colour-blind.

Inferno is by Nathaniel J. Smith and Stéfan van der Walt (CC0), as in matplotlib.
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

#: The map's darkest colours would darken the anatomy like a shadow: below this share of the way from
#: the threshold to the peak the overlay fades in instead of starting with a hard edge.
_FADE = 0.12


def heatmap_colors() -> np.ndarray:
    """uint8 ``[256, 3]`` RGB from the lowest to the highest value."""
    nodes = np.frombuffer(bytes.fromhex(_NODES), dtype=np.uint8).reshape(-1, 3)
    levels = np.arange(256)
    channels = [np.interp(levels, np.arange(0, 256, 5), nodes[:, c]) for c in range(3)]
    return np.stack(channels, axis=1).round().astype(np.uint8)


def overlay_lut(opacity: float, threshold: float) -> np.ndarray:
    """uint32 ``[256]`` premultiplied ARGB of the values 0 (none) to 255 (peak).

    Entirely transparent below ``threshold`` (share of the peak).
    """
    share = np.arange(256) / 255.0
    above = share - threshold
    fade = np.clip(above / max(_FADE * (1.0 - threshold), 1e-6), 0.0, 1.0)
    alpha = np.where((above >= 0) & (share > 0), opacity * fade, 0.0)
    premultiplied = (heatmap_colors() * alpha[:, None]).round().astype(np.uint32)
    red, green, blue = premultiplied.T
    return ((alpha * 255).round().astype(np.uint32) << 24) | (red << 16) | (green << 8) | blue
