"""``evaluate``: measure a bundle on a table of cases that it has not seen."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.progress import Progress, no_progress, part_of
from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.data.inputs import load_inputs
from fusion3d_gui.training.data.table import CaseRow, CaseTable, read_table
from fusion3d_gui.training.measure.curves import evaluation_curves
from fusion3d_gui.training.measure.maps.case_maps import REFERENCE
from fusion3d_gui.training.measure.maps.localisation import localise
from fusion3d_gui.training.measure.maps.localisation_table import Localisation
from fusion3d_gui.training.measure.maps.window_maps import window_maps
from fusion3d_gui.training.measure.metadata_baseline import MetadataBaseline
from fusion3d_gui.training.measure.metrics import (
    RESAMPLES,
    auroc,
    auroc_difference,
    compute_metrics,
)
from fusion3d_gui.training.measure.results import EvaluationJson, SubgroupJson, TableJson
from fusion3d_gui.training.measure.scores import (
    CEILING_TITLES,
    BundleScores,
    ceiling_probabilities,
    predict_cases,
)
from fusion3d_gui.training.measure.subgroups import subgroup_metrics
from fusion3d_gui.training.report.evaluation_record import record_evaluation


def evaluate(
    bundle: Path,
    csv: Path,
    *,
    record: bool = False,
    resamples: int = RESAMPLES,
    progress: Progress = no_progress,
) -> EvaluationJson:
    """Measure a bundle on a table of cases that it has not seen.

    Parameters
    ----------
    bundle
        Folder of the bundle.
    csv
        Table with the model's metadata columns; true probabilities and lesion masks are used where it
        has them.
    record
        Write the figures into the bundle's ``configs/metadata.json`` and model card.
    resamples
        Number of bootstrap resamples; fewer for a quick look.

    Returns
    -------
    EvaluationJson
        A JSON object. What was judged: ``bundle``, ``weights_sha256``, ``table``, ``n``, ``positives``,
        ``threshold``. ``figures`` by the names of :data:`~fusion3d_gui.training.measure.metrics.METRIC_TITLES`, each
        ``value``, ``low`` and ``high`` (95 %). ``curves`` (ROC and reliability, see
        :class:`~fusion3d_gui.model.bundle.evaluation_curves.EvaluationCurves`). With true probabilities, ``ceilings``: the AUROC of
        each. With metadata, ``metadata_baseline``: AUROC of logistic regression on it alone, and
        the ``gain`` over it (paired). ``subgroups`` (see :mod:`~fusion3d_gui.training.measure.subgroups`). With masks,
        ``localisation`` on true positives (see :mod:`~fusion3d_gui.training.measure.maps.localisation`). ``cases``, one
        object a case.

    Raises
    ------
    UserError
        For a table that does not fit the model, or that has one label only.
    """
    loaded = ModelBundle.load(bundle)
    info = loaded.info
    table = read_table(csv, info.schema)
    labels = table.labels
    if len(set(labels.tolist())) < 2:
        raise UserError("all cases have the same label, so nothing can be judged", path=csv)
    images, affines = load_inputs(table.cases, info.preprocessing, part_of(progress, 0.0, 0.3))
    cases = Cases(images, table.encode_metadata(info.schema), labels)
    scored = BundleScores(
        info, loaded.weights_sha256, predict_cases(loaded, cases, part_of(progress, 0.3, 0.7))
    )
    probabilities, threshold = scored.probabilities, info.decision.threshold
    progress(0.7, "Resampling the figures")
    result: EvaluationJson = {
        "bundle": info.name,
        "bundle_version": info.version,
        "task": info.title,
        "class_names": list(info.decision.class_names),
        "weights_sha256": loaded.weights_sha256,
        "table": _table_json(table),
        "n": len(labels),
        "positives": int(labels.sum()),
        "threshold": threshold,
        "temperature": info.decision.temperature,
        "intervals": f"95 %, bootstrap within each class, {resamples} resamples",
        "figures": {
            name: found.to_json()
            for name, found in compute_metrics(labels, probabilities, threshold, resamples).items()
        },
        "curves": evaluation_curves(labels, probabilities, threshold).to_json(),
        "subgroups": _subgroups(table, labels, probabilities, threshold),
    }
    truth = ceiling_probabilities(table)
    if truth:
        result["ceilings"] = {name: auroc(labels, best).to_json() for name, best in truth.items()}
    baseline = MetadataBaseline.load(bundle, info.schema.width) if info.schema.fields else None
    metadata_logits = None if baseline is None else baseline.logits(cases.metadata)
    if metadata_logits is not None:
        result["metadata_baseline"] = {
            "auroc": auroc(labels, metadata_logits).to_json(),
            "gain": auroc_difference(labels, scored.logits, metadata_logits).to_json(),
        }
    hits = np.flatnonzero(
        [
            bool(label) and p >= threshold and case.mask is not None
            for case, label, p in zip(table.cases, labels, probabilities, strict=True)
        ]
    )
    if len(hits):
        result["localisation"] = _localisation(
            loaded,
            [table.cases[n] for n in hits],
            replace(cases, images=images[hits], metadata=cases.metadata[hits], labels=labels[hits]),
            affines[hits],
            resamples,
            part_of(progress, 0.75, 1.0),
        ).to_json()
    result["cases"] = _case_rows(table, scored, truth, metadata_logits)
    if record:
        record_evaluation(bundle, result)
    progress(1.0, "Evaluated")
    return result


def _localisation(
    loaded: ModelBundle,
    rows: Sequence[CaseRow],
    cases: Cases,
    affines: np.ndarray,
    resamples: int,
    progress: Progress,
) -> Localisation:
    """How well the maps of true positives point, with the default that was chosen on other cases."""
    displacements = loaded.info.displacements
    default = None if displacements is None else displacements.default
    # A default of many passes is judged, too.
    slow = default is not None and default[1] is None and default != REFERENCE
    more = window_maps(loaded, rows, cases, affines, (default[0],)) if default and slow else None
    found = localise(
        loaded.network,
        loaded.info.preprocessing,
        rows,
        cases,
        affines,
        displacements=displacements,
        more_maps=more,
        resamples=resamples,
        progress=progress,
    )
    return replace(found, chosen=default)


def _table_json(table: CaseTable) -> TableJson:
    digest = hashlib.sha256(table.path.read_bytes()).hexdigest()
    found: TableJson = {"name": table.path.name, "sha256": digest}
    if table.cohort:
        found["cohort"] = table.cohort
    return found


def _subgroups(
    table: CaseTable, labels: np.ndarray, probabilities: np.ndarray, threshold: float
) -> list[SubgroupJson]:
    """Metrics by the model's fields; for a model without metadata, by those of the table itself."""
    if table.schema.fields:
        return subgroup_metrics(table.schema, table.cases, labels, probabilities, threshold)
    try:
        own = read_table(table.path)
    except UserError:
        # The model doesn't need these columns, so that a bad one is no error here.
        return []
    return subgroup_metrics(own.schema, own.cases, labels, probabilities, threshold)


def _case_rows(
    table: CaseTable,
    scored: BundleScores,
    truth: dict[str, np.ndarray],
    metadata_logits: np.ndarray | None,
) -> list[dict[str, Any]]:
    """A JSON object for each case."""
    rows, probabilities = [], scored.probabilities
    for n, case in enumerate(table.cases):
        probability = float(probabilities[n])
        row: dict[str, Any] = {
            "case": case.name,
            "label": case.label,
            "probability": round(probability, 6),
            "positive": probability >= scored.info.decision.threshold,
            "logit": round(float(scored.logits[n]), 6),
        }
        if metadata_logits is not None:
            row["metadata_logit"] = round(float(metadata_logits[n]), 6)
        row |= {
            f"true_{name}": round(float(truth[name][n]), 6)
            for name in CEILING_TITLES
            if name in truth
        }
        rows.append(row)
    return rows
