"""Which engine runs a bundle: the one asked for, or the fastest by a short measured warm-up.

The measurement is remembered for this machine and these weights in the user's cache folder.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import logging
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
import torch

from fusion3d_gui import __version__
from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.case_model import Head
from fusion3d_gui.inference.engines.available import Candidate, available_engines, openvino_engine
from fusion3d_gui.inference.engines.device import choose_device
from fusion3d_gui.inference.engines.protocol import ENGINE_CHOICES, Engine, TorchEngine
from fusion3d_gui.model.bundle import ModelBundle
from fusion3d_gui.progress import Progress, no_progress, part_of, with_message

log = logging.getLogger(__name__)

#: An engine whose logit is further than this from PyTorch's in float32 is not taken.
TOLERANCE = 1e-4

_RUNS = 2
_TOO_LARGE = "The model does not fit into the GPU's memory, so it runs on the CPU."
_LARGEST_CACHE_BYTES = 1_000_000
_MOST_REMEMBERED = 200


@dataclass(frozen=True, eq=False)
class SelectedEngine:
    """An engine, why it was taken in words, and what the user should know."""

    engine: Engine
    reason: str
    notices: tuple[str, ...] = ()


def choose_engine(
    bundle: ModelBundle,
    choice: str = "auto",
    device: str = "auto",
    progress: Progress = no_progress,
    *,
    candidates: Callable[[ModelBundle, str], Sequence[Candidate]] = available_engines,
) -> SelectedEngine:
    """Make the engine for a bundle.

    ``auto`` takes, of all ``candidates`` on the device, the one that was fastest when each was run on a
    made-up image and agreed with PyTorch on the CPU, where that is among them (:data:`TOLERANCE`).

    Raises UserError when the engine or the device that was asked for is not there.
    """
    if choice not in ENGINE_CHOICES:
        raise UserError(
            f"there is no engine {choice}", remedy=f"Use one of: {', '.join(ENGINE_CHOICES)}."
        )
    if choice == "openvino":
        return _asked_for_openvino(bundle, device)
    wanted = choose_device(device)
    if choice == "torch-half":
        if wanted.type != "cuda":
            raise UserError(
                "half precision takes a CUDA device", remedy="Use --engine torch, or auto."
            )
        return SelectedEngine(TorchEngine(bundle.network, wanted, half=True), "as asked")
    if choice == "torch":
        return _asked_for_torch(bundle, wanted)
    return _fastest(bundle, list(candidates(bundle, device)), progress)


def _asked_for_torch(bundle: ModelBundle, device: torch.device) -> SelectedEngine:
    try:
        return SelectedEngine(TorchEngine(bundle.network, device), "as asked")
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        cpu = TorchEngine(bundle.network, torch.device("cpu"))
        return SelectedEngine(cpu, "the GPU's memory is too small", (_TOO_LARGE,))


def _asked_for_openvino(bundle: ModelBundle, device: str) -> SelectedEngine:
    if device not in ("auto", "cpu"):
        raise UserError(
            f"OpenVINO does not run on {device}", remedy="Use --device cpu, or another engine."
        )
    try:
        return SelectedEngine(openvino_engine(bundle), "as asked")
    except ImportError:
        raise UserError(
            "OpenVINO is not installed", remedy="Install it: pip install openvino."
        ) from None


def _fastest(
    bundle: ModelBundle, candidates: list[Candidate], progress: Progress
) -> SelectedEngine:
    """The fastest candidate, as remembered, else as measured; PyTorch on the CPU where none works."""
    notices: tuple[str, ...] = ()
    if len(candidates) > 1:
        key = _key(bundle, [each.key for each in candidates])
        found = _remembered().get(key)
        if found is None:
            found, notices = _measured(bundle, candidates, progress)
            if not notices:
                _remember(key, found)
    else:
        found = candidates[0].key, "the only engine here"
    name, reason = found
    for each in candidates:
        if each.key == name:
            try:
                return SelectedEngine(each.make(), reason, notices)
            except torch.OutOfMemoryError:
                torch.cuda.empty_cache()
                notices = (_TOO_LARGE,)
            except (ImportError, RuntimeError):
                log.exception("the engine %s worked once, and does not now", name)
    cpu = TorchEngine(bundle.network, torch.device("cpu"))
    return SelectedEngine(cpu, "the only engine that works here", notices)


def _measured(
    bundle: ModelBundle, candidates: list[Candidate], progress: Progress
) -> tuple[tuple[str, str], tuple[str, ...]]:
    """((key of the fastest, the reason in words), what the user should know)."""
    shape = bundle.info.preprocessing.shape_kji
    image = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    head = Head(bundle)
    logits: dict[str, float] = {}
    seconds: dict[str, float] = {}
    notices: tuple[str, ...] = ()
    for number, each in enumerate(candidates):
        report = part_of(progress, number / len(candidates), (number + 1) / len(candidates))
        try:
            # One after the other: PyTorch's share the network, which each moves to its device.
            engine = each.make()
            for run in range(_RUNS):
                part = part_of(report, run / _RUNS, (run + 1) / _RUNS)
                started = time.perf_counter()
                maps = engine.features(image, with_message(part, "Comparing engines"))
                # The first run only warms up, unless the second is slower still.
                taken = time.perf_counter() - started
                seconds[each.key] = min(seconds.get(each.key, np.inf), taken)
            logits[each.key] = head.any_logit(maps)
        except torch.OutOfMemoryError:
            seconds.pop(each.key, None)
            torch.cuda.empty_cache()
            notices = (_TOO_LARGE,)
        except (ImportError, RuntimeError, FloatingPointError):
            seconds.pop(each.key, None)
            log.exception("the engine %s failed in its warm-up", each.key)
    for name in [name for name in seconds if name != "torch"]:
        if "torch" in logits and not abs(logits[name] - logits["torch"]) <= TOLERANCE:
            log.warning("%s differs from PyTorch on the CPU, and is not used", name)
            del seconds[name]
    if not seconds:
        return ("torch", "the only engine that works here"), notices
    best = min(seconds, key=lambda name: seconds[name])
    texts = [f"{each.name} {seconds[each.key]:.2f} s" for each in candidates if each.key in seconds]
    return (best, "the fastest here: " + ", ".join(texts)), notices


def _key(bundle: ModelBundle, candidates: list[str]) -> str:
    """Anything that may change which engine is fastest, or whether it is right."""
    openvino = importlib.util.find_spec("openvino") is not None
    parts = [
        bundle.weights_sha256,
        candidates,
        bundle.info.preprocessing.shape_kji,
        (platform.node(), platform.machine(), platform.processor(), os.cpu_count()),
        torch.get_num_threads(),
        torch.__version__,
        importlib.metadata.version("openvino") if openvino else None,
        __version__,
    ]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _cache_file() -> Path:
    return platformdirs.user_cache_path("fusion3d", appauthor=False) / "engines.json"


def _remembered() -> dict[str, tuple[str, str]]:
    """What earlier runs measured; nothing where the file is missing or not ours."""
    path = _cache_file()
    try:
        if path.stat().st_size > _LARGEST_CACHE_BYTES:
            return {}
        plain = json.loads(path.read_text(encoding="utf-8"))
        return {str(key): (str(name), str(reason)) for key, (name, reason) in plain.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def _remember(key: str, measured: tuple[str, str]) -> None:
    kept = list(_remembered().items())[-_MOST_REMEMBERED:]
    path = _cache_file()
    part = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(dict([*kept, (key, measured)])), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        # It is measured again next time.
        log.warning("what was measured can't be remembered: %s", error.strerror)
