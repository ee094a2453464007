"""``export_triton``: a bundle as models of a Triton model repository, which ``--engine remote`` can then use.

Its remote engine gives the image only and asks for features, so the model that it uses takes nothing else: a Triton
server refuses a request that lacks an input. Where the network takes metadata, a second model gives the logit to other
clients of the protocol.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from fusion3d_gui import RESEARCH_USE_ONLY, __version__
from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.engines.remote import (
    IMAGE,
    MAPS,
    POOLED,
    WEIGHTS_PARAMETER,
    name_with_digest,
)
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.exchange.onnx_file import check_can_export, network_inputs, write_onnx
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.output_file import PARTIAL, is_unused, write_whole_text
from fusion3d_gui.progress import Progress, no_progress
from fusion3d_gui.serve.served_model import LOGIT

#: A folder's name and the server's name of a model.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_VERSION = "1"


class _Features(nn.Module):
    """Feature maps and pooled features of images; of a network without metadata the logits [B, 1], too."""

    def __init__(self, network: LearnedFeatureFusion3D) -> None:
        super().__init__()
        self.network = network
        self.takes_metadata = network.config.fusion != "image_only"

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        if self.takes_metadata:
            maps = self.network.image_branch.features(image)
            return maps, maps.mean(dim=(2, 3, 4))
        found = self.network.forward_features(image)
        return found.feature_maps, found.pooled, found.logit[:, None]


class _Logit(nn.Module):
    """Logits [B, 1] of images and encoded metadata."""

    def __init__(self, network: LearnedFeatureFusion3D) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, metadata: Tensor) -> Tensor:
        logit: Tensor = self.network(image, metadata)
        return logit[:, None]


def export_triton(folder: Path, out: Path, progress: Progress = no_progress) -> tuple[str, ...]:
    """Add a bundle's models to the model repository ``out``, which may hold others; returns their names.

    The first is named by :func:`~fusion3d_gui.inference.engines.remote.name_with_digest`. Inputs and outputs, float32:
    ``image`` [B, 1, k, j, i] → ``feature_maps`` [B, C, k', j', i'] and ``pooled`` [B, C], and for a network without
    metadata ``logit`` [B, 1]. Else the second, whose name ends in ``-logit``: ``image`` and ``metadata`` [B, W] →
    ``logit``. The configuration of both has the weights' SHA-256 as its parameter ``weights_sha256``.

    Raises
    ------
    UserError
        For a broken bundle or one whose name Triton can't have, where a model of that name is there, where the package
        onnx is missing, or where a layer can't be written as ONNX.
    """
    check_can_export()
    loaded = ModelBundle.load(folder)
    if not _NAME.fullmatch(loaded.info.name):
        raise UserError(
            f"{loaded.info.name} can't be the name of a model in a Triton repository",
            path=folder,
            remedy="Use letters without accents, digits, dots and hyphens in name in configs/metadata.json.",
        )
    inputs = network_inputs(loaded)
    takes_metadata = len(inputs) > 1
    name = name_with_digest(loaded.info.name, loaded.weights_sha256)
    outputs = (MAPS, POOLED) if takes_metadata else (MAPS, POOLED, LOGIT)
    models: list[tuple[str, nn.Module, dict[str, Tensor], tuple[str, ...]]] = [
        (name, _Features(loaded.network), {IMAGE: inputs[IMAGE]}, outputs)
    ]
    if takes_metadata:
        models.append((f"{name}-{LOGIT}", _Logit(loaded.network), inputs, (LOGIT,)))
    for model, *_ in models:
        if not is_unused(out / model):
            raise UserError("it exists already", path=out / model, remedy="Remove it first.")
    out.mkdir(exist_ok=True)
    for number, (model, module, given, found) in enumerate(models):
        progress(number / len(models), f"Writing {model}")
        # A server that watches the repository never sees a model whose configuration isn't there yet.
        with tempfile.TemporaryDirectory(prefix=".", suffix=PARTIAL, dir=out) as partial:
            whole = Path(partial) / model
            file = whole / _VERSION / "model.onnx"
            file.parent.mkdir(parents=True)
            write_onnx(loaded, module, given, found, file)
            write_whole_text(whole / "config.pbtxt", _configuration(model, file, loaded))
            shutil.rmtree(out / model, ignore_errors=True)  # empty: is_unused
            whole.replace(out / model)
    progress(1.0, "Written")
    return tuple(model for model, *_ in models)


def _configuration(name: str, file: Path, loaded: ModelBundle) -> str:
    """Triton's ``config.pbtxt`` of an ONNX file: protobuf's text of its message ModelConfig."""
    import onnx

    graph = onnx.load(file, load_external_data=False).graph
    parameters = {
        WEIGHTS_PARAMETER: loaded.weights_sha256,
        "written_by": f"Fusion3D {__version__}",
    }
    lines = [
        f"# {loaded.info.name}, written by Fusion3D {__version__}. {RESEARCH_USE_ONLY}.",
        f'name: "{name}"',
        'platform: "onnxruntime_onnx"',
        "# The first dimension of every tensor is the batch.",
        "max_batch_size: 0",
        *(f"input {{ {each} }}" for each in _tensors(graph.input)),
        *(f"output {{ {each} }}" for each in _tensors(graph.output)),
        f"version_policy {{ specific {{ versions: [ {_VERSION} ] }} }}",
        "# On a GPU where the server has one.",
        "instance_group { count: 1 kind: KIND_AUTO }",
        *(
            f'parameters {{ key: "{key}" value {{ string_value: "{value}" }} }}'
            for key, value in parameters.items()
        ),
    ]
    return "\n".join(lines) + "\n"


def _tensors(described: Iterable[Any]) -> Iterable[str]:
    for each in described:
        dims = ", ".join(map(str, _sizes(each.type.tensor_type.shape.dim)))
        yield f'name: "{each.name}" data_type: TYPE_FP32 dims: [ {dims} ]'


def _sizes(dimensions: Sequence[Any]) -> Iterable[int]:
    """Each size; −1, Triton's word for any, where it has a name only."""
    for each in dimensions:
        yield each.dim_value if each.HasField("dim_value") else -1
