"""``register_with_sides``: registers two scans, and notices where left and right are exchanged in one of them."""

from __future__ import annotations

from typing import Literal

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.registration.itk_image import PreparedImage
from fusion3d_gui.imaging.registration.register import one_thread, prepare_both, register_prepared
from fusion3d_gui.imaging.registration.registration import Registration
from fusion3d_gui.imaging.registration.search import Search
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.progress import Progress, no_progress, part_of

#: The mirrored scan has to fit better by this factor: heads are nearly symmetric, and the better of two is chosen.
_MUCH_BETTER = 1.15

SIDES_EXCHANGED = "Mirrored, the second scan fits much better: left and right may be exchanged in one of the two files."


def register_with_sides(
    fixed: Volume,
    moving: Volume,
    kind: Literal["rigid", "affine"] = "rigid",
    progress: Progress = no_progress,
) -> tuple[Registration, str]:
    """Register two scans as :func:`register` does; with a sentence where the mirror image of ``moving`` fits much better.

    Noticed only where the anatomy is not symmetric: an empty sentence proves nothing.
    """
    first, second = prepare_both(fixed, moving, progress=part_of(progress, 0.0, 0.2))
    found = register_prepared(first, second, kind, part_of(progress, 0.2, 0.8))
    return found, _side_doubt(first, second, found.matrix, part_of(progress, 0.8, 1.0))


def _side_doubt(
    first: PreparedImage, second: PreparedImage, matrix: np.ndarray, progress: Progress
) -> str:
    with one_thread():
        ours = Search(first, second).middle_information(matrix)
        search = Search(first, second.mirrored())
        try:
            theirs = search.middle_information(search.run_coarsely(progress).matrix)
        except UserError:
            theirs = None  # mirrored, they do not even overlap
    much_better = ours is not None and theirs is not None and theirs > _MUCH_BETTER * max(ours, 0.0)
    return SIDES_EXCHANGED if much_better else ""
