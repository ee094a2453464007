"""``Engine``, the interface that computes an image's feature maps, and its reference ``TorchEngine``.

All engines compute the same numbers within a tolerance; they differ in speed.

The head (embeddings, fusion, classifier) is small and always runs in float32 on the CPU, see
:mod:`fusion3d_gui.inference.case_model`.
"""

from __future__ import annotations

from typing import Literal, Protocol, get_args

import numpy as np
import torch
from torch import Tensor

from fusion3d_gui.inference.engines.device import device_text
from fusion3d_gui.model.attribution.input_gradient import pooled_gradient_times_input
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.progress import Progress, no_progress, part_of

EngineChoice = Literal["auto", "torch", "torch-half", "openvino", "remote"]
ENGINE_CHOICES: tuple[EngineChoice, ...] = get_args(EngineChoice)

#: Batch size on each kind of device. On a CPU with two cores, batches of four took 0.56 of the time of
#: single images (65 × 81 × 65, 1/8 of the width); larger ones gained little.
_AT_ONCE = {"cpu": 4, "mps": 4, "cuda": 16}


class Engine(Protocol):
    """Runs the convolutions of one network on one device."""

    #: The engine's name on the command line and in the settings.
    name: str
    #: Engine and device in words.
    text: str
    #: Versions of libraries to add to a prediction's provenance.
    libraries: dict[str, str]

    def features(self, voxels: np.ndarray, progress: Progress = no_progress) -> np.ndarray:
        """Compute the last stage's feature maps.

        Parameters
        ----------
        voxels
            The network's input, float32 ``[k, j, i]``.
        progress
            Progress callback; what it raises (a cancellation) passes through within 200 ms.

        Returns
        -------
        numpy.ndarray
            float32 ``[C, k, j, i]``.

        Raises
        ------
        RuntimeError
            When the engine fails (out of memory, lost device).
        FloatingPointError
            When a value is not finite.
        """

    def pooled(self, images: np.ndarray, progress: Progress = no_progress) -> np.ndarray:
        """Spatial means, float32 [n, C], of the last stage's feature maps of inputs [n, k, j, i].

        For analyses of many images, in batches where that is faster. Raises as :meth:`features` does.
        """

    def input_gradient(
        self, voxels: np.ndarray, pooled_gradient: np.ndarray, progress: Progress = no_progress
    ) -> np.ndarray:
        """Gradient × input, float32 ``[k, j, i]``, by a pass forward and a pass back.

        Parameters
        ----------
        voxels
            The network's input, float32 ``[k, j, i]``.
        pooled_gradient
            d logit / d pooled features, ``[C]``.
        progress
            As for :meth:`features`, which also says what is raised.
        """

    def prepare_gradient(self) -> None:
        """Begin what must be done once before :meth:`input_gradient`, without waiting for it."""


class TorchEngine:
    """PyTorch on a device: the reference against which all other engines are compared.

    Moves ``network`` to the device. With ``half``, which needs a CUDA device, convolutions run in
    float16 (autocast): the logit then agrees within 1e-2 only, which ``text`` states.

    Raises torch.OutOfMemoryError when the network does not fit on the device.
    """

    def __init__(
        self, network: LearnedFeatureFusion3D, device: torch.device, half: bool = False
    ) -> None:
        self.name = "torch-half" if half else "torch"
        self.text = f"{device_text(device)}, PyTorch"
        if half:
            self.text += " in half precision (logit ± 0.01)"
        self.libraries: dict[str, str] = {}
        self.device = device
        self._half = half
        self._network = network
        if device.type == "cuda":
            # Memory format of cuDNN's fastest kernels. PyTorch's own type hints lack the argument.
            network.to(device, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        else:
            network.to(device)

    def features(self, voxels: np.ndarray, progress: Progress = no_progress) -> np.ndarray:
        """See :class:`Engine`; can be cancelled after each residual block."""
        return finite(self._maps(voxels[None], progress).float().cpu().numpy()[0])

    def pooled(self, images: np.ndarray, progress: Progress = no_progress) -> np.ndarray:
        """See :class:`Engine`; halves the batch size when the device runs out of memory."""
        at_once, start = _AT_ONCE[self.device.type], 0
        found = []
        while start < len(images):
            stop = min(start + at_once, len(images))
            report = part_of(progress, start / len(images), stop / len(images))
            try:
                maps = self._maps(images[start:stop], report)
            except torch.OutOfMemoryError:
                if at_once == 1:
                    raise
                at_once //= 2
                continue
            found.append(maps.float().mean(dim=(2, 3, 4)).cpu().numpy())
            start = stop
        return finite(np.concatenate(found))

    def input_gradient(
        self, voxels: np.ndarray, pooled_gradient: np.ndarray, progress: Progress = no_progress
    ) -> np.ndarray:
        """See :class:`Engine`; always in float32, and cancelled after a residual block."""
        image = torch.from_numpy(np.ascontiguousarray(voxels))[None, None].to(self.device)
        gradient = torch.from_numpy(np.asarray(pooled_gradient, np.float32))[None].to(self.device)
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            signed = pooled_gradient_times_input(self._network, image, gradient, progress)
        return finite(signed[0].float().cpu().numpy())

    def prepare_gradient(self) -> None:
        """See :class:`Engine`; the network is ready as it is."""

    def _maps(self, images: np.ndarray, progress: Progress) -> Tensor:
        """Feature maps [n, C, k, j, i] of inputs [n, k, j, i], on the device."""
        done, blocks = 0, len(self._network.image_branch.backbone.blocks)

        def between() -> None:
            nonlocal done
            progress(min(done / blocks, 1.0), "Predicting")
            done += 1

        batch = torch.from_numpy(np.ascontiguousarray(images))[:, None].to(self.device)
        if self.device.type == "cuda":
            batch = batch.contiguous(memory_format=torch.channels_last_3d)
        autocast = torch.autocast(self.device.type, torch.float16, enabled=self._half)
        # TF32 would lose three digits in the convolutions, and so the agreement between devices.
        full = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
        with torch.inference_mode(), full, autocast:
            return self._network.image_branch.features(batch, between)


def finite(values: np.ndarray) -> np.ndarray:
    """Return ``values`` unchanged. Raises FloatingPointError where one is not finite."""
    if not np.isfinite(values).all():
        raise FloatingPointError("the model computes with values that are not finite numbers")
    return values
