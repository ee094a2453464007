"""Cubic interpolation by Catmull-Rom weights: it passes through every value and overshoots little.

Keys' kernel with a = -1/2 (R. Keys, IEEE Trans. ASSP 29, 1981), the same as Pillow's ``BICUBIC``. Parabolas
are reproduced exactly.

Own code for its speed: 57 ms for 1024 x 1024 pixels from a quarter of an int16 slice of 512 x 512, against
560 of ``scipy.ndimage.zoom``; Pillow takes 64, and leaves out what lies beyond the edge instead of
continuing it.
"""

from __future__ import annotations

import numpy as np

from fusion3d_gui.imaging.plane import Rect
from fusion3d_gui.imaging.reslice.row_blocks import row_blocks

#: Pixels computed at a time: all at once takes 1.2 to 1.8 times as long.
_BLOCK_PIXELS = 32_768


def cubic_weights(share: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Weights of four neighbours in a row, for a position between the second and the third.

    Parameters
    ----------
    share
        How far the position is from the second (0) to the third (1), of any shape and float type.

    Returns
    -------
    tuple of numpy.ndarray
        Four arrays like ``share``, whose sum is 1.
    """
    t = share
    return (
        0.5 * t * (-1 + t * (2 - t)),
        0.5 * (2 + t * t * (3 * t - 5)),
        0.5 * t * (1 + t * (4 - 3 * t)),
        0.5 * t * t * (t - 1),
    )


def enlarge_cubic(values: np.ndarray, rect: Rect, onto: Rect, shape: tuple[int, int]) -> np.ndarray:
    """Resample an image to smaller pixels, over all of it or a part.

    Made for enlarging: without smoothing, fine detail would alias in larger pixels.

    Parameters
    ----------
    values
        Image ``[row, column]`` whose outer pixel edges are those of ``rect``.
    rect, onto
        Rectangles in screen mm: that of the image, and that of the result. Where the latter reaches
        further, the outermost values continue.
    shape
        Number of (rows, columns) of the result.

    Returns
    -------
    numpy.ndarray
        float32 ``[row, column]``.
    """
    rows, columns = values.shape
    y = (onto.top - rect.top + (np.arange(shape[0]) + 0.5) * onto.height / shape[0]) / rect.height
    x = (onto.left - rect.left + (np.arange(shape[1]) + 0.5) * onto.width / shape[1]) / rect.width
    # Only the columns that are needed, with their neighbours.
    y, x = y * rows - 0.5, x * columns - 0.5
    left = int(np.clip(np.floor(x[0]) - 1, 0, columns - 1))
    right = int(np.clip(np.floor(x[-1]) + 3, left + 1, columns))
    wide = _between_rows(values[:, left:right], y)
    return np.ascontiguousarray(_between_rows(np.ascontiguousarray(wide.T), x - left).T)


def _between_rows(values: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Interpolate between the rows of an image: float32 ``[position, column]``."""
    last = len(values) - 1
    positions = positions.clip(0, last)
    lower = positions.astype(np.intp)
    weights = cubic_weights((positions - lower).astype(np.float32)[:, None])
    result = np.empty((len(positions), values.shape[1]), np.float32)
    for block in row_blocks(len(result), _BLOCK_PIXELS // result.shape[1]):
        total = result[block]
        total[:] = 0.0
        for shift, weight in zip((-1, 0, 1, 2), weights, strict=True):
            total += values[(lower[block] + shift).clip(0, last)] * weight[block]
    return result
