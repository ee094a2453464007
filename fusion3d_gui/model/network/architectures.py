"""The architectures that a bundle may name, their options and limits; imports neither torch nor MONAI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Option = bool | int | float | str | tuple[int, ...]
Family = Literal["fusion", "resnet", "densenet", "senet", "efficientnet", "vit"]

#: This program's own architecture.
OWN = "resnet50-fusion"

#: The family of each architecture, by the name that ``fusion3d bundle make --network`` takes.
ARCHITECTURES: dict[str, Family] = {
    OWN: "fusion",
    **dict.fromkeys((f"resnet{n}" for n in (10, 18, 34, 50, 101, 152, 200)), "resnet"),
    **dict.fromkeys((f"densenet{n}" for n in (121, 169, 201, 264)), "densenet"),
    **dict.fromkeys((f"seresnet{n}" for n in (50, 101, 152)), "senet"),
    **dict.fromkeys((f"efficientnet-b{n}" for n in range(8)), "efficientnet"),
    "vit": "vit",
}

#: The options of each family with the values that MONAI takes where none is given.
OPTIONS: dict[Family, dict[str, Option]] = {
    "fusion": {},
    "resnet": {
        "conv1_t_size": 7,
        "conv1_t_stride": 1,
        "no_max_pool": False,
        "shortcut_type": "B",
        "bias_downsample": True,
        "widen_factor": 1.0,
    },
    "densenet": {"init_features": 64, "growth_rate": 32, "bn_size": 4},
    "senet": {},
    "efficientnet": {},
    "vit": {
        "img_size": (96, 96, 96),
        "patch_size": (16, 16, 16),
        "hidden_size": 768,
        "mlp_dim": 3072,
        "num_layers": 12,
        "num_heads": 12,
        "proj_type": "conv",
        "pos_embed_type": "learnable",
        "qkv_bias": False,
        "post_activation": "Tanh",
    },
}

#: Options that the shapes of the weights don't tell: they must be those of the training.
UNSEEN: dict[Family, tuple[str, ...]] = {
    "resnet": ("conv1_t_stride", "no_max_pool"),
    "vit": ("num_heads",),
}

_WORDS: dict[str, tuple[str, ...]] = {
    "shortcut_type": ("A", "B"),
    "proj_type": ("conv", "perceptron"),
    "pos_embed_type": ("none", "learnable", "sincos"),
    "post_activation": ("Tanh", "none"),
}
_MOST = {"num_layers": 64, "conv1_t_size": 15, "conv1_t_stride": 4, "widen_factor": 4.0}


def checked_options(architecture: str, given: Mapping[str, Any]) -> dict[str, Option]:
    """All options of an architecture, those not given as MONAI has them.

    Raises ValueError naming what is wrong.
    """
    family = ARCHITECTURES.get(architecture)
    if family is None:
        raise ValueError(
            f"there is no architecture {architecture!r}; known are {', '.join(ARCHITECTURES)}"
        )
    known = OPTIONS[family]
    unknown = sorted(set(given) - set(known))
    if unknown:
        takes = f"; it takes {', '.join(known)}" if known else "; it takes none"
        raise ValueError(f"{architecture} has no option {', '.join(unknown)}{takes}")
    return {name: _checked(name, given.get(name, usual), usual) for name, usual in known.items()}


def _checked(name: str, value: Any, usual: Option) -> Option:
    if isinstance(usual, bool):
        if not isinstance(value, bool):
            raise ValueError(f"{name} is {value!r}, not true or false")
        return value
    if isinstance(usual, str):
        if value not in _WORDS[name]:
            raise ValueError(f"{name} is {value!r}, not {' or '.join(_WORDS[name])}")
        return str(value)
    if isinstance(usual, tuple):
        sizes = tuple(value) if isinstance(value, (list, tuple)) else (value,) * 3
        if len(sizes) != 3 or any(_is_no_count(size, 512) for size in sizes):
            raise ValueError(f"{name} is {value!r}, not three sizes of 1 to 512")
        return sizes
    if isinstance(usual, float):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 4:
            raise ValueError(f"{name} is {value!r}, not a number above 0 and up to 4")
        return float(value)
    if _is_no_count(value, _MOST.get(name, 65536)):
        raise ValueError(f"{name} is {value!r}, not a sensible whole number")
    return int(value)


def _is_no_count(value: Any, most: float) -> bool:
    return isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most
