"""An evaluation as a page that a reviewer reads and prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from fusion3d_gui.model.localisation_record import METHOD_NAMES, LocalisationRecord
from fusion3d_gui.training.measure.localisation import BEST_RULE, best_map
from fusion3d_gui.training.measure.metrics import METRIC_TITLES, Estimate
from fusion3d_gui.training.measure.scores import CEILING_TITLES
from fusion3d_gui.training.report import page
from fusion3d_gui.training.report.model_card import cohort_command
from fusion3d_gui.training.report.plots import (
    distribution_plot,
    precision_recall_plot,
    reliability_plot,
    roc_plot,
    svg,
)

_CAPTIONS = {
    "roc": "The circle is where the threshold works; dashed lines are what it is compared with.",
    "precision-recall": "Precision depends on the share of positives, here that of the table.",
    "reliability": "A well calibrated model lies on the dotted line.",
    "scores": "Bars are shares of their own class, so that a rare class is seen.",
}


def evaluation_plots(result: Mapping[str, Any]) -> dict[str, Figure]:
    """The four plots of an evaluation, by name, from its JSON object."""
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


def evaluation_page(result: Mapping[str, Any]) -> str:
    """The page, from an evaluation's JSON object with its cases."""
    drawings = [
        (svg(figure, name), _CAPTIONS[name]) for name, figure in evaluation_plots(result).items()
    ]
    sections = [
        _what(result),
        page.section(
            "Figures",
            page.table(("Figure", "Value", "95 % interval"), _figure_rows(result)),
            page.paragraph(
                f"Intervals: {result['intervals']}. The expected calibration error is over 10 bins "
                "of equal width; resampling adds noise to it, so that its interval lies high.",
                note=True,
            ),
        ),
        page.section("Plots", page.plots(drawings)),
        _subgroups(result),
        _localisation(result),
    ]
    positive = result["class_names"][1]
    return page.page(
        f"Evaluation of {result['bundle']}",
        f"{result['task']}: how well it tells {positive!r} on {result['table']['name']}",
        [text for text in sections if text],
    )


def _what(result: Mapping[str, Any]) -> str:
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
    return page.section("What was judged", page.facts(rows))


def _figure_rows(result: Mapping[str, Any]) -> list[tuple[str, str, str]]:
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


def _row(title: str, plain: Mapping[str, Any]) -> tuple[str, str, str]:
    return title, _signed(f"{plain['value']:.3f}"), _interval(plain)


def _signed(text: str) -> str:
    return text.replace("-", "−")


def _interval(plain: Mapping[str, Any]) -> str:
    if plain["low"] is None:
        return "–"
    return _signed(f"{plain['low']:.3f} to {plain['high']:.3f}")


def _subgroups(result: Mapping[str, Any]) -> str:
    if not result["subgroups"]:
        return ""
    rows = []
    for one in result["subgroups"]:
        area = one["auroc"]
        rows.append(
            (
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
        )
    head = ["Field", "Group", "Cases", "Positive", "AUROC", "95 % interval"]
    head += ["Sens.", "Spec.", "Stated", "Observed"]
    return page.section(
        "Subgroups",
        page.table(head, rows, words=2),
        page.paragraph(
            "Stated: mean probability; observed: share of positives. They agree where the model is "
            "calibrated on average. With fewer than 5 cases of either label no AUROC is given.",
            note=True,
        ),
    )


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _localisation(result: Mapping[str, Any]) -> str:
    found = result.get("localisation")
    if not found:
        return ""
    rows = [("Chance", "–", "–", *_judged(found["chance"]), "–")]
    for one in found["maps"]:
        grid = "×".join(map(str, one["grid_kji"]))
        rows.append(
            (
                f"{METHOD_NAMES[one['method']]}, stage {one['stage']}",
                grid,
                f"{one['cell_mm']:g}",
                *_judged(one),
                str(one["empty"]),
            )
        )
    near = f"{found['tolerance_mm']:g}"
    head = ["Map", "Grid (k, j, i)", "Cell, mm", "Peak inside", f"Within {near} mm"]
    head += ["Distance, mm", "Energy inside", "Empty"]
    return page.section(
        "Does the heatmap point at the lesion?",
        page.paragraph(
            f"On the true positives with a lesion mask ({found['cases']}), at the mask's voxels within "
            "the brain; maps on coarser grids are interpolated there, so that a coarse cell gets no "
            "credit for its size. Values with their 95 % intervals over the cases."
        ),
        page.paragraph(_best(found)),
        page.table(head, rows, words=2),
        page.paragraph(
            "Peak inside: share of cases whose strongest voxel lies in the lesion (pointing game). "
            "Distance: median from that voxel to the lesion. Energy inside: mean share of the map's sum "
            "that lies in the lesion. Chance: a random brain voxel; for energy, a map even over the "
            "brain. An empty map counts as a miss.",
            note=True,
        ),
    )


def _best(found: Mapping[str, Any]) -> str:
    best = best_map(found)
    measured = LocalisationRecord.from_metadata({"explanation": best})
    assert measured is not None
    return (
        f"Best: {METHOD_NAMES[best['method']]} at stage {best['stage']}, {measured.text}. {BEST_RULE} "
        "Chosen on these very cases, so that its figures are a little optimistic."
    )


def _judged(one: Mapping[str, Any]) -> tuple[str, str, str, str]:
    distance = one["distance_mm"]
    pointing, near, energy = (
        Estimate.from_json(one[name]).lines(1, 100, " %")
        for name in ("pointing", "pointing_near", "energy")
    )
    return (
        pointing,
        near,
        "–" if distance is None else Estimate.from_json(distance).lines(1),
        energy,
    )
