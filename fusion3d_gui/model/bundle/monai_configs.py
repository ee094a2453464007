"""What MONAI's own tools read of a bundle: the network's inputs and outputs, and ``configs/inference.json``.

This program writes these and never reads them: MONAI executes expressions of ``inference.json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusion3d_gui import __version__
from fusion3d_gui.model.bundle.bundle_info import Decision
from fusion3d_gui.model.preprocessing import Preprocessing
from fusion3d_gui.model.schema import MetadataSchema
from fusion3d_gui.model.scope import Scope

#: MONAI's schema of ``configs/metadata.json``, under the address that MONAI keeps for good.
METADATA_SCHEMA_URL = "https://project-monai.github.io/schema/meta_schema_20240725.json"

#: What MONAI needs besides itself to make the network.
REQUIRED_PACKAGES = {"fusion3d": __version__, "safetensors": "0.5"}

#: The package of the class that ``inference.json`` names.
NETWORK_PACKAGE = "fusion3d_gui.model.network"


def inference_config(network: Mapping[str, Any], package: str = NETWORK_PACKAGE) -> dict[str, Any]:
    """``configs/inference.json``: the network under MONAI's usual name, with its configuration as arguments."""
    return {
        "imports": ["$import torch"],
        "bundle_root": ".",
        "device": "$torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
        "network_def": {"_target_": f"{package}.monai_network.MonaiNetwork", **network},
        "network": "$@network_def.to(@device)",
    }


def data_format(
    preprocessing: Preprocessing,
    schema: MetadataSchema,
    decision: Decision,
    scope: Scope | None,
) -> dict[str, Any]:
    """``network_data_format`` of ``configs/metadata.json``: inputs and output of the network, channel by channel."""
    formats = {"percentile": "magnitude", "window": "hounsfield", "lesion": "segmentation"}
    # Standardised intensities have no fixed range.
    ranges = {"percentile": [], "window": [-1, 1], "lesion": [0, 1]}
    image = {
        "type": "image",
        "format": formats[preprocessing.intensity],
        "modality": (scope.modality if scope else "") or "n/a",
        "num_channels": 1,
        "spatial_shape": list(preprocessing.shape_kji),
        "dtype": "float32",
        "value_range": ranges[preprocessing.intensity],
        "is_patch_data": False,
        "channel_def": {"0": "image"},
    }
    inputs: dict[str, Any] = {"image": image}
    if schema.fields:
        inputs["metadata"] = {
            "type": "tuples",
            "format": "metadata",
            "num_channels": schema.width,
            "spatial_shape": [],
            "dtype": "float32",
            "value_range": [],
            "is_patch_data": False,
            "channel_def": {
                str(n): name
                for n, name in enumerate(
                    name for field in schema.fields for name in field.channel_names
                )
            },
        }
    return {
        "inputs": inputs,
        "outputs": {
            "pred": {
                "type": "logits",
                "format": "classification",
                "num_channels": 1,
                "spatial_shape": [],
                "dtype": "float32",
                "value_range": [],
                "is_patch_data": False,
                "channel_def": {"0": f"logit of {decision.class_names[1]}"},
            }
        },
    }
