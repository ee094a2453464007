"""``make_page``: a result's page as PDF or HTML, and the JSON that it belongs to."""

from __future__ import annotations

from dataclasses import dataclass

from fusion3d_gui.report.case_result import CaseResult
from fusion3d_gui.report.page.content import PageContent, page_content
from fusion3d_gui.report.picture.plane_picture import PlanePicture, plane_pictures
from fusion3d_gui.report.result_json import result_json, result_text, text_sha256


@dataclass(frozen=True, eq=False)
class ResultPage:
    """What a page is painted from: its texts and pictures, and the JSON whose hash it names."""

    result: CaseResult
    content: PageContent
    pictures: tuple[PlanePicture, ...]
    json_text: str


def result_page(result: CaseResult) -> ResultPage:
    """The page of a result; about half a second. The pictures show the heatmap's peak, or the middle of the scan."""
    peak = result.prediction.heatmap.peak_lps
    center = result.volume.center_lps if peak is None else peak
    text = result_text(result)
    content = page_content(result_json(result), text_sha256(text))
    return ResultPage(result, content, plane_pictures(result, center), text)
