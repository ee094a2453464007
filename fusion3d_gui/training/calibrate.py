"""``calibrate_bundle``: fit a bundle's temperature and threshold on a table of cases."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.special import expit

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.bundle.bundle_info import Decision
from fusion3d_gui.output_file import write_whole_text
from fusion3d_gui.progress import Progress, no_progress, part_of
from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.data.inputs import load_inputs
from fusion3d_gui.training.data.table import read_table
from fusion3d_gui.training.measure.calibration import ThresholdRule, fit_temperature
from fusion3d_gui.training.measure.scores import predict_cases


@dataclass(frozen=True)
class Calibration:
    """The decision that was fitted, the one before, and the mean log loss of the cases with either."""

    cases: int
    positives: int
    decision: Decision
    before: Decision
    log_loss: float
    log_loss_before: float


def calibrate_bundle(
    bundle: Path, csv: Path, rule: str = "youden", progress: Progress = no_progress
) -> Calibration:
    """Fit temperature and threshold, and write them into ``configs/decision.json``.

    Parameters
    ----------
    bundle
        Folder of the bundle.
    csv
        Table of labelled cases that its training has not seen.
    rule
        See :meth:`~fusion3d_gui.training.measure.calibration.ThresholdRule.parse`.

    Raises
    ------
    UserError
        For a bundle or a table that can't be used, or with one label only.
    """
    chosen = ThresholdRule.parse(rule)
    loaded = ModelBundle.load(bundle)
    info = loaded.info
    table = read_table(csv, info.schema)
    labels = table.labels
    if len(set(labels.tolist())) < 2:
        raise UserError("all cases have the same label, so nothing can be fitted", path=csv)
    images, _ = load_inputs(table.cases, info.preprocessing, part_of(progress, 0.0, 0.4))
    cases = Cases(images, table.encode_metadata(info.schema), labels)
    logits = predict_cases(loaded, cases, part_of(progress, 0.4, 1.0)).astype(np.float64)
    temperature = fit_temperature(logits, labels)
    threshold = chosen.threshold(expit(logits / temperature), labels)
    decision = replace(info.decision, temperature=temperature, threshold=threshold)
    text = json.dumps(decision.to_json(), indent=2, ensure_ascii=False) + "\n"
    write_whole_text(Path(bundle) / "configs" / "decision.json", text)
    progress(1.0, "Calibrated")
    return Calibration(
        len(labels),
        int(labels.sum()),
        decision,
        info.decision,
        _log_loss(logits, labels, temperature),
        _log_loss(logits, labels, info.decision.temperature),
    )


def _log_loss(logits: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    return float(np.logaddexp(0, (1 - 2 * labels) * logits / temperature).mean())
