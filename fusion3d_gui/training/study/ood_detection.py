"""Measure how well a model detects out-of-distribution scans: corrupted ones, and false alarms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.fit.judge import judge_case
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.reference.appearance import is_beyond
from fusion3d_gui.model.reference.reference import Reference
from fusion3d_gui.model.schema import Value
from fusion3d_gui.progress import Progress, no_progress
from fusion3d_gui.training.cohort.corruptions import CORRUPTIONS, MISREADINGS
from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.data.network_outputs import compute_outputs
from fusion3d_gui.training.data.table import CaseRow, read_table
from fusion3d_gui.training.measure.reference_statistics import image_features
from fusion3d_gui.training.measure.results import FlaggedJson, OodDetectionJson

#: Ordinary cases that are tried, at most.
_MOST_ORDINARY = 300


def measure_ood_detection(
    bundle: Path, csv: Path, *, of_each: int = 25, progress: Progress = no_progress
) -> OodDetectionJson:
    """Judge ordinary cases and corrupted ones by the bundle's scope and by its gauges of the image.

    Parameters
    ----------
    csv
        Table of cases of neither training nor validation, with volumes along the patient's axes, such as
        another cohort. The first 300 are taken as they are; the last ``of_each`` are changed in each way
        of :data:`~fusion3d_gui.training.cohort.corruptions.CORRUPTIONS` and of
        :data:`~fusion3d_gui.training.cohort.corruptions.MISREADINGS`.

    Returns
    -------
    OodDetectionJson
        A JSON object: ``table``, ``cohort`` where it is one, and ``rows``: each with ``name``, ``cases`` and
        how many of these were called doubtful or refused by anything (``either``), by the declared ``scope``,
        by the appearance (``glance``), by the ``texture`` and by the ``embedding``. The first row is that of the
        ordinary cases.

    Raises
    ------
    UserError
        When the bundle has no reference statistics, or the table too few cases.
    """
    loaded = ModelBundle.load(bundle)
    reference = Reference.load(loaded.info, loaded.weights_sha256)
    if reference is None or reference.appearance is None or reference.texture is None:
        raise UserError(
            "it has no reference statistics of how scans look",
            path=bundle,
            remedy="Make them: fusion3d reference BUNDLE CASES.csv, with the table it was trained on.",
        )
    table = read_table(csv, loaded.info.schema)
    ordinary, corrupted = table.cases[:_MOST_ORDINARY], table.cases[-of_each:]
    if len(table.cases) < 2 * of_each:
        raise UserError(f"it has fewer than {2 * of_each} cases", path=csv)

    kinds: list[tuple[str, Callable[[Volume, int], Volume]]] = [
        *((each.name, each.apply) for each in CORRUPTIONS),
        *((each.name, lambda volume, _, change=each.apply: change(volume)) for each in MISREADINGS),
    ]
    whole = len(ordinary) + len(kinds) * len(corrupted)
    done = 0

    def row(
        name: str, cases: Sequence[CaseRow], change: Callable[[Volume, int], Volume]
    ) -> FlaggedJson:
        nonlocal done
        found = []
        for number, case in enumerate(cases):
            progress(done / whole, f"Judging scans: {name}")
            done += 1
            volume = change(open_volume(case.path), number)
            found.append(_flags(loaded, reference, volume, case.values))
        counts = np.array(found).sum(axis=0)
        return {
            "name": name,
            "cases": len(cases),
            "either": sum(any(flags) for flags in found),
            "scope": int(counts[0]),
            "glance": int(counts[1]),
            "texture": int(counts[2]),
            "embedding": int(counts[3]),
        }

    rows = [row("ordinary cases", ordinary, lambda volume, _: volume)]
    rows += [row(name, corrupted, change) for name, change in kinds]
    found: OodDetectionJson = {"table": table.path.name, "rows": rows}
    if table.cohort:
        found["cohort"] = table.cohort
    return found


def _flags(
    loaded: ModelBundle, reference: Reference, volume: Volume, values: Mapping[str, Value]
) -> tuple[bool, bool, bool, bool]:
    """Whether a case is called doubtful or refused by scope, by appearance, by texture, by embedding."""
    by_scope = judge_case(loaded.info, volume, values).fit != "fits"
    try:
        image = loaded.info.preprocessing.apply(volume).voxels[None]
    except UserError:
        return by_scope, False, False, False
    cases = Cases(image, np.zeros((1, loaded.info.schema.width)), np.zeros(1, np.int64))
    embedding = compute_outputs(loaded.network, cases, np.arange(1)).embeddings
    appearance, texture = image_features(loaded.info, image, np.arange(1))
    gauges = (
        (reference.appearance, appearance),
        (reference.texture, texture),
        (reference, embedding),
    )
    odd = [
        known is not None
        and is_beyond(float(known.distance(features)[0]), known.validation_distance)
        for known, features in gauges
    ]
    return by_scope, odd[0], odd[1], odd[2]
