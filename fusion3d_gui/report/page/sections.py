"""Sections of the page: headings with rows or sentences, made from the result's JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fusion3d_gui.plain_text import LONGEST_TEXT, visible_text
from fusion3d_gui.report.page.numbers import (
    estimate,
    millimetres,
    percent,
    position,
    quantity,
    signed,
    volume,
)

#: Rows that a table has at most; what is left out is said, and is in the JSON.
MOST_ROWS = 6
#: Characters of the reader's texts on the page; the JSON has all of them.
_LONGEST_NOTE = 1500
_LONGEST_DESCRIPTION = 240

_FIGURES = {
    "auroc": "AUC",
    "ece": "Calibration error",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
}
_SOURCES = {"typed": "typed", "dicom": "DICOM", "default": "training default"}


@dataclass(frozen=True)
class Section:
    """A heading, and below it rows of as many cells as ``header`` has, or paragraphs.

    ``header`` may be empty: rows are then (name, text). ``notes`` are sentences below.
    """

    title: str
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()


def hot_spots_section(document: Mapping[str, Any]) -> Section:
    """Where the heatmap peaks."""
    found = document["hot_spots"]
    spots = found["spots"]
    rows = [
        (
            str(spot["number"]),
            f"{100 * spot['share']:.0f} %",
            position(spot["position_lps_mm"]),
            _side(spot),
            f"{spot['from_first_mm']:.0f} mm",
            "in the air" if spot["in_air"] else volume(spot["volume_ml"]),
        )
        for spot in spots[:MOST_ROWS]
    ]
    notes = [f"Peaks above {percent(found['threshold'])} of the heatmap's largest value."]
    notes += _left_out(len(spots))
    return Section(
        "Hot spots",
        ("", "Of peak", "Position", "Off midline of scan", "From 1", "Volume"),
        tuple(rows),
        tuple(notes) if spots else ("None.",),
    )


def _side(spot: Mapping[str, Any]) -> str:
    if spot["side"] == "middle":
        return "middle"
    return f"{abs(spot['left_of_middle_mm']):.0f} mm {spot['side']}"


def marks_section(document: Mapping[str, Any]) -> Section:
    """What the reader drew, with its measurements."""
    marks = document["marks"]
    rows = [
        (
            f"{mark['kind'].capitalize()} {mark['number']}",
            ", ".join(quantity(key, each) for key, each in mark["quantities"].items()) or "–",
            one_line(mark["text"]),
        )
        for mark in marks[:MOST_ROWS]
    ]
    return Section(
        "The reader's marks",
        ("Mark", "Values", "Text"),
        tuple(rows),
        _left_out(len(marks)) if marks else ("None.",),
    )


def reader_section(document: Mapping[str, Any]) -> Section:
    """The reader's texts."""
    reader = document["reader"]
    rows = [
        (name, text)
        for name, text in (
            ("Reading", _note(reader["reading"])),
            ("Comment", _note(reader["comment"])),
        )
        if text
    ]
    return Section(
        "The reader", (), tuple(rows), () if rows else ("No reading and no comment were entered.",)
    )


def form_section(document: Mapping[str, Any]) -> Section:
    """The metadata, and where each value is from."""
    rows = tuple(
        (each["label"], each["text"], _SOURCES[each["source"]]) for each in document["form"]
    )
    notes = () if rows else ("None: this model takes the image only.",)
    return Section("Metadata", ("Field", "Value", "Source"), rows, notes)


def why_section(document: Mapping[str, Any]) -> Section:
    """Shapley shares of the logit."""
    found = document["contributions"]
    if found is None:
        return Section("Why", notes=("Shares of image and metadata were not computed.",))
    labels = {each["name"]: each["label"] for each in document["form"]}
    fields = sorted(found["fields"].items(), key=lambda item: -abs(item[1]))
    rows = [("Image", signed(found["image"])), ("Metadata", signed(found["metadata"]))]
    rows += [
        (f"   {labels.get(name, name)}", signed(amount)) for name, amount in fields[:MOST_ROWS]
    ]
    note = (
        f"Shapley values: they lead from the reference case (logit {signed(found['reference_logit'])}, "
        f"{percent(found['reference_probability'])}) to this one (logit {signed(found['logit'])})."
    )
    return Section("Why: share of the logit", ("", ""), tuple(rows), (note,))


def checks_section(document: Mapping[str, Any]) -> Section:
    """Whether the case fits the model, and the sanity checks of the heatmap."""
    found = document["map_checks"]
    looked = ", ".join(document["looked_at"])
    first = (
        f"Does the case fit the model? {_FITS[document['fit']]}. Looked at: {looked or 'nothing'}."
    )
    if found is None:
        return Section(
            "What was checked", notes=(first, "The heatmap's sanity checks were not run.")
        )
    passed = sum(each["passed"] for each in found["verdicts"])
    rows = [
        ("passed" if each["passed"] else "FAILED", f"{each['text']} ({each['figures']})")
        for each in found["verdicts"]
    ]
    head = f"Heatmap: {passed} of {len(rows)} sanity checks passed."
    return Section("What was checked", (), tuple(rows), (first, head))


_FITS = {"fits": "Nothing odd was noticed", "doubtful": "Doubtful", "refused": "No"}


def other_models_section(document: Mapping[str, Any]) -> tuple[Section, ...]:
    """What other models say of the case; empty where none was asked."""
    found = document["other_models"]
    rows = [
        (
            f"{each['name']} {each['version']}",
            "–" if each["probability"] is None else percent(each["probability"]),
            each["class"] or each["fit"] or one_line(each["problem"] or ""),
        )
        for each in found[:MOST_ROWS]
    ]
    header = ("Model", "Probability", "Says")
    return (Section("Other models", header, tuple(rows), _left_out(len(found))),) if rows else ()


def model_section(document: Mapping[str, Any]) -> Section:
    """The model: training, evaluation, scope."""
    model = document["model"]
    training, evaluation = model["training"], model["evaluation"]
    rows = [("Name", f"{model['name']} {model['version']}")]
    if training["cases"] is not None and training["positives"] is not None:
        rows.append(("Trained on", f"{training['cases']} cases, {training['positives']} positive"))
    if model["description"]:
        first = model["description"].partition(". ")[0].rstrip(".")
        rows.append(("", visible_text(first, _LONGEST_DESCRIPTION)))
    if evaluation is None:
        rows.append(("Evaluation", "none recorded"))
    else:
        rows.append(
            (
                "Evaluated on",
                f"{evaluation['cases']} other cases, {evaluation['positives']} positive",
            )
        )
        rows += [
            (title, estimate(evaluation["figures"][name]))
            for name, title in _FIGURES.items()
            if name in evaluation["figures"]
        ]
    rows.append(("Meant for", _scope(model["scope"])))
    if model["intended_use"]:
        rows.append(("Intended use", one_line(model["intended_use"])))
    return Section("The model", (), tuple(rows))


def _scope(scope: Mapping[str, Any] | None) -> str:
    if scope is None:
        return "not declared"
    coverage = {"skull_stripped": "skull-stripped", "whole_head": "whole head"}
    parts = (
        scope["modality"],
        scope["body_part"],
        " ".join(scope["contrasts"]),
        coverage.get(scope["coverage"], ""),
        scope["age_years"] and f"{scope['age_years'][0]:.3g} to {scope['age_years'][1]:.3g} years",
        scope["voxel_mm"] and f"voxels of {millimetres(scope['voxel_mm'])}",
        "simulated cases" if scope["population"] == "simulated" else "patients",
    )
    return one_line(", ".join(part for part in parts if part))


def _left_out(count: int) -> tuple[str, ...]:
    return (f"{count - MOST_ROWS} more are in the JSON.",) if count > MOST_ROWS else ()


def _note(text: str) -> str:
    """A reader's text, its lines in one paragraph."""
    joined = " / ".join(line.strip() for line in text.splitlines() if line.strip())
    return visible_text(joined, _LONGEST_NOTE)


def one_line(text: str) -> str:
    """A text of the document, made visible and bounded."""
    return visible_text(text, LONGEST_TEXT)
