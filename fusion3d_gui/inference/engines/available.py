"""``available_engines``: the engines among which this machine lets a bundle choose."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from dataclasses import dataclass

import torch

from fusion3d_gui.inference.engines.protocol import Engine, TorchEngine
from fusion3d_gui.model.bundle import ModelBundle

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Candidate:
    """An engine that may be taken.

    ``key`` tells it from the others on this machine, and is remembered; ``name`` in words; ``make`` makes
    it. Making one of PyTorch moves the network to its device, so that the engine made last is the one that
    works. Raises RuntimeError (torch.OutOfMemoryError) where it can't be made.
    """

    key: str
    name: str
    make: Callable[[], Engine]


def available_engines(bundle: ModelBundle, device: str = "auto") -> list[Candidate]:
    """PyTorch on a GPU where there is one, PyTorch on the CPU, OpenVINO on what it runs on, in this order.

    With a device other than ``auto`` only what runs there.
    """
    found = []
    gpus = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    for kind, there in gpus.items():
        if there and device in ("auto", kind):
            key = f"torch {torch.cuda.get_device_name()}" if kind == "cuda" else f"torch {kind}"
            found.append(Candidate(key, "PyTorch on the GPU", _torch(bundle, kind)))
    if device in ("auto", "cpu"):
        found.append(Candidate("torch", "PyTorch", _torch(bundle, "cpu")))
        if importlib.util.find_spec("openvino") is not None:
            found += _openvinos(bundle, device)
    return found


def openvino_engine(bundle: ModelBundle, device: str = "CPU") -> Engine:
    """OpenVINO's engine. Raises ImportError where it is not installed, RuntimeError where it fails."""
    from fusion3d_gui.inference.engines.openvino import OpenVinoEngine

    return OpenVinoEngine(bundle.network, bundle.info.preprocessing.shape_kji, device)


def _torch(bundle: ModelBundle, kind: str) -> Callable[[], Engine]:
    return lambda: TorchEngine(bundle.network, torch.device(kind))


def _openvinos(bundle: ModelBundle, device: str) -> list[Candidate]:
    from fusion3d_gui.inference.engines.openvino_graph import import_openvino

    def make(where: str) -> Callable[[], Engine]:
        return lambda: openvino_engine(bundle, where)

    try:
        devices = import_openvino().Core().available_devices
    except (ImportError, RuntimeError):
        log.exception("OpenVINO is installed, and does not work")
        return []
    return [
        Candidate(
            f"openvino {each}", "OpenVINO" + (" on the GPU" if each != "CPU" else ""), make(each)
        )
        for each in devices
        if each == "CPU" or (each.startswith("GPU") and device == "auto")
    ]
