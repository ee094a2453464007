"""The side from which the 3D view shows the patient: its axes and its name."""

from __future__ import annotations

import numpy as np
import pytest

from fusion3d_gui.widgets.volume.orbit import Orbit


# Seen from the front, the patient's left (+x) is on the right; from the left, the back (+y) is.
@pytest.mark.parametrize(
    ("turn", "right", "side"),
    [
        (0, (1, 0, 0), "front"),
        (90, (0, 1, 0), "left"),
        (180, (-1, 0, 0), "back"),
        (270, (0, -1, 0), "right"),
    ],
)
def test_the_side_that_is_named_is_the_one_that_is_seen(turn, right, side):
    orbit = Orbit(turn, 0.0)
    found, down = orbit.axes_lps
    np.testing.assert_allclose(found, right, atol=1e-12)
    np.testing.assert_allclose(down, (0, 0, -1), atol=1e-12)
    assert orbit.text == f"from the {side}   {turn}°"


def test_from_above_the_front_is_at_the_lower_edge():
    orbit = Orbit(0.0, 0.0)
    orbit.turn(370.0, 200.0)
    assert (orbit.turn_degrees, orbit.tilt_degrees) == (10.0, 90.0)
    _, down = Orbit(0.0, 90.0).axes_lps
    np.testing.assert_allclose(down, (0, -1, 0), atol=1e-12)
