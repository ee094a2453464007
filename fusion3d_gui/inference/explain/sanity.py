"""Sanity checks of a heatmap: randomisation, stability, agreement, deletion and insertion."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from scipy.ndimage import grey_dilation, map_coordinates
from torch import nn

from fusion3d_gui.inference.case_model import CaseModel
from fusion3d_gui.inference.explain.checked_map import CamOfStages, CheckedMap, InputGradient
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.explain.sanity_report import SanityReport
from fusion3d_gui.inference.predictor import Predictor
from fusion3d_gui.model.attribution.cam import CamMethod
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.schema import Value
from fusion3d_gui.progress import Progress, no_progress, part_of, with_message

_NOISY_COPIES = 5
_NOISE = 0.05
_RANDOM_ORDERS = 9
_STEPS = 10


def check_map(
    predictor: Predictor,
    case: CaseModel,
    values: Mapping[str, Value],
    explanation: Explanation,
    progress: Progress = no_progress,
    orders: int = _RANDOM_ORDERS,
) -> SanityReport:
    """Run the four checks on a heatmap (see :class:`SanityReport`).

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
        For a method of many passes, of which the checks would take hours.
    Cancelled
        When ``progress`` raises it.
    """
    checked = _checked_map(case, values, explanation)
    voxels = case.model_input.voxels
    network = predictor.network
    report = with_message(part_of(progress, 0, 0.02), "Explaining")
    own = checked.evidence(network, voxels, report)
    rng = np.random.default_rng(0)
    names, likeness = _randomised(network, checked, voxels, own, part_of(progress, 0.02, 0.2))
    stability = _stability(network, checked, voxels, own, rng, part_of(progress, 0.2, 0.3))
    report = with_message(part_of(progress, 0.3, 0.32), "Comparing methods")
    agreement = checked.agreement(network, voxels, report)
    maps = [own, *(checked.random(voxels.shape, own, rng) for _ in range(orders))]
    deletion, insertion = _curves(predictor, case, values, maps, rng, part_of(progress, 0.32, 1.0))
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


def _checked_map(
    case: CaseModel, values: Mapping[str, Value], explanation: Explanation
) -> CheckedMap:
    code = None
    if case.head.takes_metadata:
        code = torch.from_numpy(case.info.schema.encode(values))[None]
    side, outline = explanation.side, case.outline
    if explanation.is_slow:
        raise ValueError(f"{explanation.name} takes too many passes to be checked")
    if explanation.method == "input-gradient":
        near = outline.distances_mm <= 1.001 * outline.spacing_mm
        return InputGradient(code, side, near, outline.spacing_mm)
    foreground = case.info.preprocessing.foreground(case.model_input.voxels)
    tissue = grey_dilation(foreground, size=(3, 3, 3)) > 0
    return CamOfStages(
        code, side, tissue, cast("CamMethod", explanation.method), explanation.stages
    )


def _randomised(
    network: LearnedFeatureFusion3D,
    checked: CheckedMap,
    voxels: np.ndarray,
    own: np.ndarray,
    progress: Progress,
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Cascading randomisation (Adebayo et al. 2018): reset the weights part by part, from the head down."""
    changed = copy.deepcopy(network)
    backbone = changed.image_branch.backbone
    stages = backbone.stages
    in_stages = {id(m) for s in stages for block in s.blocks for m in block.modules()}
    stem = [m for m in backbone.modules() if not any(m.children()) and id(m) not in in_stages]
    parts: list[tuple[str, Any]] = [
        ("classifier", changed.classifier),
        ("embedding", changed.image_branch.embed),
        *((f"stage {n}", nn.ModuleList(stages[n - 1].blocks)) for n in (4, 3, 2, 1) if stages),
        ("stem" if stages else "transformer", nn.ModuleList(stem)),
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
            found = checked.evidence(changed, voxels, report)
            likeness.append(checked.likeness(own, found))
    return tuple(names), tuple(likeness)


def _stability(
    network: LearnedFeatureFusion3D,
    checked: CheckedMap,
    voxels: np.ndarray,
    own: np.ndarray,
    rng: np.random.Generator,
    progress: Progress,
) -> tuple[float, ...]:
    """Likeness of the maps of copies of the image with weak noise added in tissue."""
    found = []
    spread = _NOISE * voxels.std() * checked.tissue
    for number in range(_NOISY_COPIES):
        report = part_of(progress, number / _NOISY_COPIES, (number + 1) / _NOISY_COPIES)
        noisy = voxels + (spread * rng.standard_normal(voxels.shape)).astype(np.float32)
        made = checked.evidence(network, noisy, with_message(report, "Adding a little noise"))
        found.append(checked.likeness(own, made))
    return tuple(found)


def _curves(
    predictor: Predictor,
    case: CaseModel,
    values: Mapping[str, Value],
    maps: Sequence[np.ndarray],
    rng: np.random.Generator,
    progress: Progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Deletion and insertion curves (Petsiuk et al. 2018): logits [maps, steps + 1] of each.

    Voxels are blanked (set to 0), or inserted into a blank image, in the order of each map: the first is the
    one that is checked, the others are maps of chance.
    """
    voxels = case.model_input.voxels
    stride = _stride(maps[0].shape, voxels.shape)
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
