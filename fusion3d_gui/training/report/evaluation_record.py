"""Record an evaluation in a bundle: on its model card and in its metadata."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.attribution.localisation_record import LocalisationRecord
from fusion3d_gui.plain_text import markdown_text, visible_text
from fusion3d_gui.training.measure.maps.localisation_table import (
    BEST_RULE,
    Localisation,
    PointingFigures,
    explanation_json,
)
from fusion3d_gui.training.measure.metrics import METRIC_TITLES, Estimate, EstimateJson
from fusion3d_gui.training.measure.results import EvaluationJson, SubgroupJson
from fusion3d_gui.training.measure.scores import CEILING_TITLES
from fusion3d_gui.training.report.cohort_words import cohort_command
from fusion3d_gui.training.report.model_card import HELD_OUT_HEADING, WEIGHTS_PREFIX
from fusion3d_gui.training.report.model_card_file import card_path, read_card, write_card


def record_evaluation(bundle: Path, result: EvaluationJson) -> None:
    """Write the figures of an evaluation into a bundle's metadata and model card, replacing earlier ones.

    Raises UserError when card or metadata can't be read, or the card has no section for held-out figures.
    """
    text, plain = read_card(bundle)
    section = re.compile(rf"(?<={re.escape(HELD_OUT_HEADING)}\n\n).*?(?=\n\n## |\Z)", re.DOTALL)
    if not section.search(text):
        raise UserError(f"it has no section {HELD_OUT_HEADING!r}", path=card_path(bundle))
    figures = {key: value for key, value in result.items() if key != "cases"}
    plain["eval_metrics"] = {**plain.get("eval_metrics", {}), "held_out": figures}
    plain.pop("explanation", None)
    if "localisation" in result:
        best = explanation_json(Localisation.from_json(result["localisation"]))
        if best is not None:
            plain["explanation"] = best
    text = section.sub(lambda _: held_out_text(result), text)
    text = re.sub(
        rf"^{re.escape(WEIGHTS_PREFIX)}.*$",
        f"{WEIGHTS_PREFIX}`{result['weights_sha256']}`",
        text,
        flags=re.M,
    )
    write_card(bundle, text, plain)


def held_out_text(result: EvaluationJson) -> str:
    """An evaluation's figures in Markdown, without headings."""
    cohort = result["table"].get("cohort")
    table = "TEST/cases.csv" if cohort else visible_text(result["table"]["name"])
    commands = [cohort_command(cohort, "TEST")] if cohort else []
    commands.append(f"fusion3d evaluate BUNDLE {table} --json OUT.json --html OUT.html")
    parts = [
        f"{result['n']} cases that training has not seen, {result['positives']} positive. Every figure "
        "below comes from",
        "```\n" + "\n".join(commands) + "\n```",
        _markdown_table(("figure", "value", "95 % interval"), _figure_rows(result)),
        f"Intervals: {result['intervals']}. ECE: 10 bins of equal width; its interval lies high, since "
        f"resampling adds noise. Sensitivity and specificity at {result['threshold']:g}.",
    ]
    if result["subgroups"]:
        parts += ["Subgroups:", _subgroup_table(result["subgroups"])]
    if "localisation" in result:
        parts += _localisation_parts(Localisation.from_json(result["localisation"]))
    return "\n\n".join(parts)


def _figure_rows(result: EvaluationJson) -> list[tuple[str, ...]]:
    named = [(title, result["figures"][name]) for name, title in METRIC_TITLES.items()]
    ceilings = result.get("ceilings", {})
    named += [
        (f"{text}: AUROC", ceilings[name])
        for name, text in CEILING_TITLES.items()
        if name in ceilings
    ]
    if "metadata_baseline" in result:
        found = result["metadata_baseline"]
        named.append(("AUROC of logistic regression on the metadata alone", found["auroc"]))
        named.append(("gain over it (paired)", found["gain"]))
    return [(title, f"{plain['value']:.3f}", _interval(plain)) for title, plain in named]


def _subgroup_table(groups: Sequence[SubgroupJson]) -> str:
    rows = [
        (
            markdown_text(one["field"]),
            markdown_text(one["group"]),
            str(one["n"]),
            str(one["positives"]),
            "" if one["auroc"] is None else Estimate.from_json(one["auroc"]).text(),
            f"{one['mean_probability']:.3f} / {one['observed']:.3f}",
        )
        for one in groups
    ]
    head = ("field", "group", "cases", "positive", "AUROC (95 % interval)", "stated / observed")
    return _markdown_table(head, rows)


def _localisation_parts(found: Localisation) -> list[str]:
    rows = [("chance", "", *_judged(found.chance), "", "", "")]
    if found.brightness is not None:
        rows.append(("brightness alone, no model", "", *_judged(found.brightness), "", "", ""))
    for one in found.maps:
        grid = "×".join(map(str, one.grid_kji))
        random = "" if one.random_pointing is None else f"{100 * one.random_pointing:.0f} %"
        deletion = "" if one.deletion is None else one.deletion.text(2)
        cells = f"{grid} of {one.cell_mm:g} mm"
        in_air = "" if one.in_air is None else one.in_air.text()
        rows.append((one.name, cells, *_judged(one.figures), in_air, random, deletion))
    head = ("map", "grid", "peak inside", f"within {found.tolerance_mm:g} mm")
    return [
        default_map_text(found),
        f"Heatmaps on true positives with a lesion ({found.cases}), at the mask's voxels in the brain "
        "(peak inside: pointing game; distance: median from the strongest voxel to the lesion; energy: "
        "share of the map's sum over the brain inside the lesion; in the air: share of its whole sum further than a "
        "cell from all tissue; chance: a random brain voxel, an even map; random weights: "
        "peak inside when nothing was learned, with the displacement of those weights corrected; "
        "deletion: logit drop for blanking a ball of 12 mm at the peak, as a share of that at the "
        "lesion's centre):",
        _markdown_table(
            (*head, "distance, mm", "energy inside", "in the air", "random weights", "deletion"),
            rows,
        ),
    ]


def default_map_text(found: Localisation) -> str:
    """Which map explains the model by default, how it was chosen, and how well it points."""
    best, plain = found.best, explanation_json(found)
    if best is None or plain is None:
        return "**No map may be the default**: none passes the randomisation test."
    measured = LocalisationRecord.from_metadata({"explanation": plain})
    assert measured is not None
    chosen = (
        "It was chosen on these very cases, among all maps of the table, so that its figures are a little "
        "optimistic."
        if found.chosen is None
        else "It was chosen on the validation cases, not on these."
    )
    return (
        f"**Explained by {best.name}** unless another method is chosen: {measured.text}. {BEST_RULE} "
        f"{chosen}"
    )


def _judged(one: PointingFigures) -> tuple[str, str, str, str]:
    return (
        one.pointing.text(),
        one.pointing_near.text(),
        "none" if one.distance_mm is None else one.distance_mm.text(1),
        one.energy.text(),
    )


def _interval(plain: EstimateJson) -> str:
    return "" if plain["low"] is None else f"{plain['low']:.3f} to {plain['high']:.3f}"


def _markdown_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
