"""The heatmap of one view: levels 0 to 255 on a plane or in a slab, and the image drawn of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PySide6.QtGui import QImage, QPainter

from fusion3d_gui.imaging.plane import Orientation, Plane, Rect
from fusion3d_gui.imaging.reslice.acquisition import aligned_axes
from fusion3d_gui.imaging.reslice.sampling import sample
from fusion3d_gui.imaging.reslice.slab import Projection, project_planes
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.state.display.overlay import OverlaySettings
from fusion3d_gui.widgets.look.color_map import contour_levels, contour_lut, overlay_lut
from fusion3d_gui.widgets.look.reused_array import ReusedArray
from fusion3d_gui.widgets.slice.slice_image import contour_image, overlay_image, rgb_image

_MOST_PLANES = 64

_CONTOUR_PX = 2.0


class HeatBuffers:
    """Reused memory for one view's heatmap: sampled values, levels 0 to 255, and pixels."""

    def __init__(self) -> None:
        self.samples, self.levels, self.pixels = ReusedArray(), ReusedArray(), ReusedArray()
        #: Pixels of the slice with the heatmap over it.
        self.both = ReusedArray()


def scaled_to_levels(heat: Volume, peak: float) -> Volume:
    """Return the map with its values scaled so that ``peak`` becomes 255.

    Before it is resampled, so that interpolated values need no scaling either.
    """
    return replace(heat, voxels=(heat.voxels * np.float32(255.0 / max(peak, 1e-30))).clip(0, 255))


def heat_levels(
    heat: Volume,
    orientation: Orientation,
    rect: Rect,
    depth_mm: float,
    shape: tuple[int, int],
    thickness_mm: float,
    buffers: HeatBuffers,
) -> np.ndarray:
    """Heatmap levels, uint8 ``[row, column]``: 0 outside; the maximum through a slab.

    ``heat`` (as of :func:`in_levels`) lies in the space of ``orientation``; the (rows, columns) pixels
    fill ``rect`` (screen mm).
    """
    plane = Plane.covering(orientation, rect, depth_mm, shape)
    normal = np.eye(3)[orientation.depth]
    offsets = _peaks(heat, orientation.depth, depth_mm, thickness_mm).tolist()
    levels = buffers.levels.array(shape, np.uint8)
    if len(offsets) == 1:
        shares = sample(heat, plane, outside=0.0, out=buffers.samples.array(shape, np.float32))
    else:
        planes = (sample(heat, plane.shifted(normal * offset), outside=0.0) for offset in offsets)
        *_, shares = project_planes(planes, Projection.MAXIMUM)
    np.copyto(levels, shares, casting="unsafe")
    return levels


def heat_image(
    levels: np.ndarray, overlay: OverlaySettings, per_px: float, buffers: HeatBuffers
) -> QImage:
    """Colour the levels (premultiplied), as areas or contours; ``per_px`` of their pixels make one of the view."""
    if not overlay.contours:
        lut = overlay_lut(overlay.opacity, overlay.threshold, overlay.color_map)
        return overlay_image(levels, lut, buffers.pixels)
    lut = contour_lut(overlay.opacity, overlay.color_map)
    width = max(1, round(_CONTOUR_PX * per_px))
    return contour_image(levels, contour_levels(overlay.threshold), lut, width)


def blended(gray: QImage, heat: QImage, buffers: HeatBuffers) -> QImage:
    """An opaque image with the coloured heatmap of the same size over it; neither is changed."""
    pixels = buffers.both.array((gray.height(), gray.width()), np.uint32)
    image = rgb_image(pixels)
    painter = QPainter(image)
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
    painter.drawImage(0, 0, gray)
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)
    painter.drawImage(0, 0, heat)
    painter.end()
    return image


def _peaks(heat: Volume, axis: int, depth_mm: float, thickness_mm: float) -> np.ndarray:
    """Distances (mm) from a plane at which the largest value in a slab about it can lie.

    Along a straight line a trilinear map is largest at a centre of its cells or at the slab's faces;
    where the planes are oblique to its cells, steps of a sixth of a cell come close.
    """
    if thickness_mm <= 0:
        return np.zeros(1)
    half = thickness_mm / 2
    axes = aligned_axes(heat)
    if axes is None:
        step = min(heat.spacing_mm) / 6
        count = min(int(thickness_mm / step) + 2, _MOST_PLANES)
        return np.linspace(-half, half, count)
    cells = np.arange(heat.shape[2 - axes[axis]])
    centers = heat.affine[axis, 3] + cells * heat.affine[axis, axes[axis]] - depth_mm
    return np.array([-half, half, *centers[np.abs(centers) < half]])
