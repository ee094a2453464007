"""``Shot``: one picture of a movie, before the frame is put around it; and planes and texts that shots share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from fusion3d_gui.imaging.plane import spatial_letters
from fusion3d_gui.shipped import resources_dir

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

_LETTER_PX, _BAR_MM, _EDGE = 18, 50.0, 8
_INK, _AROUND = (255, 255, 255), (0, 0, 0)

#: Which point of a text lies at its place, as Pillow names it.
Anchor = Literal["la", "ra", "ls", "rs", "lm", "rm", "mt", "mb"]


@dataclass(frozen=True, eq=False)
class Shot:
    """One picture of a movie.

    Parameters
    ----------
    rgb
        uint8 ``[row, column, 3]``; of one shape throughout a movie.
    title
        What the movie shows, or the place that is shown for long: each new title takes time.
    milliseconds
        How long it stands.
    """

    rgb: np.ndarray
    title: str
    milliseconds: int


def put(canvas: np.ndarray, image: np.ndarray, top: int, left: int) -> None:
    """Copy an image ``[row, column, 3]`` onto a canvas at a place."""
    rows, columns = image.shape[:2]
    canvas[top : top + rows, left : left + columns] = image


def ring(
    canvas: np.ndarray, row: float, column: float, radius: float, color: tuple[int, int, int]
) -> None:
    """Draw a ring two pixels wide about a place, where it lies on the canvas."""
    rows, columns = np.indices(canvas.shape[:2], dtype=np.float32)
    away = np.abs(np.hypot(rows - row, columns - column) - radius)
    share = np.clip(1.5 - away, 0.0, 1.0)[..., None]
    canvas[:] = np.rint(canvas * (1 - share) + np.array(color) * share)


def write(canvas: np.ndarray, words: str, row: int, column: int, anchor: Anchor) -> None:
    """Write a few words on a canvas, with a dark edge so that they can be read on anything."""
    from PIL import Image, ImageDraw

    image = Image.fromarray(canvas)
    ImageDraw.Draw(image).text(
        (column, row), words, _INK, _font(), anchor, stroke_width=2, stroke_fill=_AROUND
    )
    canvas[:] = np.asarray(image)


def write_letters(canvas: np.ndarray, right_lps: np.ndarray, down_lps: np.ndarray) -> None:
    """Write the anatomical letters of a plane at its edges."""
    rows, columns = canvas.shape[:2]
    write(canvas, spatial_letters(-right_lps), rows // 2, _EDGE, "lm")
    write(canvas, spatial_letters(right_lps), rows // 2, columns - _EDGE, "rm")
    write(canvas, spatial_letters(-down_lps), _EDGE, columns // 2, "mt")
    write(canvas, spatial_letters(down_lps), rows - _EDGE, columns // 2, "mb")


def draw_scale(canvas: np.ndarray, mm: float) -> None:
    """Draw a bar of 50 mm, or of 10 where that is too long, in the lower left corner; ``mm``: size of a pixel."""
    rows, columns = canvas.shape[:2]
    length = _BAR_MM if _BAR_MM / mm < 0.6 * columns else _BAR_MM / 5
    width = max(1, round(length / mm))
    row = rows - _EDGE
    canvas[row - 3 : row + 1, _EDGE - 1 : _EDGE + width + 1] = _AROUND
    canvas[row - 2 : row, _EDGE : _EDGE + width] = _INK
    write(canvas, f"{length:g} mm", row - 8, _EDGE, "ls")


@cache
def _font() -> FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.truetype(str(resources_dir() / "fonts" / "Inter-Medium.otf"), _LETTER_PX)
