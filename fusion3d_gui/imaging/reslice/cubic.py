"""Cubic interpolation by Catmull-Rom's weights: it passes through every value and overshoots little.

Keys' kernel with a = -1/2 (R. Keys, IEEE Trans. ASSP 29, 1981), as Pillow's ``BICUBIC`` has it. Parabolas
are reproduced exactly.
"""

from __future__ import annotations

import numpy as np

from fusion3d_gui.imaging.plane import Rect
from fusion3d_gui.imaging.reslice.row_blocks import row_blocks

#: Pixels made at a time.
_BAND_PIXELS = 32_768


def cubic_weights(share: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Weights of the value before, the two around and the one after, at ``share`` (0 to 1) between the two."""
    t = share
    return (
        0.5 * t * (-1 + t * (2 - t)),
        0.5 * (2 + t * t * (3 * t - 5)),
        0.5 * t * (1 + t * (4 - 3 * t)),
        0.5 * t * t * (t - 1),
    )


def enlarge_cubic(values: np.ndarray, rect: Rect, onto: Rect, shape: tuple[int, int]) -> np.ndarray:
    """A picture that fills ``rect``, at the (rows, columns) pixels that fill ``onto``: float32.

    The outermost values continue outwards. Meant for enlarging: what is made smaller is not smoothed.
    """
    rows, columns = values.shape
    y = (onto.top - rect.top + (np.arange(shape[0]) + 0.5) * onto.height / shape[0]) / rect.height
    x = (onto.left - rect.left + (np.arange(shape[1]) + 0.5) * onto.width / shape[1]) / rect.width
    # Only what is seen, and the neighbours that it needs.
    y, x = y * rows - 0.5, x * columns - 0.5
    left = int(np.clip(np.floor(x[0]) - 1, 0, columns - 1))
    right = int(np.clip(np.floor(x[-1]) + 3, left + 1, columns))
    wide = _between_rows(values[:, left:right], y)
    return np.ascontiguousarray(_between_rows(np.ascontiguousarray(wide.T), x - left).T)


def _between_rows(values: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """float32 ``[position, column]`` between the rows of a picture."""
    last = len(values) - 1
    positions = positions.clip(0, last)
    lower = positions.astype(np.intp)
    weights = cubic_weights((positions - lower).astype(np.float32)[:, None])
    made = np.empty((len(positions), values.shape[1]), np.float32)

    for band in row_blocks(len(made), _BAND_PIXELS // made.shape[1]):
        total = made[band]
        total[:] = 0.0
        for shift, weight in zip((-1, 0, 1, 2), weights, strict=True):
            total += values[(lower[band] + shift).clip(0, last)] * weight[band]
    return made
