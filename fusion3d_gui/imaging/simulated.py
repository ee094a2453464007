"""The marks by which a simulated scan is known, in NIfTI (``descrip``) and DICOM (Image Comments)."""

from __future__ import annotations

from collections.abc import Mapping

from fusion3d_gui.imaging.scan_warning import ScanWarning
from fusion3d_gui.imaging.volume import Volume

#: Written into every scan of a simulated cohort, and read back from its file.
SIMULATED = "Simulated by Fusion3D: no patient"
#: Likewise, where a patient's lesion was painted into simulated anatomy.
PAINTED = "Simulated by Fusion3D: a patient's lesion in a made-up brain"
MARKS = (SIMULATED, PAINTED)

_PAINTED_WARNING = ScanWarning(
    "only the lesion is real",
    "Only the lesion and its place are a patient's; Fusion3D made the brain, the contrast and the lesion's brightness.",
)

#: Attribute of a volume that holds the mark (DICOM keyword).
_KEYWORD = "ImageComments"

#: For the ``attributes`` of a simulated :class:`~fusion3d_gui.imaging.volume.Volume`.
SIMULATED_ATTRIBUTES = {_KEYWORD: SIMULATED}
PAINTED_ATTRIBUTES = {_KEYWORD: PAINTED}


def simulation_mark(volume: Volume) -> str:
    """The mark of a simulated scan that a volume carries; empty for any other."""
    comment = volume.attributes.get(_KEYWORD, "")
    return comment if comment in MARKS else ""


def attributes_of_note(note: str) -> dict[str, str]:
    """Attributes of a volume whose file holds this note: its mark, if it is one."""
    return {_KEYWORD: note} if note in MARKS else {}


def painted_warnings(attributes: Mapping[str, str]) -> tuple[ScanWarning, ...]:
    """What must stand on a scan with these attributes that bears the mark of a painted lesion; else nothing."""
    return (_PAINTED_WARNING,) if attributes.get(_KEYWORD) == PAINTED else ()


def is_simulated(volume: Volume) -> bool:
    """Whether a volume carries the mark of a simulated scan."""
    return bool(simulation_mark(volume))
