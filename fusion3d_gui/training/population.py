"""Who is scanned, and what becomes of them: metadata, and the label's true probability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from fusion3d_gui.model.schema import Field, MetadataSchema, Value

CLASS_NAMES = ("no progression", "progression")
TASK = "Progression (made-up outcome)"
DESCRIPTION = (
    "Skull-stripped T1 MR of the brain with age, sex, MMSE and hypertension. The outcome, the "
    "lesions and the clinical values are simulated on the MNI152 template: nothing in this "
    "cohort is a patient, and a model trained on it knows nothing about real ones."
)

#: Chance that a value is missing from the table, completely at random.
MISSING = {"age": 0.01, "sex": 0.0, "mmse": 0.08, "hypertension": 0.05}


@dataclass(frozen=True)
class Person:
    """One person's true values: age in years, sex "F" or "M", MMSE 0 to 30, hypertension, lesion."""

    age: int
    sex: str
    mmse: int
    hypertension: bool
    lesion: bool

    @classmethod
    def draw(cls, rng: np.random.Generator, lesion_rate: float) -> Person:
        """Draw a person.

        Age: normal, mean 68, standard deviation 11 years, drawn again outside 40 to 92. Sex: 52 %
        women. MMSE: 30 minus a gamma variate of shape 1.4 and scale 1.9 + 0.06·(age − 68) (at
        least 0.8), rounded. Hypertension: logistic in age, 42 % at 68, odds × 1.05 a year. The lesion
        is independent of all of them.
        """
        age = rng.normal(68, 11)
        while not 40 <= age <= 92:
            age = rng.normal(68, 11)
        sex = "F" if rng.random() < 0.52 else "M"
        lost = rng.gamma(1.4, max(0.8, 1.9 + 0.06 * (age - 68)))
        hypertension = rng.random() < expit(-0.32 + 0.05 * (age - 68))
        return cls(
            age=round(age),
            sex=sex,
            mmse=max(0, 30 - round(lost)),
            hypertension=bool(hypertension),
            lesion=bool(rng.random() < lesion_rate),
        )


@dataclass(frozen=True)
class OutcomeModel:
    """The label is drawn with probability p, where

        logit p = intercept + lesion · [lesion] + age · (age − 68)/11 + mmse · (27 − MMSE)/3
                  + hypertension · [hypertension] + male · [sex M]

    The coefficients are log odds. ``lesion_rate`` is the share of people with a lesion.
    """

    intercept: float = 0.0
    lesion_rate: float = 0.5
    lesion: float = 4.5
    age: float = 0.9
    mmse: float = 1.1
    hypertension: float = 0.7
    male: float = 0.4

    @classmethod
    def with_prevalence(cls, prevalence: float) -> OutcomeModel:
        """The model whose mean probability over a fixed sample of 20,000 people is ``prevalence``.

        Raises ValueError for a prevalence outside 0.02 to 0.98.
        """
        if not 0.02 <= prevalence <= 0.98:
            raise ValueError(f"prevalence is {prevalence}, not between 0.02 and 0.98")
        model = cls()
        scores = model.logits(sample(20_000, seed=0, lesion_rate=model.lesion_rate))
        intercept = brentq(lambda b: float(expit(scores + b).mean()) - prevalence, -20, 20)
        return replace(model, intercept=round(float(intercept), 3))

    def logits(self, people: list[Person]) -> np.ndarray:
        """True log odds [n] of these people."""
        columns = np.array(
            [
                (p.lesion, (p.age - 68) / 11, (27 - p.mmse) / 3, p.hypertension, p.sex == "M")
                for p in people
            ],
            dtype=np.float64,
        )
        weights = np.array([self.lesion, self.age, self.mmse, self.hypertension, self.male])
        return self.intercept + columns @ weights

    def probability(self, person: Person) -> float:
        """True probability of the positive label."""
        return float(expit(self.logits([person])[0]))

    def to_json(self) -> dict[str, Any]:
        """The coefficients."""
        return asdict(self)


def sample(count: int, *, seed: int, lesion_rate: float) -> list[Person]:
    """People without scans, for figures about the population."""
    rng = np.random.default_rng(seed)
    return [Person.draw(rng, lesion_rate) for _ in range(count)]


def ceilings(model: OutcomeModel) -> dict[str, float]:
    """The best AUC that anyone can reach, over 20,000 people: with everything, and with a part.

    ``all`` ranks by the true probability; ``metadata`` by its expectation over the lesion;
    ``lesion`` by the lesion alone. All know the true values, also where the table has gaps.
    """
    from sklearn.metrics import roc_auc_score

    people = sample(20_000, seed=1, lesion_rate=model.lesion_rate)
    logits = model.logits(people)
    lesions = np.array([p.lesion for p in people], dtype=np.float64)
    without = logits - model.lesion * lesions
    by_metadata = (1 - model.lesion_rate) * expit(without) + model.lesion_rate * expit(
        without + model.lesion
    )
    labels = np.random.default_rng(2).random(len(people)) < expit(logits)
    scores = {"all": logits, "metadata": by_metadata, "lesion": lesions}
    return {name: round(float(roc_auc_score(labels, s)), 4) for name, s in scores.items()}


def recorded_values(person: Person, rng: np.random.Generator) -> Mapping[str, Value]:
    """What the table says of a person: the true values, some of them missing (None)."""
    values: dict[str, Value] = {
        "age": person.age,
        "sex": person.sex,
        "mmse": person.mmse,
        "hypertension": person.hypertension,
    }
    gaps = rng.random(len(values))
    return {
        name: None if gap < MISSING[name] else value
        for (name, value), gap in zip(values.items(), gaps, strict=True)
    }


def cohort_schema() -> MetadataSchema:
    """The fields of the cohort; training fills in means and the ranges seen."""
    return MetadataSchema(
        (
            Field(
                "age",
                "Age",
                "number",
                unit="years",
                minimum=0,
                maximum=120,
                help="Age at the time of the scan.",
                dicom="PatientAge",
            ),
            Field(
                "sex",
                "Sex",
                "category",
                choices=(("F", "Female"), ("M", "Male")),
                help="Sex as recorded.",
                dicom="PatientSex",
            ),
            Field(
                "mmse",
                "MMSE",
                "number",
                minimum=0,
                maximum=30,
                help="Mini-Mental State Examination, 0 to 30 points.",
            ),
            Field("hypertension", "Hypertension", "boolean", help="Known arterial hypertension."),
        )
    )
