"""How far a detector that was trained with the lesion masks gets on a cohort, beside the best AUC that can be reached.

    fusion3d cohort training   --cases 300 --seed 301 --lesion-rate 0.5
    fusion3d cohort validation --cases 180 --seed 303 --lesion-rate 0.5
    fusion3d cohort test       --cases 300 --seed 302
    python tests/benchmarks/cohort_detector.py training/cases.csv validation/cases.csv test/cases.csv \\
           --keep DETECTOR [--steps 800]

It says whether the cohort is fair: whether what decides about the label can be seen. A small U-Net (MONAI's UNet,
which halves the grid at once) learns the masks on the network's input grid from cubes of 88 mm. A case's score is one
number of its map of logits; which one is chosen on the validation cases. What it found stands in docs/cohort.md.

In a simulated case the image says of the label only whether there is a lesion. Two shares of the distance from an AUC
of 0.5 are printed: for the lesion, to 1, since every lesion can be seen; for the label, to the AUC of its probability
given the lesion on the same cases. Then how many lesions of which kind are found, and how well brightness alone does.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from monai.losses import DiceCELoss
from monai.networks.nets import UNet
from scipy.ndimage import binary_dilation, gaussian_filter
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.reslice.resample import resample_to_grid
from fusion3d_gui.training.cohort.generate import SimulatedCase, make_case
from fusion3d_gui.training.cohort.lesion import Lesion
from fusion3d_gui.training.cohort.population import OutcomeModel
from fusion3d_gui.training.cohort.varied import EnhancingLesion
from fusion3d_gui.training.data.table import read_table
from fusion3d_gui.training.measure.metrics import auroc, share_of_ceiling
from fusion3d_gui.training.train import DEFAULT_PREPROCESSING

#: Cubes a step: half about a lesion, a quarter about something bright that is none, a quarter anywhere.
_BATCH, _EDGE = 16, 32
_PEAK_RATE = 4e-3
#: Specificity at which lesions of each kind are counted as found.
_SPECIFICITY = 0.9

#: A case's score from its map of logits. A lesion of 16 mm, the smallest, has about 100 voxels of the grid.
SCORES: dict[str, Callable[[np.ndarray], float]] = {
    "largest logit": lambda logits: float(logits.max()),
    "mean of the 20 largest": lambda logits: _mean_of_largest(logits, 20),
    "mean of the 80 largest": lambda logits: _mean_of_largest(logits, 80),
    "largest of the smoothed probability": lambda logits: float(
        gaussian_filter(expit(logits), 1.5).max()
    ),
}


@dataclass(frozen=True, eq=False)
class Cases:
    """A table's cases on the input grid: ``inputs`` float16 and ``masks`` bool [n, k, j, i]; the others [n].

    ``ceiling`` is the label's probability given the image; ``numbers`` are the cases' in their cohort.
    """

    inputs: np.ndarray
    masks: np.ndarray
    labels: np.ndarray
    ceiling: np.ndarray
    numbers: np.ndarray

    @property
    def lesion(self) -> np.ndarray:
        """Whether there is a lesion, bool [n]."""
        return self.masks.any(axis=(1, 2, 3))


def read_cases(csv: Path, kept: Path) -> Cases:
    """Preprocess a table's cases, or read them from ``kept``, where a former call left them."""
    if kept.is_file():
        with np.load(kept) as arrays:
            return Cases(**{field.name: arrays[field.name] for field in fields(Cases)})
    rows = read_table(csv).cases
    inputs, masks = [], []
    for row in rows:
        made = DEFAULT_PREPROCESSING.apply(open_volume(row.path))
        inputs.append(made.voxels.astype(np.float16))
        mask = np.zeros(made.voxels.shape, bool)
        if row.mask is not None:
            values, _ = resample_to_grid(open_volume(row.mask), made.affine, mask.shape)
            mask = values > 0.5
        masks.append(mask)
    cases = Cases(
        np.stack(inputs),
        np.stack(masks),
        np.array([row.label for row in rows]),
        np.array([row.ceilings["image"] for row in rows]),
        np.array([int(row.name.removeprefix("case-")) for row in rows]),
    )
    np.savez(kept, **vars(cases))
    return cases


def make_network() -> UNet:
    """A U-Net whose full grid has one channel; 8 to 64 on the halved ones. Batch normalisation serves any size."""
    torch.manual_seed(0)
    return UNet(3, 1, 1, channels=(8, 16, 32, 64), strides=(2, 2, 2), num_res_units=2, norm="batch")


def train(network: UNet, cases: Cases, steps: int) -> None:
    """Learn the masks, by Dice and cross-entropy, with one cycle of AdamW; in place."""
    rng = np.random.default_rng(0)
    cubes = _Cubes(cases, rng)
    optimiser = torch.optim.AdamW(network.parameters(), lr=_PEAK_RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _PEAK_RATE, total_steps=steps)
    loss_of = DiceCELoss(sigmoid=True, batch=True)
    began, total = time.monotonic(), 0.0
    for step in range(1, steps + 1):
        images, masks = cubes.draw()
        loss = loss_of(network(images), masks)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        total += float(loss.detach())
        if step % 100 == 0:
            print(
                f"step {step}: loss {total / 100:.4f}, {time.monotonic() - began:.0f} s", flush=True
            )
            total = 0.0


class _Cubes:
    """Draws batches of cubes, mirrored left to right half the time, their values scaled and shifted by up to 15 %."""

    def __init__(self, cases: Cases, rng: np.random.Generator) -> None:
        self._cases, self._rng = cases, rng
        self._with_lesion = np.flatnonzero(cases.lesion)
        self._bright = [
            _bright_places(image, mask)
            for image, mask in zip(cases.inputs, cases.masks, strict=True)
        ]

    def draw(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Images and masks, float32 [16, 1, 32, 32, 32]."""
        kinds = ["lesion"] * (_BATCH // 2) + ["bright", "any"] * (_BATCH // 4)
        images, masks = zip(*(self._cube(kind) for kind in kinds), strict=True)
        return tuple(torch.from_numpy(np.stack(each))[:, None] for each in (images, masks))  # type: ignore[return-value]

    def _cube(self, kind: str) -> tuple[np.ndarray, np.ndarray]:
        rng, cases = self._rng, self._cases
        n = rng.choice(self._with_lesion) if kind == "lesion" else rng.integers(len(cases.labels))
        shape = cases.masks.shape[1:]
        if kind == "any":
            middle = rng.integers(0, shape)
        else:
            places = np.flatnonzero(cases.masks[n]) if kind == "lesion" else self._bright[n]
            place = rng.choice(places)
            middle = np.array(np.unravel_index(place, shape)) + rng.integers(-10, 11, 3)
        low = np.clip(middle - _EDGE // 2, 0, np.array(shape) - _EDGE)
        part = (n, *(slice(start, start + _EDGE) for start in low))
        image, mask = cases.inputs[part].astype(np.float32), cases.masks[part].astype(np.float32)
        if rng.random() < 0.5:
            image, mask = image[..., ::-1], mask[..., ::-1]
        image = image * rng.uniform(0.85, 1.15) + rng.uniform(-0.15, 0.15) * (image != 0)
        return image.astype(np.float32), np.ascontiguousarray(mask)


def _bright_places(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Flat indices of the 400 brightest voxels more than three voxels from any lesion."""
    away = np.where(binary_dilation(mask, iterations=3), -np.inf, image).ravel()
    return np.argpartition(away, -400)[-400:].astype(np.int32)


def logit_maps(network: UNet, cases: Cases) -> Iterator[np.ndarray]:
    """Each case's map of logits, float32 on the input grid."""
    network.eval()
    _, k, j, i = cases.inputs.shape
    with torch.inference_mode():
        for image in cases.inputs:
            padded = np.pad(image.astype(np.float32), [(0, -size % 8) for size in image.shape])
            yield network(torch.from_numpy(padded)[None, None])[0, 0, :k, :j, :i].numpy()


def _mean_of_largest(values: np.ndarray, count: int) -> float:
    return float(np.partition(values.ravel(), -count)[-count:].mean())


def share_of_the_way(truth: np.ndarray, score: np.ndarray, best: np.ndarray) -> str:
    """AUC of a score, and its distance from 0.5 as a share of that of the best score on the same cases."""
    area, share = auroc(truth, score), share_of_ceiling(truth, score, best)
    told = "nothing to reach" if share is None else f"{share.lines(0, 100, ' %')} of the way"
    return f"AUC {area.text()}; best {roc_auc_score(truth, best):.3f}; {told}".replace("\n", ", ")


def _scenes(csv: Path, cases: Cases) -> list[SimulatedCase]:
    """What lies in each case, drawn again; its scan, which nobody looks at, as coarse as can be."""
    about = json.loads(csv.with_suffix(".json").read_text(encoding="utf-8"))["cohort"]
    model = OutcomeModel(**about["outcome"])
    return [
        make_case(int(n), about["seed"], model, (8.0, 8.0, 8.0), about["scene"])
        for n in cases.numbers
    ]


def print_by_kind(scenes: list[SimulatedCase], scores: np.ndarray, lesion: np.ndarray) -> None:
    """Print which lesions are found at a specificity of 90 %, and in which other cases something is."""
    limit = np.quantile(scores[~lesion], _SPECIFICITY)
    print(f"Found at a specificity of {_SPECIFICITY:.0%}:")
    kinds: dict[str, list[bool]] = {}
    for scene, score in zip(scenes, scores, strict=True):
        for kind in _kinds(scene):
            kinds.setdefault(kind, []).append(bool(score > limit))
    for kind in sorted(kinds):
        print(f"  {kind}: {np.mean(kinds[kind]):.0%} of {len(kinds[kind])}")


def _kinds(scene: SimulatedCase) -> Iterator[str]:
    ring = any(isinstance(d, Lesion) for d in scene.distractors)
    if not scene.lesions:
        yield f"no lesion, {'a ring' if ring else 'no ring'}"
        return
    main = scene.lesions[0]
    if not isinstance(main, EnhancingLesion):
        yield "lesion of the simple scene"
        return
    yield f"lesion, width {'16 to 20' if main.radius_mm < 10 else '20 to 25'} mm"
    yield f"lesion, brightness {'1.2 to 1.35' if main.brightness < 1.35 else '1.35 to 1.5'}"
    yield f"lesion, {'with a rim' if main.core else 'solid'}"
    yield f"lesion, {'with' if main.oedema else 'without'} oedema"


def _print_brightness(cases: Cases) -> None:
    """Print how well the brightest place does as a lesion's score and as its place."""
    inputs, masks, lesion = cases.inputs, cases.masks, cases.lesion
    for sigma_mm in (0.0, 4.0, 8.0):
        peaks, inside = [], []
        for image, mask in zip(inputs, masks, strict=True):
            shown = gaussian_filter(
                image.astype(np.float32), sigma_mm / DEFAULT_PREPROCESSING.spacing_mm
            )
            peaks.append(float(shown.max()))
            inside.append(bool(mask.ravel()[shown.argmax()]))
        print(
            f"Brightness alone, smoothed by {sigma_mm:g} mm: AUC of the lesion "
            f"{roc_auc_score(lesion, peaks):.3f}, peak inside {np.mean(np.array(inside)[lesion]):.0%}"
        )


def main() -> None:
    """Train, choose the score, test and print."""
    parser = argparse.ArgumentParser()
    for name in ("training", "validation", "test"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--keep", type=Path, required=True, help="for weights and read cases")
    parser.add_argument("--steps", type=int, default=800)
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    network, weights = make_network(), options.keep / f"weights-{options.steps}.pt"
    if weights.is_file():
        network.load_state_dict(torch.load(weights, weights_only=True))
    else:
        training = read_cases(options.training, options.keep / "training.npz")
        train(network, training, options.steps)
        torch.save(network.state_dict(), weights)

    cases = read_cases(options.validation, options.keep / "validation.npz")
    maps = list(logit_maps(network, cases))
    aucs = {name: roc_auc_score(cases.lesion, [of(m) for m in maps]) for name, of in SCORES.items()}
    for name, auc in aucs.items():
        print(f"Validation, {name}: AUC of the lesion {auc:.4f}")
    chosen = max(aucs, key=aucs.__getitem__)

    cases = read_cases(options.test, options.keep / "test.npz")
    lesion, scores, inside = cases.lesion, [], []
    for logits, mask in zip(logit_maps(network, cases), cases.masks, strict=True):
        scores.append(SCORES[chosen](logits))
        inside.append(bool(mask.ravel()[gaussian_filter(logits, 1.5).argmax()]))
    print(f"Test, {len(scores)} cases, {lesion.sum()} with a lesion, {cases.labels.sum()} positive")
    print(f"Lesion, by {chosen}: {share_of_the_way(lesion, np.array(scores), lesion)}")
    print(f"Label: {share_of_the_way(cases.labels, np.array(scores), cases.ceiling)}")
    print(f"Peak inside the lesion: {np.mean(np.array(inside)[lesion]):.0%}")
    print_by_kind(_scenes(options.test, cases), np.array(scores), lesion)
    _print_brightness(cases)


if __name__ == "__main__":
    sys.exit(main())
