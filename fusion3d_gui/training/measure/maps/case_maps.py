"""``maps_of_case``: every map of a case from one pass through the network, forward and back to its input."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fusion3d_gui.model.attribution.cam import (
    CAM_METHODS,
    STAGES,
    CamMethod,
    StageTrace,
    Trace,
    class_maps,
    stages_of,
)
from fusion3d_gui.model.attribution.input_gradient import smoothed
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.data.network_outputs import network_inputs

#: Method, and stage of the network; None for a method that attributes to input voxels.
MapKey = tuple[str, int | None]

#: Makes further maps of a case: by a network (the trained one, or one with random weights) and the case's number.
MoreMaps = Callable[[LearnedFeatureFusion3D, int], "Mapping[MapKey, GridMap]"]

#: The map that has no displacement: gradient × input, smoothed.
REFERENCE: MapKey = ("input-gradient", None)


@dataclass(frozen=True, eq=False)
class GridMap:
    """A map [k, j, i], not negative, with the affine of its cells (LPS mm) and their stride in input voxels."""

    values: np.ndarray
    affine: np.ndarray
    stride: int

    def moved(self, lps: np.ndarray) -> GridMap:
        """The same map moved by ``lps`` [3], in mm."""
        affine = self.affine.copy()
        affine[:3, 3] += lps
        return replace(self, affine=affine)


def maps_of_case(
    network: LearnedFeatureFusion3D,
    image: Tensor,
    metadata: Tensor,
    affine: np.ndarray,
    *,
    methods: Sequence[CamMethod] = CAM_METHODS,
    stages: Sequence[int] = STAGES,
) -> dict[MapKey, GridMap]:
    """What raised the logit of a case, by each class activation method at each stage and by gradient × input.

    A network without convolutional stages has the last only.

    Parameters
    ----------
    image, metadata
        [1, 1, k, j, i] and [1, W] of one case, so that memory doesn't grow with the number of cases.
    affine
        Of the input grid, 4x4, LPS mm.
    """
    if not network.config.has_stages:
        stages = ()
    traced, signed = _trace_to_input(network, *network_inputs(network, image, metadata), stages)
    found: dict[MapKey, GridMap] = {}
    for method in methods:
        for stage in stages:
            maps = class_maps(traced, method, (stage,))
            found[method, stage] = GridMap(
                maps.raised[0].float().cpu().numpy(), maps.affine(affine), maps.stride
            )
    spacing = float(np.linalg.norm(affine[:3, 0]))
    raised = smoothed(signed.float(), spacing)[0].clamp(min=0).cpu().numpy()
    found[REFERENCE] = GridMap(raised, np.asarray(affine, dtype=np.float64), 1)
    return found


def all_maps(
    network: LearnedFeatureFusion3D,
    cases: Cases,
    affines: np.ndarray,
    *,
    methods: Sequence[CamMethod] = CAM_METHODS,
    stages: Sequence[int] = STAGES,
    more_maps: MoreMaps | None = None,
) -> Iterator[Mapping[MapKey, GridMap]]:
    """:func:`maps_of_case` of each case in turn; ``affines`` [n, 4, 4] of their input grids."""
    for number, affine in enumerate(affines):
        image, metadata, _ = cases.batch(np.array([number]))
        found = maps_of_case(network, image, metadata, affine, methods=methods, stages=stages)
        yield found if more_maps is None else {**found, **more_maps(network, number)}


def with_random_weights(network: LearnedFeatureFusion3D, seed: int) -> LearnedFeatureFusion3D:
    """A network of the same architecture with the weights that a training begins with.

    What its maps show doesn't come from what the network has learned (Adebayo et al. 2018).
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        changed = LearnedFeatureFusion3D(network.config)
    return changed.to(next(network.parameters())).eval()


def _trace_to_input(
    network: LearnedFeatureFusion3D,
    image: Tensor,
    metadata: Tensor | None,
    stages: Iterable[int],
) -> tuple[Trace, Tensor]:
    """The trace of a batch, and its gradient × input [B, k, j, i], not smoothed, from the same pass."""
    recorded: dict[int, Tensor] = {}

    def keep(stage: int) -> Any:
        def hook(module: nn.Module, inputs: object, output: Tensor) -> None:
            recorded[stage] = output

        return hook

    parts = dict(zip(STAGES, stages_of(network), strict=True)) if stages else {}
    parts = {n: parts[n] for n in stages}
    hooks = [part.module.register_forward_hook(keep(n)) for n, part in parts.items()]
    try:
        with torch.enable_grad():
            leaf = image.detach().clone().requires_grad_(True)
            logit = network.forward_features(leaf, metadata).logit
            tensors = list(recorded.values())
            gradient, *others = torch.autograd.grad(logit.sum(), [leaf, *tensors])
    finally:
        for hook in hooks:
            hook.remove()
    found = {
        stage: StageTrace(recorded[stage].detach(), other, parts[stage].stride, parts[stage].offset)
        for stage, other in zip(recorded, others, strict=True)
    }
    return Trace(logit.detach(), found), (gradient * leaf.detach())[:, 0]
