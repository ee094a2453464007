"""``page_content``: what the page says, in its order, as plain text made from the result's JSON alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.plain_text import LONGEST_TEXT, visible_text
from fusion3d_gui.report.page.numbers import (
    date,
    estimate,
    millimetres,
    patient_age,
    percent,
    position,
    quantity,
    share_range,
    signed,
    volume,
)

IDENTITY_HIDDEN = "Identity hidden"
NOT_A_RESULT = "DESPITE MISFIT – NOT A RESULT"

#: Rows that a table has at most; what is left out is said, and is in the JSON.
MOST_ROWS = 6
#: Characters of the reader's texts on the page; the JSON has all of them.
_LONGEST_NOTE = 1500
_LONGEST_DESCRIPTION = 240

Level = Literal["", "warning", "error"]

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


@dataclass(frozen=True)
class PageContent:
    """The page's texts.

    Parameters
    ----------
    title
        What the model predicts.
    mark
        ``"DOUBTFUL"``, :data:`NOT_A_RESULT` or empty: stands before everything and, for the latter, across it.
    patient, study, scan
        One line each.
    level, doubts
        Sentences of doubt, the gravest first, which come before the answer, and how grave they are.
    probability, of_class, verdict
        The number, what it is the probability of, and the predicted class or that there is none.
    facts
        (name, text) about the number: threshold, ranges, place among the validation cases.
    pictures
        What the pictures show, in a line.
    left, right, either
        Sections of the two columns, and those that go where there is room.
    provenance
        (name, text), at the foot.
    """

    title: str
    mark: str
    patient: str
    study: str
    scan: str
    level: Level
    doubts: tuple[str, ...]
    probability: str
    of_class: str
    verdict: str
    facts: tuple[tuple[str, str], ...]
    pictures: str
    left: tuple[Section, ...]
    right: tuple[Section, ...]
    either: tuple[Section, ...]
    provenance: tuple[tuple[str, str], ...]
    notice: str = RESEARCH_USE_ONLY


def page_content(document: Mapping[str, Any], json_sha256: str) -> PageContent:
    """The page about a result.

    Parameters
    ----------
    document
        What :func:`~fusion3d_gui.report.result_json.result_json` returns.
    json_sha256
        SHA-256 of that document as it is written to a file.
    """
    doubts = _doubts(document)
    is_grave = bool(document["despite_misfit"])
    negative, positive = document["model"]["class_names"]
    fits = document["fit"] == "fits"
    return PageContent(
        title=document["model"]["task"],
        mark=NOT_A_RESULT if is_grave else "" if fits else "DOUBTFUL",
        patient=patient_text(document["patient"], simulated=document["simulated"]),
        study=_study(document),
        scan=_scan(document),
        level="error" if is_grave else "warning" if doubts else "",
        doubts=doubts,
        probability=percent(document["probability"]),
        of_class=f"probability of {positive}",
        verdict=document["class"]
        or ("Not a result: no class" if is_grave else "Doubtful: no class"),
        facts=_facts(document, negative, positive),
        pictures=_pictures(document),
        left=(_hot_spots(document), _marks(document), _reader(document)),
        right=(_form(document), _why(document), _checks(document)),
        either=(_model(document), *_other_models(document)),
        provenance=_provenance(document, json_sha256),
    )


def patient_text(patient: Mapping[str, str] | None, *, simulated: bool) -> str:
    """Who was scanned in a line: name, ID, sex, birth date, age; or that this is hidden, or nobody."""
    if simulated:
        return "Simulated scan: no patient"
    if patient is None:
        return IDENTITY_HIDDEN
    born, age = date(patient["birth_date"]), patient_age(patient["age"])
    parts = (
        patient["name"].replace("^", " ").strip() or "No name",
        patient["id"] and f"ID {patient['id']}",
        patient["sex"],
        born and f"born {born}",
        age,
    )
    return "  ·  ".join(part for part in parts if part)


def _study(document: Mapping[str, Any]) -> str:
    identity = document["scan"]["identity"]
    if identity is None:
        return ""
    parts = (
        date(identity["study_date"]) and f"Study of {date(identity['study_date'])}",
        identity["accession_number"] and f"accession {identity['accession_number']}",
        identity["institution"],
    )
    return "  ·  ".join(part for part in parts if part)


def _scan(document: Mapping[str, Any]) -> str:
    scan = document["scan"]
    size = " × ".join(str(count) for count in reversed(scan["shape_kji"]))
    spacing = " × ".join(f"{mm:.4g}" for mm in reversed(scan["spacing_kji_mm"]))
    parts = (scan["modality"], scan["description"], f"{size} voxels of {spacing} mm")
    return "  ·  ".join(part for part in parts if part)


def _doubts(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The reasons for doubt, the gravest first; each once."""
    heatmap, uncertainty = document["heatmap"], document["uncertainty"]
    found = [
        *document["reasons"],
        *([document["demonstration"]] if document["demonstration"] else []),
    ]
    found += [] if uncertainty is None else uncertainty["outside"]
    found += document["scan"]["warnings"]
    if not heatmap["finished"]:
        found.append("The heatmap is not finished.")
    if heatmap["peak_in_air"]:
        found.append("The heatmap's peak lies in the air, outside the patient.")
    found += document["notices"]
    return tuple(dict.fromkeys(_line(each) for each in found))


def _facts(
    document: Mapping[str, Any], negative: str, positive: str
) -> tuple[tuple[str, str], ...]:
    found = [("Threshold", f"{percent(document['threshold'])} for {positive}")]
    calibrated = document["model"]["calibrated_at_prevalence"]
    if calibrated is not None and document["fit"] == "fits":
        found.append(("Calibrated at", f"{percent(calibrated)} {positive}"))
    uncertainty, augmented = document["uncertainty"], document["augmentation_range"]
    if uncertainty is not None:
        if uncertainty["dropout_interval"] is not None:
            found.append(("95 % interval (dropout)", share_range(uncertainty["dropout_interval"])))
        if document["fit"] == "fits":
            for name, key in (
                (negative, "validation_negatives_scored_lower"),
                (positive, "validation_positives_scored_lower"),
            ):
                if uncertainty[key] is not None:
                    text = f"higher than {percent(uncertainty[key])} of them"
                    found.append((f"Validation cases “{name}”", text))
        distances = (
            ("Distance, model's embedding", uncertainty["image_distance_percent"]),
            ("Distance, outline and grey values", uncertainty["glance_distance_percent"]),
        )
        for name, share in distances:
            if share is not None:
                found.append((name, f"farther than {share:.0f} % of the validation cases"))
    if augmented is not None:
        found.append(("Moved and mirrored copies", share_range(augmented)))
    return tuple(found)


def _pictures(document: Mapping[str, Any]) -> str:
    heatmap = document["heatmap"]
    name = heatmap["name"] or heatmap["method"]
    moved = heatmap["displacement"]
    parts = [
        f"Heatmap: {name}, what {heatmap['side']} the logit",
        f"{heatmap['grid']}",
        "corrected for its displacement" if moved and moved["applied"] else "",
        "" if heatmap["peak_lps_mm"] is None else f"peak at {position(heatmap['peak_lps_mm'])}",
    ]
    return "; ".join(part for part in parts if part) + "."


def _hot_spots(document: Mapping[str, Any]) -> Section:
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


def _marks(document: Mapping[str, Any]) -> Section:
    marks = document["marks"]
    rows = [
        (
            f"{mark['kind'].capitalize()} {mark['number']}",
            ", ".join(quantity(key, each) for key, each in mark["quantities"].items()) or "–",
            _line(mark["text"]),
        )
        for mark in marks[:MOST_ROWS]
    ]
    return Section(
        "The reader's marks",
        ("Mark", "Values", "Text"),
        tuple(rows),
        _left_out(len(marks)) if marks else ("None.",),
    )


def _reader(document: Mapping[str, Any]) -> Section:
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


def _form(document: Mapping[str, Any]) -> Section:
    rows = tuple(
        (each["label"], each["text"], _SOURCES[each["source"]]) for each in document["form"]
    )
    notes = () if rows else ("None: this model takes the image only.",)
    return Section("Metadata", ("Field", "Value", "Source"), rows, notes)


def _why(document: Mapping[str, Any]) -> Section:
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


def _checks(document: Mapping[str, Any]) -> Section:
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


def _other_models(document: Mapping[str, Any]) -> tuple[Section, ...]:
    found = document["other_models"]
    rows = [
        (
            f"{each['name']} {each['version']}",
            "–" if each["probability"] is None else percent(each["probability"]),
            each["class"] or each["fit"] or _line(each["problem"] or ""),
        )
        for each in found[:MOST_ROWS]
    ]
    header = ("Model", "Probability", "Says")
    return (Section("Other models", header, tuple(rows), _left_out(len(found))),) if rows else ()


def _model(document: Mapping[str, Any]) -> Section:
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
        rows.append(("Intended use", _line(model["intended_use"])))
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
    return _line(", ".join(part for part in parts if part))


def _provenance(document: Mapping[str, Any], json_sha256: str) -> tuple[tuple[str, str], ...]:
    scan, when = document["scan"], datetime.fromisoformat(document["created"])
    identity = scan["identity"]
    found = [
        ("Result (JSON) SHA-256", json_sha256),
        ("Voxels SHA-256", document["voxels_sha256"]),
        ("Weights SHA-256", document["model"]["weights_sha256"]),
        ("Heatmap SHA-256", document["heatmap"]["values_sha256"]),
    ]
    if identity is not None and identity["series_uid"]:
        found += [("Study UID", identity["study_uid"]), ("Series UID", identity["series_uid"])]
    elif scan["series_uid_sha256"]:
        found.append(("Series UID SHA-256", scan["series_uid_sha256"]))
    libraries = ", ".join(f"{name} {version}" for name, version in document["libraries"].items())
    made = f"{when:%Y-%m-%d %H:%M:%S %Z}".strip()
    found.append(
        ("Computed", f"{made}, Fusion3D {document['fusion3d']}, {document['device']}; {libraries}")
    )
    return tuple((name, _line(text)) for name, text in found)


def _left_out(count: int) -> tuple[str, ...]:
    return (f"{count - MOST_ROWS} more are in the JSON.",) if count > MOST_ROWS else ()


def _note(text: str) -> str:
    """A reader's text, its lines in one paragraph."""
    joined = " / ".join(line.strip() for line in text.splitlines() if line.strip())
    return visible_text(joined, _LONGEST_NOTE)


def _line(text: str) -> str:
    return visible_text(text, LONGEST_TEXT)
