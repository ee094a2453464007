"""``register``: find the rigid or affine map between two scans by mutual information."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Literal

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.registration.itk_image import PreparedImage, prepare
from fusion3d_gui.imaging.registration.registration import Registration
from fusion3d_gui.imaging.registration.search import CHECK, Search
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.progress import Progress, no_progress, part_of

#: Positions at which the two directions are compared.
_POINTS = 4_000
#: The search in the opposite direction begins off the map that was found by this turn (degrees, about each axis) and
#: shift (mm, along each axis): that it comes back is worth something.
_OFF_DEGREES, _OFF_MM = 1.0, 1.5


def register(
    fixed: Volume,
    moving: Volume,
    *,
    kind: Literal["rigid", "affine"] = "rigid",
    fixed_mask: np.ndarray | None = None,
    moving_mask: np.ndarray | None = None,
    progress: Progress = no_progress,
) -> Registration:
    """Register two scans by Mattes mutual information over a pyramid of resolutions.

    The search begins where the headers put the scans and where their middles of tissue meet, and goes on from
    the better. The same scans always give the same map: samples come from a fixed seed, on one thread. Without a mask, the
    finer levels compare the body's core: skin, neck and jaw move by themselves.
    Memory is bounded, as neither scan is registered at more than some million voxels.

    Parameters
    ----------
    fixed, moving
        Whole volumes of any orientation, spacing and modality.
    kind
        ``"rigid"``: rotation and translation; ``"affine"``: scale and shear as well.
    fixed_mask, moving_mask
        bool ``[k, j, i]`` of each volume's shape: only what is in it is compared.
    progress
        Called all along; its ``Cancelled`` ends the search.

    Returns
    -------
    Registration
        Patient mm (LPS) of ``fixed`` to patient mm of ``moving``.

    Raises
    ------
    UserError
        A scan is constant, has fewer than three slices, or the two nowhere overlap.
    """
    first, second = prepare_both(
        fixed, moving, fixed_mask, moving_mask, part_of(progress, 0.0, 0.2)
    )
    return register_prepared(first, second, kind, part_of(progress, 0.2, 1.0))


def prepare_both(
    fixed: Volume,
    moving: Volume,
    fixed_mask: np.ndarray | None = None,
    moving_mask: np.ndarray | None = None,
    progress: Progress = no_progress,
) -> tuple[PreparedImage, PreparedImage]:
    """Both scans as they are registered; parameters and errors are those of :func:`register`."""
    for volume in (fixed, moving):
        if min(volume.shape) < 3:
            raise UserError("A scan of one or two slices can't be registered", path=volume.path)
    with one_thread():
        first = prepare(fixed, fixed_mask, part_of(progress, 0.0, 0.5))
        second = prepare(moving, moving_mask, part_of(progress, 0.5, 1.0))
    for volume, prepared in ((fixed, first), (moving, second)):
        if float(prepared.values.max()) <= float(prepared.values.min()):
            raise UserError("can't be registered: all its values are equal", path=volume.path)
    return first, second


def register_prepared(
    first: PreparedImage,
    second: PreparedImage,
    kind: Literal["rigid", "affine"] = "rigid",
    progress: Progress = no_progress,
) -> Registration:
    """What :func:`register` finds for two scans that were prepared."""
    with one_thread():
        search = Search(first, second)
        before = search.information(np.eye(4))
        found = search.run(kind, part_of(progress, 0.0, 0.7))
        points = first.tissue_points(_POINTS)
        there = points @ found.matrix[:3, :3].T + found.matrix[:3, 3]
        back = Search(second, first).refine(
            np.linalg.inv(found.matrix) @ _off(there.mean(axis=0)),
            kind,
            part_of(progress, 0.7, 1.0),
            levels=(CHECK,),
        )
        again = there @ back.matrix[:3, :3].T + back.matrix[:3, 3]
        return Registration(
            found.matrix,
            kind,
            mutual_information=search.information(found.matrix),
            start_information=before,
            overlap=search.overlap(found.matrix),
            consistency_mm=float(np.linalg.norm(again - points, axis=1).mean()),
            iterations=found.iterations,
        )


def _off(about: np.ndarray) -> np.ndarray:
    """A small rigid map (4x4): turned about a position (mm), and shifted."""
    angle = np.radians(_OFF_DEGREES)
    x, y, z = np.full(3, angle)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    u, _, vt = np.linalg.svd(np.eye(3) + cross)
    matrix = np.eye(4)
    matrix[:3, :3] = u @ vt
    matrix[:3, 3] = about - matrix[:3, :3] @ about + _OFF_MM
    return matrix


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Sums in another order would give another map, and how many threads share them is up to the machine."""
    import SimpleITK as sitk

    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
