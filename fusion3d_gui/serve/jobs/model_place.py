"""``ModelPlace``: where a worker finds the model, and :func:`load_once`, which loads it once in a process."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fusion3d_gui.errors import UserError

if TYPE_CHECKING:
    from fusion3d_gui.inference.predictor import Predictor

_lock = threading.Lock()
_loaded: tuple[ModelPlace, Predictor] | None = None


@dataclass(frozen=True)
class ModelPlace:
    """A bundle's folder, how it runs, and the digest that its weights must have."""

    folder: Path
    device: str
    engine: str
    weights_sha256: str


def load_once(place: ModelPlace) -> Predictor:
    """The predictor, with one thread; loaded by the first call, kept for the next.

    Raises
    ------
    UserError
        The bundle is broken or has other weights, or the device or engine is not available.
    """
    global _loaded
    with _lock:
        if _loaded is None or _loaded[0] != place:
            import torch

            from fusion3d_gui.inference.predictor import load_predictor

            _loaded = None
            torch.set_num_threads(1)
            predictor = load_predictor(place.folder, place.device, engine=place.engine)
            if predictor.weights_sha256 != place.weights_sha256:
                raise UserError(
                    "a worker found other weights in the bundle",
                    path=place.folder,
                    remedy="Give every machine the same bundle.",
                )
            _loaded = place, predictor
        return _loaded[1]
