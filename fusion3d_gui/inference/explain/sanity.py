"""Sanity checks of class activation maps: randomisation, stability, agreement, deletion and insertion."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from scipy.ndimage import grey_dilation, map_coordinates
from scipy.stats import spearmanr
from torch import Tensor, nn

from fusion3d_gui.inference.case_model import CaseModel
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.explain.sanity_report import SanityReport
from fusion3d_gui.inference.prediction import Side
from fusion3d_gui.inference.predictor import Predictor
from fusion3d_gui.model.cam import CAM_METHODS, CamMethod, Trace, class_maps, trace
from fusion3d_gui.model.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.schema import Value
from fusion3d_gui.progress import Progress, no_progress, part_of, with_message

_NOISY_COPIES = 5
_NOISE = 0.05
_RANDOM_ORDERS = 9
_STEPS = 10


@dataclass(frozen=True)
class _MapSpec:
    """Parameters of a map that is recomputed for changed networks and images.

    ``tissue`` is a bool mask [k, j, i] of the input grid. Maps are compared only in cells that contain
    tissue: elsewhere there is no evidence, and the ranks of its absence are random.
    """

    code: Tensor | None
    method: CamMethod
    stages: tuple[int, ...]
    side: Side
    tissue: np.ndarray

    def traced(
        self, network: LearnedFeatureFusion3D, voxels: np.ndarray, progress: Progress
    ) -> Trace:
        """Forward and backward pass for an input [k, j, i]."""
        device = next(network.parameters()).device
        image = torch.from_numpy(voxels)[None, None].to(device)
        code = None if self.code is None else self.code.to(device)
        return trace(network, image, code, self.stages, progress)

    def evidence(self, traced: Trace) -> np.ndarray:
        """The signed map [k, j, i] of a pass; the displayed heatmap is its positive part."""
        signed = class_maps(traced, self.method, self.stages).signed[0].cpu().numpy()
        return np.asarray(signed if self.side == "raised" else -signed)

    def shown(self, traced: Trace, method: CamMethod) -> np.ndarray:
        """The map [k, j, i] of a pass by any method, as displayed: non-negative."""
        maps = class_maps(traced, method, self.stages)
        found = maps.raised if self.side == "raised" else maps.lowered
        return np.asarray(found[0].cpu().numpy())

    def likeness(self, one: np.ndarray, other: np.ndarray) -> float:
        """Spearman's rank correlation of two maps over tissue; 0 where one of them is constant."""
        step = _stride(one.shape, self.tissue.shape)
        index = [np.rint(np.arange(size) * step).astype(int) for size in one.shape]
        cells = self.tissue[np.ix_(*index)]
        if np.ptp(one[cells], axis=None) == 0 or np.ptp(other[cells], axis=None) == 0:
            return 0.0
        return float(spearmanr(one[cells], other[cells]).statistic)


def check_map(
    predictor: Predictor,
    case: CaseModel,
    values: Mapping[str, Value],
    explanation: Explanation,
    progress: Progress = no_progress,
    orders: int = _RANDOM_ORDERS,
) -> SanityReport:
    """Run the four checks on a class activation map (see :class:`SanityReport`).

    Random numbers are seeded, so that the report is reproducible.

    Parameters
    ----------
    predictor, case, values
        The model, the case's input and its metadata by field name.
    explanation
        The map to check.
    progress
        Progress callback.
    orders
        Number of random voxel orders against which deletion and insertion are compared.

    Raises
    ------
    ValueError
        For a method that attributes to input voxels.
    Cancelled
        When ``progress`` raises it.
    """
    code = None
    if case.head.takes_metadata:
        code = torch.from_numpy(case.info.schema.encode(values))[None]
    voxels = case.model_input.voxels
    tissue = grey_dilation(case.info.preprocessing.foreground(voxels), size=(3, 3, 3)) > 0
    method = cast("CamMethod", explanation.method)
    spec = _MapSpec(code, method, explanation.stages, explanation.side, tissue)
    network = predictor.network
    traced = spec.traced(network, voxels, with_message(part_of(progress, 0, 0.02), "Explaining"))
    own = spec.evidence(traced)
    rng = np.random.default_rng(0)
    names, likeness = _randomised(network, spec, voxels, own, part_of(progress, 0.02, 0.2))
    stability = _stability(network, spec, voxels, own, rng, part_of(progress, 0.2, 0.3))
    # Other methods reuse the same pass: their maps of the same stages need no further computation.
    shown = spec.shown(traced, method)
    agreement: dict[str, float] = {
        other: spec.likeness(shown, spec.shown(traced, other))
        for other in CAM_METHODS
        if other != method
    }
    deletion, insertion = _curves(
        predictor, case, values, own, orders, rng, part_of(progress, 0.3, 1.0)
    )
    return SanityReport(
        explanation=explanation,
        randomised=names,
        likeness=likeness,
        stability=stability,
        agreement=agreement,
        deletion=deletion[0],
        deletion_random=deletion[1:],
        insertion=insertion[0],
        insertion_random=insertion[1:],
    )


def _randomised(
    network: LearnedFeatureFusion3D,
    spec: _MapSpec,
    voxels: np.ndarray,
    own: np.ndarray,
    progress: Progress,
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Cascading randomisation (Adebayo et al. 2018): reset the weights part by part, from the head down."""
    changed = copy.deepcopy(network)
    backbone = changed.image_branch.backbone
    parts: list[tuple[str, Any]] = [
        ("classifier", changed.classifier),
        ("embedding", changed.image_branch.embed),
        *((f"stage {n}", getattr(backbone, f"layer{n}")) for n in (4, 3, 2, 1)),
        ("stem", nn.ModuleList([backbone.conv1, backbone.bn1])),
    ]
    names, likeness = [], []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for number, (name, part) in enumerate(parts):
            report = part_of(progress, number / len(parts), (number + 1) / len(parts))
            report = with_message(report, "Undoing what was learned")
            for module in part.modules():
                if isinstance(module, nn.Linear | nn.Conv3d | nn.BatchNorm3d):
                    module.reset_parameters()
            names.append(name)
            found = spec.evidence(spec.traced(changed, voxels, report))
            likeness.append(spec.likeness(own, found))
    return tuple(names), tuple(likeness)


def _stability(
    network: LearnedFeatureFusion3D,
    spec: _MapSpec,
    voxels: np.ndarray,
    own: np.ndarray,
    rng: np.random.Generator,
    progress: Progress,
) -> tuple[float, ...]:
    """Likeness of the maps of copies of the image with weak noise added in tissue."""
    found = []
    spread = _NOISE * voxels.std() * spec.tissue
    for number in range(_NOISY_COPIES):
        report = part_of(progress, number / _NOISY_COPIES, (number + 1) / _NOISY_COPIES)
        noisy = voxels + (spread * rng.standard_normal(voxels.shape)).astype(np.float32)
        traced = spec.traced(network, noisy, with_message(report, "Adding a little noise"))
        found.append(spec.likeness(own, spec.evidence(traced)))
    return tuple(found)


def _curves(
    predictor: Predictor,
    case: CaseModel,
    values: Mapping[str, Value],
    own: np.ndarray,
    orders: int,
    rng: np.random.Generator,
    progress: Progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Deletion and insertion curves (Petsiuk et al. 2018): logits [1 + random orders, steps + 1] of each.

    Voxels are blanked (set to 0), or inserted into a blank image, in the order of the map and, for
    comparison, in the order of maps whose cells were shuffled, which are equally coarse.
    """
    voxels = case.model_input.voxels
    stride = _stride(own.shape, voxels.shape)
    maps = [own]
    for _ in range(orders):
        maps.append(rng.permutation(own.ravel()).reshape(own.shape))
    code = case.info.schema.encode(values)

    def logits(images: list[np.ndarray], start: float, stop: float) -> np.ndarray:
        report = with_message(part_of(progress, start, stop), "Deleting and inserting evidence")
        return predictor.logits(np.stack(images), code, report)

    curves = np.zeros((2, len(maps), _STEPS + 1))
    whole, blank = logits([voxels, np.zeros_like(voxels)], 0.0, 0.02)
    curves[0, :, 0] = curves[1, :, -1] = whole
    curves[0, :, -1] = curves[1, :, 0] = blank
    for number, one in enumerate(maps):
        # Ties (empty cells) are broken at random; otherwise the memory order would decide.
        order = np.lexsort((rng.random(voxels.size), -_spread(one, voxels.shape, stride).ravel()))
        rank = np.empty(voxels.size, dtype=np.int64)
        rank[order] = np.arange(voxels.size)
        images = []
        for step in range(1, _STEPS):
            inside = (rank < round(voxels.size * step / _STEPS)).reshape(voxels.shape)
            images += [
                np.where(inside, np.float32(0), voxels),
                np.where(inside, voxels, np.float32(0)),
            ]
        start, stop = (0.02 + 0.98 * n / len(maps) for n in (number, number + 1))
        found = logits(images, start, stop)
        curves[0, number, 1:-1], curves[1, number, 1:-1] = found[::2], found[1::2]
    return curves[0], curves[1]


def _stride(cells: Sequence[int], size: Sequence[int]) -> float:
    """Voxels from one cell to the next; the outermost cells lie on the grid's ends."""
    return (size[0] - 1) / max(cells[0] - 1, 1)


def _spread(values: np.ndarray, shape: tuple[int, ...], stride: float) -> np.ndarray:
    """Interpolate a map's cells to the voxels [k, j, i] of the input grid."""
    axes = [np.arange(size) / stride for size in shape]
    index = np.stack(np.meshgrid(*axes, indexing="ij"))
    found: np.ndarray = map_coordinates(values, index, order=1, mode="nearest")
    return found
