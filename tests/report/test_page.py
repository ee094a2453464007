"""The page: every number on it is the JSON's, nothing names a hidden patient, and doubt comes first."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imagecodecs import png_decode

from fusion3d_gui.cli.parser import run
from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.display.heat_colors import heatmap_colors
from fusion3d_gui.imaging.display.window import Window
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.explain.sanity_report import SanityReport
from fusion3d_gui.inference.fit.fit_report import FitReport
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.report.case_result import CaseResult, ReaderNotes
from fusion3d_gui.report.page.html import page_html
from fusion3d_gui.report.page.page_file import write_page
from fusion3d_gui.report.page.result_page import result_page
from fusion3d_gui.report.page.sections import hot_spots_section, model_section
from fusion3d_gui.report.page.sheet import Sheet
from fusion3d_gui.report.picture.plane_picture import plane_pictures
from fusion3d_gui.report.picture.svg import color_bar_drawing, plane_drawing
from fusion3d_gui.report.result_json import result_json, result_text
from fusion3d_gui.shipped import models_dir
from tests.report.conftest import PLANTED

needs_poppler = pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs poppler-utils")

_NUMBER = re.compile(r"[+−]?\d+(?:\.\d+)?")


@pytest.fixture
def full(make_result, qapp) -> CaseResult:
    """A result in which every part of the page has something, with odd numbers throughout."""
    curve = np.linspace(1, 0, 11)
    checks = SanityReport(
        Explanation(),
        ("stem",),
        (0.137,),
        (0.913,),
        {"layercam": 0.613},
        -curve,
        np.stack([curve] * 3),
        curve,
        np.stack([-curve] * 3),
    )
    result = make_result(checks=checks, augmentation=(0.2574, 0.5391))
    shipped = BundleInfo.read(models_dir() / "demo-concat")
    bundle = dataclasses.replace(
        result.bundle,
        metadata={
            **result.bundle.metadata,
            "training": shipped.metadata["training"],
            "eval_metrics": shipped.metadata["eval_metrics"],
        },
    )
    return dataclasses.replace(result, bundle=bundle)


def pdf_text(result: CaseResult, tmp_path: Path, paper: str = "A4") -> str:
    """What ``pdftotext`` reads of the page, in the order of its columns."""
    page = result_page(result)
    path = tmp_path / "page.pdf"
    path.write_bytes(Sheet(page.content, result, page.pictures, paper).pdf())
    return subprocess.run(
        ["pdftotext", "-raw", path, "-"], capture_output=True, check=True, text=True
    ).stdout


def at(plain: Any, path: str) -> Any:
    """The value of a document at a path such as ``model.training.cases``."""
    for key in path.split("."):
        plain = plain[int(key)] if isinstance(plain, list) else plain[key]
    return plain


def _percent(decimals: int) -> Callable[[float], str]:
    return lambda share: f"{100 * share:.{decimals}f}"


def _fixed(decimals: int) -> Callable[[float], str]:
    return lambda value: f"{value:.{decimals}f}"


def _signed(value: float) -> str:
    return f"{'−' if value < 0 else '+'}{abs(value):.2f}"


def _size(value: float) -> str:
    return f"{abs(value):.1f}"


#: What stands on the page (each group is a number), the fields of the JSON that they come from, and how
#: the page writes them. ``_`` in a pattern stands for white space of any kind.
_ONCE: tuple[tuple[str, tuple[str, ...], Callable[[float], str]], ...] = (
    (r"^(\S+)_%_probability_of_yes", ("probability",), _percent(1)),
    (r"Threshold_(\S+)_%", ("threshold",), _percent(1)),
    (r"Calibrated_at_(\S+)_%", ("model.calibrated_at_prevalence",), _percent(1)),
    (
        r"Moved_and_mirrored_copies_(\S+)_%_to_(\S+)_%",
        ("augmentation_range.0", "augmentation_range.1"),
        _percent(1),
    ),
    (r"(\d+)_×_(\d+)_×_(\d+)_voxels", tuple(f"scan.shape_kji.{n}" for n in (2, 1, 0)), str),
    (
        r"voxels_of_(\S+)_×_(\S+)_×_(\S+)_mm",
        tuple(f"scan.spacing_kji_mm.{n}" for n in (2, 1, 0)),
        lambda mm: f"{mm:.4g}",
    ),
    (r"Peaks_above_(\S+)_%", ("hot_spots.threshold",), _percent(1)),
    (
        r"peak_at_[LR]_(\S+)_[AP]_(\S+)_[SI]_(\S+)_mm",
        tuple(f"heatmap.peak_lps_mm.{n}" for n in range(3)),
        _size,
    ),
    (r"Trained_on_(\d+)_cases,_(\d+)", ("model.training.cases", "model.training.positives"), str),
    (
        r"Evaluated_on_(\d+)_other_cases,_(\d+)",
        ("model.evaluation.cases", "model.evaluation.positives"),
        str,
    ),
    *(
        (
            rf"{title}_(\S+)_\((\S+)_to_([\d.]+)\)",
            tuple(f"model.evaluation.figures.{name}.{end}" for end in ("value", "low", "high")),
            _fixed(3),
        )
        for title, name in (
            ("AUC", "auroc"),
            ("Calibration_error", "ece"),
            ("Sensitivity", "sensitivity"),
            ("Specificity", "specificity"),
        )
    ),
    (r"length_(\S+)_mm", ("marks.0.quantities.length_mm.value",), _fixed(1)),
    (r"value_(\d\S*)", ("marks.1.quantities.value.value",), lambda value: f"{value:.4g}"),
)


def _expected(document: dict[str, Any]) -> Iterable[tuple[str, tuple[str, ...], Callable]]:
    yield from _ONCE
    for n, _ in enumerate(document["hot_spots"]["spots"][:6]):
        spot = f"hot_spots.spots.{n}"
        yield (
            rf"^{n + 1}_(\d+)_%_[LR]_(\S+)_[AP]_(\S+)_[SI]_(\S+)_mm",
            (f"{spot}.share", *(f"{spot}.position_lps_mm.{axis}" for axis in range(3))),
            lambda value: f"{100 * value:.0f}" if 0 < value <= 1 else _size(value),
        )


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text.replace("_", r"\s+"), re.MULTILINE)


@needs_poppler
@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_every_number_that_the_mapping_names_is_the_jsons(full, tmp_path, paper):
    document, text = result_json(full), pdf_text(full, tmp_path, paper)
    for pattern, fields, written in _expected(document):
        found = _pattern(pattern).search(text)
        assert found, (pattern, text)
        values = [at(document, field) for field in fields]
        assert list(found.groups()) == [written(value) for value in values], pattern


@pytest.mark.parametrize(
    ("scope", "text"),
    [
        (None, "not declared"),
        (
            {
                "modality": "MR",
                "body_part": "brain",
                "contrasts": ["T1", "+Gd"],
                "coverage": "skull_stripped",
                "age_years": [20.0, 90.5],
                "voxel_mm": [0.5, 3.0],
                "population": "simulated",
            },
            "MR, brain, T1 +Gd, skull-stripped, 20 to 90.5 years, voxels of 0.5 to 3 mm, simulated cases",
        ),
    ],
)
def test_the_page_says_what_the_model_is_meant_for(scope, text, full):
    document = result_json(full)
    rows = dict(model_section({"model": {**document["model"], "scope": scope}}).rows)
    assert rows["Meant for"] == text


@needs_poppler
def test_shares_and_sides_are_the_jsons(full, tmp_path):
    document, text = result_json(full), pdf_text(full, tmp_path)
    for each in document["form"]:
        source = {"typed": "typed", "dicom": "DICOM", "default": "training default"}
        row = f"{each['label']} {each['text']} {source[each['source']]}"
        assert row in " ".join(text.split())
    for spot in document["hot_spots"]["spots"][:6]:
        if spot["side"] != "middle":
            assert f"{abs(spot['left_of_middle_mm']):.0f} mm {spot['side']}" in text
    for name in ("voxels_sha256",):
        assert document[name] in text
    assert document["model"]["weights_sha256"] in text
    assert document["heatmap"]["values_sha256"] in text


@needs_poppler
def test_there_is_no_number_on_the_page_that_is_not_in_the_json(full, tmp_path):
    """All numbers of the page, but those of our own wording, are some number or text of the JSON."""
    document, text = result_json(full), pdf_text(full, tmp_path)
    allowed = set(_numbers_of(document))
    # Scale bars, the colour bar, the size of intervals, and the page's own number.
    allowed |= {"95", "100", "0", "1", "50", "20", "10", "3", "5"}
    hashes = re.compile(r"\b[0-9a-f]{64}\b|\b[\d.]{30,}\b")
    unknown = [number for number in _NUMBER.findall(hashes.sub("", text)) if number not in allowed]
    positions = {f"{abs(value):.1f}" for value in _plane_positions(full)}
    assert [each for each in unknown if each not in positions] == []


def _plane_positions(result: CaseResult) -> list[float]:
    return [float(re.findall(r"[\d.]+", each.position)[0]) for each in result_page(result).pictures]


def _numbers_of(plain: Any) -> Iterable[str]:
    """Every number of a document in every form in which the page writes one."""
    if isinstance(plain, dict):
        for key, value in plain.items():
            yield from _NUMBER.findall(key)
            yield from _numbers_of(value)
    elif isinstance(plain, list):
        for value in plain:
            yield from _numbers_of(value)
    elif isinstance(plain, str):
        yield from _NUMBER.findall(plain)
        if re.fullmatch(r"\d{8}", plain):
            yield from (plain[:4], plain[4:6], plain[6:])
        if re.fullmatch(r"\d{3}[YMWD]", plain):
            yield str(int(plain[:3]))
        if re.match(r"\d{4}-\d\d-\d\dT", plain):
            yield from re.findall(r"\d+", plain)
    elif isinstance(plain, int | float) and not isinstance(plain, bool):
        value = abs(plain)
        yield from (str(plain), f"{value:.4g}", f"{value:.0f}", f"{value:.1f}", f"{value:.3f}")
        yield from (f"{100 * value:.0f}", f"{100 * value:.1f}", f"{value:.3g}", f"{value:.2g}")
        yield f"{value:.2f}"
        yield f"{'−' if plain < 0 else '+'}{value:.2f}"


@needs_poppler
def test_the_page_names_the_json_by_its_hash_and_encloses_it(full, tmp_path):
    write_page(full, tmp_path / "page.pdf")
    text = result_text(full)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    read = subprocess.run(
        ["pdftotext", tmp_path / "page.pdf", "-"], capture_output=True, check=True, text=True
    )
    assert sha256 in read.stdout
    subprocess.run(["pdfdetach", "-saveall", "-o", tmp_path, tmp_path / "page.pdf"], check=True)
    assert hashlib.sha256((tmp_path / "result.json").read_bytes()).hexdigest() == sha256
    write_page(full, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert sha256 in page
    (enclosed,) = re.findall(r'href="data:application/json;base64,([^"]+)"', page)
    assert json.loads(base64.b64decode(enclosed)) == result_json(full)


@needs_poppler
@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_a_usual_case_takes_one_sheet_with_embedded_fonts(full, tmp_path, paper):
    write_page(full, tmp_path / "page.pdf", paper)
    info = subprocess.run(
        ["pdfinfo", tmp_path / "page.pdf"], capture_output=True, check=True, text=True
    ).stdout
    assert re.search(r"Pages:\s+1\n", info)
    width, height = map(float, re.search(r"Page size:\s+([\d.]+) x ([\d.]+)", info).groups())
    expected = {"A4": (595.3, 841.9), "Letter": (612, 792)}[paper]
    assert (width, height) == pytest.approx(expected, abs=1)
    fonts = subprocess.run(
        ["pdffonts", tmp_path / "page.pdf"], capture_output=True, check=True, text=True
    ).stdout.splitlines()[2:]
    assert fonts
    for line in fonts:
        embedded, _, has_text = line.split()[-5:-2]
        assert (embedded, has_text) == ("yes", "yes"), line


@needs_poppler
def test_texts_keep_the_margin_and_are_large_enough_to_read(full, tmp_path):
    page = result_page(full)
    path = tmp_path / "page.pdf"
    path.write_bytes(Sheet(page.content, full, page.pictures, "A4").pdf())
    boxes = subprocess.run(
        ["pdftotext", "-bbox", path, "-"], capture_output=True, check=True, text=True
    ).stdout
    points = {}
    for x, y, right, bottom, word in re.findall(
        r'xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">([^<]*)<', boxes
    ):
        points.setdefault(word, []).append((float(x), float(y), float(right), float(bottom)))
    every = np.array([box for found in points.values() for box in found])
    mm = 72 / 25.4
    assert every[:, 0].min() == pytest.approx(12 * mm, abs=0.6 * mm)
    assert every[:, 2].max() <= (210 - 12) * mm + 0.5
    assert every[:, 3].max() <= (297 - 12) * mm + 0.5
    ((_, top, _, bottom),) = points["Metadata"]
    heading = bottom - top
    ((_, top, _, bottom),) = points["Threshold"]
    # 2.4 and 2.7 mm are 6.8 and 7.7 points.
    assert heading / (bottom - top) == pytest.approx(2.7 / 2.4, rel=0.02)


@needs_poppler
def test_a_long_reading_goes_on_to_another_page_that_says_research_use_only_too(full, tmp_path):
    notes = ReaderNotes("finding " * 180 + "theveryend", "remark " * 200 + "thelastword")
    text = pdf_text(dataclasses.replace(full, notes=notes), tmp_path)
    pages = text.split("\f")[:-1]
    assert len(pages) == 2
    assert "theveryend" in text and "thelastword" in text
    for number, page in enumerate(pages, start=1):
        assert "RESEARCH USE ONLY" in page
        assert "Research use only. Not for diagnosis." in page
        assert "Plantovsky Quirina" in page
        assert f"Page {number} of 2" in page


def _with_fit(result: CaseResult, fit: FitReport) -> CaseResult:
    prediction = dataclasses.replace(result.prediction, fit=fit)
    return dataclasses.replace(result, prediction=prediction)


@needs_poppler
def test_doubt_comes_before_the_answer_and_takes_the_class_away(full, tmp_path):
    doubtful = _with_fit(full, FitReport("doubtful", ("The slices are 9 mm thick.",), ("slices",)))
    text = pdf_text(doubtful, tmp_path)
    doubt = text.index("DOUBTFUL: The slices are 9 mm thick.")
    assert doubt < text.index("probability of yes")
    assert "Doubtful: no class" in text
    page = page_html(result_page(doubtful))
    assert page.index("DOUBTFUL: The slices are 9 mm thick.") < page.index('class="number"')


@needs_poppler
def test_a_misfit_is_watermarked_and_no_result(full, tmp_path):
    misfit = _with_fit(full, FitReport("refused", ("It is a photograph.",)))
    text = pdf_text(misfit, tmp_path)
    # Above the answer, and letter by letter across the page.
    assert "".join(text.split()).count("DESPITEMISFIT–NOTARESULT") == 2
    assert "Not a result: no class" in text
    assert 'class="watermark"' in page_html(result_page(misfit))
    page = result_page(misfit)
    unmarked = dataclasses.replace(page.content, level="warning")
    marked, usual = (
        Sheet(content, misfit, page.pictures).images(60)[0] for content in (page.content, unmarked)
    )
    assert (usual.width(), usual.height()) == (496, 702)  # A4: 210 x 297 mm at 60 dots an inch
    # Across the page, also where there is neither a text nor a picture.
    column = marked.width() // 2
    red = [
        row
        for row in range(marked.height())
        if marked.pixelColor(column, row).red() > marked.pixelColor(column, row).green() + 20
        and usual.pixelColor(column, row).red() < usual.pixelColor(column, row).green() + 20
    ]
    assert red


class _References(HTMLParser):
    """What a page would load or lead to, and the elements in it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "action", "srcset", "poster", "data"):
                self.found.append(value or "")
            assert not name.startswith("on"), name


HOSTILE = "</td><script>alert(1)</script><img src=http://evil.example/x>&amp;\u202eabc\x1b[2J"


def test_the_html_loads_nothing_and_shows_hostile_text_as_text(full):
    fields = tuple(
        dataclasses.replace(each, field=dataclasses.replace(each.field, label=HOSTILE))
        for each in full.form
    )
    hostile = dataclasses.replace(
        full,
        form=fields,
        notes=ReaderNotes(HOSTILE, HOSTILE),
        identity=dataclasses.replace(full.identity, patient_name=HOSTILE, patient_id=HOSTILE),
        bundle=dataclasses.replace(
            full.bundle, metadata={**full.bundle.metadata, "task": HOSTILE, "description": HOSTILE}
        ),
        prediction=dataclasses.replace(
            full.prediction, class_names=("no", HOSTILE), notices=(HOSTILE,)
        ),
    )
    page = page_html(result_page(hostile))
    parsed = _References()
    parsed.feed(page)
    assert "script" not in parsed.tags
    assert "img" not in parsed.tags
    assert parsed.found and all(each.startswith("data:") for each in parsed.found)
    assert "url(" not in page and "@import" not in page
    assert "\u202e" not in page and "\x1b" not in page
    assert html.escape("<script>alert(1)</script>") in page


@needs_poppler
def test_without_identity_nothing_of_the_patient_is_on_the_page(full, tmp_path):
    named = pdf_text(full, tmp_path)
    assert "Plantovsky Quirina · ID PID-7731-ZX · F · born 1948-02-29 · 77 years" in " ".join(
        named.split()
    )
    assert "Study of 2026-01-12" in named
    hidden = full.without_identity()
    write_page(hidden, tmp_path / "page.html")
    for text in (pdf_text(hidden, tmp_path), (tmp_path / "page.html").read_text()):
        assert "Identity hidden" in text
        words = re.sub(r"\b[0-9a-f]{64}\b", "", text)  # "1948" in a checksum is chance
        for planted in (*PLANTED.values(), "Plantovsky", "Quirina", "1948", "2026-01-12"):
            assert planted in ("F", "077Y") or planted not in words


@pytest.mark.parametrize(("count", "note"), [(6, ()), (7, ("1 more are in the JSON.",))])
def test_more_hot_spots_than_the_page_has_rows_are_told(full, count, note):
    document = result_json(full)
    (spot, *_) = document["hot_spots"]["spots"]
    document["hot_spots"]["spots"] = [dict(spot, number=n + 1) for n in range(count)]
    section = hot_spots_section(document)
    assert [row[0] for row in section.rows] == ["1", "2", "3", "4", "5", "6"]
    assert section.notes[1:] == note


def test_a_page_under_another_suffix_or_in_no_folder_is_refused(full, tmp_path):
    with pytest.raises(UserError, match=r"page\.doc: a page is written as \.pdf or \.html"):
        write_page(full, tmp_path / "page.doc")
    with pytest.raises(UserError, match=r"page\.html: the page can't be written"):
        write_page(full, tmp_path / "none" / "page.html")


def test_the_pictures_show_the_patients_right_on_the_left(full):
    volume = full.volume
    voxels = np.full(volume.shape, 100, np.int16)
    # Bright on the patient's left, posterior, and superior: +x, +y, +z.
    voxels[-8:, -8:, -8:] = 1000
    marked = dataclasses.replace(
        full, volume=dataclasses.replace(volume, voxels=voxels, windows=())
    )
    corner = volume.to_lps(np.array([26.0, 30.0, 22.0]))
    pictures = _pictures(marked, corner)
    assert [each.letters for each in pictures] == [
        ("R", "L", "A", "P"),
        ("R", "L", "S", "I"),
        ("A", "P", "S", "I"),
    ]
    axial, coronal, sagittal = (each.plain for each in pictures)
    half = [each.shape[1] // 2 for each in (axial, coronal, sagittal)]
    assert axial[:, half[0] :].max() > axial[:, : half[0]].max()
    assert coronal[:, half[1] :].max() > coronal[:, : half[1]].max()
    assert sagittal[:, half[2] :].max() > sagittal[:, : half[2]].max()
    assert np.argwhere(axial[..., 0] > 200).mean(axis=0)[0] > axial.shape[0] / 2
    for image in (coronal, sagittal):
        assert np.argwhere(image[..., 0] > 200).mean(axis=0)[0] < image.shape[0] / 2


def _pictures(result: CaseResult, center: np.ndarray) -> Any:
    return plane_pictures(result, center)


def test_heat_is_brightest_at_the_cross_and_absent_from_the_plain_picture(full):
    peak = full.prediction.heatmap.peak_lps
    for each in _pictures(full, peak):
        rows, columns, _ = each.plain.shape
        row, column = (
            min(int(share * n), n - 1)
            for share, n in zip(each.cross[::-1], (rows, columns), strict=True)
        )
        changed = np.abs(each.heat.astype(int) - each.plain).sum(axis=2)
        assert changed[row, column] > 0
        assert (each.plain[..., 0] == each.plain[..., 1]).all()


@needs_poppler
def test_the_command_line_writes_the_page_and_the_json_that_it_names(
    scan_folder, make_bundle, tmp_path
):
    call = ["predict", str(scan_folder), "--model", str(make_bundle()), "--device", "cpu"]
    page, plain = tmp_path / "r.pdf", tmp_path / "r.json"
    assert run([*call, "--json", str(plain), "--report", str(page)]) == 0
    text = subprocess.run(["pdftotext", page, "-"], capture_output=True, check=True, text=True)
    assert hashlib.sha256(plain.read_bytes()).hexdigest() in text.stdout
    assert "Identity hidden" in text.stdout


def test_a_wrong_suffix_is_refused_before_the_model_is_loaded(
    scan_folder, make_bundle, tmp_path, capsys
):
    call = ["predict", str(scan_folder), "--model", str(make_bundle())]
    assert run([*call, "--report", str(tmp_path / "r.docx")]) == 2
    assert "a page is written as .pdf or .html" in capsys.readouterr().err


def test_the_cross_is_where_the_picture_was_cut_and_letters_stand_at_their_edges(full):
    volume = full.volume
    # Black around it, which is cut off.
    voxels = np.zeros(volume.shape, np.int16)
    voxels[10:22, 14:32, 12:27] = 100
    k, j, i = 17, 25, 21
    voxels[k, j, i] = 1000
    window = Window.between(0, 1000)
    marked = dataclasses.replace(
        full,
        volume=dataclasses.replace(volume, voxels=voxels),
        appearance=dataclasses.replace(full.appearance, window=window, opacity=0.0),
    )
    for each in _pictures(marked, volume.to_lps(np.array([i, j, k]))):
        rows, columns, _ = each.plain.shape
        assert max(each.width_mm, each.height_mm) < 110
        bright = np.argwhere(each.plain[..., 0] == each.plain.max()).mean(axis=0)
        share = (bright + 0.5) / (rows, columns)
        np.testing.assert_allclose(share[::-1], each.cross, atol=1.5 / min(rows, columns))
        drawing = plane_drawing(each, heat=False, width=600, height=500, scale=2.5)
        places = {
            letter: (float(x), float(y))
            for x, y, letter in re.findall(
                r'<text x="([\d.]+)" y="([\d.]+)"[^>]*>([RLAPSI])</text>', drawing.svg
            )
        }
        left, right, top, bottom = (places[letter] for letter in each.letters)
        assert left[0] < 60 and right[0] > 540 and left[1] == right[1]
        assert top[1] < bottom[1] and top[0] == bottom[0] == 300


def test_the_scale_bar_is_as_long_as_it_says(full):
    (axial, *_) = _pictures(full, full.volume.center_lps)
    drawing = plane_drawing(axial, heat=True, width=600, height=500, scale=2.5)
    (millimetres,) = re.findall(r">(\d+) mm</text>", drawing.svg)
    (length,) = re.findall(r"v6 h([\d.]+) v-6", drawing.svg)
    (width,) = re.findall(r'<image x="[\d.]+" y="[\d.]+" width="([\d.]+)"', drawing.svg)
    assert float(length) / float(width) == pytest.approx(
        float(millimetres) / axial.width_mm, rel=1e-3
    )


def test_the_image_lies_in_the_middle_with_heat_only_where_it_is_asked_for(full):
    (axial, *_) = _pictures(full, full.volume.center_lps)
    assert axial.heat_url != axial.plain_url
    for heat, wanted in ((True, axial.heat_url), (False, axial.plain_url)):
        drawing = plane_drawing(axial, heat=heat, width=600, height=500, scale=1.25)
        assert re.findall(r'href="(data:[^"]+)"', drawing.svg) == [wanted]
        ((x, width),) = re.findall(r'<image x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', drawing.svg)
        assert float(x) + float(width) / 2 == pytest.approx(300, abs=0.1)


def test_the_colour_bar_shows_the_colours_of_the_heat_from_the_threshold_on(full):
    drawing = color_bar_drawing(full, 1000)
    threshold = full.appearance.threshold
    (x, width) = re.findall(r'<image x="([\d.]+)" y="0.5" width="([\d.]+)"', drawing.svg)[0]
    assert float(x) == pytest.approx(1000 * threshold)
    assert float(x) + float(width) == pytest.approx(1000, abs=1)
    (encoded,) = re.findall(r"base64,([^\"]+)", drawing.svg)
    colors = png_decode(base64.b64decode(encoded))[0]
    expected = heatmap_colors(full.appearance.color_map)
    np.testing.assert_array_equal(colors[-1], expected[-1])
    np.testing.assert_array_equal(colors[0], expected[round(255 * threshold)])
    assert f"shown from {100 * threshold:.0f} % on" in drawing.svg
