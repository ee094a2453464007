"""Everything that is reported of a reader study, as one JSON object."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.training.measure.metrics import CONFIDENCE, Estimate
from fusion3d_gui.training.measure.readers.agreement import (
    changed_reads,
    mean_kappa,
    reading_times,
    time_ratio,
)
from fusion3d_gui.training.measure.readers.obuchowski_rockette import (
    ArmAnalysis,
    Covariance,
    obuchowski_rockette,
)
from fusion3d_gui.training.measure.readers.reader_results import ReaderResults, read_reader_results


def analyse_readers(
    path: Path,
    *,
    reference: str | None = None,
    positive_from: float | None = None,
    covariance: Covariance = "jackknife",
) -> dict[str, Any]:
    """Analyse a table of reads; the result is a JSON object.

    Parameters are those of :func:`read_reader_results` and :func:`obuchowski_rockette`; both say what is raised.
    """
    results = read_reader_results(path, reference=reference, positive_from=positive_from)
    return {"table": path.name, **describe_readers(results, covariance)}


def describe_readers(
    results: ReaderResults, covariance: Covariance = "jackknife"
) -> dict[str, Any]:
    """The analysis of reads in memory, as a JSON object."""
    arms, readers = results.arms, results.readers
    compared = obuchowski_rockette(arms, results.ratings, results.truth, covariance)
    both = compared.random_readers
    kappas = [mean_kappa(ratings) for ratings in results.ratings]
    seconds, positive = results.seconds, results.positive
    return {
        "notice": RESEARCH_USE_ONLY,
        "arms": list(arms),
        "reference": arms[0],
        "readers": list(readers),
        "cases": len(results.cases),
        "positives": int(results.truth.sum()),
        "notices": list(results.notices),
        "confidence": CONFIDENCE,
        "covariance": covariance,
        "auc": [
            {"arm": arm, "reader": reader, **compared.intervals[i][j].to_json()}
            for i, arm in enumerate(arms)
            for j, reader in enumerate(readers)
        ],
        "components": {
            "error_variance": compared.variance,
            "cov1": compared.cov1,
            "cov2": compared.cov2,
            "cov3": compared.cov3,
            "mean_square_arm": compared.mean_square_arm,
            "mean_square_arm_by_reader": compared.mean_square_interaction,
        },
        "random_readers": None if both is None else _analysis_json(arms, both),
        "fixed_readers": _analysis_json(arms, compared.fixed_readers),
        "kappa": [
            {"arm": arm, **kappa.to_json()}
            for arm, kappa in zip(arms, kappas, strict=True)
            if kappa is not None
        ],
        "calls": None if positive is None else _calls_json(results, positive),
        "changed": None
        if positive is None
        else [asdict(one) for one in changed_reads(arms, readers, positive, results.truth)],
        "seconds": None
        if seconds is None
        else [asdict(one) for one in reading_times(arms, readers, seconds)],
        "time_ratio": None if seconds is None else _ratios_json(arms, seconds),
    }


def _analysis_json(arms: tuple[str, ...], found: ArmAnalysis) -> dict[str, Any]:
    test = found.test
    finite = test is not None and test.df2 is not None and np.isfinite(test.df2)
    return {
        "statistic": None if test is None else test.statistic,
        "df1": None if test is None else test.df1,
        "df2": test.df2 if test is not None and finite else None,
        "p": None if test is None else test.p,
        "auc": [
            {"arm": arm, **area.to_json()} for arm, area in zip(arms, found.areas, strict=True)
        ],
        "differences": [
            {
                "arm": one.arm,
                "reference": one.reference,
                **one.difference.to_json(),
                "p": one.p,
            }
            for one in found.differences
        ],
    }


def _calls_json(results: ReaderResults, positive: np.ndarray) -> list[dict[str, Any]]:
    """Sensitivity and specificity of each reader in each arm."""
    found = []
    for i, arm in enumerate(results.arms):
        for j, reader in enumerate(results.readers):
            called = positive[i, j]
            found.append(
                {
                    "arm": arm,
                    "reader": reader,
                    "sensitivity": float(called[results.truth == 1].mean()),
                    "specificity": float((~called)[results.truth == 0].mean()),
                }
            )
    return found


def _ratios_json(arms: tuple[str, ...], seconds: np.ndarray) -> list[dict[str, Any]]:
    found: list[tuple[str, Estimate | None]] = [
        (arm, time_ratio(seconds, i)) for i, arm in enumerate(arms) if i
    ]
    return [{"arm": arm, **ratio.to_json()} for arm, ratio in found if ratio is not None]
