"""What a trained bundle says of itself: ``metadata.json`` and the model card."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusion3d_gui import RESEARCH_USE_ONLY, __version__
from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle_info import Decision
from fusion3d_gui.model.network_config import NetworkConfig
from fusion3d_gui.model.preprocessing import Preprocessing
from fusion3d_gui.model.schema import MetadataSchema
from fusion3d_gui.training.lit import Epoch
from fusion3d_gui.training.recipe import Recipe
from fusion3d_gui.training.table import CaseTable

_HELD_OUT = "## Held-out figures"
_NOT_YET = (
    "None recorded yet: run `fusion3d evaluate BUNDLE CASES.csv --record` on cases that training "
    "has not seen."
)


@dataclass(frozen=True)
class TrainingRun:
    """What happened in one training: all that the card reports of it."""

    table: CaseTable
    seed: int
    recipe: Recipe
    history: tuple[Epoch, ...]
    training_cases: int
    training_positives: int
    validation_cases: int
    validation_positives: int
    validation_auc: float
    seconds: float
    threshold_rule: str
    init: str | None
    cost: Mapping[str, float]


def bundle_metadata(name: str, run: TrainingRun) -> dict[str, Any]:
    """The part of ``metadata.json`` that comes from the training."""
    return {
        "name": name,
        "version": "1.0.0",
        "changelog": {"1.0.0": "first training"},
        "task": run.table.task,
        "description": run.table.description,
        "authors": "The Fusion3D team",
        "copyright": "Licensed under Apache-2.0",
        "intended_use": f"{RESEARCH_USE_ONLY}.",
        "data_source": run.table.path.name,
        "eval_metrics": {"validation_auc": round(run.validation_auc, 4)},
        "training": {
            "fusion3d_version": __version__,
            "seed": run.seed,
            "cases": run.training_cases,
            "positives": run.training_positives,
            "validation_cases": run.validation_cases,
            "validation_positives": run.validation_positives,
            "recipe": run.recipe.to_json(),
            "minutes": round(run.seconds / 60, 1),
            "cost": dict(run.cost),
            **({"cohort": run.table.cohort} if run.table.cohort else {}),
        },
    }


def model_card(
    name: str,
    network: NetworkConfig,
    preprocessing: Preprocessing,
    schema: MetadataSchema,
    decision: Decision,
    run: TrainingRun,
) -> str:
    """The model card, in Markdown."""
    grid = " × ".join(map(str, preprocessing.shape_kji))
    cells = " × ".join(str((n - 1) // network.total_stride + 1) for n in preprocessing.shape_kji)
    cell_mm = network.total_stride * preprocessing.spacing_mm
    fields = "\n".join(
        f"| {f.name} | {f.kind} | {f.range_text} | "
        + (
            f"{f.seen_minimum:g} to {f.seen_maximum:g}"
            if f.seen_minimum is not None and f.seen_maximum is not None
            else ""
        )
        + " |"
        for f in schema.fields
    )
    metadata = (
        "None: the model sees the image only."
        if network.fusion == "image_only"
        else f"| field | type | allowed | seen in training |\n| --- | --- | --- | --- |\n{fields}\n\n"
        "A missing value is allowed; the model is told that it is missing."
    )
    return f"""# {name}

{run.table.task}. {run.table.description}

**{RESEARCH_USE_ONLY}.**

## Model

LearnedFeatureFusion3D, fusion `{network.fusion}`: 3D ResNet50 at {network.width:g} of its published
width. Input grid {grid} (k, j, i) at {preprocessing.spacing_mm:g} mm; last feature map, and so the
Grad-CAM, {cells} cells of {cell_mm:g} mm. Classes: {decision.class_names[0]},
{decision.class_names[1]}.

## Metadata

{metadata}

## Data

{_data_text(run)}

Split by case, stratified by label: {run.training_cases} cases to train on
({run.training_positives} positive), {run.validation_cases} for validation
({run.validation_positives} positive).

## Training

```
{_commands(network, run)}
```

{run.recipe.text} It took {run.seconds / 60:.0f} minutes on {_machine()}.

| epoch | grid | training loss | validation log loss | validation AUC |
| --- | --- | --- | --- | --- |
{_history_rows(run)}

Chosen on the validation cases, so that their figures are optimistic: the epoch of the last stage
with the highest AUC ({run.validation_auc:.3f}), temperature {decision.temperature:g} (least log
loss), threshold {decision.threshold:g} ({run.threshold_rule}).

{_HELD_OUT}

{_NOT_YET}

## Limits

{_limits(run)}
"""


def record_evaluation(bundle: Path, result: Mapping[str, Any]) -> None:
    """Put the figures of an evaluation into a bundle's metadata and model card.

    Replaces those recorded before. Raises UserError when the card can't be read or has no place.
    """
    card, metadata = bundle / "docs" / "README.md", bundle / "configs" / "metadata.json"
    try:
        text = card.read_text(encoding="utf-8")
        plain = json.loads(metadata.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UserError("card or metadata can't be read", path=bundle) from None
    section = re.compile(rf"(?<={re.escape(_HELD_OUT)}\n\n).*?(?=\n\n## |\Z)", re.DOTALL)
    if not section.search(text):
        raise UserError(f"it has no section {_HELD_OUT!r}", path=card)
    figures = {key: value for key, value in result.items() if key != "cases"}
    plain["eval_metrics"] = {**plain.get("eval_metrics", {}), "held_out": figures}
    text = section.sub(lambda _: held_out_text(result), text)
    card.write_text(text, encoding="utf-8")
    metadata.write_text(json.dumps(plain, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def held_out_text(result: Mapping[str, Any]) -> str:
    """An evaluation's figures as Markdown."""
    cohort = result["table"].get("cohort")
    where = result["table"]["name"] if not cohort else _cohort_command(cohort)
    low, high = result["auc_interval"]
    rows = [("AUC (95 % interval)", f"{result['auc']:.3f} ({low:.3f} to {high:.3f})")]
    if "bayes_auc" in result:
        rows.append(("AUC of the true probability (Bayes)", f"{result['bayes_auc']:.3f}"))
    if "metadata_auc" in result:
        low, high = result["auc_gain_interval"]
        rows += [
            ("AUC of logistic regression on the metadata alone", f"{result['metadata_auc']:.3f}"),
            ("gain over it", f"{result['auc_gain']:.3f} ({low:.3f} to {high:.3f})"),
        ]
    rows += [
        ("Brier score", f"{result['brier']:.3f}"),
        (f"sensitivity at {result['threshold']:g}", f"{result['sensitivity']:.3f}"),
        (f"specificity at {result['threshold']:g}", f"{result['specificity']:.3f}"),
    ]
    text = f"`{where}`: {result['n']} cases, {result['positives']} positive.\n\n"
    text += _markdown_table(("figure", "value"), rows)
    found = result.get("localisation")
    if found:
        grid = " × ".join(map(str, found["grid_kji"]))
        text += (
            f"\n\nGrad-CAM on the {found['true_positives_with_lesion']} true positives with a lesion, "
            f"on a grid of {grid} cells (k, j, i) of {found['cell_mm_kji'][0]:g} mm "
            f"({found['empty_maps']} empty maps left out). Median distance in mm:\n\n"
        )
        text += _markdown_table(
            ("from", "to the nearest lesion voxel", "to the lesion's centre"),
            [
                (label, *(_mm(found[f"{key}_{end}_mm"]) for end in ("to_lesion", "to_center")))
                for label, key in (
                    ("the heatmap's peak", "peak"),
                    ("a random brain voxel", "random_voxel"),
                    ("the cell nearest to the lesion's centre (the grid's limit)", "best_cell"),
                )
            ],
        )
        if found["peak_in_best_cell"] is not None:
            text += (
                f"\n\nThe peak is the very cell nearest to the lesion in "
                f"{found['peak_in_best_cell']:.0%} of them; a random brain voxel lies in it in "
                f"{found['random_voxel_in_best_cell']:.0%}."
            )
    return text


def _mm(value: float | None) -> str:
    return "none" if value is None else f"{value:.1f}"


def _markdown_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cohort_command(cohort: Mapping[str, Any], folder: str = "COHORT") -> str:
    return f"fusion3d cohort {folder} --cases {cohort['cases']} --seed {cohort['seed']}"


def _commands(network: NetworkConfig, run: TrainingRun) -> str:
    cohort = run.table.cohort
    table = "COHORT/cases.csv" if cohort else run.table.path.name
    first = _cohort_command(cohort) + "\n" if cohort else ""
    return f"{first}fusion3d train {table} --fusion {network.fusion} --seed {run.seed} --out BUNDLE"


def _data_text(run: TrainingRun) -> str:
    cohort = run.table.cohort
    if not cohort:
        return f"The table {run.table.path.name} with {len(run.table.cases)} cases."
    best, outcome = cohort["auc_ceilings"], cohort["outcome"]
    return (
        f"A semi-synthetic cohort of {cohort['cases']} cases ({cohort['positives']} positive, "
        f"{cohort['lesions']} with a lesion, {cohort['distractors']} with a distractor) at "
        f"{cohort['spacing_mm']:g} mm on the MNI152 template. The label is drawn with a probability that "
        f"is logistic in lesion and metadata: log odds {outcome['lesion']:g} for a lesion, "
        f"{outcome['metadata']:g} for a standard deviation of the metadata's score, and "
        f"{outcome['interaction']:g} more for it in the presence of a lesion (see "
        f"`fusion3d_gui/training/population.py`). Best AUC that anyone can reach: {best['all']:.3f}; from "
        f"the image alone {best['image']:.3f}; from the metadata alone {best['metadata']:.3f}."
    )


def _machine() -> str:
    import os

    return f"{os.cpu_count()} {platform.machine()} CPU cores"


def _history_rows(run: TrainingRun) -> str:
    return "\n".join(
        f"| {number} | {'whole' if e.coarseness == 1 else 'coarse'} | "
        f"{e.loss:.4f} | {e.validation_loss:.4f} | {e.validation_auc:.4f} |"
        for number, e in enumerate(run.history, start=1)
    )


def _limits(run: TrainingRun) -> str:
    general = (
        "The heatmap says which coarse region raised the score, not where a lesion ends. "
        "Probabilities are calibrated on the validation cases only; on other data they are not."
    )
    if run.table.cohort:
        return (
            "Trained on simulated scans of one template: on a real patient's scan its answer means "
            "nothing. " + general
        )
    return general
