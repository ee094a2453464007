"""``fit``: train a network on preprocessed cases in memory, to the weights of the best epoch."""

from __future__ import annotations

import logging
import os
import warnings
from contextlib import ExitStack
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.loggers import CSVLogger

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.progress import Progress, no_progress
from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.fit.batches import Batches
from fusion3d_gui.training.fit.distributed_layers import restore_torch_layers
from fusion3d_gui.training.fit.lightning_module import Epoch, FusionTraining, StepCallback
from fusion3d_gui.training.fit.recipe import COARSENESS, Recipe

_log = logging.getLogger(__name__)

#: Steps between checkpoints: what an interruption costs at most.
_CHECKPOINT_STEPS = 25

#: Images of fewer voxels a side go without oneDNN: with AVX-512, oneDNN 3.12 (of torch 2.13) takes the gradient of
#: the stem's 7 x 7 x 7 kernel from beyond images of 5 to 7 voxels, which gives wrong numbers or a crash.
_LEAST_SIDE_FOR_ONEDNN = 8


def rank_and_world_size() -> tuple[int, int]:
    """This process's rank and the number of processes, as ``torchrun`` sets them (0 and 1 without it)."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def fit(
    network: LearnedFeatureFusion3D,
    cases: Cases,
    training: np.ndarray,
    validation: np.ndarray,
    recipe: Recipe,
    seed: int,
    *,
    work: Path,
    checkpoint_steps: int = _CHECKPOINT_STEPS,
    progress: Progress = no_progress,
) -> list[Epoch]:
    """Train a network in place; it ends with the weights of the best epoch on the whole grid.

    Runs on all processes that ``torchrun`` started, on one machine or several, and with mixed precision
    where there is CUDA. Resumes from ``work/last.ckpt`` where there is one, and ends at the weights that an
    uninterrupted training would have reached.

    Parameters
    ----------
    training, validation
        Row numbers into ``cases``; both parts must hold both classes.
    seed
        Of the order of the cases, the augmentation and the dropout.
    work
        Folder of checkpoint and logs (``log-N/metrics.csv``).

    Returns
    -------
    list of Epoch
        The figures of each epoch.

    Raises
    ------
    Cancelled
        From ``progress``.
    UserError
        For a checkpoint that can't be read, and for a batch smaller than the number of processes.
    """
    rank, world = rank_and_world_size()
    if recipe.batch < world:
        raise UserError(f"a batch of {recipe.batch} can't be divided among {world} processes")
    checkpoint = work / "last.ckpt"
    first_step = _step_of(checkpoint)
    batches = Batches(cases, training, recipe, seed, rank=rank, world=world, first_step=first_step)
    network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    module = FusionTraining(network, batches, validation, recipe, seed, rank, world)

    def before(step: int) -> None:
        steps = len(batches)
        coarse, done = recipe.coarse_epochs * steps, step
        # A coarse step costs about an eighth of one on the whole grid.
        cost = min(done, coarse) / COARSENESS**3 + max(0, done - coarse)
        whole = coarse / COARSENESS**3 + recipe.epochs * steps
        auc = f", validation AUC {module.history[-1].validation_auc:.3f}" if module.history else ""
        progress(cost / whole, f"Epoch {step // steps + 1} of {recipe.all_epochs}{auc}")

    def save() -> None:
        partial = checkpoint.with_suffix(".partial")
        trainer.save_checkpoint(partial)
        if rank == 0:
            # Replaced when it is whole: a training killed while writing keeps the previous checkpoint.
            partial.replace(checkpoint)

    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    cuda = torch.cuda.is_available()
    double = next(network.parameters()).dtype == torch.float64
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    least = min(cases.images.shape[1:]) // (COARSENESS if recipe.coarse_epochs else 1)
    with ExitStack() as while_training:
        while_training.enter_context(warnings.catch_warnings())
        # Lightning recommends options that this training does not need.
        warnings.filterwarnings("ignore", module="lightning.*")
        if least < _LEAST_SIDE_FOR_ONEDNN:
            # torch warns about TF32 on Intel's graphics cards whenever oneDNN is switched off.
            warnings.filterwarnings("ignore", message="TF32 acceleration")
            without = torch.backends.mkldnn.flags(enabled=False, allow_tf32=False)
            while_training.enter_context(without)
        trainer = pl.Trainer(
            accelerator="cuda" if cuda else "cpu",
            devices=local,
            num_nodes=world // local,
            strategy="ddp" if world > 1 else "auto",
            precision="64-true" if double else "16-mixed" if cuda else "32-true",
            max_epochs=recipe.all_epochs,
            gradient_clip_val=5.0,
            limit_val_batches=0,
            use_distributed_sampler=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            log_every_n_steps=1,
            logger=CSVLogger(work, name=None, version=f"log-{_count(work, 'log-*') + 1}"),
            callbacks=[StepCallback(before, save, checkpoint_steps)],
        )
        trainer.fit(
            module,
            batches,
            ckpt_path=checkpoint if first_step else None,
            weights_only=True,
        )
    assert module.best is not None
    restore_torch_layers(network)
    network.load_state_dict(module.best)
    network.eval()
    for number, epoch in enumerate(module.history, start=1):
        _log.info("epoch %d: %s", number, epoch)
    return module.history


def _step_of(checkpoint: Path) -> int:
    """Number of steps done at a checkpoint; 0 without one."""
    if not checkpoint.is_file():
        return 0
    try:
        found = torch.load(checkpoint, map_location="cpu", weights_only=True)
        return int(found["global_step"])
    except Exception as error:  # noqa: BLE001  (torch raises many kinds for a damaged file)
        raise UserError(
            f"the checkpoint can't be read ({type(error).__name__})",
            path=checkpoint,
            remedy="Delete the folder to train anew.",
        ) from None


def _count(folder: Path, pattern: str) -> int:
    return sum(1 for _ in folder.glob(pattern))
