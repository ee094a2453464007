"""``side_doubt``: whether a scan's left and right are exchanged against the scan that it was registered to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fusion3d_gui.imaging.registration.register import coarse_information
from fusion3d_gui.imaging.registration.registration import Registration
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.progress import Progress, no_progress

#: The mirrored scan has to fit better by this factor: heads are nearly symmetric, and the better of two is chosen.
_MUCH_BETTER = 1.15

SIDES_EXCHANGED = "Mirrored, the second scan fits much better: left and right may be exchanged in one of the two files."


def side_doubt(
    fixed: Volume, moving: Volume, found: Registration, progress: Progress = no_progress
) -> str:
    """A sentence where the mirror image of ``moving`` fits much better than ``found``; otherwise empty.

    Noticed only where the anatomy is not symmetric: silence proves nothing.
    """
    mirror = np.diag([-1.0, 1.0, 1.0, 1.0])
    mirror[0, 3] = 2 * moving.center_lps[0]
    mirrored = replace(moving, affine=mirror @ moving.affine)
    ours = coarse_information(fixed, moving, found.matrix)
    theirs = coarse_information(fixed, mirrored, None, progress)
    much_better = ours is not None and theirs is not None and theirs > _MUCH_BETTER * max(ours, 0.0)
    return SIDES_EXCHANGED if much_better else ""
