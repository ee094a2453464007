"""Metrics by subgroup: each category, yes or no, and three bands of each number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fusion3d_gui.model.schema import Field, MetadataSchema
from fusion3d_gui.training.data.table import CaseRow
from fusion3d_gui.training.measure.metrics import Estimate, auroc
from fusion3d_gui.training.measure.results import SubgroupJson

#: Fewer than elsewhere, since there may be many subgroups.
_RESAMPLES = 1000
#: Cases of either label that an AUROC needs at least.
_FEWEST_OF_A_LABEL = 5


@dataclass(frozen=True, eq=False)
class Subgroup:
    """A group of cases: labels of its ``field`` and ``group``, and which cases are in it (``rows``, bool [n])."""

    field: str
    group: str
    rows: np.ndarray


def subgroups(schema: MetadataSchema, cases: Sequence[CaseRow]) -> list[Subgroup]:
    """All groups that hold a case, field by field; cases whose value is missing are a group too.

    Numbers are divided into three bands of about equally many cases, at round edges.
    """
    found = []
    for field in schema.fields:
        values = [case.values.get(field.name) for case in cases]
        known = np.array([value is not None for value in values])
        if field.kind == "number":
            numbers = np.array([np.nan if v is None else float(v) for v in values])
            masks = _bands(field, numbers)
        elif field.kind == "category":
            masks = [
                (label, np.array([v == choice for v in values])) for choice, label in field.choices
            ]
        else:
            masks = [
                (name, np.array([v is answer for v in values]))
                for name, answer in (("no", False), ("yes", True))
            ]
        masks.append(("not known", ~known))
        found += [Subgroup(field.label, name, mask) for name, mask in masks if mask.any()]
    return found


def subgroup_metrics(
    schema: MetadataSchema,
    cases: Sequence[CaseRow],
    labels: np.ndarray,
    probabilities: np.ndarray,
    threshold: float,
) -> list[SubgroupJson]:
    """The metrics of each subgroup, as JSON objects.

    ``field``, ``group``, ``n``, ``positives``, ``auroc`` (with its interval; None with fewer than 5 cases of
    either label), ``mean_probability`` and ``observed`` (share of positives; together they show calibration
    in the large), ``sensitivity`` and ``specificity`` at the threshold (None without such cases).
    """
    table: list[SubgroupJson] = []
    for group in subgroups(schema, cases):
        truth, chance = labels[group.rows], probabilities[group.rows]
        count = np.bincount(truth, minlength=2)
        area: Estimate | None = None
        if count.min() >= _FEWEST_OF_A_LABEL:
            area = auroc(truth, chance, _RESAMPLES)
        called = chance >= threshold
        table.append(
            {
                "field": group.field,
                "group": group.group,
                "n": len(truth),
                "positives": int(count[1]),
                "auroc": None if area is None else area.to_json(),
                "mean_probability": round(float(chance.mean()), 4),
                "observed": round(float(truth.mean()), 4),
                "sensitivity": _share(called[truth == 1]),
                "specificity": _share(~called[truth == 0]),
            }
        )
    return table


def _share(hits: np.ndarray) -> float | None:
    return round(float(hits.mean()), 4) if len(hits) else None


def _bands(field: Field, numbers: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Three bands at round edges; fewer where the values are few."""
    known = numbers[np.isfinite(numbers)]
    if not len(known):
        return []
    low, high = float(known.min()), float(known.max())
    if low == high:
        return [(f"{low:g}{_unit(field)}", numbers == low)]
    # The largest of 1, 2, 5 × 10^k that is at most a tenth of the range.
    target = (high - low) / 10
    power = 10 ** np.floor(np.log10(target))
    step = float(max(m * power for m in (1, 2, 5) if m * power <= target * (1 + 1e-9)))
    if field.decimals == 0:
        step = max(step, 1.0)
    edges = sorted({float(round(q / step) * step) for q in np.quantile(known, [1 / 3, 2 / 3])})
    edges = [edge for edge in edges if low < edge <= high]
    bounds = [-np.inf, *edges, np.inf]
    unit = _unit(field)
    masks = []
    for start, stop in pairwise(bounds):
        if np.isinf(start) and np.isinf(stop):
            name = "all"
        elif np.isinf(start):
            name = f"below {stop:g}{unit}"
        elif np.isinf(stop):
            name = f"{start:g}{unit} or more"
        else:
            name = f"{start:g} to below {stop:g}{unit}"
        masks.append((name, (numbers >= start) & (numbers < stop)))
    return masks


def _unit(field: Field) -> str:
    return f" {field.unit}" if field.unit else ""
