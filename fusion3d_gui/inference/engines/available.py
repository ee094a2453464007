"""``available_engines``: the engines that can run a bundle on this machine."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from dataclasses import dataclass

import torch

from fusion3d_gui.inference.engines.protocol import Engine, TorchEngine
from fusion3d_gui.model.bundle.bundle import ModelBundle

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Candidate:
    """An engine that may be selected.

    Parameters
    ----------
    key
        Identifies engine and device on this machine; stored in the engine cache.
    name
        Engine and device in words.
    make
        Creates the engine for a bundle; raises RuntimeError (torch.OutOfMemoryError) on failure. A PyTorch engine
        moves the bundle's network to its device, so only the one created last is usable.
    """

    key: str
    name: str
    make: Callable[[ModelBundle], Engine]


def available_engines(bundle: ModelBundle, device: str = "auto") -> list[Candidate]:
    """List the candidates: PyTorch on a GPU if present, PyTorch on the CPU, OpenVINO on its devices.

    OpenVINO runs this program's own network only, whose graph is built here.

    With a ``device`` other than ``auto``, only the engines that run on it.
    """
    found = []
    gpus = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    for kind, present in gpus.items():
        if present and (device == "auto" or device.partition(":")[0] == kind):
            found.append(torch_candidate(torch.device(kind if device == "auto" else device)))
    if device in ("auto", "cpu"):
        found.append(torch_candidate(torch.device("cpu")))
        if bundle.info.network.is_own and importlib.util.find_spec("openvino") is not None:
            found += _openvinos(device)
    return found


def torch_candidate(device: torch.device, *, half: bool = False) -> Candidate:
    """PyTorch on a device; with ``half`` in half precision."""
    key, name = "torch", "PyTorch"
    if device.type == "cuda":
        key, name = f"torch {torch.cuda.get_device_name(device)}", "PyTorch on the GPU"
    elif device.type != "cpu":
        key, name = f"torch {device.type}", "PyTorch on the GPU"
    if half:
        key, name = f"{key} half", f"{name} in half precision"
    return Candidate(key, name, lambda bundle: TorchEngine(bundle.network, device, half=half))


def openvino_candidate(device: str = "CPU") -> Candidate:
    """OpenVINO on one of its devices."""
    name = "OpenVINO" if device == "CPU" else "OpenVINO on the GPU"
    return Candidate(f"openvino {device}", name, lambda bundle: openvino_engine(bundle, device))


def openvino_engine(bundle: ModelBundle, device: str = "CPU") -> Engine:
    """Create OpenVINO's engine. Raises ImportError if not installed, RuntimeError if it fails."""
    from fusion3d_gui.inference.engines.openvino import OpenVinoEngine

    return OpenVinoEngine(bundle.network, bundle.info.preprocessing.shape_kji, device)


def _openvinos(device: str) -> list[Candidate]:
    from fusion3d_gui.inference.engines.openvino_graph import import_openvino

    try:
        devices = import_openvino().Core().available_devices
    except (ImportError, RuntimeError):
        log.exception("OpenVINO is installed but does not work")
        return []
    return [
        openvino_candidate(each)
        for each in devices
        if each == "CPU" or (each.startswith("GPU") and device == "auto")
    ]
