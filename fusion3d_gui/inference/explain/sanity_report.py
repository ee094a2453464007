"""``SanityReport``: figures and verdicts of the sanity checks of a map; does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fusion3d_gui.inference.explain.explanation import Explanation

#: Thresholds of likeness: below the first after full randomisation, above the others under noise and
#: across methods.
UNDONE_BELOW, STABLE_FROM, AGREED_FROM = 0.5, 0.8, 0.5


@dataclass(frozen=True)
class Verdict:
    """One check: its verdict as a sentence, the figures behind it, and whether it passed."""

    text: str
    figures: str
    passed: bool


@dataclass(frozen=True, eq=False)
class SanityReport:
    """Four checks of one map; likeness is Spearman's rank correlation over tissue, −1 to 1.

    Parameters
    ----------
    explanation
        How the map was made.
    randomised, likeness
        Cascading randomisation: the parts of the network whose weights were reset, from the head down,
        and the likeness of the map after each. A map that stays alike depends on the image, not on what
        was learned.
    stability
        Likeness of the maps of copies of the image with weak noise.
    agreement
        Likeness to the maps of other methods, by method: at the same stages, or at the last for a map of
        the input's voxels.
    deletion, deletion_random, insertion, insertion_random
        Logits [steps + 1] while voxels are blanked, or inserted into a blank image, in the map's order;
        and [orders, steps + 1] in the order of maps of chance that are as coarse.
    """

    explanation: Explanation
    randomised: tuple[str, ...]
    likeness: tuple[float, ...]
    stability: tuple[float, ...]
    agreement: Mapping[str, float]
    deletion: np.ndarray
    deletion_random: np.ndarray
    insertion: np.ndarray
    insertion_random: np.ndarray

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdict of each check."""
        left = abs(self.likeness[-1])
        stable = float(np.median(self.stability))
        agreed = float(np.median(list(self.agreement.values())))
        # For a map of regions that lowered the logit, the signs are reversed.
        sign = 1 if self.explanation.side == "raised" else -1
        falls, rises = ("lowers", "raises")[::sign]
        deleted = _beaten(-sign * self.deletion, -sign * self.deletion_random)
        inserted = _beaten(sign * self.insertion, sign * self.insertion_random)
        orders = len(self.deletion_random)
        return (
            Verdict(
                ("It depends" if left < UNDONE_BELOW else "It hardly depends")
                + " on what was learned",
                f"likeness {left:.2f} once all is undone; below {UNDONE_BELOW:g} wanted",
                left < UNDONE_BELOW,
            ),
            Verdict(
                ("It withstands" if stable > STABLE_FROM else "It changes with")
                + " a little noise",
                f"likeness {stable:.2f}; above {STABLE_FROM:g} wanted",
                stable > STABLE_FROM,
            ),
            Verdict(
                "Other methods " + ("agree" if agreed > AGREED_FROM else "disagree"),
                f"median likeness {agreed:.2f}; above {AGREED_FROM:g} wanted",
                agreed > AGREED_FROM,
            ),
            Verdict(
                f"Deleting what it marks {falls} the logit "
                + ("faster" if deleted == orders else "no faster")
                + " than chance",
                f"faster than {deleted} of {orders} random orders; all wanted",
                deleted == orders,
            ),
            Verdict(
                f"Showing what it marks {rises} the logit "
                + ("faster" if inserted == orders else "no faster")
                + " than chance",
                f"faster than {inserted} of {orders} random orders; all wanted",
                inserted == orders,
            ),
        )

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "method": self.explanation.method,
            "stages": list(self.explanation.stages),
            "side": self.explanation.side,
            "randomised": list(self.randomised),
            "likeness": list(self.likeness),
            "stability": list(self.stability),
            "agreement": dict(self.agreement),
            "deletion": self.deletion.tolist(),
            "deletion_random": self.deletion_random.tolist(),
            "insertion": self.insertion.tolist(),
            "insertion_random": self.insertion_random.tolist(),
            "verdicts": [
                {"text": each.text, "figures": each.figures, "passed": each.passed}
                for each in self.verdicts
            ],
        }


def _beaten(curve: np.ndarray, random: np.ndarray) -> int:
    """Number of random curves [orders, steps] whose mean lies below that of a curve [steps]."""
    return int((float(curve.mean()) > random.mean(axis=1)).sum())
