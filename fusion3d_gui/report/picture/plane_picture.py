"""``PlanePicture``: one patient plane of a case, plain and under the heat, with what must be written on it."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fusion3d_gui.imaging.display.heat_colors import heat_alpha, heatmap_colors
from fusion3d_gui.imaging.display.window import to_gray
from fusion3d_gui.imaging.plane import ORIENTATIONS, Orientation, Plane, spatial_letters
from fusion3d_gui.imaging.reslice.sampling import Interpolation, sample
from fusion3d_gui.imaging.reslice.slicer import Slicer
from fusion3d_gui.report.case_result import CaseResult

#: Pixels along the longer side of the largest plane.
_SIDE_PX = 480
#: Borders of gray levels up to this are cut off, but for so much (mm).
_BLACK, _AROUND_MM = 10, 6.0

_AXIS_LETTERS = (("R", "L"), ("A", "P"), ("I", "S"))
_KINDS = {
    "acquired": "as acquired",
    "voxels": "",
    "reformatted": "reformatted",
    "resampled": "resampled",
}


@dataclass(frozen=True, eq=False)
class PlanePicture:
    """A plane across a patient axis: the patient's right lies on the left of axial and coronal planes.

    Parameters
    ----------
    name
        ``"Axial"``, ``"Coronal"`` or ``"Sagittal"``.
    plain, heat
        uint8 RGB ``[row, column, 3]`` of square pixels: the scan, and the scan under the heatmap.
    width_mm, height_mm
        Size in the patient.
    letters
        Orientation letters at the left, right, top and bottom edge.
    position
        Where the plane lies, e.g. ``"S 34.2 mm"``.
    image
        Which image of the scan it is, and whether it was computed from several, e.g. ``"image 53"``.
    cross
        The position through which it was cut, as shares (right, down) of width and height.
    """

    name: str
    plain: np.ndarray
    heat: np.ndarray
    width_mm: float
    height_mm: float
    letters: tuple[str, str, str, str]
    position: str
    image: str
    cross: tuple[float, float]

    @cached_property
    def plain_url(self) -> str:
        """The plain image as a data URL."""
        return png_url(self.plain)

    @cached_property
    def heat_url(self) -> str:
        """The image under the heatmap as a data URL."""
        return png_url(self.heat)


def plane_pictures(result: CaseResult, center_lps: np.ndarray) -> tuple[PlanePicture, ...]:
    """The axial, coronal and sagittal plane nearest to a position (mm, LPS), all at one scale.

    A position outside the scan is brought to its edge.
    """
    slicer = Slicer(result.volume)
    low, high = result.volume.bounds_lps
    center = np.clip(center_lps, low, high)
    longest = max(
        max(rect.width, rect.height) for rect in (slicer.rect(each) for each in ORIENTATIONS)
    )
    return tuple(
        _picture(result, slicer, each, center, longest / _SIDE_PX) for each in ORIENTATIONS
    )


def plane_colors(result: CaseResult, plane: Plane) -> tuple[np.ndarray, np.ndarray]:
    """The scan on a plane, and the same under the heatmap: uint8 RGB ``[row, column, 3]``."""
    volume, look = result.volume, result.appearance
    stored = sample(volume, plane, interpolation=Interpolation.LINEAR)
    gray = to_gray(stored, volume, look.window)
    if look.inverted:
        gray = np.where(np.isnan(stored), gray, 255 - gray)
    plain = np.repeat(gray[..., None], 3, axis=2)
    return plain, _heated(result, plane, plain)


def png_url(rgb: np.ndarray) -> str:
    """A uint8 RGB array ``[row, column, 3]`` as a data URL."""
    from imagecodecs import png_encode

    encoded = base64.b64encode(png_encode(np.ascontiguousarray(rgb))).decode("ascii")
    return f"data:image/png;base64,{encoded}"


def axis_text(axis: int, value_mm: float) -> str:
    """A coordinate along an LPS axis with its letter, to a tenth of a millimetre, e.g. ``"R 12.3"``."""
    rounded = round(value_mm, 1)
    return f"{_AXIS_LETTERS[axis][rounded >= 0]} {abs(rounded):.1f}"


def _picture(
    result: CaseResult,
    slicer: Slicer,
    orientation: Orientation,
    center: np.ndarray,
    pixel_mm: float,
) -> PlanePicture:
    rect = slicer.rect(orientation)
    depth = slicer.nearest_depth(orientation, float(center[orientation.depth]))
    shape = max(1, round(rect.height / pixel_mm)), max(1, round(rect.width / pixel_mm))
    plane = Plane.covering(orientation, rect, depth, shape)
    plain, heat = plane_colors(result, plane)
    u, v = orientation.to_screen(center)
    column, row = float(u - rect.left) / pixel_mm, float(v - rect.top) / pixel_mm
    rows, columns = (
        _not_black(np.maximum(plain, heat).max(axis=(2, axis)), at, _AROUND_MM / pixel_mm)
        for axis, at in ((1, row), (0, column))
    )
    right, down = orientation.right_lps, orientation.down_lps
    wide, high = rect.width / shape[1], rect.height / shape[0]
    return PlanePicture(
        name=orientation.name,
        plain=plain[rows, columns],
        heat=heat[rows, columns],
        width_mm=wide * (columns.stop - columns.start),
        height_mm=high * (rows.stop - rows.start),
        letters=(
            spatial_letters(-right),
            spatial_letters(right),
            spatial_letters(-down),
            spatial_letters(down),
        ),
        position=f"{axis_text(orientation.depth, depth)} mm",
        image=_image(slicer, orientation, depth),
        cross=(
            (float(u - rect.left) / wide - columns.start) / (columns.stop - columns.start),
            (float(v - rect.top) / high - rows.start) / (rows.stop - rows.start),
        ),
    )


def _not_black(brightest: np.ndarray, at: float, around: float) -> slice:
    """The rows (columns) from the first to the last that is not black, with some around, and the one at ``at``."""
    bright = np.flatnonzero(brightest > _BLACK)
    ends = (
        (float(bright[0]), float(bright[-1]) + 1, at) if bright.size else (0.0, len(brightest), at)
    )
    first = max(0, int(min(ends) - around))
    return slice(first, max(first + 1, min(len(brightest), math.ceil(max(ends) + around))))


def _heated(result: CaseResult, plane: Plane, plain: np.ndarray) -> np.ndarray:
    """The scan under the heatmap, whose peak has the brightest colour."""
    heatmap, look = result.prediction.heatmap, result.appearance
    if heatmap.peak <= 0:
        return plain
    share = np.nan_to_num(sample(heatmap.as_volume, plane) / heatmap.peak, nan=0.0)
    level = np.rint(255 * share.clip(0, 1)).astype(np.intp)
    alpha = heat_alpha(look.opacity, look.threshold)[level][..., None]
    colors = heatmap_colors(look.color_map)[level]
    mixed: np.ndarray = np.rint(plain * (1 - alpha) + colors * alpha).astype(np.uint8)
    return mixed


def _image(slicer: Slicer, orientation: Orientation, depth_mm: float) -> str:
    source = slicer.source(orientation)
    if source != "acquired":
        return _KINDS[source]
    numbers = slicer.volume.image_numbers
    index = slicer.voxel_index(orientation, depth_mm)
    number = None if index is None or index >= len(numbers) else numbers[index]
    return _KINDS[source] if number is None else f"image {number}"
