"""Class activation maps at any stage of the network, for the class and against it.

One pass forward and one back gives a :class:`Trace`; every method is then arithmetic on it. At the
last stage the way back goes through the head only, so that the map costs no more than the
prediction (:mod:`fusion3d_gui.model.attribution.gradcam` says why).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor, nn

from fusion3d_gui.model.attribution.gradcam import cell_affine, pooled_gradient
from fusion3d_gui.model.network.backbone import Stage
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.progress import Progress, no_progress

CamMethod = Literal["gradcam", "gradcam++", "hirescam", "layercam"]
CAM_METHODS: tuple[CamMethod, ...] = get_args(CamMethod)

#: Stages of the network by number, as ``backbone.layer1`` to ``layer4``; the last is the coarsest.
STAGES = (1, 2, 3, 4)

#: γ of Jiang et al. 2021: lifts the weaker values of a stage before stages are combined.
_GAMMA = 2.0


class StageTrace(NamedTuple):
    """Activations and d logit / d activations [B, C, k, j, i] of a stage, and where its cells lie.

    Where every cell has the same gradient, ``gradients`` may be [B, C, 1, 1, 1]. ``stride`` and ``offset``: see
    :class:`~fusion3d_gui.model.network.backbone.Stage`.
    """

    activations: Tensor
    gradients: Tensor
    stride: int
    offset: float = 0.0


class Trace(NamedTuple):
    """Logits [B] of one pass, and what was recorded at each stage asked for."""

    logit: Tensor
    stages: Mapping[int, StageTrace]


@dataclass(frozen=True, eq=False)
class ClassMaps:
    """Where the evidence lies, for a batch of B cases.

    Parameters
    ----------
    raised
        [B, k, j, i], not negative: the method's map of the logit, what raised it.
    lowered
        [B, k, j, i], not negative: the same method's map of the negated logit, what lowered it
        (the counterfactual of Selvaraju et al. 2017, section 3.3).
    stride
        Input voxels from one cell to the next.
    logit
        [B].
    offset
        Input voxel on which cell 0 is centred.

    Maps of one stage are in the method's own units (Grad-CAM, HiResCAM and LayerCAM: of the logit);
    maps combined from several stages are relative, in 0..1.
    """

    raised: Tensor
    lowered: Tensor
    stride: int
    logit: Tensor
    offset: float = 0.0

    @property
    def signed(self) -> Tensor:
        """[B, k, j, i]: above 0 where the evidence raised the logit, below where it lowered it."""
        return self.raised - self.lowered

    def affine(self, grid_affine: np.ndarray) -> np.ndarray:
        """Affine of the cells, from that of the network's input grid (both LPS mm)."""
        return cell_affine(grid_affine, self.stride, self.offset)


def explain(
    network: LearnedFeatureFusion3D,
    image: Tensor,
    metadata: Tensor | None = None,
    method: CamMethod = "gradcam",
    stages: Sequence[int] = (4,),
    progress: Progress = no_progress,
) -> ClassMaps:
    """Maps of a batch of cases by one method, at one stage or several stages combined.

    ``image`` [B, 1, k, j, i] and ``metadata`` [B, W] as the network takes them; the network must be
    in eval mode (else cases of a batch would change each other's maps). To compare methods on the
    same cases, call :func:`trace` once and :func:`class_maps` for each.

    Raises ValueError for an unknown method or stage; what ``progress`` raises passes through.
    """
    return class_maps(trace(network, image, metadata, stages, progress), method, stages)


def trace(
    network: LearnedFeatureFusion3D,
    image: Tensor,
    metadata: Tensor | None = None,
    stages: Sequence[int] = (4,),
    progress: Progress = no_progress,
) -> Trace:
    """Run a batch forward and back, and keep activations and gradients at the given stages.

    The way back ends at the first of the stages; what lies before it is computed without record.
    Parameters as for :func:`explain`. Raises ValueError for an unknown stage or a training network.
    """
    _check(stages)
    if network.training:
        raise ValueError("maps are made in eval mode")
    parts = dict(zip(STAGES, stages_of(network), strict=True))
    first = min(stages)
    recorded: dict[int, Tensor] = {}

    def record(stage: int) -> Callable[[nn.Module, Any, Tensor], Tensor]:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
            if stage == first:
                output = output.detach().requires_grad_(True)
            recorded[stage] = output
            return output

        return hook

    blocks_forward = sum(len(part.blocks) for part in parts.values())
    blocks_back = sum(len(parts[n].blocks) for n in STAGES if n > first)
    done = 0

    def between() -> None:
        nonlocal done
        progress(done / (blocks_forward + blocks_back + 1), "Explaining")
        done += 1

    def watch_way_back(module: nn.Module, inputs: Any, output: Tensor) -> None:
        output.register_hook(lambda gradient: between())

    hooks = [parts[n].module.register_forward_hook(record(n)) for n in stages]
    hooks += [
        block.register_forward_hook(watch_way_back)
        for n in STAGES
        if n > first
        for block in parts[n].blocks
    ]
    try:
        with torch.inference_mode(False), torch.enable_grad():
            # A tensor made in inference mode can't take part in the way back.
            image = image.clone() if image.is_inference() else image.detach()
            if metadata is not None:
                metadata = metadata.clone() if metadata.is_inference() else metadata.detach()
            logit = network.forward_features(image, metadata, between).logit
            gradients = torch.autograd.grad(logit.sum(), [recorded[n] for n in stages])
    finally:
        for hook in hooks:
            hook.remove()
    found = {
        stage: StageTrace(
            recorded[stage].detach(), gradient, parts[stage].stride, parts[stage].offset
        )
        for stage, gradient in zip(stages, gradients, strict=True)
    }
    return Trace(logit.detach(), found)


def free_trace(
    network: LearnedFeatureFusion3D, feature_maps: Tensor, pooled: Tensor, metadata: Tensor | None
) -> Trace:
    """The trace of the last stage from a forward pass already done, through the head alone.

    ``feature_maps`` [B, C, k, j, i] of the last stage, ``pooled`` [B, C] their spatial mean.
    """
    gradient = pooled_gradient(network, pooled, metadata) / feature_maps[0, 0].numel()
    last = stages_of(network)[-1]
    stage = StageTrace(feature_maps, gradient[..., None, None, None], last.stride, last.offset)
    with torch.inference_mode():
        logit = network.head_from_pooled(pooled, metadata)[-1]
    return Trace(logit, {STAGES[-1]: stage})


def class_maps(traced: Trace, method: CamMethod, stages: Sequence[int]) -> ClassMaps:
    """Maps by one method from what was traced; several stages are combined on the finest's grid.

    The combination is LayerCAM's (Jiang et al. 2021, section III-C), for every method: each stage's
    map, relative to its own strongest cell (of either sign) and lifted by tanh(2 m), is interpolated
    to the finest stage's cells, and each cell takes the largest.

    Raises ValueError for an unknown method, or a stage that was not traced.
    """
    _check(stages)
    if method not in CAM_METHODS:
        raise ValueError(f"method is {method!r}, not one of {', '.join(CAM_METHODS)}")
    missing = [stage for stage in stages if stage not in traced.stages]
    if missing:
        raise ValueError(f"stage {missing[0]} was not traced")
    maps = [_stage_maps(traced.stages[stage], method) for stage in stages]
    if len(stages) == 1:
        raised, lowered = maps[0]
        only = traced.stages[stages[0]]
        return ClassMaps(raised, lowered, only.stride, traced.logit, only.offset)
    finest = traced.stages[min(stages)]
    size = tuple(finest.activations.shape[2:])
    lifted: list[tuple[Tensor, Tensor]] = []
    for stage, (raised, lowered) in zip(stages, maps, strict=True):
        peak = torch.maximum(raised, lowered).amax(dim=(1, 2, 3), keepdim=True)
        scale = _GAMMA / torch.where(peak > 0, peak, 1)
        coarse = traced.stages[stage]
        ratio = finest.stride / coarse.stride
        shift = (finest.offset - coarse.offset) / coarse.stride
        lifted.append(
            (
                interpolate_cells(torch.tanh(raised * scale), size, ratio, shift),
                interpolate_cells(torch.tanh(lowered * scale), size, ratio, shift),
            )
        )
    return ClassMaps(
        torch.stack([raised for raised, _ in lifted]).amax(dim=0),
        torch.stack([lowered for _, lowered in lifted]).amax(dim=0),
        finest.stride,
        traced.logit,
        finest.offset,
    )


def stages_of(network: LearnedFeatureFusion3D) -> tuple[Stage, ...]:
    """The network's four stages, the finest first.

    Raises ValueError for a network without convolutional stages, which has no class activation maps.
    """
    found = network.image_branch.backbone.stages
    if not found:
        raise ValueError("the network has no convolutional stages, so no class activation maps")
    return found


def interpolate_cells(
    maps: Tensor, size: Sequence[int], ratio: float, shift: float = 0.0
) -> Tensor:
    """Linear interpolation of [B, k, j, i] to finer cells that lie at ``ratio`` × their index + ``shift``.

    ``ratio`` is fine stride / coarse stride, ``shift`` where fine cell 0 lies among the coarse ones; before the
    first coarse cell and past the last their values hold.
    """
    for axis, count in enumerate(size, start=1):
        coarse = maps.shape[axis]
        position = torch.arange(count, device=maps.device, dtype=maps.dtype) * ratio
        position = (position + shift).clamp(min=0, max=coarse - 1)
        low = position.floor().long().clamp(max=max(coarse - 2, 0))
        weight = (position - low).view([-1 if axis == n else 1 for n in range(4)])
        high = (low + 1).clamp(max=coarse - 1)
        maps = maps.index_select(axis, low) * (1 - weight) + maps.index_select(axis, high) * weight
    return maps


def _stage_maps(stage: StageTrace, method: CamMethod) -> tuple[Tensor, Tensor]:
    """(raised, lowered) of one stage."""
    activations, gradients = stage.activations, stage.gradients
    if method == "gradcam":
        # Selvaraju et al. 2017, eqs. 1-2.
        # A product of matrices: sums over so few numbers by several threads cost milliseconds.
        weights = gradients.mean(dim=(2, 3, 4))[:, None]
        signed = (weights @ activations.flatten(2)).unflatten(2, activations.shape[2:])[:, 0]
        return _both_signs(signed)
    if method == "hirescam":
        # Draelos & Carin 2021, eq. 5: the gradient of each cell, not its mean.
        return _both_signs((gradients * activations).sum(dim=1))
    if method == "layercam":
        # Jiang et al. 2021, eqs. 5-6.
        raised, lowered = (
            torch.relu((torch.relu(signed) * activations).sum(dim=1))
            for signed in (gradients, -gradients)
        )
        return raised, lowered
    raised, lowered = (
        torch.relu((_plus_plus_weights(activations, signed) * activations).sum(dim=1))
        for signed in (gradients, -gradients)
    )
    return raised, lowered


def _plus_plus_weights(activations: Tensor, gradients: Tensor) -> Tensor:
    """Channel weights [B, C, 1, 1, 1] of Grad-CAM++ (Chattopadhay et al. 2018, eqs. 10 and 19)."""
    total = activations.sum(dim=(2, 3, 4), keepdim=True)
    # Eq. 19 with g² cancelled: safe where the gradient is tiny, as it is at fine stages.
    denominator = 2 + total * gradients
    alpha = torch.where(denominator != 0, 1 / denominator, 0)
    weights = (alpha * torch.relu(gradients)).expand_as(activations)
    return weights.sum(dim=(2, 3, 4), keepdim=True)


def _both_signs(signed: Tensor) -> tuple[Tensor, Tensor]:
    return torch.relu(signed), torch.relu(-signed)


def _check(stages: Sequence[int]) -> None:
    if not stages or len(set(stages)) != len(stages) or not set(stages) <= set(STAGES):
        raise ValueError(f"stages are {tuple(stages)}, not different ones of 1 to 4")
