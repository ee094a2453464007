"""``NetworkConfig``: the architecture parameters of a :class:`LearnedFeatureFusion3D`."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

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

    def __post_init__(self) -> None:
        if self.fusion not in FUSIONS:
            raise ValueError(f"fusion is {self.fusion!r}, not one of {', '.join(FUSIONS)}")
        for name in (
            "metadata_width",
            "stem_stride",
            "embedding",
            "metadata_hidden",
            "classifier_hidden",
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
    def total_stride(self) -> int:
        """Input voxels from one cell of the last feature map to the next (32 for MedicalNet)."""
        return self.stem_stride * (2 if self.stem_pool else 1) * math.prod(self.stage_strides)

    @property
    def feature_channels(self) -> int:
        """Channels of the last feature map, and length of the pooled features."""
        return int(512 * self.width) * 4

    @property
    def fused_width(self) -> int:
        """Length of the fused embedding that the classifier sees."""
        return self.embedding * (2 if self.fusion == "concat" else 1)

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> NetworkConfig:
        """Read back :meth:`to_json`. Raises ValueError naming what is wrong."""
        unknown = set(plain) - set(cls.__dataclass_fields__)
        if unknown:
            raise ValueError(f"unknown keys {', '.join(sorted(unknown))}")
        return cls(**plain)
