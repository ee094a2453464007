"""``StudyPlan``: the numbers that define a study, and its folds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedKFold

from fusion3d_gui.training.study.stroke.cohort import StrokeCohort
from fusion3d_gui.training.study.stroke.opponents import OpponentGrid
from fusion3d_gui.training.study.stroke.pretext import COMMON, OF_FOLD, PretextRecipe
from fusion3d_gui.training.study.stroke.selection import GRID, STEPS

#: The least modified Rankin scale of a poor outcome, and of severe disability or death.
POOR, SEVERE = 3, 5
#: The least NIHSS of a stroke that is at least moderate.
MODERATE_NIHSS = 10


@dataclass(frozen=True)
class StudyPlan:
    """A study's numbers; the defaults are the protocol's.

    ``most`` participants are read at most (None: all), to try the program out.
    """

    seed: int = 0
    folds: int = 5
    repeats: int = 2
    common: PretextRecipe = COMMON
    of_fold: PretextRecipe = OF_FOLD
    grid: tuple[tuple[float, bool], ...] = GRID
    steps: tuple[int, ...] = STEPS
    inner_folds: int = 3
    opponents: OpponentGrid = OpponentGrid()  # noqa: RUF009  (immutable)
    most: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Fold:
    """One outer fold: row numbers into the cohort.

    ``training`` and ``test`` have an outcome; ``pretext`` are all whose NIHSS is known, without ``test``.
    """

    name: str
    seed: int
    training: np.ndarray
    test: np.ndarray
    pretext: np.ndarray


def outer_folds(cohort: StrokeCohort, plan: StudyPlan) -> list[Fold]:
    """All outer folds of all repeats, stratified by poor outcome."""
    rows = cohort.with_outcome
    labels = poor_outcome(cohort, rows)
    severity_known = np.flatnonzero(np.isfinite(cohort.nihss))
    found = []
    for repeat in range(plan.repeats):
        seed = plan.seed + repeat
        split = StratifiedKFold(plan.folds, shuffle=True, random_state=seed).split(rows, labels)
        for number, (training, test) in enumerate(split):
            found.append(
                Fold(
                    f"repeat-{repeat + 1}-fold-{number + 1}",
                    1000 * seed + number,
                    rows[training],
                    rows[test],
                    np.setdiff1d(severity_known, rows[test]),
                )
            )
    return found


def poor_outcome(cohort: StrokeCohort, rows: np.ndarray) -> np.ndarray:
    """1 where the modified Rankin scale is 3 or more, [m]."""
    found: np.ndarray = (cohort.rankin[rows] >= POOR).astype(np.int64)
    return found
