"""The pretext: the image branch learns NIHSS, lesion volume and territories from lesion maps, without any outcome."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save
from sklearn.linear_model import RidgeCV
from torch import Tensor, nn

from fusion3d_gui.model.network.fusion import ImageBranch
from fusion3d_gui.model.network.network_config import NetworkConfig
from fusion3d_gui.output_file import whole_file
from fusion3d_gui.progress import Progress, no_progress
from fusion3d_gui.training.study.stroke.cohort import StrokeCohort
from fusion3d_gui.training.study.stroke.heads import Readout

#: Width and strides of the branch.
WIDTH, STRIDES = 0.125, (2, 1, 1)
_BATCH = 16
_WEIGHT_DECAY = 0.02
#: Weights of the squared errors of volume, each territory and NIHSS, all standardised.
_VOLUME, _TERRITORY, _NIHSS = 1.0, 0.15, 2.0
_SHIFT_CELLS = 1
_UNION_SHARE = 0.25
_BATCH_NORM_BATCH = 32


@dataclass(frozen=True)
class PretextRecipe:
    """Epochs and peak learning rate of one part of the pretext; its schedule is one cycle."""

    epochs: int
    rate: float


COMMON = PretextRecipe(epochs=10, rate=2e-3)
OF_FOLD = PretextRecipe(epochs=3, rate=5e-4)


def new_branch(seed: int) -> ImageBranch:
    """An untrained image branch."""
    torch.manual_seed(seed)
    branch = ImageBranch(branch_config())
    branch.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    return branch


def branch_config() -> NetworkConfig:
    """The configuration whose image branch is trained; its heads are not used."""
    return NetworkConfig("image_only", width=WIDTH, stage_strides=STRIDES, embedding=1)


@dataclass(frozen=True, eq=False)
class Targets:
    """What the pretext predicts, standardised by the rows that it learns from: [n, 2 + t], NaN where not known.

    The columns are log (1 + volume / mm³), the square root of each territory's share, and log (1 + NIHSS).
    """

    cohort: StrokeCohort
    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, cohort: StrokeCohort, rows: np.ndarray) -> Targets:
        """Standardised by these rows."""
        raw = _raw(cohort, rows)
        return cls(cohort, np.nanmean(raw, axis=0), np.nanstd(raw, axis=0) + 1e-3)

    def values(self, rows: np.ndarray) -> np.ndarray:
        """[m, 2 + t], of these rows."""
        found: np.ndarray = (_raw(self.cohort, rows) - self.mean) / self.deviation
        return found

    def of_maps(self, maps: Tensor) -> np.ndarray:
        """Of maps [m, k, j, i] that are no patient's: from the map alone, NIHSS not known."""
        flat = maps.flatten(1).double().numpy()
        atlas = self.cohort.atlas.reshape(len(self.cohort.atlas), -1).astype(np.float64)
        cell = abs(np.linalg.det(self.cohort.affine[:3, :3]))
        shares = flat @ atlas.T / np.maximum(atlas.sum(axis=1), 1e-9)
        unknown = np.full(len(flat), np.nan)
        raw = _columns(cell * flat.sum(axis=1), shares, unknown)
        found: np.ndarray = (raw - self.mean) / self.deviation
        return found


def train_branch(
    branch: ImageBranch,
    cohort: StrokeCohort,
    rows: np.ndarray,
    recipe: PretextRecipe,
    seed: int,
    progress: Progress = no_progress,
) -> None:
    """Train a branch in place on these rows; it ends in eval mode, with the statistics of batch norm of these rows."""
    targets = Targets.of(cohort, rows)
    values = targets.values(np.arange(len(cohort.names)))
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    output = nn.Linear(branch_config().feature_channels, values.shape[1])
    weights = torch.full((values.shape[1],), _TERRITORY)
    weights[0], weights[-1] = _VOLUME, _NIHSS
    trained = [*branch.backbone.parameters(), *output.parameters()]
    steps = max(1, len(rows) // _BATCH)
    optimiser = torch.optim.AdamW(trained, recipe.rate, weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.rate, total_steps=recipe.epochs * steps
    )
    branch.train()
    for epoch in range(recipe.epochs):
        order = rng.permutation(rows)
        for step in range(steps):
            progress((epoch + step / steps) / recipe.epochs, f"Pretext, epoch {epoch + 1}")
            batch = order[step * _BATCH : (step + 1) * _BATCH]
            maps, wanted = _augmented(cohort, rows, batch, values, targets, rng)
            found = output(branch.features(maps[:, None]).mean(dim=(2, 3, 4)))
            known = torch.isfinite(wanted)
            error = (found - torch.nan_to_num(wanted)) ** 2 * known * weights
            loss = error.sum() / (known * weights).sum()
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(trained, 5.0)
            optimiser.step()
            schedule.step()
    _settle_batch_norm(branch, cohort, rows)
    branch.eval()


def pooled_features(
    branch: ImageBranch, maps: np.ndarray, progress: Progress = no_progress
) -> np.ndarray:
    """Pooled features [n, C], float32, of maps [n, k, j, i]."""
    found = []
    with torch.inference_mode():
        for start in range(0, len(maps), _BATCH_NORM_BATCH):
            progress(start / len(maps), "Image features")
            part = torch.from_numpy(maps[start : start + _BATCH_NORM_BATCH].astype(np.float32))
            found.append(branch.features(part[:, None]).mean(dim=(2, 3, 4)).numpy())
    return np.concatenate(found)


def fit_readout(cohort: StrokeCohort, pooled: np.ndarray, rows: np.ndarray) -> Readout:
    """Ridge regression of the pretext's targets on the pooled features [n, C] of these rows.

    The penalty is chosen by leave-one-out, separately for NIHSS and for what the map itself says.
    """
    mean, deviation = pooled[rows].mean(axis=0), pooled[rows].std(axis=0)
    # Channels that are always 0 say nothing, and must not say much about a new map.
    deviation = np.maximum(deviation, 1e-3 * deviation.max())
    values = Targets.of(cohort, rows).values(np.arange(len(cohort.names)))
    features = (pooled - mean) / deviation
    known = rows[np.isfinite(values[rows, -1])]
    penalties = np.logspace(-1, 4, 11)
    shape = RidgeCV(penalties).fit(features[rows], values[rows, :-1])
    severity = RidgeCV(penalties).fit(features[known], values[known, -1])
    return Readout(
        mean,
        deviation,
        np.concatenate([shape.coef_, severity.coef_[None]]),
        np.append(shape.intercept_, severity.intercept_),
    )


def save_branch(branch: ImageBranch, path: Path) -> None:
    """Write the convolutions' weights as safetensors."""
    state = {name: value.contiguous() for name, value in branch.backbone.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as partial:
        partial.write_bytes(save(state))


def load_branch(path: Path) -> ImageBranch:
    """A branch with weights from :func:`save_branch`, in eval mode."""
    branch = new_branch(0)
    branch.backbone.load_state_dict(load_file(path))
    branch.eval()
    return branch


def _augmented(
    cohort: StrokeCohort,
    rows: np.ndarray,
    batch: np.ndarray,
    values: np.ndarray,
    targets: Targets,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    """Maps [b, k, j, i], shifted by up to a cell, some united with another's; their targets [b, 2 + t]."""
    maps = torch.from_numpy(cohort.maps[batch].astype(np.float32))
    wanted = values[batch].copy()
    united = np.flatnonzero(rng.random(len(batch)) < _UNION_SHARE)
    others = rng.choice(rows, len(united))
    maps[united] = torch.maximum(
        maps[united], torch.from_numpy(cohort.maps[others].astype(np.float32))
    )
    shifts = rng.integers(-_SHIFT_CELLS, _SHIFT_CELLS + 1, (len(batch), 3))
    for n, shift in enumerate(shifts):
        maps[n] = torch.roll(maps[n], shift.tolist(), dims=(0, 1, 2))
    severity = wanted[:, -1].copy()
    severity[united] = np.nan
    wanted = targets.of_maps(maps)
    wanted[:, -1] = severity
    return maps, torch.from_numpy(wanted.astype(np.float32))


def _settle_batch_norm(branch: ImageBranch, cohort: StrokeCohort, rows: np.ndarray) -> None:
    """Batch norm's mean and variance as means over these rows' batches, instead of over the last few steps.

    A few large lesions move a running mean so far that the network in eval mode is another than in training.
    """
    norms = [m for m in branch.modules() if isinstance(m, nn.BatchNorm3d)]
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean of all batches
    with torch.no_grad():
        for start in range(0, len(rows), _BATCH_NORM_BATCH):
            part = cohort.maps[rows[start : start + _BATCH_NORM_BATCH]].astype(np.float32)
            branch.features(torch.from_numpy(part)[:, None])
    for norm, momentum in zip(norms, usual, strict=True):
        norm.momentum = momentum


def _raw(cohort: StrokeCohort, rows: np.ndarray) -> np.ndarray:
    return _columns(cohort.volumes_mm3[rows], cohort.territories[rows], cohort.nihss[rows])


def _columns(volumes: np.ndarray, shares: np.ndarray, nihss: np.ndarray) -> np.ndarray:
    parts = (np.log1p(volumes)[:, None], np.sqrt(np.clip(shares, 0, 1)), np.log1p(nihss)[:, None])
    return np.concatenate(parts, axis=1)
