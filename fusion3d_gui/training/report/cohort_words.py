"""What cards and pages say of a cohort that was made: the command that makes it again, what is in it, its limits."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from fusion3d_gui.plain_text import visible_text
from fusion3d_gui.training.cohort.painted import WHAT_IS_REAL
from fusion3d_gui.training.cohort.population import OutcomeModel

#: Options of ``fusion3d cohort`` with their defaults.
_OUTCOME_OPTIONS = {
    name: getattr(OutcomeModel(), name)
    for name in ("lesion", "metadata", "interaction", "lesion_rate")
}


def cohort_command(cohort: Mapping[str, Any], folder: str = "COHORT") -> str:
    """The command that generates a cohort again, without options at their defaults."""
    if _is_painted(cohort):
        return _painted_command(cohort, folder)
    command = f"fusion3d cohort {folder} --cases {cohort['cases']} --seed {cohort['seed']}"
    known = {
        "spacing": cohort.get("spacing_mm"),
        "prevalence": cohort.get("prevalence"),
        **{name: cohort.get("outcome", {}).get(name) for name in _OUTCOME_OPTIONS},
    }
    for name, usual in {"spacing": 3.0, "prevalence": 0.1, **_OUTCOME_OPTIONS}.items():
        if known[name] is not None and known[name] != usual:
            command += f" --{name.replace('_', '-')} {known[name]:g}"
    # Cohorts of before there were other scenes don't name theirs.
    scene = cohort.get("scene", "simple")
    return command + ("" if scene == "varied" else f" --scene {scene}")


def cohort_text(cohort: Mapping[str, Any]) -> str:
    """What is in a cohort, for a model card."""
    if _is_painted(cohort):
        return (
            f"Scans of {cohort['cases']} patients ({cohort['positives']} positive) at {cohort['spacing_mm']:g} mm, painted "
            f"by Fusion3D as {cohort['contrast']} would show their lesions. {WHAT_IS_REAL}"
        )
    best, outcome = cohort["auc_ceilings"], cohort["outcome"]
    return (
        f"A semi-synthetic cohort of {cohort['cases']} cases ({cohort['positives']} positive, "
        f"{cohort['lesions']} with a lesion, {cohort['distractors']} with a distractor) at "
        f"{cohort['spacing_mm']:g} mm on the MNI152 template. The label is drawn with a probability that "
        f"is logistic in lesion and metadata: log odds {outcome['lesion']:g} for a lesion, "
        f"{outcome['metadata']:g} for a standard deviation of the metadata's score, and "
        f"{outcome['interaction']:g} more for it in the presence of a lesion (see "
        f"`fusion3d_gui/training/cohort/population.py`). Best AUC that anyone can reach: {best['all']:.3f}; from "
        f"the image alone {best['image']:.3f}; from the metadata alone {best['metadata']:.3f}."
    )


def cohort_limits(cohort: Mapping[str, Any]) -> str:
    """What a model of such a cohort can't say, for a model card."""
    if _is_painted(cohort):
        return (
            "Trained on simulated scans with patients' lesions: no scanner's image was seen, so that on a patient's "
            "scan its answer means nothing."
        )
    return "Trained on simulated scans of one template: on a real patient's scan its answer means nothing."


def _is_painted(cohort: Mapping[str, Any]) -> bool:
    return cohort.get("lesions") == "real"


def _painted_command(cohort: Mapping[str, Any], folder: str) -> str:
    parts = [f"fusion3d cohort {folder} --lesions LESIONS --participants PARTICIPANTS.tsv"]
    parts.append(
        f"--label {shlex.quote(visible_text(str(cohort['label'])))} --seed {cohort['seed']}"
    )
    for name, usual in (("positive_from", 1.0), ("spacing_mm", 3.0)):
        if cohort[name] != usual:
            parts.append(f"--{name.removesuffix('_mm').replace('_', '-')} {cohort[name]:g}")
    if cohort["contrast"] != "diffusion":
        parts.append(f"--contrast {cohort['contrast']}")
    if not cohort["deformed"]:
        parts.append("--undeformed")
    if not cohort["all_cases"]:
        parts.append(f"--cases {cohort['cases']}")
    return " ".join(parts)
