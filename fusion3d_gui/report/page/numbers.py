"""Numbers of a result as text on the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fusion3d_gui.report.picture.plane_picture import axis_text

#: Names of a mark's numbers, and how they are written where four digits are not right.
_QUANTITIES = {
    "length_mm": ("length", ".1f"),
    "angle_deg": ("angle", ".1f"),
    "value": ("value", ".4g"),
    "mean": ("mean", ".4g"),
    "sd": ("SD", ".4g"),
    "minimum": ("min", ".4g"),
    "maximum": ("max", ".4g"),
    "area_mm2": ("area", ".1f"),
    "voxels": ("voxels", ".0f"),
}


def percent(share: float) -> str:
    """A share (0 to 1) in per cent with one decimal, never rounded to 0 or 100."""
    if 0 < share < 0.0005:
        return "< 0.1 %"
    if 0.9995 < share < 1:
        return "> 99.9 %"
    return f"{100 * share:.1f} %"


def share_range(ends: Sequence[float]) -> str:
    """Two probabilities as a range."""
    return f"{percent(ends[0])} to {percent(ends[1])}"


def signed(value: float) -> str:
    """A number with its sign and two decimals."""
    return f"{value:+.2f}".replace("-", "−")


def estimate(plain: Mapping[str, float | None]) -> str:
    """A figure with its 95 % interval."""
    value, low, high = plain["value"], plain["low"], plain["high"]
    if low is None or high is None:
        return f"{value:.3f}"
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def volume(millilitres: float | None) -> str:
    """A hot spot's volume; a dash where the map does not resolve it."""
    return "–" if millilitres is None else f"{millilitres:.1f} ml"


def millimetres(ends: Sequence[float]) -> str:
    """A range of lengths in mm."""
    return f"{ends[0]:.3g} to {ends[1]:.3g} mm"


def position(lps_mm: Sequence[float]) -> str:
    """A position in the patient with letters for signs, e.g. ``"L 12.3  A 4.5  S 30.1 mm"``."""
    return "  ".join(axis_text(axis, mm) for axis, mm in enumerate(lps_mm)) + " mm"


def quantity(key: str, plain: Mapping[str, Any]) -> str:
    """A mark's number with name and unit, e.g. ``"length 12.3 mm"``."""
    name, form = _QUANTITIES[key]
    gap = "" if plain["unit"] in ("", "°") else " "
    return f"{name} {plain['value']:{form}}{gap}{plain['unit']}"


def date(text: str) -> str:
    """A DICOM date (``YYYYMMDD``) as ``YYYY-MM-DD``; other texts as they are."""
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdigit() else text


def patient_age(text: str) -> str:
    """A DICOM age (``"054Y"``) in words; empty where it is none."""
    units = {"Y": "years", "M": "months", "W": "weeks", "D": "days"}
    if len(text) == 4 and text[:3].isdigit() and text[3] in units:
        return f"{int(text[:3])} {units[text[3]]}"
    return ""
