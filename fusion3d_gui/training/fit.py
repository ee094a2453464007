"""The optimisation: from preprocessed cases in memory to the weights of the best epoch."""

from __future__ import annotations

import copy
import logging
import math
import time
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn.functional import avg_pool3d, binary_cross_entropy_with_logits

from fusion3d_gui.model.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.loss import FocalLoss
from fusion3d_gui.progress import Progress, no_progress

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stage:
    """A run of epochs at one resolution.

    ``coarseness`` 1 is the bundle's own grid; 2 averages it down by 2 along each axis, which costs
    about a tenth. The network is fully convolutional, so the same weights go on. ``peak_rate`` is the
    highest learning rate of the stage's one-cycle schedule.
    """

    epochs: int
    coarseness: int
    batch: int
    peak_rate: float


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the optimisation. The last stage must be at coarseness 1."""

    stages: tuple[Stage, ...] = (Stage(5, 2, 8, 1e-3), Stage(2, 1, 8, 5e-4))
    weight_decay: float = 0.02
    focal_gamma: float = 1.0
    shift_voxels: int = 4
    intensity_scale: float = 0.15
    intensity_shift: float = 0.15

    def __post_init__(self) -> None:
        if not self.stages or self.stages[-1].coarseness != 1:
            raise ValueError("the last stage must be at the bundle's own grid")

    def with_epochs(self, epochs: int) -> Recipe:
        """The same recipe with this many epochs in all, shared out among the stages as before.

        The last stage has one at least; a stage that gets none is left out.
        """
        whole = sum(stage.epochs for stage in self.stages)
        counts = [epochs * stage.epochs // whole for stage in self.stages]
        counts[-1] = max(1, counts[-1])
        counts[0] += epochs - sum(counts)
        stages = zip(self.stages, counts, strict=True)
        return replace(self, stages=tuple(replace(s, epochs=n) for s, n in stages if n > 0))

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Cases:
    """Cases in memory: ``images`` float16 [n, k, j, i], ``metadata`` float32 [n, W], ``labels`` [n]."""

    images: np.ndarray
    metadata: np.ndarray
    labels: np.ndarray

    def coarsened(self, factor: int) -> Cases:
        """The same cases with images averaged down (see :func:`coarsen`)."""
        if factor == 1:
            return self
        images = [
            coarsen(torch.from_numpy(image.astype(np.float32))[None, None], factor)[0, 0].half()
            for image in self.images
        ]
        return replace(self, images=torch.stack(images).numpy())

    def batch(self, rows: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """Image [B, 1, k, j, i], metadata [B, W] and label [B] of the given rows."""
        images = torch.from_numpy(self.images[rows].astype(np.float32))[:, None]
        metadata = torch.from_numpy(self.metadata[rows].astype(np.float32))
        labels = torch.from_numpy(self.labels[rows].astype(np.float32))
        return images, metadata, labels


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to. The validation figures are at the resolution of its stage."""

    stage: int
    loss: float
    validation_loss: float
    validation_auc: float
    seconds: float


def coarsen(images: Tensor, factor: int) -> Tensor:
    """Average [B, 1, k, j, i] down by a factor, keeping the first and last point of each axis.

    A grid of m·factor + 1 points becomes one of m + 1 with the same ends, so what lies where in the
    feature map does not shift.
    """
    if factor == 1:
        return images
    size = 2 * (factor // 2) + 1
    return avg_pool3d(images, size, factor, size // 2, count_include_pad=False)


def augment(images: Tensor, recipe: Recipe, coarseness: int, generator: torch.Generator) -> Tensor:
    """Each case [B, 1, k, j, i] mirrored left-right half the time, shifted, and its contrast changed.

    Mirroring exchanges left and right of the patient: right where the label does not depend on the side.
    """
    out = images.clone()
    reach = recipe.shift_voxels // coarseness
    for n in range(len(images)):
        case = out[n]
        if torch.rand((), generator=generator) < 0.5:
            case = case.flip(-1)
        shifts = torch.randint(-reach, reach + 1, (3,), generator=generator).tolist()
        case = torch.roll(case, shifts, dims=(-3, -2, -1))
        scale, shift = (2 * torch.rand(2, generator=generator) - 1).tolist()
        out[n] = case * (1 + recipe.intensity_scale * scale) + recipe.intensity_shift * shift
    return out


def predict_logits(
    network: LearnedFeatureFusion3D,
    cases: Cases,
    rows: np.ndarray,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Logits [n] of the given rows, in evaluation mode."""
    network.eval()
    found = []
    with torch.inference_mode():
        for start in range(0, len(rows), 16):
            progress(start / len(rows), "Predicting")
            image, metadata, _ = cases.batch(rows[start : start + 16])
            found.append(network(_for_cpu(image), _used(network, metadata)).numpy())
    return np.concatenate(found)


def fit(
    network: LearnedFeatureFusion3D,
    cases: Cases,
    training: np.ndarray,
    validation: np.ndarray,
    recipe: Recipe,
    seed: int,
    progress: Progress = no_progress,
) -> list[Epoch]:
    """Train a network in place and leave it with the weights of the best epoch of the last stage.

    AdamW with a one-cycle schedule for each stage (Loshchilov & Hutter 2019; Smith & Topin 2018),
    focal loss; the best epoch has the highest AUC on the validation rows.

    Parameters
    ----------
    training, validation
        Row numbers into ``cases``; both must hold both classes.
    seed
        Of the order of the cases, the augmentation and the dropout.

    Returns what each epoch came to. Raises Cancelled from ``progress``.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    loss_of = FocalLoss(alpha=None, gamma=recipe.focal_gamma)
    history: list[Epoch] = []
    best_auc, best_state = -math.inf, None
    # One step at coarseness c costs about c^3 times less.
    costs = [stage.epochs / stage.coarseness**3 for stage in recipe.stages]
    done = 0.0
    for number, stage in enumerate(recipe.stages):
        seen = cases.coarsened(stage.coarseness)
        steps = -(-len(training) // stage.batch)
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=stage.peak_rate, weight_decay=recipe.weight_decay
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, stage.peak_rate, total_steps=stage.epochs * steps, pct_start=0.25
        )
        for epoch in range(stage.epochs):
            began = time.monotonic()
            network.train()
            order = training[torch.randperm(len(training), generator=generator).numpy()]
            total = 0.0
            # Equal parts, so that no batch is too small for batch normalisation.
            for step, rows in enumerate(np.array_split(order, steps)):
                within = (epoch + step / steps) / stage.epochs
                progress(
                    (done + costs[number] * within) / sum(costs),
                    f"Stage {number + 1}/{len(recipe.stages)}, epoch {epoch + 1}/{stage.epochs}"
                    + (f", validation AUC {history[-1].validation_auc:.3f}" if history else ""),
                )
                image, metadata, labels = seen.batch(rows)
                image = augment(image, recipe, stage.coarseness, generator)
                optimizer.zero_grad(set_to_none=True)
                loss = loss_of(network(_for_cpu(image), _used(network, metadata)), labels)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
                optimizer.step()
                schedule.step()
                total += float(loss.detach()) * len(rows)
            logits = predict_logits(network, seen, validation)
            truth = cases.labels[validation]
            auc = float(roc_auc_score(truth, logits))
            history.append(
                Epoch(
                    stage=number,
                    loss=total / len(training),
                    validation_loss=float(
                        binary_cross_entropy_with_logits(
                            torch.from_numpy(logits), torch.from_numpy(truth.astype(np.float32))
                        )
                    ),
                    validation_auc=auc,
                    seconds=time.monotonic() - began,
                )
            )
            _log.info("%s", history[-1])
            if number == len(recipe.stages) - 1 and auc > best_auc:
                best_auc, best_state = auc, copy.deepcopy(network.state_dict())
        done += costs[number]
    assert best_state is not None
    network.load_state_dict(best_state)
    network.eval()
    return history


def _for_cpu(image: Tensor) -> Tensor:
    # With channels last, oneDNN runs this network about three times faster than without.
    return image.contiguous(memory_format=torch.channels_last_3d)


def _used(network: LearnedFeatureFusion3D, metadata: Tensor) -> Tensor | None:
    return None if network.config.fusion == "image_only" else metadata
