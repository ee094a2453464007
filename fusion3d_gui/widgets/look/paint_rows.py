"""Painting in this thread alone.

Qt's raster engine hands a fill or a transformed picture of 96 rows and more, 64 at a time, to threads of its
own and waits for them. For pictures of a view's size, waking those takes as long as the painting, and many
times as long while a model keeps every core busy.
"""

from __future__ import annotations

from collections.abc import Iterator

_ROWS = 90


def strips(top: float, bottom: float, ratio: float = 1.0) -> Iterator[tuple[float, float]]:
    """The parts of a height, from where to where, that each have few enough rows.

    In logical pixels, ``ratio`` device pixels each. If ``top`` is on a whole device pixel, so are all ends but
    the last.
    """
    while top < bottom:
        end = min(top + _ROWS / ratio, bottom)
        yield top, end
        top = end
