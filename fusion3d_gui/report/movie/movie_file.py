"""Write a movie as animated WebP or GIF."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.output_file import whole_file
from fusion3d_gui.progress import Progress, part_of
from fusion3d_gui.report.case_result import CaseResult
from fusion3d_gui.report.framed_picture import frame_texts
from fusion3d_gui.report.movie.framed import Framer
from fusion3d_gui.report.movie.shot import Shot

SUFFIXES = (".webp", ".gif")


def write_movie(
    path: Path, result: CaseResult, shots: tuple[int, Iterator[Shot]], progress: Progress
) -> None:
    """Frame the shots of a movie and write them.

    WebP has all colours in a fraction of the size and plays in browsers; GIF plays wherever pictures are shown,
    slides among them. The result must be without identity where that must not leave.

    Parameters
    ----------
    path
        Ends in ``.webp`` or ``.gif``.
    result
        What stands around the pictures.
    shots
        Their number, and the shots.
    progress
        Raises Cancelled to stop; nothing is written then.

    Raises
    ------
    UserError
        The suffix is another one, or the file can't be written.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(
            "a movie is written as .webp or .gif", path=path, remedy="Choose one of the two."
        )
    framer, count = Framer(frame_texts(result)), shots[0]
    frames: list[np.ndarray] = []
    times: list[int] = []
    drawing = part_of(progress, 0.0, 0.8)
    for number, shot in enumerate(shots[1]):
        drawing(min(1.0, number / count), f"Drawing picture {number + 1} of {count}")
        frames.append(framer.framed(shot))
        times.append(shot.milliseconds)
    progress(0.8, "Writing the movie")
    try:
        with whole_file(path) as partial:
            _write(partial, frames, times)
    except OSError as error:
        raise UserError(
            f"the movie can't be written ({error.strerror or 'the file is too large'})",
            path=path,
            remedy="Choose a folder that exists and that you may write to.",
        ) from None


def _write(path: Path, frames: list[np.ndarray], times: list[int]) -> None:
    from PIL import Image

    first, *rest = map(Image.fromarray, frames)
    if path.suffix.lower() == ".webp":
        first.save(
            path,
            "WEBP",
            save_all=True,
            append_images=rest,
            duration=times,
            loop=0,
            quality=80,
            method=2,
        )
        return
    # One palette for all pictures: each with its own would flicker.
    samples = frames[:: max(1, len(frames) // 8)]
    palette = Image.fromarray(np.concatenate(samples)).quantize(256)
    first, *rest = (
        each.quantize(palette=palette, dither=Image.Dither.NONE) for each in (first, *rest)
    )
    first.save(path, "GIF", save_all=True, append_images=rest, duration=times, loop=0)
