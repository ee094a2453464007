"""Measure how well a model detects out-of-distribution scans: corrupted ones, and false alarms."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.model.appearance import AppearanceStatistics, appearance_features
from fusion3d_gui.model.bundle import ModelBundle
from fusion3d_gui.model.reference import OUTSIDE_PERCENT, Reference
from fusion3d_gui.progress import Progress, no_progress, part_of
from fusion3d_gui.training.cohort.corruptions import CORRUPTIONS
from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.data.inputs import load_inputs
from fusion3d_gui.training.data.network_outputs import compute_outputs
from fusion3d_gui.training.data.table import read_table
from fusion3d_gui.training.measure.results import FlaggedJson, OodDetectionJson

#: Ordinary cases that are tried, at most.
_MOST_ORDINARY = 300


def measure_ood_detection(
    bundle: Path, csv: Path, *, of_each: int = 25, progress: Progress = no_progress
) -> OodDetectionJson:
    """Apply the bundle's two distances of the image to ordinary cases and to corrupted ones.

    Parameters
    ----------
    csv
        Table of cases of neither training nor validation, with volumes along the patient's axes, such as
        another cohort. The first 300 are taken as they are; the last ``of_each`` are corrupted in each way
        of :data:`~fusion3d_gui.training.cohort.corruptions.CORRUPTIONS`.

    Returns
    -------
    OodDetectionJson
        A JSON object: ``table``, ``cohort`` where it is one, ``percent``, and ``rows``: each with ``name``,
        ``cases`` and how many of these were flagged by either distance (``either``), by that of the appearance
        (``glance``) and by that of the ``embedding``. The first row is that of the ordinary cases.

    Raises
    ------
    UserError
        When the bundle has no reference statistics, or the table too few cases.
    """
    loaded = ModelBundle.load(bundle)
    reference = Reference.load(loaded.info, loaded.weights_sha256)
    if reference is None or reference.appearance is None:
        raise UserError(
            "it has no reference statistics of how scans look",
            path=bundle,
            remedy="Make them: fusion3d reference BUNDLE CASES.csv, with the table it was trained on.",
        )
    table = read_table(csv, loaded.info.schema)
    ordinary, corrupted = table.cases[:_MOST_ORDINARY], table.cases[-of_each:]
    if len(table.cases) < 2 * of_each:
        raise UserError(f"it has fewer than {2 * of_each} cases", path=csv)
    preprocessing = loaded.info.preprocessing

    distances = reference, reference.appearance

    def row(name: str, images: np.ndarray) -> FlaggedJson:
        by_embedding, by_appearance = _flagged(loaded, distances, images)
        return {
            "name": name,
            "cases": len(images),
            "either": int((by_appearance | by_embedding).sum()),
            "glance": int(by_appearance.sum()),
            "embedding": int(by_embedding.sum()),
        }

    images, _ = load_inputs(ordinary, preprocessing, part_of(progress, 0.0, 0.3))
    rows = [row("ordinary cases", images)]
    volumes = [open_volume(case.path) for case in corrupted]
    for number, corruption in enumerate(CORRUPTIONS):
        progress(0.4 + 0.6 * number / len(CORRUPTIONS), f"Trying scans: {corruption.name}")
        made = [
            preprocessing.apply(corruption.apply(each, seed)) for seed, each in enumerate(volumes)
        ]
        rows.append(row(corruption.name, np.stack([each.voxels for each in made])))
    found: OodDetectionJson = {
        "table": table.path.name,
        "percent": OUTSIDE_PERCENT,
        "rows": rows,
    }
    if table.cohort:
        found["cohort"] = table.cohort
    return found


def _flagged(
    loaded: ModelBundle, distances: tuple[Reference, AppearanceStatistics], images: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Which inputs [n, k, j, i] are flagged by the embedding, and which by the appearance (bool [n] each)."""
    by_embedding, by_appearance = distances
    count, info = len(images), loaded.info
    cases = Cases(images, np.zeros((count, info.schema.width)), np.zeros(count, np.int64))
    embeddings = compute_outputs(loaded.network, cases, np.arange(count)).embeddings
    features = np.stack(
        [
            appearance_features(each, info.preprocessing.foreground(each))
            for each in images.astype(np.float32)
        ]
    )
    shares = (
        [by_embedding.distance_percentile(far) for far in by_embedding.distance(embeddings)],
        [by_appearance.percentile(far) for far in by_appearance.distance(features)],
    )
    return np.array(shares[0]) >= OUTSIDE_PERCENT, np.array(shares[1]) >= OUTSIDE_PERCENT
