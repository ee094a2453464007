"""``ResNet50``: the 3D residual network (He et al. 2016; 3D as in MedicalNet, Chen et al. 2019).

Its weights have the names and the order of MONAI's ``resnet50`` and of MedicalNet's published files, and tests hold
it to MONAI's numbers, forward and back. It is not MONAI's class because importing any part of MONAI imports all of
it, with pandas, scikit-learn and matplotlib: on two cores 2 s of the 4 s that ``fusion3d predict`` took.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from fusion3d_gui.model.network.backbone import Backbone, Stage

#: Channels leave a bottleneck block four times as many as its inner ones.
EXPANSION = 4

_BLOCKS = (3, 4, 6, 3)
_INNER_CHANNELS = (64, 128, 256, 512)


class Bottleneck(nn.Module):
    """A residual block: 1³, 3³ and 1³ convolutions with batch norms, added to the shortcut."""

    def __init__(
        self, entering: int, inner: int, stride: int, downsample: nn.Module | None
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(entering, inner, kernel_size=1, bias=False)
        self.bn1 = nn.BatchNorm3d(inner)
        self.conv2 = nn.Conv3d(inner, inner, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm3d(inner)
        self.conv3 = nn.Conv3d(inner, inner * EXPANSION, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm3d(inner * EXPANSION)
        self.act = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """Maps [B, C', k', j', i'] of maps [B, C, k, j, i]."""
        shortcut = x
        if self.downsample is not None:
            shortcut = self.downsample(x)
        x = self.act(self.bn1(self.conv1(x)))
        x = self.act(self.bn2(self.conv2(x)))
        x = self.bn3(self.conv3(x))
        x += shortcut
        found: Tensor = self.act(x)
        return found


class ResNet50(Backbone):
    """The four stages of a 3D ResNet50 for one channel, without its classifier.

    Parameters
    ----------
    width
        Factor on all channels; 1 gives 2048 channels after the last stage.
    stem_stride
        Stride of the first convolution (7³).
    stem_pool
        Whether a max-pool of stride 2 follows it.
    stage_strides
        Strides of the stages 2, 3 and 4.
    """

    def __init__(
        self,
        width: float = 1.0,
        stem_stride: int = 2,
        stem_pool: bool = True,
        stage_strides: Sequence[int] = (2, 2, 2),
    ) -> None:
        super().__init__(int(_INNER_CHANNELS[-1] * width) * EXPANSION)
        inner = [int(channels * width) for channels in _INNER_CHANNELS]
        self.no_max_pool = not stem_pool
        self.conv1 = nn.Conv3d(
            1, inner[0], kernel_size=7, stride=stem_stride, padding=3, bias=False
        )
        self.bn1 = nn.BatchNorm3d(inner[0])
        self.act = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool3d(kernel_size=3, stride=2, padding=1)
        entering = (inner[0], *(channels * EXPANSION for channels in inner[:3]))
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            _stage(*each)
            for each in zip(entering, inner, _BLOCKS, (1, *stage_strides), strict=True)
        )
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The four stages, the finest first."""
        stride = int(self.conv1.stride[0]) * (1 if self.no_max_pool else 2)
        found = []
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            blocks = tuple(layer)
            assert isinstance(blocks[0], Bottleneck)
            stride *= int(blocks[0].conv2.stride[0])
            found.append(Stage(layer, blocks, stride))
        return tuple(found)

    def forward(self, image: Tensor) -> Tensor:
        """See :class:`Backbone`."""
        x: Tensor = self.act(self.bn1(self.conv1(image)))
        if not self.no_max_pool:
            x = self.maxpool(x)
        # The stages are called as modules, so that hooks on them (as MONAI's GradCAM sets) run.
        found: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return found


def _stage(entering: int, inner: int, blocks: int, stride: int) -> nn.Sequential:
    leaving = inner * EXPANSION
    # Every first block changes the number of channels, so that its shortcut is a convolution.
    downsample = nn.Sequential(
        nn.Conv3d(entering, leaving, kernel_size=1, stride=stride, bias=False),
        nn.BatchNorm3d(leaving),
    )
    return nn.Sequential(
        Bottleneck(entering, inner, stride, downsample),
        *(Bottleneck(leaving, inner, 1, None) for _ in range(blocks - 1)),
    )
