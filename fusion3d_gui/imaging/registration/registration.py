"""``Registration``: a map from one scan's patient space to another's, and how well it is known. No SimpleITK in it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from fusion3d_gui.imaging.volume import Volume

Kind = Literal["rigid", "affine", "points", "manual"]

#: Below this share of the fixed scan's tissue in the moving scan's field, most of the head is compared with nothing.
_LITTLE_OVERLAP = 0.5
#: Two runs in opposite directions that differ by more than this (mm) have not found the same place.
_INCONSISTENT_MM = 2.0


@dataclass(frozen=True, eq=False)
class Registration:
    """Where each position of the fixed scan lies in the moving scan.

    Parameters
    ----------
    matrix
        4x4, patient mm (LPS) of the fixed scan to patient mm (LPS) of the moving one.
    kind
        What was fitted: ``"rigid"`` (6 parameters) or ``"affine"`` (12) to the voxels, ``"points"`` (rigid, to
        pairs of positions), or ``"manual"`` (moved by hand).
    mutual_information
        Mattes mutual information (nats) of the two scans under the map; None where it was not measured.
    start_information
        The same before registration, at the positions that the headers give.
    overlap
        Share (0 to 1) of the fixed scan's tissue that lies in the moving scan's field of view.
    consistency_mm
        Mean distance, over the tissue, between this map and the inverse of the map that was found in the
        opposite direction; None where that was not computed.
    iterations
        Steps of the optimiser, all levels together.
    residual_mm
        Root mean square distance of point pairs after the fit; None where no points were given.
    """

    matrix: np.ndarray
    kind: Kind
    mutual_information: float | None = None
    start_information: float | None = None
    overlap: float | None = None
    consistency_mm: float | None = None
    iterations: int = 0
    residual_mm: float | None = None

    def __post_init__(self) -> None:
        matrix = np.array(self.matrix, dtype=np.float64)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
            raise ValueError("a registration needs a finite 4x4 matrix")
        if not np.array_equal(matrix[3], (0, 0, 0, 1)) or not np.linalg.det(matrix[:3, :3]) > 1e-6:
            raise ValueError("a registration maps space to space without mirroring it")
        matrix.setflags(write=False)
        object.__setattr__(self, "matrix", matrix)

    @property
    def degrees(self) -> float:
        """Angle of the map's rotation."""
        u, _, vt = np.linalg.svd(self.matrix[:3, :3])
        return math.degrees(math.acos(min(max((float(np.trace(u @ vt)) - 1) / 2, -1.0), 1.0)))

    def shift_mm(self, about_lps: np.ndarray) -> float:
        """How far the map moves a position (mm, LPS)."""
        about = np.asarray(about_lps, float)
        return float(np.linalg.norm(self.to_moving(about) - about))

    def to_moving(self, lps_mm: np.ndarray) -> np.ndarray:
        """Positions ``(..., 3)`` (mm, LPS) in the moving scan of positions in the fixed scan."""
        moved: np.ndarray = np.asarray(lps_mm, float) @ self.matrix[:3, :3].T + self.matrix[:3, 3]
        return moved

    def onto_fixed(self, moving: Volume) -> Volume:
        """The moving scan in the fixed scan's patient space: another affine, the same voxels."""
        return replace(moving, affine=np.linalg.inv(self.matrix) @ moving.affine)

    def moved_by(self, step: np.ndarray) -> Registration:
        """After the moving scan was moved by hand: ``step`` (4x4, mm) moves it within the fixed scan's space."""
        return Registration(self.matrix @ np.linalg.inv(step), "manual")

    @property
    def doubt(self) -> str:
        """Why the map can't be trusted, as a sentence; empty where nothing was noticed."""
        if self.kind == "manual":
            return "Aligned by hand; nothing was measured."
        if self.overlap is not None and self.overlap < _LITTLE_OVERLAP:
            return f"Only {100 * self.overlap:.0f} % of the tissue lies in the other scan's field of view."
        if self.consistency_mm is not None and self.consistency_mm > _INCONSISTENT_MM:
            return (
                f"Registered in the opposite direction it differs by {self.consistency_mm:.1f} mm:"
                " probably wrong."
            )
        before, after = self.start_information, self.mutual_information
        if before is not None and after is not None and after < before:
            return "The scans agree less than before registration: probably wrong."
        return ""

    @property
    def short(self) -> str:
        """A few words with the figure that says most."""
        how = {"points": "aligned by places", "manual": "aligned by hand"}
        words = how.get(self.kind, f"registered ({self.kind})")
        if self.consistency_mm is not None:
            return f"{words}, directions agree to {self.consistency_mm:.1f} mm"
        if self.residual_mm is not None:
            return f"{words}, pairs agree to {self.residual_mm:.1f} mm"
        return words

    @property
    def summary(self) -> str:
        """How well the scans agree, in one or two honest sentences."""
        facts = []
        if self.residual_mm is not None:
            facts.append(
                f"Point pairs agree within {self.residual_mm:.1f} mm (root mean square), which says"
                " little of places far from them."
            )
        if self.mutual_information is not None:
            before = (
                ""
                if self.start_information is None
                else f", {self.start_information:.2f} before registration"
            )
            facts.append(f"Mutual information {self.mutual_information:.2f}{before}.")
        if self.overlap is not None:
            facts.append(f"{100 * self.overlap:.0f} % of the tissue overlaps.")
        if self.consistency_mm is not None:
            facts.append(f"The opposite direction agrees within {self.consistency_mm:.2f} mm.")
        if self.doubt:
            facts.append(self.doubt)
        elif self.mutual_information is not None:
            facts.append("Nothing odd was noticed; look at the edges of the brain all the same.")
        return " ".join(facts)

    def to_json(self) -> dict[str, Any]:
        """The JSON object that ``fusion3d register --transform`` writes; holds no patient identity."""

        def figure(value: float | None) -> float | None:
            return None if value is None else round(value, 6)

        return {
            "fixed_to_moving_lps_mm": self.matrix.tolist(),
            "kind": self.kind,
            "mutual_information": figure(self.mutual_information),
            "mutual_information_before": figure(self.start_information),
            "overlap": figure(self.overlap),
            "consistency_mm": figure(self.consistency_mm),
            "iterations": self.iterations,
            "residual_mm": figure(self.residual_mm),
            "rotation_degrees": round(self.degrees, 6),
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Registration:
        """What :meth:`to_json` wrote. Raises ValueError, TypeError or KeyError where it is anything else."""
        rows: Sequence[Sequence[float]] = plain["fixed_to_moving_lps_mm"]
        matrix = np.array([[float(each) for each in row] for row in rows])
        kind = plain["kind"]
        if kind not in ("rigid", "affine", "points", "manual"):
            raise ValueError(f"no kind of registration: {kind!r}")

        def figure(name: str) -> float | None:
            value = plain.get(name)
            return None if value is None else float(value)

        return cls(
            matrix,
            kind,
            figure("mutual_information"),
            figure("mutual_information_before"),
            figure("overlap"),
            figure("consistency_mm"),
            int(plain.get("iterations", 0)),
            figure("residual_mm"),
        )
