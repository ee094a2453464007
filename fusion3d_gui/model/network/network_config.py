"""``NetworkConfig``: the architecture parameters of a :class:`LearnedFeatureFusion3D`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from fusion3d_gui.model.network.architectures import OWN, Option, checked_options

Fusion = Literal["concat", "add", "multiply", "image_only"]
FUSIONS: tuple[Fusion, ...] = get_args(Fusion)


@dataclass(frozen=True)
class NetworkConfig:
    """Architecture of the network; stored in the bundle beside the weights.

    Parameters
    ----------
    fusion
        How the two embeddings are fused: ``"concat"``, ``"add"``, ``"multiply"``, or ``"image_only"``,
        which has no metadata branch.
    metadata_width
        Length of the encoded metadata vector; 0 for ``image_only``.
    width
        Factor on the channels of ResNet50: 1 gives the published network (2048 pooled features).
    stem_stride, stem_pool
        Stride of the first convolution, and whether max pooling (stride 2) follows. The default is
        MedicalNet's (2, pooled). They set the resolution of the feature maps: see
        :attr:`total_stride`.
    stage_strides
        Strides of stages 2, 3 and 4. The published (2, 2, 2) give few cells on a small grid; with
        (2, 1, 1), as in MedicalNet's own files, a cell of the Grad-CAM is four times smaller along
        each axis. The weights have the same shapes either way.
    embedding
        Length of each embedding.
    metadata_hidden, classifier_hidden
        Width of the hidden layer of the two MLPs.
    dropout
        Dropout rate of the classifier during training.
    backbone
        What computes the feature maps: this program's own network, or one of MONAI's classifiers (see
        :mod:`fusion3d_gui.model.network.architectures`), for which ``width`` to ``stage_strides`` mean nothing.
    options
        Options of MONAI's network.
    channels
        Channels of its last feature maps; 0 for this program's own.
    outputs
        0: embedding, fusion and classifier follow the pooled features. 1 or 2: MONAI's own last layer does,
        with one output, the logit, or two, whose difference is the logit; ``image_only``.
    """

    fusion: Fusion = "concat"
    metadata_width: int = 0
    width: float = 1.0
    stem_stride: int = 2
    stem_pool: bool = True
    stage_strides: tuple[int, int, int] = (2, 2, 2)
    embedding: int = 512
    metadata_hidden: int = 128
    classifier_hidden: int = 256
    dropout: float = 0.3
    backbone: str = OWN
    options: Mapping[str, Option] = field(default_factory=dict, hash=False)
    channels: int = 0
    outputs: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", checked_options(self.backbone, self.options))
        if self.outputs not in (0, 1, 2):
            raise ValueError(f"outputs is {self.outputs}, not 0, 1 or 2")
        if self.outputs and (self.fusion != "image_only" or self.is_own):
            raise ValueError("outputs above 0 go with MONAI's networks and fusion image_only")
        if (self.channels > 0) == self.is_own:
            raise ValueError(f"channels {self.channels} do not go with backbone {self.backbone}")
        if self.fusion not in FUSIONS:
            raise ValueError(f"fusion is {self.fusion!r}, not one of {', '.join(FUSIONS)}")
        for name in (
            "metadata_width",
            "stem_stride",
            "embedding",
            "metadata_hidden",
            "classifier_hidden",
            "channels",
        ):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 65536:
                raise ValueError(f"{name} is {value!r}, not a sensible whole number")
        if not isinstance(self.stem_pool, bool):
            raise ValueError(f"stem_pool is {self.stem_pool!r}, not true or false")
        if self.stem_stride not in (1, 2, 3, 4):
            raise ValueError(f"stem_stride is {self.stem_stride}, not 1 to 4")
        strides = tuple(self.stage_strides)
        if len(strides) != 3 or any(n not in (1, 2) for n in strides):
            raise ValueError(f"stage_strides are {self.stage_strides}, not three of 1 or 2")
        object.__setattr__(self, "stage_strides", strides)
        if not 1 / 16 <= self.width <= 4:
            raise ValueError(f"width is {self.width}, not between 1/16 and 4")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}, not between 0 and 1")
        if min(self.embedding, self.metadata_hidden, self.classifier_hidden) < 1:
            raise ValueError("a layer of the network would have no units")
        if (self.fusion == "image_only") != (self.metadata_width == 0):
            raise ValueError(
                f"fusion {self.fusion} does not go with metadata of width {self.metadata_width}"
            )

    @property
    def is_own(self) -> bool:
        """Whether it is this program's own network, not MONAI's."""
        return self.backbone == OWN

    @property
    def has_stages(self) -> bool:
        """Whether it has convolutional stages, of which class activation maps can be made."""
        return self.backbone != "vit"

    @property
    def total_stride(self) -> int:
        """Input voxels from one cell of the own network's last feature map to the next (32 for MedicalNet)."""
        return self.stem_stride * (2 if self.stem_pool else 1) * math.prod(self.stage_strides)

    @property
    def feature_channels(self) -> int:
        """Channels of the last feature map, and length of the pooled features."""
        return int(512 * self.width) * 4 if self.is_own else self.channels

    @property
    def embedding_width(self) -> int:
        """Length of the image embedding; MONAI's own last layer takes the pooled features as they are."""
        return self.feature_channels if self.outputs else self.embedding

    @property
    def fused_width(self) -> int:
        """Length of the fused embedding that the classifier sees."""
        return self.embedding_width * (2 if self.fusion == "concat" else 1)

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; without what concerns MONAI's networks where it is not one of them."""
        plain = asdict(self)
        if self.is_own:
            for name in ("backbone", "options", "channels", "outputs"):
                del plain[name]
        else:
            for name in ("width", "stem_stride", "stem_pool", "stage_strides"):
                del plain[name]
        return plain

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> NetworkConfig:
        """Read back :meth:`to_json`. Raises ValueError naming what is wrong."""
        unknown = set(plain) - set(cls.__dataclass_fields__)
        if unknown:
            raise ValueError(f"unknown keys {', '.join(sorted(unknown))}")
        return cls(**plain)
