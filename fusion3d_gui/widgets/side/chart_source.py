"""``chart_source``: what a saved chart says about the prediction that it belongs to."""

from __future__ import annotations

from fusion3d_gui.inference.analysis.result_types import WHAT_IF_NOTICE
from fusion3d_gui.state.case.form import Form
from fusion3d_gui.state.prediction.predictions import Predictions


def chart_source(predictions: Predictions, form: Form) -> tuple[str, ...]:
    """Return model, scan and values, and whether they are a what-if or doubtful, line by line; no identity."""
    values = form.values
    workbench = predictions.workbench
    if workbench is None:
        return ()
    prediction, report = workbench.prediction, predictions.shown_fit
    known = ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)
    return (
        f"{prediction.bundle_name} {prediction.bundle_version}, scan {prediction.volume_sha256[:8]}",
        *([f"Values: {known}"] if known else []),
        *([WHAT_IF_NOTICE] if predictions.what_if is not None else []),
        *([f"{report.mark}: {' '.join(report.reasons)}"] if report and report.mark else []),
        *([predictions.demonstration] if predictions.demonstration else []),
    )
