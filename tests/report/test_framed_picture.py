"""Framed pictures of a case: what stands above them, the titles of hot spots, and where the planes lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fusion3d_gui.imaging.scan_warning import ScanWarning
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.fit.fit_report import FitReport
from fusion3d_gui.report.framed_picture import frame_texts, position_picture, spot_titles
from fusion3d_gui.report.picture.plane_picture import plane_pictures
from fusion3d_gui.report.picture.svg import color_bar_drawing, plane_drawing
from tests.report.plain_result import plain_result, plain_volume
from tests.report.test_drawings import elements, words

pytestmark = pytest.mark.usefixtures("qapp")


def test_above_a_picture_stand_patient_scan_and_what_the_model_says():
    texts = frame_texts(plain_result())
    assert (
        texts.patient
        == "Plantovsky Quirina  ·  ID PID-7731-ZX  ·  F  ·  born 1948-02-29  ·  77 years"
    )
    assert texts.scan == "MR  ·  T1 sag"
    assert texts.says == "43.8 % probability of yes: yes  ·  demo-concat 1.2.3"
    assert (texts.doubts, texts.is_misfit) == ((), False)
    nameless = frame_texts(plain_result(volume=plain_volume(description="")))
    assert nameless.scan == "MR"
    negative = frame_texts(plain_result(threshold=0.5))
    assert negative.says.startswith("43.8 % probability of yes: no  ·")


def test_the_first_doubt_has_the_mark_and_each_is_said_once():
    doubtful = frame_texts(plain_result(FitReport("doubtful", ("Thick slices.", "Odd.", "Odd."))))
    assert doubtful.doubts == ("DOUBTFUL: Thick slices.", "Odd.")
    assert doubtful.says == "43.8 % probability of yes: doubtful, no class  ·  demo-concat 1.2.3"
    assert not doubtful.is_misfit
    misfit = frame_texts(plain_result(FitReport("refused", ("A photograph.",), (), "A toy.")))
    assert misfit.doubts == ("DESPITE MISFIT – NOT A RESULT: A photograph.", "A toy.")
    assert misfit.is_misfit
    # Without a mark they are as they are, and come with what is wrong with the scan.
    notice = ScanWarning("gaps", "Slices are missing.")
    volume = plain_volume(warnings=(notice,))
    fits = frame_texts(plain_result(FitReport("fits", (), (), "A toy."), volume))
    assert fits.doubts == ("A toy.", "Slices are missing.")
    nothing = frame_texts(plain_result(FitReport("doubtful")))
    assert nothing.doubts == ()


def test_the_title_of_a_hot_spot_says_number_share_place_side_volume_and_air():
    result = plain_result()
    middle = np.asarray(result.volume.center_lps)
    given = (
        (0.0, 1.0, 12.34, False),
        (0.9, 0.806, None, False),
        (-31.6, 0.354, 0.5, True),
    )
    spots = tuple(
        replace(
            result.hot_spots[0],
            position_lps=middle + (off, 0, 0),
            share=share,
            volume_ml=volume,
            in_air=air,
        )
        for off, share, volume, air in given
    )
    x, y, z = middle

    def place(off: float) -> str:
        signs = zip("RAI", "LPS", (x + off, y, z), strict=True)
        return "  ".join(f"{(a, b)[int(mm >= 0)]} {abs(mm):.1f}" for a, b, mm in signs) + " mm"

    assert spot_titles(replace(result, hot_spots=spots)) == (
        f"Hot spot 1 of 3: 100 % of the peak at {place(0)}, in the middle of the scan, 12.3 ml",
        f"Hot spot 2 of 3: 81 % of the peak at {place(0.9)}, in the middle of the scan",
        f"Hot spot 3 of 3: 35 % of the peak at {place(-31.6)}, 32 mm right of the middle, 0.5 ml, "
        "in the air outside the patient",
    )
    assert spot_titles(replace(result, hot_spots=())) == ()


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("size", [(26, 34, 30), (60, 20, 20)])
def test_the_planes_stand_in_rows_of_three_above_the_colour_bar(plain, size):
    result = plain_result()
    voxels = np.random.default_rng(0).integers(100, 900, size, dtype=np.int16)
    volume = Volume(voxels, np.diag([1.0, 1.0, 1.5, 1.0]), modality="MR")
    result = replace(result, volume=volume)
    place = np.asarray(volume.center_lps) + (2, 1, 0)
    drawing = position_picture(result, place, "Here", plain=plain)
    pictures = plane_pictures(result, place)
    width = (1800 - 2 * 24 - 2 * 10) / 3
    scale = min(
        (width - 76) / max(each.width_mm for each in pictures),
        (520 - 80) / max(each.height_mm for each in pictures),
    )
    expected, said = [], []
    rows = (True, False) if plain else (True,)
    for row, heat in enumerate(rows):
        for column, each in enumerate(pictures):
            expected.append((24 + column * (width + 10), row * 530.0))
            said += elements(
                plane_drawing(each, heat=heat, width=width, height=520.0, scale=scale).svg
            )
    below = 530.0 * len(rows)
    expected.append((24.0, below + 4))
    bar = color_bar_drawing(result, 1752, ink="#b7bec7", blank="#3a424b")
    said += elements(bar.svg)
    found = elements(drawing.svg)
    groups = [each["transform"] for name, each, _ in found if name == "g"]
    assert groups[1:] == [f"translate({x:.2f} {y:.2f})" for x, y in expected]
    start = [name for name, *_ in found].index("g")
    inside = [each for each in found[start:] if each[0] != "g"]
    assert inside[: len(said)] == said
    top = float(groups[0].removeprefix("translate(0 ").removesuffix(")"))
    assert drawing.height == pytest.approx(top + below + 4 + bar.height + 56)
    assert ("Here", 24.0, top - 18, 25.0, "#b7bec7", "start", False) in words(drawing.svg)


def test_a_picture_has_the_plain_scan_below_unless_it_is_not_wanted():
    result = plain_result()
    both = position_picture(result, result.volume.center_lps, "x")
    one = position_picture(result, result.volume.center_lps, "x", plain=False)
    assert both.height - one.height == 530
