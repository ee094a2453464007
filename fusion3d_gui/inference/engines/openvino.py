"""``OpenVinoEngine``: runs the convolutions by OpenVINO, several times as fast as PyTorch on a CPU."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import torch

from fusion3d_gui.errors import Cancelled
from fusion3d_gui.inference.engines.openvino_gradient import build_gradient_graph
from fusion3d_gui.inference.engines.openvino_graph import build_graph, import_openvino
from fusion3d_gui.inference.engines.protocol import finite
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.progress import Progress, no_progress, part_of, with_message

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
        self._network, self._shape = network, (1, 1, *shape_kji)
        self._compile = partial(openvino.Core().compile_model, device_name=device, config=options)
        self._forward = _Run(self._compile(build_graph(network.image_branch, self._shape)))
        #: Compiled when first asked for: it takes half a second, and as much memory again.
        self._back: Future[_Run] | None = None

    def features(self, voxels: np.ndarray, progress: Progress = no_progress) -> np.ndarray:
        """See :class:`~fusion3d_gui.inference.engines.protocol.Engine`."""
        # OpenVINO's ReLU turns NaN into 0, so non-finite input would not show in the feature maps.
        given = {0: finite(voxels)[None, None]}
        return finite(self._forward(given, with_message(progress, "Predicting"))[0])

    def input_gradient(
        self, voxels: np.ndarray, pooled_gradient: np.ndarray, progress: Progress = no_progress
    ) -> np.ndarray:
        """See :class:`~fusion3d_gui.inference.engines.protocol.Engine`."""
        prepared = self._prepared()
        if not prepared.done():
            progress(0.0, "Explaining")
        back = prepared.result()
        cells = self._forward.output_size // len(pooled_gradient)
        by_cell = (pooled_gradient / cells).astype(np.float32)[None, :, None, None, None]
        given = {0: finite(voxels)[None, None], 1: by_cell}
        return finite(back(given, with_message(progress, "Explaining"))[0, 0])

    def prepare_gradient(self) -> None:
        """See :class:`~fusion3d_gui.inference.engines.protocol.Engine`; compiles on a thread."""
        self._prepared()

    def _prepared(self) -> Future[_Run]:
        if self._back is None:
            thread = ThreadPoolExecutor(1, "gradient graph")
            self._back = thread.submit(self._made_back)
            thread.shutdown(wait=False)
        return self._back

    def _made_back(self) -> _Run:
        return _Run(self._compile(build_gradient_graph(self._network.image_branch, self._shape)))

    def pooled(self, images: np.ndarray, progress: Progress = no_progress) -> np.ndarray:
        """See :class:`~fusion3d_gui.inference.engines.protocol.Engine`; images run one by one.

        A graph compiled for batches of eight was 1.2 times as fast, but would double the memory.
        """
        found = []
        for number, voxels in enumerate(images):
            report = part_of(progress, number / len(images), (number + 1) / len(images))
            found.append(self.features(voxels, report).mean(axis=(1, 2, 3)))
        return np.stack(found)


class _Run:
    """A compiled graph: computes its one output, reports its progress and can be cancelled."""

    def __init__(self, compiled: Any) -> None:
        self._request = compiled.create_infer_request()
        self._expected_s = 1.0
        #: Number of values in the output.
        self.output_size = int(np.prod(list(compiled.output(0).shape)))

    def __call__(self, inputs: dict[int, np.ndarray], progress: Progress) -> np.ndarray:
        """A copy of the output. ``progress`` is called with a share of the time that it took before."""
        started = time.perf_counter()
        self._request.start_async(inputs)
        try:
            while not self._request.wait_for(_POLL_MS):
                share = (time.perf_counter() - started) / self._expected_s
                progress(min(share, 0.95), "")
        except Cancelled:
            self._stop()
            raise
        self._expected_s = time.perf_counter() - started
        found: np.ndarray = self._request.get_output_tensor(0).data.copy()
        return found

    def _stop(self) -> None:
        self._request.cancel()
        try:
            self._request.wait()
        except RuntimeError:
            return  # OpenVINO reports a cancelled request by this error
