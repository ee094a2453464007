"""Shapley contributions of the image and of each metadata field to the logit (Shapley 1953)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from fusion3d_gui.inference.analysis.result_types import Contributions, Curve, ZeroShare
from fusion3d_gui.inference.case_model import CaseModel
from fusion3d_gui.model.reference.reference import Reference
from fusion3d_gui.model.schema import Value

#: Up to this many fields every coalition is computed (2^10 rows); with more, orders are sampled.
MOST_EXACT = 10

#: A contribution (logit) below this is called hardly any.
HARDLY_ANY = 0.05

_ORDERS = 300
#: From this range of its curve (probability) on, a field's missing contribution is worth an explanation.
_MOVES = 0.1


def contributions(
    case: CaseModel, values: Mapping[str, Value], reference: Reference
) -> Contributions:
    """Contributions of image and metadata to the logit's difference from the background case.

    The image and the metadata as a whole are two players with exact Shapley values. The metadata's value
    is divided among the fields by Owen values (Owen 1977, for players in unions): the Shapley values of
    the mean of two games, with the case's image and with the background's. A field outside a coalition
    has the background case's value.

    Parameters
    ----------
    case, values
        The case's image features and its metadata by field name.
    reference
        The bundle's statistics with the background case.

    Returns
    -------
    Contributions
        In units of the logit.
    """
    schema = case.info.schema
    background = torch.from_numpy(np.asarray(reference.background_pooled, dtype=np.float32))[None]

    def play(codes: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Logits with the case's image and with the background's."""
        head = case.head
        return head.logits(case.pooled, codes), head.logits(background, codes)

    if not schema.fields:
        with_image, without = play(None)
        logit, start = float(with_image[0]), float(without[0])
        chance = case.info.decision.probability(start)
        return Contributions(start, logit, logit - start, {}, {}, chance)
    own, other = schema.encode(values), np.asarray(reference.background_metadata, np.float32)
    with_image, without = play(np.stack([own, other]))
    image = float((with_image - without).mean())
    if len(schema.fields) <= MOST_EXACT:
        fields = _exact(case, own, other, play)
    else:
        fields = _sampled(case, own, other, play)
    return Contributions(
        reference_logit=float(without[1]),
        logit=float(with_image[0]),
        image=image,
        fields=fields,
        reference_values=reference.background_values,
        reference_probability=case.info.decision.probability(float(without[1])),
        exact=len(schema.fields) <= MOST_EXACT,
    )


def zero_shares(
    case: CaseModel,
    values: Mapping[str, Value],
    found: Contributions,
    drawn: Sequence[Curve],
) -> tuple[ZeroShare, ...]:
    """The fields whose contribution is below :data:`HARDLY_ANY` though their curve moves the probability.

    Parameters
    ----------
    case, values
        The case's image features and its metadata by field name.
    found
        Its contributions.
    drawn
        One curve for each field, of the same case.
    """
    own = case.logit(values)
    zero = []
    for curve in drawn:
        field = curve.field
        low, high = float(curve.probabilities.min()), float(curve.probabilities.max())
        if abs(found.fields[field.name]) >= HARDLY_ANY or high - low < _MOVES:
            continue
        standard = found.reference_values.get(field.name)
        reason: Literal["same", "flat", "interaction"] = "interaction"
        if field.encode(values.get(field.name)) == field.encode(standard):
            reason = "same"
        elif abs(own - case.logit({**values, field.name: standard})) < 2 * HARDLY_ANY:
            reason = "flat"
        zero.append(ZeroShare(field, reason, low, high))
    return tuple(zero)


def _members(case: CaseModel) -> np.ndarray:
    """Field index of each element [W] of the encoded metadata."""
    fields = case.info.schema.fields
    return np.repeat(np.arange(len(fields)), [field.width for field in fields])


def _exact(case: CaseModel, own: np.ndarray, other: np.ndarray, play: Any) -> dict[str, float]:
    fields = case.info.schema.fields
    count = len(fields)
    # Row number c is the coalition of the fields whose bits are set in c.
    present = (np.arange(2**count)[:, None] >> np.arange(count)) & 1
    codes = np.where(present[:, _members(case)] == 1, own, other)
    worth = np.mean(play(codes), axis=0)
    size = present.sum(axis=1)
    weights = np.array(
        [
            math.factorial(n) * math.factorial(count - 1 - n) / math.factorial(count)
            for n in range(count)
        ]
    )
    shares = {}
    for number, field in enumerate(fields):
        without = np.flatnonzero(present[:, number] == 0)
        gain = worth[without | (1 << number)] - worth[without]
        shares[field.name] = float((weights[size[without]] * gain).sum())
    return shares


def _sampled(case: CaseModel, own: np.ndarray, other: np.ndarray, play: Any) -> dict[str, float]:
    from captum.attr import ShapleyValueSampling

    def worth(codes: Tensor) -> Tensor:
        return torch.from_numpy(np.mean(play(codes.numpy()), axis=0))

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        shares = ShapleyValueSampling(worth).attribute(
            torch.from_numpy(own)[None],
            baselines=torch.from_numpy(other)[None],
            feature_mask=torch.from_numpy(_members(case))[None],
            n_samples=_ORDERS,
        )[0]
    # Captum assigns a field's whole contribution to each of its elements.
    firsts = np.unique(_members(case), return_index=True)[1]
    return {
        field.name: float(shares[first])
        for field, first in zip(case.info.schema.fields, firsts, strict=True)
    }
