"""Paint in bands so low that Qt's raster engine keeps to this thread.

Qt hands a fill or a transformed image of 96 rows and more, 64 at a time, to worker threads and waits for
them. For images of a view's size, waking the threads takes as long as the painting, and many times as long
while a model keeps every core busy.
"""

from __future__ import annotations

from collections.abc import Iterator

_ROWS = 90


def row_bands(top: float, bottom: float, ratio: float = 1.0) -> Iterator[tuple[float, float]]:
    """Split a height into bands of at most 90 device pixels.

    Parameters
    ----------
    top, bottom
        The height, in logical pixels.
    ratio
        Device pixels per logical pixel.

    Yields
    ------
    tuple of float
        Top and bottom of each band in logical pixels. If ``top`` is on a whole device pixel, so are all
        ends but the last.
    """
    while top < bottom:
        end = min(top + _ROWS / ratio, bottom)
        yield top, end
        top = end
