"""``Sight``: from where a volume is looked at, and who can draw that."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fusion3d_gui.widgets.volume.ray_caster import RayCaster

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Sight:
    """How a volume is looked at.

    ``right_lps`` and ``down_lps`` are unit vectors (LPS) along the screen; ``middle_lps`` (mm) is what
    lies at the middle of the picture; ``least`` is the stored value at which a surface is met, None for
    the largest value along each line of sight, which is then shown from ``low`` (black) to ``high``.
    """

    right_lps: np.ndarray
    down_lps: np.ndarray
    middle_lps: np.ndarray
    px_per_mm: float
    low: float
    high: float
    least: float | None


def ray_caster() -> RayCaster | None:
    """A new one, where there is a graphics card with OpenGL; asked only once 3D is looked at."""
    try:
        from fusion3d_gui.widgets.volume.ray_caster import RayCaster
    except ImportError:  # Qt's OpenGL needs a system library that not every machine has
        log.info("no OpenGL on this machine")
        return None
    return RayCaster.probe()
