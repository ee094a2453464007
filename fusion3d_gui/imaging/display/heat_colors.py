"""Colours of a heatmap over anatomy: perceptually uniform maps, transparent below a threshold.

Inferno and viridis are by Nathaniel J. Smith, Stéfan van der Walt and Eric Firing (CC0), as the library cmap
carries them.
"""

from __future__ import annotations

from functools import cache

import numpy as np

#: The map's darkest colours would darken the anatomy like a shadow: below this share of the way from
#: the threshold to the peak the overlay fades in instead of starting with a hard edge.
_FADE = 0.12


@cache
def heatmap_colors(name: str = "Inferno") -> np.ndarray:
    """Return uint8 ``[256, 3]`` RGB from the lowest to the highest value; read-only.

    cmap is imported at the first call (about 50 ms), not with the window.
    """
    from cmap import Colormap

    share = np.asarray(Colormap(f"matplotlib:{name.lower()}").lut(256))[:, :3]
    rgb: np.ndarray = (255 * share).round().astype(np.uint8)
    rgb.flags.writeable = False
    return rgb


def heat_alpha(opacity: float, threshold: float) -> np.ndarray:
    """Return float64 ``[256]``, the alpha of the levels 0 (none) to 255 (peak).

    Parameters
    ----------
    opacity
        Alpha from 0 to 1, reached a little above the threshold.
    threshold
        Share of the peak below which the overlay is entirely transparent.
    """
    share = np.arange(256) / 255.0
    above = share - threshold
    fade = np.clip(above / max(_FADE * (1.0 - threshold), 1e-6), 0.0, 1.0)
    return np.where((above >= 0) & (share > 0), opacity * fade, 0.0)
