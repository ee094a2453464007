"""``Opening``: a scan on its way onto the screen, and what to return to should it not arrive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fusion3d_gui.imaging.window import Window
from fusion3d_gui.model.schema import Value
from fusion3d_gui.state.case import Case
from fusion3d_gui.state.result import Result


@dataclass(frozen=True, eq=False)
class Former:
    """The case that was on screen before (None: the start page), and how it was shown."""

    case: Case | None
    result: Result | None
    window: Window
    position_lps: np.ndarray


@dataclass(eq=False)
class Opening:
    """One request to open a scan.

    ``shown`` is its case once that is on screen with some of its slices; ``former`` then says
    what was there before.
    """

    metadata: Mapping[str, Value]
    then_predict: bool
    shown: Case | None = None
    former: Former | None = None
