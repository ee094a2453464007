"""Compare the AUROC of two scores of the same cases: DeLong's test and paired bootstrap."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from MLstatkit.delong import Delong_test
from scipy.stats import norm

from fusion3d_gui.errors import UserError
from fusion3d_gui.progress import Progress, no_progress, part_of
from fusion3d_gui.training.data.table import read_table
from fusion3d_gui.training.measure.metrics import Estimate, auroc_difference
from fusion3d_gui.training.measure.scores import score_bundle


@dataclass(frozen=True)
class AurocComparison:
    """AUROC of A minus AUROC of B on the same cases.

    ``difference`` has DeLong's 95 % interval, ``p`` is that of DeLong's two-sided test (DeLong et al. 1988;
    None where it is not defined, since the difference has no variance); ``bootstrap`` is the same
    difference with the interval of the paired bootstrap.
    """

    auroc_a: float
    auroc_b: float
    difference: Estimate
    p: float | None
    bootstrap: Estimate

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "auroc_a": round(self.auroc_a, 5),
            "auroc_b": round(self.auroc_b, 5),
            "difference": self.difference.to_json(),
            "p": self.p,
            "bootstrap": self.bootstrap.to_json(),
        }

    @property
    def p_text(self) -> str:
        """E.g. ``p = 0.03``."""
        if self.p is None:
            return "p not defined"
        return "p < 0.0001" if self.p < 1e-4 else f"p = {self.p:.2g}"


def compare_scores(labels: np.ndarray, a: np.ndarray, b: np.ndarray) -> AurocComparison:
    """Compare two scores [n] of the same cases with labels [n], both of which must occur."""
    # Should it fall back to its own bootstrap, two resamples suffice: that result is not used.
    _, p, _, _, auroc_b, auroc_a, info = Delong_test(labels, b, a, n_boot=2, random_state=0)
    gap = auroc_a - auroc_b
    paired = auroc_difference(labels, a, b)
    variance = info["var_diff"]
    if info["method"] != "delong" or not variance > 1e-15:
        found = Estimate(gap, gap, gap) if abs(gap) < 1e-12 else Estimate(gap)
        return AurocComparison(
            auroc_a, auroc_b, found, 1.0 if found.low is not None else None, paired
        )
    reach = float(norm.ppf(0.975) * np.sqrt(variance))
    return AurocComparison(
        auroc_a, auroc_b, Estimate(gap, gap - reach, gap + reach), float(p), paired
    )


def compare_bundles(
    bundle_a: Path, bundle_b: Path, csv: Path, progress: Progress = no_progress
) -> dict[str, Any]:
    """Compare two bundles on the same table of cases; the result is a JSON object.

    Raises UserError for a table that does not fit both, or that has one label only.
    """
    scored = [
        score_bundle(bundle, csv, progress=part_of(progress, start, start + 0.5))
        for bundle, start in ((bundle_a, 0.0), (bundle_b, 0.5))
    ]
    a, b = scored
    labels = read_table(csv, a.info.schema).labels
    if len(set(labels.tolist())) < 2:
        raise UserError("all cases have the same label, so nothing can be judged", path=csv)
    found = compare_scores(labels, a.logits, b.logits)
    return {
        "a": {"bundle": a.info.name, "weights_sha256": a.weights_sha256},
        "b": {"bundle": b.info.name, "weights_sha256": b.weights_sha256},
        "table": Path(csv).name,
        "n": len(labels),
        "positives": int(labels.sum()),
        **found.to_json(),
        "method": "DeLong, two-sided; interval of 95 %; bootstrap: paired, 2000 resamples",
    }
