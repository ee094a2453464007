"""``check_bundle``: all that is wrong with a bundle, not only the first thing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
import torch
from msgspec import Meta
from safetensors import SafetensorError, safe_open

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle.bundle import ModelBundle, empty_network
from fusion3d_gui.model.bundle.bundle_info import BundleInfo, read_config
from fusion3d_gui.model.bundle.license_file import LICENSE, license_of, states_no_terms
from fusion3d_gui.model.exchange.weights_file import MOST_BYTES

#: The files of ``configs/`` without which a bundle can't be opened.
_NEEDED = ("metadata", "network", "preprocessing", "schema", "decision")
_PICKLES = (".pt", ".pth", ".pkl", ".ts")


class _Tensor(msgspec.Struct):
    """A tensor in MONAI's ``network_data_format``."""

    type: str
    format: str
    num_channels: int
    spatial_shape: list[int | str]
    dtype: str
    value_range: list[float]
    is_patch_data: bool = False
    channel_def: dict[str, Any] = {}


#: What a network takes or gives; a plain value is described by itself.
_Argument = _Tensor | bool | int | float | str


class _DataFormat(msgspec.Struct):
    inputs: dict[str, _Argument]
    outputs: dict[str, _Argument]
    post_processed_outputs: dict[str, _Argument] = {}


class _MonaiMetadata(msgspec.Struct):
    """What MONAI's schema of ``metadata.json`` (2024-07-25) requires and types, declared anew."""

    schema: str
    version: Annotated[str, Meta(min_length=1)]
    monai_version: str
    pytorch_version: str
    numpy_version: str
    required_packages_version: dict[str, Any]
    task: str
    description: str
    authors: str
    copyright: str
    network_data_format: _DataFormat
    changelog: dict[str, Any] = {}
    data_source: str = ""
    data_type: str = ""
    image_classes: str = ""
    label_classes: str = ""
    pred_classes: str = ""
    eval_metrics: dict[str, Any] = {}
    intended_use: str = ""
    references: list[str] = []
    supported_apps: dict[str, Any] = {}


def monai_schema() -> dict[str, Any]:
    """What ``configs/metadata.json`` is checked against, as a JSON schema."""
    return msgspec.json.schema(_MonaiMetadata)


def check_bundle(folder: Path) -> list[str]:
    """Everything that is wrong with a bundle, a sentence each; empty for a sound one.

    Weights over 2 GB are not read; their names and shapes are compared all the same.

    Raises
    ------
    UserError
        Where there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError("there is no such model bundle", path=folder)
    return list(dict.fromkeys(_problems(folder)))


def _problems(folder: Path) -> Iterator[str]:
    sound = True
    for name in _NEEDED:
        for problem in _said(partial(read_config, folder, name)):
            sound = False
            yield problem
    yield from _said(lambda: _check_metadata(folder))
    if sound:
        failed = False
        for problem in _said(lambda: BundleInfo.read(folder)):
            failed = True
            yield problem
        if not failed:
            yield from _weights(BundleInfo.read(folder))
    elif not (folder / "models" / "model.safetensors").is_file():
        yield "models/model.safetensors is missing."
    for file in sorted(folder.rglob("*")):
        if file.suffix.lower() in _PICKLES:
            yield f"{file.relative_to(folder).as_posix()} may hold code; this program never opens it. Remove it."
    terms = license_of(folder)
    if terms is not None and states_no_terms(terms):
        yield f"{terms.name} states no terms: replace it by those under which others may use the model."
    for needed, why in (
        ("docs/README.md", "the model card: what it is for and what it was measured on"),
        *(((LICENSE, "the terms under which others may use it"),) if terms is None else ()),
        ("configs/inference.json", "MONAI's tools find the network by it"),
    ):
        if not (folder / needed).is_file():
            yield f"{needed} is missing: {why}."


def _said(work: Callable[[], object]) -> Iterator[str]:
    try:
        work()
    except UserError as error:
        yield str(error)


def _check_metadata(folder: Path) -> None:
    plain = read_config(folder, "metadata")
    try:
        msgspec.convert(plain, _MonaiMetadata)
    except msgspec.ValidationError as error:
        raise UserError(
            f"configs/metadata.json is not what MONAI's schema asks for: {error}"
        ) from None


def _weights(info: BundleInfo) -> Iterator[str]:
    path = info.weights_path
    try:
        network = empty_network(info.network, info.folder)
    except UserError as error:
        yield str(error)
        return
    yield from _data_format(info)
    if path.is_file() and path.stat().st_size > MOST_BYTES:
        yield f"{path.name} has {path.stat().st_size / 1e9:.1f} GB: its values were not read."
        return
    try:
        with safe_open(path, framework="pt") as weights:
            names = weights.keys()
            found = {name: tuple(weights.get_slice(name).get_shape()) for name in names}
    except (SafetensorError, OSError):
        yield from _said(lambda: ModelBundle.load(info.folder))
        return
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    wrong = 0
    for name in sorted({*found, *expected}):
        if name not in found:
            yield f"{path.name} lacks {name}."
        elif name not in expected:
            yield f"{path.name} holds {name}, which the network has not."
        elif found[name] != expected[name]:
            yield f"{name} is {_text(found[name])} in {path.name}, {_text(expected[name])} in the network."
        else:
            continue
        wrong += 1
    if wrong:
        return
    loaded: list[ModelBundle] = []
    yield from _said(lambda: loaded.append(ModelBundle.load(info.folder)))
    for bundle in loaded:
        yield from _runs(bundle)
        recorded = _recorded_digest(info.folder)
        if recorded is not None and recorded != bundle.weights_sha256:
            yield "docs/README.md names the SHA-256 of other weights."


def _runs(bundle: ModelBundle) -> Iterator[str]:
    config, shape = bundle.network.config, bundle.info.preprocessing.shape_kji
    code = None if config.fusion == "image_only" else torch.zeros(1, config.metadata_width)
    try:
        with torch.inference_mode():
            logit = bundle.network(torch.zeros(1, 1, *shape), code)
    except RuntimeError as error:
        yield f"The network can't take images of its grid ({str(error).splitlines()[0]})."
        return
    if not torch.isfinite(logit).all():
        yield "The logit of an empty image is no finite number."


def _data_format(info: BundleInfo) -> Iterator[str]:
    """Whether the declared inputs are those that the other files describe."""
    where = "configs/metadata.json, network_data_format"
    plain = info.metadata.get("network_data_format")
    inputs = plain.get("inputs", {}) if isinstance(plain, dict) else {}
    image, code = inputs.get("image"), inputs.get("metadata")
    if isinstance(image, dict) and image.get("spatial_shape") != list(info.preprocessing.shape_kji):
        yield f"{where}: the image's spatial_shape is not that of configs/preprocessing.json."
    width = code.get("num_channels", 0) if isinstance(code, dict) else 0
    if isinstance(inputs, dict) and width != info.schema.width:
        yield f"{where}: metadata has {width} channels, but configs/schema.json encodes {info.schema.width}."
    for name, tensor in inputs.items() if isinstance(inputs, dict) else ():
        if not isinstance(tensor, dict):
            continue
        named = tensor.get("channel_def")
        if isinstance(named, dict) and len(named) != tensor.get("num_channels"):
            yield f"{where}: channel_def of {name} names {len(named)} channels of {tensor.get('num_channels')}."


def _recorded_digest(folder: Path) -> str | None:
    card = folder / "docs" / "README.md"
    if not card.is_file() or card.stat().st_size > 4_000_000:
        return None
    text = card.read_text(encoding="utf-8", errors="replace")
    found = re.search(r"^Weights \(SHA-256\): `([0-9a-f]{64})`", text, re.MULTILINE)
    return None if found is None else found[1]


def _text(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "scalar"
