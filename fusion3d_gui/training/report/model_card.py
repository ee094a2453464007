"""The model card and ``metadata.json`` of a freshly trained bundle."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fusion3d_gui import RESEARCH_USE_ONLY, __version__
from fusion3d_gui.errors import shown_name
from fusion3d_gui.model.bundle.bundle_info import Decision
from fusion3d_gui.model.network.network_config import NetworkConfig
from fusion3d_gui.model.preprocessing import Preprocessing
from fusion3d_gui.model.schema import MetadataSchema
from fusion3d_gui.model.scope import Scope
from fusion3d_gui.plain_text import LONGEST_TEXT, markdown_text
from fusion3d_gui.training.data.table import CaseTable
from fusion3d_gui.training.fit.recipe import Recipe, default_recipe
from fusion3d_gui.training.report.cohort_words import cohort_command, cohort_limits, cohort_text

if TYPE_CHECKING:
    # Lightning takes seconds to import, and evaluation doesn't need it.
    from fusion3d_gui.training.fit.lightning_module import Epoch

#: Section that ``evaluate --record`` fills (see :mod:`fusion3d_gui.training.report.evaluation_record`).
HELD_OUT_HEADING = "## Held-out figures"
#: Section that ``reference --check`` fills (see :mod:`fusion3d_gui.training.report.ood_record`), before the limits.
OUTSIDE_HEADING, LIMITS_HEADING = "## Outside what it has seen", "## Limits"
SCOPE_HEADING = "## Scope"
WEIGHTS_PREFIX = "Weights (SHA-256): "
#: Share of a standard deviation from which a mirrored image counts as another one to the model.
_SIDES_MATTER_FROM = 0.25
_NOT_YET = (
    "None recorded yet: run `fusion3d evaluate BUNDLE CASES.csv --record` on cases that training "
    "has not seen."
)
_NOT_TRIED = (
    "Not tried yet: run `fusion3d reference BUNDLE CASES.csv --check TEST.csv`, with the table of this "
    "training and one of cases that it has not seen."
)


@dataclass(frozen=True)
class TrainingRun:
    """One training, as the card reports it.

    ``mirrored_change`` is the mean change of a validation case's logit when it is mirrored left to right,
    as a share of the logits' standard deviation.
    """

    table: CaseTable
    seed: int
    recipe: Recipe
    history: tuple[Epoch, ...]
    training_cases: int
    training_positives: int
    validation_cases: int
    validation_positives: int
    validation_auc: float
    mirrored_change: float
    seconds: float
    threshold_rule: str
    init: str | None
    init_is_bundle: bool
    cost: Mapping[str, float | None]


def bundle_metadata(name: str, run: TrainingRun) -> dict[str, Any]:
    """The part of ``metadata.json`` that comes from the training."""
    return {
        "name": name,
        "version": "1.0.0",
        "changelog": {"1.0.0": "first training"},
        "task": run.table.task,
        "description": run.table.description,
        "authors": "not stated",
        "copyright": "see LICENSE",
        "intended_use": f"{RESEARCH_USE_ONLY}.",
        "data_source": run.table.path.name,
        "eval_metrics": {
            "validation_auc": round(run.validation_auc, 4),
            "mirrored_change": round(run.mirrored_change, 4),
        },
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
    scope: Scope,
) -> str:
    """The model card, in Markdown."""
    grid = " × ".join(map(str, preprocessing.shape_kji))
    cells = " × ".join(str((n - 1) // network.total_stride + 1) for n in preprocessing.shape_kji)
    cell_mm = network.total_stride * preprocessing.spacing_mm
    fields = "\n".join(
        f"| {f.name} | {f.kind} | {markdown_text(f.range_text)} | "
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
    negative, positive = map(markdown_text, decision.class_names)
    return f"""# {markdown_text(name)}

{markdown_text(run.table.task)}. {markdown_text(run.table.description, LONGEST_TEXT)}

**{RESEARCH_USE_ONLY}.**

## Intended use

For research into how an image and clinical values are fused and explained, and to try the program
with. Its users are researchers who can judge what a model is worth. Its answer is a probability of
"{positive}" against "{negative}", called positive from
{decision.threshold:g} on.

Out of scope: any decision about a person; scans of another kind than it was trained on; the making of
labels for other models; drawing the border of a finding from the heatmap.

{SCOPE_HEADING}

{scope_text(scope)}

## Model

LearnedFeatureFusion3D, fusion `{network.fusion}`: 3D ResNet50 at {network.width:g} of its published
width. Input grid {grid} (k, j, i) at {preprocessing.spacing_mm:g} mm; last feature map {cells} cells of
{cell_mm:g} mm. {_initial(run)} Terms of use: LICENSE. Made by Fusion3D {__version__}.

{WEIGHTS_PREFIX}not recorded yet.

## Metadata

{metadata}

## Data

{_data_text(run)}

Split by case, stratified by label: {run.training_cases} cases to train on
({run.training_positives} positive), {run.validation_cases} for validation
({run.validation_positives} positive). Test cases are another table (see the held-out figures).

## Training

```
{_commands(network, run)}
```

{run.recipe.text} It took {run.seconds / 60:.0f} minutes on {_machine()}{_cost_text(run)}.

| epoch | grid | training loss | validation log loss | validation AUC |
| --- | --- | --- | --- | --- |
{_history_rows(run)}

Chosen on the validation cases, so that their figures are optimistic: the epoch of the last stage
with the highest AUC ({run.validation_auc:.3f}), temperature {decision.temperature:g} (least log
loss), threshold {decision.threshold:g} ({run.threshold_rule}).

{HELD_OUT_HEADING}

{_NOT_YET}

{OUTSIDE_HEADING}

{_NOT_TRIED}

{LIMITS_HEADING}

{_limits(run)}

## Where reporting guidelines find their items

| item | Model Cards | MI-CLAIM part | TRIPOD+AI item | here |
| --- | --- | --- | --- | --- |
| purpose, users, out of scope | intended use | 1 | 3, 4, 27 | Intended use, Scope |
| source of data, participants, outcome | training data | 1, 2 | 5, 6, 8, 20 | Data |
| predictors, missing values | factors | 2 | 7, 9, 11 | Metadata |
| sample size, split, imbalance | training and evaluation data | 2, 3 | 10, 13, 16 | Data, Training |
| model, optimisation, selection, output | model details | 3 | 12, 15, 22 | Model, Training |
| performance with intervals, calibration | metrics | 4 | 12e, 23 | Held-out figures |
| subgroups, fairness | quantitative analyses | 4 | 14, 23 | Held-out figures |
| examination of the model, limits | caveats | 5 | 25, 26 | Held-out figures (heatmaps), Outside what it has seen, Limits |
| code, reproduction | model details | 6 | 18 | Training, Held-out figures (commands) |
"""


def scope_text(scope: Scope) -> str:
    """The declared scope in Markdown, without a heading."""
    rows = "\n".join(
        f"| {name.lower()} | {markdown_text(value)} |" for name, value in scope.lines()
    )
    return (
        f"| of the scans | declared |\n| --- | --- |\n{rows}\n\n"
        "A scan that contradicts it gets no number, or a number without a class."
    )


def _initial(run: TrainingRun) -> str:
    if run.init is None:
        return "Random initial weights."
    return f"Image branch started from `{run.init}`."


def _cost_text(run: TrainingRun) -> str:
    known = {
        "cases_per_second": (1, "{:g} cases a second"),
        "data_loading_share": (100, "{:.1f} % of it loading data"),
        "peak_memory_mb": (1, "{:g} MB of memory at most"),
    }
    parts = [
        text.format(factor * value)
        for name, (factor, text) in known.items()
        if (value := run.cost.get(name)) is not None
    ]
    return f" ({', '.join(parts)})" if parts else ""


def _commands(network: NetworkConfig, run: TrainingRun) -> str:
    cohort = run.table.cohort
    table = "COHORT/cases.csv" if cohort else shown_name(run.table.path)
    first = cohort_command(cohort) + "\n" if cohort else ""
    usual = default_recipe(run.init_is_bundle)
    options = "".join(
        f" --{name.replace('_', '-')} {getattr(run.recipe, name)}"
        for name in (
            "loss",
            "sampling",
            "coarse_epochs",
            "epochs",
            "rate",
            "batch",
            "kernel_symmetry",
            "mask_weight",
        )
        if getattr(run.recipe, name) != getattr(usual, name)
    )
    if not run.recipe.mirrored:
        options += " --no-mirroring"
    if run.init is not None:
        options += f" --init {run.init}"
    return (
        f"{first}fusion3d train {table} --fusion {network.fusion} --seed {run.seed}{options} "
        "--out BUNDLE"
    )


def _data_text(run: TrainingRun) -> str:
    if run.table.cohort:
        return cohort_text(run.table.cohort)
    return f"The table {markdown_text(run.table.path.name)} with {len(run.table.cases)} cases."


def _machine() -> str:
    return f"{os.cpu_count()} {platform.machine()} CPU cores"


def _history_rows(run: TrainingRun) -> str:
    return "\n".join(
        f"| {number} | {'whole' if e.coarseness == 1 else 'coarse'} | "
        f"{e.loss:.4f} | {e.validation_loss:.4f} | {e.validation_auc:.4f} |"
        for number, e in enumerate(run.history, start=1)
    )


def _limits(run: TrainingRun) -> str:
    change = f"mirroring a validation case changes its logit by {100 * run.mirrored_change:.0f} % of a standard "
    sides = (
        f"The model can't tell left from right: {change}deviation on average. "
        if run.mirrored_change < _SIDES_MATTER_FROM
        else f"Left and right matter to the model: {change}deviation on average. "
    )
    general = sides + (
        "The heatmap says which coarse region raised the score, not where a lesion ends. "
        "Probabilities are calibrated on the validation cases only; on other data they are not."
    )
    return f"{cohort_limits(run.table.cohort)} {general}" if run.table.cohort else general
