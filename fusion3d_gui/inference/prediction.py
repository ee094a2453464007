"""``Prediction`` and ``Heatmap``: the model's output with its provenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

import numpy as np

from fusion3d_gui import RESEARCH_USE_ONLY, __version__
from fusion3d_gui.imaging.notebook import orthogonal_slices, page, with_heat
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.fit.fit_report import FitReport
from fusion3d_gui.inference.map_correction import MapCorrection
from fusion3d_gui.inference.tissue_outline import TissueOutline
from fusion3d_gui.model.attribution.localisation_record import (
    METHOD_NAMES,
    METHODS_AT_STAGES,
    SMOOTHING_MM,
)
from fusion3d_gui.model.schema import Value

#: Whether a map shows what raised the logit or what lowered it.
Side = Literal["raised", "lowered"]


@dataclass(frozen=True, eq=False)
class Heatmap:
    """A map of evidence on the grid on which it was computed.

    Parameters
    ----------
    values
        float32 ``[k, j, i]``, finite, not negative. For Grad-CAM in units of the logit
        (the share of each cell, before any normalisation); relative where stages are combined.
    affine
        4x4 from the cell index (i, j, k), at the cell's centre, to patient millimetres, LPS.
    method
        e.g. ``"gradcam"``.
    layer
        Name of the network's stage whose features it explains, e.g. ``"layer4"``; ``"layer3+layer4"``
        where stages are combined, ``"input"`` for a method that attributes to input voxels.
    side
        Whether it shows what raised the logit or what lowered it.
    finished
        False for a map that a method would still have refined.
    outline
        Where the model's input shows tissue; None: unknown.
    correction
        Whether ``affine`` is corrected for the displacement of the model's maps; None where that was not
        measured for this map, or it has none. Where a corrected map leaves the field uncovered, it has no
        data.
    """

    values: np.ndarray
    affine: np.ndarray
    method: str
    layer: str
    side: Side = "raised"
    finished: bool = True
    outline: TissueOutline | None = None
    correction: MapCorrection | None = None

    @property
    def raw(self) -> Heatmap:
        """The map as it was computed, not corrected."""
        correction = self.correction
        if correction is None or not correction.applied:
            return self
        affine = self.affine.copy()
        affine[:3, 3] += correction.vector_lps
        return replace(self, affine=affine, correction=replace(correction, applied=False))

    @cached_property
    def as_volume(self) -> Volume:
        """The map as a :class:`Volume` on the same grid, for resampling and export."""
        return Volume(
            voxels=self.values,
            affine=self.affine,
            description=f"{self.method} {self.layer}"
            + ("" if self.correction is None else f", {self.correction.text}")
            + ("" if self.finished else " NOT FINISHED"),
        )

    @property
    def as_fractions(self) -> Volume:
        """The map as a :class:`Volume` of fractions of its peak, 0 to 1; all 0 where the map is empty."""
        return replace(self.as_volume, voxels=self.values / np.float32(self.peak or 1.0))

    @cached_property
    def peak(self) -> float:
        """Largest value, displayed as 100 %."""
        return float(self.values.max())

    def are_in_air(self, cells_kji: np.ndarray) -> np.ndarray:
        """Which of the cells ``[n, 3]`` lie further than one cell from all tissue of the model's input."""
        if self.outline is None:
            return np.zeros(len(cells_kji), dtype=bool)
        grid = self.as_volume
        cell_mm = max(*grid.spacing_mm, self.outline.spacing_mm)
        centers = cells_kji[:, ::-1] @ self.affine[:3, :3].T + self.affine[:3, 3]
        return self.outline.are_outside(centers, cell_mm)

    @cached_property
    def share_in_air(self) -> float | None:
        """Share of the map's sum that lies in the air, 0 to 1; None for an empty map or where unknown."""
        total = float(self.values.sum())
        if self.outline is None or total <= 0:
            return None
        cells = np.argwhere(self.values > 0)
        outside = cells[self.are_in_air(cells)]
        return float(self.values[tuple(outside.T)].sum()) / total

    @property
    def peak_in_air(self) -> bool:
        """Whether the strongest cell lies in the air."""
        place = np.unravel_index(int(self.values.argmax()), self.values.shape)
        return self.peak > 0 and bool(self.are_in_air(np.array([place]))[0])

    @property
    def has_unit(self) -> bool:
        """Whether values are shares of the logit: not where stages are combined, nor by Grad-CAM++'s weights.

        Those are normalised over the cells (Chattopadhay et al. 2018, eq. 19), so that a value is no share.
        """
        return "+" not in self.layer and self.method != "gradcam++"

    @property
    def peak_text(self) -> str:
        """Caption of the largest value, e.g. ``"peak 0.008 of the logit"``: one cell's share or change of it.

        Only ``"peak"`` for a map without a unit.
        """
        return f"peak {self.peak:.2g} of the logit" if self.has_unit else "peak"

    @property
    def peak_lps(self) -> np.ndarray | None:
        """Patient position (mm, LPS) of the centre of the strongest cell; None for an empty map."""
        if self.peak <= 0:
            return None
        k, j, i = np.unravel_index(int(self.values.argmax()), self.values.shape)
        return self.as_volume.to_lps(np.array([i, j, k]))

    def _repr_html_(self) -> str:
        """The three slices through the peak, for a notebook; black is 0, the peak is brightest."""
        grid = self.as_volume
        slices = orthogonal_slices(grid.voxels, grid.affine, self.peak_lps)
        scale = 1 / self.peak if self.peak > 0 else 0.0
        images = [
            with_heat(np.zeros((*each.values.shape, 3), np.uint8), scale * each.values, 0.0, 1.0)
            for each in slices
        ]
        title = f"Heatmap: {self.method_text}, what {self.side} the logit"
        return page(title, (self.grid_text, self.peak_text), slices, images)

    @property
    def method_text(self) -> str:
        """How it was made, e.g. ``"Grad-CAM of layer4"`` or ``"Gradient × input"``."""
        name = METHOD_NAMES.get(self.method, self.method)
        return f"{name} of {self.layer}" if self.method in METHODS_AT_STAGES else name

    @property
    def grid_text(self) -> str:
        """Number and size of the cells, e.g. ``"4 × 5 × 4 cells of 40 × 40 × 40 mm"`` (k, j, i)."""
        cells = " × ".join(str(n) for n in self.values.shape)
        size = " × ".join(f"{mm:.0f}" for mm in self.as_volume.spacing_mm)
        smoothed = f", smoothed by {SMOOTHING_MM:g} mm" if self.method == "input-gradient" else ""
        return f"{cells} cells of {size} mm{smoothed}"


@dataclass(frozen=True, eq=False)
class Prediction:
    """The model's prediction for one case, and its provenance.

    ``probability`` is calibrated on the validation cases: ``sigmoid(logit / temperature)`` (Guo et al.
    2017). ``positive`` compares it with ``threshold``. ``metadata`` holds the values used, by field name. ``fit`` says whether
    the case is one that the model is meant for; where it is ``"refused"``, the number was asked for all the
    same, and :attr:`despite_misfit` is true.
    """

    probability: float
    logit: float
    temperature: float
    threshold: float
    class_names: tuple[str, str]
    heatmap: Heatmap
    metadata: Mapping[str, Value]
    bundle_name: str
    bundle_version: str
    weights_sha256: str
    volume_sha256: str
    device: str
    seconds: float
    created: datetime
    libraries: Mapping[str, str]
    fit: FitReport
    notices: tuple[str, ...] = ()

    @property
    def despite_misfit(self) -> bool:
        """Whether the model is not meant for the case, and the number was asked for all the same."""
        return self.fit.fit == "refused"

    @property
    def positive(self) -> bool | None:
        """Whether the probability reaches the threshold; None unless the case fits."""
        return self.probability >= self.threshold if self.fit.fit == "fits" else None

    @property
    def class_name(self) -> str | None:
        """Name of the predicted class; None unless the case fits."""
        return None if self.positive is None else self.class_names[int(self.positive)]

    @property
    def class_text(self) -> str:
        """Name of the predicted class, or why there is none."""
        return self.class_name or f"{self.fit.mark.capitalize()}: no class"

    def to_json(self) -> dict[str, Any]:
        """Prediction and provenance as a JSON object, without patient identity or file paths."""
        return {
            "probability": self.probability,
            "logit": self.logit,
            "temperature": self.temperature,
            "threshold": self.threshold,
            "class": self.class_name,
            "positive": self.positive,
            "metadata": dict(self.metadata),
            "heatmap": {
                "method": self.heatmap.method,
                "layer": self.heatmap.layer,
                "side": self.heatmap.side,
                "shape_kji": list(self.heatmap.values.shape),
                "affine_lps": self.heatmap.affine.tolist(),
                "raw_affine_lps": self.heatmap.raw.affine.tolist(),
                "displacement": None
                if self.heatmap.correction is None
                else self.heatmap.correction.to_json(),
                "finished": self.heatmap.finished,
                "peak": self.heatmap.peak,
                "peak_lps_mm": None
                if self.heatmap.peak_lps is None
                else self.heatmap.peak_lps.round(3).tolist(),
                "peak_in_air": self.heatmap.peak_in_air,
                "share_in_air": self.heatmap.share_in_air,
            },
            "model": {
                "name": self.bundle_name,
                "version": self.bundle_version,
                "weights_sha256": self.weights_sha256,
            },
            "voxels_sha256": self.volume_sha256,
            "device": self.device,
            "seconds": round(self.seconds, 3),
            "created": self.created.isoformat(timespec="seconds"),
            "libraries": dict(self.libraries),
            **self.fit.to_json(),
            "despite_misfit": self.despite_misfit,
            "notices": list(self.notices),
            "fusion3d": __version__,
            "notice": RESEARCH_USE_ONLY,
        }
