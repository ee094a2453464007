"""HTML by which volumes, heatmaps and predictions show themselves in a notebook.

Three orthogonal slices of an array as inline PNG, the way round that radiologists look at them, with
orientation letters and a few facts. All text is escaped.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from fusion3d_gui.imaging.plane import ORIENTATIONS, Plane, spatial_letters
from fusion3d_gui.plain_text import html_text

#: The longer side of each slice on the page, in CSS pixels.
_SIDE_PX = 220

#: Threshold (share of the peak) and opacity of heat over anatomy, as the main window's defaults.
HEAT_THRESHOLD, HEAT_OPACITY = 0.35, 0.5

_FIGURE = "display:inline-block;margin:2px;position:relative;background:#000"
_LETTER = "position:absolute;color:#fff;font:bold 13px sans-serif;text-shadow:0 0 3px #000"
_SIDES = (
    "left:4px;top:50%;transform:translateY(-50%)",
    "right:4px;top:50%;transform:translateY(-50%)",
    "top:3px;left:50%;transform:translateX(-50%)",
    "bottom:3px;left:50%;transform:translateX(-50%)",
)


@dataclass(frozen=True, eq=False)
class OrthogonalSlice:
    """A slice of an array along two of its axes, turned the way round that radiologists look at it.

    Parameters
    ----------
    name
        ``"Axial"``, ``"Coronal"`` or ``"Sagittal"``: the patient plane that is nearest.
    values
        Array ``[row, column]``, stored values.
    plane
        Where the values lie in the patient.
    """

    name: str
    values: np.ndarray
    plane: Plane

    @property
    def letters(self) -> tuple[str, str, str, str]:
        """Orientation letters at the left, right, top and bottom edge."""
        right, down = self.plane.right_step, self.plane.down_step
        return (
            spatial_letters(-right),
            spatial_letters(right),
            spatial_letters(-down),
            spatial_letters(down),
        )

    @property
    def positions_lps(self) -> np.ndarray:
        """Patient positions (mm, LPS) of the pixels' centres, float64 ``[row, column, 3]``."""
        rows, columns = self.plane.shape
        return self.plane.to_lps(np.arange(rows)[:, None], np.arange(columns)[None])


def orthogonal_slices(
    voxels: np.ndarray, affine: np.ndarray, center_lps: np.ndarray | None = None
) -> tuple[OrthogonalSlice, ...]:
    """The axial, coronal and sagittal slice of an array through a position (default: the middle).

    Parameters
    ----------
    voxels
        Array ``[k, j, i]``.
    affine
        4x4 from the index (i, j, k) to patient millimetres, LPS.
    center_lps
        Patient position (mm, LPS); the slices nearest to it are taken. None for the middle.

    An array that lies obliquely in the patient is cut along its own axes, which the letters then say.
    """
    size_ijk = np.array(voxels.shape[::-1])
    center = (size_ijk - 1) // 2
    if center_lps is not None:
        nearest = np.linalg.inv(affine) @ np.append(center_lps, 1.0)
        center = np.clip(np.rint(nearest[:3]).astype(int), 0, size_ijk - 1)
    steps = affine[:3, :3].T  # [i, j or k; LPS]
    cosines = np.abs(steps / np.linalg.norm(steps, axis=1, keepdims=True))
    # The array's axis for each of the patient's: of all ways to pair them the one that fits best.
    axis_of = max(
        permutations(range(3)), key=lambda each: sum(cosines[each[lps], lps] for lps in range(3))
    )
    found = []
    for orientation in ORIENTATIONS:
        right, down, depth = (
            axis_of[axis] for axis in (orientation.right, orientation.down, orientation.depth)
        )
        values = voxels.take(int(center[depth]), axis=2 - depth)
        if right > down:  # the array's axes run k, j, i: the lower index of i, j, k comes last
            values = values.T
        right_step, down_step = steps[right], steps[down]
        origin = affine[:3, :3] @ np.where(np.arange(3) == depth, center, 0) + affine[:3, 3]
        if right_step[orientation.right] * orientation.right_sign < 0:
            values = values[:, ::-1]
            origin = origin + right_step * (values.shape[1] - 1)
            right_step = -right_step
        if down_step[orientation.down] * orientation.down_sign < 0:
            values = values[::-1]
            origin = origin + down_step * (values.shape[0] - 1)
            down_step = -down_step
        rows, columns = values.shape
        plane = Plane(origin, right_step, down_step, (rows, columns))
        found.append(OrthogonalSlice(orientation.name, values, plane))
    return tuple(found)


def gray_range(
    values: Sequence[np.ndarray], window: tuple[float, float] | None = None
) -> tuple[float, float]:
    """The real values that are shown black and white.

    ``window`` is (centre, width); None takes the 1st to the 99.5th percentile of what is finite.
    """
    if window is not None:
        return window[0] - window[1] / 2, window[0] + window[1] / 2
    every = np.concatenate([each.ravel() for each in values])
    finite = every[np.isfinite(every)]
    low, high = np.percentile(finite, (1, 99.5)) if finite.size else (0.0, 1.0)
    return float(low), float(high)


def gray_levels(
    values: Sequence[np.ndarray], window: tuple[float, float] | None = None, *, inverted: bool
) -> list[np.ndarray]:
    """uint8 RGB ``[row, column, 3]`` of slices of real values, all on the scale of :func:`gray_range`."""
    low, high = gray_range(values, window)
    found = []
    for each in values:
        share = ((np.nan_to_num(each, nan=low) - low) / max(high - low, 1e-12)).clip(0, 1)
        level = np.rint(255 * (1 - share if inverted else share)).astype(np.uint8)
        found.append(np.repeat(level[..., None], 3, axis=2))
    return found


def with_heat(rgb: np.ndarray, share: np.ndarray, threshold: float, opacity: float) -> np.ndarray:
    """uint8 RGB of an image under the heat: ``share`` ``[row, column]`` of its peak, 0 to 1.

    Below ``threshold`` nothing is painted. The colours are those of matplotlib's inferno, as in the window.
    """
    from cmap import Colormap

    colors = np.asarray(Colormap("matplotlib:inferno").lut(256))[:, :3]
    painted = colors[np.rint(255 * np.clip(share, 0, 1)).astype(int)]
    weight = np.where((share >= threshold) & (share > 0), opacity, 0.0)[..., None]
    mixed: np.ndarray = np.rint(rgb * (1 - weight) + 255 * painted * weight).astype(np.uint8)
    return mixed


def facts_of_grid(shape_kji: Sequence[int], spacing_mm: Sequence[float]) -> tuple[str, str]:
    """Size and spacing in words, both in the order i, j, k."""
    size = " × ".join(str(count) for count in reversed(shape_kji))
    spacing = " × ".join(f"{mm:.4g}" for mm in reversed(spacing_mm))
    return f"{size} (i, j, k)", f"spacing {spacing} mm"


def page(
    title: str,
    facts: Sequence[str],
    slices: Sequence[OrthogonalSlice],
    images: Sequence[np.ndarray],
    notices: Sequence[str] = (),
) -> str:
    """The HTML: a title, facts in one line, the slices' images (uint8 ``[row, column, 3]``), notices."""
    figures = "".join(_figure(each, image) for each, image in zip(slices, images, strict=True))
    said = "".join(f"<div>{html_text(each)}</div>" for each in notices)
    line = html_text(" · ".join(facts))
    return (
        f'<div style="font-family:sans-serif;font-size:13px"><div><b>{html_text(title)}</b></div>'
        f'<div>{line}</div><div style="white-space:nowrap">{figures}</div>{said}'
        "<div><i>Research use only</i></div></div>"
    )


def _figure(of: OrthogonalSlice, image: np.ndarray) -> str:
    from imagecodecs import png_encode

    encoded = base64.b64encode(png_encode(np.ascontiguousarray(image))).decode("ascii")
    rows, columns = of.plane.shape
    height_mm = rows * float(np.linalg.norm(of.plane.down_step))
    width_mm = columns * float(np.linalg.norm(of.plane.right_step))
    px_per_mm = _SIDE_PX / max(height_mm, width_mm)
    width_px, height_px = (max(1, round(mm * px_per_mm)) for mm in (width_mm, height_mm))
    letters = "".join(
        f'<span style="{_LETTER};{side}">{letter}</span>'
        for side, letter in zip(_SIDES, of.letters, strict=True)
    )
    return (
        f'<span style="{_FIGURE}"><img alt="{html_text(of.name)}" title="{html_text(of.name)}" '
        f'style="width:{width_px}px;height:{height_px}px;display:block" '
        f'src="data:image/png;base64,{encoded}">{letters}</span>'
    )
