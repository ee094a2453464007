"""``page_content``: what the page says, in its order, as plain text made from the result's JSON alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.report.page.numbers import (
    date,
    patient_age,
    percent,
    position,
    share_range,
)
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

IDENTITY_HIDDEN = "Identity hidden"
NOT_A_RESULT = "DESPITE MISFIT – NOT A RESULT"

Level = Literal["", "warning", "error"]


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
        left=(hot_spots_section(document), marks_section(document), reader_section(document)),
        right=(form_section(document), why_section(document), checks_section(document)),
        either=(model_section(document), *other_models_section(document)),
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
    return tuple(dict.fromkeys(one_line(each) for each in found))


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
    return tuple((name, one_line(text)) for name, text in found)
