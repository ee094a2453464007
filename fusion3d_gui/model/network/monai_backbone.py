"""``MonaiBackbone``: the part of a MONAI classifier before its pooling, for weights trained elsewhere.

MONAI's modules compute; here is only where each family's stages are and where their cells lie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from fusion3d_gui.model.network.architectures import ARCHITECTURES, Family, Option, checked_options
from fusion3d_gui.model.network.backbone import Backbone, Stage


def make_monai_classifier(
    architecture: str, options: Mapping[str, Option], outputs: int
) -> nn.Module:
    """MONAI's classifier of one channel in three dimensions, with its own last layer."""
    made: nn.Module = _MAKERS[ARCHITECTURES[architecture]](
        architecture, checked_options(architecture, options), outputs
    )
    return made


class MonaiBackbone(Backbone):
    """A MONAI classifier up to its last feature maps, ``net``, whose last layer is taken out.

    A vision transformer has no convolutional stages: its class token stands for a map of one cell.

    Parameters
    ----------
    architecture
        A key of :data:`~fusion3d_gui.model.network.architectures.ARCHITECTURES`, of MONAI's.
    options
        Its options.
    channels
        Channels of its last maps, checked against the network.

    Raises
    ------
    ValueError
        For options that do not suit the architecture, or another number of channels.
    """

    def __init__(self, architecture: str, options: Mapping[str, Option], channels: int) -> None:
        super().__init__(channels)
        self.family = ARCHITECTURES[architecture]
        self.net: Any = make_monai_classifier(architecture, options, 1)
        name = LAST_LAYERS[self.family].split(".")[0]
        found = last_linear(self.net, self.family).in_features
        if found != channels:
            raise ValueError(f"{architecture} has {found} channels, not {channels}")
        setattr(self.net, name, nn.Identity())
        #: What follows the last weights; not shared with other places of the network, as hooks need it.
        self.final: nn.Module = nn.Identity()
        if self.family == "densenet":
            self.final = nn.ReLU()
        elif self.family == "efficientnet":
            from monai.networks.blocks.activation import MemoryEfficientSwish

            self.final = MemoryEfficientSwish()

    @property
    def stages(self) -> tuple[Stage, ...]:
        """See :class:`Backbone`."""
        return _STAGES[self.family](self.net, self.final)

    @property
    def blocks(self) -> tuple[nn.Module, ...]:
        """See :class:`Backbone`."""
        return tuple(self.net.blocks) if self.family == "vit" else super().blocks

    def forward(self, image: Tensor) -> Tensor:
        """See :class:`Backbone`."""
        net = self.net
        if self.family == "densenet":
            return self._finished(net.features(image))
        if self.family == "senet":
            return self._finished(net.features(image))
        if self.family == "efficientnet":
            x = net._swish(net._bn0(net._conv_stem(net._conv_stem_padding(image))))
            x = net._conv_head(net._conv_head_padding(net._blocks(x)))
            return self._finished(net._bn1(x))
        if self.family == "vit":
            x = net.patch_embedding(image)
            x = torch.cat((net.cls_token.expand(len(x), -1, -1), x), dim=1)
            for block in net.blocks:
                x = block(x)
            token = net.norm(x)[:, 0]
            return self._finished(token[..., None, None, None])
        x = net.act(net.bn1(net.conv1(image)))
        if not net.no_max_pool:
            x = net.maxpool(x)
        for layer in (net.layer1, net.layer2, net.layer3, net.layer4):
            x = layer(x)
        return self._finished(x)

    def _finished(self, maps: Tensor) -> Tensor:
        found: Tensor = self.final(maps)
        return found


#: Where each family keeps its last linear layer.
LAST_LAYERS: dict[Family, str] = {
    "resnet": "fc",
    "densenet": "class_layers.out",
    "senet": "last_linear",
    "efficientnet": "_fc",
    "vit": "classification_head",
}


def last_linear(net: nn.Module, family: Family) -> nn.Linear:
    """The last linear layer of a MONAI classifier."""
    found = net.get_submodule(LAST_LAYERS[family])
    found = found[0] if isinstance(found, nn.Sequential) else found
    assert isinstance(found, nn.Linear)
    return found


def monai_names(names: Iterable[str], family: Family) -> list[dict[str, str]]:
    """MONAI's names of the weights of a network with its own last layer, by the names here; as many as are possible.

    In some of MONAI's networks the last layer is the first of a sequence.
    """
    backbone, last = "image_branch.backbone.net.", "classifier.0."
    found = []
    for theirs in (f"{LAST_LAYERS[family]}.", f"{LAST_LAYERS[family]}.0."):
        found.append(
            {
                name: theirs + name.removeprefix(last)
                if name.startswith(last)
                else name.removeprefix(backbone)
                for name in names
            }
        )
    return found


def _resnet(name: str, options: Mapping[str, Any], outputs: int) -> nn.Module:
    from monai.networks.nets import resnet

    block, layers, *_ = resnet.resnet_params[name]
    return resnet.ResNet(
        block=block,
        layers=layers,
        block_inplanes=[64, 128, 256, 512],
        spatial_dims=3,
        n_input_channels=1,
        num_classes=outputs,
        **options,
    )


def _densenet(name: str, options: Mapping[str, Any], outputs: int) -> nn.Module:
    from monai.networks.nets import densenet

    make = getattr(densenet, name.replace("densenet", "DenseNet"))
    made: nn.Module = make(spatial_dims=3, in_channels=1, out_channels=outputs, **options)
    return made


def _senet(name: str, options: Mapping[str, Any], outputs: int) -> nn.Module:
    from monai.networks.nets import senet

    make = getattr(senet, name.replace("seresnet", "SEResNet"))
    made: nn.Module = make(spatial_dims=3, in_channels=1, num_classes=outputs)
    return made


def _efficientnet(name: str, options: Mapping[str, Any], outputs: int) -> nn.Module:
    from monai.networks.nets.efficientnet import EfficientNetBN

    return EfficientNetBN(
        name, pretrained=False, spatial_dims=3, in_channels=1, num_classes=outputs
    )


def _vit(name: str, options: Mapping[str, Any], outputs: int) -> nn.Module:
    from monai.networks.nets.vit import ViT

    return ViT(in_channels=1, classification=True, num_classes=outputs, spatial_dims=3, **options)


_MAKERS: dict[Family, Callable[[str, Mapping[str, Any], int], nn.Module]] = {
    "resnet": _resnet,
    "densenet": _densenet,
    "senet": _senet,
    "efficientnet": _efficientnet,
    "vit": _vit,
}


def _resnet_stages(net: Any, final: nn.Module) -> tuple[Stage, ...]:
    stride = int(net.conv1.stride[0]) * (1 if net.no_max_pool else 2)
    layers = (net.layer1, net.layer2, net.layer3, net.layer4)
    return tuple(
        Stage(final if n == 3 else layer, tuple(layer), stride * 2**n)
        for n, layer in enumerate(layers)
    )


def _senet_stages(net: Any, final: nn.Module) -> tuple[Stage, ...]:
    # Its max-pool of 3, without padding, centres cell 0 one cell of the stem, two voxels, further in.
    return tuple(
        Stage(final if n == 3 else layer, tuple(layer), 4 * 2**n, 2.0)
        for n, layer in enumerate((net.layer1, net.layer2, net.layer3, net.layer4))
    )


def _densenet_stages(net: Any, final: nn.Module) -> tuple[Stage, ...]:
    found, stride, offset = [], 4, 0.0
    parts = net.features
    for number in (1, 2, 3, 4):
        block = getattr(parts, f"denseblock{number}")
        before: Iterable[nn.Module] = ()
        if number > 1:
            # The mean of two cells lies half a cell further in.
            offset, stride = offset + stride / 2, stride * 2
            before = (getattr(parts, f"transition{number - 1}"),)
        last = (parts.norm5,) if number == 4 else ()
        module = final if number == 4 else block
        found.append(Stage(module, (*before, *block, *last), stride, offset))
    return tuple(found)


def _efficientnet_stages(net: Any, final: nn.Module) -> tuple[Stage, ...]:
    stride, offset = 2, _centre_shift(net._conv_stem, net._conv_stem_padding, 1)
    found: list[Stage] = []
    blocks: list[nn.Module] = []
    module: nn.Module = net._blocks
    for stack in net._blocks:
        for block in stack:
            step = int(block.stride)
            if step > 1:
                if found or stride > 2:
                    found.append(Stage(module, tuple(blocks), stride, offset))
                    blocks = []
                offset += _centre_shift(
                    block._depthwise_conv, block._depthwise_conv_padding, stride
                )
                stride *= step
            blocks.append(block)
        module = stack
    blocks += [net._conv_head, net._bn1]
    return (*found, Stage(final, tuple(blocks), stride, offset))


def _centre_shift(convolution: nn.Conv3d, padding: nn.Module, stride: int) -> float:
    """By how many input voxels a convolution moves the centre of cell 0; ``stride`` is that before it."""
    before = padding.padding[0] if isinstance(padding, nn.ConstantPad3d) else 0
    return ((convolution.kernel_size[0] - 1) / 2 - float(before)) * stride


def _no_stages(net: Any, final: nn.Module) -> tuple[Stage, ...]:
    return ()


_STAGES: dict[Family, Callable[[Any, nn.Module], tuple[Stage, ...]]] = {
    "resnet": _resnet_stages,
    "densenet": _densenet_stages,
    "senet": _senet_stages,
    "efficientnet": _efficientnet_stages,
    "vit": _no_stages,
}
