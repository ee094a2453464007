"""Format probabilities and shares as per cent, with a space before the sign (ISO 80000-1)."""

from __future__ import annotations


def percent(share: float) -> str:
    """A share (0 to 1) in per cent, never rounded to 0 or 100."""
    if share < 0.001:
        return "< 0.1 %"
    if share > 0.999:
        return "> 99.9 %"
    if share < 0.0995 or share > 0.9905:
        return f"{100 * share:.1f} %"
    return f"{100 * share:.0f} %"


def whole_percent(share: float) -> str:
    """A share (0 to 1) in whole per cent, such as progress or a share of a map's peak."""
    return f"{100 * share:.0f} %"
