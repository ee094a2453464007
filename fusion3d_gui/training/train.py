"""``train``: a table of cases in, a calibrated and documented bundle out."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle import save_bundle
from fusion3d_gui.model.bundle_info import BundleInfo, Decision
from fusion3d_gui.model.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network_config import FUSIONS, NetworkConfig
from fusion3d_gui.model.preprocessing import Preprocessing
from fusion3d_gui.model.schema import MetadataSchema
from fusion3d_gui.progress import Progress, no_progress, part_of
from fusion3d_gui.training.baseline import MetadataBaseline
from fusion3d_gui.training.calibration import fit_temperature, youden_threshold
from fusion3d_gui.training.card import TrainingRun, bundle_metadata, model_card
from fusion3d_gui.training.fit import Cases, Recipe, fit, predict_logits
from fusion3d_gui.training.inputs import load_inputs
from fusion3d_gui.training.table import CaseRow, CaseTable, fitted, read_table

#: 179 × 223 × 179 mm: an adult head. With a total stride of 16 the map has 5 × 6 × 5 cells of 44 mm.
DEFAULT_PREPROCESSING = Preprocessing(shape_kji=(65, 81, 65), spacing_mm=2.75)

DEFAULT_RECIPE = Recipe()

#: Fewer of either class in training or validation can't be learned from or judged by.
_FEWEST_OF_A_CLASS = 2


def train(
    csv: Path,
    out: Path,
    fusion: str,
    *,
    seed: int = 0,
    validation_share: float = 0.2,
    width: float = 0.25,
    preprocessing: Preprocessing = DEFAULT_PREPROCESSING,
    recipe: Recipe = DEFAULT_RECIPE,
    epochs: int | None = None,
    progress: Progress = no_progress,
) -> BundleInfo:
    """Train a model on a table of cases and write it as a bundle.

    The split comes from the table's column ``split`` (rows marked ``test`` are left alone), or is drawn
    with ``seed``, stratified by label. The epoch with the highest validation AUC is kept; temperature
    and threshold (Youden) are fitted on the validation cases.

    Parameters
    ----------
    csv
        See :func:`~fusion3d_gui.training.table.read_table`.
    out
        Folder of the bundle: new or empty. Its name becomes the bundle's.
    fusion
        One of :data:`~fusion3d_gui.model.network_config.FUSIONS`.
    validation_share
        Of the cases, where the table has no split.
    width
        Factor on the channels of ResNet50.
    recipe
        Of the optimisation.
    epochs
        Passes over the training cases in all, shared out among the recipe's stages; None leaves
        the recipe as it is.

    Raises UserError for a table, folder or fusion mode that will not do.
    """
    began = time.monotonic()
    out = Path(out)
    if fusion not in FUSIONS:
        raise UserError(f"fusion {fusion!r} is unknown", remedy=f"Use {', '.join(FUSIONS)}.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError("it is not an empty folder", path=out, remedy="Name a new folder.")
    if epochs is not None:
        recipe = recipe.with_epochs(epochs)
    table = read_table(csv)
    if fusion != "image_only" and not table.schema.fields:
        raise UserError(
            f"it has no metadata to fuse by {fusion}", path=csv, remedy="Use --fusion image_only."
        )
    training, validation = split_cases(table, seed, validation_share)
    known = fitted(table.schema, [table.cases[n] for n in training])
    used: Sequence[CaseRow] = [table.cases[n] for n in np.concatenate([training, validation])]
    images, _ = load_inputs(used, preprocessing, part_of(progress, 0.0, 0.1))
    part = CaseTable(**{**vars(table), "cases": tuple(used)})
    cases = Cases(images, part.encoded(known), part.labels)
    training, validation = np.split(np.arange(len(used)), [len(training)])

    schema = MetadataSchema() if fusion == "image_only" else known
    torch.set_num_threads(os.cpu_count() or 1)
    torch.manual_seed(seed)
    network = LearnedFeatureFusion3D(
        NetworkConfig(
            fusion=fusion,
            metadata_width=schema.width,
            width=width,
            stem_pool=False,
        )
    )
    history = fit(network, cases, training, validation, recipe, seed, part_of(progress, 0.1, 0.98))
    logits, labels = predict_logits(network, cases, validation), cases.labels[validation]
    temperature = fit_temperature(logits, labels)
    threshold = youden_threshold(expit(logits / temperature), labels)
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
        seconds=time.monotonic() - began,
    )
    decision = Decision(table.class_names, threshold, temperature)
    info = save_bundle(
        out,
        network,
        metadata=bundle_metadata(out.resolve().name, run),
        preprocessing=preprocessing,
        schema=schema,
        decision=decision,
        card=model_card(out.resolve().name, network.config, preprocessing, known, decision, run),
    )
    if schema.fields:
        MetadataBaseline.fit(cases.metadata[training], cases.labels[training]).save(out)
    progress(1.0, "Bundle written")
    return info


def split_cases(
    table: CaseTable, seed: int, validation_share: float
) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers (into ``table.cases``) of the training and the validation cases.

    From the column ``split`` where any row has one (rows without are then left out), else drawn with
    ``seed``, the same share of either class. Raises UserError when a class is too small.
    """
    labels = table.labels
    marks = np.array([case.split for case in table.cases])
    if (marks != "").any():
        parts = np.flatnonzero(marks == "train"), np.flatnonzero(marks == "validation")
    else:
        rng = np.random.default_rng(seed)
        chosen = np.zeros(len(labels), dtype=bool)
        for label in (0, 1):
            rows = rng.permutation(np.flatnonzero(labels == label))
            chosen[rows[: round(len(rows) * validation_share)]] = True
        parts = np.flatnonzero(~chosen), np.flatnonzero(chosen)
    for rows, name in zip(parts, ("training", "validation"), strict=True):
        for label in (0, 1):
            count = int((labels[rows] == label).sum())
            if count < _FEWEST_OF_A_CLASS:
                raise UserError(
                    f"the {name} part has {count} cases of label {label}; at least "
                    f"{_FEWEST_OF_A_CLASS} are needed",
                    path=table.path,
                )
    return parts
