"""The model cards of the stroke models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusion3d_gui import RESEARCH_USE_ONLY, __version__
from fusion3d_gui.model.bundle.bundle_info import Decision
from fusion3d_gui.model.network.network_config import NetworkConfig
from fusion3d_gui.model.schema import MetadataSchema
from fusion3d_gui.model.scope import Scope
from fusion3d_gui.plain_text import markdown_text
from fusion3d_gui.training.measure.metrics import Estimate
from fusion3d_gui.training.report.model_card import (
    HELD_OUT_HEADING,
    LIMITS_HEADING,
    OUTSIDE_HEADING,
    SCOPE_HEADING,
    WEIGHTS_PREFIX,
    scope_text,
)
from fusion3d_gui.training.study.stroke.cohort import GRID
from fusion3d_gui.training.study.stroke.fold_models import CHOSEN
from fusion3d_gui.training.study.stroke.page import TITLES, verdict
from fusion3d_gui.training.study.stroke.selection import FittedModel


def stroke_card(
    name: str,
    network: NetworkConfig,
    schema: MetadataSchema,
    decision: Decision,
    scope: Scope,
    model: FittedModel,
    results: Mapping[str, Any],
    weights_sha256: str,
) -> str:
    """The card in Markdown; its first line says how the model compares with logistic regression."""
    alone = network.fusion == "image_only"
    own = "image_only" if alone else CHOSEN
    chosen, outcome = model.to_json(), results["outcome"]
    side = results["side"][own]
    fields = "\n".join(
        f"| {f.name} | {f.kind} | {markdown_text(f.range_text)} |" for f in schema.fields
    )
    metadata = (
        "None: the model sees the lesion map only."
        if alone
        else f"| field | type | allowed |\n| --- | --- | --- |\n{fields}\n\nA missing value is allowed; the model "
        "is told that it is missing. An age recorded as `89+` is 89."
    )
    grid = " × ".join(map(str, GRID.shape_kji))
    first = (
        "From the lesion map alone: a sister of `stroke-outcome`, for comparison. " if alone else ""
    )
    return f"""# {name}

{first}{verdict(results)}

Poor outcome (modified Rankin scale of 3 or more) after acute ischaemic stroke, from a lesion map in standard
space{"" if alone else " with age, sex, race, prior stroke, BMI and NIHSS"}. Real patients of one center. Real are lesion, place,
clinical values and outcome; the input is a lesion map, not a scan. When the Rankin scale was taken is not
stated in the data.

**{RESEARCH_USE_ONLY}.**

## Intended use

For research into how a lesion's place and clinical values are fused and explained. Its users are researchers
who can judge what a model is worth. Its answer is a probability of "{decision.class_names[1]}" against
"{decision.class_names[0]}", called positive from {decision.threshold:g} on.

Out of scope: any decision about a person, above all whether to treat or to go on treating; masks that are not
registered to the MNI152 template; haemorrhage, tumour or old lesions; the making of labels for other models.

{SCOPE_HEADING}

{scope_text(scope)}

## Model

LearnedFeatureFusion3D, fusion `{network.fusion}`: 3D ResNet50 at {network.width:g} of its published width. Input
grid {grid} (k, j, i) at {GRID.spacing_mm:g} mm, fixed in standard space; a cell holds its share of lesion. The convolutions
learned NIHSS, lesion volume and the share of 32 arterial territories, then were fixed; 8 small heads were trained
on their pooled features and are blocks of the network's layers. No mirroring anywhere. Apache-2.0; made by Fusion3D
{__version__}.

{WEIGHTS_PREFIX}`{weights_sha256}`

## Metadata

{metadata}

## Data

Stroke Outcome Optimization Project: Absher et al., Scientific Data 2024;11:839; OpenNeuro ds004889, lesion maps in standard
space from its derivatives by C. Rorden (BSD 2-Clause). No data are in this bundle or in its repository: get them from
OpenNeuro. Trained on all {outcome["n"]} patients with a recorded Rankin scale ({outcome["positive"]} with a poor outcome).

## Training

```
fusion3d study stroke SOOP --out WORK --models models
```

Chosen by 5 inner folds: weight decay {chosen["weight_decay"]:g}, embedding {"trained" if chosen["embed_trained"] else "fixed at the pretext's read-outs"},
{chosen["steps"]} steps; temperature {decision.temperature:g} and threshold {decision.threshold:g} (Youden) from the same folds' logits.

{HELD_OUT_HEADING}

Not of these very weights: out-of-fold figures of the same procedure, averaged over {results["plan"]["repeats"]} repeats of
{results["plan"]["folds"]} folds (`docs/stroke/study.md`). These weights were never tested on other patients.

{_figures_table(results, own)}

{OUTSIDE_HEADING}

Refused: a map without a lesion, an image instead of a map, and a map that is not in standard space, as far as its header and
the template's brain tell. A mask that was registered badly is not noticed.

{LIMITS_HEADING}

One center; outcome recorded for a part of the patients; time of the outcome not stated; lesions drawn by
others, whose errors the model inherits. Left and right matter to the model: mirroring a lesion changes its logit by
{side["mean_absolute"]:.2f} standard deviations on average. The heatmap says which part of the lesion raised the score; it
is not a map of function. Probabilities are calibrated for patients like these.
"""


def _figures_table(results: Mapping[str, Any], own: str) -> str:
    lines = ["| model | AUROC | AUPRC | Brier | slope | intercept |", "| --- |" + " --- |" * 5]
    for name in dict.fromkeys((own, CHOSEN, "image_only", "LR everything", "GB everything")):
        found = results["models"][name]
        cells = [
            Estimate.from_json(found[key]).text(digits)
            for key, digits in (
                ("auroc", 3),
                ("auprc", 3),
                ("brier", 3),
                ("slope", 2),
                ("intercept", 2),
            )
        ]
        lines.append(f"| {TITLES[name]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
