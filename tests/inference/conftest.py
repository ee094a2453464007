"""A small oblique volume; engines remembered in a folder of the test's own."""

from __future__ import annotations

import numpy as np
import pytest

from fusion3d_gui.imaging.volume import Volume


@pytest.fixture
def volume() -> Volume:
    rng = np.random.default_rng(5)
    affine = np.array([[0, -1.1, 0, 40], [0, 0, 1.5, -30], [2.0, 0, 0, -50], [0, 0, 0, 1]])
    return Volume(rng.integers(0, 900, (50, 60, 48)).astype(np.int16), affine)
