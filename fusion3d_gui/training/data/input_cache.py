"""A folder of preprocessed volumes, one file each, named by a hash of all that they depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from fusion3d_gui.errors import UserError
from fusion3d_gui.output_file import whole_file

Arrays = dict[str, np.ndarray]


def cached(folder: Path, key: Mapping[str, Any], make: Callable[[], Arrays]) -> Arrays:
    """The arrays kept under a key (a JSON object), or those that ``make`` gives, which are then kept.

    Whatever interrupts it, a file is whole or not there; one that something else has damaged is replaced.

    Raises
    ------
    UserError
        The file can't be written, or ``make`` raises it.
    """
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    path = folder / f"{digest}.safetensors"
    try:
        return load(path.read_bytes())
    except (OSError, SafetensorError):
        found = make()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as partial:
            partial.write_bytes(save(found))
    except OSError as error:
        problem = f"the cache can't be written ({error.strerror})"
        raise UserError(problem, path=folder, remedy="Make room, or leave --cache out.") from None
    return found
