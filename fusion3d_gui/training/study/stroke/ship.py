"""``make_models``: the two bundles that are shipped, made by the study's steps from all patients with an outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fusion3d_gui import RESEARCH_USE_ONLY, __version__
from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle.bundle import file_sha256, save_bundle
from fusion3d_gui.model.bundle.bundle_info import Decision
from fusion3d_gui.model.network.network_config import Fusion
from fusion3d_gui.model.schema import MetadataSchema
from fusion3d_gui.output_file import is_unused, write_whole_text
from fusion3d_gui.progress import Progress, no_progress, part_of
from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.data.table_scope import scope_of_table
from fusion3d_gui.training.measure.metadata_baseline import MetadataBaseline
from fusion3d_gui.training.measure.reference_statistics import write_reference
from fusion3d_gui.training.study.stroke.card import stroke_card
from fusion3d_gui.training.study.stroke.cohort import GRID, SCOPE, StrokeCohort, read_cohort
from fusion3d_gui.training.study.stroke.plan import StudyPlan, poor_outcome
from fusion3d_gui.training.study.stroke.pretext import (
    STRIDES,
    WIDTH,
    fit_readout,
    load_branch,
    pooled_features,
    save_branch,
    train_branch,
)
from fusion3d_gui.training.study.stroke.selection import FUSED, FittedModel, fit_model

#: The fused model, and that of the lesion map alone.
MODEL_NAMES = NAME, IMAGE_ONLY_NAME = "stroke-outcome", "stroke-outcome-image-only"
TASK = "Poor outcome after ischaemic stroke (mRS 3 or more)"
CLASS_NAMES = ("mRS 0 to 2", "mRS 3 to 6")
_INNER_FOLDS = 5
#: Every fifth patient gives the distances that ordinary cases have.
_HELD_EVERY = 5


@dataclass(frozen=True, eq=False)
class _Final:
    """What both bundles are made from."""

    cohort: StrokeCohort
    rows: np.ndarray
    labels: np.ndarray
    branch_file: Path
    schema: MetadataSchema
    metadata: np.ndarray


def make_models(
    folder: Path,
    out: Path,
    models: Path,
    plan: StudyPlan,
    results: Mapping[str, Any],
    progress: Progress = no_progress,
) -> None:
    """Train the fused model and the one of the lesion map alone into ``models``.

    Parameters
    ----------
    folder, out, plan, results
        The data, the folder of the finished study, its plan and its results, which the cards quote.

    Raises
    ------
    UserError
        For a folder of a bundle that is there already.
    """
    for name in MODEL_NAMES:
        if not is_unused(models / name):
            raise UserError("it is there already", path=models / name, remedy="Delete it first.")
    cohort = read_cohort(folder, out, most=plan.most)
    rows = cohort.with_outcome
    file = out / "final.safetensors"
    if not file.exists():
        branch = load_branch(out / "common.safetensors")
        known = np.flatnonzero(np.isfinite(cohort.nihss))
        train_branch(branch, cohort, known, plan.of_fold, plan.seed, part_of(progress, 0.0, 0.6))
        save_branch(branch, file)
    branch = load_branch(file)
    pooled = pooled_features(branch, cohort.maps)
    schema = cohort.schema(rows)
    metadata = cohort.encoded(schema, rows)
    labels = poor_outcome(cohort, rows)
    readout = fit_readout(cohort, pooled, np.flatnonzero(np.isfinite(cohort.nihss)))

    def fitted(fusion: Fusion) -> FittedModel:
        return fit_model(
            fusion,
            readout,
            pooled[rows],
            metadata,
            labels,
            seed=plan.seed,
            folds=_INNER_FOLDS,
            grid=plan.grid,
            steps=plan.steps,
        )

    fused = min((fitted(fusion) for fusion in FUSED), key=lambda model: model.inner_log_loss)
    final = _Final(cohort, rows, labels, file, schema, metadata)
    _write_bundle(models / NAME, fused, final, plan, results)
    _write_bundle(models / IMAGE_ONLY_NAME, fitted("image_only"), final, plan, results)
    progress(1.0, "Models written")


def _write_bundle(
    folder: Path, model: FittedModel, final: _Final, plan: StudyPlan, results: Mapping[str, Any]
) -> None:
    network = model.heads.network(WIDTH, stage_strides=STRIDES)
    network.image_branch.backbone.load_state_dict(
        load_branch(final.branch_file).backbone.state_dict()
    )
    alone = model.heads.fusion == "image_only"
    schema = MetadataSchema() if alone else final.schema
    cohort, rows = final.cohort, final.rows
    table_rows = [cohort.table.cases[n] for n in rows]
    scope = replace(scope_of_table(SCOPE, table_rows, final.schema), contrasts=())
    decision = Decision(CLASS_NAMES, model.threshold, model.temperature)
    positives = int(final.labels.sum())
    metadata = {
        "name": folder.name,
        "version": "1.0.0",
        "changelog": {"1.0.0": "first training"},
        "task": TASK,
        "description": (
            "Lesion map of an acute ischaemic stroke in standard space"
            + ("." if alone else ", with age, sex, race, prior stroke, BMI and NIHSS.")
            + " Real patients of one center (SOOP, OpenNeuro ds004889); the input is the lesion map, not a scan."
        ),
        "authors": "The Fusion3D team",
        "copyright": "Licensed under Apache-2.0",
        "intended_use": f"{RESEARCH_USE_ONLY}.",
        "data_source": "OpenNeuro ds004889, derivatives (lesion maps in standard space)",
        "eval_metrics": {"study": _study_figures(results, "image_only" if alone else "fused")},
        "training": {
            "fusion3d_version": __version__,
            "seed": plan.seed,
            "cases": len(rows),
            "positives": positives,
            # Temperature and threshold come from inner out-of-fold logits of all cases.
            "validation_cases": len(rows),
            "validation_positives": positives,
            "chosen": model.to_json(),
        },
    }
    save_bundle(
        folder,
        network,
        metadata=metadata,
        preprocessing=GRID,
        schema=schema,
        decision=decision,
        card="",
        scope=scope,
    )
    digest = file_sha256(folder / "models" / "model.safetensors")
    card = stroke_card(folder.name, network.config, schema, decision, scope, model, results, digest)
    write_whole_text(folder / "docs" / "README.md", card)
    if not alone:
        MetadataBaseline.fit(final.metadata, final.labels).save(folder)
    held = np.arange(len(rows)) % _HELD_EVERY == 0
    write_reference(
        folder,
        network,
        Cases(cohort.maps[rows], final.metadata, final.labels),
        np.flatnonzero(~held),
        np.flatnonzero(held),
        rows=table_rows,
        simulated=False,
        seed=plan.seed,
    )


def _study_figures(results: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The study's out-of-fold figures of a model, for ``metadata.json``."""
    found = results["models"][name]
    return {
        "method": "out-of-fold, averaged over repeats; not of these very weights",
        "cases": results["outcome"]["n"],
        "positives": results["outcome"]["positive"],
        **{key: found[key] for key in ("auroc", "auprc", "brier", "slope", "intercept")},
    }
