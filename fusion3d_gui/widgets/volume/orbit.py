"""``Orbit``: the side from which the 3D view shows the patient."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

_SIDES = ((0, "front"), (90, "left"), (180, "back"), (270, "right"))


@dataclass
class Orbit:
    """Degrees about the patient's long axis (0: from the front), and towards or away from the reader."""

    turn_degrees: float = 20.0
    tilt_degrees: float = 10.0

    def turn(self, degrees: float, tilt_degrees: float) -> None:
        """Turn and tilt further; the tilt ends at the poles."""
        self.turn_degrees = (self.turn_degrees + degrees) % 360.0
        self.tilt_degrees = min(max(self.tilt_degrees + tilt_degrees, -90.0), 90.0)

    @property
    def axes_lps(self) -> tuple[np.ndarray, np.ndarray]:
        """Unit vectors (LPS) to the screen's right and down."""
        turn, tilt = math.radians(self.turn_degrees), math.radians(self.tilt_degrees)
        right = np.array([math.cos(turn), math.sin(turn), 0.0])
        away = np.array([-math.sin(turn), math.cos(turn), 0.0])  # from the reader into the screen
        down = np.array([0.0, 0.0, -1.0]) * math.cos(tilt) - away * math.sin(tilt)
        return right, down

    @property
    def text(self) -> str:
        """In words: ``"from the left   85°"``."""
        _, side = min(
            _SIDES, key=lambda each: abs(math.remainder(self.turn_degrees - each[0], 360))
        )
        return f"from the {side}   {self.turn_degrees:.0f}°"
