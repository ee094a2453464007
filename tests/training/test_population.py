"""The simulated people: their distributions, and the label's probability by its formula."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import truncnorm
from sklearn.linear_model import LogisticRegression

from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.shipped import models_dir
from fusion3d_gui.training.cohort.population import (
    MISSING_RATES,
    OutcomeModel,
    Person,
    cohort_schema,
    recorded_values,
    sample_people,
)


@pytest.fixture(scope="module")
def people() -> tuple[Person, ...]:
    return sample_people(20_000, seed=4, lesion_rate=0.3)


def test_people_are_distributed_as_described(people):
    ages = np.array([p.age for p in people], float)
    judge = truncnorm((40 - 68) / 11, (92 - 68) / 11, 68, 11)
    assert ages.mean() == pytest.approx(judge.mean(), abs=0.3)
    assert ages.std() == pytest.approx(judge.std(), abs=0.2)
    assert (ages.min(), ages.max()) == (40, 92)
    assert np.mean([p.sex == "F" for p in people]) == pytest.approx(0.52, abs=0.012)
    assert np.mean([p.lesion for p in people]) == pytest.approx(0.3, abs=0.012)
    lost = np.array([30 - p.mmse for p in people], float)
    for low, high in ((60, 64), (67, 69), (76, 80)):
        inside = (ages >= low) & (ages <= high)
        scale = 1.9 + 0.06 * (ages[inside].mean() - 68)
        assert lost[inside].mean() == pytest.approx(1.4 * scale, abs=0.15)
        assert lost[inside].var() == pytest.approx(1.4 * scale**2 + 1 / 12, rel=0.15)


def test_an_age_is_the_first_normal_variate_between_40_and_92():
    drawn_again = 0
    for seed in range(400):
        variates = 68 + 11 * np.random.default_rng(seed).standard_normal(20)
        inside = (variates >= 40) & (variates <= 92)
        drawn_again += not inside[0]
        found = Person.draw(np.random.default_rng(seed), lesion_rate=0.3)
        assert found.age == round(variates[inside.argmax()])
    assert drawn_again >= 4


def test_hypertension_is_logistic_in_age(people):
    ages = np.array([[p.age - 68] for p in people], float)
    found = LogisticRegression(C=np.inf).fit(ages, [p.hypertension for p in people])
    assert expit(found.intercept_[0]) == pytest.approx(0.42, abs=0.015)
    assert np.exp(found.coef_[0, 0]) == pytest.approx(1.05, abs=0.006)


@pytest.mark.parametrize(
    ("person", "score"),
    [
        (Person(68, "F", 27, False, False), -0.34 / 1.57),
        (Person(79, "F", 27, False, False), (0.9 - 0.34) / 1.57),
        (Person(68, "F", 24, False, False), (1.1 - 0.34) / 1.57),
        (Person(68, "F", 27, True, False), (0.7 - 0.34) / 1.57),
        (Person(68, "M", 27, False, False), (0.4 - 0.34) / 1.57),
        (Person(46, "M", 30, True, True), (-1.8 - 1.1 + 0.7 + 0.4 - 0.34) / 1.57),
    ],
)
def test_the_probability_is_that_of_the_formula(person, score):
    model = OutcomeModel(
        intercept=-1.0, lesion=2.0, metadata=0.8, interaction=0.6, lesion_rate=0.25
    )
    with_lesion = expit(-1.0 + 2.0 + (0.8 + 0.6) * score)
    without = expit(-1.0 + 0.8 * score)
    truth = model.truth([person])
    expected = with_lesion if person.lesion else without
    assert logit(truth.probability[0]) == pytest.approx(logit(expected))
    assert truth.metadata[0] == pytest.approx(0.25 * with_lesion + 0.75 * without)


def test_the_score_of_the_metadata_is_standardised(people):
    # With the metadata alone, the log odds are the score.
    truth = OutcomeModel(lesion=0.0, metadata=1.0, interaction=0.0).truth(people)
    scores = logit(truth.probability)
    assert scores.mean() == pytest.approx(0, abs=0.03)
    assert scores.std() == pytest.approx(1, abs=0.03)


def test_values_are_missing_at_their_rates_and_else_as_they_are():
    person = Person(70, "M", 25, False, True)
    rng = np.random.default_rng(0)
    found = [recorded_values(person, rng) for _ in range(4000)]
    for name, rate in MISSING_RATES.items():
        values = [each[name] for each in found]
        assert set(values) <= {None, getattr(person, name)}
        assert values.count(None) / len(values) == pytest.approx(rate, abs=0.012)
    assert MISSING_RATES == {"age": 0.01, "sex": 0.0, "mmse": 0.08, "hypertension": 0.05}


@pytest.mark.parametrize(
    "wrong", [{"lesion": 21}, {"metadata": -21}, {"lesion_rate": 0}, {"distractor_rate": 1}]
)
def test_strengths_and_rates_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="not"):
        OutcomeModel(**wrong)


@pytest.mark.parametrize("prevalence", [0.01, 0.99])
def test_a_prevalence_that_makes_no_sense_is_refused(prevalence):
    with pytest.raises(ValueError, match="prevalence"):
        OutcomeModel().with_prevalence(prevalence)


def test_the_fields_of_the_cohort_are_those_of_the_shipped_models():
    # But for what training fills in, and the help, which is not stored.
    shipped = BundleInfo.read(models_dir() / "demo-concat").schema
    for ours, theirs in zip(cohort_schema().fields, shipped.fields, strict=True):
        learned = {
            name: getattr(theirs, name) for name in ("mean", "std", "seen_minimum", "seen_maximum")
        }
        assert replace(ours, **learned) == theirs
