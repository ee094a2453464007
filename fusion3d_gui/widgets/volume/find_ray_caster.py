"""``find_ray_caster``: ask this machine for a graphics card that can draw volumes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fusion3d_gui.widgets.volume.ray_caster import RayCaster

log = logging.getLogger(__name__)


def find_ray_caster() -> RayCaster | None:
    """Make a ray caster; None without a graphics card with OpenGL 3.3.

    Call it only once 3D is shown: probing the driver takes time, and OpenGL's libraries are imported here.
    """
    try:
        from fusion3d_gui.widgets.volume.ray_caster import RayCaster
    except ImportError:  # Qt's OpenGL needs a system library that not every machine has
        log.info("no OpenGL on this machine")
        return None
    return RayCaster.probe()
