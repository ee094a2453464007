"""Captions that tell where a view's plane lies, which image of the scan it is, and whether it was resampled."""

from __future__ import annotations

import math

from fusion3d_gui.imaging.reslice.slab import Slab
from fusion3d_gui.imaging.reslice.slicer import Slicer
from fusion3d_gui.widgets.look.position_text import axis_letter
from fusion3d_gui.widgets.slice.slice_picture import SlicePicture


def position_text(picture: SlicePicture, slicer: Slicer, slab: Slab) -> str:
    """Position and thickness of the plane: ``"S 80.0 mm   slice 4 mm"``.

    Of an acquired slice its location in the file. A plane across several slices is *reformatted* where it
    shows their voxels, *resampled* where its values lie between voxels.
    """
    source = slicer.source(picture.orientation)
    words = {"acquired": "slice", "voxels": "slice"}
    is_thick = slab.thickness_mm > 0
    kind = slab.projection.value if is_thick else words.get(source, source)
    place = "" if is_thick or source != "acquired" else _location(picture, slicer)
    tilt = _tilt_degrees(picture)
    parts = [place] if place else []
    if tilt >= 0.05:
        parts.append(f"{'tilted' if source == 'acquired' else 'oblique'} {tilt:.2g}°")
    elif not place:
        depth = picture.depth_mm
        parts.append(f"{axis_letter(picture.orientation.depth, depth)} {abs(depth):.1f} mm")
    return "   ".join((*parts, f"{kind} {round(picture.thickness_mm, 2):.3g} mm"))


def image_text(picture: SlicePicture, slicer: Slicer, slab: Slab) -> str:
    """Which of the planes it is: ``"12 / 40"``; of an acquired slice the number of its image: ``"Im 12 / 40"``."""
    orientation, count = picture.orientation, slicer.count(picture.orientation)
    position = f"{slicer.index_at(orientation, picture.depth_mm) + 1} / {count}"
    if slab.thickness_mm > 0 or slicer.source(orientation) != "acquired":
        return position
    numbers = slicer.volume.image_numbers
    index = slicer.voxel_index(orientation, picture.depth_mm)
    if index is None or index >= len(numbers):
        return position
    number = numbers[index]
    if number is None:
        return f"no image   {position}" if index in slicer.volume.missing else position
    if set(numbers) == set(range(1, count + 1)):
        return f"Im {number} / {count}"
    return f"Im {number}   {position}"


def _location(picture: SlicePicture, slicer: Slicer) -> str:
    locations = slicer.volume.slice_locations_mm
    index = slicer.voxel_index(picture.orientation, picture.depth_mm)
    location = None if index is None or index >= len(locations) else locations[index]
    return "" if location is None else f"Loc {location:.1f} mm"


def _tilt_degrees(picture: SlicePicture) -> float:
    """Angle between the plane's normal and the patient's axis."""
    depth = picture.orientation.depth
    normal = picture.matrix[depth, :3]
    return math.degrees(math.acos(min(1.0, abs(float(normal[depth])))))
