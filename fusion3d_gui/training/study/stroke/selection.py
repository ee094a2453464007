"""Inner validation: which recipe, which fusion, which temperature and threshold; and the model made with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.model_selection import StratifiedKFold

from fusion3d_gui.model.network.network_config import Fusion
from fusion3d_gui.training.measure.calibration import ThresholdRule, fit_temperature
from fusion3d_gui.training.study.stroke.heads import HeadRecipe, Heads, Readout, fit_heads

FUSED: tuple[Fusion, ...] = ("concat", "add", "multiply")
#: (weight decay, whether the embedding is trained), and steps: the inner grid.
GRID: tuple[tuple[float, bool], ...] = ((0.5, False), (5.0, False), (5.0, True))
STEPS = (20, 40, 80, 160)
_INNER_MEMBERS, MEMBERS = 3, 8


@dataclass(frozen=True)
class LossChoice:
    """A loss: focal with γ and α (or α from each batch); γ = 0 without α is binary cross-entropy."""

    name: str
    gamma: float = 1.0
    alpha: float | None = None
    dynamic_alpha: bool = False


FOCAL = LossChoice("focal")
OTHER_LOSSES = (
    LossChoice("bce", gamma=0.0),
    LossChoice("focal, α 0.25", alpha=0.25),
    LossChoice("focal, α of each batch", dynamic_alpha=True),
)


@dataclass(frozen=True, eq=False)
class FittedModel:
    """Heads trained on all the training rows, and what inner validation chose and measured."""

    heads: Heads
    recipe: HeadRecipe
    inner_log_loss: float
    temperature: float
    threshold: float

    def probabilities(self, pooled: np.ndarray, metadata: np.ndarray) -> np.ndarray:
        """Calibrated probabilities [n]."""
        found: np.ndarray = expit(self.heads.logits(pooled, metadata) / self.temperature)
        return found

    def to_json(self) -> dict[str, Any]:
        """What was chosen, as a JSON object."""
        return {
            "fusion": self.heads.fusion,
            "weight_decay": self.recipe.weight_decay,
            "embed_trained": self.recipe.embed_trained,
            "steps": self.recipe.steps,
            "inner_log_loss": round(self.inner_log_loss, 5),
            "temperature": self.temperature,
            "threshold": self.threshold,
        }


def fit_model(
    fusion: Fusion,
    readout: Readout,
    pooled: np.ndarray,
    metadata: np.ndarray,
    labels: np.ndarray,
    *,
    seed: int,
    folds: int = 3,
    loss: LossChoice = FOCAL,
    grid: Sequence[tuple[float, bool]] = GRID,
    steps: tuple[int, ...] = STEPS,
) -> FittedModel:
    """Choose the recipe by inner folds and train on all rows.

    Parameters
    ----------
    pooled, metadata, labels
        [n, C], [n, W], [n] of the training rows alone.
    """
    parts = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(pooled, labels))
    best: tuple[float, HeadRecipe, np.ndarray] | None = None
    for decay, trained in grid:
        recipe = HeadRecipe(decay, trained, steps[-1], loss.alpha, loss.gamma, loss.dynamic_alpha)
        logits = np.zeros((len(steps), len(labels)))
        for number, (inner, held) in enumerate(parts):
            kept = fit_heads(
                fusion,
                readout,
                pooled[inner],
                metadata[inner],
                labels[inner],
                recipe,
                members=_INNER_MEMBERS,
                seed=seed + 100 * (number + 1),
                kept_steps=steps,
            )
            for n, heads in enumerate(kept):
                logits[n, held] = heads.logits(pooled[held], metadata[held])
        for n, count in enumerate(steps):
            found = log_loss(logits[n] / fit_temperature(logits[n], labels), labels)
            if best is None or found < best[0]:
                best = found, replace(recipe, steps=count), logits[n]
    assert best is not None
    lowest, recipe, inner_logits = best
    temperature = fit_temperature(inner_logits, labels)
    heads = fit_heads(
        fusion, readout, pooled, metadata, labels, recipe, members=MEMBERS, seed=seed
    )[-1]
    return FittedModel(
        heads,
        recipe,
        lowest,
        temperature,
        ThresholdRule().threshold(expit(inner_logits / temperature), labels),
    )


def log_loss(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean log loss of logits [n] for labels [n]."""
    return float(np.logaddexp(0, (1 - 2 * labels.astype(np.float64)) * logits).mean())
