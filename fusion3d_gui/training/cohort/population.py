"""The simulated people: metadata, the label's true probability, and the best AUC that can be reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from fusion3d_gui.model.schema import Field, MetadataSchema, Value
from fusion3d_gui.model.scope import Scope

CLASS_NAMES = ("no progression", "progression")
TASK = "Progression (made-up outcome)"
DESCRIPTION = (
    "Skull-stripped T1 MR of the brain with age, sex, MMSE and hypertension. The outcome, the "
    "lesions and the clinical values are simulated on the MNI152 template: nothing in this "
    "cohort is a patient, and a model trained on it knows nothing about real ones."
)

#: Probability that a value is missing from the table, completely at random.
MISSING_RATES = {"age": 0.01, "sex": 0.0, "mmse": 0.08, "hypertension": 0.05}


@dataclass(frozen=True)
class Person:
    """One person's true values: age in years, sex ``"F"`` or ``"M"``, MMSE 0 to 30, hypertension, lesion."""

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


class Truth(NamedTuple):
    """The label's probability for n people, as arrays [n], by what is known of them.

    ``probability`` is the label's given lesion and metadata; ``image`` its expectation given the lesion
    alone, which is all that an image says of the label; ``metadata`` its expectation given the metadata
    alone. No score has a higher expected AUC than ``probability``, none made from the image a higher one
    than ``image``, none made from the metadata a higher one than ``metadata``.
    """

    probability: np.ndarray
    image: np.ndarray
    metadata: np.ndarray


@dataclass(frozen=True)
class OutcomeModel:
    """How the label depends on lesion and metadata: it is 1 with probability p, where::

        logit p = intercept + lesion · L + metadata · m + interaction · L · m
        m = (0.9 · (age − 68)/11 + 1.1 · (27 − MMSE)/3 + 0.7 · [hypertension] + 0.4 · [sex M] − 0.34)
            / 1.57

    with L = 1 for people with a lesion, else 0; m has about mean 0 and standard deviation 1. The
    coefficients are log odds: the strength of the image's signal, that of the metadata's, and how much
    the metadata weigh more in the presence of a lesion, which neither source shows alone.
    ``lesion_rate`` and ``distractor_rate`` are the shares of people with a lesion and with a distractor,
    on which the label does not depend.

    Raises ValueError for a coefficient outside -20 to 20 and a rate outside 0 to 1.
    """

    intercept: float = 0.0
    lesion: float = 4.0
    metadata: float = 1.25
    interaction: float = 1.25
    lesion_rate: float = 0.2
    distractor_rate: float = 0.3

    def __post_init__(self) -> None:
        for name in ("lesion", "metadata", "interaction"):
            if not -20 <= getattr(self, name) <= 20:
                raise ValueError(f"{name} strength is {getattr(self, name)}, not -20 to 20")
        for name in ("lesion_rate", "distractor_rate"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, not between 0 and 1")

    def with_prevalence(self, prevalence: float) -> OutcomeModel:
        """This model with the intercept at which 20,000 fixed people have this mean probability.

        Raises ValueError for a prevalence outside 0.02 to 0.98.
        """
        if not 0.02 <= prevalence <= 0.98:
            raise ValueError(f"prevalence is {prevalence}, not between 0.02 and 0.98")
        scores = replace(self, intercept=0.0)._logits(*self._columns(self._reference))
        intercept = brentq(lambda b: float(expit(scores + b).mean()) - prevalence, -60, 60)
        return replace(self, intercept=round(float(intercept), 3))

    def truth(self, people: Sequence[Person]) -> Truth:
        """The probabilities of these people's labels, given their true values."""
        lesion, score = self._columns(people)
        with_it, without = (expit(self._logits(np.full_like(score, n), score)) for n in (1, 0))
        by_lesion = self._mean_by_lesion()
        return Truth(
            probability=np.where(lesion > 0, with_it, without),
            image=np.where(lesion > 0, by_lesion[1], by_lesion[0]),
            metadata=self.lesion_rate * with_it + (1 - self.lesion_rate) * without,
        )

    def to_json(self) -> dict[str, Any]:
        """The coefficients, as a JSON object."""
        return asdict(self)

    @property
    def _reference(self) -> tuple[Person, ...]:
        return sample_people(20_000, seed=0, lesion_rate=self.lesion_rate)

    @cache  # noqa: B019  (a handful of models, each needed by every case)
    def _mean_by_lesion(self) -> tuple[float, float]:
        """Mean probability without and with a lesion."""
        _, score = self._columns(self._reference)
        without, with_it = (
            float(expit(self._logits(np.full_like(score, n), score)).mean()) for n in (0, 1)
        )
        return without, with_it

    def _logits(self, lesion: np.ndarray, score: np.ndarray) -> np.ndarray:
        slope = self.metadata + self.interaction * lesion
        logits: np.ndarray = self.intercept + self.lesion * lesion + slope * score
        return logits

    @staticmethod
    def _columns(people: Sequence[Person]) -> tuple[np.ndarray, np.ndarray]:
        """L [n] and m [n] of the formula."""
        columns = np.array(
            [((p.age - 68) / 11, (27 - p.mmse) / 3, p.hypertension, p.sex == "M") for p in people],
            dtype=np.float64,
        )
        score = (columns @ np.array([0.9, 1.1, 0.7, 0.4]) - 0.34) / 1.57
        return np.array([p.lesion for p in people], dtype=np.float64), score


@cache
def sample_people(count: int, *, seed: int, lesion_rate: float) -> tuple[Person, ...]:
    """Draw people without scans, for figures about the population."""
    rng = np.random.default_rng(seed)
    return tuple(Person.draw(rng, lesion_rate) for _ in range(count))


def auc_ceilings(model: OutcomeModel) -> dict[str, float]:
    """The highest AUC that can be reached, over 20,000 people, from ``all``, the ``image``, the ``metadata``.

    See :class:`Truth`. True values are used, also where the table has gaps.
    """
    from sklearn.metrics import roc_auc_score

    truth = model.truth(sample_people(20_000, seed=1, lesion_rate=model.lesion_rate))
    labels = np.random.default_rng(2).random(len(truth.probability)) < truth.probability
    scores = {"all": truth.probability, "image": truth.image, "metadata": truth.metadata}
    return {name: round(float(roc_auc_score(labels, s)), 4) for name, s in scores.items()}


def recorded_values(person: Person, rng: np.random.Generator) -> Mapping[str, Value]:
    """A person's values in the table: the true ones, some missing (None) at :data:`MISSING_RATES`."""
    values: dict[str, Value] = {
        "age": person.age,
        "sex": person.sex,
        "mmse": person.mmse,
        "hypertension": person.hypertension,
    }
    gaps = rng.random(len(values))
    return {
        name: None if gap < MISSING_RATES[name] else value
        for (name, value), gap in zip(values.items(), gaps, strict=True)
    }


#: What is declared of the cohort's scans; training fills in sizes and ages.
COHORT_SCOPE = Scope(
    modality="MR",
    body_part="brain",
    contrasts=("T1",),
    coverage="skull_stripped",
    population="simulated",
)


def cohort_schema() -> MetadataSchema:
    """The metadata fields of the cohort; training fills in means and observed ranges."""
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
