"""``Backbone``: what computes an image's feature maps, and ``Stage``, a point on its way where maps can be taken."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Stage:
    """One of the resolutions at which a backbone computes.

    Parameters
    ----------
    module
        Its output, [B, C, k, j, i], are the stage's feature maps; called once a pass.
    blocks
        The modules that compute them, in order, with the way from the stage before.
    stride
        Input voxels from one cell of the maps to the next.
    offset
        Input voxel on which cell 0 is centred. 0 for a network of odd kernels, evenly padded; pooling by 2
        without padding moves the centres.
    """

    module: nn.Module
    blocks: tuple[nn.Module, ...]
    stride: int
    offset: float = 0.0


class Backbone(nn.Module):
    """From an image [B, 1, k, j, i] to the feature maps [B, C, k', j', i'] whose mean the head takes.

    Parameters
    ----------
    channels
        C.
    """

    #: TorchScript would compile properties, too.
    __jit_unused_properties__ = ("stages", "blocks")

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Four stages, the finest first; none where the network has no convolutional stages."""
        raise NotImplementedError

    @property
    def blocks(self) -> tuple[nn.Module, ...]:
        """The modules after each of which a pass can be cancelled, in order."""
        return tuple(block for stage in self.stages for block in stage.blocks)

    def forward(self, image: Tensor) -> Tensor:
        """The feature maps of the last stage."""
        raise NotImplementedError
