"""Moving pictures of a result as animated WebP: a tour of its hot spots, a scroll through the scan.

Every frame stands in the frame of a picture: whose scan, what the model says, "research use only".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from fusion3d_gui.imaging.plane import AXIAL
from fusion3d_gui.imaging.reslice.acquisition import acquired_orientation
from fusion3d_gui.imaging.reslice.slicer import Slicer
from fusion3d_gui.output_file import whole_file
from fusion3d_gui.progress import Progress
from fusion3d_gui.report.case_result import CaseResult
from fusion3d_gui.report.framed_picture import position_picture, spot_titles
from fusion3d_gui.report.picture.paint import drawing_rgb

#: Frames are 900 pixels wide.
_PIXELS_PER_MM = 5.0
_TOUR_MS, _SCROLL_MS = 2000, 160
#: Planes of a scroll at most: between them some are passed over.
_MOST_PLANES = 48
_QUALITY = 80


def write_tour(result: CaseResult, path: Path, progress: Progress) -> None:
    """Write the hot spots, strongest first, two seconds each.

    Raises OSError where the file can't be written, and Cancelled when ``progress`` raises it.
    """
    stops = list(
        zip((spot.position_lps for spot in result.hot_spots), spot_titles(result), strict=True)
    )
    if not stops:
        stops = [(result.volume.center_lps, "The middle of the scan; no hot spot")]
    _write(path, _frames(result, stops, progress), _TOUR_MS)


def write_scroll(result: CaseResult, path: Path, progress: Progress) -> None:
    """Write a scroll through the acquired slices, or through axial planes where these are not known.

    The other two planes stay at the heatmap's peak. Raises as :func:`write_tour`.
    """
    peak = result.prediction.heatmap.peak_lps
    center = result.volume.center_lps if peak is None else peak
    orientation = acquired_orientation(result.volume) or AXIAL
    slicer = Slicer(result.volume)
    count = slicer.count(orientation)
    stops = []
    for index in np.unique(np.linspace(0, count - 1, min(count, _MOST_PLANES)).round().astype(int)):
        position = np.array(center, dtype=np.float64)
        position[orientation.depth] = slicer.depth_of(orientation, int(index))
        stops.append((position, f"{orientation.name} plane {index + 1} of {count}"))
    _write(path, _frames(result, stops, progress), _SCROLL_MS)


def _frames(
    result: CaseResult, stops: list[tuple[np.ndarray, str]], progress: Progress
) -> Iterator[np.ndarray]:
    for number, (position, title) in enumerate(stops):
        progress(number / len(stops), "Drawing a moving picture")
        yield drawing_rgb(position_picture(result, position, title, plain=False), _PIXELS_PER_MM)


def _write(path: Path, frames: Iterable[np.ndarray], each_ms: int) -> None:
    from PIL import Image

    first, *others = (Image.fromarray(frame) for frame in frames)
    with whole_file(path) as partial:
        first.save(
            partial,
            format="WEBP",
            save_all=True,
            append_images=others,
            duration=each_ms,
            loop=0,
            quality=_QUALITY,
            method=2,
        )
