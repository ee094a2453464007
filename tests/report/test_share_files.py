"""Files that are shared: names, order, sizes, what is told meanwhile, and what has to be confirmed before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from imagecodecs import png_decode

from fusion3d_gui.inference.fit.fit_report import FitReport
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.report.case_result import CaseResult
from fusion3d_gui.report.share import (
    ITEMS,
    SHOWING_PIXELS,
    ShareChoice,
    file_stem,
    result_rgb,
    stops,
    write_share,
)
from tests.report.plain_result import plain_result

pytestmark = pytest.mark.usefixtures("qapp")


def _empty(result: CaseResult) -> CaseResult:
    heatmap = result.prediction.heatmap
    none = Heatmap(np.zeros_like(heatmap.values), heatmap.affine, "gradcam", "layer4")
    return replace(result, prediction=replace(result.prediction, heatmap=none), hot_spots=())


def _named(result: CaseResult, **changed: Any) -> CaseResult:
    return replace(result, identity=replace(result.identity, **changed))


def test_what_can_leave_and_what_of_it_shows_pixels():
    assert (
        *("pdf", "html", "json", "heatmap", "marks", "spots", "view", "layout"),
        *("tour", "scroll", "dicom"),
    ) == ITEMS
    assert frozenset(ITEMS) - SHOWING_PIXELS == {"json", "heatmap", "marks"}
    choice = ShareChoice(frozenset(), Path(), identity=False)
    assert (choice.paper, choice.picture_scale, choice.as_svg, choice.new_study) == (
        *("A4", 1.0, False, False),
    )


def test_the_picture_of_a_result_is_1440_pixels_wide():
    result = plain_result()
    rgb = result_rgb(result)
    assert rgb.shape[1] == 1440 and rgb.dtype == np.uint8
    small = result_rgb(result, 0.25)
    assert small.shape[:2] == pytest.approx((rgb.shape[0] / 4, 360), abs=1)
    assert not np.array_equal(result_rgb(_empty(result), 0.25), small)


def test_a_name_of_files_is_the_patient_s_and_the_day_of_the_study():
    result = plain_result()
    assert file_stem(result) == "Plantovsky-Quirina_2026-01-12"
    day = f"{datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC).astimezone():%Y-%m-%d}"
    for changed, stem in (
        ({"patient_name": ""}, "PID-7731-ZX_2026-01-12"),
        ({"patient_name": "", "patient_id": ""}, f"case-cdcdcdcd_{day}"),
        ({"study_date": "2026"}, f"Plantovsky-Quirina_{day}"),
        ({"study_date": "2026011x"}, f"Plantovsky-Quirina_{day}"),
        ({"patient_name": "lpt1"}, "_lpt1_2026-01-12"),
        ({"patient_name": "lpt12"}, "lpt12_2026-01-12"),
        ({"patient_name": "^^"}, "__2026-01-12"),
        ({"patient_name": "_a_"}, "a_2026-01-12"),
        ({"patient_name": "Žluťoučký^Kůň"}, "Žluťoučký-Kůň_2026-01-12"),
        ({"patient_name": "x" * 60}, "x" * 60 + "_2026-01-12"),
        ({"patient_name": "x" * 61}, "x" * 60 + "_2026-01-12"),
    ):
        assert file_stem(_named(result, **changed)) == stem
    assert file_stem(result.without_identity()) == f"case-cdcdcdcd_{day}"


def test_files_come_in_one_order_with_a_share_of_the_progress_each(tmp_path):
    told: list[tuple[float, str]] = []
    choice = ShareChoice(frozenset(("heatmap", "json", "marks", "html")), tmp_path, identity=True)
    written = write_share(
        plain_result(), choice, lambda share, words: told.append((round(share, 3), words))
    )
    stem = "Plantovsky-Quirina_2026-01-12"
    assert [(kind, path.name) for kind, path in written] == [
        ("page", f"{stem}-page.html"),
        ("result", f"{stem}-result.json"),
        ("heatmap", f"{stem}-heatmap.nii.gz"),
        ("measurements", f"{stem}-marks.csv"),
    ]
    assert all(path.parent == tmp_path and path.is_file() for _, path in written)
    assert told == [
        (0.0, "Writing the page"),
        (0.25, "Writing the result"),
        (0.5, "Writing the heatmap"),
        (0.75, "Writing the marks"),
        (1.0, "Done"),
    ]


def test_names_that_are_there_in_any_case_get_a_number(tmp_path):
    result = plain_result()
    choice = ShareChoice(frozenset(("json",)), tmp_path, identity=True)
    stem = "Plantovsky-Quirina_2026-01-12"
    (tmp_path / f"{stem}.txt").write_text("of another beginning")
    names = []
    for taken in (None, f"{stem}_2-other.txt", None):
        if taken:
            (tmp_path / taken.upper()).write_text("x")
        ((_, path),) = write_share(result, choice)
        names.append(path.name)
    assert names == [f"{stem}-result.json", f"{stem}_3-result.json", f"{stem}_4-result.json"]


@pytest.mark.parametrize("as_svg", [True, False])
def test_pictures_of_hot_spots_and_views_are_svg_or_png(tmp_path, as_svg):
    result = plain_result()
    view = np.random.default_rng(0).integers(0, 255, (30, 60, 3), dtype=np.uint8)
    choice = ShareChoice(
        frozenset(("spots", "view", "layout")),
        tmp_path,
        identity=False,
        picture_scale=0.25,
        as_svg=as_svg,
        views={"view": view, "layout": view[:, :30]},
    )
    told: list[float] = []
    written = write_share(result, choice, lambda share, words: told.append(round(share, 3)))
    count = len(result.hot_spots)
    assert count == 2
    stem = file_stem(result.without_identity())
    suffix = "svg" if as_svg else "png"
    endings = ["hot-spot-1", "hot-spot-2", "view", "layout"]
    assert [path.name for _, path in written] == [f"{stem}-{each}.{suffix}" for each in endings]
    assert {kind for kind, _ in written} == {"picture"}
    assert told == [0.0, 0.0, 0.167, 0.333, 0.667, 1.0]
    for _, path in written:
        if as_svg:
            ElementTree.fromstring(path.read_text())
        else:
            assert png_decode(path.read_bytes()).shape[1] == 360
    if as_svg:
        words = [path.read_text() for _, path in written]
        assert "Hot spot 1 of 2" in words[0] and "Hot spot 2 of 2" in words[1]
        assert "The view as it is on screen" in words[2]
        assert "The views as they are on screen" in words[3]


def test_without_a_hot_spot_the_middle_is_drawn(tmp_path):
    choice = ShareChoice(frozenset(("spots",)), tmp_path, identity=True, as_svg=True)
    ((kind, path),) = write_share(_empty(plain_result()), choice)
    assert (kind, path.name) == ("picture", "Plantovsky-Quirina_2026-01-12-middle.svg")
    assert "The middle of the scan; no hot spot" in path.read_text()


def test_what_has_to_be_confirmed_is_said_with_its_confirmation(tmp_path):
    result = replace(plain_result(FitReport("doubtful", ("Odd.",))), burnt_in=("One.", "Two."))
    assert result.face_may_show

    def said(*items: Any, identity: bool = False, **more: Any) -> list[tuple[str, str]]:
        shows_3d = more.pop("shows_3d", False)
        choice = ShareChoice(frozenset(items), tmp_path, identity, **more)
        return [(each.text, each.confirmation) for each in stops(result, choice, shows_3d=shows_3d)]

    burnt = ("One. Two.", "I have looked: no text in the images names the patient.")

    def face(what: str) -> tuple[str, str]:
        return (
            f"A face can be recognised from {what}, unless the scan is skull-stripped. "
            "Leave it out, or share a skull-stripped scan.",
            "It shows no face, or the face may be seen.",
        )

    assert said("pdf") == [burnt]
    assert said("tour") == [burnt, face("a movie")]
    assert said("layout", "scroll", "dicom", shows_3d=True, new_study=True) == [
        burnt,
        face("the picture in 3D and a movie and the enclosed scan"),
    ]
    assert said("dicom") == [burnt]
    assert said("json", "marks", new_study=True, shows_3d=True) == []
    assert said("pdf", "tour", identity=True) == []
