"""``fit_point_pairs``: the rigid map that best takes positions in one scan to the same places in another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.registration.registration import Registration

#: Fewer pairs leave a rotation undetermined.
LEAST_PAIRS = 3
#: Points whose second principal spread (mm) is smaller lie on a line.
_LEAST_SPREAD_MM = 1.0


def fit_point_pairs(
    fixed_lps: Sequence[np.ndarray], moving_lps: Sequence[np.ndarray]
) -> Registration:
    """Fit a rotation and a translation by least squares, in closed form.

    The rotation is the polar factor of the points' covariance (Kabsch, Acta Cryst. 1976;A32:922, with the
    sign of Umeyama, IEEE PAMI 1991;13:376, so that nothing is mirrored).

    Parameters
    ----------
    fixed_lps, moving_lps
        Positions (mm, LPS) of the same places, in the same order, at least three that do not lie on a line.

    Raises
    ------
    UserError
        There are too few, or they lie on a line.
    """
    fixed, moving = np.array(fixed_lps, float), np.array(moving_lps, float)
    if len(fixed) != len(moving) or len(fixed) < LEAST_PAIRS:
        raise UserError("Three places are needed in both scans", remedy="Mark them pair by pair.")
    centered = fixed - fixed.mean(axis=0)
    spread = np.linalg.svd(centered, compute_uv=False) / np.sqrt(len(fixed))
    if spread[1] < _LEAST_SPREAD_MM:
        raise UserError("The places lie on a line", remedy="Mark one that lies apart from it.")
    covariance = centered.T @ (moving - moving.mean(axis=0))
    u, _, vt = np.linalg.svd(covariance)
    sign = np.diag([1.0, 1.0, np.sign(np.linalg.det(vt.T @ u.T))])
    matrix = np.eye(4)
    matrix[:3, :3] = vt.T @ sign @ u.T
    matrix[:3, 3] = moving.mean(axis=0) - matrix[:3, :3] @ fixed.mean(axis=0)
    fitted = Registration(matrix, "points")
    residual = float(np.sqrt(np.mean(np.sum((fitted.to_moving(fixed) - moving) ** 2, axis=1))))
    return Registration(matrix, "points", residual_mm=residual)
