"""``FusionTraining``: the LightningModule (step, learning rate, validation, early stopping), and its callback."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.training.data.network_outputs import compute_outputs, network_inputs
from fusion3d_gui.training.fit.batches import Batch, Batches
from fusion3d_gui.training.fit.distributed_layers import use_distributed_layers
from fusion3d_gui.training.fit.kernel_symmetry import symmetrise
from fusion3d_gui.training.fit.mask_supervision import CellFinder, cell_targets
from fusion3d_gui.training.fit.recipe import Recipe


@dataclass(frozen=True)
class Epoch:
    """The figures of one epoch; those of the validation are at the resolution of that epoch.

    ``seconds`` is the time of the epoch with its validation; ``loading_seconds``, part of it, was spent
    waiting for data.
    """

    coarseness: int
    loss: float
    validation_loss: float
    validation_auc: float
    seconds: float
    loading_seconds: float


class FusionTraining(pl.LightningModule):
    """Trains a network in place; keeps the weights of the best epoch on the whole grid.

    AdamW (Loshchilov & Hutter 2019) at :meth:`Recipe.rate_at`; the best epoch has the highest AUC on
    the validation rows. All of its state is in Lightning's checkpoint, as plain numbers and tensors.
    """

    def __init__(
        self,
        network: LearnedFeatureFusion3D,
        batches: Batches,
        validation: np.ndarray,
        recipe: Recipe,
        seed: int,
        rank: int,
        world: int,
    ) -> None:
        super().__init__()
        self.network = network
        self.history: list[Epoch] = []
        self.best: dict[str, Tensor] | None = None
        self._dropouts = use_distributed_layers(network)
        self._batches, self._validation = batches, validation
        self._recipe, self._seed = recipe, seed
        self._rank, self._world = rank, world
        self._loss = recipe.make_loss()
        channels = network.config.feature_channels
        self.cell_finder = CellFinder(channels) if recipe.mask_weight else None
        self._best_auc, self._epochs_without_better = -math.inf, 0
        self._total, self._cases = 0.0, 0
        self._began = self._waiting_since = time.monotonic()
        self._waited = 0.0

    def configure_optimizers(self) -> Any:
        """AdamW, with the recipe's learning rate at each step."""
        recipe, steps = self._recipe, len(self._batches)
        optimizer = torch.optim.AdamW(self.parameters(), lr=1.0, weight_decay=recipe.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: recipe.rate_at(step, steps)
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def on_train_epoch_start(self) -> None:
        """Reset the epoch's sums and clocks."""
        self._total, self._cases = 0.0, 0
        self._began = self._waiting_since = time.monotonic()
        self._waited = 0.0

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Add the time spent waiting for this batch."""
        self._waited += time.monotonic() - self._waiting_since

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Loss of this process's part of the batch."""
        for dropout in self._dropouts:
            seed = np.random.SeedSequence([self._seed, batch.step]).generate_state(1)[0]
            dropout.plan(int(seed), len(batch.all_labels), batch.start)
        given = network_inputs(self.network, batch.image, batch.metadata)
        found = self.network.forward_features(*given)
        loss: Tensor = self._loss(found.logit, batch.labels, batch.all_labels)
        if self.cell_finder is not None:
            targets = self._cell_targets(batch, found.feature_maps)
            loss = loss + self._recipe.mask_weight * self.cell_finder.loss(
                found.feature_maps, targets
            )
        self._total += float(loss.detach()) * len(batch.labels)
        self._cases += len(batch.labels)
        # The processes' gradients are averaged; parts may differ by one case.
        return loss * (len(batch.labels) * self._world / len(batch.all_labels))

    def _cell_targets(self, batch: Batch, feature_maps: Tensor) -> Tensor:
        """Targets [b, k, j, i] of this part of the batch, on the feature maps' cells."""
        assert batch.findings is not None
        stride, cells = self.network.config.total_stride, feature_maps.shape[2:]
        targets = [cell_targets(voxels, stride, cells) for voxels in batch.findings]
        return torch.from_numpy(np.stack(targets)).to(feature_maps)

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Centre the kernels, and start to time the wait for the next batch."""
        if self._recipe.kernel_symmetry:
            symmetrise(self.network, self._recipe.kernel_symmetry)
        self._waiting_since = time.monotonic()

    def on_train_epoch_end(self) -> None:
        """Validate; on the whole grid keep the best weights, and stop early after ``recipe.patience`` epochs."""
        recipe, epoch = self._recipe, self.current_epoch
        coarseness = recipe.coarseness(epoch)
        cases = self._batches.at(coarseness)
        truth = cases.labels[self._validation]
        mine = self._validation[self._rank :: self._world]
        logits = self._gathered(compute_outputs(self.network, cases, mine).logits)
        total, count = self._summed(self._total), self._summed(self._cases)
        found = Epoch(
            coarseness=coarseness,
            loss=total / max(1.0, count),
            validation_loss=float(
                binary_cross_entropy_with_logits(
                    torch.from_numpy(logits), torch.from_numpy(truth.astype(np.float32))
                )
            ),
            validation_auc=float(roc_auc_score(truth, logits)),
            seconds=time.monotonic() - self._began,
            loading_seconds=self._waited,
        )
        self.history.append(found)
        self.log_dict({key: float(value) for key, value in asdict(found).items()})
        if coarseness != 1:
            return
        if found.validation_auc > self._best_auc:
            self._best_auc, self._epochs_without_better = found.validation_auc, 0
            self.best = copy.deepcopy(
                {name: value.detach().cpu() for name, value in self.network.state_dict().items()}
            )
        else:
            self._epochs_without_better += 1
            if self._epochs_without_better >= recipe.patience:
                self.trainer.should_stop = True

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the history, the best weights and the epoch's sums to Lightning's checkpoint."""
        checkpoint["fusion3d"] = {
            "history": [asdict(epoch) for epoch in self.history],
            "best": self.best,
            "best_auc": self._best_auc,
            "without_better": self._epochs_without_better,
            "total": self._total,
            "cases": self._cases,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore them."""
        found = checkpoint["fusion3d"]
        self.history = [Epoch(**epoch) for epoch in found["history"]]
        self.best = found["best"]
        self._best_auc, self._epochs_without_better = found["best_auc"], found["without_better"]
        self._total, self._cases = found["total"], found["cases"]

    def _gathered(self, mine: np.ndarray) -> np.ndarray:
        """All processes' logits in the order of the rows; each process had every world-th row."""
        if self._world == 1:
            return mine
        size = -(-len(self._validation) // self._world)
        padded = torch.zeros(size, device=self.device)
        padded[: len(mine)] = torch.from_numpy(mine)
        parts = torch.as_tensor(self.all_gather(padded)).reshape(self._world, size)
        return parts.T.reshape(-1)[: len(self._validation)].float().cpu().numpy()

    def _summed(self, value: float) -> float:
        """Sum over all processes."""
        if self._world == 1:
            return float(value)
        return float(
            torch.as_tensor(self.all_gather(torch.tensor(float(value), device=self.device))).sum()
        )


class StepCallback(pl.Callback):
    """Calls ``before(step)`` before each step and ``save()`` after every ``every`` steps."""

    def __init__(self, before: Callable[[int], None], save: Callable[[], None], every: int) -> None:
        self._before, self._save, self._every = before, save, every

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Call ``before``, which may raise Cancelled."""
        self._before(trainer.global_step)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Save, but not after an epoch's last step: resumed from there, its validation would be skipped."""
        if trainer.global_step % self._every == 0 and not trainer.is_last_batch:
            self._save()
