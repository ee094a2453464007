"""Class activation maps relative to an empty scan, beside the plain ones: where they point, what lies in the air.

    python tests/benchmarks/relative_maps.py BUNDLE TUNING/cases.csv TEST/cases.csv [--most 60] [--seeds 2] [--deletion]

Activations are not 0 where a scan shows nothing, because of biases and batch norms. A map relative to an empty scan
weighs A − A(empty) instead of A, where A(empty) are the activations of an input of air alone: with a head that is
linear after the mean over the cells, Grad-CAM of the last stage then adds up to the logit's gain over the empty scan,
which is asserted here with the head linearised at the case. Displacements are estimated on the true positives of
TUNING and corrected on those of TEST. Further rows: gradient × input; Grad-CAM of the last stage relative to an empty
scan with the head's gradient averaged over the way from the empty scan to the case, which adds up for any head; and
the lesion itself on a stage's cells, each voxel shared among the eight nearest, which no map on that grid can do much
better than.
"""

from __future__ import annotations

import argparse
import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy.special import expit
from torch import Tensor

from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.inference.tissue_outline import TissueOutline
from fusion3d_gui.model.attribution.cam import (
    CAM_METHODS,
    STAGES,
    StageTrace,
    Trace,
    class_maps,
    trace,
)
from fusion3d_gui.model.attribution.gradcam import pooled_gradient
from fusion3d_gui.model.attribution.input_gradient import gradient_times_input, smoothed
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.data.inputs import load_inputs
from fusion3d_gui.training.data.network_outputs import network_inputs
from fusion3d_gui.training.data.table import read_table
from fusion3d_gui.training.measure.maps.blanking import Blanking
from fusion3d_gui.training.measure.maps.case_maps import GridMap, with_random_weights
from fusion3d_gui.training.measure.maps.lesion_target import Target, judge, strongest_lps, target_of
from fusion3d_gui.training.measure.maps.sub_cell_peak import peak_lps
from fusion3d_gui.training.measure.scores import predict_cases

#: Steps on the way from an empty scan to the case, of the head's gradient.
_STEPS = 32

#: Name of a map, stage (0: at the input).
Key = tuple[str, int]
REFERENCE: Key = ("gradient × input", 0)


class Hit(NamedTuple):
    """A true positive: the network's input, the lesion, and where there is tissue."""

    image: Tensor
    code: Tensor
    affine: np.ndarray
    aim: Target
    outline: TissueOutline


def true_positives(bundle: ModelBundle, csv: Path, most: int) -> list[Hit]:
    """The first ``most`` cases with a mask that are called positive and are."""
    info = bundle.info
    table = read_table(csv, info.schema)
    images, affines = load_inputs(table.cases, info.preprocessing)
    cases = Cases(images, table.encode_metadata(info.schema), table.labels)
    called = expit(predict_cases(bundle, cases) / info.decision.temperature)
    masks = np.array([case.mask is not None for case in table.cases])
    found = np.flatnonzero((called >= info.decision.threshold) & (table.labels == 1) & masks)
    hits = []
    for n in found[:most]:
        image, code, _ = cases.batch(np.array([n]))
        outline = TissueOutline(info.preprocessing.foreground(images[n]), affines[n])
        hits.append(
            Hit(
                image,
                code,
                affines[n],
                target_of(table.cases[n], outline.tissue, affines[n]),
                outline,
            )
        )
    return hits


def maps_of(
    network: LearnedFeatureFusion3D, hit: Hit, empty: Trace
) -> Iterator[tuple[Key, GridMap]]:
    """Every map of a case, by name and stage."""
    image, code = network_inputs(network, hit.image, hit.code)
    traced = trace(network, image, code, STAGES)
    for stage in STAGES:
        own, nothing = traced.stages[stage], empty.stages[stage].activations
        for method in CAM_METHODS:
            plain = class_maps(traced, method, (stage,))
            affine, stride = plain.affine(hit.affine), plain.stride
            yield (method, stage), GridMap(plain.raised[0].numpy(), affine, stride)
            if method == CAM_METHODS[0]:
                shape = plain.raised.shape[1:]
                yield (
                    ("the lesion itself", stage),
                    GridMap(on_cells(hit.aim, affine, shape), affine, stride),
                )
            relative = torch.relu((_weights(own, method) * (own.activations - nothing)).sum(dim=1))
            yield (f"{method} relative", stage), GridMap(relative[0].numpy(), affine, stride)
    last = traced.stages[STAGES[-1]]
    gain = last.activations - empty.stages[STAGES[-1]].activations
    start = empty.stages[STAGES[-1]].activations.mean(dim=(2, 3, 4))
    whole = gain.mean(dim=(2, 3, 4))
    weights = torch.stack(
        [pooled_gradient(network, start + (n + 0.5) / _STEPS * whole, code) for n in range(_STEPS)]
    ).mean(dim=0)
    at_case = pooled_gradient(network, start + whole, code)
    cam = class_maps(traced, "gradcam", STAGES[-1:])
    linear = (last.gradients * gain).sum()
    torch.testing.assert_close(linear, (at_case * whole).sum(), rtol=1e-3, atol=1e-4)
    with torch.no_grad():
        logits = [network.head_from_pooled(each, code)[-1] for each in (start + whole, start)]
    added = (weights[..., None, None, None] * gain).sum(dim=1) / gain[0, 0].numel()
    torch.testing.assert_close(added.sum(), (logits[0] - logits[1])[0], rtol=0.02, atol=0.02)
    yield (
        ("gradcam relative, way averaged", 4),
        GridMap(torch.relu(added)[0].numpy(), cam.affine(hit.affine), cam.stride),
    )
    signed, _ = gradient_times_input(network, image, code)
    near = torch.from_numpy(hit.outline.distances_mm <= 1.001 * hit.outline.spacing_mm)
    shown = smoothed(signed, hit.outline.spacing_mm)[0].clamp(min=0) * near
    yield REFERENCE, GridMap(shown.numpy(), hit.affine, 1)


def on_cells(aim: Target, affine: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """The lesion's voxels on cells [k, j, i] with this affine, each shared linearly among the eight nearest."""
    inverse = np.linalg.inv(affine)
    index = (aim.brain_lps[aim.inside] @ inverse[:3, :3].T + inverse[:3, 3])[:, ::-1]
    low = np.floor(index).astype(int)
    found = np.zeros(tuple(shape), np.float32)
    for corner in itertools.product((0, 1), repeat=3):
        place = (low + corner).clip(0, np.array(shape) - 1)
        share = np.prod(1 - np.abs(index - (low + corner)), axis=1)
        np.add.at(found, tuple(place.T), share)
    return found


def _weights(stage: StageTrace, method: str) -> Tensor:
    """What a method weighs activations by, for what raised the logit."""
    activations, gradients = stage.activations, stage.gradients
    if method == "gradcam":
        return gradients.mean(dim=(2, 3, 4), keepdim=True)
    if method == "hirescam":
        return gradients
    if method == "layercam":
        return torch.relu(gradients)
    # Chattopadhay et al. 2018, eqs. 10 and 19.
    alpha = 1 / (2 + activations.sum(dim=(2, 3, 4), keepdim=True) * gradients)
    weights = (alpha.nan_to_num(0, 0, 0) * torch.relu(gradients)).expand_as(activations)
    return weights.sum(dim=(2, 3, 4), keepdim=True)


def empty_trace(network: LearnedFeatureFusion3D, hit: Hit, air: float) -> Trace:
    """All stages of an input that shows only air."""
    image, code = network_inputs(network, torch.full_like(hit.image, air), hit.code)
    return trace(network, image, code, STAGES)


def vectors(network: LearnedFeatureFusion3D, hits: list[Hit], air: float) -> dict[Key, np.ndarray]:
    """Median of map's peak minus gradient × input's, in input voxels (i, j, k)."""
    apart: dict[Key, list[np.ndarray]] = defaultdict(list)
    empty = empty_trace(network, hits[0], air)
    for hit in hits:
        peaks = {key: peak_lps(one.values, one.affine) for key, one in maps_of(network, hit, empty)}
        for key, place in peaks.items():
            if place is not None and (at := peaks[REFERENCE]) is not None:
                apart[key].append(np.linalg.inv(hit.affine[:3, :3]) @ (place - at))
    return {key: np.median(each, axis=0) for key, each in apart.items()}


def main() -> None:
    """Print a row for each map."""
    parser = argparse.ArgumentParser()
    for name in ("bundle", "tuning", "test"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--most", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=0, help="networks of random weights")
    parser.add_argument("--deletion", action="store_true")
    options = parser.parse_args()
    bundle = ModelBundle.load(options.bundle)
    network, air = bundle.network, -1.0 if bundle.info.preprocessing.intensity == "window" else 0.0
    tuning, test = (
        true_positives(bundle, csv, options.most) for csv in (options.tuning, options.test)
    )
    moved = vectors(network, tuning, air)
    figures: dict[tuple[Key, bool], list[tuple[float, ...]]] = defaultdict(list)
    at_lesion: list[float] = []
    empty = empty_trace(network, test[0], air)
    for hit in test:
        ball = Blanking(network, hit.image[0, 0].numpy(), hit.code[0].numpy(), hit.affine)
        at_lesion.append(float(ball.drops([hit.aim.center_lps])[0]) if options.deletion else 1.0)
        for key, one in maps_of(network, hit, empty):
            shift = hit.affine[:3, :3] @ moved.get(key, np.zeros(3))
            for corrected, each in ((False, one), (True, one.moved(-shift))):
                found = judge(each, hit.aim)
                airs = [
                    Heatmap(power, each.affine, "", "", outline=hit.outline)
                    for power in (each.values, each.values.astype(np.float64) ** 2)
                ]
                place = strongest_lps(each, hit.aim)
                drop = float(ball.drops([place])[0]) if options.deletion else np.nan
                figures[key, corrected].append(
                    (found.pointing, found.pointing_near, found.energy)
                    + tuple(each.share_in_air or 0.0 for each in airs)
                    + (float(airs[0].peak_in_air), drop)
                )
    random: dict[Key, list[float]] = defaultdict(list)
    for seed in range(options.seeds):
        other = with_random_weights(network, seed)
        its = vectors(other, test, air)
        empty = empty_trace(other, test[0], air)
        for hit in test:
            for key, one in maps_of(other, hit, empty):
                shift = hit.affine[:3, :3] @ its.get(key, np.zeros(3))
                random[key].append(judge(one.moved(-shift), hit.aim).pointing)
    print(f"{options.bundle.name}: {len(tuning)} true positives to estimate, {len(test)} to report")
    print(f"{'map':<46} inside  near energy   air  air² peak in air  deletion  random  displaced")
    for (key, corrected), rows in sorted(figures.items(), key=lambda item: item[0][0][::-1]):
        inside, near, energy, share, squared, peak, drop = np.mean(rows, axis=0)
        length = np.linalg.norm(moved.get(key, np.zeros(3)))
        length *= np.linalg.norm(test[0].affine[:3, 0])
        name = f"{key[0]}, stage {key[1]}{', corrected' if corrected else ''}"
        chance = np.mean(random[key]) if random[key] else np.nan
        print(
            f"{name:<46} {inside:6.2f} {near:5.2f} {energy:6.3f} {share:5.3f} {squared:5.3f} {peak:11.2f} "
            f"{drop / np.mean(at_lesion):9.2f} {chance:7.2f} {length:7.1f} mm"
        )


if __name__ == "__main__":
    main()
