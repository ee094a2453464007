"""How well a detector that was trained with the masks does on a cohort, and how well the image's brightness.

    python tests/benchmarks/cohort_detector.py TRAIN/cases.csv TEST/cases.csv [--epochs 6]

A small U-Net (MONAI's BasicUNet) learns the lesion masks on the network's input grid, from cubes of which half
lie about a lesion; a case's score is the 99.9th percentile of its map of the whole grid. It bounds what can be asked of a classifier without masks. The cohort's contrast and
distractors were fixed such that this AUC, of the lesion, reaches 90 % of the distance from 0.5 to 1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from monai.losses import DiceCELoss
from monai.networks.nets import BasicUNet
from scipy.ndimage import gaussian_filter
from sklearn.metrics import roc_auc_score

from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.reslice.resample import resample_to_grid
from fusion3d_gui.training.data.table import read_table
from fusion3d_gui.training.train import DEFAULT_PREPROCESSING

_BATCH = 8
_EDGE = 48


def _read(csv: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs float16 and masks bool [n, k, j, i] on the input grid, and labels [n]."""
    inputs, masks, labels = [], [], []
    for row in read_table(csv).cases:
        made = DEFAULT_PREPROCESSING.apply(open_volume(row.path))
        inputs.append(made.voxels.astype(np.float16))
        mask = np.zeros(made.voxels.shape, bool)
        if row.mask is not None:
            values, _ = resample_to_grid(open_volume(row.mask), made.affine, mask.shape)
            mask = values > 0.5
        masks.append(mask)
        labels.append(int(row.label))
    return np.stack(inputs), np.stack(masks), np.array(labels)


def _tensor(array: np.ndarray) -> torch.Tensor:
    # Even sizes, as the U-Net's poolings need.
    image = torch.from_numpy(array.astype(np.float32))[:, None]
    return torch.nn.functional.pad(image, [n for s in array.shape[:0:-1] for n in (0, -s % 16)])


def _cubes(
    images: np.ndarray, masks: np.ndarray, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """A cube of each case: about a voxel of its lesion half the time, where it has one, else anywhere."""
    cut = []
    for image, mask in zip(images, masks, strict=True):
        if mask.any() and rng.random() < 0.5:
            places = np.argwhere(mask)
            middle = places[rng.integers(len(places))] + rng.integers(-12, 13, 3)
        else:
            middle = rng.integers(0, mask.shape)
        low = [
            int(np.clip(m - _EDGE // 2, 0, size - _EDGE))
            for m, size in zip(middle, mask.shape, strict=True)
        ]
        part = tuple(slice(start, start + _EDGE) for start in low)
        cut.append((image[part].astype(np.float32), mask[part].astype(np.float32)))
    tensors = (torch.from_numpy(np.stack(each))[:, None] for each in zip(*cut, strict=True))
    image, mask = tensors
    return image, mask


def main() -> None:
    """Train, test and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--epochs", type=int, default=6)
    options = parser.parse_args()
    inputs, masks, _ = _read(options.train)
    torch.manual_seed(0)
    network = BasicUNet(3, 1, 1, features=(8, 16, 16, 32, 32, 8))
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3)
    steps = options.epochs * (len(inputs) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    loss_of = DiceCELoss(sigmoid=True, batch=True)
    order = np.random.default_rng(0)
    for epoch in range(options.epochs):
        total = 0.0
        rows = order.permutation(len(inputs))[: len(inputs) // _BATCH * _BATCH]
        for part in rows.reshape(-1, _BATCH):
            image, mask = _cubes(inputs[part], masks[part], order)
            loss = loss_of(network(image), mask)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += float(loss.detach())
        print(f"epoch {epoch + 1}: loss {total * _BATCH / len(rows):.4f}", flush=True)
    inputs, masks, labels = _read(options.test)
    network.eval()
    scores, hits = [], {0.0: 0, 4.0: 0, 8.0: 0}
    with torch.inference_mode():
        for image in inputs:
            scores.append(float(np.percentile(network(_tensor(image[None]))[0, 0].numpy(), 99.9)))
    lesion = masks.any(axis=(1, 2, 3))
    for image, mask in zip(inputs[lesion], masks[lesion], strict=True):
        for sigma in hits:
            shown = gaussian_filter(
                image.astype(np.float32), sigma / DEFAULT_PREPROCESSING.spacing_mm
            )
            hits[sigma] += bool(mask.ravel()[shown.argmax()])
    found = roc_auc_score(lesion, scores)
    print(
        f"AUC of the lesion {found:.3f} ({200 * found - 100:.0f} % of the distance from 0.5 to 1)"
    )
    print(f"AUC of the label {roc_auc_score(labels, scores):.3f}")
    for sigma, count in hits.items():
        print(f"brightness alone, smoothed by {sigma:g} mm: peak inside {count / lesion.sum():.0%}")


if __name__ == "__main__":
    sys.exit(main())
