"""What a mark measures, in words: on the image, and in one line of the table."""

from __future__ import annotations

from fusion3d_gui.imaging.reading import Quantity, Reading


def quantity_text(quantity: Quantity) -> str:
    """A number with its unit: mm and degrees to a tenth, values to four digits."""
    if quantity.key in ("length_mm", "angle_deg"):
        number = f"{quantity.value:.1f}"
    elif quantity.key == "voxels" or abs(quantity.value) >= 1000:
        number = f"{quantity.value:.0f}"
    else:
        number = f"{quantity.value:.4g}"
    if quantity.unit == "°":
        return f"{number}°"
    return f"{number} {quantity.unit}".rstrip()


def label_lines(reading: Reading) -> list[str]:
    """What is written beside a mark on the image, line by line; empty where there is nothing to say."""
    mark = reading.annotation
    lines = [mark.text] if mark.text else []
    if mark.kind == "arrow":
        return lines
    if mark.kind == "point":
        value = "".join(f"  {quantity_text(each)}" for each in reading.quantities)
        return [f"Point {mark.number}{value}", *lines]
    if not mark.is_region:
        return [quantity_text(reading.quantities[0]), *lines]
    by_key = {each.key: each for each in reading.quantities}
    area = f"Area {quantity_text(by_key['area_mm2'])}"
    if "mean" not in by_key:
        return [area, *lines]
    mean, sd, low, high = (by_key[key] for key in ("mean", "sd", "minimum", "maximum"))
    spread = f"{_bare(mean)} ± {quantity_text(sd)}"
    return [spread, f"{_bare(low)} to {quantity_text(high)}", area, *lines]


def reading_line(reading: Reading) -> str:
    """All numbers of a mark in one line."""
    names = reading.annotation.is_region
    parts = [
        f"{each.name} {quantity_text(each)}" if names else quantity_text(each)
        for each in reading.quantities
    ]
    return "   ".join(parts)


def _bare(quantity: Quantity) -> str:
    return quantity_text(Quantity(quantity.key, quantity.name, quantity.value, ""))
