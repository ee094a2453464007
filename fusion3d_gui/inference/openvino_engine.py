"""The network's convolutions by OpenVINO, several times as fast as PyTorch on a CPU.

The graph is built from the module itself, layer by layer in the order of
:meth:`~fusion3d_gui.model.fusion.ImageBranch.features` and of MONAI's residual block, so that nothing
is converted through files. It is not traced by torch.fx: that replaces ``nn.Module.__call__`` for all
threads meanwhile, so that a what-if would have to wait, and leaves memory behind each time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from types import ModuleType
from typing import Any

import numpy as np
import torch
from monai.networks.nets.resnet import ResNetBottleneck
from torch import Tensor, nn

from fusion3d_gui.errors import Cancelled
from fusion3d_gui.inference.engine import finite
from fusion3d_gui.model.fusion import ImageBranch, LearnedFeatureFusion3D
from fusion3d_gui.progress import Progress, no_progress, part_of

#: How often a running request is asked whether it is done, and the user whether to go on.
_POLL_MS = 20


def import_openvino() -> ModuleType:
    """OpenVINO without its telemetry.

    Importing the package reports the import to its makers over the network unless its telemetry
    package is missing; a program that opens patients' scans calls nobody, so here it is missing.

    Raises ImportError where OpenVINO is not installed.
    """
    if "openvino" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino

    return openvino


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
        """See :class:`~fusion3d_gui.inference.engine.Engine`."""
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
        """See :class:`~fusion3d_gui.inference.engine.Engine`; one after the other.

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


def build_graph(branch: ImageBranch, shape: tuple[int, ...]) -> Any:
    """OpenVINO's model of the branch's convolutions, for an input of ``shape`` [B, 1, k, j, i].

    Raises RuntimeError for a kind of layer that is not known here.
    """
    openvino = import_openvino()
    from openvino import opset13 as ops

    image = ops.parameter(list(shape), dtype=np.float32, name="image")

    def follow(modules: Iterable[nn.Module], x: Any) -> Any:
        for module in modules:
            if isinstance(module, nn.Sequential):
                x = follow(module, x)
            elif isinstance(module, ResNetBottleneck):
                x = block(module, x)
            else:
                x = _layer(ops, module, x)
        return x

    def block(of: ResNetBottleneck, x: Any) -> Any:
        parts = (of.conv1, of.bn1, of.act, of.conv2, of.bn2, of.act, of.conv3, of.bn3)
        shortcut = x if of.downsample is None else follow([of.get_submodule("downsample")], x)
        return _layer(ops, of.act, ops.add(follow(parts, x), shortcut).output(0))

    net = branch.backbone
    stem = [net.conv1, net.bn1, net.act, *([] if net.no_max_pool else [net.maxpool])]
    maps = follow([*stem, net.layer1, net.layer2, net.layer3, net.layer4], image.output(0))
    return openvino.Model([maps], [image], "image_branch")


def _layer(ops: ModuleType, module: nn.Module, x: Any) -> Any:
    if isinstance(module, nn.Conv3d) and module.groups == 1:
        weights, stride = _numpy(module.weight), list(module.stride)
        pads = [int(pad) for pad in module.padding]
        if module.in_channels == 1 and set(module.dilation) == {1}:
            x = _unfolded(ops, x, weights.shape[4], stride[2], pads[2])
            weights = np.moveaxis(weights, 4, 1)[:, :, 0, :, :, None]
            stride[2], pads[2] = 1, 0
        made = ops.convolution(x, ops.constant(weights), stride, pads, pads, module.dilation)
        if module.bias is not None:
            made = ops.add(made, ops.constant(_numpy(module.bias).reshape(1, -1, 1, 1, 1)))
    elif isinstance(module, nn.BatchNorm3d):
        # Applied as it stands in eval mode; OpenVINO merges it into the convolution before it.
        assert module.running_mean is not None and module.running_var is not None
        scale = module.weight.double() / (module.running_var.double() + module.eps).sqrt()
        shift = module.bias.double() - module.running_mean.double() * scale
        made = ops.add(
            ops.multiply(x, ops.constant(_numpy(scale).reshape(1, -1, 1, 1, 1))),
            ops.constant(_numpy(shift).reshape(1, -1, 1, 1, 1)),
        )
    elif isinstance(module, nn.ReLU):
        made = ops.relu(x)
    elif isinstance(module, nn.MaxPool3d):
        kernel, stride, pad = (
            [value] * 3 if isinstance(value, int) else list(value)
            for value in (module.kernel_size, module.stride, module.padding)
        )
        made = ops.max_pool(x, stride, [1, 1, 1], pad, pad, kernel, rounding_type="floor")
    else:
        raise RuntimeError(f"OpenVINO's graph knows no {type(module).__name__}")
    return made.output(0)


def _unfolded(ops: ModuleType, x: Any, taps: int, stride: int, pad: int) -> Any:
    """A picture [B, 1, k, j, i] as one channel for each place that a kernel of ``taps`` meets along i.

    A convolution of a single channel adds up too few products at a time for a processor's vectors. So
    it adds the same ones, those of all its taps along i as of that many channels: the network's first
    layer, which took a quarter of all time, needs half of it.
    """
    sides = np.array([0, 0, 0, 0, pad])
    padded = ops.pad(x, ops.constant(sides), ops.constant(sides), "constant", np.float32(0))
    length = int(x.shape[4]) + 2 * pad
    count = (length - taps) // stride + 1
    channels = [
        ops.slice(padded, [tap], [tap + (count - 1) * stride + 1], [stride], [4])
        for tap in range(taps)
    ]
    return ops.concat(channels, 1).output(0)


def _numpy(values: Tensor) -> np.ndarray:
    return np.ascontiguousarray(values.detach().cpu().float().numpy())
