"""``ScanValues``: what a scan's voxel values alone say about its kind."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from fusion3d_gui.imaging.volume import Volume

#: Voxels that are looked at, about.
_MOST_VOXELS = 400_000
#: A scan of fewer different values than this holds labels, whatever they are.
_FEW_VALUES = 12
#: Share of neighbours of equal value, both off the background, from which on a volume is one of labels.
#: In an image noise keeps neighbours apart, even where it is stored in 8 bits.
_EQUAL_NEIGHBOURS = 0.6
#: Stored air in CT, in HU: -1000, or the padding values in use.
_AIR_HU = ((-1100.0, -900.0), (-2100.0, -1990.0), (-3100.0, -3000.0))
_SOFT_TISSUE_HU = (-20.0, 120.0)


@dataclass(frozen=True)
class ScanValues:
    """Statistics of a scan's real values.

    Parameters
    ----------
    constant
        Whether all are equal.
    distinct
        Number of different values among those looked at.
    blank_share
        Share (0..1) of the most frequent value: the background's, where that is blank.
    equal_neighbours
        Share (0..1) of neighbours along a row, both off the most frequent value, that are equal.
    air_like, tissue_like
        Whether the lowest values are those of air in HU; share (0..1) of values like soft tissue in HU.
    lowest
        1st percentile.
    """

    constant: bool
    distinct: int
    blank_share: float
    equal_neighbours: float
    air_like: bool
    tissue_like: float
    lowest: float

    @classmethod
    def of(cls, volume: Volume) -> ScanValues:
        """Look at whole rows of the volume, spread evenly, about 400,000 voxels; once for each volume."""
        known = _known.get(volume)
        if known is None:
            known = _known[volume] = cls._looked_at(volume)
        return known

    @classmethod
    def _looked_at(cls, volume: Volume) -> ScanValues:
        rows = volume.voxels.reshape(-1, volume.shape[2])
        step = max(1, round(rows.size / _MOST_VOXELS))
        # An odd step goes through all residues of the rows of a slice.
        values = volume.real(rows[:: step | 1])
        finite = np.isfinite(values)
        values = np.where(finite, values, 0)
        found, counts = np.unique(values, return_counts=True)
        blank = found[counts.argmax()]
        left, right = values[:, :-1], values[:, 1:]
        both = (left != blank) & (right != blank)
        low = float(np.percentile(values, 1))
        first, last = _SOFT_TISSUE_HU
        return cls(
            constant=len(found) == 1 and bool((volume.voxels == volume.voxels.flat[0]).all()),
            distinct=len(found),
            blank_share=float(counts.max() / values.size),
            equal_neighbours=float((left == right)[both].mean()) if both.any() else 0.0,
            air_like=any(a <= low <= b for a, b in _AIR_HU),
            tissue_like=float(((values >= first) & (values <= last)).mean()),
            lowest=low,
        )

    @property
    def are_labels(self) -> bool:
        """Whether they number things (a mask, an atlas) rather than measure something."""
        return self.distinct <= _FEW_VALUES or self.equal_neighbours >= _EQUAL_NEIGHBOURS

    @property
    def are_hounsfield(self) -> bool:
        """Whether they look like CT: air at the bottom, and soft tissue near 0."""
        return self.air_like and self.tissue_like > 0.02


#: Of the volumes in memory: the window asks again whenever a value in its form changes.
_known: WeakKeyDictionary[Volume, ScanValues] = WeakKeyDictionary()
