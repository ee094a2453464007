"""``export_onnx``: a bundle's network as one ONNX file, with both inputs, the logit and the feature maps."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.output_file import whole_file

_OPSET = 18


class _LogitAndMaps(nn.Module):
    def __init__(self, network: LearnedFeatureFusion3D) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, metadata: Tensor | None = None) -> tuple[Tensor, Tensor]:
        found = self.network.forward_features(image, metadata)
        return found.logit, found.feature_maps


def export_onnx(folder: Path, out: Path) -> ModelBundle:
    """Write ``out``; the returned bundle is the one that was written.

    Inputs: ``image``, float32 [B, 1, k, j, i], and with a metadata branch ``metadata``, float32 [B, W]. Outputs:
    ``logit`` [B], and ``feature_maps`` [B, C, k', j', i'] of the last stage. B may be any number.

    Raises
    ------
    UserError
        For a broken bundle, where the package onnx is missing, or where a layer can't be written as ONNX.
    """
    check_can_export()
    loaded = ModelBundle.load(folder)
    module = _LogitAndMaps(loaded.network)
    write_onnx(loaded, module, network_inputs(loaded), ("logit", "feature_maps"), out)
    return loaded


def check_can_export() -> None:
    """Raise UserError where the packages that write ONNX files are missing."""
    if importlib.util.find_spec("onnx") is None or importlib.util.find_spec("onnxscript") is None:
        raise UserError(
            "ONNX files need the packages onnx and onnxscript",
            remedy="Install them: pip install 'fusion3d[onnx]'.",
        )


def network_inputs(loaded: ModelBundle) -> dict[str, Tensor]:
    """Zeros for each input of a bundle's network, by its name: a batch of two."""
    config = loaded.network.config
    inputs = {"image": torch.zeros(2, 1, *loaded.info.preprocessing.shape_kji)}
    if config.fusion != "image_only":
        inputs["metadata"] = torch.zeros(2, config.metadata_width)
    return inputs


def write_onnx(
    loaded: ModelBundle,
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: Sequence[str],
    out: Path,
) -> None:
    """Write a module over a bundle's network as an ONNX file whose first dimension may have any size.

    Parameters
    ----------
    inputs
        Examples of the module's arguments, in their order, by the names that they get in the file.
    outputs
        Names of what the module returns, in its order.

    Raises
    ------
    UserError
        Where a layer can't be written as ONNX.
    """
    batch = torch.export.Dim("batch", min=1)
    try:
        with whole_file(out) as partial, _only_errors():
            torch.onnx.export(
                module.eval(),
                tuple(inputs.values()),
                partial,
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_shapes=tuple({0: batch} for _ in inputs),
                opset_version=_OPSET,
                external_data=False,
                verbose=False,
            )
    except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
        first = str(error).strip().splitlines()[0]
        raise UserError(
            f"{loaded.network.config.backbone} can't be written as ONNX ({first})",
            path=loaded.info.folder,
        ) from None


@contextlib.contextmanager
def _only_errors() -> Iterator[None]:
    """Silence the exporter, which warns of its own internals and of operators of torchvision, which no network here has."""
    exporter = logging.getLogger("torch.onnx")
    before = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        exporter.setLevel(before)
