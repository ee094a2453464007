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
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from fusion3d_gui import __version__
from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.case_model import Head
from fusion3d_gui.inference.device import choose_device
from fusion3d_gui.inference.engine import ENGINE_CHOICES, Engine, TorchEngine
from fusion3d_gui.model.bundle import ModelBundle
from fusion3d_gui.progress import Progress, no_progress, part_of, renamed

log = logging.getLogger(__name__)

#: An engine whose logit is further than this from PyTorch's in float32 is not taken.
TOLERANCE = 1e-4

_RUNS = 2
_LARGEST_CACHE_BYTES = 1_000_000
_MOST_REMEMBERED = 200


@dataclass(frozen=True, eq=False)
class Chosen:
    """An engine, why it was taken in words, and what the user should know."""

    engine: Engine
    reason: str
    notices: tuple[str, ...] = ()


def choose_engine(
    bundle: ModelBundle,
    choice: str = "auto",
    device: str = "auto",
    progress: Progress = no_progress,
) -> Chosen:
    """Make the engine for a bundle.

    ``auto`` takes PyTorch on a GPU; on the CPU it takes PyTorch or OpenVINO, whichever was faster
    when both were run on a made-up image and agreed (:data:`TOLERANCE`).

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
        return Chosen(TorchEngine(bundle.network, wanted, half=True), "as asked")
    notices: tuple[str, ...] = ()
    if wanted.type != "cpu":
        try:
            return Chosen(TorchEngine(bundle.network, wanted), "the GPU")
        except torch.OutOfMemoryError:
            notices = ("The model does not fit into the GPU's memory, so it runs on the CPU.",)
            torch.cuda.empty_cache()
    reference = TorchEngine(bundle.network, torch.device("cpu"))
    if choice == "torch":
        return Chosen(reference, "as asked", notices)
    chosen = _fastest(bundle, reference, progress)
    return Chosen(chosen.engine, chosen.reason, notices + chosen.notices)


def _openvino(bundle: ModelBundle, device: str = "CPU") -> Engine:
    from fusion3d_gui.inference.openvino_engine import OpenVinoEngine

    return OpenVinoEngine(bundle.network, bundle.info.preprocessing.shape_kji, device)


def _asked_for_openvino(bundle: ModelBundle, device: str) -> Chosen:
    if device not in ("auto", "cpu"):
        raise UserError(
            f"OpenVINO does not run on {device}", remedy="Use --device cpu, or another engine."
        )
    try:
        return Chosen(_openvino(bundle), "as asked")
    except ImportError:
        raise UserError(
            "OpenVINO is not installed", remedy="Install it: pip install openvino."
        ) from None


def _fastest(bundle: ModelBundle, reference: TorchEngine, progress: Progress) -> Chosen:
    """PyTorch or OpenVINO on the CPU (or an Intel GPU), as remembered, else as measured."""
    if importlib.util.find_spec("openvino") is None:
        return Chosen(reference, "the only engine here")
    key = _key(bundle)
    remembered = _remembered().get(key)
    if remembered is None:
        remembered = _measured(bundle, reference, progress)
        _remember(key, remembered)
    name, reason = remembered
    if name != reference.name:
        try:
            return Chosen(_openvino(bundle, name), reason)
        except (ImportError, RuntimeError):
            log.exception("OpenVINO worked once, and does not now")
    return Chosen(reference, reason)


def _measured(bundle: ModelBundle, reference: TorchEngine, progress: Progress) -> tuple[str, str]:
    """(``"torch"`` or OpenVINO's device, the reason in words)."""
    from fusion3d_gui.inference.openvino_engine import import_openvino

    shape = bundle.info.preprocessing.shape_kji
    image = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    candidates: dict[str, Engine] = {"torch": reference}
    for device in import_openvino().Core().available_devices:
        if device == "CPU" or device.startswith("GPU"):
            try:
                candidates[device] = _openvino(bundle, device)
            except RuntimeError:
                log.exception("OpenVINO can't run this model on %s", device)
    head = Head(bundle)
    logits: dict[str, float] = {}
    seconds: dict[str, float] = {}
    runs = [name for name in candidates for _ in range(_RUNS)]
    for number, name in enumerate(runs):
        report = part_of(progress, number / len(runs), (number + 1) / len(runs))
        started = time.perf_counter()
        try:
            maps = candidates[name].features(image, renamed(report, "Comparing engines"))
        except (RuntimeError, FloatingPointError):
            log.exception("an engine failed in its warm-up")
            continue
        # The first run of each only warms up, unless the second is slower still.
        seconds[name] = min(seconds.get(name, np.inf), time.perf_counter() - started)
        logits[name] = head.any_logit(maps)
    for name in [name for name in seconds if name != "torch"]:
        if "torch" in logits and not abs(logits[name] - logits["torch"]) <= TOLERANCE:
            log.warning("OpenVINO on %s differs from PyTorch, and is not used", name)
            del seconds[name]
    if not seconds:
        return "torch", "the only engine that works here"
    best = min(seconds, key=lambda name: seconds[name])
    texts = [f"{candidates[name].text.split(', ')[-1]} {seconds[name]:.2f} s" for name in seconds]
    return best, "the fastest here: " + ", ".join(texts)


def _key(bundle: ModelBundle) -> str:
    """Anything that may change which engine is fastest, or whether it is right."""
    parts = [
        bundle.weights_sha256,
        bundle.info.preprocessing.shape_kji,
        (platform.node(), platform.machine(), platform.processor(), os.cpu_count()),
        torch.get_num_threads(),
        torch.__version__,
        importlib.metadata.version("openvino"),
        __version__,
    ]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _cache_file() -> Path:
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "fusion3d" / "engines.json"


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
