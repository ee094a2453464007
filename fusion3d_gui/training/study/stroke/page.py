"""The study's page in Markdown, and its figures, from its results."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fusion3d_gui.output_file import whole_file, write_whole_text
from fusion3d_gui.training.measure.metrics import Estimate
from fusion3d_gui.training.report.plots import BLUE, GREEN, GREY, ORANGE, forest_plot, png, style
from fusion3d_gui.training.study.stroke.fold_models import CHOSEN
from fusion3d_gui.training.study.stroke.opponents import OPPONENTS, PRIMARY_OPPONENT

#: Titles of the models, in the order of the page.
TITLES: Mapping[str, str] = {
    CHOSEN: "fused network (fusion chosen inside each fold)",
    "concat": "network, concat",
    "add": "network, add",
    "multiply": "network, multiply",
    "image_only": "network, lesion map only",
    "LR everything": "logistic regression, everything",
    "GB everything": "gradient boosting, everything",
    "LR clinical with NIHSS": "logistic regression, clinical values with NIHSS",
    "LR NIHSS": "logistic regression, NIHSS",
    "LR clinical without NIHSS": "logistic regression, clinical values without NIHSS",
    "LR volume, territories": "logistic regression, volume and 32 territories",
    "LR volume": "logistic regression, volume",
}
_COLORS = {
    CHOSEN: BLUE,
    PRIMARY_OPPONENT: ORANGE,
    "GB everything": GREEN,
    "LR clinical with NIHSS": GREY,
}


def write_study_page(results: Mapping[str, Any], folder: Path) -> None:
    """Write ``study.md``, the figures beside it, and ``study.json``, which holds every figure."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in study_figures(results).items():
        with whole_file(folder / f"{name}.png") as partial:
            partial.write_bytes(png(figure))
    write_whole_text(folder / "study.md", study_page(results))
    write_whole_text(
        folder / "study.json", json.dumps(results, indent=1, ensure_ascii=False) + "\n"
    )


def study_figures(results: Mapping[str, Any]) -> dict[str, Figure]:
    """AUROC of all models, calibration, decision curves; by the name of their file."""
    rows = [
        (
            title,
            "baseline" if name in OPPONENTS else "model",
            Estimate.from_json(results["models"][name]["auroc"]),
        )
        for name, title in TITLES.items()
    ]
    return {
        "auroc": forest_plot(rows, f"AUROC for {results['outcome']['name']}", "AUROC"),
        "calibration": _calibration(results["calibration_curve"]),
        "net-benefit": _net_benefit(results["net_benefit"]),
    }


def verdict(results: Mapping[str, Any]) -> str:
    """One sentence: whether the fused network is better than its primary opponent."""
    found = results["primary"]
    gap = Estimate.from_json(found["difference"])
    p = found["p"]
    area = Estimate.from_json(results["models"][CHOSEN]["auroc"]).text()
    numbers = (
        f"AUROC {area} against {found['auroc_b']:.3f}; difference {_signed(gap)}"
        f"{'' if p is None else f', p = {p:.2g}'}"
    )
    better = p is not None and p < 0.05
    if better and gap.value > 0:
        said = "is better than logistic regression on the same information"
    elif better:
        said = "is worse than logistic regression on the same information"
    else:
        said = "is level with logistic regression on the same information; nothing shows that it is better"
    return f"The fused network {said} ({numbers})."


def study_page(results: Mapping[str, Any]) -> str:
    """The page."""
    plan, outcome = results["plan"], results["outcome"]
    counts = {
        name: results["chosen"]["fusion"].count(name) for name in ("concat", "add", "multiply")
    }
    chosen = ", ".join(f"`{name}` in {count}" for name, count in counts.items() if count)
    side = results["side"]
    minutes = results["cpu_minutes"]
    return f"""# Study: stroke outcome from lesion map and clinical values

Everything on this page is written by the command below; the [](protocol.md) was committed before any network was
trained on an outcome. Its checklist, and what a reviewer would ask: [](review.md). The same from another seed:
[](rerun.md). Research use only.

```
fusion3d study stroke SOOP --out WORK --minutes 10     # again until it says that nothing is left
fusion3d study stroke SOOP --out WORK --page docs/stroke
```

**{verdict(results)}**

Real are lesion, its place, the clinical values and the outcome. The input is the lesion map itself in standard
space: there is no scan and no anatomy in it.

## Participants

{_participants_table(results["participants"])}

Outcome: {outcome["name"]}, {outcome["positive"]} of {outcome["n"]}. When the Rankin scale was taken is not stated in
the data (others say: at discharge, see [](review.md)). Numbers are median (quartiles). The outcome is known for those of whom the center had recorded it; as the table
shows, {_selection_text(results["participants"])}. What is found holds for patients like those with a recorded outcome.

## Main result

Out-of-fold predictions of {plan["folds"]} folds, averaged over {plan["repeats"]} repeats; 95 % intervals. Slope
1 and intercept 0 are ideal.

{_models_table(results["models"])}

```{{image}} auroc.png
:alt: AUROC of every model with its interval
```

Primary comparison (DeLong, two-sided, tested once): fused minus {TITLES[PRIMARY_OPPONENT]} {_signed(Estimate.from_json(results["primary"]["difference"]))},
p = {_p(results["primary"]["p"])}; paired bootstrap {_signed(Estimate.from_json(results["primary"]["bootstrap"]))}.

Secondary comparisons, with Holm's correction over the {len(results["secondary"])}:

| fused minus | difference in AUROC | p | p, Holm |
| --- | --- | --- | --- |
{_secondary_rows(results["secondary"])}

Inner validation chose {chosen} of {len(results["chosen"]["fusion"])} folds.

## Calibration and decisions

```{{image}} calibration.png
:alt: Observed against stated probability in ten groups
```

```{{image}} net-benefit.png
:alt: Net benefit by threshold
```

## Subgroups

| of | group | n (poor) | fused AUROC | stated / observed | logistic regression AUROC |
| --- | --- | --- | --- | --- | --- |
{_subgroup_rows(results["subgroups"])}

## Side

Mirroring a lesion changes the fused logit by {side[CHOSEN]["mean_absolute"]:.2f} standard deviations on average
(lesion map only: {side["image_only"]["mean_absolute"]:.2f}). A lesion brought from left to right:
{side[CHOSEN]["left_to_right"]:+.2f} (lesion map only {side["image_only"]["left_to_right"]:+.2f}); from right to left:
{side[CHOSEN]["right_to_left"]:+.2f} ({side["image_only"]["right_to_left"]:+.2f}).

## Controls

| control | AUROC | expected |
| --- | --- | --- |
| outcomes shuffled | {_area(results["controls"]["outcomes shuffled"])} | 0.5 |
| clinical values shuffled | {_area(results["controls"]["clinical values shuffled"])} | that of the lesion map only, {_area(results["models"]["image_only"]["auroc"])} |

## Further targets and losses

The fusion is the one chosen most often. NIHSS of 10 or more is predicted without NIHSS as input.

| target | model | AUROC |
| --- | --- | --- |
{_further_rows(results["further"])}

| loss, for {outcome["name"]} | AUROC | Brier | slope |
| --- | --- | --- | --- |
{_loss_rows(results["losses"])}

Computing: {"not recorded" if minutes is None else f"{minutes:g} minutes of one core"}.
"""


def _participants_table(groups: Mapping[str, Any]) -> str:
    def quartiles(found: Sequence[float] | None) -> str:
        return "" if found is None else f"{found[0]:g} ({found[1]:g} to {found[2]:g})"

    rows: list[tuple[str, Callable[[Mapping[str, Any]], object]]] = [
        ("participants", lambda g: g["n"]),
        ("age, years", lambda g: quartiles(g["age"])),
        ("women", lambda g: g["women"] or ""),
        (
            "recorded as Black / white",
            lambda g: f"{g['black']} / {g['white']}" if g["white"] else "",
        ),
        ("prior stroke", lambda g: g["prior_stroke"] or ""),
        ("BMI, kg/m²", lambda g: quartiles(g["bmi"])),
        ("NIHSS", lambda g: quartiles(g["nihss"])),
        ("lesion volume, ml", lambda g: quartiles(g["volume_ml"])),
        ("missing: race / BMI", lambda g: f"{g['missing']['race']} / {g['missing']['bmi']}"),
    ]
    head = "| | " + " | ".join(groups) + " |\n| --- |" + " --- |" * len(groups)
    lines = [
        f"| {title} | " + " | ".join(str(of(group)) for group in groups.values()) + " |"
        for title, of in rows
    ]
    return "\n".join([head, *lines])


def _selection_text(groups: Mapping[str, Any]) -> str:
    own, other = groups["with outcome"], groups["with clinical values, without outcome"]
    if own["nihss"] is None or other["nihss"] is None:
        return "the groups can't be compared"
    gap = own["nihss"][0] - other["nihss"][0]
    if gap == 0:
        return "their strokes were about as severe as those of the others"
    return f"their strokes were {'more' if gap > 0 else 'less'} severe than those of the others"


def _models_table(models: Mapping[str, Any]) -> str:
    lines = [
        "| model | AUROC | of each repeat | AUPRC | Brier | slope | intercept |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, title in TITLES.items():
        found = models[name]
        repeats = ", ".join(f"{area:.3f}" for area in found["auroc_of_repeats"])
        cells = [
            Estimate.from_json(found["auroc"]).text(),
            repeats,
            Estimate.from_json(found["auprc"]).text(),
            Estimate.from_json(found["brier"]).text(),
            Estimate.from_json(found["slope"]).text(2),
            Estimate.from_json(found["intercept"]).text(2),
        ]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _secondary_rows(found: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(
        f"| {TITLES[each['opponent']]} | {_signed(Estimate.from_json(each['difference']))} | "
        f"{_p(each['p'])} | {_p(each['p_holm'])} |"
        for each in found
    )


def _subgroup_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    def area(found: Mapping[str, Any]) -> str:
        return "" if found["auroc"] is None else _area(found["auroc"])

    lines = []
    for row in rows:
        stated = row[CHOSEN]["stated"]
        observed = row["positive"] / row["n"] if row["n"] else 0.0
        shares = "" if stated is None else f"{stated:.2f} / {observed:.2f}"
        lines.append(
            f"| {row['kind']} | {row['group']} | {row['n']} ({row['positive']}) | {area(row[CHOSEN])} | "
            f"{shares} | {area(row[PRIMARY_OPPONENT])} |"
        )
    return "\n".join(lines)


def _further_rows(targets: Mapping[str, Mapping[str, Any]]) -> str:
    return "\n".join(
        f"| {target} | {TITLES.get(name, name)} | {_area(found)} |"
        for target, models in targets.items()
        for name, found in models.items()
    )


def _loss_rows(losses: Mapping[str, Any]) -> str:
    return "\n".join(
        f"| {name} | {_area(found['auroc'])} | {Estimate.from_json(found['brier']).text()} | "
        f"{Estimate.from_json(found['slope']).text(2)} |"
        for name, found in losses.items()
    )


def _calibration(curves: Mapping[str, Sequence[Mapping[str, float]]]) -> Figure:
    figure, axes = _axes("Calibration, ten groups of equal size")
    with style():
        axes.plot([0, 1], [0, 1], color=GREY, lw=0.8, ls=":")
        for name, points in curves.items():
            axes.plot(
                [point["stated"] for point in points],
                [point["observed"] for point in points],
                "o-",
                ms=4,
                color=_COLORS[name],
                label=TITLES[name],
            )
        axes.set(xlabel="Stated probability", ylabel="Observed share", xlim=(0, 1), ylim=(0, 1))
        axes.legend(loc="upper left")
    return figure


def _net_benefit(found: Mapping[str, Any]) -> Figure:
    figure, axes = _axes("Decision curves")
    cuts = found["thresholds"]
    with style():
        axes.axhline(0, color=GREY, lw=0.8, label="treat none")
        axes.plot(cuts, found["treat all"], color=GREY, lw=0.8, ls="--", label="treat all")
        for name, color in _COLORS.items():
            axes.plot(cuts, found[name], color=color, label=TITLES[name])
        lowest = min(0.0, *(min(found[name]) for name in _COLORS))
        axes.set(xlabel="Threshold probability", ylabel="Net benefit", ylim=(lowest - 0.02, None))
        axes.legend(loc="upper right")
    return figure


def _axes(title: str) -> tuple[Figure, Axes]:
    with style():
        figure = Figure(figsize=(6.0, 4.2), layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(title)
    return figure, axes


def _area(plain: Any) -> str:
    return Estimate.from_json(plain).text()


def _signed(gap: Estimate) -> str:
    text = f"{gap.value:+.3f}"
    if gap.low is not None and gap.high is not None:
        text += f" ({gap.low:+.3f} to {gap.high:+.3f})"
    return text.replace("-", "−")


def _p(value: float | None) -> str:
    if value is None:
        return "not defined"
    return "below 0.0001" if value < 1e-4 else f"{value:.2g}"
