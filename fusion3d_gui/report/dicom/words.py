"""What every object says of itself: what it holds, doubt, and that it is for research only."""

from __future__ import annotations

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.report.case_result import CaseResult

NOT_FOR_DIAGNOSIS = "not for diagnosis"

#: Longest text of a value representation LO (PS3.5 6.2).
LONG_STRING = 64


def series_description(result: CaseResult, what: str) -> str:
    """Name of an object in a list of series, e.g. ``"AI heatmap: RESEARCH ONLY, not for diagnosis"``.

    At most 64 characters, for ``what`` of at most ten.
    """
    fit = result.prediction.fit.fit
    marks = [
        *(["DOUBTFUL"] if fit == "doubtful" else []),
        *(["MISFIT"] if fit == "refused" else []),
        *(["DEMO"] if result.demonstration else []),
        *(["SIMULATED"] if result.simulated else []),
        "RESEARCH ONLY",
    ]
    return f"{what}: {' '.join(marks)}, {NOT_FOR_DIAGNOSIS}"


def why_result_only_for_test(result: CaseResult) -> str:
    """Why a result may only go to a test system; empty where it may go to any."""
    return why_only_for_test(series_description(result, "AI result"))


def why_only_for_test(description: str) -> str:
    """Why a result of this series description may only go to a test system; empty where it may go to any."""
    marks = description.partition("RESEARCH ONLY")[0].partition(": ")[2].split()
    reasons = {
        "MISFIT": "the model is not meant for this scan",
        "DEMO": "the model was trained on simulated cases",
        "SIMULATED": "the scan is a simulated one",
    }
    return "; ".join(reason for mark, reason in reasons.items() if mark in marks)


def doubt(result: CaseResult) -> tuple[str, ...]:
    """Sentences on why the number is in doubt; empty where nothing is."""
    fit = result.prediction.fit
    said = [f"{fit.mark}: {' '.join(fit.reasons)}"] if fit.mark else []
    if result.demonstration:
        said.append(result.demonstration)
    if result.simulated:
        said.append("The scan is a simulated one, of no patient.")
    heatmap = result.prediction.heatmap
    if not heatmap.finished:
        said.append("The heatmap was not finished.")
    if heatmap.correction is not None and heatmap.correction.reasons:
        said.append(heatmap.correction.sentence)
    return tuple(said)


def statement(result: CaseResult) -> str:
    """Doubt, if there is any, then that the object is for research only."""
    words = NOT_FOR_DIAGNOSIS.capitalize()
    return " ".join((*doubt(result), f"{RESEARCH_USE_ONLY}. {words}."))


def long_string(text: str) -> str:
    """A text as a value representation LO holds it: 64 characters, without its separator ``\\``."""
    return " ".join(text.replace("\\", "/").split())[:LONG_STRING].strip()
