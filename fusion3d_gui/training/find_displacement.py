"""``find_displacement``: measure how far a bundle's heatmaps lie from the evidence, and choose its default map."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.attribution.displacement import (
    FEWEST_CASES,
    MOST_BY_RANDOM_WEIGHTS,
    Displacements,
    write_displacements,
)
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.progress import Progress, no_progress, part_of
from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.data.inputs import load_inputs
from fusion3d_gui.training.data.split import validation_part
from fusion3d_gui.training.data.table import CaseTable, read_table
from fusion3d_gui.training.measure.maps.case_maps import REFERENCE
from fusion3d_gui.training.measure.maps.lesion_target import target_of
from fusion3d_gui.training.measure.maps.localisation import localise
from fusion3d_gui.training.measure.maps.map_displacement import chosen_cases, measure_displacements
from fusion3d_gui.training.measure.maps.window_maps import window_maps
from fusion3d_gui.training.measure.maps.within_lesion import gain_over_chance
from fusion3d_gui.training.measure.metrics import RESAMPLES
from fusion3d_gui.training.measure.scores import predict_cases
from fusion3d_gui.training.report.displacement_record import record_displacements


def find_displacement(
    bundle: Path,
    csv: Path,
    *,
    validation: bool = False,
    record: bool = False,
    methods: tuple[str, ...] = (),
    resamples: int = RESAMPLES,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Measure the displacements of a bundle's maps on a table of cases.

    With masks the default map is the best of those that pass the randomisation test
    (:class:`~fusion3d_gui.training.measure.maps.localisation_table.Localisation`). Without, it is gradient × input if that
    passes, else none. A model of lesion maps has another test instead: gradient × input is 0 outside the lesion whatever the
    weights, so that random ones point into it, too. There, blanking its peak must lower the logit by more than
    blanking random places of the same lesion (the interval of the difference lies above 0); that tells a map that
    says where the model looks from one that does not, and nothing of what the model has learned.

    Parameters
    ----------
    bundle
        Folder of the bundle, trained here or elsewhere.
    csv
        Table of cases with the model's metadata columns. Labels and masks are used where it has them; the
        vectors depend on neither.
    validation
        The table is that of the training: use the cases that validated only.
    record
        Write them, and the default map, into the bundle.
    methods
        Methods at the input to try as the default besides gradient × input, of many passes each.

    Returns
    -------
    dict
        A JSON object: that of :class:`~fusion3d_gui.model.attribution.displacement.Displacements`, with ``bundle``,
        ``cases``, ``masks`` (whether masks were used), ``reference_near`` (share of cases in which gradient ×
        input points with random weights); for a model of lesion maps ``within_lesion``, the gain over chance (see
        :mod:`~fusion3d_gui.training.measure.maps.within_lesion`; null with fewer than 8 lesions of 16 voxels); with masks, ``localisation``.

    Raises
    ------
    UserError
        For a bundle or a table that can't be used, or with too few cases.
    """
    loaded = ModelBundle.load(bundle)
    info = loaded.info
    table = read_table(csv, info.schema, labelled=False)
    if validation:
        table = validation_part(table, info.metadata.get("training", {}))
    images, affines = load_inputs(table.cases, info.preprocessing, part_of(progress, 0.0, 0.15))
    cases = Cases(images, table.encode_metadata(info.schema), table.labels)
    logits = predict_cases(loaded, cases, part_of(progress, 0.15, 0.25))
    chosen = _measured(table, expit(logits / info.decision.temperature), info.decision.threshold)
    rows = [table.cases[n] for n in chosen]
    affines = affines[chosen]
    part = Cases(images[chosen], cases.metadata[chosen], cases.labels[chosen])
    targets = None
    if all(row.mask is not None for row in rows):
        grounds = (info.preprocessing.foreground(image) for image in part.images)
        targets = [
            target_of(row, ground, affine)
            for row, ground, affine in zip(rows, grounds, affines, strict=True)
        ]
    more = window_maps(loaded, rows, part, affines, methods) if methods else None
    measured = measure_displacements(
        loaded.network,
        part,
        affines,
        targets,
        more_maps=more,
        resamples=resamples,
        progress=part_of(progress, 0.25, 0.6),
    )
    # Without masks nothing tells which map points best, but gradient × input needs no correction.
    gain = None
    if of_lesions := info.scope is not None and info.scope.kind == "lesion_map":
        gain = gain_over_chance(
            loaded.network, part, affines, measured.reference_places, resamples=resamples
        )
        sound = gain is not None and gain.low is not None and gain.low > 0
    else:
        sound = measured.random_near[REFERENCE] <= MOST_BY_RANDOM_WEIGHTS
    found = Displacements(
        measured.maps,
        loaded.weights_sha256,
        round(measured.constant_near, 4),
        Path(csv).name,
        REFERENCE if sound else None,
    )
    located = None
    if targets is not None:
        located = localise(
            loaded.network,
            info.preprocessing,
            rows,
            part,
            affines,
            displacements=found,
            more_maps=more,
            random=measured.random_near,
            resamples=resamples,
            progress=part_of(progress, 0.6, 1.0),
        )
        best = located.best
        found = replace(found, default=None if best is None else (best.method, best.stage))
    if record:
        write_displacements(bundle, found)
        record_displacements(bundle, found)
    progress(1.0, "Measured")
    return {
        "bundle": info.name,
        "cases": len(rows),
        "masks": targets is not None,
        "reference_near": round(measured.random_near[REFERENCE], 4),
        **({"within_lesion": None if gain is None else gain.to_json()} if of_lesions else {}),
        **found.to_json(),
        **({} if located is None else {"localisation": located.to_json()}),
    }


def _measured(table: CaseTable, probabilities: np.ndarray, threshold: float) -> np.ndarray:
    """Row numbers of the cases to measure on; where enough of them have a mask, only these."""
    labels = table.labels
    has_mask = np.array([case.mask is not None for case in table.cases])
    known = None if (labels < 0).any() else labels
    if len(table.cases) < FEWEST_CASES:
        raise UserError(
            f"{len(table.cases)} cases are too few", remedy=f"Give at least {FEWEST_CASES}."
        )
    positive = probabilities >= threshold
    if known is not None and (positive & (known == 1) & has_mask).sum() >= FEWEST_CASES:
        # A positive case without a lesion has nothing to point at.
        return chosen_cases(known & has_mask, probabilities, threshold)
    return chosen_cases(known, probabilities, threshold)
