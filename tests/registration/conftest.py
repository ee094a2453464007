"""A head that is a formula, sampled wherever it is wanted: its transforms are known in closed form."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from fusion3d_gui.imaging.volume import Volume

#: Ellipsoids: centre and half axes (mm), values for two contrasts. Nothing is symmetric.
_PARTS = (
    ((0, 0, 0), (70, 88, 66), 300.0, 220.0),
    ((0, 0, 2), (60, 78, 56), 250.0, -160.0),
    ((-14, 6, 8), (9, 26, 12), -300.0, 420.0),
    ((15, 9, 6), (8, 21, 14), -260.0, 380.0),
    ((28, -38, 20), (16, 12, 10), 180.0, 90.0),
    ((-34, 30, -18), (11, 17, 13), 140.0, -60.0),
    ((6, 52, -26), (22, 9, 12), -120.0, 150.0),
    ((-8, -55, 12), (12, 8, 20), 90.0, 60.0),
)
#: Width (mm) of the edges.
_EDGE_MM = 2.0


def phantom_values(lps_mm: np.ndarray, contrast: int = 0) -> np.ndarray:
    """Values of the head at positions ``(..., 3)`` (mm, LPS)."""
    values = np.zeros(lps_mm.shape[:-1])
    for center, axes, *levels in _PARTS:
        radius = np.linalg.norm((lps_mm - np.array(center)) / np.array(axes), axis=-1)
        inside = 1 / (1 + np.exp((radius - 1) * np.mean(axes) / _EDGE_MM))
        values += levels[contrast] * inside
        if axes == _PARTS[1][1]:
            values += (60.0, -45.0)[contrast] * inside * _folds(lps_mm)
    return values


def _folds(lps_mm: np.ndarray) -> np.ndarray:
    """Folds in all directions, of no common period, from -1 to 1."""
    waves = ((23.0, (0.8, 0.5, 0.33)), (29.0, (-0.4, 0.75, 0.52)), (19.0, (0.2, -0.6, 0.77)))
    return np.sin(sum(np.sin(lps_mm @ np.array(way) * 2 * np.pi / mm) for mm, way in waves))


@pytest.fixture
def phantom() -> Callable[..., Volume]:
    """``phantom(affine, shape_kji, moved, contrast)``: the head after ``moved`` (4x4), sampled on a grid, with noise."""

    def make(
        affine: np.ndarray,
        shape: tuple[int, int, int],
        moved: np.ndarray | None = None,
        contrast: int = 0,
        seed: int = 0,
    ) -> Volume:
        index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij")[::-1], axis=-1)
        to_head = np.linalg.inv(np.eye(4) if moved is None else moved) @ affine
        values = phantom_values(index @ to_head[:3, :3].T + to_head[:3, 3], contrast)
        noise = np.random.default_rng(seed).normal(0, 3.0, shape)
        return Volume((values + noise).astype(np.float32), affine, modality="MR")

    return make


@pytest.fixture
def grid() -> tuple[np.ndarray, tuple[int, int, int]]:
    """A grid around the head: 2 mm in the plane, 2.5 mm across."""
    affine = np.diag([2.0, 2.0, 2.5, 1.0])
    affine[:3, 3] = [-88, -106, -86]
    return affine, (70, 107, 89)


@pytest.fixture
def coarse_grid() -> tuple[np.ndarray, tuple[int, int, int]]:
    """The same at 4 mm, where accuracy is not the question: in less time."""
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = [-88, -106, -86]
    return affine, (44, 54, 45)


@pytest.fixture
def rigid_map() -> Callable[..., np.ndarray]:
    """``rigid_map(degrees_xyz, shift_mm)``: rotations about x, then y, then z, and a shift, as 4x4."""

    def make(degrees: tuple[float, ...], shift: tuple[float, ...]) -> np.ndarray:
        matrix = np.eye(4)
        for axis, angle in enumerate(np.radians(degrees)):
            turn = np.eye(4)
            others = [each for each in range(3) if each != axis]
            turn[np.ix_(others, others)] = [
                [np.cos(angle), -np.sin(angle)],
                [np.sin(angle), np.cos(angle)],
            ]
            matrix = turn @ matrix
        matrix[:3, 3] = shift
        return matrix

    return make
