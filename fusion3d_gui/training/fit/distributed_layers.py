"""Batch normalisation and dropout whose result does not depend on the number of processes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, distributed, nn
from torch.distributed.nn.functional import all_reduce

#: Sum over all processes, differentiable; torch's own is not annotated.
_summed: Callable[[Tensor], Tensor] = all_reduce


class SynchronisedBatchNorm(nn.BatchNorm3d):
    """Batch normalisation over the batch of all processes (Ioffe & Szegedy 2015).

    torch's own ``SyncBatchNorm`` runs on CUDA only; this one also runs over gloo on CPUs.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise this process's part of the batch, [b, C, k, j, i]."""
        if not (self.training and distributed.is_initialized()):
            return super().forward(x)
        dims = (0, 2, 3, 4)
        count = torch.tensor([x.numel() / x.shape[1]], dtype=x.dtype, device=x.device)
        sums = _summed(torch.cat([x.sum(dims), count]))
        total = sums[-1].detach()
        mean = sums[:-1] / total
        centred = x - mean[:, None, None, None]
        variance = _summed((centred * centred).sum(dims)) / total
        if self.running_mean is not None and self.running_var is not None:
            assert self.momentum is not None
            unbiased = variance.detach() * total / (total - 1)
            self.running_mean.lerp_(mean.detach().to(self.running_mean), self.momentum)
            self.running_var.lerp_(unbiased.to(self.running_var), self.momentum)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked.add_(1)
        scale = self.weight / torch.sqrt(variance + self.eps)
        normalised: Tensor = centred * scale[:, None, None, None] + self.bias[:, None, None, None]
        return normalised


class SeededDropout(nn.Module):
    """Dropout whose mask depends on the seed and the position in the whole batch, not on the process."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self._seed, self._cases, self._start = 0, 1, 0

    def plan(self, seed: int, cases: int, start: int) -> None:
        """Set, before each step, its seed, the size of the whole batch and where this process's part begins."""
        self._seed, self._cases, self._start = seed, cases, start

    def forward(self, x: Tensor) -> Tensor:
        """Drop features from [b, features] while training."""
        if not self.training or not self.rate:
            return x
        generator = torch.Generator().manual_seed(self._seed)
        kept = torch.rand(self._cases, x.shape[1], generator=generator) >= self.rate
        part = kept[self._start : self._start + len(x)].to(x)
        return x * part / (1 - self.rate)


def use_distributed_layers(network: nn.Module) -> list[SeededDropout]:
    """Replace torch's layers by these; weights and their names stay. Returns the dropout layers."""
    dropouts = []
    for parent in list(network.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is nn.BatchNorm3d:
                new = SynchronisedBatchNorm(layer.num_features, layer.eps, layer.momentum)
                new.load_state_dict(layer.state_dict())
                setattr(parent, name, new.to(layer.weight))
            elif type(layer) is nn.Dropout:
                planned = SeededDropout(layer.p)
                dropouts.append(planned)
                setattr(parent, name, planned)
    return dropouts


def restore_torch_layers(network: nn.Module) -> None:
    """Undo :func:`use_distributed_layers`: replace these layers by torch's own."""
    for parent in list(network.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, SynchronisedBatchNorm):
                plain = nn.BatchNorm3d(layer.num_features, layer.eps, layer.momentum)
                plain.load_state_dict(layer.state_dict())
                setattr(parent, name, plain.to(layer.weight))
            elif isinstance(layer, SeededDropout):
                setattr(parent, name, nn.Dropout(layer.rate))
