"""The rigid fit of point pairs agrees with SciPy's, mirrors nothing, and refuses too little."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.registration.point_pairs import fit_point_pairs


def test_exact_pairs_give_the_exact_map(rigid_map):
    true = rigid_map((20, -35, 50), (12, -7, 30))
    points = np.array([[0, 0, 0], [60, 5, -3], [10, 70, 8]], float)
    found = fit_point_pairs(points, points @ true[:3, :3].T + true[:3, 3])
    assert np.allclose(found.matrix, true, atol=1e-9)
    assert found.residual_mm == pytest.approx(0, abs=1e-9)


def test_noisy_pairs_agree_with_scipy(rigid_map):
    rng = np.random.default_rng(5)
    true = rigid_map((8, 3, -14), (3, 9, -2))
    fixed = rng.normal(0, 40, (6, 3))
    moving = fixed @ true[:3, :3].T + true[:3, 3] + rng.normal(0, 1, fixed.shape)
    judge, distance = Rotation.align_vectors(
        moving - moving.mean(axis=0), fixed - fixed.mean(axis=0)
    )
    found = fit_point_pairs(fixed, moving)
    assert np.allclose(found.matrix[:3, :3], judge.as_matrix(), atol=1e-9)
    assert found.residual_mm == pytest.approx(distance / np.sqrt(len(fixed)))


def test_mirrored_pairs_are_not_mirrored():
    points = np.array([[0, 0, 0], [60, 5, -3], [10, 70, 8], [4, 9, 55]], float)
    found = fit_point_pairs(points, points * [-1, 1, 1])
    assert np.linalg.det(found.matrix[:3, :3]) == pytest.approx(1)
    assert found.residual_mm > 5


def test_two_pairs_and_pairs_on_a_line_are_refused():
    line = np.array([[0, 0, 0], [10, 0, 0], [30, 0, 0]], float)
    with pytest.raises(UserError, match="on a line"):
        fit_point_pairs(line, line)
    with pytest.raises(UserError, match="Three places"):
        fit_point_pairs(line[:2], line[:2])
