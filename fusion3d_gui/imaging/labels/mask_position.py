"""``check_position`` and ``side_notice``: whether a mask of another file lies on the scan, and on the right side of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.labels.label_map import is_same_grid
from fusion3d_gui.imaging.volume import RAS_LPS, Volume

MIRRORED = (
    "Left and right of this mask are in doubt: its header places it as the mirror image of the scan's own"
    " position. Check the side before you rely on it."
)
OPPOSITE_ORDER = (
    "This mask stores left and right in the opposite order of the scan; it is placed as its header says."
    " Check that it lies on the right side."
)
SAME_VOXELS = (
    "This mask has as many voxels as the scan, and another position: it is placed as its header says. Check that"
    " it was made on this scan."
)


def check_position(grid: Volume, scan: Volume, path: Path) -> None:
    """Refuse a mask whose grid does not meet the scan.

    Raises
    ------
    UserError
        It lies elsewhere.
    """
    (low, high), (scan_low, scan_high) = grid.bounds_lps, scan.bounds_lps
    gaps = np.maximum(low - scan_high, scan_low - high)
    if (gaps >= 0).any():
        raise UserError(
            f"lies beside the scan: the two are {max(gaps.max(), 0):.0f} mm apart",
            path=path,
            remedy="Open the scan on which it was drawn.",
        )


def side_notice(grid: Volume, scan: Volume) -> str:
    """What the two headers say against the mask's side; empty where nothing does.

    A mask with the scan's own shape was most likely drawn on its voxels. Where its affine is the scan's mirrored
    in patient space (as of a program that took RAS for LPS), or runs the other way through the same box, its
    left and right may have been exchanged.
    """
    if grid.shape != scan.shape or is_same_grid(grid, scan):
        return ""
    mirrors = (np.diag([-1.0, 1.0, 1.0, 1.0]), RAS_LPS)
    for mirror in mirrors:
        if _same(mirror @ scan.affine, grid.affine, scan):
            return MIRRORED
    axis = int(np.argmax(np.abs(scan.affine[0, :3]) / np.linalg.norm(scan.affine[:3, :3], axis=0)))
    steps, own = scan.affine[:3, axis], grid.affine[:3, axis]
    if float(steps @ own) < 0:
        last = scan.shape[2 - axis] - 1
        turned = scan.affine.copy()
        turned[:3, axis] *= -1
        if _same(turned, grid.affine, scan):  # mirrored at its first voxel
            return MIRRORED
        turned[:3, 3] = scan.affine[:3, 3] + last * scan.affine[:3, axis]
        if _same(turned, grid.affine, scan):
            return OPPOSITE_ORDER
    return SAME_VOXELS if not _same_box(grid, scan) else ""


def _same(expected: np.ndarray, found: np.ndarray, scan: Volume) -> bool:
    """Whether two affines place the corners of a grid within half a voxel of each other."""
    k, j, i = scan.shape
    corners = np.array([(a, b, c, 1.0) for a in (0, i - 1) for b in (0, j - 1) for c in (0, k - 1)])
    away = np.linalg.norm((corners @ (expected - found).T)[:, :3], axis=1)
    return bool(away.max() < 0.5 * min(scan.spacing_mm))


def _same_box(grid: Volume, scan: Volume) -> bool:
    """Whether two volumes fill the same box of the patient, in whatever order their voxels are."""
    half = 0.5 * min(scan.spacing_mm)
    return all(
        np.allclose(one, other, atol=half)
        for one, other in zip(grid.bounds_lps, scan.bounds_lps, strict=True)
    )
