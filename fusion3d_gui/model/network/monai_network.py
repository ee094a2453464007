"""``MonaiNetwork``: the network as MONAI's bundle tools construct, run and export it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch._jit_internal import is_scripting

from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.network_config import NetworkConfig


class MonaiNetwork(nn.Module):
    """:class:`LearnedFeatureFusion3D` with its configuration as arguments, and logits [B, 1].

    The weights have the same names. With this program's own backbone it can be scripted by TorchScript; those of
    MONAI's networks can be traced.

    Parameters
    ----------
    config
        What ``configs/network.json`` holds.
    """

    def __init__(self, **config: Any) -> None:
        super().__init__()
        network = LearnedFeatureFusion3D(NetworkConfig.from_json(config))
        self.fusion: str = network.config.fusion
        self.image_branch = network.image_branch
        self.metadata_branch: nn.Module = nn.Identity()
        if self.fusion != "image_only":
            self.metadata_branch = network.metadata_branch
        self.classifier = network.classifier

    def forward(self, image: Tensor, metadata: Tensor | None = None) -> Tensor:
        """Logits [B, 1] of images [B, 1, k, j, i] and encoded metadata [B, W] (a list too, as MONAI's tools pass it)."""
        maps = self.image_branch.backbone(image)
        fused = self.image_branch.embed(maps.mean(dim=(2, 3, 4)))
        if self.fusion != "image_only":
            if not is_scripting():
                metadata = torch.as_tensor(metadata, dtype=image.dtype, device=image.device)
            assert metadata is not None
            code = self.metadata_branch(metadata)
            if self.fusion == "concat":
                fused = torch.cat([fused, code], dim=1)
            elif self.fusion == "add":
                fused = fused + code
            else:
                fused = fused * code
        logit: Tensor = self.classifier(fused)
        return logit
