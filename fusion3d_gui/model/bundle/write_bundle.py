"""``write_bundle``: write the folder of a bundle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

from fusion3d_gui.model.bundle.bundle_info import BundleInfo, Decision
from fusion3d_gui.model.bundle.license_file import LICENSE, NO_TERMS
from fusion3d_gui.model.bundle.monai_configs import (
    METADATA_SCHEMA_URL,
    REQUIRED_PACKAGES,
    data_format,
    inference_config,
)
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.preprocessing import Preprocessing
from fusion3d_gui.model.schema import MetadataSchema
from fusion3d_gui.model.scope import Scope
from fusion3d_gui.output_file import whole_file, write_whole_text


def write_bundle(
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
    """Write a bundle (see :mod:`fusion3d_gui.model.bundle.bundle_info` for the layout) and read it back.

    Parameters as for :func:`~fusion3d_gui.model.bundle.bundle.save_bundle`.
    """
    for name in ("configs", "models", "docs"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    full_metadata = {
        "schema": METADATA_SCHEMA_URL,
        "monai_version": version("monai"),
        "pytorch_version": torch.__version__.split("+")[0],
        "numpy_version": np.__version__,
        "required_packages_version": dict(REQUIRED_PACKAGES),
        "network_data_format": data_format(preprocessing, schema, decision, scope),
        **metadata,
    }
    for name, plain in (
        ("metadata", full_metadata),
        ("network", network.config.to_json()),
        ("inference", inference_config(network.config.to_json())),
        ("preprocessing", preprocessing.to_json()),
        ("schema", schema.to_json()),
        ("decision", decision.to_json()),
        *([] if scope is None else [("scope", scope.to_json())]),
    ):
        text = json.dumps(plain, indent=2, ensure_ascii=False) + "\n"
        write_whole_text(folder / "configs" / f"{name}.json", text)
    state = {
        name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()
    }
    with whole_file(folder / "models" / "model.safetensors") as partial:
        partial.write_bytes(save(state))  # its save_file gives no OSError where the disk is full
    write_whole_text(folder / "docs" / "README.md", card)
    write_whole_text(folder / LICENSE, terms or NO_TERMS)
    return BundleInfo.read(folder)
