"""``write_share``: the files of a result that somebody chose to give away, with or without the patient's identity."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.output_file import check_not_input, whole_file
from fusion3d_gui.progress import Progress, no_progress, part_of
from fusion3d_gui.report.case_result import CaseResult
from fusion3d_gui.report.framed_picture import (
    frame_texts,
    picture_of_view,
    position_picture,
    spot_titles,
)
from fusion3d_gui.report.heatmap_file import raw_path, write_heatmap
from fusion3d_gui.report.json_file import write_json_text
from fusion3d_gui.report.measurement_file import write_measurements
from fusion3d_gui.report.picture.svg import Drawing
from fusion3d_gui.report.result_json import result_text

#: What can leave.
Item = Literal[
    "pdf", "html", "json", "heatmap", "marks", "spots", "view", "layout", "tour", "scroll", "dicom"
]
ITEMS: tuple[Item, ...] = get_args(Item)

#: Of these the scan's own pixels are a part.
SHOWING_PIXELS: frozenset[Item] = frozenset(ITEMS) - {"json", "heatmap", "marks"}

#: Pixels on a millimetre of the drawing at scale 1: pictures are then 1440 pixels wide.
PIXELS_PER_MM = 8.0
_LONGEST_STEM = 60
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)


@dataclass(frozen=True)
class ShareChoice:
    """What leaves, where to and how.

    Parameters
    ----------
    items
        What leaves.
    folder
        Where to; it must exist.
    identity
        Whether the patient may be named.
    paper
        Of the page.
    picture_scale
        Pictures are 1440 times this wide.
    as_svg
        Pictures as SVG, whose texts and lines stay sharp, instead of PNG.
    new_study
        DICOM objects as a study of their own without a name, the scan with them; else into the scan's study.
    views
        Pictures of the window, uint8 RGB ``[row, column, 3]``, by item (``"view"``, ``"layout"``).
    """

    items: frozenset[Item]
    folder: Path
    identity: bool
    paper: Literal["A4", "Letter"] = "A4"
    picture_scale: float = 1.0
    as_svg: bool = False
    new_study: bool = False
    views: Mapping[Item, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Stop:
    """What must be looked at before something leaves: a sentence, and the one that confirms it."""

    text: str
    confirmation: str


def stops(result: CaseResult, choice: ShareChoice, *, shows_3d: bool = False) -> tuple[Stop, ...]:
    """What has to be confirmed before these items leave without identity; none with it.

    ``shows_3d`` says whether the picture of the layout shows the scan in 3D.
    """
    if choice.identity:
        return ()
    found = []
    if result.burnt_in and choice.items & SHOWING_PIXELS:
        confirmation = "I have looked: no text in the images names the patient."
        found.append(Stop(" ".join(result.burnt_in), confirmation))
    shown = (
        ("the picture in 3D", shows_3d and "layout" in choice.items),
        ("a movie", bool(choice.items & {"tour", "scroll"})),
        ("the enclosed scan", "dicom" in choice.items and choice.new_study),
    )
    what = " and ".join(name for name, leaves in shown if leaves)
    if result.face_may_show and what:
        found.append(
            Stop(
                f"A face can be recognised from {what}, unless the scan is skull-stripped. "
                "Leave it out, or share a skull-stripped scan.",
                "It shows no face, or the face may be seen.",
            )
        )
    return tuple(found)


def file_stem(result: CaseResult) -> str:
    """Beginning of the files' names: patient and study date, or a number of the scan and the day of the prediction."""
    day = f"{result.prediction.created.astimezone():%Y-%m-%d}"
    identity = result.identity
    if identity is None or not (identity.patient_name or identity.patient_id):
        return f"case-{result.prediction.volume_sha256[:8]}_{day}"
    who = _plain(identity.patient_name or identity.patient_id)
    date = identity.study_date
    day = f"{date[:4]}-{date[4:6]}-{date[6:]}" if re.fullmatch(r"\d{8}", date) else day
    return f"{who}_{day}"


def write_share(
    result: CaseResult, choice: ShareChoice, progress: Progress = no_progress
) -> list[tuple[str, Path]]:
    """Write what was chosen; pages and pictures need a QGuiApplication.

    Parameters
    ----------
    result
        With the identity; it is removed here where ``choice`` says so.
    choice
        What, where, how.
    progress
        Raises Cancelled to stop; files written until then stay.

    Returns
    -------
    list of (str, Path)
        What each file is, and its path.

    Raises
    ------
    UserError
        A file can't be written, or an object can't be made.
    """
    shown = result if choice.identity else result.without_identity()
    names = _Names(choice.folder, file_stem(shown), choice.items)
    jobs = [(item, make) for item, make in _JOBS.items() if item in choice.items]
    written: list[tuple[str, Path]] = []
    for number, (item, make) in enumerate(jobs):
        part = part_of(progress, number / len(jobs), (number + 1) / len(jobs))
        part(0.0, f"Writing {_TITLES[item]}")
        try:
            written += make(shown, choice, names, part)
        except OSError as error:
            raise UserError(
                f"can't be written ({error.strerror})",
                path=choice.folder,
                remedy="Choose a folder that exists and that you may write to.",
            ) from None
    progress(1.0, "Done")
    return written


_TITLES: Mapping[Item, str] = {
    "pdf": "the page",
    "html": "the page",
    "json": "the result",
    "heatmap": "the heatmap",
    "marks": "the marks",
    "spots": "pictures of the hot spots",
    "view": "a picture of the view",
    "layout": "a picture of the layout",
    "tour": "a tour of the hot spots",
    "scroll": "a scroll through the scan",
    "dicom": "DICOM objects",
}


class _Names:
    """Paths of new files with one beginning; a number is added where files of that name are there already."""

    def __init__(self, folder: Path, stem: str, items: frozenset[Item]) -> None:
        self._folder = folder
        taken = {path.name.lower() for path in folder.iterdir()} if folder.is_dir() else set()
        self._stem, number = stem, 1
        while any(name.startswith(f"{self._stem.lower()}-") for name in taken):
            number += 1
            self._stem = f"{stem}_{number}"

    def path(self, ending: str) -> Path:
        """The path of a file whose name ends so."""
        return self._folder / f"{self._stem}-{ending}"


_Made = list[tuple[str, Path]]
_Make = Callable[[CaseResult, ShareChoice, _Names, Progress], _Made]


def _page(suffix: str) -> _Make:
    def make(result: CaseResult, choice: ShareChoice, names: _Names, progress: Progress) -> _Made:
        from fusion3d_gui.report.page.page_file import write_page

        path = names.path(f"page.{suffix}")
        _check(path, result)
        write_page(result, path, choice.paper)
        return [("page", path)]

    return make


def _json(result: CaseResult, choice: ShareChoice, names: _Names, progress: Progress) -> _Made:
    path = names.path("result.json")
    _check(path, result)
    write_json_text(result_text(result), path)
    return [("result", path)]


def _heatmap(result: CaseResult, choice: ShareChoice, names: _Names, progress: Progress) -> _Made:
    path, heatmap = names.path("heatmap.nii.gz"), result.prediction.heatmap
    _check(path, result)
    write_heatmap(heatmap, path, note=result.prediction.fit.file_note)
    paths = (path,) if heatmap.raw is heatmap else (path, raw_path(path))
    return [("heatmap", each) for each in paths]


def _marks(result: CaseResult, choice: ShareChoice, names: _Names, progress: Progress) -> _Made:
    path = names.path("marks.csv")
    _check(path, result)
    write_measurements(path, result.marks, result.volume)
    return [("measurements", path)]


def _spots(result: CaseResult, choice: ShareChoice, names: _Names, progress: Progress) -> _Made:
    titles = spot_titles(result)
    found = []
    for number, (spot, title) in enumerate(zip(result.hot_spots, titles, strict=True)):
        progress(number / len(titles), "Drawing the hot spots")
        drawing = position_picture(result, spot.position_lps, title)
        found.append(
            ("picture", _write(drawing, names.path(f"hot-spot-{number + 1}"), choice, result))
        )
    if not titles:
        drawing = position_picture(
            result, result.volume.center_lps, "The middle of the scan; no hot spot"
        )
        found.append(("picture", _write(drawing, names.path("middle"), choice, result)))
    return found


def _window(item: Item, title: str) -> _Make:
    def make(result: CaseResult, choice: ShareChoice, names: _Names, progress: Progress) -> _Made:
        drawing = picture_of_view(frame_texts(result), choice.views[item], title)
        return [("picture", _write(drawing, names.path(item), choice, result))]

    return make


def _movie(item: Literal["tour", "scroll"]) -> _Make:
    def make(result: CaseResult, choice: ShareChoice, names: _Names, progress: Progress) -> _Made:
        from fusion3d_gui.report.movie.movie_file import write_movie
        from fusion3d_gui.report.movie.scenes import scroll, tour

        path = names.path(f"{item}.webp")
        _check(path, result)
        write_movie(path, result, tour(result) if item == "tour" else scroll(result), progress)
        return [("movie", path)]

    return make


def _dicom(result: CaseResult, choice: ShareChoice, names: _Names, progress: Progress) -> _Made:
    # Imported here: highdicom takes a third of a second.
    from fusion3d_gui.report.dicom.write_results import write_dicom_results
    from fusion3d_gui.report.page.result_page import result_page
    from fusion3d_gui.report.page.sheet import Sheet

    page = result_page(result)
    pdf = Sheet(page.content, result, page.pictures, choice.paper).pdf()
    folder = names.path("dicom")
    files = write_dicom_results(
        result,
        folder,
        picture=result_rgb(result),
        page=pdf,
        new_study=choice.new_study,
        progress=progress,
    )
    return [("DICOM object", path) for path in files]


def result_rgb(result: CaseResult, picture_scale: float = 1.0) -> np.ndarray:
    """The framed picture of the heatmap's peak, or of the middle of the scan, as uint8 RGB ``[row, column, 3]``."""
    from fusion3d_gui.report.picture.paint import drawing_rgb

    peak = result.prediction.heatmap.peak_lps
    center = result.volume.center_lps if peak is None else peak
    title = (
        "The heatmap's peak" if peak is not None else "The middle of the scan; the heatmap is empty"
    )
    return drawing_rgb(position_picture(result, center, title), PIXELS_PER_MM * picture_scale)


def _write(drawing: Drawing, path: Path, choice: ShareChoice, result: CaseResult) -> Path:
    path = path.with_name(f"{path.name}.{'svg' if choice.as_svg else 'png'}")
    _check(path, result)
    if choice.as_svg:
        content = drawing.svg.encode()
    else:
        from imagecodecs import png_encode

        from fusion3d_gui.report.picture.paint import drawing_rgb

        content = bytes(png_encode(drawing_rgb(drawing, PIXELS_PER_MM * choice.picture_scale)))
    with whole_file(path) as partial:
        partial.write_bytes(content)
    return path


def _check(path: Path, result: CaseResult) -> None:
    check_not_input(path, (*_opened(result), result.bundle.folder))


def _opened(result: CaseResult) -> tuple[Path, ...]:
    return () if result.identity is None else result.identity.opened


_JOBS: Mapping[Item, _Make] = {
    "pdf": _page("pdf"),
    "html": _page("html"),
    "json": _json,
    "heatmap": _heatmap,
    "marks": _marks,
    "spots": _spots,
    "view": _window("view", "The view as it is on screen"),
    "layout": _window("layout", "The views as they are on screen"),
    "tour": _movie("tour"),
    "scroll": _movie("scroll"),
    "dicom": _dicom,
}


def _plain(name: str) -> str:
    """A name as the beginning of a file's name on any system."""
    words = re.sub(r"[^\w]+", "-", name, flags=re.UNICODE).strip("-_")[:_LONGEST_STEM]
    return f"_{words}" if not words or _RESERVED.fullmatch(words) else words
