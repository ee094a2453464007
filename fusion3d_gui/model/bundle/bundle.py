"""``ModelBundle``, a bundle with its weights loaded, and ``save_bundle``, which writes one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import load as load_tensors
from torch import Tensor

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle.bundle_info import BundleInfo, Decision
from fusion3d_gui.model.bundle.write_bundle import write_bundle
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.network_config import NetworkConfig
from fusion3d_gui.model.network.no_weight_init import no_weight_init
from fusion3d_gui.model.preprocessing import Preprocessing
from fusion3d_gui.model.schema import MetadataSchema
from fusion3d_gui.model.scope import Scope


@dataclass(frozen=True, eq=False)
class ModelBundle:
    """A loaded model.

    Parameters
    ----------
    info
        The bundle's configuration.
    network
        The network in eval mode, float32, on the CPU.
    weights_sha256
        SHA-256 of the weights file, in hexadecimal.
    """

    info: BundleInfo
    network: LearnedFeatureFusion3D
    weights_sha256: str

    @classmethod
    def load(cls, folder: Path) -> ModelBundle:
        """Load a bundle, checking that the weights fit the network of its configuration.

        Only safetensors are read, never a pickle. Raises UserError naming what does not fit.
        """
        info = BundleInfo.read(folder)
        # No memory is allocated for initial weights: the file's tensors are assigned after the checks.
        network = empty_network(info.network, info.folder)
        expected = network.state_dict()
        path = info.weights_path
        if not path.is_file():
            raise UserError(
                f"{'/'.join(path.parts[-3:])} is missing",
                remedy="Weights must be safetensors; a .pt or .pth file is never opened.",
            )
        try:
            with safe_open(path, framework="pt") as weights:
                names = weights.keys()
                slices = {name: weights.get_slice(name) for name in names}
                shapes = {name: tuple(part.get_shape()) for name, part in slices.items()}
                kinds = {name: part.get_dtype() for name, part in slices.items()}
            _check_fit(expected, shapes, info)
            _check_kinds(expected, kinds, path)
            # Read the file at once: each tensor that safe_open passes to PyTorch leaks memory (0.8.0).
            content = path.read_bytes()
            state = load_tensors(content)
        except (SafetensorError, OSError) as error:
            raise UserError(
                f"the weights can't be read as safetensors ({error})",
                path=path,
                remedy="The file is damaged or of another kind: copy the bundle again.",
            ) from None
        network.load_state_dict(
            {name: value.to(expected[name].dtype) for name, value in state.items()}, assign=True
        )
        for name, value in network.state_dict().items():
            if value.is_floating_point() and not np.isfinite(value.numpy()).all():
                raise UserError(f"weight {name} holds values that are not finite", path=path)
        network.eval().requires_grad_(False)
        digest = hashlib.sha256(content).hexdigest()
        if info.displacements is not None and info.displacements.weights_sha256 != digest:
            # Those of other weights: the bundle was trained further.
            info = replace(info, displacements=None)
        return cls(info, network, digest)


def empty_network(config: NetworkConfig, folder: Path) -> LearnedFeatureFusion3D:
    """The network of a bundle's configuration, without memory for its weights.

    Raises UserError for options that do not go together.
    """
    try:
        with no_weight_init():
            return LearnedFeatureFusion3D(config)
    except (ValueError, TypeError, RuntimeError, ImportError) as error:
        if config.is_own:
            raise
        raise UserError(
            f"configs/network.json describes no network that MONAI can make ({str(error).splitlines()[0]})",
            path=folder,
        ) from None


def save_bundle(
    folder: Path,
    network: LearnedFeatureFusion3D,
    *,
    metadata: Mapping[str, Any],
    preprocessing: Preprocessing,
    schema: MetadataSchema,
    decision: Decision,
    card: str,
    scope: Scope | None = None,
    terms: str | None = None,
) -> BundleInfo:
    """Write a trained network as a bundle, by :func:`~fusion3d_gui.model.bundle.write_bundle.write_bundle`.

    Parameters
    ----------
    folder
        Folder of the bundle, created if missing.
    network
        The trained network.
    metadata
        At least ``name``, ``version``, ``task``, ``description``, ``authors`` and ``copyright`` of MONAI's
        metadata.json; its schema, library versions and the network's data format are added here.
    preprocessing, schema, decision
        The rest of the configuration.
    card
        The model card in Markdown.
    scope
        The scans that the model is meant for; None leaves it undeclared.
    terms
        Terms of use, for the file LICENSE; None writes that there are none.

    Returns
    -------
    BundleInfo
        The configuration as read back.

    Raises
    ------
    ValueError
        For an input grid whose size is not m × total stride + 1: the cells of the last stage would not
        be centred in it (see :func:`fusion3d_gui.model.attribution.gradcam.cell_affine`).
    """
    stride = network.config.total_stride
    if any(size % stride != 1 for size in preprocessing.shape_kji):
        fitting = tuple(
            max(1, round(size / stride)) * stride + 1 for size in preprocessing.shape_kji
        )
        raise ValueError(
            f"input grid {preprocessing.shape_kji} does not suit a total stride of {stride}: "
            f"use m × {stride} + 1 along each axis, e.g. {fitting}"
        )
    return write_bundle(
        folder,
        network,
        metadata=metadata,
        preprocessing=preprocessing,
        schema=schema,
        decision=decision,
        card=card,
        scope=scope,
        terms=terms,
    )


def _check_kinds(expected: Mapping[str, Tensor], found: Mapping[str, str], path: Path) -> None:
    """Raise UserError for weights stored as whole numbers, or the other way round."""
    for name, kind in found.items():
        is_float = kind in ("F64", "F32", "F16", "BF16")
        if is_float != expected[name].is_floating_point():
            raise UserError(
                f"weight {name} is stored as {kind}, which this program can't read",
                path=path,
                remedy="Store weights as float32, float16 or bfloat16.",
            )


def _check_fit(
    expected: Mapping[str, Tensor], found: Mapping[str, tuple[int, ...]], info: BundleInfo
) -> None:
    problems = []
    missing = [name for name in expected if name not in found]
    surplus = [name for name in found if name not in expected]
    if missing:
        problems.append(f"lack {_some(missing)}")
    if surplus:
        problems.append(f"hold {_some(surplus)}, which the network has not")
    wrong = [
        f"{name} (file {_shape(found[name])}, network {_shape(tuple(value.shape))})"
        for name, value in expected.items()
        if name in found and found[name] != tuple(value.shape)
    ]
    if wrong:
        problems.append(f"differ in shape at {_some(wrong)}")
    if problems:
        raise UserError(
            f"the weights do not fit the network of configs/network.json (fusion "
            f"{info.network.fusion}, metadata width {info.network.metadata_width}, "
            f"{_size(info.network)}): they {'; they '.join(problems)}",
            path=info.weights_path,
            remedy="Use the configuration and the weights of one training run.",
        )


def _size(config: NetworkConfig) -> str:
    return f"width {config.width:g}" if config.is_own else config.backbone


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "scalar"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
