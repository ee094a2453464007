"""``Framer``: puts the frame of a picture (patient, model, doubt, "research use only") around every shot of a movie."""

from __future__ import annotations

import numpy as np

from fusion3d_gui.report.framed_picture import FrameTexts, picture_of_view
from fusion3d_gui.report.movie.shot import Shot
from fusion3d_gui.report.picture.paint import drawing_rgb

#: Pixels on a millimetre of the drawing: 900 pixels wide.
_PIXELS_PER_MM = 5.0


class Framer:
    """The frame is painted once around black and once around white for each title, not for each shot.

    What differs lets the picture through: a mark across it does so in part. Painting each shot as a drawing of its
    own takes ten times as long. Needs a QGuiApplication, on any platform.
    """

    def __init__(self, texts: FrameTexts) -> None:
        self._texts = texts
        self._title: str | None = None
        #: The frame around black, the place of the picture in it, and how much of it shows, 0 to 1.
        self._black = np.zeros((1, 1, 3), np.uint8)
        self._place = slice(0, 1), slice(0, 1)
        self._share = np.ones((1, 1, 3), np.float32)

    def framed(self, shot: Shot) -> np.ndarray:
        """The shot within its frame, uint8 ``[row, column, 3]``."""
        if shot.title != self._title:
            self._paint(shot)
        rows, columns, _ = self._share.shape
        framed = self._black.copy()
        picture = _resized(shot.rgb, rows, columns) * self._share + framed[self._place]
        framed[self._place] = np.rint(picture).clip(0, 255)
        return framed

    def _paint(self, shot: Shot) -> None:
        self._title = shot.title
        # Few pixels of the same proportions: all that matters is where they come to lie.
        small = (max(1, round(shot.rgb.shape[0] / 8)), max(1, round(shot.rgb.shape[1] / 8)), 3)
        black, white = (
            drawing_rgb(
                picture_of_view(self._texts, np.full(small, value, np.uint8), shot.title),
                _PIXELS_PER_MM,
            )
            for value in (0, 255)
        )
        share = (white.astype(np.float32) - black) / 255.0
        seen = share.max(axis=2) > 0
        rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
        self._place = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        self._black, self._share = black, share[self._place]


def _resized(rgb: np.ndarray, rows: int, columns: int) -> np.ndarray:
    from PIL import Image

    image = Image.fromarray(rgb).resize((int(columns), int(rows)), Image.Resampling.BICUBIC)
    return np.asarray(image, np.float32)
