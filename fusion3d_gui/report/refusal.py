"""The JSON document about a case that a model was not meant for, in place of a prediction."""

from __future__ import annotations

from typing import Any

from fusion3d_gui import RESEARCH_USE_ONLY, __version__
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.fit.fit_report import FitReport
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.report.result_json import SCHEMA


def refusal_json(report: FitReport, info: BundleInfo, volume: Volume) -> dict[str, Any]:
    """Why there is no number, with the keys of a prediction's JSON, without identity or file paths."""
    return {
        "schema": SCHEMA,
        "probability": None,
        "logit": None,
        "threshold": info.decision.threshold,
        "class": None,
        "positive": None,
        **report.to_json(),
        "despite_misfit": False,
        "model": {"name": info.name, "version": info.version},
        "voxels_sha256": volume.sha256,
        "fusion3d": __version__,
        "notice": RESEARCH_USE_ONLY,
    }
