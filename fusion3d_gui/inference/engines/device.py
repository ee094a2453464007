"""Choice of the PyTorch device that runs the model."""

from __future__ import annotations

from typing import Literal, get_args

import torch

from fusion3d_gui.errors import UserError

DeviceChoice = Literal["auto", "cpu", "cuda", "mps"]
DEVICE_CHOICES: tuple[DeviceChoice, ...] = get_args(DeviceChoice)


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
    if not available.get(choice, False):
        raise UserError(
            f"this machine offers no {choice} device to PyTorch",
            remedy="Use --device auto, or --device cpu.",
        )
    return torch.device(choice)


def device_text(device: torch.device) -> str:
    """The device in words, for the main window and a prediction's provenance."""
    if device.type == "cuda":
        return f"GPU, {torch.cuda.get_device_name(device)}"
    if device.type == "mps":
        return "GPU, Apple (MPS)"
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' if threads != 1 else ''}"
