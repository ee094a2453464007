"""Pictures that can stand alone: whose scan it is, what the model says, and "research use only" around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.report.case_result import CaseResult
from fusion3d_gui.report.page.content import NOT_A_RESULT, patient_text
from fusion3d_gui.report.page.numbers import percent, position, volume
from fusion3d_gui.report.picture.plane_picture import plane_pictures, png_url
from fusion3d_gui.report.picture.svg import (
    Drawing,
    color_bar_drawing,
    document,
    plane_drawing,
    text,
)
from fusion3d_gui.report.result_json import patient_json

#: Tenths of a millimetre.
_WIDTH, _MARGIN, _BETWEEN = 1800.0, 24.0, 10.0
_LINE = 38.0
_PLANE_HEIGHT = 520.0
_INK, _FAINT, _WARNING, _ERROR, _NOTICE = "#f1f3f5", "#b7bec7", "#ffb454", "#ff7b72", "#ff9b94"
#: Of the colour bar below the threshold.
_BLANK = "#3a424b"
#: Longest line of text; what is longer ends in an ellipsis.
_LONGEST = 110


@dataclass(frozen=True)
class FrameTexts:
    """What stands around a picture.

    Parameters
    ----------
    patient
        Whose scan it is, or that this is hidden.
    scan
        Which scan.
    says
        What the model says: probability, class, model; empty without a prediction.
    doubts
        Reasons for doubt, the gravest first: they stand above the picture.
    is_misfit
        Whether the model is not meant for the case: it is then marked across the picture.
    """

    patient: str
    scan: str
    says: str = ""
    doubts: tuple[str, ...] = ()
    is_misfit: bool = False


def frame_texts(result: CaseResult) -> FrameTexts:
    """What stands around a picture of a result."""
    prediction, scan = result.prediction, result.volume
    positive = prediction.class_names[1]
    found = f"{percent(prediction.probability)} probability of {positive}"
    verdict = prediction.class_name or f"{prediction.fit.mark.lower()}, no class"
    doubts = [*prediction.fit.reasons, *filter(None, (result.demonstration,))]
    doubts += [each.sentence for each in scan.warnings]
    mark = NOT_A_RESULT if result.despite_misfit else prediction.fit.mark
    if mark and doubts:
        doubts[0] = f"{mark}: {doubts[0]}"
    return FrameTexts(
        patient=patient_text(patient_json(result), simulated=result.simulated),
        scan="  ·  ".join(each for each in (scan.modality, scan.description) if each),
        says=f"{found}: {verdict}  ·  {prediction.bundle_name} {prediction.bundle_version}",
        doubts=tuple(dict.fromkeys(doubts)),
        is_misfit=result.despite_misfit,
    )


def position_picture(
    result: CaseResult, center_lps: np.ndarray, title: str, *, plain: bool = True
) -> Drawing:
    """The three planes through a position (mm, LPS) under the heat, and plain below, with the colour bar.

    Parameters
    ----------
    result
        The case.
    center_lps
        Where the planes meet.
    title
        What is there.
    plain
        Whether the scan without heat stands below.
    """
    pictures = plane_pictures(result, center_lps)
    width = (_WIDTH - 2 * _MARGIN - 2 * _BETWEEN) / 3
    scale = min(
        (width - 76) / max(each.width_mm for each in pictures),
        (_PLANE_HEIGHT - 80) / max(each.height_mm for each in pictures),
    )
    parts, y = [], 0.0
    for heat in (True, False) if plain else (True,):
        for number, each in enumerate(pictures):
            drawn = plane_drawing(each, heat=heat, width=width, height=_PLANE_HEIGHT, scale=scale)
            parts.append(_nested(drawn, _MARGIN + number * (width + _BETWEEN), y))
        y += _PLANE_HEIGHT + _BETWEEN
    bar = color_bar_drawing(result, _WIDTH - 2 * _MARGIN, ink=_FAINT, blank=_BLANK)
    parts.append(_nested(bar, _MARGIN, y + 4))
    y += bar.height + 4
    return _framed(frame_texts(result), title, parts, y)


def picture_of_view(texts: FrameTexts, rgb: np.ndarray, title: str) -> Drawing:
    """A picture of the window's views (uint8 ``[row, column, 3]``) within the frame."""
    rows, columns, _ = rgb.shape
    width = _WIDTH - 2 * _MARGIN
    height = width * rows / columns
    image = (
        f'<image x="{_MARGIN:g}" y="0" width="{width:.2f}" height="{height:.2f}" '
        f'preserveAspectRatio="none" xlink:href="{png_url(rgb)}"/>'
    )
    return _framed(texts, title, [image], height)


def spot_titles(result: CaseResult) -> tuple[str, ...]:
    """A line on each hot spot: its number, share, position, side, volume."""
    count = len(result.hot_spots)
    found = []
    for number, spot in enumerate(result.hot_spots, start=1):
        off = abs(result.millimetres_left(spot))
        side = result.side(spot)
        where = (
            "in the middle of the scan"
            if side == "middle"
            else f"{off:.0f} mm {side} of the middle"
        )
        size = "" if spot.volume_ml is None else f", {volume(spot.volume_ml)}"
        air = ", in the air outside the patient" if spot.in_air else ""
        place = position(spot.position_lps.tolist())
        found.append(
            f"Hot spot {number} of {count}: {100 * spot.share:.0f} % of the peak at {place}, {where}{size}{air}"
        )
    return tuple(found)


def _framed(texts: FrameTexts, title: str, parts: Sequence[str], height: float) -> Drawing:
    notice = RESEARCH_USE_ONLY.upper()
    head = [
        text(_MARGIN, 40, _cut(texts.patient), 31, color=_INK, bold=True),
        text(_WIDTH - _MARGIN, 40, notice, 27, color=_NOTICE, anchor="end", bold=True),
        text(_MARGIN, 40 + _LINE, _cut(texts.scan), 25, color=_FAINT),
    ]
    y = 40 + _LINE
    color = _ERROR if texts.is_misfit else _WARNING
    for number, doubt in enumerate(texts.doubts[:3]):
        y += _LINE
        head.append(text(_MARGIN, y, _cut(doubt), 26, color=color, bold=not number))
    if texts.says:
        y += _LINE
        head.append(text(_MARGIN, y, _cut(texts.says), 28, color=_INK))
    y += _LINE
    head.append(text(_MARGIN, y, _cut(title), 25, color=_FAINT))
    top = y + 18
    whole = top + height + 56
    foot = [
        text(_MARGIN, whole - 18, f"{RESEARCH_USE_ONLY}. Not for diagnosis.", 23, color=_NOTICE),
        text(_WIDTH - _MARGIN, whole - 18, "Fusion3D", 23, color=_FAINT, anchor="end"),
    ]
    mark = []
    if texts.is_misfit:
        middle = f"{_WIDTH / 2:g} {top + height / 2:g}"
        mark = [
            f'<g transform="translate({middle}) rotate(-24)" opacity="0.5">'
            + text(0, 0, NOT_A_RESULT, 84, color=_ERROR, anchor="middle", bold=True)
            + "</g>"
        ]
    return Drawing(
        document(
            _WIDTH,
            whole,
            [
                f'<rect x="0" y="0" width="{_WIDTH:g}" height="{whole:g}" fill="#16191d"/>',
                *head,
                f'<g transform="translate(0 {top:g})">{"".join(parts)}</g>',
                *foot,
                *mark,
            ],
        ),
        _WIDTH,
        whole,
    )


def _nested(drawing: Drawing, x: float, y: float) -> str:
    """A drawing's elements at a place in another."""
    inner = drawing.svg.partition(">")[2].removesuffix("</svg>")
    return f'<g transform="translate({x:.2f} {y:.2f})">{inner}</g>'


def _cut(words: str) -> str:
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"
