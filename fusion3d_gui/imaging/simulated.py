"""The mark by which a simulated scan is known, in NIfTI (``descrip``) and DICOM (Image Comments)."""

from __future__ import annotations

from fusion3d_gui.imaging.volume import Volume

#: Written into every scan of a simulated cohort, and read back from its file.
SIMULATED = "Simulated by Fusion3D: no patient"

#: Attribute of a volume that holds the mark (DICOM keyword).
_KEYWORD = "ImageComments"

#: For the ``attributes`` of a simulated :class:`~fusion3d_gui.imaging.volume.Volume`.
SIMULATED_ATTRIBUTES = {_KEYWORD: SIMULATED}


def is_simulated(volume: Volume) -> bool:
    """Whether a volume carries the mark of a simulated scan."""
    return volume.attributes.get(_KEYWORD) == SIMULATED
