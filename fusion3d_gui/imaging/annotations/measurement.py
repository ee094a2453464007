"""``Measurement``: the numbers that a mark gives on a volume, with names and units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fusion3d_gui.imaging.annotations.annotation import (
    Annotation,
    angle_deg,
    area_mm2,
    as_point,
    length_mm,
)
from fusion3d_gui.imaging.annotations.roi import region_statistics
from fusion3d_gui.imaging.volume import Volume


@dataclass(frozen=True)
class Quantity:
    """One measured number.

    Parameters
    ----------
    key
        Its name in files, e.g. ``"length_mm"``.
    name
        Its name on screen, e.g. ``"Length"``.
    value
        In ``unit``.
    unit
        E.g. ``"mm"``, or empty.
    """

    key: str
    name: str
    value: float
    unit: str


@dataclass(frozen=True)
class Measurement:
    """A mark and its numbers on one volume; they are also found by key, as in a dictionary."""

    annotation: Annotation
    quantities: tuple[Quantity, ...]

    def __getitem__(self, key: str) -> float:
        """The value with this key. Raises KeyError where the mark has no such number."""
        for quantity in self.quantities:
            if quantity.key == key:
                return quantity.value
        raise KeyError(key)


def measure(annotation: Annotation, volume: Volume) -> Measurement:
    """Measure a mark on a volume.

    A distance gives its length, an angle its degrees, a region its area, its number of voxels and
    their statistics (:func:`~fusion3d_gui.imaging.annotations.roi.region_statistics`), a point the
    value of its voxel, an arrow nothing. What lies outside of the volume has no values.
    """
    return Measurement(annotation, tuple(_quantities(annotation, volume)))


def _quantities(annotation: Annotation, volume: Volume) -> list[Quantity]:
    if annotation.kind == "distance":
        return [Quantity("length_mm", "Length", length_mm(annotation), "mm")]
    if annotation.kind == "angle":
        return [Quantity("angle_deg", "Angle", angle_deg(annotation), "°")]
    if annotation.is_region:
        return _region(annotation, volume)
    if annotation.kind == "arrow":
        return []
    value = volume.value_at(np.array(as_point(annotation.points_lps[0])))
    if value is None or not np.isfinite(value):
        return []
    return [Quantity("value", "Value", value, volume.unit)]


def _region(annotation: Annotation, volume: Volume) -> list[Quantity]:
    area = Quantity("area_mm2", "Area", area_mm2(annotation), "mm²")
    found = region_statistics(volume, annotation)
    if found is None:
        return [area]
    unit = volume.unit
    return [
        Quantity("mean", "Mean", found.mean, unit),
        Quantity("sd", "SD", found.sd, unit),
        Quantity("minimum", "Min", found.minimum, unit),
        Quantity("maximum", "Max", found.maximum, unit),
        area,
        Quantity("voxels", "Voxels", found.count, ""),
    ]
