"""What a bundle says of its model, as rows of plain text: card, figures, subgroups, heatmaps.

Everything but the declared files is a stranger's JSON: a part that is absent, or not as ``fusion3d evaluate
--record`` writes it, is None.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fusion3d_gui.input_file import read_bounded
from fusion3d_gui.model.attribution.displacement import Displacement
from fusion3d_gui.model.attribution.localisation_record import METHOD_NAMES, Estimate
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.plain_text import LONGEST_TEXT, visible_text
from fusion3d_gui.state.prediction.percent import percent

#: From this share of a standard deviation on, a mirrored image changes the logit so much that sides matter.
SIDES_MATTER_FROM = 0.25

_LARGEST_CARD_BYTES = 1_000_000
_MOST_ROWS = 500
_FIGURES = {
    "auroc": "AUROC",
    "auprc": "AUPRC (average precision)",
    "brier": "Brier score",
    "ece": "Expected calibration error",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
}
_LIMITS = re.compile(r"^## Limits\s*\n(.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class FactTable:
    """A header, and rows of as many texts."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def card_facts(info: BundleInfo) -> tuple[tuple[str, str], ...]:
    """The model card's main facts, as (name, text) pairs; a text says so where nothing is recorded."""
    negative, positive = info.decision.class_names
    found = {
        "Task": info.title,
        "Predicts": f"probability of “{positive}” against “{negative}”; "
        f"called positive from {percent(info.decision.threshold)} on",
        "Inputs": ", ".join(("image", *(field.label for field in info.schema.fields))),
        "Trained on": _training_text(info),
        "Calibrated at": _calibration_text(info),
        "Intended use": _text(info.metadata.get("intended_use")),
        "Limitations": _limits_text(info),
        "Left and right": sides_text(info),
        "Authors": _text(info.metadata.get("authors")),
        "Licence": _text(info.metadata.get("copyright")),
    }
    return tuple((name, text or "Not recorded") for name, text in found.items())


def sides_text(info: BundleInfo) -> str:
    """Whether the model can tell left from right; empty where that was not measured."""
    change = _metrics(info).get("mirrored_change")
    if not isinstance(change, int | float) or isinstance(change, bool):
        return ""
    can = "The model can't tell" if change < SIDES_MATTER_FROM else "The model can tell"
    return (
        f"{can} left from right: mirroring a validation case changes its logit by "
        f"{100 * change:.0f} % of a standard deviation on average."
    )


def held_out_text(info: BundleInfo) -> str:
    """On what the figures were measured; empty where none are recorded."""
    held = _held_out(info)
    n, positives, table = held.get("n"), held.get("positives"), held.get("table")
    if not isinstance(n, int) or not isinstance(positives, int) or n < 1:
        return ""
    name = table.get("name") if isinstance(table, Mapping) else None
    of = f" of {name}" if isinstance(name, str) else ""
    return (
        f"{n} cases{of} that training has not seen, {positives} positive "
        f"({100 * positives / n:.1f} %). Intervals are of 95 %."
    )


def has_evaluation(info: BundleInfo) -> bool:
    """Whether the bundle records an evaluation."""
    return bool(_held_out(info))


def other_weights_text(info: BundleInfo, weights_sha256: str) -> str:
    """That the evaluation on record is of other weights than the bundle has; empty where it is of these, or there is none."""
    held = _held_out(info)
    if not held:
        return ""
    evaluated = held.get("weights_sha256")
    if not isinstance(evaluated, str) or not evaluated:
        return "The evaluation does not record which weights it was made with: it may be of others."
    if evaluated.lower() == weights_sha256:
        return ""
    return (
        "The evaluation was made with other weights than this bundle has: its figures, curves and default "
        f"heatmap are not those of this model (evaluated {_short(evaluated)}, here {_short(weights_sha256)}). "
        "Evaluate it again: fusion3d evaluate BUNDLE CASES.csv --record."
    )


def figure_table(info: BundleInfo) -> FactTable | None:
    """The metrics of the evaluation, with their intervals."""

    def build() -> FactTable:
        figures = _held_out(info)["figures"]
        rows = [
            (title, *_value_and_interval(figures[name]))
            for name, title in _FIGURES.items()
            if name in figures
        ]
        return FactTable(("Figure", "Value", "95 % interval"), tuple(rows))

    return _built(build)


def subgroup_table(info: BundleInfo) -> FactTable | None:
    """The metrics of each subgroup."""

    def build() -> FactTable:
        header = (
            *("Field", "Group", "Cases", "Positive", "AUROC (95 % interval)"),
            *("Sensitivity", "Specificity", "Stated", "Observed"),
        )
        rows = tuple(
            (
                _name(each["field"]),
                _name(each["group"]),
                str(int(each["n"])),
                str(int(each["positives"])),
                "–" if each["auroc"] is None else _estimate(each["auroc"], 3),
                _percent(each["sensitivity"]),
                _percent(each["specificity"]),
                _percent(each["mean_probability"], 1),
                _percent(each["observed"], 1),
            )
            for each in _held_out(info)["subgroups"][:_MOST_ROWS]
        )
        return FactTable(header, rows)

    return _built(build)


def localisation_table(info: BundleInfo) -> FactTable | None:
    """How well every map and every control points at the lesions."""

    def build() -> FactTable:
        found = _held_out(info)["localisation"]
        near = f"Within {float(found['tolerance_mm']):g} mm"
        header = (
            *("Heatmap", "Cell, mm", "Peak inside", near, "Distance, mm"),
            *("Energy inside", "In the air", "Random weights", "Deletion"),
        )
        rows = [("Chance", "", *_judged(found["chance"]), "", "", "")]
        brightness = found.get("brightness")
        if brightness is not None:
            rows.append(("Brightness alone, no model", "", *_judged(brightness), "", "", ""))
        for each in found["maps"][:_MOST_ROWS]:
            deletion, in_air = each.get("deletion"), each.get("in_air")
            rows.append(
                (
                    _map_name(each["method"], each["stage"], bool(each.get("corrected"))),
                    f"{float(each['cell_mm']):g}",
                    *_judged(each),
                    "–" if in_air is None else _percent(in_air["value"], 1),
                    _percent(each.get("random_pointing")),
                    "–" if deletion is None else _percent(deletion["value"]),
                )
            )
        return FactTable(header, tuple(rows))

    return _built(build)


def localisation_text(info: BundleInfo) -> str:
    """Which heatmap is the default and how well it points; empty where that was not measured."""
    record = info.localisation_record
    if record is None:
        return ""
    return f"Default: {_map_name(record.method, record.stage, False)}; {record.text}."


def displacement_table(info: BundleInfo) -> FactTable | None:
    """How far the maps of each method and stage lie from the evidence, and whether that is corrected."""
    found = info.displacements
    if found is None:
        return None
    header = (
        "Heatmap",
        "Left, mm",
        "Posterior, mm",
        "Superior, mm",
        "Spread, mm",
        "Cases",
        "Shown",
    )
    return FactTable(header, tuple(map(_displacement_row, found.maps)))


def _displacement_row(each: Displacement) -> tuple[str, ...]:
    moved = (_signed(part * each.spacing_mm) for part in each.vector_ijk)
    spread = max(each.spread_ijk) * each.spacing_mm
    shown = "corrected" if each.applied else f"as it is: {each.reasons[0]}"
    name = _map_name(each.method, each.stage, False)
    return (name, *moved, f"{spread:.1f}", str(each.cases), shown)


def _training_text(info: BundleInfo) -> str:
    training = info.metadata.get("training")
    training = training if isinstance(training, Mapping) else {}
    parts = [info.description]
    for what, cases, positives in (
        ("training", "cases", "positives"),
        ("validation", "validation_cases", "validation_positives"),
    ):
        number, of = training.get(cases), training.get(positives)
        if isinstance(number, int) and isinstance(of, int):
            parts.append(f"{number} {what} cases, {of} positive.")
    return " ".join(part for part in parts if part)


def _calibration_text(info: BundleInfo) -> str:
    share = info.calibrated_at
    return "" if share is None else f"{percent(share)} {info.decision.class_names[1]}"


def _limits_text(info: BundleInfo) -> str:
    """The section of the model card about limits, without its markup."""
    try:
        content = read_bounded(info.folder / "docs" / "README.md", _LARGEST_CARD_BYTES)
    except (OSError, ValueError):
        return ""
    section = _LIMITS.search(content.decode("utf-8", "replace"))
    if section is None:
        return ""
    plain = re.sub(r"\\(.)", r"\1", section[1].strip().replace("**", "").replace("`", ""))
    return visible_text(re.sub(r"\s*\n\s*", " ", plain), LONGEST_TEXT)


def _metrics(info: BundleInfo) -> Mapping[str, Any]:
    found = info.metadata.get("eval_metrics")
    return found if isinstance(found, Mapping) else {}


def _held_out(info: BundleInfo) -> Mapping[str, Any]:
    found = _metrics(info).get("held_out")
    return found if isinstance(found, Mapping) else {}


def _built(build: Callable[[], FactTable]) -> FactTable | None:
    try:
        table = build()
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        return None
    return table if table.rows else None


def _judged(plain: Mapping[str, Any]) -> tuple[str, str, str, str]:
    distance = plain["distance_mm"]
    return (
        _percent(plain["pointing"]["value"]),
        _percent(plain["pointing_near"]["value"]),
        "–" if distance is None else _estimate(distance, 1),
        _percent(plain["energy"]["value"], 1),
    )


def _map_name(method: object, stage: object, corrected: bool) -> str:
    name = METHOD_NAMES[str(method)]
    at = "" if stage is None else f", stage {int(str(stage))}"
    return f"{name}{at}{', corrected' if corrected else ''}"


def _value_and_interval(plain: Any) -> tuple[str, str]:
    found = Estimate.from_json(plain)
    if found.low is None or found.high is None:
        return f"{found.value:.3f}", "–"
    return f"{found.value:.3f}", f"{found.low:.3f} to {found.high:.3f}"


def _estimate(plain: Any, digits: int) -> str:
    found = Estimate.from_json(plain)
    if found.low is None or found.high is None:
        return f"{found.value:.{digits}f}"
    return f"{found.value:.{digits}f} ({found.low:.{digits}f} to {found.high:.{digits}f})"


def _percent(share: Any, digits: int = 0) -> str:
    return "–" if share is None else f"{100 * float(share):.{digits}f} %"


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−")


def _name(plain: object) -> str:
    if not isinstance(plain, str):
        raise TypeError("not a text")
    return plain


def _short(digest: str) -> str:
    """The beginning of a hash, enough to tell two apart."""
    return f"{visible_text(digest[:8])}…"


def _text(plain: object) -> str:
    return plain if isinstance(plain, str) else ""
