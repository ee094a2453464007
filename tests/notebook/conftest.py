"""A scan whose left and right differ, stored in several ways, with a heatmap at one side and a mask at the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.prediction import Heatmap

#: Positions, mm LPS: left anterior superior, left posterior inferior, right anterior superior.
BALL, MASK, HEAT = np.array([[35.0, -30, 25], [40, 40, -20], [-40, -30, 20]])

_SIZES = np.diag([3.0, 3.0, 4.0])
_LINEAR = {
    "axial": _SIZES,
    "to the right": np.diag([-3.0, -3.0, 4.0]),  # as most NIfTI files, and mirrored against "axial"
    "sagittal": np.array([[0.0, 0, -4], [3, 0, 0], [0, -3, 0]]),
    "oblique": Rotation.from_euler("zyx", [20, 15, 25], degrees=True).as_matrix() @ _SIZES,
}


@dataclass(frozen=True)
class Scene:
    """Positions are mm, LPS: the bright ball and the mask are at the patient's left, the heat at the right."""

    scan: Volume
    heat: Heatmap
    mask: np.ndarray
    ball_lps: np.ndarray
    mask_lps: np.ndarray
    heat_lps: np.ndarray


@pytest.fixture(params=_LINEAR)
def scene(request) -> Scene:
    """The same patient, whose array runs along other axes each time."""
    return make_scene(request.param)


@pytest.fixture
def axial_scene() -> Scene:
    return make_scene("axial")


def make_scene(stored: str) -> Scene:
    shape = (48, 64, 56)
    affine = np.eye(4)
    affine[:3, :3] = _LINEAR[stored]
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape[::-1]) - 1) / 2)
    at = positions(shape, affine)
    voxels = np.where(ball(at, np.zeros(3), 80), 100, 0) + 300 * ball(at, BALL, 18)
    scan = Volume(
        voxels.astype(np.int16),
        affine,
        intercept=-1024.0,
        modality="CT",
        unit="HU",
        description="Smith head",
        series_uid="1.2.3.4",
        attributes={"PatientName": "Smith", "PatientID": "S-17", "ImageComments": "Smith"},
    )
    grid = np.diag([10.0, 10, 10, 1])
    grid[:3, 3] = -90
    away = np.linalg.norm(positions((19, 19, 19), grid) - HEAT, axis=-1)
    values = (0.02 * np.exp(-((away / 20) ** 2))).astype(np.float32)
    heat = Heatmap(values, grid, "gradcam", "layer4")
    return Scene(scan, heat, ball(at, MASK, 14), BALL, MASK, HEAT)


def positions(shape_kji, affine: np.ndarray) -> np.ndarray:
    """Position (mm, LPS) of each voxel, ``[k, j, i, 3]``."""
    k, j, i = np.indices(shape_kji)
    return np.stack([i, j, k], axis=-1) @ affine[:3, :3].T + affine[:3, 3]


def ball(at: np.ndarray, center: np.ndarray, radius_mm: float) -> np.ndarray:
    return np.linalg.norm(at - center, axis=-1) < radius_mm
