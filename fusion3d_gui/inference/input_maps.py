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
from fusion3d_gui.progress import Progress, no_progress

#: Edge of the cubes (voxels of the input grid) of each level, from coarse to fine.
OCCLUSION_LEVELS = (16, 8)

#: Cubes are divided where they change the logit by at least this share of the largest change.
_WORTH_DIVIDING = 0.25

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
    on_level: Callable[[Heatmap], None] | None = None,
    progress: Progress = no_progress,
) -> Heatmap:
    """How far the logit falls (or rises) when a cube is blanked (Zeiler & Fergus 2014).

    A cube is set to 0, the tissue's mean for MR (mid-window for CT). Each level halves the edge, where
    the level before found something; elsewhere its value holds. ``on_level`` is given the map after each
    level. Cubes without tissue are not tried: they are blank already.
    """
    voxels = case.model_input.voxels
    code = case.info.schema.encode(values)[None]
    foreground = case.info.preprocessing.foreground(voxels)
    found: np.ndarray | None = None
    heatmap: Heatmap | None = None
    base = float(case.logits(code)[0])
    for number, edge in enumerate(levels):
        shape = tuple(-(-size // edge) for size in voxels.shape)
        if found is None:
            changes = np.zeros(shape)
            wanted = np.ones(shape, dtype=bool)
        else:
            factor = levels[number - 1] // edge
            for axis in range(3):
                found = found.repeat(factor, axis).take(range(shape[axis]), axis)
            changes = found.copy()
            wanted = np.abs(changes) >= _WORTH_DIVIDING * max(float(np.abs(changes).max()), 1e-12)
        places = [
            tuple(int(n) for n in place)
            for place in np.argwhere(wanted)
            if foreground[_cube(place, edge)].any()
        ]
        for done, place in enumerate(places):
            share = (number + done / len(places)) / len(levels)
            progress(share, f"Blanking cubes of {edge} voxels")
            blanked = voxels.copy()
            blanked[_cube(place, edge)] = 0
            # The cancel check lies inside: one run of the engine takes long at full width.
            maps = predictor.features(blanked, _at(progress, share))
            pooled = torch.from_numpy(maps)[None].mean(dim=(2, 3, 4))
            changes[place] = base - float(case.head.logits(pooled, code)[0])
        found = changes
        heatmap = _heatmap(changes, _cube_affine(case.model_input.affine, edge), "occlusion", side)
        if on_level is not None:
            on_level(heatmap)
    assert heatmap is not None
    return heatmap


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


def _at(progress: Progress, share: float) -> Progress:
    """Report a fixed share, however far the part has come."""
    return lambda fraction, message: progress(share, "Blanking cubes")
