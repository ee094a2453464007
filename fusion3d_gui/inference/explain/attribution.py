"""Maps that explain the voxels themselves: occlusion, integrated gradients, SmoothGrad."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fusion3d_gui.inference.case_model import CaseModel
from fusion3d_gui.inference.prediction import Heatmap, Side
from fusion3d_gui.inference.predictor import Predictor
from fusion3d_gui.model.schema import Value
from fusion3d_gui.progress import Progress, no_progress, part_of, with_message

#: Edge of the cubes (voxels of the input grid) of each level, from coarse to fine.
OCCLUSION_LEVELS = (32, 16, 8)

#: So many levels are tried everywhere. From then on cubes are divided only where they change the logit
#: by at least this share of the largest change.
_WHOLE_LEVELS = 2
_WORTH_DIVIDING = 0.25

#: Cubes that are blanked between two looks at the map so far.
_CUBES_AT_ONCE = 8

_STEPS = 32
_NOISY_COPIES = 16
_NOISE = 0.15


def occlusion(
    predictor: Predictor,
    case: CaseModel,
    values: Mapping[str, Value],
    side: Side = "raised",
    *,
    levels: tuple[int, ...] = OCCLUSION_LEVELS,
    on_map: Callable[[Heatmap], None] | None = None,
    progress: Progress = no_progress,
) -> Heatmap:
    """How far the logit falls (or rises) when a cube is blanked (Zeiler & Fergus 2014).

    A cube is set to 0, the tissue's mean for MR (mid-window for CT). Each level halves the edge: the
    first two everywhere, further ones where the level before found something; elsewhere its value holds.
    ``on_map`` is given the map so far every few cubes, those not tried yet at the level before's value
    (at the first level, 0). Cubes without tissue are not tried and count as no change, those of a cube with
    tissue at the level before too: air is never marked.
    """
    voxels = case.model_input.voxels
    code = case.info.schema.encode(values)
    foreground = case.info.preprocessing.foreground(voxels)
    base = float(case.logits(code[None])[0])
    changes = np.zeros([-(-size // levels[0]) for size in voxels.shape])
    for number, edge in enumerate(levels):
        shape = tuple(-(-size // edge) for size in voxels.shape)
        changes = _divided(changes, levels[max(number - 1, 0)] // edge, shape)
        affine = _cube_affine(case.model_input.affine, edge)
        tissue = np.zeros(shape, bool)
        for place in np.ndindex(shape):
            tissue[place] = foreground[_cube(place, edge)].any()
        changes[~tissue] = 0
        places = [
            tuple(int(n) for n in place)
            for place in np.argwhere(tissue & _worth_trying(changes, number))
        ]
        report = part_of(progress, number / len(levels), (number + 1) / len(levels))
        for start in range(0, len(places), _CUBES_AT_ONCE):
            some = places[start : start + _CUBES_AT_ONCE]
            blanked = np.repeat(voxels[None], len(some), axis=0)
            for image, place in zip(blanked, some, strict=True):
                image[_cube(place, edge)] = 0
            share, end = start / len(places), (start + len(some)) / len(places)
            told = with_message(part_of(report, share, end), f"Blanking cubes of {edge} voxels")
            for place, logit in zip(some, predictor.logits(blanked, code, told), strict=True):
                changes[place] = base - logit
            if on_map is not None:
                on_map(_heatmap(changes, affine, "occlusion", side))
    return _heatmap(changes, affine, "occlusion", side)


def _divided(changes: np.ndarray, factor: int, shape: tuple[int, ...]) -> np.ndarray:
    """Each cell's value for all the cells of ``shape`` into which it is divided."""
    for axis in range(3):
        changes = changes.repeat(factor, axis).take(range(shape[axis]), axis)
    return changes


def _worth_trying(changes: np.ndarray, number: int) -> np.ndarray:
    """Which cubes of a level are tried, from the changes that the level before found there."""
    if number < _WHOLE_LEVELS:
        return np.ones(changes.shape, dtype=bool)
    size = np.abs(changes)
    worth: np.ndarray = size >= _WORTH_DIVIDING * max(float(size.max()), 1e-12)
    return worth


def integrated_gradients(
    predictor: Predictor,
    case: CaseModel,
    values: Mapping[str, Value],
    side: Side = "raised",
    progress: Progress = no_progress,
) -> Heatmap:
    """Sundararajan et al. 2017, from an all-zero image, by Captum; voxels add up to the logit's change."""
    from captum.attr import IntegratedGradients

    calls = _STEPS
    method = IntegratedGradients(_watched(predictor, progress, calls))
    return _attributed(
        predictor,
        case,
        values,
        side,
        "integrated-gradients",
        lambda image, code: method.attribute(
            image,
            baselines=0.0,
            additional_forward_args=(code,),
            n_steps=_STEPS,
            internal_batch_size=1,
        ),
    )


def smoothgrad(
    predictor: Predictor,
    case: CaseModel,
    values: Mapping[str, Value],
    side: Side = "raised",
    progress: Progress = no_progress,
) -> Heatmap:
    """Smilkov et al. 2017: gradient × input, averaged over noisy copies of the image, by Captum.

    The noise's deviation is 0.15 of the image's range; the same seed gives the same map.
    """
    from captum.attr import InputXGradient, NoiseTunnel

    method = NoiseTunnel(InputXGradient(_watched(predictor, progress, _NOISY_COPIES)))
    spread = _NOISE * float(np.ptp(case.model_input.voxels))

    def attribute(image: Tensor, code: Tensor | None) -> Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            found: Tensor = method.attribute(
                image,
                nt_type="smoothgrad",
                nt_samples=_NOISY_COPIES,
                nt_samples_batch_size=1,
                stdevs=spread,
                additional_forward_args=(code,),
            )
        return found

    return _attributed(predictor, case, values, side, "smoothgrad", attribute)


def _attributed(
    predictor: Predictor,
    case: CaseModel,
    values: Mapping[str, Value],
    side: Side,
    name: str,
    attribute: Callable[[Tensor, Tensor | None], Tensor],
) -> Heatmap:
    device = next(predictor.network.parameters()).device
    image = torch.from_numpy(case.model_input.voxels)[None, None].to(device)
    code = None
    if case.head.takes_metadata:
        code = torch.from_numpy(case.info.schema.encode(values))[None].to(device)
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        found = attribute(image, code)
    signed = found[0, 0].detach().float().cpu().numpy()
    return _heatmap(signed, case.model_input.affine, name, side)


def _watched(
    predictor: Predictor, progress: Progress, calls: int
) -> Callable[[Tensor, Tensor | None], Tensor]:
    """The network as a function for Captum, which reports each of about ``calls`` calls."""
    done = 0

    def forward(image: Tensor, code: Tensor | None) -> Tensor:
        nonlocal done
        share = min(done / calls, 0.99)
        done += 1
        outputs = predictor.network.forward_features(
            image, code, lambda: progress(share, "Following the gradient")
        )
        return outputs.logit

    return forward


def _cube(place: Any, edge: int) -> tuple[slice, ...]:
    return tuple(slice(int(n) * edge, (int(n) + 1) * edge) for n in place)


def _cube_affine(grid_affine: np.ndarray, edge: int) -> np.ndarray:
    """Cube n covers voxels n × edge to (n + 1) × edge − 1: its centre lies between them."""
    to_voxel = np.diag([edge] * 3 + [1.0])
    to_voxel[:3, 3] = (edge - 1) / 2
    return np.asarray(grid_affine, dtype=np.float64) @ to_voxel


def _heatmap(signed: np.ndarray, affine: np.ndarray, method: str, side: Side) -> Heatmap:
    values = np.maximum(signed if side == "raised" else -signed, 0).astype(np.float32)
    return Heatmap(values=values, affine=affine, method=method, layer="input", side=side)
