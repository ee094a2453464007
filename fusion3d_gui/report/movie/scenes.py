"""The movies of a result, shot by shot: plain functions for a worker thread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fusion3d_gui.imaging.display.heat_colors import heat_alpha, heatmap_colors
from fusion3d_gui.imaging.display.window import to_gray
from fusion3d_gui.imaging.plane import AXIAL, ORIENTATIONS, Orientation, Plane, Rect
from fusion3d_gui.imaging.reslice.acquisition import acquired_orientation
from fusion3d_gui.imaging.reslice.clip import ClipPlane
from fusion3d_gui.imaging.reslice.projector_preparation import (
    prepare_heatmap_projector,
    prepare_projector,
)
from fusion3d_gui.imaging.reslice.slicer import Slicer
from fusion3d_gui.imaging.reslice.volume_projection import ProjectedImage, VolumeProjector
from fusion3d_gui.report.case_result import CaseResult
from fusion3d_gui.report.framed_picture import spot_titles
from fusion3d_gui.report.movie.shot import Shot, draw_scale, put, ring, write, write_letters
from fusion3d_gui.report.picture.plane_picture import axis_text, plane_colors

#: Size of the pictures, pixels; of the scroll twice as wide: plain beside heat.
_SIDE = 480
#: Mean width of the three planes of the tour.
_PLANE_SIDE = 330
_GAP = 6
#: More slices than these are skipped evenly.
_MOST_SLICES = 150
_SLICE_MS, _WAY_MS, _SPOT_MS, _TURN_MS = 80, 60, 2600, 60
#: Shots on the way from one hot spot to the next, and in a turn.
_WAY, _TURNS = 14, 90
_MOST_SPOTS = 8
_TILT_DEGREES = 10.0
_RING = (255, 255, 255)


@dataclass(frozen=True)
class TurnLook:
    """How the turning 3D shows the volume.

    Parameters
    ----------
    surface_value
        Real value of the lit surface; None: a maximum intensity projection.
    clip
        The plane that cuts; None: nothing is cut away.
    """

    surface_value: float | None
    clip: ClipPlane | None = None


def tour(result: CaseResult) -> tuple[int, Iterator[Shot]]:
    """The hot spots one after another, each held where it stands in three planes; returns the number of shots too."""
    spots = result.hot_spots[:_MOST_SPOTS]
    return max(1, len(spots) * (_WAY + 1)), _tour(result)


def scroll(
    result: CaseResult, orientation: Orientation | None = None
) -> tuple[int, Iterator[Shot]]:
    """All slices, plain beside heat; of the acquired plane where no orientation is named."""
    chosen = orientation or acquired_orientation(result.volume) or AXIAL
    slicer = Slicer(result.volume)
    count = slicer.count(chosen)
    numbers = np.unique(np.linspace(0, count - 1, min(count, _MOST_SLICES)).round().astype(int))
    return len(numbers), _scroll(result, slicer, chosen, [int(each) for each in numbers])


def turn(result: CaseResult, look: TurnLook) -> tuple[int, Iterator[Shot]]:
    """The volume in 3D, turning once about the patient's long axis, with the heat."""
    return _TURNS, _turn(result, look)


# -- slices -----------------------------------------------------------------------------------


def _scroll(
    result: CaseResult, slicer: Slicer, orientation: Orientation, numbers: list[int]
) -> Iterator[Shot]:
    rect = slicer.rect(orientation)
    mm = max(rect.width, rect.height) / _SIDE
    shape = _shape(rect, mm)
    title = f"{orientation.name} planes: the scan, and under the heatmap"
    for number in numbers:
        depth = slicer.depth_of(orientation, number)
        plain, heat = plane_colors(result, Plane.covering(orientation, rect, depth, shape))
        canvas = np.zeros((shape[0], 2 * shape[1] + _GAP, 3), np.uint8)
        for image, left in ((plain, 0), (heat, shape[1] + _GAP)):
            write_letters(image, orientation.right_lps, orientation.down_lps)
            put(canvas, image, 0, left)
        draw_scale(canvas[:, : shape[1]], mm)
        write(canvas, f"{axis_text(orientation.depth, depth)} mm", 8, 8, "la")
        yield Shot(canvas, title, _SLICE_MS)


def _tour(result: CaseResult) -> Iterator[Shot]:
    slicer = Slicer(result.volume)
    titles = spot_titles(result)
    spots = result.hot_spots[:_MOST_SPOTS]
    if not spots:
        center = np.asarray(result.volume.center_lps)
        yield Shot(_planes(result, slicer, center), "No hot spot above the threshold", _SPOT_MS)
        return
    before = np.asarray(result.volume.center_lps)
    low, high = result.volume.bounds_lps
    for spot, title in zip(spots, titles, strict=False):
        place = np.clip(spot.position_lps, low, high)
        for share in np.linspace(0, 1, _WAY, endpoint=False):
            # Slowly off, slowly on.
            eased = share * share * (3 - 2 * share)
            way = before + eased * (place - before)
            yield Shot(_planes(result, slicer, way), title, _WAY_MS)
        yield Shot(_planes(result, slicer, place, spot.radius_mm), title, _SPOT_MS)
        before = place


def _planes(
    result: CaseResult, slicer: Slicer, center: np.ndarray, radius_mm: float | None = None
) -> np.ndarray:
    """The three planes through a position in a row, at one scale; a ring about it with a radius."""
    rects = [slicer.rect(each) for each in ORIENTATIONS]
    mm = sum(rect.width for rect in rects) / (3 * _PLANE_SIDE)
    shapes = [_shape(rect, mm) for rect in rects]
    rows = max(shape[0] for shape in shapes)
    canvas = np.zeros((rows, sum(shape[1] for shape in shapes) + 2 * _GAP, 3), np.uint8)
    left = 0
    for each, rect, shape in zip(ORIENTATIONS, rects, shapes, strict=True):
        depth = slicer.nearest_depth(each, float(center[each.depth]))
        _, heat = plane_colors(result, Plane.covering(each, rect, depth, shape))
        if radius_mm is not None:
            u, v = each.to_screen(center)
            size = max(radius_mm / mm, 9.0)
            ring(heat, (v - rect.top) / mm - 0.5, (u - rect.left) / mm - 0.5, size, _RING)
        write_letters(heat, each.right_lps, each.down_lps)
        write(heat, f"{axis_text(each.depth, depth)} mm", 8, 8, "la")
        put(canvas, heat, (rows - shape[0]) // 2, left)
        left += shape[1] + _GAP
    draw_scale(canvas, mm)
    return canvas


def _shape(rect: Rect, mm: float) -> tuple[int, int]:
    return max(1, round(rect.height / mm)), max(1, round(rect.width / mm))


# -- 3D ---------------------------------------------------------------------------------------


def _turn(result: CaseResult, look: TurnLook) -> Iterator[Shot]:
    volume, shown = result.volume, result.appearance
    heatmap = result.prediction.heatmap
    anatomy = _last(prepare_projector(volume))
    heat = (
        _last(prepare_heatmap_projector(heatmap.as_volume, heatmap.peak, anatomy))
        if heatmap.peak > 0
        else None
    )
    colors = heatmap_colors(shown.color_map).astype(np.float32)
    alpha = heat_alpha(shown.opacity, shown.threshold).astype(np.float32)
    low, high = volume.bounds_lps
    mm = 0.75 * float(np.linalg.norm(high - low)) / _SIDE
    kind = "maximum intensity" if look.surface_value is None else "surface"
    title = f"The scan in 3D ({kind}) with the heatmap, once around the patient"
    for number in range(_TURNS):
        degrees = 360.0 * number / _TURNS
        axes = _axes(degrees)
        grays = _grays(result, anatomy, axes, look, mm)
        canvas = np.repeat(grays[..., None], 3, axis=2)
        if heat is not None:
            level = _onto(volume.center_lps, heat.project(*axes, look.clip), axes, mm, 0.0)
            levels = np.rint(level).astype(np.intp).clip(0, 255)
            share = alpha[levels][..., None]
            canvas = canvas * (1 - share) + colors[levels] * share
        shot = np.rint(canvas).astype(np.uint8)
        write_letters(shot, *axes)
        draw_scale(shot, mm)
        yield Shot(shot, title, _TURN_MS)


def _grays(
    result: CaseResult,
    anatomy: VolumeProjector,
    axes: tuple[np.ndarray, np.ndarray],
    look: TurnLook,
    mm: float,
) -> np.ndarray:
    """Brightness 0 to 255 of the volume from a side, float32 ``[row, column]``."""
    volume, shown = result.volume, result.appearance
    if look.surface_value is None:
        flat = anatomy.project(*axes, look.clip)
        gray = to_gray(flat.values, volume, shown.window)
        image = 255 - gray if shown.inverted else gray
        seen = np.where(anatomy.met(*axes, look.clip), image, 0)
        return _onto(volume.center_lps, ProjectedImage(seen, flat.to_screen), axes, mm, 0.0)
    least = (look.surface_value - volume.intercept) / volume.slope
    lit = anatomy.surface(*axes, least, look.clip)
    shade = np.where(lit.found | (lit.shade.values > 0), lit.shade.values, 0)
    if lit.face.any():
        shade = shade.copy()
        shade[lit.face] = to_gray(lit.face_values, volume, shown.window)
    return _onto(volume.center_lps, ProjectedImage(shade, lit.shade.to_screen), axes, mm, 0.0)


def _onto(
    center_lps: np.ndarray,
    flat: ProjectedImage,
    axes: tuple[np.ndarray, np.ndarray],
    mm: float,
    outside: float,
) -> np.ndarray:
    """A projection on the pixels of the picture, float32: the middle of the volume is in its middle."""
    from scipy.ndimage import affine_transform

    right, down = axes
    # Pixel (row, column) of the picture → screen mm → (row, column) of the projection.
    linear, shift = flat.to_screen[:, :2], flat.to_screen[:, 2]
    inverse = np.linalg.inv(linear)
    middle = np.array([center_lps @ right, center_lps @ down])
    start = middle - mm * (_SIDE - 1) / 2
    matrix = (inverse * mm)[::-1, ::-1]
    offset = (inverse @ (start - shift))[::-1]
    found: np.ndarray = affine_transform(
        flat.values.astype(np.float32),
        matrix,
        offset,
        (_SIDE, _SIDE),
        order=1,
        mode="constant",
        cval=outside,
    )
    return found


def _axes(turn_degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (LPS) to the screen's right and down; 0°: from the front, slightly from above."""
    turned, tilted = np.radians(turn_degrees), np.radians(_TILT_DEGREES)
    right = np.array([np.cos(turned), np.sin(turned), 0.0])
    away = np.array([-np.sin(turned), np.cos(turned), 0.0])
    return right, np.array([0.0, 0.0, -1.0]) * np.cos(tilted) - away * np.sin(tilted)


def _last(steps: Iterator[VolumeProjector | None]) -> VolumeProjector:
    *_, made = steps
    assert made is not None
    return made
