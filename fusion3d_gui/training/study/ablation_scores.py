"""Score the models of an ablation on one test cohort, beside baselines on the metadata and the ceilings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle.bundle import ModelBundle, file_sha256
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.output_file import write_whole_text
from fusion3d_gui.progress import Progress, no_progress, part_of
from fusion3d_gui.report.json_file import write_json
from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.data.csv_file import write_csv
from fusion3d_gui.training.data.inputs import load_inputs
from fusion3d_gui.training.data.table import CaseTable, fit_schema, read_table
from fusion3d_gui.training.measure.auroc_comparison import AurocComparison, compare_scores
from fusion3d_gui.training.measure.metrics import (
    RESAMPLES,
    Estimate,
    compute_metrics,
    share_of_ceiling,
)
from fusion3d_gui.training.measure.results import (
    AblationJson,
    AblationRowJson,
    TableJson,
    VerdictJson,
)
from fusion3d_gui.training.measure.scores import (
    CEILING_TITLES,
    BundleScores,
    ceiling_probabilities,
    predict_cases,
)
from fusion3d_gui.training.report.ablation_page import ablation_page
from fusion3d_gui.training.report.page import write_page
from fusion3d_gui.training.report.plots import write_plots

#: Target of the best fusion: this share of the Bayes ceiling's distance from an AUROC of 0.5.
TARGET_SHARE = 0.95

#: Suffix of the name of a bundle that was trained on shuffled labels.
SHUFFLED = "-shuffled"

_BASELINES = {
    "metadata-logistic": "Metadata alone, logistic regression",
    "metadata-boosting": "Metadata alone, gradient boosting",
}


@dataclass(frozen=True, eq=False)
class AblationEntry:
    """One row of the ablation: probabilities [n] of the test cases, and where they come from.

    A ``control`` was trained on shuffled labels: an AUROC above 0.5 would show a leak. ``threshold`` is
    None for ceilings and baselines.
    """

    name: str
    title: str
    kind: Literal["ceiling", "baseline", "model", "control"]
    probabilities: np.ndarray
    threshold: float | None = None
    fusion: str = ""
    weights_sha256: str = ""


def score_ablation(
    bundles: Mapping[str, Path],
    train_csv: Path,
    test_csv: Path,
    out: Path,
    progress: Progress = no_progress,
    resamples: int = RESAMPLES,
) -> AblationJson:
    """Score finished bundles on a test cohort, beside baselines on the metadata and the ceilings.

    Parameters
    ----------
    bundles
        Folders by the names that the table shows, e.g. ``concat``, ``concat-bce``.
    train_csv
        The cases that the bundles were trained on; the baselines are fitted on all of them.
    test_csv
        Cases that no bundle was trained on.
    out
        Folder, made if it is missing, for ``ablation.json``, ``ablation.csv``, ``ablation.html``,
        ``scores.csv`` (one row a case) and ``plots/``. A bundle's scores are taken from
        ``scores/NAME.json`` where these are of the same weights and cases.
    resamples
        Of the bootstrap; fewer for a quick look.

    Returns
    -------
    AblationJson
        The content of ``ablation.json``.

    Raises
    ------
    UserError
        For a table of one label only, for the same table twice, and for a bundle or file that can't be
        read or written.
    """
    out.mkdir(parents=True, exist_ok=True)
    test, training = read_table(test_csv), read_table(train_csv)
    labels = test.labels
    for table in (test, training):
        if len(set(table.labels.tolist())) < 2:
            raise UserError("all cases have the same label", path=table.path)
    if file_sha256(test.path) == file_sha256(training.path):
        raise UserError("these are the cases that were trained on", path=test.path)
    entries = [
        AblationEntry(name, CEILING_TITLES[name], "ceiling", values)
        for name, values in ceiling_probabilities(test).items()
    ]
    entries += _baselines(training, test)
    scored = _scored_bundles(bundles, test, out / "scores", part_of(progress, 0.0, 0.8))
    entries += [
        AblationEntry(
            name,
            name,
            "control" if name.endswith(SHUFFLED) else "model",
            one.probabilities,
            one.info.decision.threshold,
            one.info.network.fusion,
            one.weights_sha256,
        )
        for name, one in scored.items()
    ]
    rows = []
    for number, entry in enumerate(entries):
        progress(0.8 + 0.2 * number / len(entries), f"Resampling the figures of {entry.name}")
        rows.append(_row(entry, entries[0], labels, resamples))
    result: AblationJson = {
        "test": _about(test),
        "training": _about(training),
        "n": len(labels),
        "positives": int(labels.sum()),
        "intervals": f"95 %, bootstrap within each class, {resamples} resamples",
        "rows": rows,
        "comparisons": _comparisons(entries, labels),
        "verdict": _verdict(rows),
    }
    _write(out, result, test, entries)
    progress(1.0, "Scored")
    return result


def _baselines(training: CaseTable, test: CaseTable) -> list[AblationEntry]:
    """Logistic regression, and boosted trees whose depth and number are chosen by cross-validation."""
    if not training.schema.fields:
        return []
    schema = fit_schema(training.schema, training.cases)
    known, given = (
        training.encode_metadata(schema),
        read_table(test.path, schema).encode_metadata(schema),
    )
    logistic = LogisticRegression(max_iter=1000).fit(known, training.labels)
    fewest = int(np.bincount(training.labels).min())
    boosting = GridSearchCV(
        GradientBoostingClassifier(learning_rate=0.05, subsample=0.7, random_state=0),
        {"max_depth": [1, 2, 3], "n_estimators": [50, 150]},
        scoring="neg_log_loss",
        cv=StratifiedKFold(min(3, fewest), shuffle=True, random_state=0),
    ).fit(known, training.labels)
    return [
        AblationEntry(name, title, "baseline", model.predict_proba(given)[:, 1])
        for (name, title), model in zip(_BASELINES.items(), (logistic, boosting), strict=True)
    ]


def _scored_bundles(
    bundles: Mapping[str, Path], test: CaseTable, stored: Path, progress: Progress
) -> dict[str, BundleScores]:
    """Every bundle's predictions; the cases are read again only where the preprocessing differs."""
    stored.mkdir(exist_ok=True)
    digest = file_sha256(test.path)
    found: dict[str, BundleScores] = {}
    images: np.ndarray | None = None
    grid = None
    for number, (name, folder) in enumerate(bundles.items()):
        part = part_of(progress, number / len(bundles), (number + 1) / len(bundles))
        info = BundleInfo.read(folder)
        file = stored / f"{name}.json"
        weights = file_sha256(info.weights_path) if info.weights_path.is_file() else ""
        known = _stored_logits(file, weights, digest, len(test.cases))
        if known is not None:
            found[name] = BundleScores(info, weights, known)
            continue
        if images is None or grid != info.preprocessing:
            grid = info.preprocessing
            images, _ = load_inputs(test.cases, grid, part_of(part, 0.0, 0.4))
        loaded = ModelBundle.load(folder)
        table = read_table(test.path, info.schema)
        cases = Cases(images, table.encode_metadata(info.schema), table.labels)
        logits = predict_cases(loaded, cases, part_of(part, 0.4, 1.0))
        found[name] = BundleScores(info, loaded.weights_sha256, logits)
        plain = {"weights_sha256": weights, "table_sha256": digest, "logits": logits.tolist()}
        write_whole_text(file, json.dumps(plain) + "\n")
    return found


def _stored_logits(path: Path, weights: str, table: str, count: int) -> np.ndarray | None:
    """Logits [n] of an earlier run, if they are of these weights and cases; else None."""
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        logits = np.array(plain["logits"], dtype=np.float32)
        same = (plain["weights_sha256"], plain["table_sha256"]) == (weights, table)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return logits if same and logits.shape == (count,) else None


def _row(
    entry: AblationEntry, best: AblationEntry, labels: np.ndarray, resamples: int
) -> AblationRowJson:
    chance = entry.probabilities
    threshold = 0.5 if entry.threshold is None else entry.threshold
    found = compute_metrics(labels, chance, threshold, resamples)
    if entry.threshold is None:
        found = {k: v for k, v in found.items() if k not in ("sensitivity", "specificity")}
    row: AblationRowJson = {
        "name": entry.name,
        "title": entry.title,
        "kind": entry.kind,
        "fusion": entry.fusion,
        "threshold": entry.threshold,
        "weights_sha256": entry.weights_sha256,
        "figures": {name: estimate.to_json() for name, estimate in found.items()},
    }
    if best.name == "probability":
        share = share_of_ceiling(labels, chance, best.probabilities, resamples)
        if share is not None:
            row["share_of_bayes"] = share.to_json()
    return row


def _comparisons(entries: list[AblationEntry], labels: np.ndarray) -> list[dict[str, Any]]:
    """DeLong's test of every fusion against each single source, and of focal loss against cross-entropy."""
    by_name = {entry.name: entry for entry in entries}
    models = [one for one in entries if one.kind == "model"]
    pairs: list[tuple[AblationEntry, AblationEntry]] = []
    for one in models:
        if one.fusion != "image_only":
            pairs += [(one, other) for other in models if other.fusion == "image_only"]
            pairs += [(one, by_name[name]) for name in _BASELINES if name in by_name]
        plain = by_name.get(one.name.removesuffix("-bce"))
        if one.name.endswith("-bce") and plain is not None:
            pairs.append((plain, one))
    found = []
    for a, b in pairs:
        judged: AurocComparison = compare_scores(labels, a.probabilities, b.probabilities)
        found.append({"a": a.name, "b": b.name, "p_text": judged.p_text, **judged.to_json()})
    return found


def _verdict(rows: list[AblationRowJson]) -> VerdictJson | dict[str, Any]:
    """Whether the best fusion reaches the target, and whose intervals of AUROC its own lies above."""
    models = [row for row in rows if row["kind"] == "model"]
    fusions = [row for row in models if row["fusion"] != "image_only"]
    single = [row for row in rows if row["kind"] == "baseline" or row["fusion"] == "image_only"]
    if not fusions:
        return {}
    best = max(fusions, key=lambda row: row["figures"]["auroc"]["value"])
    area = Estimate.from_json(best["figures"]["auroc"])
    apart = {}
    for row in single:
        high = row["figures"]["auroc"]["high"]
        apart[row["name"]] = bool(area.low is not None and high is not None and area.low > high)
    verdict: VerdictJson = {"best_fusion": best["name"], "intervals_apart_from": apart}
    if "share_of_bayes" in best:
        share = best["share_of_bayes"]
        verdict["share_of_bayes"] = share
        verdict["target_share"] = TARGET_SHARE
        verdict["reaches_target"] = share["value"] >= TARGET_SHARE
    return verdict


def _about(table: CaseTable) -> TableJson:
    digest = hashlib.sha256(table.path.read_bytes()).hexdigest()
    return {"name": table.path.name, "sha256": digest, "cohort": table.cohort}


def _write(out: Path, result: AblationJson, test: CaseTable, entries: list[AblationEntry]) -> None:
    write_json(result, out / "ablation.json")
    flat = []
    for row in result["rows"]:
        line = {key: row[key] for key in ("name", "kind", "fusion", "threshold")}
        for name in ("auroc", "auprc", "brier", "ece", "sensitivity", "specificity"):
            for key in ("value", "low", "high"):
                found = row["figures"].get(name)
                line[name if key == "value" else f"{name}_{key}"] = found and found[key]
        line["share_of_bayes"] = row.get("share_of_bayes", {}).get("value")
        flat.append(line)
    write_csv(out / "ablation.csv", flat)
    lines: list[dict[str, Any]] = [{"case": case.name, "label": case.label} for case in test.cases]
    for entry in entries:
        for line, value in zip(lines, entry.probabilities, strict=True):
            line[entry.name] = f"{value:.6f}"
    write_csv(out / "scores.csv", lines)
    page, plots = ablation_page(result)
    write_page(out / "ablation.html", page)
    write_plots(out / "plots", plots)
