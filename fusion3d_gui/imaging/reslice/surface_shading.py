"""Brightness of a surface lit from the reader's side, from the depth at which each ray meets it."""

from __future__ import annotations

import numpy as np

#: The surface's depth is smoothed by these weights along rows and columns (binomial: about Gaussian,
#: standard deviation 1.2 pixels).
_SMOOTH = np.array([1, 6, 15, 20, 15, 6, 1], np.float32) / 64
#: Where depth changes by more than so many slices from pixel to pixel, another surface begins.
_ONE_SURFACE = 6.0
#: Surfaces turned away from the reader by more than about 63 degrees (the tangent) are steep.
_STEEP = 2.0
#: The share of surface around a pixel from which on it is drawn, and drawn fully: rounds the steps of
#: the outline.
_RIM = (0.15, 0.65)
#: The light comes from the reader, tilted by this much to the right and down (so: from the upper left).
LIGHT = (-0.35, -0.45)
_BRIGHTEST = float(np.sqrt(1 + LIGHT[0] ** 2 + LIGHT[1] ** 2))
#: Brightness of a surface that the light does not reach, of 1.
AMBIENT = 0.12


def shade_surface(
    depth_mm: np.ndarray, found: np.ndarray, slice_mm: float, to_screen: np.ndarray
) -> np.ndarray:
    """Brightness by Lambert's cosine law, with the outline faded over a pixel or two.

    Parameters
    ----------
    depth_mm
        float32 ``[row, column]``: how far away from the reader the surface is; arbitrary where there is none.
    found
        bool ``[row, column]``: where there is a surface.
    slice_mm
        Depth between neighbouring slices: depths are multiples of it, which would show as terraces.
    to_screen
        2x2, screen mm (u, v) of a step in (column, row).

    Returns
    -------
    numpy.ndarray
        uint8 ``[row, column]``.
    """
    steepest = np.float32(_ONE_SURFACE * slice_mm)
    smooth = _smoothed_surface(depth_mm, found, steepest)
    (by_column, by_row), known = _gradient(smooth, found, steepest)
    to_mm = np.linalg.inv(to_screen).astype(np.float32)
    along_u = by_column * to_mm[0, 0] + by_row * to_mm[1, 0]
    along_v = by_column * to_mm[0, 1] + by_row * to_mm[1, 1]
    facing = 1.0 / np.sqrt(1.0 + along_u**2 + along_v**2)
    lit = facing * (1.0 + LIGHT[0] * along_u + LIGHT[1] * along_v) / _BRIGHTEST
    shade = AMBIENT + (1 - AMBIENT) * lit.clip(0, 1)
    # Where a surface ends, and just outside, it is as bright as its surroundings; so are steep parts, which
    # are a few voxels wide and would be speckled. What is one pixel thin has no other surroundings.
    plain = known & (np.maximum(np.abs(along_u), np.abs(along_v)) < _STEEP)
    counts = np.where(plain, np.float32(1), np.float32(0.02)) * found
    around = _smoothed(found.astype(np.float32))
    weight = _smoothed(counts)
    rim = _smoothed(counts * shade) / np.maximum(weight, 1e-6)
    share = (2 * weight / np.maximum(around, 1e-6) - 1).clip(0, 1) * plain
    shade = rim + share * (shade - rim)
    cover = ((around - _RIM[0]) / (_RIM[1] - _RIM[0])).clip(0, 1)
    brightness: np.ndarray = 255 * cover * shade
    return brightness.astype(np.uint8)


def _smoothed(image: np.ndarray) -> np.ndarray:
    for axis in (0, 1):
        sources, image = _shifted(image, axis), np.zeros_like(image)
        for weight, source in zip(_SMOOTH, sources, strict=True):
            image += weight * source
    return image


def _smoothed_surface(depth: np.ndarray, found: np.ndarray, steepest: np.float32) -> np.ndarray:
    """Depths smoothed among neighbours on the same surface; arbitrary where there is none."""
    reach = len(_SMOOTH) // 2
    for axis in (0, 1):
        total, weights = np.zeros_like(depth), np.full_like(depth, 1e-6)
        sources = zip(_SMOOTH, _shifted(depth, axis), _shifted(found, axis), strict=True)
        for number, (weight, there, is_found) in enumerate(sources):
            away = there - depth
            counts = weight * (is_found & (np.abs(away) <= steepest * abs(number - reach)))
            total += counts * away
            weights += counts
        depth = depth + total / weights
    return depth


def _gradient(
    depth: np.ndarray, found: np.ndarray, steepest: np.float32
) -> tuple[list[np.ndarray], np.ndarray]:
    """Change of depth from column to column and from row to row, and where both are known.

    Where the steps to both sides differ much, one leads to another surface, and the smaller one counts.
    """
    slopes, known = [], found
    for axis in (1, 0):
        step = np.diff(depth, axis=axis)
        step[~np.logical_and(*(np.delete(found, end, axis) for end in (0, -1)))] = np.nan
        ends = [(0, 0), (0, 0)]
        sides = []
        for end in ((1, 0), (0, 1)):
            ends[axis] = end
            sides.append(np.pad(step, ends, constant_values=np.nan))
        before, after = sides
        smaller = np.where(np.abs(after) < np.abs(before), after, before)
        smaller = np.where(np.isnan(before), after, smaller)
        slope = np.where(np.abs(before - after) < steepest, (before + after) / 2, smaller)
        known = known & ~np.isnan(slope)
        slopes.append(np.nan_to_num(slope))
    return slopes, known


def _shifted(image: np.ndarray, axis: int) -> list[np.ndarray]:
    """The image displaced along an axis by the position of each smoothing weight, 0 outside."""
    reach, size = len(_SMOOTH) // 2, image.shape[axis]
    wide = np.pad(image, [(reach, reach) if each == axis else (0, 0) for each in (0, 1)])
    windows = [slice(shift, shift + size) for shift in range(len(_SMOOTH))]
    return [wide[window] if axis == 0 else wide[:, window] for window in windows]
