"""``MonaiBundle``: what a bundle made for MONAI, as in its Model Zoo, says of its network; no code of it is run.

MONAI executes what begins with ``$`` in ``configs/inference.json`` and imports what ``_target_`` names. Here the file is data:
references (``@name``) to plain values are followed, an expression is a value that is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from fusion3d_gui.errors import UserError
from fusion3d_gui.input_file import read_bounded
from fusion3d_gui.model.network.architectures import ARCHITECTURES, OPTIONS
from fusion3d_gui.plain_text import visible_text, visible_values

#: Directions of the axes k, j, i of this program's network inputs, as MONAI's ``Orientationd`` names them.
OWN_AXES = "SPL"

_LARGEST_BYTES = 4_000_000
_MOST_HOPS = 8

#: Where configurations keep the network.
_NETWORK_KEYS = ("network_def", "network", "net", "model")

#: MONAI's classes, lower case, and this program's names of what they make; None: an argument says which.
_CLASSES: Mapping[str, str | None] = {
    **{name: name for name in ARCHITECTURES if name.startswith(("resnet", "densenet", "seresnet"))},
    "densenet": "densenet121",
    "efficientnetbn": None,
    "vit": "vit",
}

#: Arguments that change nothing of a trained network, or that are read here by themselves.
_WITHOUT_MEANING = frozenset(
    {
        *("_target_", "spatial_dims", "in_channels", "n_input_channels", "out_channels"),
        *("num_classes", "model_name", "pretrained", "progress", "dropout_prob", "dropout_rate"),
        *("classification", "save_attn"),
    }
)


@dataclass(frozen=True)
class MonaiBundle:
    """A network of MONAI as its bundle's configuration describes it; None: not stated, or by an expression.

    Parameters
    ----------
    folder
        The bundle.
    title
        Its task, in words.
    class_name
        The last part of ``_target_``.
    architecture
        A key of :data:`~fusion3d_gui.model.network.architectures.ARCHITECTURES`.
    options
        Options of the architecture that are stated.
    axes
        Directions of the image's axes, such as ``"RAS"``.
    shape
        Voxels along these axes.
    spacing_mm
        Distance of the voxels.
    window
        (center, width) of CT values that are scaled to −1..1.
    classes
        Names of the outputs.
    transforms
        Names of the preprocessing's steps.
    obstacle
        Why this program can't run the network, as a clause; None where nothing is in the way.
    """

    folder: Path
    title: str
    class_name: str | None
    architecture: str | None
    options: Mapping[str, Any]
    axes: str | None
    shape: tuple[int, int, int] | None
    spacing_mm: float | None
    window: tuple[float, float] | None
    classes: tuple[str, ...]
    transforms: tuple[str, ...]
    obstacle: str | None

    @property
    def weights(self) -> Path:
        """Its state dict."""
        return self.folder / "models" / "model.pt"

    @classmethod
    def found_in(cls, folder: Path) -> MonaiBundle | None:
        """The bundle in a folder; None where there is none of MONAI's, or it is one of this program's.

        Raises UserError where a configuration can't be read.
        """
        configs = Path(folder) / "configs"
        if (configs / "network.json").exists() or not (configs / "metadata.json").is_file():
            return None
        metadata = _read(configs / "metadata.json")
        if not isinstance(metadata.get("network_data_format"), dict):
            return None
        inference = configs / "inference.json"
        if inference.is_file():
            config = _Config(_read(inference))
            if (config.network() or {}).get("_target_", "").startswith("fusion3d_gui."):
                return None
            return _described(Path(folder), metadata, config)
        has_yaml = any((configs / f"inference.{end}").is_file() for end in ("yaml", "yml"))
        what = "is YAML, of which nothing is read here" if has_yaml else "is missing"
        return _described(
            Path(folder), metadata, None, obstacle=f"its configs/inference.json {what}"
        )

    def refusal(self) -> UserError:
        """Why it is no model that can be chosen, in a sentence, and what can be done."""
        network = "" if self.class_name is None else f" of {self.class_name}"
        if self.obstacle is not None:
            return UserError(
                f"{self.title} is a MONAI bundle{network} that can't be used: {self.obstacle}",
                path=self.folder,
                remedy="Choose a model for 3D scans of one channel with one or two classes.",
            )
        return UserError(
            f"{self.title} is a MONAI bundle{network}, not yet one of Fusion3D",
            path=self.folder,
            remedy="Make one of it: fusion3d bundle make FOLDER --out DIR. None of its code is run.",
        )


class _Config:
    """A configuration of MONAI as plain values."""

    def __init__(self, plain: Mapping[str, Any]) -> None:
        self._plain = plain

    def network(self) -> Mapping[str, Any] | None:
        """The first value of the usual names that says what makes the network."""
        for key in _NETWORK_KEYS:
            found = self.value(self._plain.get(key))
            if isinstance(found, dict) and isinstance(found.get("_target_"), str):
                return found
        return None

    def value(self, given: Any) -> Any:
        """A value, or that to which it refers; None for an expression and for what is not there."""
        for _ in range(_MOST_HOPS):
            if not isinstance(given, str) or not given.startswith(("@", "$", "%")):
                return given
            if not given.startswith("@"):
                return None
            found: Any = self._plain
            for part in given[1:].replace("::", "#").split("#"):
                if isinstance(found, dict):
                    found = found.get(part)
                elif isinstance(found, list) and part.isdecimal() and int(part) < len(found):
                    found = found[int(part)]
                else:
                    return None
            given = found
        return None

    def steps(self) -> list[Mapping[str, Any]] | None:
        """The steps of the preprocessing; None where they are not listed."""
        chain = self.value(self._plain.get("preprocessing"))
        listed = self.value(chain.get("transforms")) if isinstance(chain, dict) else chain
        if listed is None:
            return None
        steps = [self.value(each) for each in listed] if isinstance(listed, list) else []
        return [each for each in steps if isinstance(each, dict) and "_target_" in each]


def _described(
    folder: Path, metadata: Mapping[str, Any], config: _Config | None, obstacle: str | None = None
) -> MonaiBundle:
    formats = metadata["network_data_format"]
    image, pred = _tensor(formats.get("inputs"), "image"), _tensor(formats.get("outputs"), "pred")
    network = None if config is None else config.network()
    class_name = None if network is None else _last(network["_target_"])
    arguments: dict[str, Any] = {}
    if network is not None and config is not None:
        arguments = {name: config.value(value) for name, value in network.items()}
    architecture = _architecture(class_name, arguments)
    steps = None if config is None else config.steps()
    by_name = {_last(step["_target_"]).rstrip("d"): step for step in steps or ()}

    def stated(step: str, name: str) -> Any:
        given = by_name.get(step, {}).get(name)
        return None if config is None else config.value(given)

    axes = stated("Orientation", "axcodes")
    names = pred.get("channel_def")
    classes = tuple(map(str, names.values())) if isinstance(names, dict) else ()
    return MonaiBundle(
        folder=folder,
        title=visible_text(str(metadata.get("task") or folder.name), 80),
        class_name=class_name,
        architecture=architecture,
        options={}
        if architecture is None
        else {
            name: value
            for name, value in arguments.items()
            if name in OPTIONS[ARCHITECTURES[architecture]]
        },
        axes=axes.upper() if isinstance(axes, str) else None,
        shape=_sizes(image.get("spatial_shape")),
        spacing_mm=_same_number(stated("Spacing", "pixdim")),
        window=_window(stated),
        classes=classes,
        transforms=tuple(_last(step["_target_"]) for step in steps or ()),
        obstacle=obstacle or _obstacle(network, arguments, architecture, image, pred),
    )


def _obstacle(
    network: Mapping[str, Any] | None,
    arguments: Mapping[str, Any],
    architecture: str | None,
    image: Mapping[str, Any],
    pred: Mapping[str, Any],
) -> str | None:
    """Why the network can't be run here, most telling first."""
    if network is None:
        return "its configs/inference.json names no network, or makes it by an expression"
    target = str(network["_target_"])
    shape = image.get("spatial_shape")
    dimensions = arguments.get("spatial_dims")
    if dimensions is None and isinstance(shape, list):
        dimensions = len(shape)
    channels = arguments.get("in_channels", arguments.get("n_input_channels"))
    if not isinstance(channels, int) or _last(target).lower() not in _CLASSES:
        channels = image.get("num_channels")
    outputs = arguments.get("out_channels", arguments.get("num_classes"))
    outputs = outputs if isinstance(outputs, int) else pred.get("num_channels")
    if dimensions == 2:
        return f"it takes flat images{_of_channels(channels)}"
    if target.startswith("scripts.") or (architecture is None and "." in target):
        return f"{visible_text(target, 80)} is no network of MONAI that is known here, and code of a bundle is never run"
    if architecture is None:
        return f"{visible_text(_last(target), 80)} is no classifier that is known here"
    if isinstance(channels, int) and channels != 1:
        return f"it takes images{_of_channels(channels)}"
    if isinstance(outputs, int) and outputs > 2:
        return f"it tells {outputs} classes apart"
    for name, value in network.items():
        known = name in OPTIONS[ARCHITECTURES[architecture]]
        if name in _WITHOUT_MEANING:
            continue
        if not known:
            return f"its argument {visible_text(name, 80)} is not known here"
        if arguments[name] is None and value is not None:
            return f"its {name} is an expression, and code of a bundle is never run"
    return None


def _of_channels(channels: Any) -> str:
    if not isinstance(channels, int):
        return ""
    return f" of {channels} channel{'' if channels == 1 else 's'}"


def _architecture(class_name: str | None, arguments: Mapping[str, Any]) -> str | None:
    if class_name is None:
        return None
    lower = class_name.lower()
    if lower == "efficientnetbn":
        name = arguments.get("model_name")
        return name if isinstance(name, str) and name in ARCHITECTURES else None
    return _CLASSES.get(lower)


def _window(stated: Any) -> tuple[float, float] | None:
    """Of ``ScaleIntensityRanged`` to −1..1, clipped, as this program scales CT."""
    step = "ScaleIntensityRange"
    low, high = stated(step, "a_min"), stated(step, "a_max")
    if (stated(step, "b_min"), stated(step, "b_max"), stated(step, "clip")) != (-1, 1, True):
        return None
    if not _is_number(low) or not _is_number(high) or not low < high:
        return None
    return (low + high) / 2, high - low


def _same_number(given: Any) -> float | None:
    values = given if isinstance(given, list) else [given]
    if not values or not all(_is_number(each) for each in values) or len(set(values)) != 1:
        return None
    return float(values[0])


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _sizes(given: Any) -> tuple[int, int, int] | None:
    if not isinstance(given, list) or len(given) != 3:
        return None
    if not all(isinstance(each, int) and not isinstance(each, bool) for each in given):
        return None
    return (given[0], given[1], given[2])


def _tensor(tensors: Any, usual: str) -> Mapping[str, Any]:
    """The tensor of the usual name, else the first."""
    if not isinstance(tensors, dict) or not tensors:
        return {}
    found = tensors.get(usual, next(iter(tensors.values())))
    return found if isinstance(found, dict) else {}


def _last(target: Any) -> str:
    return visible_text(str(target).rpartition(".")[2], 80)


def _read(path: Path) -> dict[str, Any]:
    where = "/".join(path.parts[-3:])
    remedy = "Choose a complete model bundle."
    try:
        content = read_bounded(path, _LARGEST_BYTES)
        plain = msgspec.json.decode(content, type=dict[str, Any])
        found: dict[str, Any] = visible_values(plain, {})
    except OSError:
        raise UserError(f"{where} is missing or can't be read", remedy=remedy) from None
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise UserError(f"{where} is no configuration in JSON", remedy=remedy) from None
    return found
