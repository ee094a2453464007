"""The HTML page of an evaluation, to be read and printed by a reviewer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from fusion3d_gui.training.measure.maps.localisation_table import Localisation, PointingFigures
from fusion3d_gui.training.measure.metrics import METRIC_TITLES, Estimate, EstimateJson
from fusion3d_gui.training.measure.results import EvaluationJson, SubgroupJson
from fusion3d_gui.training.measure.scores import CEILING_TITLES
from fusion3d_gui.training.report.cohort_words import cohort_command
from fusion3d_gui.training.report.evaluation_record import default_map_text
from fusion3d_gui.training.report.page import drawing, render_page
from fusion3d_gui.training.report.plots import (
    distribution_plot,
    precision_recall_plot,
    reliability_plot,
    roc_plot,
)

_CAPTIONS = {
    "roc": "The circle is where the threshold works; dashed lines are what it is compared with.",
    "precision-recall": "Precision depends on the share of positives, here that of the table.",
    "reliability": "A well calibrated model lies on the dotted line.",
    "scores": "Bars are shares of their own class, so that a rare class is seen.",
}


def evaluation_plots(result: EvaluationJson) -> dict[str, Figure]:
    """The four plots of an evaluation by name, from its JSON object with its cases."""
    cases, threshold = result["cases"], result["threshold"]
    labels = np.array([case["label"] for case in cases])
    chance = np.array([case["probability"] for case in cases])
    found = {name: Estimate.from_json(plain) for name, plain in result["figures"].items()}
    others = {
        name.split(" (")[0]: np.array([case[f"true_{column}"] for case in cases])
        for column, name in CEILING_TITLES.items()
        if f"true_{column}" in cases[0]
    }
    if not others and "metadata_logit" in cases[0]:
        others = {"metadata alone": np.array([case["metadata_logit"] for case in cases])}
    return {
        "roc": roc_plot(labels, chance, found["auroc"], threshold, others),
        "precision-recall": precision_recall_plot(labels, chance, found["auprc"], threshold),
        "reliability": reliability_plot(labels, chance, found["ece"]),
        "scores": distribution_plot(labels, chance, threshold, result["class_names"]),
    }


def evaluation_page(result: EvaluationJson) -> str:
    """The page (HTML), from an evaluation's JSON object with its cases."""
    positive = result["class_names"][1]
    return render_page(
        "evaluation",
        title=f"Evaluation of {result['bundle']}",
        subtitle=f"{result['task']}: how well it tells {positive!r} on {result['table']['name']}",
        facts=_facts(result),
        metrics=_metric_rows(result),
        intervals=result["intervals"],
        drawings=[
            (drawing(figure, name), _CAPTIONS[name])
            for name, figure in evaluation_plots(result).items()
        ],
        subgroups=[_subgroup_row(one) for one in result["subgroups"]],
        localisation=_localisation(result.get("localisation")),
    )


def _facts(result: EvaluationJson) -> list[tuple[str, str]]:
    table, share = result["table"], result["positives"] / result["n"]
    rows = [
        ("Model", f"{result['bundle']} {result['bundle_version']}"),
        ("Weights (SHA-256)", result["weights_sha256"]),
        ("Table of cases", f"{table['name']}, SHA-256 {table['sha256']}"),
        ("Cases", f"{result['n']}, of which {result['positives']} positive ({100 * share:.1f} %)"),
        ("Called positive", f"from a calibrated probability of {result['threshold']:g} on"),
    ]
    cohort = table.get("cohort")
    if cohort:
        rows.append(("Where they come from", f"simulated: {cohort_command(cohort)}"))
    return rows


def _metric_rows(result: EvaluationJson) -> list[tuple[str, str, str]]:
    rows = [_row(title, result["figures"][name]) for name, title in METRIC_TITLES.items()]
    for name, title in CEILING_TITLES.items():
        if name in result.get("ceilings", {}):
            rows.append(
                _row(f"AUROC of the {title[0].lower()}{title[1:]}", result["ceilings"][name])
            )
    if "metadata_baseline" in result:
        found = result["metadata_baseline"]
        rows.append(_row("AUROC of logistic regression on metadata alone", found["auroc"]))
        rows.append(_row("The model's gain over it (paired)", found["gain"]))
    return rows


def _row(title: str, plain: EstimateJson) -> tuple[str, str, str]:
    return title, _signed(f"{plain['value']:.3f}"), _interval(plain)


def _signed(text: str) -> str:
    return text.replace("-", "−")


def _interval(plain: EstimateJson) -> str:
    if plain["low"] is None:
        return "–"
    return _signed(f"{plain['low']:.3f} to {plain['high']:.3f}")


def _subgroup_row(one: SubgroupJson) -> tuple[str, ...]:
    area = one["auroc"]
    return (
        one["field"],
        one["group"],
        str(one["n"]),
        str(one["positives"]),
        "–" if area is None else f"{area['value']:.3f}",
        "–" if area is None else _interval(area),
        _share(one["sensitivity"]),
        _share(one["specificity"]),
        f"{one['mean_probability']:.3f}",
        f"{one['observed']:.3f}",
    )


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _localisation(plain: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Texts and rows of the heatmaps' section; None where no heatmap was measured."""
    if not plain:
        return None
    found = Localisation.from_json(plain)
    rows = [("Chance", "–", *_judged(found.chance), "–", "–", "–")]
    if found.brightness is not None:
        rows.append(("Brightness alone", "–", *_judged(found.brightness), "–", "–", "–"))
    for one in found.maps:
        random = "–" if one.random_pointing is None else f"{100 * one.random_pointing:.0f} %"
        rows.append(
            (
                one.name,
                f"{one.cell_mm:g}",
                *_judged(one.figures),
                "–" if one.in_air is None else one.in_air.lines(1, 100, " %"),
                random,
                "–" if one.deletion is None else one.deletion.lines(0, 100, " %"),
            )
        )
    return {
        "cases": found.cases,
        "tolerance": f"{found.tolerance_mm:g}",
        "best": default_map_text(found).replace("**", ""),
        "maps": rows,
    }


def _judged(one: PointingFigures) -> tuple[str, str, str, str]:
    pointing, near, energy = (
        each.lines(1, 100, " %") for each in (one.pointing, one.pointing_near, one.energy)
    )
    return pointing, near, "–" if one.distance_mm is None else one.distance_mm.lines(1), energy
