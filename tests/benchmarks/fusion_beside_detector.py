"""How far the fusion models get beside a detector that learned from the lesion masks and is given the metadata, too.

    python tests/benchmarks/cohort_detector.py training/cases.csv validation/cases.csv test/cases.csv --keep DETECTOR
    python tests/benchmarks/fusion_beside_detector.py DETECTOR validation/cases.csv test/cases.csv \\
           models/demo-image-only models/demo-concat models/demo-add models/demo-multiply

The first bundle is that of the image alone; the cohorts are those of cohort_detector.py, the test with as many cases
as the intervals need. What it found stands in docs/cohort.md.

A score of the lesion becomes its probability by logistic regression on the validation cases, whose share of lesions is
replaced by the test cohort's rate (Bayes' theorem). With the outcome model that the cohort is simulated from::

    P(label) = P(lesion) · P(label | lesion, metadata) + (1 − P(lesion)) · P(label | no lesion, metadata)

The metadata are the true ones, and for comparison those of the table, where some are missing. Nothing is chosen on the
test cases: the best fusion is the one whose card states the highest AUROC.

Is the image branch or the fusion too weak? The logit of the image-only model, and that of each fusion model for one and
the same person, are scores of the lesion, too: they are judged as such, and combined with the metadata in the same way.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from cohort_detector import SCORES, Cases, logit_maps, make_network, read_cases  # beside this file
from scipy.special import expit, logit
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.schema import Value
from fusion3d_gui.training.cohort.generate import draw_record
from fusion3d_gui.training.cohort.population import OutcomeModel, Person, sample_people
from fusion3d_gui.training.data.cases import Cases as NetworkCases
from fusion3d_gui.training.data.table import CaseTable, read_table
from fusion3d_gui.training.measure.metadata_baseline import MetadataBaseline
from fusion3d_gui.training.measure.metrics import Estimate, compute_metrics
from fusion3d_gui.training.measure.recalibration import logistic_recalibration
from fusion3d_gui.training.measure.scores import predict_cases
from fusion3d_gui.training.train import DEFAULT_PREPROCESSING

#: Whoever every case is given for, where a fusion model's logit is to say something of the image alone.
_SAME_PERSON: dict[str, Value] = {"age": 68, "sex": "F", "mmse": 28, "hypertension": False}
#: People of the simulated population, over whom missing values are averaged; ages that differ by no more are alike.
_PEOPLE, _ALIKE_YEARS = 200_000, 2
_RESAMPLES = 2000

DETECTOR, TABLE = "detector with the metadata", "detector with the table's metadata"
KNOWN = "lesion and metadata known"
METADATA, REGRESSION = "true metadata alone", "metadata alone (logistic regression)"


@dataclass(frozen=True, eq=False)
class Outcome:
    """The label's probability for n cases, float64 [n]: with a lesion and without, given the metadata."""

    with_lesion: np.ndarray
    without: np.ndarray

    def given(self, lesion: np.ndarray | float) -> np.ndarray:
        """The label's probability [n] where ``lesion`` [n] is that of a lesion."""
        found: np.ndarray = lesion * self.with_lesion + (1 - lesion) * self.without
        return found


class LesionScore(NamedTuple):
    """A score that is higher with a lesion, of the validation cases and of the test cases."""

    validation: np.ndarray
    test: np.ndarray

    def probability(self, truth: np.ndarray, rate: float) -> np.ndarray:
        """That of a lesion in each test case, whose cohort has lesions at ``rate``.

        ``truth`` says which validation cases have one.
        """
        found = LogisticRegression(C=1e6).fit(self.validation[:, None], truth)
        shift = logit(rate) - logit(truth.mean())
        chance: np.ndarray = expit(found.decision_function(self.test[:, None]) + shift)
        return chance


def outcome_of(people: tuple[Person, ...], model: OutcomeModel) -> Outcome:
    """That of people whose true values are known."""
    with_it, without = (
        model.truth([Person(p.age, p.sex, p.mmse, p.hypertension, lesion) for p in people])
        for lesion in (True, False)
    )
    return Outcome(with_it.probability, without.probability)


def true_outcome(table: CaseTable, model: OutcomeModel) -> Outcome:
    """That of a simulated table's people, drawn again; it is checked against the table's column."""
    assert table.cohort is not None
    numbers = [int(case.name.removeprefix("case-")) for case in table.cases]
    drawn = [draw_record(n, table.cohort["seed"], model).person for n in numbers]
    found = outcome_of(tuple(drawn), model)
    stated = np.array([case.ceilings["metadata"] for case in table.cases])
    assert np.abs(found.given(model.lesion_rate) - stated).max() < 1e-6
    return found


def table_outcome(table: CaseTable, model: OutcomeModel) -> Outcome:
    """That of a table's values: what is missing is averaged over the people who are alike in the others."""
    people = sample_people(_PEOPLE, seed=3, lesion_rate=model.lesion_rate)
    population = outcome_of(people, model)
    columns = {name: np.array([getattr(p, name) for p in people]) for name in _SAME_PERSON}
    found = Outcome(np.empty(len(table.cases)), np.empty(len(table.cases)))
    for n, case in enumerate(table.cases):
        known = {name: value for name, value in case.values.items() if value is not None}
        if len(known) == len(columns):
            exact = outcome_of((Person(**known, lesion=False),), model)  # type: ignore[arg-type]
            found.with_lesion[n], found.without[n] = exact.with_lesion[0], exact.without[0]
            continue
        alike = np.ones(len(people), bool)
        for name, value in known.items():
            column = columns[name]
            alike &= abs(column - value) <= _ALIKE_YEARS if name == "age" else column == value
        found.with_lesion[n] = population.with_lesion[alike].mean()
        found.without[n] = population.without[alike].mean()
    return found


def detector_score(folder: Path, steps: int, validation: Cases, test: Cases) -> LesionScore:
    """The detector's score that is best on the validation cases; a probability as its log odds."""
    network = make_network()
    network.load_state_dict(torch.load(folder / f"weights-{steps}.pt", weights_only=True))
    maps = [list(logit_maps(network, cases)) for cases in (validation, test)]
    scores = {
        name: [np.array([of(m) for m in each]) for each in maps] for name, of in SCORES.items()
    }
    chosen = max(scores, key=lambda name: float(roc_auc_score(validation.lesion, scores[name][0])))
    found = scores[chosen]
    if "probability" in chosen:
        found = [logit(np.clip(each, 1e-6, 1 - 1e-6)) for each in found]
    return LesionScore(*found)


def resampled_aurocs(labels: np.ndarray, scores: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """AUROC of each score of the cases [1 + 2000]: as it is, then of resamples, which all scores share.

    Positives and negatives are resampled separately.
    """
    rng = np.random.default_rng(0)
    positives, negatives = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    rows = [
        np.vstack([part, rng.choice(part, (_RESAMPLES, len(part)))])
        for part in (positives, negatives)
    ]
    p, q = len(positives), len(negatives)
    return {
        name: (rankdata(score[np.hstack(rows)], axis=1)[:, :p].sum(axis=1) - p * (p + 1) / 2)
        / (p * q)
        for name, score in scores.items()
    }


def estimate(values: np.ndarray) -> Estimate:
    """Of a figure [1 + 2000] of the cases and their resamples."""
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return Estimate(float(values[0]), float(low), float(high))


def print_shares(areas: dict[str, np.ndarray]) -> None:
    """Each score's AUROC, and how much that is of the detector's with the metadata, in two ways."""
    for name, area in areas.items():
        shares = (
            f"; of {to}: {estimate(100 * area / areas[to]).text(1)} %, of its distance from 0.5 "
            f"{estimate(100 * (area - 0.5) / (areas[to] - 0.5)).text(1)} %"
            for to in (DETECTOR, TABLE)
        )
        print(f"{name}: AUROC {estimate(area).text()}{''.join(shares)}")


def main() -> None:
    """Score the test cases in every way and print the comparison."""
    parser = argparse.ArgumentParser()
    for name in ("detector", "validation", "test"):
        parser.add_argument(name, type=Path)
    parser.add_argument("bundles", type=Path, nargs="+", help="that of the image alone comes first")
    parser.add_argument("--steps", type=int, default=800)
    options = parser.parse_args()
    table = read_table(options.test)
    labels = table.labels
    assert table.cohort is not None
    model = OutcomeModel(**table.cohort["outcome"])
    true = true_outcome(table, model)
    validation = read_cases(options.validation, options.detector / "validation.npz")
    test = read_cases(options.test, options.detector / "test.npz")
    print(f"Test: {len(labels)} cases, {test.lesion.sum()} with a lesion, {labels.sum()} positive")

    lesion_scores = {"detector": detector_score(options.detector, options.steps, validation, test)}
    scores: dict[str, np.ndarray] = {}
    stated: dict[str, float] = {}
    for path in options.bundles:
        loaded = ModelBundle.load(path)
        info = loaded.info
        assert info.preprocessing == DEFAULT_PREPROCESSING
        values = {field.name: _SAME_PERSON[field.name] for field in info.schema.fields}
        same = np.tile(info.schema.encode(values), (max(len(labels), len(validation.labels)), 1))
        of_image = [
            predict_cases(loaded, NetworkCases(c.inputs, same[: len(c.labels)], c.labels))
            for c in (validation, test)
        ]
        lesion_scores[f"{path.name}'s image branch"] = LesionScore(*of_image)
        metadata = table.encode_metadata(info.schema) if info.schema.fields else same[: len(labels)]
        found = predict_cases(loaded, NetworkCases(test.inputs, metadata, labels))
        scores[path.name] = expit(found.astype(np.float64) / info.decision.temperature)
        stated[path.name] = info.metadata["eval_metrics"]["held_out"]["figures"]["auroc"]["value"]
        if info.schema.fields and (baseline := MetadataBaseline.load(path, info.schema.width)):
            scores[REGRESSION] = baseline.logits(metadata)

    print("Is there a lesion?")
    areas = resampled_aurocs(test.lesion, {name: one.test for name, one in lesion_scores.items()})
    for name, area in areas.items():
        print(f"{name}: AUROC {estimate(area).text()}")
    for name, one in lesion_scores.items():
        chance = one.probability(validation.lesion, model.lesion_rate)
        print(f"{name}: stated {chance.mean():.3f} on average, found {test.lesion.mean():.3f}")
        scores[f"{name} with the metadata"] = true.given(chance)
    seen = lesion_scores["detector"].probability(validation.lesion, model.lesion_rate)
    scores[TABLE] = table_outcome(table, model).given(seen)
    scores[KNOWN], scores[METADATA] = true.given(test.lesion), true.given(model.lesion_rate)
    print("The outcome")
    areas = resampled_aurocs(labels, scores)
    print_shares(areas)
    best, image_only = max(stated, key=stated.__getitem__), options.bundles[0].name
    for other in (image_only, REGRESSION, METADATA):
        print(f"{best} minus {other}: {estimate(areas[best] - areas[other]).text()}")
    for name in (*stated, DETECTOR):
        figures = compute_metrics(labels, scores[name], 0.5)
        again = logistic_recalibration(labels, scores[name])
        print(
            f"{name}: stated {scores[name].mean():.3f}, found {labels.mean():.3f}; "
            f"Brier {figures['brier'].text()}, ECE {figures['ece'].text()}, "
            f"slope {again['slope'].text(2)}, intercept {again['intercept'].text(2)}"
        )


if __name__ == "__main__":
    sys.exit(main())
