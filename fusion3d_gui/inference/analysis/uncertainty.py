"""Uncertainty of a prediction: score percentiles, dropout interval, distance from training, prevalence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from scipy.special import ndtri
from torch import nn

from fusion3d_gui.inference.analysis.result_types import AtPrevalence, Uncertainty
from fusion3d_gui.inference.case_model import CaseModel
from fusion3d_gui.inference.out_of_distribution import (
    appearance_percent,
    embedding_distance,
    image_outside,
)
from fusion3d_gui.model.prevalence import predictive_values, shifted_probability
from fusion3d_gui.model.reference.reference import Reference
from fusion3d_gui.model.schema import Value

_DROPOUT_RUNS = 400


def assess_uncertainty(
    case: CaseModel, values: Mapping[str, Value], reference: Reference | None
) -> Uncertainty:
    """Assess a case by its embedding, its metadata and the reference statistics."""
    chance = case.probability(values)
    interval = dropout_interval(case, values)
    outside = outside_of_training(case, values, reference)
    if reference is None:
        return Uncertainty(None, None, interval, None, None, None, outside, ())
    distance, percent = embedding_distance(case, reference)
    lower = [
        _share_lower(reference.validation_probability[reference.validation_label == label], chance)
        for label in (0, 1)
    ]
    return Uncertainty(
        lower_negative=lower[0],
        lower_positive=lower[1],
        interval=interval,
        image_distance=distance,
        image_percent=percent,
        appearance_percent=appearance_percent(case, reference),
        outside=outside,
        neighbours=tuple(reference.nearest(case.image_embedding, 5)),
    )


def outside_of_training(
    case: CaseModel, values: Mapping[str, Value], reference: Reference | None
) -> tuple[str, ...]:
    """Sentences about how a case lies outside the training data; empty if it does not."""
    fields = case.info.schema.fields
    about_values = [field.warning(values.get(field.name)) for field in fields]
    return (*image_outside(case, reference), *(text for text in about_values if text))


def dropout_interval(
    case: CaseModel, values: Mapping[str, Value], runs: int = _DROPOUT_RUNS, seed: int = 0
) -> tuple[float, float] | None:
    """2.5th and 97.5th percentile of the probability under Monte Carlo dropout (Gal & Ghahramani 2016).

    Only the classifier is repeated, in one batch of ``runs``. Deterministic for a ``seed``. None where the
    classifier has no dropout.
    """
    network = case.head.network
    if not any(isinstance(module, nn.Dropout) and module.p > 0 for module in network.classifier):
        return None
    generator = torch.Generator().manual_seed(seed)
    with torch.inference_mode():
        metadata = None
        if case.head.takes_metadata:
            metadata = torch.from_numpy(case.info.schema.encode(values))[None]
        x = network.head_from_pooled(case.pooled, metadata)[2].expand(runs, -1)
        for module in network.classifier:
            if isinstance(module, nn.Dropout):
                # Not by the module: its training mode is shared by all threads, and it takes no generator.
                kept = torch.rand(x.shape, generator=generator) >= module.p
                x = x * kept / (1 - module.p)
            else:
                x = module(x)
        chances = case.probabilities(x[:, 0].double().numpy())
    low, high = np.percentile(chances, [2.5, 97.5])
    return float(low), float(high)


def at_prevalence(
    chance: float, threshold: float, reference: Reference, prevalence: float
) -> AtPrevalence:
    """Probability and predictive values at another prevalence, in (0, 1).

    By Bayes' theorem, with sensitivity and specificity from the validation cases, and their share
    of positives as the prevalence for which probabilities are calibrated.
    """
    label = reference.validation_label.astype(bool)
    flagged = reference.validation_probability >= threshold
    adjusted = chance
    if 0 < label.mean() < 1 and 0 < chance < 1:
        adjusted = shifted_probability(chance, float(label.mean()), prevalence)
    sensitivity = _wilson(int((flagged & label).sum()), int(label.sum()))
    specificity = _wilson(int((~flagged & ~label).sum()), int((~label).sum()))
    if sensitivity is None or specificity is None:
        return AtPrevalence(prevalence, adjusted, None, None)
    pairs = list(zip(sensitivity, specificity, strict=True))
    ppv, npv = zip(*(predictive_values(a, b, prevalence) for a, b in pairs), strict=True)
    return AtPrevalence(prevalence, adjusted, _triple(ppv), _triple(npv))


def _share_lower(scores: np.ndarray, chance: float) -> float | None:
    return float(np.mean(scores < chance)) if len(scores) else None


def _wilson(hits: int, count: int) -> tuple[float, float, float] | None:
    """Share, and the ends of its 95 % interval (Wilson 1927); not by scipy.stats, which is slow to import."""
    if count == 0:
        return None
    share, z = hits / count, float(ndtri(0.975))
    middle = share + z**2 / (2 * count)
    reach = z * np.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    low, high = ((middle + sign * reach) / (1 + z**2 / count) for sign in (-1, 1))
    return share, 0.0 if hits == 0 else float(low), 1.0 if hits == count else float(high)


def _triple(found: Sequence[float | None]) -> tuple[float, float, float] | None:
    first, low, high = found
    if first is None or low is None or high is None:
        return None
    return first, low, high
