"""The opponents: penalised logistic regression and gradient boosting on the same information as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fusion3d_gui.training.study.stroke.cohort import StrokeCohort

#: Name of an opponent, the sources it sees, and whether it is gradient boosting.
OPPONENTS: Mapping[str, tuple[tuple[str, ...], bool]] = {
    "LR clinical without NIHSS": (("clinical",), False),
    "LR NIHSS": (("nihss",), False),
    "LR clinical with NIHSS": (("clinical", "nihss"), False),
    "LR volume": (("volume",), False),
    "LR volume, territories": (("volume", "territories"), False),
    "LR everything": (("clinical", "nihss", "volume", "territories"), False),
    "GB everything": (("clinical", "nihss", "volume", "territories"), True),
}
PRIMARY_OPPONENT = "LR everything"


@dataclass(frozen=True)
class OpponentGrid:
    """What opponents choose from, by ``folds`` inner folds: L2 strengths C; depths and numbers of trees."""

    folds: int = 5
    penalties: tuple[float, ...] = tuple(10 ** (n / 2 - 3) for n in range(9))
    depths: tuple[int, ...] = (1, 2, 3)
    trees: tuple[int, ...] = (50, 100, 200)


def sources(
    cohort: StrokeCohort, training: np.ndarray, rows: np.ndarray, *, without_nihss: bool = False
) -> dict[str, np.ndarray]:
    """The information of these rows by source, each [m, w], encoded by what ``training`` rows fitted."""
    schema = cohort.schema(training)
    names = [name for field in schema.fields for name in [field.name] * field.width]
    coded = cohort.encoded(schema, rows)
    severity = np.array([name == "nihss" for name in names])
    return {
        "clinical": coded[:, ~severity],
        "nihss": coded[:, severity][:, : 0 if without_nihss else None],
        "volume": np.log1p(cohort.volumes_mm3[rows])[:, None],
        "territories": cohort.territories[rows],
    }


def fit_opponent(
    name: str,
    given: Mapping[str, np.ndarray],
    labels: np.ndarray,
    seed: int,
    grid: OpponentGrid,
) -> BaseEstimator:
    """Fit an opponent on training rows; it chooses its penalty, or depth and trees, by inner folds (log loss)."""
    chosen, boosted = OPPONENTS[name]
    folds = StratifiedKFold(grid.folds, shuffle=True, random_state=seed)
    model: Any
    tried: dict[str, Any]
    if boosted:
        model = GradientBoostingClassifier(learning_rate=0.05, subsample=0.5, random_state=seed)
        tried = {"max_depth": grid.depths, "n_estimators": grid.trees}
    else:
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        tried = {"logisticregression__C": grid.penalties}
    search = GridSearchCV(model, tried, scoring="neg_log_loss", cv=folds)
    return search.fit(joined(given, chosen), labels).best_estimator_


def opponent_probabilities(
    name: str, model: BaseEstimator, given: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Probabilities [m] of rows given by source."""
    chosen, _ = OPPONENTS[name]
    found: np.ndarray = model.predict_proba(joined(given, chosen))[:, 1]
    return found


def joined(given: Mapping[str, np.ndarray], chosen: tuple[str, ...]) -> np.ndarray:
    """The chosen sources side by side, [m, w]."""
    return np.concatenate([given[name] for name in chosen], axis=1)
