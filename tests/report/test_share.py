"""What leaves: the chosen files, never over others, and without identity no byte that names the patient."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import io
import json
import re
import shutil
import subprocess
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from fusion3d_gui.cli.parser import run
from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.imaging.privacy.burnt_in import burnt_in_reasons
from fusion3d_gui.inference.fit.fit_report import FitReport
from fusion3d_gui.report.case_result import CaseResult, ReaderNotes
from fusion3d_gui.report.framed_picture import (
    frame_texts,
    picture_of_view,
    position_picture,
    spot_titles,
)
from fusion3d_gui.report.picture.paint import drawing_rgb
from fusion3d_gui.report.share import ITEMS, ShareChoice, file_stem, stops, write_share
from tests.report.conftest import PLANTED

#: Everything that must not leave, as it is planted and as pages write it.
_WORDS = (
    *(text for key, text in PLANTED.items() if key not in ("PatientSex", "PatientAge")),
    *("Plantovsky", "Quirina", "1948-02-29", "2026-01-12", "7731-ZX", "ACC-90417", "Nowhere"),
)


@pytest.fixture
def named(make_result, qapp) -> CaseResult:
    """A result whose patient is named in every place where a name can be."""
    result = make_result()
    notes = ReaderNotes("Mrs. PLANTOVSKY has a lesion.", "Quirina agrees.")
    return dataclasses.replace(result, notes=notes)


@pytest.fixture
def everything(named, tmp_path) -> ShareChoice:
    out = tmp_path / "out"
    out.mkdir()
    view = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    return ShareChoice(
        items=frozenset(ITEMS),
        folder=out,
        identity=False,
        new_study=True,
        as_svg=True,
        views={"view": view, "layout": view},
    )


def contents(path: Path) -> Iterator[bytes]:
    """A file's bytes, and everything packed in it: archives, compressed streams, embedded base64."""
    raw = path.read_bytes()
    yield raw
    if raw[:2] == b"\x1f\x8b":
        yield gzip.decompress(raw)
    if zipfile.is_zipfile(io.BytesIO(raw)):
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            for name in archive.namelist():
                yield name.encode()
                yield archive.read(name)
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", raw, re.DOTALL):
        try:
            yield zlib.decompress(stream)
        except zlib.error:
            continue
    if b"%PDF" in raw and shutil.which("pdftotext"):
        pdf = raw[raw.index(b"%PDF") :]
        yield subprocess.run(
            ["pdftotext", "-", "-"], input=pdf, capture_output=True, check=True
        ).stdout
    for encoded in re.findall(rb"base64,([A-Za-z0-9+/=]+)", raw):
        yield base64.b64decode(encoded)


def words_in(path: Path) -> list[str]:
    """The planted words that occur in a file or its name, in any usual encoding and case."""
    parts = [part.lower() for part in contents(path)]
    found = [word for word in _WORDS if word.lower() in path.name.lower()]
    for word in _WORDS:
        for encoding in ("utf-8", "utf-16-le", "utf-16-be", "latin-1"):
            encoded = word.lower().encode(encoding)
            if any(encoded in part for part in parts):
                found.append(f"{word} ({encoding})")
    return found


def test_without_identity_no_byte_of_any_file_names_the_patient(named, everything):
    written = write_share(named, everything)
    kinds = {kind for kind, _ in written}
    assert kinds == {
        *("page", "result", "heatmap", "measurements", "picture", "movie", "DICOM object")
    }
    files = [path for path in everything.folder.rglob("*") if path.is_file()]
    assert {path for _, path in written} == set(files)
    assert {path.name: words for path in files if (words := words_in(path))} == {}


def test_the_search_for_planted_words_finds_them_where_identity_leaves(named, everything):
    choice = dataclasses.replace(
        everything,
        identity=True,
        new_study=False,
        items=frozenset(ITEMS) - {"heatmap", "tour", "scroll"},
    )
    for kind, path in write_share(named, choice):
        assert words_in(path), (kind, path)


def test_without_identity_dicom_objects_have_no_uid_of_the_source(named, everything, scan_folder):
    sources = [pydicom.dcmread(path) for path in scan_folder.iterdir()]
    own = {
        str(each[keyword].value)
        for each in sources
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    }
    for _, path in write_share(named, everything):
        raw = b"".join(contents(path))
        assert not [uid for uid in own if uid.encode() in raw], path


def test_nothing_that_is_there_is_written_over(named, tmp_path):
    choice = ShareChoice(frozenset(("json", "html")), tmp_path, identity=True)
    first = write_share(named, choice)
    before = {path: path.read_bytes() for _, path in first}
    second = write_share(named, choice)
    assert {path for _, path in first}.isdisjoint(path for _, path in second)
    assert all(path.read_bytes() == content for path, content in before.items())
    assert sorted(path.name for _, path in second) == [
        "Plantovsky-Quirina_2026-01-12_2-page.html",
        "Plantovsky-Quirina_2026-01-12_2-result.json",
    ]


def test_names_of_files_say_case_and_date_and_never_who_while_that_is_hidden(named):
    day = f"{named.prediction.created.astimezone():%Y-%m-%d}"
    hidden = named.without_identity()
    assert file_stem(named) == "Plantovsky-Quirina_2026-01-12"
    assert file_stem(hidden) == f"case-{named.prediction.volume_sha256[:8]}_{day}"
    odd = dataclasses.replace(named.identity, patient_name="../../etc^pass:wd", study_date="")
    assert file_stem(dataclasses.replace(named, identity=odd)) == f"etc-pass-wd_{day}"
    odd = dataclasses.replace(named.identity, patient_name="CON")
    assert file_stem(dataclasses.replace(named, identity=odd)) == "_CON_2026-01-12"


def test_the_page_that_leaves_with_the_json_names_that_very_file(named, tmp_path):
    choice = ShareChoice(frozenset(("json", "html")), tmp_path, identity=True)
    paths = dict(write_share(named, choice))
    page = paths["page"].read_text()
    (enclosed,) = re.findall(r'href="data:application/json;base64,([^"]+)"', page)
    assert base64.b64decode(enclosed) == paths["result"].read_bytes()
    assert json.loads(paths["result"].read_text())["patient"]["name"] == "Plantovsky^Quirina"


def test_a_folder_that_is_not_there_is_refused_in_one_sentence(named, tmp_path):
    choice = ShareChoice(frozenset(("json",)), tmp_path / "none", identity=True)
    with pytest.raises(UserError, match="can't be written"):
        write_share(named, choice)


@pytest.mark.parametrize(
    ("attributes", "modality", "sop_class", "image_type", "said"),
    [
        ({"BurnedInAnnotation": "YES"}, "MR", "", (), "text is burnt into its pixels"),
        ({}, "MR", "1.2.840.10008.5.1.4.1.1.7", (), "secondary capture"),
        ({}, "MR", "1.2.840.10008.5.1.4.1.1.7.2", (), "secondary capture"),
        ({}, "MR", "1.2.840.10008.5.1.4.1.1.4", ("DERIVED", "SECONDARY", "SCREEN SAVE"), "screen"),
        ({}, "US", "1.2.840.10008.5.1.4.1.1.6.1", (), "ultrasound"),
    ],
)
def test_text_that_may_be_burnt_into_the_pixels_is_said(
    attributes, modality, sop_class, image_type, said
):
    (reason,) = burnt_in_reasons(attributes, modality, sop_class, image_type)
    assert said in reason


def test_of_a_usual_scan_nothing_says_that_text_is_burnt_into_it():
    usual = (
        {"BurnedInAnnotation": "NO"},
        "MR",
        "1.2.840.10008.5.1.4.1.1.4",
        ("ORIGINAL", "PRIMARY"),
    )
    assert burnt_in_reasons(*usual) == ()
    assert burnt_in_reasons({}, "CT", "1.2.840.10008.5.1.4.1.1.77.1.1") == ()


def test_burnt_in_text_stops_what_shows_pixels_until_it_is_confirmed(named, tmp_path):
    burnt = dataclasses.replace(named, burnt_in=("Text is burnt into it.",))

    def said(items: set[str], identity: bool = False) -> list[str]:
        choice = ShareChoice(frozenset(items), tmp_path, identity)
        return [each.text for each in stops(burnt, choice)]

    for item in ("pdf", "html", "spots", "view", "layout"):
        assert said({item}) == ["Text is burnt into it."], item
    assert said({"json", "heatmap", "marks"}) == []
    assert said({"pdf"}, identity=True) == []


def test_a_face_is_spoken_of_where_3d_or_the_scan_itself_leaves(named, tmp_path):
    def said(*items: str, shows_3d: bool = False, new_study: bool = False) -> str:
        choice = ShareChoice(frozenset(items), tmp_path, identity=False, new_study=new_study)
        return " ".join(each.text for each in stops(named, choice, shows_3d=shows_3d))

    assert named.face_may_show
    assert "A face can be recognised from the picture in 3D" in said("layout", shows_3d=True)
    assert "from the enclosed scan," in said("dicom", new_study=True)
    assert "from a movie," in said("scroll")
    assert "from a movie," in said("tour")
    assert said("layout") == said("view", shows_3d=True) == said("dicom") == said("pdf") == ""


def test_no_face_shows_in_a_scan_that_fits_a_model_of_stripped_brains(named):
    scope = dataclasses.replace(named.bundle.scope, coverage="skull_stripped")
    stripped = dataclasses.replace(named, bundle=dataclasses.replace(named.bundle, scope=scope))
    assert named.prediction.fit.fit == "fits"
    assert not stripped.face_may_show
    doubtful = dataclasses.replace(stripped.prediction, fit=FitReport("doubtful", ("Odd.",)))
    assert dataclasses.replace(stripped, prediction=doubtful).face_may_show


@pytest.mark.parametrize(
    ("off_mm", "where"),
    [
        (30.0, "30 mm left of the middle"),
        (-20.0, "20 mm right of the middle"),
        (0.0, "in the middle of the scan"),
    ],
)
def test_the_title_of_a_hot_spot_names_its_side(off_mm, where, named):
    place = np.asarray(named.volume.center_lps) + (off_mm, 0.0, 0.0)  # LPS: +x is the left
    spot = dataclasses.replace(named.hot_spots[0], position_lps=place)
    (title,) = spot_titles(dataclasses.replace(named, hot_spots=(spot,)))
    assert where in title


def test_every_framed_picture_says_whose_scan_what_answer_and_research_use_only(named):
    (first, *_) = spot_titles(named)
    drawings = [
        position_picture(named, named.hot_spots[0].position_lps, first),
        picture_of_view(frame_texts(named), np.zeros((9, 12, 3), np.uint8), "The view"),
    ]
    chance = f"{100 * named.prediction.probability:.1f} %"
    for drawing in drawings:
        for words in (
            "Plantovsky Quirina",
            "PID-7731-ZX",
            "RESEARCH USE ONLY",
            chance,
            "test-concat 1.2.3",
        ):
            assert words in drawing.svg
    assert "mm" in drawings[0].svg and "Hot spot 1 of" in drawings[0].svg
    hidden = position_picture(named.without_identity(), named.hot_spots[0].position_lps, first)
    assert "Identity hidden" in hidden.svg and "Plantovsky" not in hidden.svg


def test_four_ticks_point_at_the_place_and_leave_it_free(named):
    svg = position_picture(named, named.hot_spots[0].position_lps, "Hot spot").svg
    number = r"(-?[\d.]+)"
    tick = rf'<path d="M{number} {number} L{number} {number}" stroke="[^"]+" stroke-width="2.5"/>'
    ticks = np.array(re.findall(tick, svg), float).reshape(-1, 4, 2, 2)
    assert len(ticks) == 6  # three planes, each with heat and plain
    for lines in ticks:
        place = lines.mean(axis=(0, 1))
        ends = [[[-26, 0], [-14, 0]], [[14, 0], [26, 0]], [[0, -26], [0, -14]], [[0, 14], [0, 26]]]
        np.testing.assert_allclose(lines - place, ends, atol=0.02)


def test_a_misfit_is_written_across_every_picture(named):
    fit = FitReport("refused", ("It is a photograph.",))
    misfit = dataclasses.replace(named, prediction=dataclasses.replace(named.prediction, fit=fit))
    center = named.volume.center_lps
    svg = position_picture(misfit, center, "x").svg
    assert svg.count("DESPITE MISFIT – NOT A RESULT") == 2
    assert "It is a photograph." in svg
    assert "DESPITE MISFIT" not in position_picture(named, center, "x").svg


def test_pictures_have_the_size_that_was_chosen(named, tmp_path):
    for scale, width in ((1.0, 1440), (2.0, 2880)):
        drawing = position_picture(named, named.volume.center_lps, "The middle")
        rgb = drawing_rgb(drawing, 8.0 * scale)
        assert rgb.shape[1] == width
        assert rgb.std() > 5


def test_hostile_text_in_a_picture_stays_text(named):
    bad = '</text><image href="http://evil.example/x"/><script>'
    identity = dataclasses.replace(named.identity, patient_name=bad)
    drawing = position_picture(
        dataclasses.replace(named, identity=identity), named.volume.center_lps, bad
    )
    assert "<script" not in drawing.svg
    assert 'href="http://evil' not in drawing.svg
    assert "&lt;script&gt;" in drawing.svg


def test_the_command_line_stops_where_pixels_may_name_the_patient(
    scan_folder, make_bundle, tmp_path, capsys
):
    for path in scan_folder.iterdir():
        dataset = pydicom.dcmread(path)
        dataset.BurnedInAnnotation = "YES"
        dataset.save_as(path)
    call = ["predict", str(scan_folder), "--model", str(make_bundle()), "--device", "cpu"]
    page = ["--report", str(tmp_path / "r.html")]
    assert run([*call, *page]) == 2
    assert "text is burnt into its pixels" in capsys.readouterr().err
    assert not (tmp_path / "r.html").exists()
    assert run([*call, "--json", str(tmp_path / "r.json")]) == 0
    assert run([*call, *page, "--pixels-checked"]) == 0
    assert run([*call, *page, "--identity"]) == 0


def test_movies_show_every_spot_and_the_planes_from_end_to_end(named, tmp_path):
    choice = ShareChoice(frozenset(("tour", "scroll")), tmp_path, identity=True)
    told: list[float] = []

    def progress(fraction: float, message: str) -> None:
        told.append(fraction)

    tour, scroll = (path for _, path in write_share(named, choice, progress))
    frames = {}
    for path in (tour, scroll):
        with Image.open(path) as image:
            assert (image.format, image.width) == ("WEBP", 900)
            frames[path] = image.n_frames
            image.seek(image.n_frames - 1)
            assert np.asarray(image.convert("L")).std() > 5
    assert frames[tour] >= len(named.hot_spots)
    # One for each of the 26 acquired slices.
    assert frames[scroll] == named.volume.shape[0]
    assert told == sorted(told) and len(told) > 20 and told[-1] == 1.0


def test_a_movie_can_be_cancelled_and_leaves_no_file(named, tmp_path):
    def progress(fraction: float, message: str) -> None:
        if fraction > 0.3:
            raise Cancelled

    choice = ShareChoice(frozenset(("scroll",)), tmp_path, identity=True)
    with pytest.raises(Cancelled):
        write_share(named, choice, progress)
    assert list(tmp_path.glob("*scroll*")) == []
