"""``evaluate``: a bundle on a table of cases, in figures."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import expit
from sklearn.metrics import brier_score_loss, roc_auc_score

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle import ModelBundle
from fusion3d_gui.model.gradcam import cell_affine, gradcam, pooled_gradient
from fusion3d_gui.progress import Progress, no_progress, part_of
from fusion3d_gui.training.baseline import MetadataBaseline
from fusion3d_gui.training.card import record_evaluation
from fusion3d_gui.training.fit import Cases
from fusion3d_gui.training.inputs import load_inputs
from fusion3d_gui.training.localisation import localisation
from fusion3d_gui.training.table import read_table

_RESAMPLES = 2000


def evaluate(
    bundle: Path, csv: Path, *, record: bool = False, progress: Progress = no_progress
) -> dict[str, Any]:
    """Judge a bundle on a table of cases that it has not seen.

    Parameters
    ----------
    bundle
        Folder of the bundle.
    csv
        Table with the model's metadata columns; ``probability`` and ``mask`` are used where there.
    record
        Write the figures into the bundle's ``configs/metadata.json`` and model card.

    Returns
    -------
    A JSON object. ``n``, ``positives``; ``auc`` with ``auc_interval`` (95 %, percentile bootstrap of
    the cases, 2000 times); ``brier``; ``threshold``, ``sensitivity``, ``specificity``; with metadata,
    ``metadata_auc`` (logistic regression on it alone, fitted on the training cases) and
    ``auc_gain`` over it with ``auc_gain_interval`` (paired bootstrap); with true probabilities,
    ``bayes_auc``; with masks, ``localisation`` (see
    :func:`~fusion3d_gui.training.localisation.localisation`); and ``cases``, one object a case.

    Raises UserError for a table that does not suit the model.
    """
    loaded = ModelBundle.load(bundle)
    info, network = loaded.info, loaded.network
    table = read_table(csv, info.schema)
    labels = table.labels
    if len(set(labels.tolist())) < 2:
        raise UserError("all cases have the same label, so nothing can be judged", path=csv)
    images, affines = load_inputs(table.cases, info.preprocessing, part_of(progress, 0.0, 0.5))
    cases = Cases(images, table.encoded(info.schema), labels)
    logits, maps = _forward(network, cases, part_of(progress, 0.5, 0.9))
    probabilities = expit(logits / info.decision.temperature)
    called = probabilities >= info.decision.threshold

    low, high = _interval(labels, lambda rows: roc_auc_score(labels[rows], logits[rows]))
    result: dict[str, Any] = {
        "bundle": info.name,
        "bundle_version": info.version,
        "weights_sha256": loaded.weights_sha256,
        "table": {"name": table.path.name, **({"cohort": table.cohort} if table.cohort else {})},
        "n": len(labels),
        "positives": int(labels.sum()),
        "auc": _round(roc_auc_score(labels, logits)),
        "auc_interval": [low, high],
        "brier": _round(brier_score_loss(labels, probabilities)),
        "threshold": info.decision.threshold,
        "sensitivity": _round(called[labels == 1].mean()),
        "specificity": _round((~called)[labels == 0].mean()),
    }
    baseline = MetadataBaseline.load(bundle, info.schema.width) if info.schema.fields else None
    if baseline is not None:
        alone = baseline.logits(cases.metadata)

        def gain(rows: np.ndarray) -> float:
            with_image = roc_auc_score(labels[rows], logits[rows])
            return float(with_image - roc_auc_score(labels[rows], alone[rows]))

        result["metadata_auc"] = _round(roc_auc_score(labels, alone))
        result["auc_gain"] = _round(gain(np.arange(len(labels))))
        result["auc_gain_interval"] = list(_interval(labels, gain))
    truth = [case.probability for case in table.cases]
    if None not in truth:
        result["bayes_auc"] = _round(roc_auc_score(labels, np.array(truth, dtype=np.float64)))
    hits = [
        n for n, case in enumerate(table.cases) if labels[n] and called[n] and case.mask is not None
    ]
    if hits:
        result["localisation"] = localisation(
            [table.cases[n] for n in hits],
            info.preprocessing.foreground(images[hits]),
            affines[hits],
            maps[hits],
            np.array([cell_affine(affines[n], network.config.total_stride) for n in hits]),
            part_of(progress, 0.9, 1.0),
        )
    result["cases"] = [
        {
            "case": case.name,
            "label": case.label,
            "probability": round(float(probability), 6),
            "positive": bool(positive),
        }
        for case, probability, positive in zip(table.cases, probabilities, called, strict=True)
    ]
    if record:
        record_evaluation(bundle, result)
    progress(1.0, "Evaluated")
    return result


def _forward(
    network: torch.nn.Module, cases: Cases, progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """Logits [n] and Grad-CAMs [n, k, j, i] of all cases."""
    torch.set_num_threads(os.cpu_count() or 1)
    network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    logits, maps = [], []
    count = len(cases.labels)
    with torch.inference_mode():
        for start in range(0, count, 8):
            progress(start / count, f"Predicting case {start + 1} of {count}")
            rows = np.arange(start, min(start + 8, count))
            image, metadata, _ = cases.batch(rows)
            given = metadata if metadata.shape[1] else None
            outputs = network.forward_features(  # type: ignore[operator]
                image.contiguous(memory_format=torch.channels_last_3d), given
            )
            gradient = pooled_gradient(network, outputs.pooled, given)  # type: ignore[arg-type]
            logits.append(outputs.logit.numpy())
            maps.append(gradcam(outputs.feature_maps, gradient).numpy())
    return np.concatenate(logits), np.concatenate(maps)


def _interval(labels: np.ndarray, figure: Callable[[np.ndarray], float]) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    found: list[float] = []
    while len(found) < _RESAMPLES:
        rows = rng.integers(len(labels), size=len(labels))
        if 0 < labels[rows].sum() < len(rows):
            found.append(float(figure(rows)))
    low, high = np.percentile(found, [2.5, 97.5])
    return _round(low), _round(high)


def _round(value: float) -> float:
    return round(float(value), 4)
