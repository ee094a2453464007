"""Every sentence and number of the page, from a document with chosen values: what is said, and what is left out."""

from __future__ import annotations

from typing import Any

import pytest

from fusion3d_gui.report.page import numbers
from fusion3d_gui.report.page.content import page_content, patient_text
from fusion3d_gui.report.page.sections import (
    Section,
    checks_section,
    form_section,
    hot_spots_section,
    marks_section,
    model_section,
    one_line,
    other_models_section,
    reader_section,
    why_section,
)
from fusion3d_gui.report.result_json import result_json
from tests.report.plain_result import plain_result

# Numbers.


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0.0 %"),
        (0.0004, "< 0.1 %"),
        (0.00049999, "< 0.1 %"),
        (0.0005, "0.1 %"),
        (0.0006, "0.1 %"),
        (0.5, "50.0 %"),
        (0.1234, "12.3 %"),
        (0.9994, "99.9 %"),
        (0.99951, "> 99.9 %"),
        (0.9999, "> 99.9 %"),
        (1.0, "100.0 %"),
    ],
)
def test_a_share_is_in_per_cent_and_never_rounded_to_none_or_all(share, text):
    assert numbers.percent(share) == text


def test_numbers_are_written_as_the_page_shows_them():
    assert numbers.share_range((0.1, 0.25)) == "10.0 % to 25.0 %"
    assert [numbers.signed(each) for each in (1.234, -0.5, 0)] == ["+1.23", "−0.50", "+0.00"]
    figure = {"value": 0.81234, "low": 0.7, "high": 0.9}
    assert numbers.estimate(figure) == "0.812 (0.700 to 0.900)"
    assert numbers.estimate({**figure, "low": None}) == "0.812"
    assert numbers.estimate({**figure, "high": None}) == "0.812"
    assert [numbers.volume(each) for each in (None, 0.0, 12.345)] == ["–", "0.0 ml", "12.3 ml"]
    assert numbers.millimetres((0.5, 3.0625)) == "0.5 to 3.06 mm"
    assert numbers.position((1.26, -2.0, 3.0)) == "L 1.3  A 2.0  S 3.0 mm"


@pytest.mark.parametrize(
    ("key", "value", "unit", "text"),
    [
        ("length_mm", 12.345, "mm", "length 12.3 mm"),
        ("angle_deg", 45.67, "°", "angle 45.7°"),
        ("value", 1234.56, "HU", "value 1235 HU"),
        ("mean", 0.123456, "", "mean 0.1235"),
        ("sd", 2.0, "", "SD 2"),
        ("minimum", -1.5, "HU", "min -1.5 HU"),
        ("maximum", 1e6, "", "max 1e+06"),
        ("area_mm2", 7.06, "mm²", "area 7.1 mm²"),
        ("voxels", 41.0, "", "voxels 41"),
    ],
)
def test_a_mark_s_number_has_its_name_and_unit(key, value, unit, text):
    assert numbers.quantity(key, {"value": value, "unit": unit}) == text


@pytest.mark.parametrize(
    ("dicom", "text"),
    [
        ("20260112", "2026-01-12"),
        ("2026011", "2026011"),
        ("202601123", "202601123"),
        ("2026.1.2", "2026.1.2"),
        ("", ""),
    ],
)
def test_a_date_of_dicom_is_written_with_dashes(dicom, text):
    assert numbers.date(dicom) == text


@pytest.mark.parametrize(
    ("dicom", "text"),
    [
        ("054Y", "54 years"),
        ("003M", "3 months"),
        ("012W", "12 weeks"),
        ("001D", "1 days"),
        ("54Y", ""),
        ("0054Y", ""),
        ("054X", ""),
        ("A54Y", ""),
        ("", ""),
    ],
)
def test_an_age_of_dicom_is_written_in_words(dicom, text):
    assert numbers.patient_age(dicom) == text


# Sections.


def _spot(number: int, **changed: Any) -> dict[str, Any]:
    spot = {
        "number": number,
        "share": 0.806,
        "position_lps_mm": [1.0, -2.0, 3.0],
        "side": "left",
        "left_of_middle_mm": 12.6,
        "from_first_mm": 7.5001,
        "volume_ml": 1.26,
        "in_air": False,
    }
    return {**spot, **changed}


def test_hot_spots_are_rows_with_share_place_side_distance_and_volume():
    spots = [
        _spot(1),
        _spot(2, side="middle", volume_ml=None),
        _spot(3, side="right", left_of_middle_mm=-4.4, in_air=True),
    ]
    found = hot_spots_section({"hot_spots": {"threshold": 0.35, "spots": spots}})
    place = "L 1.0  A 2.0  S 3.0 mm"
    assert found == Section(
        "Hot spots",
        ("", "Of peak", "Position", "Off midline of scan", "From 1", "Volume"),
        (
            ("1", "81 %", place, "13 mm left", "8 mm", "1.3 ml"),
            ("2", "81 %", place, "middle", "8 mm", "–"),
            ("3", "81 %", place, "4 mm right", "8 mm", "in the air"),
        ),
        ("Peaks above 35.0 % of the heatmap's largest value.",),
    )
    none = hot_spots_section({"hot_spots": {"threshold": 0.35, "spots": []}})
    assert (none.rows, none.notes) == ((), ("None.",))


def _mark(number: int, **changed: Any) -> dict[str, Any]:
    quantities = {
        "mean": {"value": 5.0, "unit": "HU"},
        "voxels": {"value": 9, "unit": ""},
    }
    mark = {"kind": "ellipse", "number": number, "quantities": quantities, "text": "a\ttext"}
    return {**mark, **changed}


def test_marks_are_rows_of_their_values_and_texts():
    marks = [_mark(4), _mark(5, kind="arrow", quantities={}, text="")]
    assert marks_section({"marks": marks}) == Section(
        "The reader's marks",
        ("Mark", "Values", "Text"),
        (
            ("Ellipse 4", "mean 5 HU, voxels 9", one_line("a\ttext")),
            ("Arrow 5", "–", ""),
        ),
    )
    assert marks_section({"marks": []}).notes == ("None.",)
    for count, notes in (
        (6, ()),
        (7, ("1 more are in the JSON.",)),
        (9, ("3 more are in the JSON.",)),
    ):
        found = marks_section({"marks": [_mark(n) for n in range(count)]})
        assert (len(found.rows), found.notes) == (6, notes)


def test_the_reader_s_texts_are_one_paragraph_each_and_cut_where_they_are_long():
    both = {"reader": {"reading": " one \n\n  two\n", "comment": "three"}}
    assert reader_section(both) == Section(
        "The reader", (), (("Reading", "one / two"), ("Comment", "three"))
    )
    one = reader_section({"reader": {"reading": " ", "comment": "x"}})
    assert one == Section("The reader", (), (("Comment", "x"),))
    none = reader_section({"reader": {"reading": "", "comment": "\n"}})
    assert (none.rows, none.notes) == ((), ("No reading and no comment were entered.",))
    for count in (1499, 1500, 1501, 4000):
        ((_, text),) = reader_section({"reader": {"reading": "w" * count, "comment": ""}}).rows
        assert len(text) == min(count, 1500)
        assert (text == "w" * count) == (count <= 1500)


def test_the_form_names_each_value_and_where_it_is_from():
    form = [
        {"label": "Age", "text": "77 years", "source": "dicom"},
        {"label": "Sex", "text": "Female", "source": "typed"},
        {"label": "MMSE", "text": "27", "source": "default"},
    ]
    assert form_section({"form": form}) == Section(
        "Metadata",
        ("Field", "Value", "Source"),
        (
            ("Age", "77 years", "DICOM"),
            ("Sex", "Female", "typed"),
            ("MMSE", "27", "training default"),
        ),
    )
    assert form_section({"form": []}).notes == ("None: this model takes the image only.",)


def test_the_shares_of_the_logit_are_sorted_by_size_below_image_and_metadata():
    fields = {name: (-1) ** n * n / 10 for n, name in enumerate("abcdefgh")}
    found = {
        "image": 1.5,
        "metadata": -0.25,
        "fields": fields,
        "reference_logit": -1.0,
        "reference_probability": 0.27,
        "logit": 0.25,
    }
    form = [{"name": "h", "label": "Eighth"}, {"name": "c", "label": "Third"}]
    assert why_section({"contributions": found, "form": form}) == Section(
        "Why: share of the logit",
        ("", ""),
        (
            ("Image", "+1.50"),
            ("Metadata", "−0.25"),
            ("   Eighth", "−0.70"),
            ("   g", "+0.60"),
            ("   f", "−0.50"),
            ("   e", "+0.40"),
            ("   d", "−0.30"),
            ("   Third", "+0.20"),
        ),
        (
            "Shapley values: they lead from the reference case (logit −1.00, 27.0 %) to this one "
            "(logit +0.25).",
        ),
    )
    none = why_section({"contributions": None})
    assert none == Section("Why", notes=("Shares of image and metadata were not computed.",))


@pytest.mark.parametrize(
    ("fit", "said"),
    [("fits", "Nothing odd was noticed"), ("doubtful", "Doubtful"), ("refused", "No")],
)
def test_what_was_checked_is_said_with_each_verdict(fit, said):
    verdicts = [
        {"passed": True, "text": "It depends on the weights", "figures": "0.1"},
        {"passed": False, "text": "It is stable", "figures": "0.5"},
        {"passed": True, "text": "It agrees", "figures": "0.9"},
    ]
    document = {"fit": fit, "looked_at": ["modality", "age"], "map_checks": {"verdicts": verdicts}}
    first = f"Does the case fit the model? {said}. Looked at: modality, age."
    assert checks_section(document) == Section(
        "What was checked",
        (),
        (
            ("passed", "It depends on the weights (0.1)"),
            ("FAILED", "It is stable (0.5)"),
            ("passed", "It agrees (0.9)"),
        ),
        (first, "Heatmap: 2 of 3 sanity checks passed."),
    )
    bare = checks_section({"fit": fit, "looked_at": [], "map_checks": None})
    assert bare == Section(
        "What was checked",
        notes=(
            f"Does the case fit the model? {said}. Looked at: nothing.",
            "The heatmap's sanity checks were not run.",
        ),
    )


def _other(**changed: Any) -> dict[str, Any]:
    other = {
        "name": "m",
        "version": "1",
        "probability": 0.25,
        "class": "yes",
        "fit": "fits",
        "problem": None,
    }
    return {**other, **changed}


def test_other_models_say_their_class_or_why_they_have_none():
    found = [
        _other(),
        _other(**{"class": None, "fit": "doubtful"}),
        _other(**{"class": None, "fit": None, "probability": None, "problem": "not meant"}),
        _other(**{"class": None, "fit": None, "probability": 0.0}),
    ]
    (section,) = other_models_section({"other_models": found})
    assert section == Section(
        "Other models",
        ("Model", "Probability", "Says"),
        (
            ("m 1", "25.0 %", "yes"),
            ("m 1", "25.0 %", "doubtful"),
            ("m 1", "–", "not meant"),
            ("m 1", "0.0 %", ""),
        ),
    )
    assert other_models_section({"other_models": []}) == ()
    (section,) = other_models_section({"other_models": [_other()] * 8})
    assert (len(section.rows), section.notes) == (6, ("2 more are in the JSON.",))


def _model(**changed: Any) -> dict[str, Any]:
    figure = {"value": 0.8, "low": 0.7, "high": 0.9}
    model = {
        "name": "demo",
        "version": "2",
        "training": {"cases": 900, "positives": 90},
        "evaluation": {
            "cases": 300,
            "positives": 30,
            "figures": {"specificity": figure, "auroc": {**figure, "value": 0.85}, "odd": figure},
        },
        "description": "First sentence. Second.",
        "scope": None,
        "intended_use": "To show.\nNothing else.",
    }
    return {"model": {**model, **changed}}


def test_the_model_is_described_by_training_evaluation_and_scope():
    assert model_section(_model()) == Section(
        "The model",
        (),
        (
            ("Name", "demo 2"),
            ("Trained on", "900 cases, 90 positive"),
            ("", "First sentence"),
            ("Evaluated on", "300 other cases, 30 positive"),
            ("AUC", "0.850 (0.700 to 0.900)"),
            ("Specificity", "0.800 (0.700 to 0.900)"),
            ("Meant for", "not declared"),
            ("Intended use", one_line("To show.\nNothing else.")),
        ),
    )
    for cases, positives in ((None, 3), (3, None), (None, None)):
        training = {"cases": cases, "positives": positives}
        bare = model_section(
            _model(training=training, evaluation=None, description="", intended_use="")
        )
        assert bare.rows == (
            ("Name", "demo 2"),
            ("Evaluation", "none recorded"),
            ("Meant for", "not declared"),
        )
    for count in (239, 240, 241):
        rows = model_section(_model(description="d" * count + ". More.")).rows
        assert len(rows[2][1]) == min(count, 240)
    assert model_section(_model(description="Only one.")).rows[2] == ("", "Only one")


def test_a_scope_names_only_what_it_declares():
    scope = {
        "modality": "",
        "body_part": "",
        "contrasts": [],
        "coverage": "",
        "age_years": None,
        "voxel_mm": None,
        "population": "",
    }

    def said(**changed: Any) -> str:
        return dict(model_section(_model(scope={**scope, **changed})).rows)["Meant for"]

    assert said() == "patients"
    assert said(coverage="whole_head") == "whole head, patients"
    assert said(age_years=[18.04, 90.0]) == "18 to 90 years, patients"
    assert said(contrasts=["T1", "T2"], population="simulated") == "T1 T2, simulated cases"


# The whole.


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return result_json(plain_result())


def _uncertain(**changed: Any) -> dict[str, Any]:
    found = {
        "outside": [],
        "dropout_interval": [0.2, 0.6],
        "validation_negatives_scored_lower": 0.7,
        "validation_positives_scored_lower": 0.1,
        "image_distance_percent": 61.4,
        "glance_distance_percent": 12.0,
    }
    return {**found, **changed}


def _page(document: dict[str, Any], **changed: Any) -> Any:
    return page_content({**document, **changed}, "ee" * 32)


def test_the_page_of_a_case_that_fits(document):
    page = _page(document)
    assert (page.title, page.mark, page.level) == (document["model"]["task"], "", "")
    assert page.doubts == ()
    assert page.probability == "43.8 %"
    assert page.of_class == f"probability of {document['model']['class_names'][1]}"
    assert page.verdict == "yes"
    assert (
        page.patient
        == "Plantovsky Quirina  ·  ID PID-7731-ZX  ·  F  ·  born 1948-02-29  ·  77 years"
    )
    assert page.study == "Study of 2026-01-12"
    assert page.scan == "MR  ·  T1 sag  ·  12 × 14 × 10 voxels of 3 × 3 × 4 mm"
    assert [each.title for each in page.left] == ["Hot spots", "The reader's marks", "The reader"]
    assert [each.title for each in page.right] == ["Metadata", "Why", "What was checked"]
    assert [each.title for each in page.either] == ["The model"]
    others = _page(document, other_models=[_other()])
    assert [each.title for each in others.either] == ["The model", "Other models"]


@pytest.mark.parametrize(
    ("despite", "fit", "name", "mark", "level", "verdict"),
    [
        (False, "fits", "no", "", "", "no"),
        (False, "doubtful", None, "DOUBTFUL", "warning", "Doubtful: no class"),
        (True, "refused", None, "DESPITE MISFIT – NOT A RESULT", "error", "Not a result: no class"),
    ],
)
def test_mark_level_and_verdict_follow_the_fit(document, despite, fit, name, mark, level, verdict):
    page = _page(
        document,
        **{
            "despite_misfit": despite,
            "fit": fit,
            "class": name,
            "demonstration": None,
            "reasons": [] if fit == "fits" else ["Thick."],
        },
    )
    assert (page.mark, page.level, page.verdict) == (mark, level, verdict)
    assert page.doubts == (() if fit == "fits" else ("Thick.",))


def test_doubts_come_in_their_order_and_each_once(document):
    scan = {**document["scan"], "warnings": ["w", "a"]}
    heatmap = {**document["heatmap"], "finished": False, "peak_in_air": True}
    page = _page(
        document,
        reasons=["a", "b"],
        demonstration="demo",
        uncertainty=_uncertain(outside=["o"]),
        scan=scan,
        heatmap=heatmap,
        notices=["n\nn"],
    )
    assert page.doubts == (
        "a",
        "b",
        "demo",
        "o",
        "w",
        "The heatmap is not finished.",
        "The heatmap's peak lies in the air, outside the patient.",
        one_line("n\nn"),
    )
    assert _page(document, demonstration=None).doubts == ()
    assert _page(document, demonstration=None).level == ""


def test_facts_about_the_number_are_those_that_were_computed(document):
    model = {**document["model"], "class_names": ["no", "yes"], "calibrated_at_prevalence": 0.1}
    full = _page(
        document,
        model=model,
        uncertainty=_uncertain(),
        augmentation_range=[0.25, 0.5],
        threshold=0.4,
    )
    assert full.facts == (
        ("Threshold", "40.0 % for yes"),
        ("Calibrated at", "10.0 % yes"),
        ("95 % interval (dropout)", "20.0 % to 60.0 %"),
        ("Validation cases “no”", "higher than 70.0 % of them"),
        ("Validation cases “yes”", "higher than 10.0 % of them"),
        ("Distance, model's embedding", "farther than 61 % of the validation cases"),
        ("Distance, outline and grey values", "farther than 12 % of the validation cases"),
        ("Moved and mirrored copies", "25.0 % to 50.0 %"),
    )
    doubtful = _page(document, model=model, uncertainty=_uncertain(), fit="doubtful", threshold=0.4)
    assert [name for name, _ in doubtful.facts] == [
        "Threshold",
        "95 % interval (dropout)",
        "Distance, model's embedding",
        "Distance, outline and grey values",
    ]
    nothing = dict.fromkeys(_uncertain(), None)
    bare = _page(
        document,
        model={**model, "calibrated_at_prevalence": None},
        uncertainty={**nothing, "outside": []},
        threshold=0.4,
    )
    assert bare.facts == (("Threshold", "40.0 % for yes"),)
    zero = dict.fromkeys(nothing, 0.0)
    edge = _page(document, uncertainty={**zero, "outside": [], "dropout_interval": None})
    assert [text for _, text in edge.facts][-4:] == [
        "higher than 0.0 % of them",
        "higher than 0.0 % of them",
        "farther than 0 % of the validation cases",
        "farther than 0 % of the validation cases",
    ]


def test_the_line_below_the_pictures_says_what_the_heatmap_is(document):
    heatmap = {
        **document["heatmap"],
        "name": "Grad-CAM of layer4",
        "side": "raised",
        "grid": "4 × 5 × 4 cells",
        "displacement": {"applied": True},
        "peak_lps_mm": [1.0, -2.0, 3.0],
    }
    assert _page(document, heatmap=heatmap).pictures == (
        "Heatmap: Grad-CAM of layer4, what raised the logit; 4 × 5 × 4 cells; "
        "corrected for its displacement; peak at L 1.0  A 2.0  S 3.0 mm."
    )
    for moved in (None, {"applied": False}):
        plain = {
            **heatmap,
            "name": None,
            "method": "cam",
            "displacement": moved,
            "peak_lps_mm": None,
        }
        assert _page(document, heatmap=plain).pictures == (
            "Heatmap: cam, what raised the logit; 4 × 5 × 4 cells."
        )


def test_the_foot_names_hashes_uids_time_and_libraries(document):
    identity = {**document["scan"]["identity"], "study_uid": "1.2", "series_uid": "1.2.3"}
    scan = {**document["scan"], "identity": identity, "series_uid_sha256": "ff" * 32}
    hashes = (
        ("Result (JSON) SHA-256", "ee" * 32),
        ("Voxels SHA-256", "cd" * 32),
        ("Weights SHA-256", document["model"]["weights_sha256"]),
        ("Heatmap SHA-256", document["heatmap"]["values_sha256"]),
    )
    made = (
        "Computed",
        f"2026-02-03 04:05:06 UTC, Fusion3D {document['fusion3d']}, cpu; torch 9.9, numpy 2",
    )
    libraries = {"torch": "9.9", "numpy": "2"}
    full = _page(document, scan=scan, libraries=libraries)
    uids = (("Study UID", "1.2"), ("Series UID", "1.2.3"))
    assert full.provenance == (*hashes, *uids, made)
    for hidden in (
        {**scan, "identity": None},
        {**scan, "identity": {**identity, "series_uid": ""}},
    ):
        found = _page(document, scan=hidden, libraries=libraries)
        assert found.provenance == (*hashes, ("Series UID SHA-256", "ff" * 32), made)
    bare = {**scan, "identity": None, "series_uid_sha256": ""}
    assert _page(document, scan=bare, libraries=libraries).provenance == (*hashes, made)


def test_the_line_of_the_study_has_what_is_known(document):
    identity = {**document["scan"]["identity"], "study_date": "", "accession_number": "A7"}

    def said(**changed: Any) -> str:
        scan = {**document["scan"], "identity": {**identity, **changed}}
        return _page(document, scan=scan).study

    assert said() == "accession A7"
    assert said(institution="Here") == "accession A7  ·  Here"
    assert said(study_date="20260112", accession_number="") == "Study of 2026-01-12"
    assert _page(document, scan={**document["scan"], "identity": None}).study == ""


def test_the_patient_s_line_has_what_is_known():
    patient = {"name": "A^B", "id": "7", "birth_date": "", "sex": "", "age": ""}
    assert patient_text(patient, simulated=False) == "A B  ·  ID 7"
    nobody = {**patient, "name": "^", "id": ""}
    assert patient_text(nobody, simulated=False) == "No name"
    assert patient_text(None, simulated=False) == "Identity hidden"
    assert patient_text(patient, simulated=True) == "Simulated scan: no patient"
