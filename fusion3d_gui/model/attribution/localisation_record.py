"""``LocalisationRecord``: the explanation that localises a model's findings best, with its measured figures.

``fusion3d evaluate --record`` measures every method at every stage on cases whose lesions are known,
and keeps the best under ``explanation`` in ``configs/metadata.json``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: How maps are made where nothing was measured: what most of the literature shows.
USUAL_METHOD, USUAL_STAGE = "gradcam", 4

#: Names of the methods as their papers write them; the keys are what ``--method`` takes.
METHOD_NAMES: Mapping[str, str] = {
    "gradcam": "Grad-CAM",
    "gradcam++": "Grad-CAM++",
    "hirescam": "HiResCAM",
    "layercam": "LayerCAM",
    "input-gradient": "Gradient × input",
    "occlusion": "Occlusion",
    "integrated-gradients": "Integrated gradients",
    "smoothgrad": "SmoothGrad",
}

#: Standard deviation of the Gaussian, in mm, that smooths gradient × input. A gradient alternates from voxel
#: to voxel; about the radius of a finding, the sum of its neighbours does not.
SMOOTHING_MM = 8.0

#: Methods that take a stage of the network; the others attribute to input voxels.
METHODS_AT_STAGES = ("gradcam", "gradcam++", "hirescam", "layercam")


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval, which is None where it is undefined (for a single case)."""

    value: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def from_json(cls, plain: Any) -> Estimate:
        """Read a figure. Raises TypeError, KeyError or ValueError where it is invalid."""
        value, low, high = (
            None if plain[name] is None else float(plain[name]) for name in ("value", "low", "high")
        )
        if value is None or not all(math.isfinite(each or 0) for each in (value, low, high)):
            raise ValueError("a figure of the explanation is no finite number")
        return cls(value, low, high)


@dataclass(frozen=True)
class LocalisationRecord:
    """Localisation figures of the best explanation.

    Parameters
    ----------
    method, stage
        Key of :data:`METHOD_NAMES`, and stage of the network (1 to 4) for a class activation map; None for
        a method that attributes to input voxels.
    cases
        Number of true positives on which it was measured.
    tolerance_mm
        Largest distance of a peak from the lesion that counts as near.
    pointing_near
        Share of the cases whose strongest voxel is near the lesion.
    energy
        Mean share of the map inside the lesion.
    chance_near, chance_energy
        The same figures expected by chance.
    """

    method: str
    stage: int | None
    cases: int
    tolerance_mm: float
    pointing_near: Estimate
    energy: Estimate
    chance_near: float
    chance_energy: float

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> LocalisationRecord | None:
        """Read the record from a bundle's metadata; None where there is none.

        Raises KeyError, TypeError or ValueError for an invalid entry.
        """
        plain = metadata.get("explanation")
        if plain is None:
            return None
        method, stage = str(plain["method"]), plain.get("stage")
        stage = None if stage is None else int(stage)
        check_map(method, stage)
        return cls(
            method=method,
            stage=stage,
            cases=int(plain["cases"]),
            tolerance_mm=float(plain["tolerance_mm"]),
            pointing_near=Estimate.from_json(plain["pointing_near"]),
            energy=Estimate.from_json(plain["energy"]),
            chance_near=float(plain["chance"]["pointing_near"]),
            chance_energy=float(plain["chance"]["energy"]),
        )

    @property
    def stages(self) -> tuple[int, ...]:
        """The stage as an explanation names it; empty for a method that attributes to input voxels."""
        return () if self.stage is None else (self.stage,)

    @property
    def text(self) -> str:
        """The figures in a sentence."""
        near, energy = self.pointing_near, self.energy
        return (
            f"peak within {self.tolerance_mm:g} mm of the lesion in {_percent(near)} of {self.cases} "
            f"cases (chance {100 * self.chance_near:.0f} %), {_percent(energy, 1)} of the map "
            f"inside it (chance {100 * self.chance_energy:.1f} %)"
        )


def check_map(method: str, stage: int | None) -> None:
    """Raise ValueError for a method that there isn't, or not at this stage (None: at the input)."""
    stages = (1, 2, 3, 4) if method in METHODS_AT_STAGES else (None,)
    if method not in METHOD_NAMES or stage not in stages:
        raise ValueError(f"there is no explanation {method!r} at stage {stage}")


def _percent(one: Estimate, digits: int = 0) -> str:
    text = f"{100 * one.value:.{digits}f} %"
    if one.low is None or one.high is None:
        return text
    return f"{text} ({100 * one.low:.{digits}f} to {100 * one.high:.{digits}f})"
