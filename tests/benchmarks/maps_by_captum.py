"""Heatmaps of a bundle and their controls, computed without this project's code for maps.

    python tests/benchmarks/maps_by_captum.py models/demo-concat cohort/cases.csv

Maps are Captum's (InputXGradient, smoothed by SciPy; LayerGradCam of the last stage), masks and affines nibabel's. Of this
project it takes the network, its input and the decision threshold. What it found stands in docs/maps.md.

Of each true positive with a lesion: whether the map is largest inside the lesion, and how far from it; the same of the scan's
brightness and of networks with random weights; and by how much the logit drops where a ball of 12 mm is blanked about the lesion's
centre, the map's peak and a random place of the brain. Where blanking the lesion does not lower the logit, the model has not used
it: no map of this model can be asked to point there.
"""

from __future__ import annotations

import argparse
import copy
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from captum.attr import InputXGradient, LayerGradCam
from nibabel.affines import apply_affine, voxel_sizes
from scipy import ndimage
from torch import nn

from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.training.data.inputs import load_inputs
from fusion3d_gui.training.data.table import CaseRow, read_table

_SMOOTHING_MM, _BALL_MM, _NEAR_MM = 8.0, 12.0, 10.0
_RANDOM_NETWORKS = 5
#: The model uses a lesion where blanking it lowers the logit by so much.
_USED = 0.25
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Lesion:
    """Voxels of brain and lesion: their index on the network's grid [3, m] (k, j, i), which are lesion, and mm to it [m]."""

    index: np.ndarray
    inside: np.ndarray
    distance_mm: np.ndarray
    center_ras: np.ndarray

    def judge(self, values: np.ndarray, stride: float = 1.0) -> tuple[int, float]:
        """Voxel at which a map is largest, and the share of its sum inside the lesion."""
        at = ndimage.map_coordinates(values, self.index / stride, order=1, mode="nearest")
        at = np.maximum(at, 0)
        return int(at.argmax()), float(at[self.inside].sum() / max(at.sum(), 1e-12))


def lesion_of(row: CaseRow, to_ras: np.ndarray) -> Lesion:
    """Read a case's mask and brain; ``to_ras`` [4, 4]: the network's grid."""
    scan, mask = nib.load(row.path), nib.load(row.mask)
    lesion = np.asanyarray(mask.dataobj) > 0.5
    voxels = np.argwhere((np.asanyarray(scan.dataobj) > 0) | lesion)
    picked = tuple(voxels.T)
    distance = ndimage.distance_transform_edt(~lesion, sampling=voxel_sizes(mask.affine))
    parts, _ = ndimage.label(lesion, np.ones((3, 3, 3)))
    largest = np.argwhere(parts == 1 + np.bincount(parts.ravel())[1:].argmax())
    middle = largest[((largest - largest.mean(axis=0)) ** 2).sum(axis=1).argmin()]
    index = apply_affine(np.linalg.inv(to_ras), apply_affine(mask.affine, voxels))[:, ::-1].T
    return Lesion(index, lesion[picked], distance[picked], apply_affine(mask.affine, middle))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=Path)
    parser.add_argument("cases", type=Path)
    options = parser.parse_args()
    bundle = ModelBundle.load(options.bundle)
    network, info = bundle.network.eval(), bundle.info
    table = read_table(options.cases, info.schema)
    images, affines = load_inputs(table.cases, info.preprocessing)
    codes = torch.from_numpy(table.encode_metadata(info.schema).astype(np.float32))
    decision = info.decision

    def inputs(image: np.ndarray, number: int) -> tuple[torch.Tensor, ...]:
        given = torch.from_numpy(np.ascontiguousarray(image, np.float32))[None, None]
        return (given, codes[number : number + 1]) if network.config.metadata_width else (given,)

    def logit(image: np.ndarray, number: int) -> float:
        with torch.inference_mode():
            return float(network(*inputs(image, number)))

    least = decision.temperature * np.log(decision.threshold / (1 - decision.threshold))
    found = [
        number
        for number, row in enumerate(table.cases)
        if row.label == 1 and row.mask is not None and logit(images[number], number) >= least
    ]
    randoms = [_randomised(network, seed) for seed in range(_RANDOM_NETWORKS)]
    last = network.image_branch.backbone.blocks[-1]
    rows = []
    for number in found:
        image = images[number].astype(np.float32)
        to_ras = _LPS_TO_RAS @ affines[number]
        spacing = float(np.linalg.norm(to_ras[:3, 0]))
        lesion = lesion_of(table.cases[number], to_ras)
        given, *code = inputs(image, number)

        cam = LayerGradCam(lambda *each: network(*each).reshape(-1), last)
        made = cam.attribute(given, additional_forward_args=tuple(code) or None)[0, 0]
        stride = (image.shape[0] - 1) / (made.shape[0] - 1)
        judged = {
            "gradient x input": lesion.judge(_gradient(network, given, code, spacing)),
            "Grad-CAM, last stage, raw": lesion.judge(made.detach().numpy(), stride),
            "brightness": lesion.judge(ndimage.gaussian_filter(image, 4 / spacing)),
        }
        by_chance = [
            lesion.inside[lesion.judge(_gradient(each, given, code, spacing))[0]]
            for each in randoms
        ]
        center = apply_affine(np.linalg.inv(to_ras), lesion.center_ras)[::-1]
        peak = lesion.index[:, judged["gradient x input"][0]]
        chance = np.random.default_rng(number).integers(len(lesion.inside))
        drops = [
            logit(image, number) - logit(_blanked(image, np.rint(place), spacing), number)
            for place in (center, peak, lesion.index[:, chance])
        ]
        rows.append((lesion, judged, by_chance, drops))
    _report(options.bundle.name, rows)


def _gradient(
    network: nn.Module, image: torch.Tensor, code: list[torch.Tensor], spacing_mm: float
) -> np.ndarray:
    """Captum's gradient x input [k, j, i], smoothed."""
    method = InputXGradient(lambda *each: network(*each).reshape(-1))
    leaf = image.clone().requires_grad_()
    made = method.attribute(leaf, additional_forward_args=tuple(code) or None)[0, 0]
    sigma = _SMOOTHING_MM / spacing_mm
    return ndimage.gaussian_filter(made.detach().numpy(), sigma, mode="constant", truncate=3.0)


def _report(name: str, rows: list) -> None:
    print(f"{name}: {len(rows)} true positives with a lesion")
    for key in rows[0][1]:
        peaks = [(lesion, *judged[key]) for lesion, judged, _, _ in rows]
        inside = np.mean([lesion.inside[at] for lesion, at, _ in peaks])
        near = np.mean([lesion.distance_mm[at] <= _NEAR_MM for lesion, at, _ in peaks])
        energy = np.mean([share for _, _, share in peaks])
        print(f"  {key:26} inside {inside:.2f}, within 10 mm {near:.2f}, energy {energy:.3f}")
    print(f"  random weights             inside {np.mean([each[2] for each in rows]):.2f}")
    drops = np.array([each[3] for each in rows])
    print("  drop of the logit at the lesion, the peak, a random place:", drops.mean(0).round(2))
    hits = np.array([lesion.inside[judged["gradient x input"][0]] for lesion, judged, _, _ in rows])
    used = drops[:, 0] >= _USED
    print(f"  the model uses the lesion in {used.sum()}: peak inside in {hits[used].sum()} of them")
    print(f"  it does not in {(~used).sum()}: peak inside in {hits[~used].sum()} of them,", end=" ")
    print(f"drop at the peak {drops[~used, 1].mean() if (~used).any() else np.nan:.2f}")


def _blanked(image: np.ndarray, center: np.ndarray, spacing_mm: float) -> np.ndarray:
    away = sum((each - at) ** 2 for each, at in zip(np.indices(image.shape), center, strict=True))
    return np.where(away * spacing_mm**2 <= _BALL_MM**2, 0, image)


def _randomised(network: nn.Module, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    made = copy.deepcopy(network)
    for module in made.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    return made.eval()


if __name__ == "__main__":
    main()
