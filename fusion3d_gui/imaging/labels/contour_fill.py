"""``fill_contours``: which pixels lie inside closed contours, by the even-odd rule."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

#: Crossings of edges with rows that are computed at a time.
_MOST_CROSSINGS = 2_000_000


def fill_contours(contours: Iterable[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Pixels whose centres are inside an odd number of contours.

    Own code, as pillow and matplotlib fill whole pixels or draw the outline too, which moves the border by up to
    half a pixel.

    Parameters
    ----------
    contours
        Each ``[points, 2]``: (column, row) in pixels, the middle of the first pixel at (0, 0). The last point
        is joined to the first. A contour within another is a hole.
    shape
        (rows, columns).

    Returns
    -------
    ndarray
        bool ``[row, column]``.
    """
    rows, columns = shape
    # A crossing at x toggles all pixels from ceil(x) on: marked there, and summed along the row at the end.
    toggles = np.zeros((rows, columns + 1), np.int64)
    for points in contours:
        corners = np.asarray(points, float)
        ends = np.roll(corners, -1, axis=0)
        block = max(1, _MOST_CROSSINGS // max(rows, 1))
        for at in range(0, len(corners), block):
            _toggle(toggles, corners[at : at + block], ends[at : at + block])
    inside: np.ndarray = np.cumsum(toggles[:, :-1], axis=1) % 2 == 1
    return inside


def _toggle(toggles: np.ndarray, start: np.ndarray, end: np.ndarray) -> None:
    """Mark where the edges from ``start`` to ``end`` cross the middles of the rows."""
    rows, columns = toggles.shape[0], toggles.shape[1] - 1
    # Half-open: a row that meets a corner is crossed once by the two edges that go on in its direction.
    ys = np.sort(np.stack([start[:, 1], end[:, 1]]), axis=0)
    first, last = np.clip(np.ceil(ys), 0, rows).astype(int)
    count = last - first
    edge = np.repeat(np.arange(len(start)), count)
    if not len(edge):
        return
    row = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    (x0, y0), (x1, y1) = start[edge].T, end[edge].T
    x = x0 + (row - y0) / (y1 - y0) * (x1 - x0)
    np.add.at(toggles, (row, np.clip(np.ceil(x), 0, columns).astype(int)), 1)
