"""``VolumePreset``: named ways to show a volume in 3D."""

from __future__ import annotations

from dataclasses import dataclass

from fusion3d_gui.imaging.reslice.clip import Side
from fusion3d_gui.imaging.volume import Volume


@dataclass(frozen=True)
class VolumePreset:
    """How 3D shows a volume.

    Parameters
    ----------
    name
        Its name in menus.
    is_surface
        A lit surface; else the maximum intensity projection.
    level
        Real value at which the surface lies; None: a quarter of the way from black to white in the window level.
    cut
        The side from which the front half is cut away, to show what lies inside; None: nothing is cut.
    """

    name: str
    is_surface: bool
    level: float | None = None
    cut: Side | None = None

    @property
    def title(self) -> str:
        """Its name with the value: ``"Bone (200 HU)"``."""
        return self.name if self.level is None else f"{self.name} ({self.level:g} HU)"


_AUTOMATIC = VolumePreset("Surface", is_surface=True)
_MIP = VolumePreset("MIP", is_surface=False)

#: Levels in Hounsfield units: within spongy bone, between air and skin, between lung and its vessels.
_CT = (
    VolumePreset("Bone", is_surface=True, level=200.0),
    VolumePreset("Skin", is_surface=True, level=-300.0),
    VolumePreset("Soft tissue, cut open", is_surface=True, level=-300.0, cut=Side.FRONT),
    VolumePreset("Lung, cut open", is_surface=True, level=-600.0, cut=Side.FRONT),
)
_OTHERS = (VolumePreset("Surface, cut open", is_surface=True, cut=Side.FRONT),)


def volume_presets(volume: Volume) -> tuple[VolumePreset, ...]:
    """The presets to offer for a volume: those of CT only where its values are Hounsfield units."""
    return (_AUTOMATIC, *(_CT if volume.modality == "CT" else _OTHERS), _MIP)
