"""The HTML page of a reader study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusion3d_gui.training.measure.metrics import Estimate
from fusion3d_gui.training.report.page import drawing, render_page
from fusion3d_gui.training.report.plots import forest_plot

#: How the arms of the program's own studies are called on the page.
ARM_TITLES = {
    "unaided": "without the model",
    "number": "with the probability",
    "map": "with probability and map",
}


def reader_study_page(result: Mapping[str, Any]) -> str:
    """The page (HTML), from the JSON object of ``analyse_readers``."""
    rows = []
    main = result["random_readers"] or result["fixed_readers"]
    for mean in main["auc"]:
        rows.append((f"{_title(mean['arm'])}: mean", "model", _estimate(mean)))
        rows += [
            (f"{_title(one['arm'])}: {one['reader']}", "reader", _estimate(one))
            for one in result["auc"]
            if one["arm"] == mean["arm"]
        ]
    forest = forest_plot(rows, "Area under the ROC curve", "AUC with its 95 % interval")
    return render_page(
        "reader_study",
        title="Reader study",
        subtitle=f"{len(result['readers'])} readers, {result['cases']} cases, {len(result['arms'])} arms",
        verdicts=verdicts(result),
        notices=result["notices"],
        facts=[
            ("Table", result["table"]),
            ("Cases", f"{result['cases']}, of which {result['positives']} positive"),
            ("Readers", ", ".join(result["readers"])),
            ("Arms", ", ".join(_title(arm) for arm in result["arms"])),
            ("Compared with", _title(result["reference"])),
            (
                "Covariances",
                "jackknife over cases" if result["covariance"] == "jackknife" else "DeLong",
            ),
        ],
        drawing=drawing(forest, "auc"),
        random=None if result["random_readers"] is None else _differences(result["random_readers"]),
        fixed=_differences(result["fixed_readers"]),
        components=[
            (name.replace("_", " "), f"{value:.3g}") for name, value in result["components"].items()
        ],
        kappa=[(_title(one["arm"]), _estimate(one).lines()) for one in result["kappa"]],
        calls=[
            (
                _title(one["arm"]),
                one["reader"],
                _share(one["sensitivity"]),
                _share(one["specificity"]),
            )
            for one in result["calls"] or ()
        ],
        changed=[
            (
                _title(one["arm"]),
                one["reader"],
                *map(str, (one["cases"], one["to_wrong"], one["to_right"])),
                p_text(one["p"]),
            )
            for one in result["changed"] or ()
        ],
        seconds=[
            (
                _title(one["arm"]),
                one["reader"],
                f"{one['median']:.1f}",
                f"{one['lower']:.1f} to {one['upper']:.1f}",
            )
            for one in result["seconds"] or ()
        ],
        ratios=[
            (_title(one["arm"]), _estimate(one).lines(2)) for one in result["time_ratio"] or ()
        ],
    )


def verdicts(result: Mapping[str, Any]) -> list[str]:
    """Sentences that say what the study found, also printed by the command line."""
    found = []
    both = result["random_readers"]
    main = both or result["fixed_readers"]
    if main["p"] is not None:
        if both is None:
            test = f"chi-square({main['df1']}) = {main['statistic']:.2f}"
        else:
            df2 = "infinite" if main["df2"] is None else f"{main['df2']:.2f}"
            test = f"F({main['df1']}, {df2}) = {main['statistic']:.2f}"
        found.append(f"Test of equal AUC in all arms: {test}, {_p_equals(main['p'])}.")
    elif len(result["arms"]) > 1:
        found.append("The AUCs do not vary, so that no test of the arms can be made.")
    if both is None:
        found.append("With one reader nothing is said about other readers.")
    for one in main["differences"]:
        gap = _estimate(one).text().replace("-", "−")
        found.append(
            f"AUC {_title(one['arm'])} minus {_title(one['reference'])}: {gap}, {_p_equals(one['p'])}."
        )
    for arm in result["arms"][1:]:
        rows = [one for one in result["changed"] or () if one["arm"] == arm]
        if rows:
            to_wrong, to_right = (sum(one[key] for one in rows) for key in ("to_wrong", "to_right"))
            reads = sum(one["cases"] for one in rows)
            found.append(
                f"{_title(arm).capitalize()}, of {reads} reads {to_wrong} turned from right to wrong and "
                f"{to_right} from wrong to right."
            )
    return found


def p_text(p: float | None) -> str:
    """A p-value for a cell."""
    if p is None:
        return "–"
    return "< 0.0001" if p < 1e-4 else f"{p:.4f}"


def _p_equals(p: float | None) -> str:
    text = p_text(p)
    return "p not defined" if p is None else f"p {text}" if text.startswith("<") else f"p = {text}"


def _differences(found: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    return [
        (_title(one["arm"]), _title(one["reference"]), _estimate(one).lines(), p_text(one["p"]))
        for one in found["differences"]
    ]


def _title(arm: str) -> str:
    return ARM_TITLES.get(arm, arm)


def _estimate(plain: Mapping[str, Any]) -> Estimate:
    return Estimate(plain["value"], plain["low"], plain["high"])


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"
