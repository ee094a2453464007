"""Does a map deserve trust? Four checks that a map of evidence should pass and a pretty picture fails."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.ndimage import map_coordinates
from scipy.stats import spearmanr
from torch import Tensor, nn

from fusion3d_gui.inference.answers import SanityReport
from fusion3d_gui.inference.case_model import CaseModel
from fusion3d_gui.inference.predictor import Predictor
from fusion3d_gui.model.cam import CAM_METHODS, CamMethod, Trace, class_maps, trace
from fusion3d_gui.model.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.schema import Value
from fusion3d_gui.progress import Progress, no_progress, part_of

_NOISY_COPIES = 5
_NOISE = 0.05
_RANDOM_ORDERS = 4
_STEPS = 10


@dataclass(frozen=True)
class _Question:
    """One map that is asked for again and again: everything but network and image is fixed."""

    code: Tensor | None
    method: CamMethod
    stages: tuple[int, ...]

    def traced(self, network: LearnedFeatureFusion3D, voxels: np.ndarray) -> Trace:
        """One pass forward and back for an input [k, j, i]."""
        device = next(network.parameters()).device
        image = torch.from_numpy(voxels)[None, None].to(device)
        code = None if self.code is None else self.code.to(device)
        return trace(network, image, code, self.stages)

    def signed(self, traced: Trace, method: CamMethod | None = None) -> np.ndarray:
        """The signed map [k, j, i] of that pass, by this method or another."""
        maps = class_maps(traced, method or self.method, self.stages)
        found: np.ndarray = maps.signed[0].cpu().numpy()
        return found


def check_map(
    predictor: Predictor,
    case: CaseModel,
    values: Mapping[str, Value],
    method: CamMethod = "gradcam",
    stages: Sequence[int] = (4,),
    progress: Progress = no_progress,
) -> SanityReport:
    """Run the four checks on a class activation map (see :class:`SanityReport`). Seeded.

    Raises Cancelled when ``progress`` raises it.
    """
    code = None
    if case.head.takes_metadata:
        code = torch.from_numpy(case.info.schema.encode(values))[None]
    question = _Question(code, method, tuple(stages))
    voxels = case.model_input.voxels
    traced = question.traced(predictor.network, voxels)
    own = question.signed(traced)
    rng = np.random.default_rng(0)
    names, likeness = _randomised(
        predictor.network, question, voxels, own, part_of(progress, 0.0, 0.3)
    )
    stability = _stability(
        predictor.network, question, voxels, own, rng, part_of(progress, 0.3, 0.45)
    )
    # Other methods on the same pass: their maps of the same stages cost nothing more.
    agreement: dict[str, float] = {
        other: _likeness(own, question.signed(traced, other))
        for other in CAM_METHODS
        if other != method
    }
    deletion, insertion = _curves(predictor, case, values, own, rng, part_of(progress, 0.5, 1.0))
    return SanityReport(
        method=method,
        stages=tuple(stages),
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
    question: _Question,
    voxels: np.ndarray,
    own: np.ndarray,
    progress: Progress,
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Cascading randomisation (Adebayo et al. 2018): from the head down, what was learned is undone."""
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
            progress(number / len(parts), "Undoing what was learned")
            for module in part.modules():
                if isinstance(module, nn.Linear | nn.Conv3d | nn.BatchNorm3d):
                    module.reset_parameters()
            names.append(name)
            likeness.append(_likeness(own, question.signed(question.traced(changed, voxels))))
    return tuple(names), tuple(likeness)


def _stability(
    network: LearnedFeatureFusion3D,
    question: _Question,
    voxels: np.ndarray,
    own: np.ndarray,
    rng: np.random.Generator,
    progress: Progress,
) -> tuple[float, ...]:
    """Likeness of the maps of slightly noisy copies of the image."""
    found = []
    spread = _NOISE * float(voxels.std())
    for copy_number in range(_NOISY_COPIES):
        progress(copy_number / _NOISY_COPIES, "Adding a little noise")
        noisy = voxels + spread * rng.standard_normal(voxels.shape).astype(np.float32)
        found.append(_likeness(own, question.signed(question.traced(network, noisy))))
    return tuple(found)


def _curves(
    predictor: Predictor,
    case: CaseModel,
    values: Mapping[str, Value],
    own: np.ndarray,
    rng: np.random.Generator,
    progress: Progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Deletion and insertion (Petsiuk et al. 2018): logits [1 + random orders, steps + 1] of each.

    Voxels are blanked (set to 0), or shown on a blank image, in the order of the map and in the order of maps
    shuffled cell by cell, which are as coarse.
    """
    voxels = case.model_input.voxels
    stride = _stride(own.shape, voxels.shape)
    maps = [own]
    for _ in range(_RANDOM_ORDERS):
        maps.append(rng.permutation(own.ravel()).reshape(own.shape))
    code = case.info.schema.encode(values)[None]

    def logit(image: np.ndarray) -> float:
        features = predictor.features(image.astype(np.float32))
        pooled = torch.from_numpy(features)[None].mean(dim=(2, 3, 4))
        return float(case.head.logits(pooled, code)[0])

    curves = np.zeros((2, len(maps), _STEPS + 1))
    curves[0, :, 0] = curves[1, :, -1] = logit(voxels)
    curves[0, :, -1] = curves[1, :, 0] = logit(np.zeros_like(voxels))
    done = 0
    for number, one in enumerate(maps):
        # Ties (empty cells) are broken at random, else the array's order would decide.
        order = np.lexsort((rng.random(voxels.size), -_spread(one, voxels.shape, stride).ravel()))
        for step in range(1, _STEPS):
            progress(done / (len(maps) * (_STEPS - 1)), "Deleting and inserting evidence")
            done += 1
            chosen = np.zeros(voxels.size, dtype=bool)
            chosen[order[: round(voxels.size * step / _STEPS)]] = True
            inside = chosen.reshape(voxels.shape)
            curves[0, number, step] = logit(np.where(inside, 0, voxels))
            curves[1, number, step] = logit(np.where(inside, voxels, 0))
    return curves[0], curves[1]


def _stride(cells: Sequence[int], size: Sequence[int]) -> float:
    """Voxels from one cell to the next; cells lie on the grid's ends."""
    return (size[0] - 1) / max(cells[0] - 1, 1)


def _spread(values: np.ndarray, shape: tuple[int, ...], stride: float) -> np.ndarray:
    """A map's cells interpolated to the voxels [k, j, i] of the input grid."""
    axes = [np.arange(size) / stride for size in shape]
    index = np.stack(np.meshgrid(*axes, indexing="ij"))
    found: np.ndarray = map_coordinates(values, index, order=1, mode="nearest")
    return found


def _likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's rank correlation of two maps; 0 where one is the same everywhere."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(spearmanr(one.ravel(), other.ravel()).statistic)
