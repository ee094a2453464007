"""What an engine of this machine says of the shipped cases against what was pinned, and what the last check found.

The pins, ``resources/shipped_predictions.json``, are those of PyTorch in float32 on a CPU; a test holds them. What a check found
is kept in the user's folder for as long as program, pins, engine, libraries and driver stay the same; an engine that
failed is not used (:func:`fusion3d_gui.inference.engines.passing.choose_passing_engine`). The check itself is run by
:mod:`fusion3d_gui.inference.first_check`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import torch

from fusion3d_gui import __version__
from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.engines.protocol import Engine
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.input_file import read_bounded
from fusion3d_gui.output_file import write_whole_text
from fusion3d_gui.shipped import resources_dir

log = logging.getLogger(__name__)

#: Largest difference of a logit from the pinned one; half precision has three digits.
LOGIT_TOLERANCE, HALF_TOLERANCE = 1e-3, 2e-2

#: Largest difference of a peak's value, as a share of it.
_PEAK_SHARE = 0.02

#: Where Linux tells the version of NVIDIA's kernel module.
_NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")

_MOST_BYTES = 1_000_000
_MOST_KEPT = 100


@dataclass(frozen=True)
class PinnedPeak:
    """Peak of a map: ``map`` its method and layer, ``position_lps_mm`` None where the map is empty."""

    map: str
    value: float
    position_lps_mm: tuple[float, float, float] | None


@dataclass(frozen=True)
class Pin:
    """What a shipped model says of a shipped case."""

    model: str
    case: str
    logit: float
    peaks: tuple[PinnedPeak, ...]


def pins_path() -> Path:
    """The file of the pins."""
    return resources_dir() / "shipped_predictions.json"


def read_pins() -> tuple[Pin, ...]:
    """All pins, in the file's order.

    Raises UserError where they are not installed.
    """
    try:
        plain = json.loads(read_bounded(pins_path(), _MOST_BYTES))
    except OSError:
        raise UserError(
            "the pinned predictions are not installed",
            path=pins_path(),
            remedy="Install Fusion3D again.",
        ) from None
    return tuple(
        Pin(
            each["model"],
            each["case"],
            each["logit"],
            tuple(
                PinnedPeak(
                    peak["map"],
                    peak["value"],
                    None if (at := peak["position_lps_mm"]) is None else tuple(at),
                )
                for peak in each["peaks"]
            ),
        )
        for each in plain["predictions"]
    )


def differences(pin: Pin, logit: float, heatmaps: Sequence[Heatmap], *, half: bool) -> list[str]:
    """What of a prediction differs from its pin by more than rounding, a sentence each.

    ``heatmaps`` are Grad-CAM at the last stage and the model's own map, as pinned.
    """
    found = []
    most = HALF_TOLERANCE if half else LOGIT_TOLERANCE
    where = f"{pin.model}, {pin.case}"
    if not abs(logit - pin.logit) <= most:
        found.append(f"{where}: logit {logit:.5f} instead of {pin.logit:.5f}")
    share = 5 * _PEAK_SHARE if half else _PEAK_SHARE
    for peak, heatmap in zip(pin.peaks, heatmaps, strict=True):
        place = heatmap.peak_lps
        if (place is None) != (peak.position_lps_mm is None):
            found.append(f"{where}: {peak.map} is {'empty' if place is None else 'not empty'}")
            continue
        if not abs(heatmap.peak - peak.value) <= share * abs(peak.value) + 1e-6:
            found.append(
                f"{where}: {peak.map} peaks at {heatmap.peak:.4g} instead of {peak.value:.4g}"
            )
        if place is not None and peak.position_lps_mm is not None:
            away = float(np.linalg.norm(place - np.array(peak.position_lps_mm)))
            cell = float(np.linalg.norm(heatmap.affine[:3, 0]))
            if not away <= cell:
                found.append(f"{where}: {peak.map} peaks {away:.0f} mm from where it should")
    return found


def check_key(engine: Engine) -> str:
    """Identifies all that may change what an engine computes."""
    driver: Any = None
    if torch.cuda.is_available():
        driver = (
            torch.version.cuda,
            torch._C._cuda_getDriverVersion(),  # type: ignore[attr-defined]
            [torch.cuda.get_device_name(each) for each in range(torch.cuda.device_count())],
            torch.backends.cudnn.version(),
            _NVIDIA_DRIVER.read_text(encoding="utf-8") if _NVIDIA_DRIVER.is_file() else None,
        )
    parts = [
        __version__,
        hashlib.sha256(pins_path().read_bytes()).hexdigest(),
        engine.name,
        engine.text,
        sorted(engine.libraries.items()),
        (torch.__version__, np.__version__, platform.platform(), platform.processor()),
        driver,
    ]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def kept_check(engine: Engine) -> tuple[str, ...] | None:
    """What the last check of just this engine found: differences, none where it passed; None: never checked."""
    try:
        found = _kept().get(check_key(engine))
    except OSError:
        return None
    return None if found is None else tuple(found)


def keep_check(engine: Engine, found: Sequence[str]) -> None:
    """Keep what a check found; a folder that can't be written to is logged."""
    kept = list({**_kept(), check_key(engine): list(found)}.items())[-_MOST_KEPT:]
    try:
        _file().parent.mkdir(parents=True, exist_ok=True)
        write_whole_text(_file(), json.dumps(dict(kept), indent=1) + "\n")
    except OSError as error:
        log.warning("what the check found can't be kept: %s", error.strerror)


def _file() -> Path:
    return platformdirs.user_cache_path("fusion3d", appauthor=False) / "checks.json"


def _kept() -> Mapping[str, list[str]]:
    try:
        plain = json.loads(read_bounded(_file(), _MOST_BYTES))
        return {str(key): [str(one) for one in found] for key, found in plain.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
