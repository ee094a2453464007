"""Selects the engine that runs a bundle: the requested one, or the fastest in a short benchmark.

The benchmark's outcome is cached in the user's cache folder, by machine and weights.
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
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import platformdirs
import torch

from fusion3d_gui import __version__
from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.case_model import Head
from fusion3d_gui.inference.engines.available import (
    Candidate,
    available_engines,
    openvino_candidate,
    torch_candidate,
)
from fusion3d_gui.inference.engines.device import choose_device
from fusion3d_gui.inference.engines.protocol import ENGINE_CHOICES, Engine
from fusion3d_gui.inference.engines.remote_server import RemoteServer
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.output_file import write_whole_text
from fusion3d_gui.progress import Progress, no_progress, part_of, with_message

log = logging.getLogger(__name__)

#: Largest difference of an engine's logit from PyTorch's in float32; with a larger one it is rejected.
TOLERANCE = 1e-4

_CPU = torch_candidate(torch.device("cpu"))
_RUNS = 2
_TOO_LARGE = "The model does not fit into the GPU's memory, so it runs on the CPU."
_LARGEST_CACHE_BYTES = 1_000_000
_LARGEST_CACHE_ENTRIES = 200


@dataclass(frozen=True, eq=False)
class SelectedEngine:
    """An engine, the reason for its selection in words, notices for the user, and the candidate that it was.

    ``candidate`` is None for a server's, which can't be made for another bundle.
    """

    engine: Engine
    reason: str
    notices: tuple[str, ...] = ()
    candidate: Candidate | None = None


def choose_engine(
    bundle: ModelBundle,
    choice: str = "auto",
    device: str = "auto",
    progress: Progress = no_progress,
    *,
    server: RemoteServer | None = None,
    candidates: Callable[[ModelBundle, str], Sequence[Candidate]] = available_engines,
) -> SelectedEngine:
    """Create the engine for a bundle.

    ``auto`` runs every candidate on a random image and selects the fastest whose logit agrees with
    PyTorch's on the CPU, if that is a candidate, within :data:`TOLERANCE`.

    Parameters
    ----------
    bundle
        The loaded model; a PyTorch engine moves its network to the device.
    choice
        One of :data:`~fusion3d_gui.inference.engines.protocol.ENGINE_CHOICES`.
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    progress
        Progress callback.
    server
        For the engine ``remote``: the server. Where it can't be used, ``auto`` replaces it, with a notice.
    candidates
        Lists the engines that ``auto`` compares.

    Raises
    ------
    UserError
        When the requested engine or device is not available.
    """
    if choice not in ENGINE_CHOICES:
        raise UserError(
            f"there is no engine {choice}", remedy=f"Use one of: {', '.join(ENGINE_CHOICES)}."
        )
    if choice == "remote":
        if server is None:
            raise UserError("the engine remote needs a server", remedy="Give --server.")
        try:
            return _remote(bundle, server)
        except RuntimeError as error:
            local = choose_engine(bundle, "auto", device, progress, candidates=candidates)
            notice = f"The server {server.place} is not used: {error}. This machine computed."
            return replace(local, notices=(notice, *local.notices))
    if choice == "openvino":
        return _requested_openvino(bundle, device)
    torch_device = choose_device(device)
    if choice == "torch-half":
        if torch_device.type != "cuda":
            raise UserError(
                "half precision needs a CUDA device", remedy="Use --engine torch, or auto."
            )
        return _made(bundle, torch_candidate(torch_device, half=True), "as asked")
    if choice == "torch":
        return _requested_torch(bundle, torch_device)
    return _fastest(bundle, list(candidates(bundle, device)), progress)


def _remote(bundle: ModelBundle, server: RemoteServer) -> SelectedEngine:
    from fusion3d_gui.inference.engines.remote import RemoteEngine

    engine = RemoteEngine(bundle, server)
    grid = "×".join(map(str, bundle.info.preprocessing.shape_kji))
    sent = (
        f"The network's input ({grid} values made from the scan) is sent to {server.place}"
        f"{'' if server.is_encrypted or server.is_here else ' without encryption'}; "
        "no header, identity or metadata."
    )
    return SelectedEngine(engine, "as asked", (sent,))


def _requested_torch(bundle: ModelBundle, device: torch.device) -> SelectedEngine:
    try:
        return _made(bundle, torch_candidate(device), "as asked")
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        return _made(bundle, _CPU, "the GPU's memory is too small", (_TOO_LARGE,))


def _requested_openvino(bundle: ModelBundle, device: str) -> SelectedEngine:
    if device not in ("auto", "cpu"):
        raise UserError(
            f"OpenVINO does not run on {device}", remedy="Use --device cpu, or another engine."
        )
    if not bundle.info.network.is_own:
        raise UserError(
            f"OpenVINO runs this program's own network only, not {bundle.info.network.backbone}",
            remedy="Use --engine torch, or auto.",
        )
    try:
        return _made(bundle, openvino_candidate(), "as asked")
    except ImportError:
        raise UserError(
            "OpenVINO is not installed", remedy="Install it: pip install openvino."
        ) from None


def _fastest(
    bundle: ModelBundle, candidates: list[Candidate], progress: Progress
) -> SelectedEngine:
    """The fastest candidate, cached or measured; PyTorch on the CPU where none works."""
    notices: tuple[str, ...] = ()
    if len(candidates) > 1:
        key = _key(bundle, [each.key for each in candidates])
        found = _read_cache().get(key)
        if found is None:
            found, notices = _measure(bundle, candidates, progress)
            if not notices:
                _add_to_cache(key, found)
    else:
        found = candidates[0].key, "the only engine here"
    name, reason = found
    for each in candidates:
        if each.key == name:
            try:
                return _made(bundle, each, reason, notices)
            except torch.OutOfMemoryError:
                torch.cuda.empty_cache()
                notices = (_TOO_LARGE,)
            except (ImportError, RuntimeError):
                log.exception("the engine %s worked in its benchmark but fails now", name)
    return _made(bundle, _CPU, "the only engine that works here", notices)


def _made(
    bundle: ModelBundle, candidate: Candidate, reason: str, notices: tuple[str, ...] = ()
) -> SelectedEngine:
    return SelectedEngine(candidate.make(bundle), reason, notices, candidate)


def _measure(
    bundle: ModelBundle, candidates: list[Candidate], progress: Progress
) -> tuple[tuple[str, str], tuple[str, ...]]:
    """((key of the fastest candidate, reason in words), notices for the user)."""
    shape = bundle.info.preprocessing.shape_kji
    image = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    head = Head(bundle)
    logits: dict[str, float] = {}
    seconds: dict[str, float] = {}
    notices: tuple[str, ...] = ()
    for number, each in enumerate(candidates):
        report = part_of(progress, number / len(candidates), (number + 1) / len(candidates))
        try:
            # Strictly in turn: PyTorch engines share the network, and each moves it to its device.
            engine = each.make(bundle)
            for run in range(_RUNS):
                part = part_of(report, run / _RUNS, (run + 1) / _RUNS)
                started = time.perf_counter()
                maps = engine.features(image, with_message(part, "Comparing engines"))
                # The first run mostly warms up; the fastest run counts.
                taken = time.perf_counter() - started
                seconds[each.key] = min(seconds.get(each.key, np.inf), taken)
            logits[each.key] = head.any_logit(maps)
        except torch.OutOfMemoryError:
            seconds.pop(each.key, None)
            torch.cuda.empty_cache()
            notices = (_TOO_LARGE,)
        except (ImportError, RuntimeError, FloatingPointError):
            seconds.pop(each.key, None)
            log.exception("the engine %s failed in its benchmark", each.key)
    differing = ""
    for each in candidates:
        if each.key not in seconds or each.key == "torch" or "torch" not in logits:
            continue
        off = abs(logits[each.key] - logits["torch"])
        if not off <= TOLERANCE:
            log.warning("%s differs from PyTorch on the CPU and is not used", each.key)
            differing += f"; {each.name} is not used, since its logit differs by {off:.2g}"
            del seconds[each.key]
    if not seconds:
        return ("torch", "the only engine that works here"), notices
    best = min(seconds, key=lambda name: seconds[name])
    texts = [f"{each.name} {seconds[each.key]:.2f} s" for each in candidates if each.key in seconds]
    return (best, f"the fastest here: {', '.join(texts)}{differing}"), notices


def _key(bundle: ModelBundle, candidates: list[str]) -> str:
    """Cache key: hash of everything that may change an engine's speed or correctness."""
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


def _read_cache() -> dict[str, tuple[str, str]]:
    """Earlier outcomes, (engine, reason) by key; empty where the file is missing or invalid."""
    path = _cache_file()
    try:
        if path.stat().st_size > _LARGEST_CACHE_BYTES:
            return {}
        plain = json.loads(path.read_text(encoding="utf-8"))
        return {str(key): (str(name), str(reason)) for key, (name, reason) in plain.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def _add_to_cache(key: str, measured: tuple[str, str]) -> None:
    """Append an outcome, dropping the oldest ones; a file that can't be written is logged."""
    kept = list(_read_cache().items())[-_LARGEST_CACHE_ENTRIES:]
    path = _cache_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole_text(path, json.dumps(dict([*kept, (key, measured)])))
    except OSError as error:
        # The benchmark then runs again next time.
        log.warning("the engine cache can't be written: %s", error.strerror)
