"""``read_weights``: the tensors of a weights file of another program, bounded and without running pickled code."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from fusion3d_gui.errors import UserError

#: Neither a larger file nor more tensors than this are read.
MOST_BYTES = 2_000_000_000

#: Names under which checkpoints keep the weights beside an optimiser's state.
_USUAL_KEYS = ("state_dict", "model_state_dict", "model", "net", "network", "weights")

#: Prefixes that wrappers add to every name.
_WRAPPERS = ("module.", "_orig_mod.")


def read_weights(path: Path, key: str | None = None) -> dict[str, Tensor]:
    """Read a state dict from safetensors, or from a ``.pt`` file by ``weights_only=True``.

    Parameters
    ----------
    path
        The file.
    key
        Where a ``.pt`` file holds several dictionaries of tensors: which one.

    Returns
    -------
    dict
        Tensors on the CPU by name, in the file's order (that of safetensors is alphabetical), without the prefixes
        of wrappers.

    Raises
    ------
    UserError
        For a file that is missing, too large, of another kind, or without such a dictionary.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError("there is no such weights file", path=path)
    if path.stat().st_size > MOST_BYTES:
        raise UserError(
            f"it has {path.stat().st_size / 1e9:.1f} GB, more than the {MOST_BYTES / 1e9:.0f} GB that are read",
            path=path,
            remedy="Save the weights alone, without an optimiser's state, or in half precision.",
        )
    if path.suffix.lower() == ".safetensors":
        try:
            found: Mapping[str, Tensor] = load_file(path)
        except (SafetensorError, OSError) as error:
            raise UserError(f"it can't be read as safetensors ({error})", path=path) from None
    else:
        found = _state_dict(_unpickled(path), key, path)
    found = _unwrapped(found)
    total = sum(value.numel() * value.element_size() for value in found.values())
    if total > MOST_BYTES:
        raise UserError(f"its tensors claim {total / 1e9:.1f} GB", path=path)
    return {name: value.detach() for name, value in found.items()}


def _unpickled(path: Path) -> Any:
    remedy = "Save it again: torch.save(network.state_dict(), FILE), or as safetensors."
    if not zipfile.is_zipfile(path):
        raise UserError(
            "it is neither safetensors nor a file of torch.save since PyTorch 1.6",
            path=path,
            remedy=remedy,
        )
    try:
        with zipfile.ZipFile(path) as archive:
            claimed = sum(each.file_size for each in archive.infolist())
        if claimed > MOST_BYTES:
            raise UserError(f"it unpacks to {claimed / 1e9:.1f} GB", path=path, remedy=remedy)
        return torch.load(path, map_location="cpu", weights_only=True)
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001  (torch raises many kinds for what is no weights file)
        raise UserError(
            f"it holds more than tensors, or is damaged ({type(error).__name__}); pickled code is never run",
            path=path,
            remedy=remedy,
        ) from None


def _state_dict(found: Any, key: str | None, path: Path) -> Mapping[str, Tensor]:
    """The dictionary of tensors in what was unpickled: itself, under ``key``, or the only one."""
    if not isinstance(found, Mapping):
        raise UserError(
            f"it holds {type(found).__name__}, not a state dict",
            path=path,
            remedy="Save it again: torch.save(network.state_dict(), FILE).",
        )
    if key is not None:
        if not _is_state_dict(found.get(key)):
            raise UserError(f"it holds no dictionary of tensors under {key!r}", path=path)
        return dict(found[key])
    if _is_state_dict(found):
        return dict(found)
    inside = {str(name): value for name, value in found.items() if _is_state_dict(value)}
    usual = [name for name in _USUAL_KEYS if name in inside]
    if len(inside) == 1:
        return dict(next(iter(inside.values())))
    if len(usual) == 1:
        return dict(inside[usual[0]])
    if not inside:
        raise UserError("it holds no dictionary of tensors", path=path)
    raise UserError(
        f"it holds several dictionaries of tensors: {', '.join(sorted(inside))}",
        path=path,
        remedy="Say which: --key NAME.",
    )


def _is_state_dict(found: Any) -> bool:
    return (
        isinstance(found, Mapping)
        and len(found) > 0
        and all(isinstance(name, str) for name in found)
        and all(isinstance(value, Tensor) for value in found.values())
    )


def _unwrapped(found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    names = dict(found)
    for prefix in _WRAPPERS * 2:
        if all(name.startswith(prefix) for name in names):
            names = {name.removeprefix(prefix): value for name, value in names.items()}
    return names
