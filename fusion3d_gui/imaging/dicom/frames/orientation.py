"""``normalised_orientation``: Image Orientation (Patient) as two unit vectors."""

from __future__ import annotations

import math
from functools import lru_cache

#: All images of a series have the same one.
_CACHED_ORIENTATIONS = 64


@lru_cache(_CACHED_ORIENTATIONS)
def normalised_orientation(numbers: tuple[float, ...] | None) -> tuple[float, ...] | None:
    """Image Orientation (Patient) as two unit vectors (LPS), six numbers; None where it is unusable.

    Unusable: vectors more than 1 % from unit length or 0.6 degrees from perpendicular, against
    PS3.3 C.7.6.2.1.1.
    """
    if numbers is None or len(numbers) != 6:
        return None
    lengths = math.hypot(*numbers[:3]), math.hypot(*numbers[3:])
    if not all(0.99 < length < 1.01 for length in lengths):
        return None
    unit = [number / lengths[0] for number in numbers[:3]]
    unit += [number / lengths[1] for number in numbers[3:]]
    if abs(sum(a * b for a, b in zip(unit[:3], unit[3:], strict=True))) > 0.01:
        return None
    return tuple(unit)
