"""``FocalLoss``: binary cross-entropy that turns down the easy cases (Lin et al. 2017)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid


class FocalLoss(nn.Module):
    """FL = −α·(1−p_t)^γ·log(p_t), from logits (Lin et al., Focal Loss for Dense Object Detection).

    With p = sigmoid(logit), p_t = p where y = 1 and 1 − p where y = 0.

    **α** weights the classes: a positive (y = 1) is multiplied by α, a negative by 1 − α, as in
    torchvision's and MONAI's. ``alpha=None`` weights both by 1.

    **Label smoothing ε** replaces the target y by y' = y·(1 − ε) + ε/2 and takes the expectation:
    FL = y'·FL(1) + (1 − y')·FL(0), where FL(1) and FL(0) are the whole terms above for either
    class, weight and modulating factor included. Smoothing thus mixes two focal terms; it does not
    change p_t, which stays the model's probability of the class whose term it is. Targets between
    0 and 1 are treated in the same way.

    **Dynamic α** sets α in each batch to the fraction of negatives in it, 1 − mean(y) (before
    smoothing), so that both classes carry the same total weight: the rarer the positives, the
    heavier each. Where the batch holds one class only that would be 0 or 1 and would silence
    either the whole batch or the smoothing; α is then 1/2. ``alpha`` is not used.

    Safe for any finite logit (log p_t is a log-sigmoid, (1 − p_t)^γ is its exponential) and computed
    in float32 (or the logits' float64) even under autocast.

    Parameters
    ----------
    alpha
        Weight of the positive class in [0, 1], or None.
    gamma
        Focusing parameter, at least 0; 0 gives weighted cross-entropy.
    label_smoothing
        ε in [0, 1).
    dynamic_alpha
        Compute α from each batch.
    reduction
        ``"none"`` (a loss for each case), ``"mean"`` or ``"sum"`` over all cases.
    """

    def __init__(
        self,
        alpha: float | None = 0.25,
        gamma: float = 2.0,
        label_smoothing: float = 0.0,
        dynamic_alpha: bool = False,
        reduction: Literal["none", "mean", "sum"] = "mean",
    ) -> None:
        super().__init__()
        if alpha is not None and not 0 <= alpha <= 1:
            raise ValueError(f"alpha is {alpha}, not between 0 and 1")
        if not gamma >= 0:
            raise ValueError(f"gamma is {gamma}, not at least 0")
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing is {label_smoothing}, not in [0, 1)")
        if reduction not in ("none", "mean", "sum"):
            raise ValueError(f"reduction is {reduction!r}, not none, mean or sum")
        self.alpha = alpha
        self.gamma = gamma
        self.label_smoothing = label_smoothing
        self.dynamic_alpha = dynamic_alpha
        self.reduction = reduction

    def forward(
        self, logits: Tensor, targets: Tensor, batch_targets: Tensor | None = None
    ) -> Tensor:
        """Loss of logits against targets in [0, 1], both of the same shape.

        ``batch_targets``: the targets of the whole batch, for the dynamic α, where several processes
        share it and these are one process's part. Raises ValueError when the shapes differ (broadcasting would hide a mistake).
        """
        if logits.shape != targets.shape:
            raise ValueError(
                f"logits {tuple(logits.shape)} and targets {tuple(targets.shape)} differ in shape"
            )
        with torch.autocast(device_type=logits.device.type, enabled=False):
            if logits.dtype != torch.float64:
                logits = logits.float()
            targets = targets.to(logits)
            whole = targets if batch_targets is None else batch_targets.to(logits)
            loss = self._per_case(logits, targets, whole)
        if self.reduction == "mean":
            return loss.mean()
        return loss.sum() if self.reduction == "sum" else loss

    def _per_case(self, logits: Tensor, targets: Tensor, whole: Tensor) -> Tensor:
        positive_weight, negative_weight = self._class_weights(whole)
        soft = targets * (1 - self.label_smoothing) + self.label_smoothing / 2
        log_p, log_not_p = logsigmoid(logits), logsigmoid(-logits)
        if_positive = -positive_weight * torch.exp(self.gamma * log_not_p) * log_p
        if_negative = -negative_weight * torch.exp(self.gamma * log_p) * log_not_p
        return soft * if_positive + (1 - soft) * if_negative

    def _class_weights(self, targets: Tensor) -> tuple[Tensor | float, Tensor | float]:
        if self.dynamic_alpha:
            negatives = 1 - targets.mean()
            one_class = (negatives <= 0) | (negatives >= 1)
            alpha = torch.where(one_class, torch.full_like(negatives, 0.5), negatives)
            return alpha, 1 - alpha
        if self.alpha is None:
            return 1.0, 1.0
        return self.alpha, 1 - self.alpha
