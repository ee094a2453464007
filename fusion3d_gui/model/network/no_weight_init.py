"""``no_weight_init``: build networks without allocating or initialising their weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

#: Functions by which MONAI's and PyTorch's layers initialise their weights.
_INITIALISERS = {
    Tensor.normal_,
    Tensor.uniform_,
    nn.init.normal_,
    nn.init.uniform_,
    nn.init.kaiming_uniform_,
}


@contextmanager
def no_weight_init() -> Iterator[None]:
    """Context in which to build a network whose weights are all assigned afterwards.

    Parameters are created on the meta device, and random initialisation is skipped: on that device it
    would make PyTorch import its compiler, eight hundred modules that take seconds.
    """
    with torch.device("meta"), _SkipInitialisation():
        yield


class _SkipInitialisation(TorchFunctionMode):
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        if func in _INITIALISERS:
            return args[0] if args else given["tensor"]
        return func(*args, **given)
