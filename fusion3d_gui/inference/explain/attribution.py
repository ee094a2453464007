"""Voxel attributions on the input grid: gradient × input, occlusion, integrated gradients and SmoothGrad."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from fusion3d_gui.inference.case_model import CaseModel
from fusion3d_gui.inference.input_gradient_map import input_gradient_map, voxel_map
from fusion3d_gui.inference.prediction import Heatmap, Side
from fusion3d_gui.inference.predictor import Predictor
from fusion3d_gui.model.schema import Value
from fusion3d_gui.progress import Progress, no_progress, part_of, with_message

#: Edge of the cubes (voxels of the input grid) of each level, from coarse to fine.
OCCLUSION_LEVELS = (32, 16, 8)

#: Cubes that are blanked in one batch, after which ``on_map`` receives the intermediate map.
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
    """Attribution by occlusion: the change of the logit when a cube is blanked (Zeiler & Fergus 2014).

    A cube is blanked by setting its voxels to 0: the tissue's mean for MR, mid-window for CT. The map is
    refined from coarse to fine, at each level first where the level before changed the logit most. Every
    level is computed everywhere: a small cube that matters may lie in a large one that changes nothing,
    because its surroundings work against it. Cubes without tissue are skipped and have the value 0, also
    where the enclosing coarser cube contains tissue, so that air is never highlighted.

    Parameters
    ----------
    predictor, case, values
        The model, the case's input and its metadata by field name.
    side
        ``"raised"`` keeps cubes whose blanking lowers the logit, ``"lowered"`` those that raise it.
    levels
        Edges of the cubes in voxels of the input grid, each half the previous one.
    on_map
        Receives the intermediate map after every batch of cubes. Cubes not computed yet have the value
        of the previous level (0 at the first).
    progress
        Progress callback; what it raises (a cancellation) passes through.

    Returns
    -------
    Heatmap
        Non-negative changes of the logit on the grid of the finest level, one cell per cube.
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
        for index in np.ndindex(shape):
            tissue[index] = foreground[_cube(index, edge)].any()
        changes[~tissue] = 0
        places = np.argwhere(tissue)
        promise = np.argsort(-np.abs(changes[tissue]), kind="stable")
        cubes = [tuple(int(n) for n in index) for index in places[promise]]
        # Each level has about eight times the cubes of the one before.
        report = part_of(progress, 8.0 ** (number - len(levels)), 8.0 ** (number + 1 - len(levels)))
        for start in range(0, len(cubes), _CUBES_AT_ONCE):
            batch = cubes[start : start + _CUBES_AT_ONCE]
            blanked = np.repeat(voxels[None], len(batch), axis=0)
            for image, index in zip(blanked, batch, strict=True):
                image[_cube(index, edge)] = 0
            part = part_of(report, start / len(cubes), (start + len(batch)) / len(cubes))
            part = with_message(part, f"Blanking cubes of {edge} voxels")
            for index, logit in zip(batch, predictor.logits(blanked, code, part), strict=True):
                changes[index] = base - logit
            if on_map is not None:
                on_map(replace(voxel_map(changes, affine, "occlusion", side, case), finished=False))
    return voxel_map(changes, affine, "occlusion", side, case)


def _divided(changes: np.ndarray, factor: int, shape: tuple[int, ...]) -> np.ndarray:
    """Repeat each cell's value ``factor`` times along every axis, cropped to ``shape``."""
    for axis in range(3):
        changes = changes.repeat(factor, axis).take(range(shape[axis]), axis)
    return changes


def input_gradient(
    predictor: Predictor,
    case: CaseModel,
    values: Mapping[str, Value],
    side: Side = "raised",
    progress: Progress = no_progress,
) -> Heatmap:
    """Gradient × input, smoothed (see :mod:`fusion3d_gui.inference.input_gradient_map`)."""
    return input_gradient_map(predictor.input_gradient(case, values, progress), case, side)


def integrated_gradients(
    predictor: Predictor,
    case: CaseModel,
    values: Mapping[str, Value],
    side: Side = "raised",
    progress: Progress = no_progress,
) -> Heatmap:
    """Integrated gradients (Sundararajan et al. 2017) from an all-zero baseline, computed by Captum.

    Before the restriction to one ``side``, the voxels add up to the logit's change from the baseline.
    """
    from captum.attr import IntegratedGradients

    calls = _STEPS
    method = IntegratedGradients(_forward_with_progress(predictor, progress, calls))
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
    """SmoothGrad (Smilkov et al. 2017): gradient × input averaged over noisy copies, computed by Captum.

    The noise has a standard deviation of 0.15 of the input's range and a fixed seed, so that the map is
    reproducible.
    """
    from captum.attr import InputXGradient, NoiseTunnel

    method = NoiseTunnel(InputXGradient(_forward_with_progress(predictor, progress, _NOISY_COPIES)))
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
    return voxel_map(signed, case.model_input.affine, name, side, case)


def _forward_with_progress(
    predictor: Predictor, progress: Progress, calls: int
) -> Callable[[Tensor, Tensor | None], Tensor]:
    """The network's forward function for Captum; reports progress over about ``calls`` calls."""
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


def _cube(index: Sequence[int], edge: int) -> tuple[slice, ...]:
    """Voxel slices [k, j, i] of the cube at ``index``."""
    return tuple(slice(n * edge, (n + 1) * edge) for n in index)


def _cube_affine(grid_affine: np.ndarray, edge: int) -> np.ndarray:
    """Affine of the cubes' centres: cube n covers voxels n × edge to (n + 1) × edge − 1."""
    to_voxel = np.diag([edge] * 3 + [1.0])
    to_voxel[:3, 3] = (edge - 1) / 2
    return np.asarray(grid_affine, dtype=np.float64) @ to_voxel
