"""Predictions of a bundle for a table of cases, and the probabilities that a simulated table holds."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.special import expit

from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.progress import Progress, no_progress, part_of
from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.data.inputs import load_inputs
from fusion3d_gui.training.data.network_outputs import compute_outputs
from fusion3d_gui.training.data.table import CaseTable, read_table

#: Columns of a simulated cohort with the label's probability, and the titles of the ceilings that they set.
CEILING_TITLES = {
    "probability": "Bayes ceiling (all that decides)",
    "probability_image": "Image ceiling",
    "probability_metadata": "Metadata ceiling",
}


@dataclass(frozen=True, eq=False)
class BundleScores:
    """A bundle's predictions for the cases of a table, in its order: ``logits`` [n], uncalibrated."""

    info: BundleInfo
    weights_sha256: str
    logits: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        """Calibrated probabilities [n], float64."""
        found: np.ndarray = expit(self.logits.astype(np.float64) / self.info.decision.temperature)
        return found


def score_bundle(
    bundle: Path,
    csv: Path,
    images: np.ndarray | None = None,
    progress: Progress = no_progress,
) -> BundleScores:
    """Predict all cases of a table by a bundle.

    ``images`` are the cases' inputs as :func:`~fusion3d_gui.training.data.inputs.load_inputs` returns them
    for this bundle's preprocessing, where they are in memory already. Raises UserError for a bundle or a
    table that can't be used.
    """
    loaded = ModelBundle.load(bundle)
    table = read_table(csv, loaded.info.schema)
    if images is None:
        images, _ = load_inputs(table.cases, loaded.info.preprocessing, part_of(progress, 0.0, 0.5))
        progress = part_of(progress, 0.5, 1.0)
    cases = Cases(images, table.encode_metadata(loaded.info.schema), table.labels)
    return BundleScores(loaded.info, loaded.weights_sha256, predict_cases(loaded, cases, progress))


def predict_cases(
    loaded: ModelBundle, cases: Cases, progress: Progress = no_progress
) -> np.ndarray:
    """Logits [n], float32, of all cases; on all processors unless OMP_NUM_THREADS is set."""
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(os.cpu_count() or 1)
    loaded.network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    return compute_outputs(loaded.network, cases, np.arange(len(cases.labels)), progress).logits


def ceiling_probabilities(table: CaseTable) -> dict[str, np.ndarray]:
    """The columns of :data:`CEILING_TITLES` that the table has in full, float64 [n], in its order."""
    columns = {
        "probability": [case.probability for case in table.cases],
        "probability_image": [case.ceilings.get("image") for case in table.cases],
        "probability_metadata": [case.ceilings.get("metadata") for case in table.cases],
    }
    return {
        name: np.array(column, dtype=np.float64)
        for name, column in columns.items()
        if None not in column
    }
