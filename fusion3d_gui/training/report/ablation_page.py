"""The HTML page of an ablation: AUROC and other metrics by source and fusion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from fusion3d_gui.training.measure.metrics import Estimate
from fusion3d_gui.training.measure.results import AblationJson, AblationRowJson, TableJson
from fusion3d_gui.training.report.cohort_words import cohort_command
from fusion3d_gui.training.report.page import drawing, render_page
from fusion3d_gui.training.report.plots import forest_plot


def ablation_page(result: AblationJson) -> tuple[str, dict[str, Figure]]:
    """The page (HTML) and its plots by name, from an ablation's JSON object."""
    rows = result["rows"]
    forest = forest_plot(
        [(row["title"], row["kind"], Estimate.from_json(row["figures"]["auroc"])) for row in rows],
        "AUROC on the test cohort",
        "AUROC with its 95 % interval; grey: ceilings, orange: metadata alone, blue: models",
    )
    text = render_page(
        "ablation",
        title="Ablation: image, metadata and their fusion",
        subtitle=f"{result['n']} test cases that no model was trained on",
        verdict=_verdict_texts(result),
        facts=[
            ("Test", _table_text(result["test"])),
            ("Test cases", f"{result['n']}, of which {result['positives']} positive"),
            ("Training", _table_text(result["training"])),
        ],
        drawing=drawing(forest, "auroc"),
        metrics=[_metric_row(row) for row in rows],
        intervals=result["intervals"],
        comparisons=[_comparison_row(one) for one in result["comparisons"]],
        weights=[(row["title"], row["weights_sha256"]) for row in rows if row["weights_sha256"]],
    )
    return text, {"auroc": forest}


def _metric_row(row: AblationRowJson) -> tuple[str, ...]:
    cells = [row["title"]]
    for name in ("auroc", "auprc", "brier", "ece", "sensitivity", "specificity"):
        found = row["figures"].get(name)
        cells.append("–" if found is None else Estimate.from_json(found).lines())
    share = row.get("share_of_bayes")
    cells.append("–" if share is None else Estimate.from_json(share).lines(1, 100, " %"))
    return tuple(cells)


def _comparison_row(one: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return (
        one["a"],
        one["b"],
        Estimate.from_json(one["difference"]).text().replace("-", "−"),
        one["p_text"].removeprefix("p ").removeprefix("= "),
    )


def _table_text(table: TableJson) -> str:
    cohort = table.get("cohort")
    made = f"{cohort_command(cohort)}; " if cohort else ""
    return f"{table['name']} ({made}SHA-256 {table['sha256']})"


def _verdict_texts(result: AblationJson) -> list[str]:
    verdict = result["verdict"]
    if not verdict:
        return ["No fused model was scored."]
    texts = []
    share = verdict.get("share_of_bayes")
    best = verdict["best_fusion"]
    if share is not None:
        reaches = "reaches" if verdict["reaches_target"] else "does not reach"
        shown = f"{100 * share['value']:.1f} %"
        if share["low"] is not None and share["high"] is not None:
            shown += f" ({100 * share['low']:.1f} % to {100 * share['high']:.1f} %)"
        texts.append(
            f"The best fusion, {best}, goes {shown.replace('-', '−')} of the way from an AUROC of 0.5 "
            f"to the Bayes ceiling: it {reaches} the target of {100 * verdict['target_share']:.0f} %."
        )
    else:
        texts.append(f"The best fusion is {best}.")
    apart = verdict["intervals_apart_from"]
    above = [name for name, is_apart in apart.items() if is_apart]
    level = [name for name, is_apart in apart.items() if not is_apart]
    if above:
        texts.append(f"Its interval of AUROC lies above those of {', '.join(above)}.")
    if level:
        texts.append(f"Its interval of AUROC does not lie above those of {', '.join(level)}.")
    controls = [row for row in result["rows"] if row["kind"] == "control"]
    for row in controls:
        area = Estimate.from_json(row["figures"]["auroc"])
        texts.append(
            f"{row['title']}, trained on labels that were shuffled, reaches {area.text()}: "
            + ("0.5 lies within, no sign of a leak." if _holds_half(area) else "0.5 lies outside.")
        )
    return texts


def _holds_half(area: Estimate) -> bool:
    return area.low is not None and area.high is not None and area.low <= 0.5 <= area.high
