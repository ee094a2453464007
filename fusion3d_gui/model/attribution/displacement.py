"""``Displacements``: how far a model's class activation maps lie from the evidence, and whether to correct it.

Convolution, mean pooling and a label that doesn't say where leave a network free to respond beside what
it responds to: its maps are displaced by about the same vector in every case. ``fusion3d displacement``
measures the vector of each method and stage; it is kept in ``configs/displacement.json`` of the bundle,
an optional file.

Vectors are in voxels of the network's input grid, ordered (i, j, k) as affines take them: map's peak minus
the evidence's. The grid's spacing grows with large fields of view, and the displacement with it, so that
only a case's own affine gives it in mm (:meth:`Displacement.vector_lps`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fusion3d_gui.model.attribution.localisation_record import Estimate, check_map
from fusion3d_gui.output_file import write_whole_text

#: A displacement is measured on at least this many cases, or not at all.
FEWEST_CASES = 8

#: Share of cases that a map of random weights, corrected by its own vector, may point in by chance.
MOST_BY_RANDOM_WEIGHTS = 0.10

#: Least logit drop for blanking the corrected peak, as a share of that for blanking the evidence.
LEAST_DELETION = 0.5

#: Largest spread along any axis, in cells of the map.
MOST_SPREAD_CELLS = 0.5

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Displacement:
    """The displacement of the maps of one method at one stage, and whether it may be corrected.

    Parameters
    ----------
    method, stage
        Class activation method and stage of the network (1 to 4).
    stride
        Input voxels from one cell of the map to the next.
    spacing_mm
        Distance of the input voxels in the cases measured, in mm; for texts only.
    cases
        Number of cases on which it was measured.
    vector_ijk, low_ijk, high_ijk
        Median of map's peak minus the evidence's, and its 95 % interval (bootstrap), in input voxels.
    spread_ijk
        Median absolute deviation of the cases from it, along each axis, in input voxels.
    near
        Share of the cases whose corrected map peaks at the evidence.
    random_near
        The same of maps by this method with random weights, corrected by their own vector.
    deletion
        Logit drop for blanking the corrected peak, as a share of that for blanking the evidence.
    against
        Where the evidence lies: at the ``"lesion"`` of a mask, or at the peak of the smoothed gradient ×
        input (``"reference"``).
    """

    method: str
    stage: int
    stride: int
    spacing_mm: float
    cases: int
    vector_ijk: Triple
    low_ijk: Triple
    high_ijk: Triple
    spread_ijk: Triple
    near: float
    random_near: float
    deletion: Estimate
    against: Literal["lesion", "reference"] = "reference"

    @property
    def length(self) -> float:
        """Length of the vector in input voxels."""
        return math.hypot(*self.vector_ijk)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it must not be corrected, in words; empty where it may be.

        A correction must not dress up a map that says nothing.
        """
        found = []
        if self.cases < FEWEST_CASES:
            found.append(f"it was measured on {self.cases} cases only")
        if self.random_near > MOST_BY_RANDOM_WEIGHTS:
            found.append(
                f"with random weights it points in {100 * self.random_near:.0f} % of the cases, too"
            )
        if not self.deletion.value >= LEAST_DELETION:
            found.append(
                f"blanking its peak changes the logit by only {100 * self.deletion.value:.0f} % of "
                "what blanking the finding does"
            )
        if max(self.spread_ijk) > MOST_SPREAD_CELLS * self.stride:
            found.append(
                f"its displacement varies by {max(self.spread_ijk) * self.spacing_mm:.0f} mm "
                "from case to case"
            )
        if not self.length < self.stride:
            found.append(
                f"it is displaced by {self.length * self.spacing_mm:.0f} mm, more than one of its "
                f"cells of {self.stride * self.spacing_mm:.0f} mm"
            )
        return tuple(found)

    @property
    def applied(self) -> bool:
        """Whether maps are shown corrected."""
        return not self.reasons

    def vector_lps(self, grid_affine: np.ndarray) -> np.ndarray:
        """The vector [3] in mm, LPS, of a case whose input grid has this affine."""
        moved: np.ndarray = np.asarray(grid_affine, dtype=np.float64)[:3, :3] @ self.vector_ijk
        return moved

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; ``applied`` and ``reasons`` are for the reader's eye and not read back."""
        rounded = {
            name: [round(each, 3) for each in value] if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }
        return {**rounded, "applied": self.applied, "reasons": list(self.reasons)}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Displacement:
        """Read back :meth:`to_json`. Raises KeyError, TypeError or ValueError for an invalid entry."""
        against = plain["against"]
        if against not in ("lesion", "reference"):
            raise ValueError(f"against is {against!r}, not lesion or reference")
        found = cls(
            method=str(plain["method"]),
            stage=int(plain["stage"]),
            stride=int(plain["stride"]),
            spacing_mm=float(plain["spacing_mm"]),
            cases=int(plain["cases"]),
            vector_ijk=_triple(plain["vector_ijk"]),
            low_ijk=_triple(plain["low_ijk"]),
            high_ijk=_triple(plain["high_ijk"]),
            spread_ijk=_triple(plain["spread_ijk"]),
            near=float(plain["near"]),
            random_near=float(plain["random_near"]),
            deletion=Estimate.from_json(plain["deletion"]),
            against=against,
        )
        check_map(found.method, found.stage)
        if found.stride < 1 or not found.spacing_mm > 0:
            raise ValueError("a map's cells have no size")
        if not (math.isfinite(found.random_near) and math.isfinite(found.near)):
            raise ValueError("a share is no finite number")
        return found


@dataclass(frozen=True)
class Displacements:
    """The displacements of a bundle's maps, as ``configs/displacement.json`` holds them.

    Parameters
    ----------
    maps
        One for each method and stage measured.
    weights_sha256
        Weights of which they are; a bundle trained further needs a new measurement.
    constant_near
        Share of the cases in which a constant map, corrected by its own vector, points by chance.
    table
        Name of the table of cases measured.
    default
        Method and stage (None at the input) of the map that explains the model best on these cases; None
        where none may.
    """

    maps: tuple[Displacement, ...]
    weights_sha256: str
    constant_near: float
    table: str
    default: tuple[str, int | None] | None = None

    def of(self, method: str, stages: Sequence[int]) -> Displacement | None:
        """That of a method at one stage; None where it was not measured, and for combined stages."""
        for each in self.maps:
            if (each.method, (each.stage,)) == (method, tuple(stages)):
                return each
        return None

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "unit": "voxels of the network's input grid, (i, j, k)",
            "weights_sha256": self.weights_sha256,
            "table": self.table,
            "constant_near": self.constant_near,
            "default": None if self.default is None else list(self.default),
            "maps": [each.to_json() for each in self.maps],
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Displacements:
        """Read back :meth:`to_json`. Raises KeyError, TypeError or ValueError for an invalid entry."""
        default = plain.get("default")
        if default is not None:
            method, stage = default
            default = str(method), None if stage is None else int(stage)
            check_map(*default)
        return cls(
            tuple(Displacement.from_json(each) for each in plain["maps"]),
            str(plain["weights_sha256"]),
            float(plain["constant_near"]),
            str(plain["table"]),
            default,
        )


def displacement_path(bundle: Path) -> Path:
    """Where a bundle keeps its displacements; the file need not be there."""
    return Path(bundle) / "configs" / "displacement.json"


def write_displacements(bundle: Path, found: Displacements) -> None:
    """Write them into a bundle, replacing earlier ones."""
    text = json.dumps(found.to_json(), indent=2) + "\n"
    write_whole_text(displacement_path(bundle), text)


def _triple(plain: Iterable[Any]) -> Triple:
    i, j, k = (float(each) for each in plain)
    if not all(math.isfinite(each) for each in (i, j, k)):
        raise ValueError("a displacement is no finite number")
    return i, j, k
