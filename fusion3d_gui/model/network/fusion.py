"""``LearnedFeatureFusion3D``: a 3D ResNet50 and a metadata MLP, fused into one logit."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from fusion3d_gui.model.network.backbone import Backbone
from fusion3d_gui.model.network.network_config import NetworkConfig
from fusion3d_gui.model.network.resnet import ResNet50


class FusionOutputs(NamedTuple):
    """Intermediate tensors and logit of a forward pass; B is the batch size.

    Parameters
    ----------
    feature_maps
        Of the last stage, [B, C, k, j, i].
    pooled
        Spatial mean of the feature maps, [B, C].
    image_embedding
        [B, E].
    metadata_embedding
        [B, E]; None in ``image_only``.
    fused
        [B, F], the classifier's input.
    logit
        [B].
    """

    feature_maps: Tensor
    pooled: Tensor
    image_embedding: Tensor
    metadata_embedding: Tensor | None
    fused: Tensor
    logit: Tensor


class ImageBranch(nn.Module):
    """A backbone, 3D ResNet50 by default, then a linear layer and ReLU.

    The weights of the default, ``backbone``, have the names of MedicalNet's published files. Before MONAI's own
    last layer there is no embedding.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.backbone = _backbone(config)
        self.embed = nn.Sequential()
        if not config.outputs:
            self.embed = nn.Sequential(
                nn.Linear(config.feature_channels, config.embedding), nn.ReLU(inplace=False)
            )

    def features(self, image: Tensor, between: Callable[[], None] | None = None) -> Tensor:
        """Feature maps [B, C, k, j, i] of the last stage; ``between`` is called after each block."""
        hooks = []
        if between is not None:
            for block in self.backbone.blocks:
                hooks.append(block.register_forward_hook(lambda *_: between()))
        try:
            maps: Tensor = self.backbone(image)
        finally:
            for hook in hooks:
                hook.remove()
        return maps


def _backbone(config: NetworkConfig) -> Backbone:
    if config.is_own:
        return ResNet50(config.width, config.stem_stride, config.stem_pool, config.stage_strides)
    from fusion3d_gui.model.network.monai_backbone import MonaiBackbone

    return MonaiBackbone(config.backbone, config.options, config.channels)


class OwnLastLayer(nn.Sequential):
    """The last layer of MONAI's classifiers, as one logit [B, 1]: the second of two outputs less the first.

    A sigmoid of the difference is the softmax of the two. ``tanh`` bounds the outputs, as in MONAI's ViT.
    """

    def __init__(self, channels: int, outputs: int, *, tanh: bool) -> None:
        super().__init__(nn.Linear(channels, outputs), *([nn.Tanh()] if tanh else []))

    def forward(self, pooled: Tensor) -> Tensor:
        """Logits of pooled features [B, C]."""
        found = pooled
        for layer in self:
            found = layer(found)
        return found if found.shape[1] == 1 else found[:, 1:] - found[:, :1]


class LearnedFeatureFusion3D(nn.Module):
    """Binary classifier of a 3D image and its metadata, or of the image alone.

    Image branch → embedding; metadata branch (two-layer MLP with ReLU) → embedding; fusion by
    ``concat``, ``add``, ``multiply``, or none (``image_only`` has no metadata branch);
    classifier (two-layer MLP with ReLU and dropout) → one logit.

    Inputs are ``image``, float [B, 1, k, j, i], from
    :meth:`Preprocessing.apply <fusion3d_gui.model.preprocessing.Preprocessing.apply>`, and ``metadata``,
    float [B, W], from :meth:`~fusion3d_gui.model.schema.MetadataSchema.encode`, or None for
    ``image_only``.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.image_branch = ImageBranch(config)
        if config.fusion != "image_only":
            self.metadata_branch = nn.Sequential(
                nn.Linear(config.metadata_width, config.metadata_hidden),
                nn.ReLU(),
                nn.Linear(config.metadata_hidden, config.embedding),
                nn.ReLU(),
            )
        if config.outputs:
            tanh = config.options.get("post_activation") == "Tanh"
            self.classifier: nn.Sequential = OwnLastLayer(
                config.feature_channels, config.outputs, tanh=tanh
            )
            return
        self.classifier = nn.Sequential(
            nn.Linear(config.fused_width, config.classifier_hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.classifier_hidden, 1),
        )

    def forward(self, image: Tensor, metadata: Tensor | None = None) -> Tensor:
        """Logits [B] of the positive class."""
        return self.forward_features(image, metadata).logit

    def forward_features(
        self,
        image: Tensor,
        metadata: Tensor | None = None,
        between: Callable[[], None] | None = None,
    ) -> FusionOutputs:
        """Last-stage feature maps, pooled features, both embeddings and the logit, in one pass.

        ``between``, if given, is called after each residual block; what it raises (a cancellation)
        passes through. Raises ValueError when the inputs do not fit the fusion mode.
        """
        if image.ndim != 5 or image.shape[1] != 1:
            raise ValueError(f"the image must be [B, 1, k, j, i], got {tuple(image.shape)}")
        self._check_metadata(metadata)
        return self.head(self.image_branch.features(image, between), metadata)

    def head(self, feature_maps: Tensor, metadata: Tensor | None = None) -> FusionOutputs:
        """Everything after the convolutions, from feature maps [B, C, k, j, i]."""
        pooled = feature_maps.mean(dim=(2, 3, 4))
        image_embedding, metadata_embedding, fused, logit = self.head_from_pooled(pooled, metadata)
        return FusionOutputs(
            feature_maps, pooled, image_embedding, metadata_embedding, fused, logit
        )

    def head_from_pooled(
        self, pooled: Tensor, metadata: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
        """Image embedding, metadata embedding, fused embedding and logit from pooled [B, C]."""
        self._check_metadata(metadata)
        image_embedding = self.image_branch.embed(pooled)
        if metadata is None:
            metadata_embedding, fused = None, image_embedding
        else:
            metadata_embedding = self.metadata_branch(metadata)
            fused = self._fuse(image_embedding, metadata_embedding)
        return image_embedding, metadata_embedding, fused, self.classifier(fused).squeeze(-1)

    def _fuse(self, image: Tensor, metadata: Tensor) -> Tensor:
        if self.config.fusion == "concat":
            return torch.cat([image, metadata], dim=1)
        if self.config.fusion == "add":
            return image + metadata
        return image * metadata

    def _check_metadata(self, metadata: Tensor | None) -> None:
        width = None if metadata is None else metadata.shape[-1]
        expected = None if self.config.fusion == "image_only" else self.config.metadata_width
        if width != expected:
            raise ValueError(
                f"fusion {self.config.fusion} takes "
                + ("no metadata" if expected is None else f"metadata of width {expected}")
                + (", got none" if width is None else f", got width {width}")
            )
