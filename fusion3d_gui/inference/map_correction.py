"""``MapCorrection``: how a heatmap was moved for the displacement of its model's maps, or why it was not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fusion3d_gui.model.attribution.displacement import Displacement


@dataclass(frozen=True, eq=False)
class MapCorrection:
    """The displacement of a map in one case, as measured on others.

    Parameters
    ----------
    vector_lps
        How far the map lies from the evidence where it is not corrected, mm [3], LPS.
    reasons
        Why it must not be corrected, in words; empty where it may be.
    applied
        Whether it is corrected.
    """

    vector_lps: np.ndarray
    reasons: tuple[str, ...]
    applied: bool

    @classmethod
    def of(cls, displacement: Displacement, grid_affine: np.ndarray) -> MapCorrection:
        """The correction of a case whose input grid has this affine (LPS mm)."""
        vector = displacement.vector_lps(grid_affine)
        return cls(vector, displacement.reasons, displacement.applied)

    @property
    def length_mm(self) -> float:
        """Length of the vector."""
        return float(np.linalg.norm(self.vector_lps))

    @property
    def text(self) -> str:
        """In a few words, for the image."""
        if self.reasons:
            return "does not point for this model"
        length = f"{self.length_mm:.0f} mm" if self.length_mm >= 1 else "less than 1 mm"
        return f"corrected by {length}" if self.applied else f"raw: displaced by {length}"

    @property
    def sentence(self) -> str:
        """In a sentence, with the reasons."""
        if self.reasons:
            return f"This map does not point for this model: {'; '.join(self.reasons)}. It is shown as it is."
        sides = (("left", "right"), ("posterior", "anterior"), ("superior", "inferior"))
        parts = [
            f"{abs(mm):.0f} mm {names[0] if mm > 0 else names[1]}"
            for mm, names in zip(self.vector_lps, sides, strict=True)
            if abs(mm) >= 0.5
        ]
        where = ", ".join(parts) or "less than 1 mm"
        if self.applied:
            return f"Corrected: this model's maps by this method lie off what they respond to ({where})."
        return f"Not corrected: this model's maps by this method lie off what they respond to ({where})."

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "vector_lps_mm": self.vector_lps.round(3).tolist(),
            "applied": self.applied,
            "reasons": list(self.reasons),
        }
