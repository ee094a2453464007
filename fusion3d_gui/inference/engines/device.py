"""Choice of the PyTorch device that runs the model."""

from __future__ import annotations

import re

import torch

from fusion3d_gui.errors import UserError

#: How a device is named: one GPU of several by its number, as in ``cuda:1``.
DEVICE_NAME = re.compile(r"auto|cpu|mps|cuda(:\d{1,3})?")


def choose_device(choice: str = "auto") -> torch.device:
    """The requested device; ``auto`` selects CUDA, else MPS, else the CPU.

    Raises UserError when the requested device is not available.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if choice == "auto":
        return torch.device(next(name for name, present in available.items() if present))
    kind, _, number = choice.partition(":")
    if DEVICE_NAME.fullmatch(choice) is None or not available[kind]:
        raise UserError(
            f"this machine offers no {choice} device to PyTorch",
            remedy="Use --device auto, or --device cpu.",
        )
    if number and int(number) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise UserError(
            f"this machine has no GPU {choice}: there {'is' if count == 1 else 'are'} {count}",
            remedy=f"Use --device cuda:0{f' to cuda:{count - 1}' if count > 1 else ''}.",
        )
    return torch.device(choice)


def device_text(device: torch.device) -> str:
    """The device in words, for the main window and a prediction's provenance."""
    if device.type == "cuda":
        number = "" if device.index is None else f" {device.index}"
        return f"GPU{number}, {torch.cuda.get_device_name(device)}"
    if device.type == "mps":
        return "GPU, Apple (MPS)"
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' if threads != 1 else ''}"
