"""``OpenVinoEngine``: runs the convolutions by OpenVINO, several times as fast as PyTorch on a CPU."""

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

#: Interval at which a running request is polled and ``progress`` is called.
_POLL_MS = 20


class OpenVinoEngine:
    """OpenVINO in float32 on ``device``: ``"CPU"``, or an Intel GPU (``"GPU"``).

    Parameters
    ----------
    network
        The network; its weights are copied into OpenVINO's graph.
    shape_kji
        Size of the network's input grid, for which the graph is compiled.
    device
        OpenVINO's name of the device.

    Raises
    ------
    ImportError
        Where OpenVINO is not installed.
    RuntimeError
        When it can't compile the network.
    """

    def __init__(
        self, network: LearnedFeatureFusion3D, shape_kji: tuple[int, ...], device: str = "CPU"
    ) -> None:
        openvino = import_openvino()
        threads = torch.get_num_threads()
        cpu_text = f"CPU, {threads} thread{'s' if threads != 1 else ''}"
        self.name = "openvino"
        self.text = f"{cpu_text if device == 'CPU' else 'GPU, Intel'}, OpenVINO"
        self.libraries = {"openvino": str(openvino.__version__).split("-")[0]}
        options: dict[str, Any] = {
            # Without it OpenVINO uses a CPU's bfloat16 units, which lose five digits.
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
        # OpenVINO's ReLU turns NaN into 0, so non-finite input would not show in the feature maps.
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
        """See :class:`~fusion3d_gui.inference.engines.protocol.Engine`; images run one by one.

        A graph compiled for batches of eight was 1.2 times as fast, but would double the memory.
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
            return  # OpenVINO reports a cancelled request by this error
