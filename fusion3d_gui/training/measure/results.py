"""The results of evaluations and studies, as the JSON objects that are written to files and bundles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict

from fusion3d_gui.training.measure.metrics import EstimateJson

#: How the cases of a simulated cohort were generated (``cohort`` of its ``cases.json``).
CohortJson = Mapping[str, Any]


class TableJson(TypedDict):
    """A table of cases: its file's name and SHA-256, and the cohort's parameters where it is simulated."""

    name: str
    sha256: str
    cohort: NotRequired[CohortJson | None]


class SubgroupJson(TypedDict):
    """Metrics of a subgroup; see :func:`~fusion3d_gui.training.measure.subgroups.subgroup_metrics`."""

    field: str
    group: str
    n: int
    positives: int
    auroc: EstimateJson | None
    mean_probability: float
    observed: float
    sensitivity: float | None
    specificity: float | None


class BaselineJson(TypedDict):
    """AUROC of logistic regression on the metadata alone, and the model's gain over it (paired)."""

    auroc: EstimateJson
    gain: EstimateJson


class EvaluationJson(TypedDict):
    """The result of :func:`~fusion3d_gui.training.evaluate.evaluate`.

    ``figures`` by the names of :data:`~fusion3d_gui.training.measure.metrics.METRIC_TITLES`; ``ceilings`` (AUROC)
    by those of :data:`~fusion3d_gui.training.measure.scores.CEILING_TITLES`, where the table has true
    probabilities; ``curves`` is that of :class:`~fusion3d_gui.model.bundle.evaluation_curves.EvaluationCurves`; ``localisation`` is that of :class:`~fusion3d_gui.training.measure.maps.localisation_table.Localisation`;
    ``cases`` has one object a case; what is recorded in a bundle is without them.
    """

    bundle: str
    bundle_version: str
    task: str
    class_names: list[str]
    weights_sha256: str
    table: TableJson
    n: int
    positives: int
    threshold: float
    temperature: float
    intervals: str
    figures: dict[str, EstimateJson]
    curves: dict[str, Any]
    ceilings: NotRequired[dict[str, EstimateJson]]
    metadata_baseline: NotRequired[BaselineJson]
    subgroups: list[SubgroupJson]
    localisation: NotRequired[dict[str, Any]]
    cases: NotRequired[list[dict[str, Any]]]


class AblationRowJson(TypedDict):
    """One source or model of an ablation, with its metrics by name."""

    name: str
    title: str
    kind: Literal["ceiling", "baseline", "model", "control"]
    fusion: str
    threshold: float | None
    weights_sha256: str
    figures: dict[str, EstimateJson]
    share_of_bayes: NotRequired[EstimateJson]


class VerdictJson(TypedDict):
    """Whether the best fusion reaches the target, and from whose intervals of AUROC its own is apart."""

    best_fusion: str
    intervals_apart_from: dict[str, bool]
    share_of_bayes: NotRequired[EstimateJson]
    target_share: NotRequired[float]
    reaches_target: NotRequired[bool]


class AblationJson(TypedDict):
    """The content of ``ablation.json``; ``verdict`` is empty where no fusion was scored."""

    test: TableJson
    training: TableJson
    n: int
    positives: int
    intervals: str
    rows: list[AblationRowJson]
    comparisons: list[dict[str, Any]]
    verdict: VerdictJson | dict[str, Any]


class FlaggedJson(TypedDict):
    """How many ``cases`` of one kind were called odd: by anything (``either``), by the scope, by each gauge."""

    name: str
    cases: int
    either: int
    scope: int
    glance: int
    texture: int
    embedding: int


class OodDetectionJson(TypedDict):
    """The result of :func:`~fusion3d_gui.training.study.ood_detection.measure_ood_detection`."""

    table: str
    rows: list[FlaggedJson]
    cohort: NotRequired[CohortJson]
