"""``scope_of_table``: what a table of cases and its volumes' headers say about a model's scope."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fusion3d_gui.imaging.catalog.find import find_series
from fusion3d_gui.model.schema import MetadataSchema
from fusion3d_gui.model.scope import Scope
from fusion3d_gui.progress import Progress, no_progress
from fusion3d_gui.training.data.table import CaseRow

#: Volumes whose headers are read, at most: evenly spread over the table.
_MOST_VOLUMES = 300
#: Ages are rounded outwards to whole multiples of this many years.
_AGE_STEP = 5.0


def scope_of_table(
    declared: Scope,
    cases: Sequence[CaseRow],
    schema: MetadataSchema,
    progress: Progress = no_progress,
) -> Scope:
    """The declared scope, completed by what can be read from the cases.

    Filled in where it is not declared: the modality, if all volumes state the same; the ranges of their voxel
    sizes and fields of view; half of their fewest slices; the range of ages, rounded outwards to 5 years.

    Parameters
    ----------
    declared
        What is known beforehand; it has precedence.
    cases
        The cases that are trained on.
    schema
        Their metadata fields.
    """
    step = max(1, math.ceil(len(cases) / _MOST_VOLUMES))
    read = cases[::step]
    modalities, voxels, edges, slices = set(), [], [], []
    for number, case in enumerate(read):
        series = max(find_series(case.path), key=lambda each: each.voxel_count)
        modalities.add(series.modality)
        slices.append(min(series.shape))
        if series.spacing_mm is not None:
            spacing = np.array(series.spacing_mm)
            voxels.append(spacing)
            edges.append(spacing * series.shape)
        progress((number + 1) / len(read), "Reading headers")
    found: dict[str, Any] = {}
    if not declared.modality and len(modalities) == 1:
        found["modality"] = modalities.pop()
    if declared.voxel_mm is None and voxels:
        found["voxel_mm"] = _range(np.concatenate(voxels))
    if declared.field_mm is None and edges:
        found["field_mm"] = _range(np.concatenate(edges))
    if declared.fewest_slices == Scope().fewest_slices:
        found["fewest_slices"] = max(2, math.ceil(min(slices) / 2))
    ages = _ages(cases, schema)
    if declared.age_years is None and ages:
        found["age_years"] = (
            _AGE_STEP * math.floor(min(ages) / _AGE_STEP),
            _AGE_STEP * math.ceil(max(ages) / _AGE_STEP),
        )
    return replace(declared, **found)


def _range(lengths_mm: np.ndarray) -> tuple[float, float]:
    return round(float(lengths_mm.min()), 3), round(float(lengths_mm.max()), 3)


def _ages(cases: Sequence[CaseRow], schema: MetadataSchema) -> list[float]:
    names = [
        field.name
        for field in schema.fields
        if field.kind == "number" and (field.dicom == "PatientAge" or field.name.lower() == "age")
    ]
    return [
        float(value)
        for name in names[:1]
        for case in cases
        if isinstance(value := case.values[name], (int, float))
    ]
