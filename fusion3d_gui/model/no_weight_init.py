"""``no_weight_init``: networks are built without memory and without first values for their weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

#: All by which MONAI's and PyTorch's layers draw their first weights.
_DRAWING = {
    Tensor.normal_,
    Tensor.uniform_,
    nn.init.normal_,
    nn.init.uniform_,
    nn.init.kaiming_uniform_,
}


@contextmanager
def no_weight_init() -> Iterator[None]:
    """Build a network inside of this whose weights are all to be assigned afterwards.

    First values at random would not only be for nothing: without memory to write them to, PyTorch looks
    for its random functions in its compiler, eight hundred modules that take seconds to import.
    """
    with torch.device("meta"), _NoFirstValues():
        yield


class _NoFirstValues(TorchFunctionMode):
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        if func in _DRAWING:
            return args[0] if args else given["tensor"]
        return func(*args, **given)
