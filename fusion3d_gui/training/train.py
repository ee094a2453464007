"""``train``: from a table of cases to a calibrated and documented bundle."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle.bundle import save_bundle
from fusion3d_gui.model.bundle.bundle_info import BundleInfo, Decision
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.network_config import FUSIONS, NetworkConfig
from fusion3d_gui.model.preprocessing import Preprocessing
from fusion3d_gui.model.schema import MetadataSchema
from fusion3d_gui.model.scope import Scope
from fusion3d_gui.output_file import is_unused, write_whole_text
from fusion3d_gui.progress import Progress, no_progress, part_of
from fusion3d_gui.training.cohort.population import COHORT_SCOPE
from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.data.inputs import load_inputs
from fusion3d_gui.training.data.network_outputs import compute_outputs
from fusion3d_gui.training.data.split import (
    DEFAULT_VALIDATION_SHARE,
    Split,
    cross_validation_folds,
    split_cases,
)
from fusion3d_gui.training.data.table import CaseRow, CaseTable, fit_schema, read_table
from fusion3d_gui.training.data.table_scope import scope_of_table
from fusion3d_gui.training.fit.initial_weights import load_initial_weights
from fusion3d_gui.training.fit.mask_supervision import finding_voxels
from fusion3d_gui.training.fit.optimise import fit, rank_and_world_size
from fusion3d_gui.training.fit.recipe import Loss, Recipe, default_recipe
from fusion3d_gui.training.measure.calibration import ThresholdRule, fit_temperature
from fusion3d_gui.training.measure.metadata_baseline import MetadataBaseline
from fusion3d_gui.training.measure.reference_statistics import write_reference
from fusion3d_gui.training.report.model_card import TrainingRun, bundle_metadata, model_card

#: 179 × 223 × 179 mm, an adult head. At a total stride of 8 the feature map has 9 × 11 × 9 cells of 22 mm.
DEFAULT_PREPROCESSING = Preprocessing(shape_kji=(65, 81, 65), spacing_mm=2.75)

#: Folder of an unfinished training within the bundle's; removed when the bundle is complete.
_WORK = "training"


def train(
    csv: Path,
    out: Path,
    fusion: str,
    *,
    seed: int = 0,
    loss: Loss | None = None,
    init: Path | None = None,
    validation_share: float = DEFAULT_VALIDATION_SHARE,
    width: float = 0.125,
    stage_strides: tuple[int, int, int] = (2, 1, 1),
    preprocessing: Preprocessing = DEFAULT_PREPROCESSING,
    recipe: Recipe | None = None,
    threshold_rule: ThresholdRule = ThresholdRule(),  # noqa: B008  (immutable)
    cache: Path | None = None,
    split: Split | None = None,
    terms: str | None = None,
    progress: Progress = no_progress,
) -> BundleInfo | None:
    """Train a model on a table of cases and write it as a bundle.

    The split comes from the table's column ``split`` (rows marked ``test`` are not used), or is drawn with
    ``seed``, stratified by label and grouped by patient. The weights of the epoch with the highest
    validation AUC are kept; temperature and threshold are fitted on the validation cases. The same call
    continues an interrupted training.

    Parameters
    ----------
    csv
        See :func:`~fusion3d_gui.training.data.table.read_table`.
    out
        Folder of the bundle: new, empty, or that of an unfinished training with the same arguments.
        Its name becomes the bundle's.
    fusion
        One of :data:`~fusion3d_gui.model.network.network_config.FUSIONS`.
    recipe, loss
        See :class:`~fusion3d_gui.training.fit.recipe.Recipe`; by default
        :func:`~fusion3d_gui.training.fit.recipe.default_recipe`, with its loss.
    init
        Initial weights of the image branch: see :func:`~fusion3d_gui.training.fit.initial_weights.load_initial_weights`.
    validation_share
        Share of the cases that validate, where the table has no split.
    width, stage_strides
        See :class:`~fusion3d_gui.model.network.network_config.NetworkConfig`.
    cache
        Folder in which preprocessed volumes are stored for later trainings on the same cases.
    split
        Row numbers of training and validation cases, to be used instead of the table's split or a drawn one.
    terms
        Terms of use, for the bundle's LICENSE; None writes that there are none.

    Returns
    -------
    BundleInfo or None
        The bundle; None on the processes of ``torchrun`` that do not write it.

    Raises
    ------
    UserError
        For a table, folder or fusion mode that can't be used.
    Cancelled
        From ``progress``.
    """
    began = time.monotonic()
    out = Path(out)
    rank, world = rank_and_world_size()
    if fusion not in FUSIONS:
        raise UserError(f"fusion {fusion!r} is unknown", remedy=f"Use {', '.join(FUSIONS)}.")
    recipe = recipe or default_recipe(init is not None and Path(init).is_dir())
    if loss is not None:
        recipe = replace(recipe, loss=loss)
    table = read_table(csv)
    if fusion != "image_only" and not table.schema.fields:
        raise UserError(
            f"it has no metadata to fuse by {fusion}", path=csv, remedy="Use --fusion image_only."
        )
    training, validation = split or split_cases(table, seed, validation_share)
    settings = {
        "table_sha256": hashlib.sha256(Path(csv).read_bytes()).hexdigest(),
        "fusion": fusion,
        "seed": seed,
        "init": None if init is None else str(init),
        "width": width,
        "stage_strides": list(stage_strides),
        "preprocessing": preprocessing.to_json(),
        "recipe": recipe.to_json(),
        "processes": world,
        "validation_rows": [int(n) for n in validation],
    }
    work = _workspace(out, settings)

    known = fit_schema(table.schema, [table.cases[n] for n in training])
    used: Sequence[CaseRow] = [table.cases[n] for n in np.concatenate([training, validation])]
    images, affines = load_inputs(used, preprocessing, part_of(progress, 0.0, 0.1), cache=cache)
    part = CaseTable(**{**vars(table), "cases": tuple(used)})
    findings = (
        finding_voxels(used, affines, preprocessing.shape_kji) if recipe.mask_weight else None
    )
    cases = Cases(images, part.encode_metadata(known), part.labels, findings)
    training, validation = np.split(np.arange(len(used)), [len(training)])

    schema = MetadataSchema() if fusion == "image_only" else known
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // world))
    torch.manual_seed(seed)
    network = LearnedFeatureFusion3D(
        NetworkConfig(
            fusion=fusion, metadata_width=schema.width, width=width, stage_strides=stage_strides
        )
    )
    if init is not None:
        load_initial_weights(network, init)
    history = fit(
        network,
        cases,
        training,
        validation,
        recipe,
        seed,
        work=work,
        progress=part_of(progress, 0.1, 0.96),
    )
    if rank != 0:
        return None
    logits = compute_outputs(network, cases, validation).logits
    labels = cases.labels[validation]
    mirror_images = cases.subset(validation).mirrored()
    mirrored = compute_outputs(network, mirror_images, np.arange(len(validation))).logits
    temperature = fit_temperature(logits, labels)
    threshold = threshold_rule.threshold(expit(logits / temperature), labels)
    seconds = sum(epoch.seconds for epoch in history)
    run = TrainingRun(
        table=table,
        seed=seed,
        recipe=recipe,
        history=tuple(history),
        training_cases=len(training),
        training_positives=int(cases.labels[training].sum()),
        validation_cases=len(validation),
        validation_positives=int(labels.sum()),
        validation_auc=float(roc_auc_score(labels, logits)),
        mirrored_change=float(np.abs(mirrored - logits).mean() / max(logits.std(), 1e-9)),
        seconds=seconds,
        threshold_rule=threshold_rule.text,
        init=None if init is None else Path(init).name,
        init_is_bundle=init is not None and Path(init).is_dir(),
        cost={
            "cases_per_second": round(len(training) * len(history) / max(1e-9, seconds), 2),
            "data_loading_share": round(
                sum(epoch.loading_seconds for epoch in history) / max(1e-9, seconds), 4
            ),
            "peak_memory_mb": _peak_memory_mb(),
            "processes": world,
            "threads": torch.get_num_threads(),
            "minutes_with_reading": round((time.monotonic() - began) / 60, 1),
        },
    )
    decision = Decision(table.class_names, threshold, temperature)
    simulated = bool((table.cohort or {}).get("simulated"))
    # A cohort made before its scope was written beside its table.
    declared = COHORT_SCOPE if simulated and table.scope == Scope() else table.scope
    scope = scope_of_table(declared, [used[n] for n in training], known)
    name = out.resolve().name
    info = save_bundle(
        out,
        network,
        metadata=bundle_metadata(name, run),
        preprocessing=preprocessing,
        schema=schema,
        decision=decision,
        card=model_card(name, network.config, preprocessing, known, decision, run, scope),
        scope=scope,
        terms=terms,
    )
    if schema.fields:
        MetadataBaseline.fit(cases.metadata[training], cases.labels[training]).save(out)
    write_reference(
        out,
        network,
        cases,
        training,
        validation,
        rows=used,
        simulated=simulated,
        seed=seed,
        progress=part_of(progress, 0.96, 1.0),
    )
    shutil.rmtree(work)
    progress(1.0, "Bundle written")
    return info


def train_folds(
    csv: Path,
    out: Path,
    fusion: str,
    count: int,
    *,
    seed: int = 0,
    progress: Progress,
    **options: Any,
) -> dict[str, Any]:
    """Cross-validate: train ``count`` bundles, each validated on another part of the cases.

    Writes ``out/fold-1`` and so on; a fold whose bundle is complete is not trained again. Returns, and
    writes as ``out/folds.json``, the validation AUC of every fold, their mean and standard deviation. The
    options are those of :func:`train`.
    """
    out = Path(out)
    aucs = []
    for number, split in enumerate(cross_validation_folds(read_table(csv), seed, count), start=1):
        share = part_of(progress, (number - 1) / count, number / count)
        folder = out / f"fold-{number}"
        if not (folder / "models" / "reference.safetensors").is_file():
            train(csv, folder, fusion, seed=seed, split=split, progress=share, **options)
        aucs.append(float(BundleInfo.read(folder).metadata["eval_metrics"]["validation_auc"]))
    result = {
        "folds": count,
        "validation_auc": aucs,
        "mean": round(float(np.mean(aucs)), 4),
        "standard_deviation": round(float(np.std(aucs, ddof=1)), 4),
    }
    write_whole_text(out / "folds.json", json.dumps(result, indent=2) + "\n")
    return result


def _workspace(out: Path, settings: dict[str, Any]) -> Path:
    """The folder of this training, new or unfinished. Raises UserError for one with other settings."""
    work, note = out / _WORK, out / _WORK / "settings.json"
    if note.is_file():
        if json.loads(note.read_text(encoding="utf-8")) != settings:
            raise UserError(
                "it holds an unfinished training with other settings or cases",
                path=out,
                remedy="Call it as before to go on, or delete the folder to train anew.",
            )
        return work
    if rank_and_world_size()[0] == 0:
        if not is_unused(out):
            raise UserError("it is not an empty folder", path=out, remedy="Name a new folder.")
        work.mkdir(parents=True, exist_ok=True)
        write_whole_text(note, json.dumps(settings))
    return work


def _peak_memory_mb() -> int | None:
    """Peak resident memory of this process; None on Windows, which has no ``resource`` module."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Kilobytes on Linux, bytes on macOS.
    return round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024))
