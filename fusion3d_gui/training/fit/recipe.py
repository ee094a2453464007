"""``Recipe``: all settings of the optimisation but data and seed."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from fusion3d_gui.model.network.loss import FocalLoss

Loss = Literal["focal", "focal_dynamic", "bce"]
LOSSES: tuple[Loss, ...] = get_args(Loss)
Sampling = Literal["shuffled", "weighted"]
SAMPLINGS: tuple[Sampling, ...] = get_args(Sampling)

#: Factor by which the grid is averaged down along each axis in the coarse epochs: an eighth of the voxels.
COARSENESS = 2


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. Immutable, and stored in the bundle.

    Parameters
    ----------
    coarse_epochs, epochs
        Passes over the training cases on the grid averaged down by 2 along each axis, then on the
        whole grid. The network is fully convolutional, so that the same weights serve both.
    coarse_rate, rate
        Peak learning rates of the two one-cycle schedules.
    batch
        Cases a step, over all processes.
    loss
        ``"focal"`` (γ below, no α), ``"focal_dynamic"`` (with α from the labels of each batch) or
        ``"bce"``.
    sampling
        ``"shuffled"``: every case once an epoch. ``"weighted"``: drawn with replacement so that
        both classes come equally often.
    patience
        Training stops early after this many epochs on the whole grid without a better validation AUC.
    shift_voxels, intensity_scale, intensity_shift
        Bounds of the augmentation.
    mirrored
        Whether every image is mirrored left to right half the time. Not where the label may depend on
        the side.
    kernel_symmetry
        After each step every convolution's kernel moves by this share towards the mean of its eight mirror
        images (:func:`~fusion3d_gui.training.fit.kernel_symmetry.symmetrise`). It keeps a map's
        response where its cause lies: nothing in the loss does. A network with symmetric kernels can't tell
        left from right, nor up from down: 0 where the label may depend on them. From random weights a
        share of 0.03 learns nothing; it is for trainings that start from a bundle.
    mask_weight
        Weight, beside the label's loss, of the loss by which the last stage's features learn in which cells
        the finding lies (:mod:`~fusion3d_gui.training.fit.mask_supervision`). Above 0 the table needs
        masks; a row without one has no finding.
    """

    coarse_epochs: int = 8
    epochs: int = 2
    coarse_rate: float = 1.5e-3
    rate: float = 5e-4
    batch: int = 16
    loss: Loss = "focal"
    focal_gamma: float = 1.0
    label_smoothing: float = 0.0
    sampling: Sampling = "shuffled"
    weight_decay: float = 0.02
    patience: int = 5
    shift_voxels: int = 4
    intensity_scale: float = 0.15
    intensity_shift: float = 0.15
    mirrored: bool = True
    kernel_symmetry: float = 0.0
    mask_weight: float = 0.0

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise ValueError(f"loss is {self.loss!r}, not one of {', '.join(LOSSES)}")
        if self.sampling not in SAMPLINGS:
            raise ValueError(f"sampling is {self.sampling!r}, not one of {', '.join(SAMPLINGS)}")
        if self.epochs < 1 or self.coarse_epochs < 0:
            raise ValueError("at least one epoch on the whole grid is needed")
        if self.batch < 2 or self.patience < 1:
            raise ValueError("batch must be at least 2 and patience at least 1")
        if not (0 < self.rate <= 1 and 0 < self.coarse_rate <= 1):
            raise ValueError("a peak learning rate is not above 0 and at most 1")
        if not 0 <= self.kernel_symmetry <= 1:
            raise ValueError(f"kernel symmetry is {self.kernel_symmetry}, not 0 to 1")
        if not 0 <= self.mask_weight <= 100:
            raise ValueError(f"mask weight is {self.mask_weight}, not 0 to 100")

    @property
    def all_epochs(self) -> int:
        """Number of epochs, coarse and whole."""
        return self.coarse_epochs + self.epochs

    def coarseness(self, epoch: int) -> int:
        """Factor by which the grid is averaged down in an epoch (numbered from 0)."""
        return COARSENESS if epoch < self.coarse_epochs else 1

    def rate_at(self, step: int, steps_per_epoch: int) -> float:
        """Learning rate of a step: one cycle (Smith & Topin 2018) on the coarse grid, one on the whole.

        Each rises over its first quarter, by a half cosine, from 1/25 of the peak, and falls, by another,
        to 1/10000 of where it began.
        """
        coarse_steps = self.coarse_epochs * steps_per_epoch
        if step < coarse_steps:
            peak, at, steps = self.coarse_rate, step, coarse_steps
        else:
            peak, at, steps = self.rate, step - coarse_steps, self.epochs * steps_per_epoch
        rise = 0.25 * steps
        if at < rise:
            return _half_cosine(peak / 25, peak, at / rise)
        return _half_cosine(peak, peak / 25e4, min(1.0, (at - rise) / max(1.0, steps - 1 - rise)))

    def make_loss(self) -> FocalLoss:
        """The loss; cross-entropy is the focal loss with γ = 0."""
        # Imported here: the command line reads the choices above without torch.
        from fusion3d_gui.model.network.loss import FocalLoss

        return FocalLoss(
            alpha=None,
            gamma=0.0 if self.loss == "bce" else self.focal_gamma,
            label_smoothing=self.label_smoothing,
            dynamic_alpha=self.loss == "focal_dynamic",
        )

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)

    @property
    def text(self) -> str:
        """In words, for the model card."""
        loss = {
            "bce": "binary cross-entropy",
            "focal": f"focal loss with γ = {self.focal_gamma:g} and no α",
            "focal_dynamic": f"focal loss with γ = {self.focal_gamma:g} and α from each batch",
        }[self.loss]
        sampling = "" if self.sampling == "shuffled" else " Both classes are drawn equally often."
        coarse = (
            f"{self.coarse_epochs} epochs on the grid averaged down by {COARSENESS} (peak learning "
            f"rate {self.coarse_rate:g}), then "
            if self.coarse_epochs
            else ""
        )
        mirrored = "left-right mirroring, " if self.mirrored else "no mirroring; "
        symmetry = (
            f" After each step every kernel moved by {100 * self.kernel_symmetry:g} % towards the mean of its "
            "eight mirror images, so that maps point at their cause."
            if self.kernel_symmetry
            else ""
        )
        masks = (
            f" With a weight of {self.mask_weight:g}, a 1 × 1 × 1 convolution on the last stage also learned from "
            "the masks in which cells the lesion lies; it is not part of the model."
            if self.mask_weight
            else ""
        )
        return (
            f"AdamW with one-cycle schedules: {coarse}{self.epochs} on the whole grid (peak {self.rate:g}); "
            f"batches of {self.batch}; weight decay {self.weight_decay:g}; {loss}.{sampling} "
            f"Augmentation: {mirrored}shifts of up to {self.shift_voxels} voxels, small "
            f"changes of contrast.{symmetry}{masks}"
        )


def default_recipe(from_bundle: bool) -> Recipe:
    """The default recipe; a shorter one where training starts from a bundle's image branch."""
    return Recipe(coarse_epochs=2, epochs=1, coarse_rate=1e-3) if from_bundle else Recipe()


def _half_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
