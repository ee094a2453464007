"""``lesion_check``: pictures by which a reader checks that a lesion lies on the template where it lies in the scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_erosion

from fusion3d_gui.imaging.largest_part import middle_of_largest_part
from fusion3d_gui.imaging.notebook import OrthogonalSlice, gray_levels, orthogonal_slices
from fusion3d_gui.imaging.registration.to_template import StandardLesion
from fusion3d_gui.imaging.reslice.resample import resample_to_grid
from fusion3d_gui.imaging.template import template_volume
from fusion3d_gui.imaging.volume import Volume

#: Outlines are drawn on pixels of about this size, of which a voxel has this many at most.
_PIXEL_MM, _MOST_PIXELS = 0.5, 16
#: An outline is so many pixels wide.
_WIDTH = 3
_LESION_COLOR, _BRAIN_COLOR = (240, 60, 60), (86, 182, 216)
#: Centre and width of the window in which the template (0..255) is shown: outlines show up on grey, not on white.
_TEMPLATE_WINDOW = (190.0, 380.0)


@dataclass(frozen=True, eq=False)
class CheckPicture:
    """A slice with outlines, the way round that radiologists look at it.

    Parameters
    ----------
    name
        ``"Axial"``, ``"Coronal"`` or ``"Sagittal"``.
    rgb
        uint8 ``[row, column, 3]``.
    width_mm, height_mm
        Its size in the patient; pixels need not be square.
    letters
        Orientation at the left, right, top and bottom edge, from the grid's affine.
    """

    name: str
    rgb: np.ndarray
    width_mm: float
    height_mm: float
    letters: tuple[str, str, str, str]


@dataclass(frozen=True, eq=False)
class CheckRow:
    """Three slices through the middle of the lesion's largest part, of what ``title`` says."""

    title: str
    pictures: tuple[CheckPicture, ...]


def lesion_check(scan: Volume, lesion: np.ndarray, found: StandardLesion) -> tuple[CheckRow, ...]:
    """Three rows: the scan as it was taken; the scan on the template's grid, with the outline of the template's brain;
    the template. The lesion is outlined in all of them.

    Parameters
    ----------
    scan, lesion
        As for :func:`~fusion3d_gui.imaging.registration.to_template.lesion_in_standard_space`, whose result ``found`` is.
    """
    grid = found.lesion_map
    shade, _ = resample_to_grid(template_volume(), grid.affine, grid.shape)
    brain = shade > 0
    inside = grid.voxels > 0
    return (
        _row("The scan", scan.real(scan.voxels), scan.affine, lesion),
        _row("The scan, registered", found.scan.voxels, grid.affine, inside, brain),
        _row("The template", shade, grid.affine, inside, brain, _TEMPLATE_WINDOW),
    )


def _row(
    title: str,
    values: np.ndarray,
    affine: np.ndarray,
    lesion: np.ndarray,
    brain: np.ndarray | None = None,
    window: tuple[float, float] | None = None,
) -> CheckRow:
    place = affine[:3, :3] @ middle_of_largest_part(lesion)[::-1] + affine[:3, 3]
    grays = orthogonal_slices(values, affine, place)
    marks = orthogonal_slices(lesion, affine, place)
    brains = [None] * 3 if brain is None else orthogonal_slices(brain, affine, place)
    levels = gray_levels([each.values for each in grays], window, inverted=False)
    return CheckRow(
        title,
        tuple(
            _picture(of, level, mark.values, None if outer is None else outer.values)
            for of, level, mark, outer in zip(grays, levels, marks, brains, strict=True)
        ),
    )


def _picture(
    of: OrthogonalSlice, gray: np.ndarray, lesion: np.ndarray, brain: np.ndarray | None
) -> CheckPicture:
    steps_mm = [float(np.linalg.norm(step)) for step in (of.plane.down_step, of.plane.right_step)]
    times = [int(np.clip(round(step / _PIXEL_MM), 1, _MOST_PIXELS)) for step in steps_mm]

    def finer(pixels: np.ndarray) -> np.ndarray:
        return pixels.repeat(times[0], axis=0).repeat(times[1], axis=1)

    rgb = finer(gray)
    for mask, color in ((brain, _BRAIN_COLOR), (lesion, _LESION_COLOR)):
        if mask is not None:
            rgb[_outline(finer(mask))] = color
    rows, columns = gray.shape[:2]
    return CheckPicture(of.name, rgb, columns * steps_mm[1], rows * steps_mm[0], of.letters)


def _outline(inside: np.ndarray) -> np.ndarray:
    """The outermost pixels of a mask."""
    edge: np.ndarray = inside & ~binary_erosion(inside, iterations=_WIDTH, border_value=1)
    return edge
