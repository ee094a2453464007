"""The network's convolutions by OpenVINO, several times as fast as PyTorch on a CPU."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from fusion3d_gui.errors import Cancelled
from fusion3d_gui.inference.engines.openvino_graph import build_graph, import_openvino
from fusion3d_gui.inference.engines.protocol import finite
from fusion3d_gui.model.fusion import LearnedFeatureFusion3D
from fusion3d_gui.progress import Progress, no_progress, part_of

#: How often a running request is asked whether it is done, and the user whether to go on.
_POLL_MS = 20


class OpenVinoEngine:
    """OpenVINO in float32 on ``device``: ``"CPU"``, or an Intel GPU (``"GPU"``).

    ``shape_kji`` is the network's input grid, to which the graph is compiled. Raises ImportError
    where OpenVINO is not installed, RuntimeError when it can't compile the network.
    """

    def __init__(
        self, network: LearnedFeatureFusion3D, shape_kji: tuple[int, ...], device: str = "CPU"
    ) -> None:
        openvino = import_openvino()
        threads = torch.get_num_threads()
        where = f"CPU, {threads} thread{'s' if threads != 1 else ''}"
        self.name = "openvino"
        self.text = f"{where if device == 'CPU' else 'GPU, Intel'}, OpenVINO"
        self.libraries = {"openvino": str(openvino.__version__).split("-")[0]}
        options: dict[str, Any] = {
            # A CPU with bfloat16 units would otherwise use them, and lose five digits.
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY",
        }
        if device == "CPU":
            options["INFERENCE_NUM_THREADS"] = threads
        model = build_graph(network.image_branch, (1, 1, *shape_kji))
        compiled = openvino.Core().compile_model(model, device, options)
        self._request = compiled.create_infer_request()
        self._expected_s = 1.0

    def features(self, voxels: np.ndarray, progress: Progress = no_progress) -> np.ndarray:
        """See :class:`~fusion3d_gui.inference.engines.protocol.Engine`."""
        started = time.perf_counter()
        # Its ReLU turns what is no number into 0, so that the maps would not show it.
        self._request.start_async({0: finite(voxels)[None, None]})
        try:
            while not self._request.wait_for(_POLL_MS):
                share = (time.perf_counter() - started) / self._expected_s
                progress(min(share, 0.95), "Predicting")
        except Cancelled:
            self._stop()
            raise
        self._expected_s = time.perf_counter() - started
        return finite(self._request.get_output_tensor(0).data[0].copy())

    def pooled(self, images: np.ndarray, progress: Progress = no_progress) -> np.ndarray:
        """See :class:`~fusion3d_gui.inference.engines.protocol.Engine`; one after the other.

        A graph compiled for eight at once was 1.2 times as fast, and would double the memory.
        """
        found = []
        for number, voxels in enumerate(images):
            report = part_of(progress, number / len(images), (number + 1) / len(images))
            found.append(self.features(voxels, report).mean(axis=(1, 2, 3)))
        return np.stack(found)

    def _stop(self) -> None:
        self._request.cancel()
        try:
            self._request.wait()
        except RuntimeError:
            return  # how OpenVINO says that it was cancelled
