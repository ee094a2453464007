"""Load initial weights: MedicalNet's published 3D ResNet50, or the image branch of another bundle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D

#: Layers of MedicalNet's files that are not the backbone: its segmentation head.
_NOT_BACKBONE = ("conv_seg.", "fc.")


def load_initial_weights(network: LearnedFeatureFusion3D, source: Path) -> None:
    """Load existing weights into the image branch.

    Parameters
    ----------
    source
        A bundle's folder (backbone and embedding are loaded), or a weights file in MedicalNet's layout
        (Chen et al. 2019, Med3D; ``resnet_50_23dataset.pth``; only the backbone is loaded): a dictionary
        of tensors, at the top or under ``state_dict``, whose names may begin with ``module.``. It is read
        without running pickled code.

    Raises
    ------
    UserError
        When the file can't be read or its weights do not fit.
    """
    source = Path(source)
    if source.is_dir():
        given = ModelBundle.load(source).network.image_branch.state_dict()
        _load(network.image_branch, given, source)
        return
    given = {
        name.removeprefix("module."): value
        for name, value in _read(source).items()
        if not name.removeprefix("module.").startswith(_NOT_BACKBONE)
    }
    _load(network.image_branch.backbone, given, source)


def _read(path: Path) -> Mapping[str, Tensor]:
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError("there is no such file", path=path) from None
    except Exception as error:  # noqa: BLE001  (torch raises many kinds for what is no weights file)
        raise UserError(
            f"it can't be read as a weights file ({type(error).__name__})",
            path=path,
            remedy="Give MedicalNet's resnet_50 .pth file, or a bundle's folder.",
        ) from None
    found = found.get("state_dict", found) if isinstance(found, dict) else found
    if not isinstance(found, dict) or not all(isinstance(v, Tensor) for v in found.values()):
        raise UserError("it holds no dictionary of tensors", path=path)
    return found


def _load(module: nn.Module, given: Mapping[str, Tensor], path: Path) -> None:
    expected = module.state_dict()
    # Counters of batch normalisation are not weights; files of old versions of torch lack them.
    missing = [n for n in expected if n not in given and not n.endswith("num_batches_tracked")]
    surplus = [name for name in given if name not in expected]
    if missing or surplus:
        what = f"lack {missing[0]}" if missing else f"hold {surplus[0]}, which this network has not"
        raise UserError(
            f"its weights {what} ({len(missing)} missing, {len(surplus)} too many)",
            path=path,
            remedy="Only a 3D ResNet50 fits.",
        )
    for name, value in given.items():
        if value.shape != expected[name].shape:
            raise UserError(
                f"its {name} is {_shape(value)}, that of the network {_shape(expected[name])}",
                path=path,
                remedy="Train with the same width (MedicalNet's is 1).",
            )
    module.load_state_dict(given, strict=False)


def _shape(value: Tensor) -> str:
    return "×".join(map(str, value.shape)) or "scalar"
