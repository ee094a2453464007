"""``model_json``: the model behind a prediction: what it was trained on, how it was evaluated, what it is for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusion3d_gui.inference.prediction import Prediction
from fusion3d_gui.model.attribution.localisation_record import Estimate
from fusion3d_gui.model.bundle.bundle_info import BundleInfo

#: Figures of an evaluation, as ``fusion3d evaluate --record`` names them.
FIGURES = ("auroc", "auprc", "brier", "ece", "sensitivity", "specificity")


def model_json(info: BundleInfo, prediction: Prediction) -> dict[str, Any]:
    """The model as a JSON object; what its bundle does not record, or not as Fusion3D writes it, is None."""
    return {
        "name": prediction.bundle_name,
        "version": prediction.bundle_version,
        "weights_sha256": prediction.weights_sha256,
        "task": info.title,
        "description": info.description,
        "intended_use": _text(info.metadata.get("intended_use")),
        "class_names": list(prediction.class_names),
        "training": _training(info),
        "calibrated_at_prevalence": info.calibrated_at,
        "evaluation": _evaluation(info),
        "scope": None if info.scope is None else info.scope.to_json(),
    }


def _training(info: BundleInfo) -> dict[str, int | None]:
    found = _mapping(info.metadata.get("training"))
    names = ("cases", "positives", "validation_cases", "validation_positives")
    return {name: _count(found.get(name)) for name in names}


def _evaluation(info: BundleInfo) -> dict[str, Any] | None:
    held_out = _mapping(_mapping(info.metadata.get("eval_metrics")).get("held_out"))
    cases, positives = _count(held_out.get("n")), _count(held_out.get("positives"))
    if not cases or positives is None:
        return None
    table = _mapping(held_out.get("table"))
    figures = _mapping(held_out.get("figures"))
    found = {name: _figure(figures.get(name)) for name in FIGURES}
    return {
        "table": _text(table.get("name")),
        "cases": cases,
        "positives": positives,
        "figures": {name: figure for name, figure in found.items() if figure is not None},
    }


def _figure(plain: Any) -> dict[str, float | None] | None:
    """A figure with the ends of its 95 % interval."""
    try:
        found = Estimate.from_json(plain)
    except (KeyError, TypeError, ValueError):
        return None
    return {"value": found.value, "low": found.low, "high": found.high}


def _mapping(plain: Any) -> Mapping[str, Any]:
    return plain if isinstance(plain, Mapping) else {}


def _count(plain: Any) -> int | None:
    is_count = isinstance(plain, int) and not isinstance(plain, bool) and plain >= 0
    return plain if is_count else None


def _text(plain: Any) -> str | None:
    return plain if isinstance(plain, str) and plain else None
