"""The batches of a training with their augmentation: a function of seed and step number alone.

Thus an interrupted training goes on with exactly the batches that it would have seen, and each of several
processes takes its part of the very batch that one process would take.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from monai.transforms.compose import Compose
from monai.transforms.intensity.array import RandScaleIntensity, RandShiftIntensity
from monai.transforms.spatial.array import RandFlip
from torch import Tensor
from torch.utils.data import WeightedRandomSampler

from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.fit.recipe import COARSENESS, Recipe


class Batch(NamedTuple):
    """One process's part of a batch.

    ``image`` [b, 1, k, j, i], ``metadata`` [b, W], ``labels`` [b]; ``all_labels`` [B] of the whole batch
    over all processes, of which this part begins at case ``start``; ``step`` counts from 0. ``findings``: each
    image's voxels [m, 3] (k, j, i) that lie in its finding, where the training uses masks.
    """

    image: Tensor
    metadata: Tensor
    labels: Tensor
    all_labels: Tensor
    start: int
    step: int
    findings: tuple[np.ndarray, ...] | None = None


class Batches:
    """The batches of a training, from step ``first_step`` on; each iteration gives one epoch (or its rest).

    Parameters
    ----------
    rows
        Row numbers into ``cases`` to train on.
    rank, world
        This process's rank and the number of processes; each batch is divided among them.
    """

    def __init__(
        self,
        cases: Cases,
        rows: np.ndarray,
        recipe: Recipe,
        seed: int,
        *,
        rank: int = 0,
        world: int = 1,
        first_step: int = 0,
    ) -> None:
        self._cases = {1: cases}
        if recipe.coarse_epochs:
            self._cases[COARSENESS] = cases.coarsened(COARSENESS)
        self._rows, self._recipe, self._seed = rows, recipe, seed
        self._rank, self._world = rank, world
        self._step = first_step

    def __len__(self) -> int:
        """Steps of an epoch."""
        return -(-len(self._rows) // self._recipe.batch)

    def __iter__(self) -> Iterator[Batch]:
        epoch, done = divmod(self._step, len(self))
        seen = self._cases[self._recipe.coarseness(epoch)]
        # Equal parts, so that no batch is too small for batch normalisation.
        for rows in np.array_split(self._order(epoch), len(self))[done:]:
            step = self._step
            self._step += 1
            parts = np.array_split(np.arange(len(rows)), self._world)
            mine = parts[self._rank]
            image, metadata, labels = seen.batch(rows[mine])
            found = self._cases[1].findings
            findings = None if found is None else [found[row] for row in rows[mine]]
            for n, position in enumerate(mine):
                image[n], move = self._augmented(image[n], epoch, step, int(position))
                if findings is not None:
                    findings[n] = move(findings[n])
            all_labels = torch.from_numpy(seen.labels[rows].astype(np.float32))
            moved = None if findings is None else tuple(findings)
            yield Batch(image, metadata, labels, all_labels, int(mine[0]), step, moved)

    def at(self, coarseness: int) -> Cases:
        """All cases, averaged down by a coarseness of the recipe."""
        return self._cases[coarseness]

    def _order(self, epoch: int) -> np.ndarray:
        """Row numbers in the order in which an epoch sees them."""
        generator = torch.Generator().manual_seed(_mixed_seed(self._seed, epoch))
        count = len(self._rows)
        if self._recipe.sampling == "weighted":
            labels = self._cases[1].labels[self._rows]
            weights = 1 / np.bincount(labels, minlength=2)[labels]
            drawn = list(WeightedRandomSampler(weights.tolist(), count, generator=generator))
            order = np.array(drawn)
        else:
            order = torch.randperm(count, generator=generator).numpy()
        rows: np.ndarray = self._rows[order]
        return rows

    def _augmented(
        self, image: Tensor, epoch: int, step: int, position: int
    ) -> tuple[Tensor, Callable[[np.ndarray], np.ndarray]]:
        """Mirror left to right (half the time, if ``recipe.mirrored``), shift, change the contrast of [1, k, j, i].

        Returns the image, and a function from voxels [m, 3] of the whole grid to where they lie in it.
        """
        recipe, seed = self._recipe, _mixed_seed(self._seed, step, position)
        coarseness = recipe.coarseness(epoch)
        reach = recipe.shift_voxels // coarseness
        shifts = np.random.default_rng(seed).integers(-reach, reach + 1, size=3)
        flip = RandFlip(prob=0.5 if recipe.mirrored else 0.0, spatial_axis=2)
        change = Compose(
            [
                flip,
                RandScaleIntensity(factors=recipe.intensity_scale, prob=1.0),
                RandShiftIntensity(offsets=recipe.intensity_shift, prob=1.0),
            ]
        ).set_random_state(seed=seed)
        shifted = torch.roll(image, shifts.tolist(), dims=(1, 2, 3))
        changed = torch.as_tensor(change(shifted))
        size = np.array(image.shape[1:])

        def move(voxels: np.ndarray) -> np.ndarray:
            moved = (voxels / coarseness + shifts) % size
            if flip._do_transform:
                moved[:, 2] = size[2] - 1 - moved[:, 2]
            return np.asarray(moved)

        return changed, move


def _mixed_seed(*parts: int) -> int:
    """One seed of 32 bits from several numbers."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
