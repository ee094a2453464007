"""Networks whose weights come from a file are built without any of their own."""

from __future__ import annotations

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.network_config import NetworkConfig
from fusion3d_gui.model.network.no_weight_init import no_weight_init

SMALL = NetworkConfig("concat", metadata_width=3, width=1 / 16)


class _Watch(TorchDispatchMode):
    """Notes every operation that reaches PyTorch's kernels."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.add(str(func))
        return func(*args, **(kwargs or {}))


def _random(names: set[str]) -> list[str]:
    return [name for name in names if "normal_" in name or "uniform_" in name]


def test_no_weight_has_memory_or_is_drawn_at_random():
    with no_weight_init(), _Watch() as watch:
        network = LearnedFeatureFusion3D(SMALL)
    assert all(each.is_meta for each in network.parameters())
    assert watch.names
    assert _random(watch.names) == []


def test_outside_of_it_weights_are_drawn_as_ever():
    with no_weight_init():
        pass
    with _Watch() as watch:
        network = LearnedFeatureFusion3D(SMALL)
    assert _random(watch.names)
    assert all(float(each.detach().std()) > 0 for each in network.parameters() if each.ndim == 5)
    assert torch.rand(2).device.type == "cpu"
