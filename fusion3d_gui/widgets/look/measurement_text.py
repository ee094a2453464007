"""Format a mark's measurements: label lines on the image, one line in the table."""

from __future__ import annotations

import math

from fusion3d_gui.imaging.annotations.measurement import Measurement, Quantity

#: Values of voxels, which are whole numbers in most scans; what is computed from them, which is not.
_VALUES = ("value", "minimum", "maximum")
_COMPUTED = ("mean", "sd")
#: Of values that are not whole, at most so many decimals; smaller ones are written with an exponent.
_MOST_DECIMALS = 6


def label_lines(measurement: Measurement, *, whole: bool = True) -> list[str]:
    """The lines of a mark's label on the image; empty where it has none.

    A region seen edge on, not ``whole``, says its mean alone: all of it stands where it is seen. A length
    or an angle that leaves the plane says so, as it can't be checked there by eye.
    """
    mark, texts = measurement.annotation, _texts(measurement)
    lines = [mark.text] if mark.text else []
    if mark.kind == "point":
        return [": ".join((f"Point {mark.number}", *texts.values())), *lines]
    if not mark.is_region:
        away = "" if whole else ", out of plane"
        return [*(f"{text}{away}" for text in texts.values()), *lines]
    if "mean" not in texts:
        return [texts["area_mm2"], *lines]
    if not whole:
        return [texts["mean"], *lines]
    unit = f" {measurement.quantities[0].unit}"
    pairs = (("mean", "sd"), ("minimum", "maximum"))
    rows = [f"{texts[first].removesuffix(unit)}   {texts[second]}" for first, second in pairs]
    return [*rows, texts["area_mm2"], *lines]


def measurement_line(measurement: Measurement) -> str:
    """All measurements of a mark in one line."""
    return "   ".join(_texts(measurement).values())


def _texts(measurement: Measurement) -> dict[str, str]:
    """Every quantity with its unit, by key; with its name where there are several."""
    by_key = {each.key: each for each in measurement.quantities}
    form = _form([by_key[key].value for key in _VALUES if key in by_key])
    named = measurement.annotation.is_region
    return {
        key: f"{each.name} {_text(each, form)}" if named else _text(each, form)
        for key, each in by_key.items()
    }


def _form(values: list[float]) -> str:
    """Format specification for the values of one mark: four digits of the largest, all to the same digit."""
    if all(value.is_integer() for value in values):
        return ".0f"
    decimals = 3 - math.floor(math.log10(max(map(abs, values))))
    return f".{max(decimals, 1)}f" if decimals <= _MOST_DECIMALS else ".3e"


def _text(quantity: Quantity, form: str) -> str:
    """Format a quantity: mm, degrees, mm² and means of whole numbers to a tenth, others by ``form``."""
    if quantity.key == "voxels":
        form = ".0f"
    elif quantity.key not in _VALUES and (quantity.key not in _COMPUTED or form == ".0f"):
        form = ".1f"
    gap = "" if quantity.unit in ("", "°") else " "
    return f"{quantity.value:{form}}{gap}{quantity.unit}"
