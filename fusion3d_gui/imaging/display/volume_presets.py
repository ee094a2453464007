"""``VolumePreset``: named ways to show a volume in 3D."""

from __future__ import annotations

from dataclasses import dataclass

from fusion3d_gui.imaging.display.transfer_function import Stop, TransferFunction
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
        A lit surface; else translucent by ``transfer``, or the maximum intensity projection.
    level
        Real value at which the surface lies; None: a quarter of the way from black to white in the window level.
    cut
        The side from which the front half is cut away, to show what lies inside; None: nothing is cut.
    transfer
        Colours and opacities of a translucent volume; None: it is not translucent.
    """

    name: str
    is_surface: bool
    level: float | None = None
    cut: Side | None = None
    transfer: TransferFunction | None = None

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


def _translucent(
    name: str, *stops: tuple[float, str, float], is_relative: bool = False, edges: float = 0.0
) -> VolumePreset:
    transfer = TransferFunction(tuple(Stop(*each) for each in stops), is_relative, edges)
    return VolumePreset(name, is_surface=False, transfer=transfer)


#: Hounsfield units, colour, opacity of a millimetre. Fat lies near -100, muscle near 50, blood with contrast agent
#: from 150 to 400, bone above; lung below -500. What is named lies behind centimetres of what is not: where skin is
#: wanted fat has to be clear, where lung is wanted all tissue has: at less than 0.005 a millimetre colours are rounded
#: off, and at steep stops a thin shell falls between two samples.
_CT_TRANSLUCENT = (
    _translucent(
        "Bone and skin, translucent",
        *((-800, "#c98a68", 0.0), (-350, "#d8a07c", 0.08), (-130, "#c98a68", 0.008)),
        *((-50, "#c98a68", 0.0), (140, "#ead9b4", 0.0), (300, "#ead9b4", 0.25)),
        (1200, "#ffffff", 0.7),
    ),
    _translucent(
        "Soft tissue, translucent",
        *((-160, "#d8a878", 0.0), (-90, "#dcb07e", 0.012), (-10, "#b5513c", 0.03)),
        *((70, "#cc6450", 0.10), (220, "#e8cba8", 0.2), (1000, "#ffffff", 0.7)),
    ),
    _translucent(
        "Lung, translucent",
        *((-950, "#4f86a8", 0.0), (-850, "#6ea3c2", 0.006), (-700, "#9cc4d8", 0.012)),
        *((-450, "#d89a84", 0.06), (-120, "#dba58c", 0.006), (0, "#dba58c", 0.0)),
        *((120, "#d06a58", 0.0), (280, "#d8705c", 0.12), (1000, "#f2e6cc", 0.12)),
    ),
    _translucent(
        "Angiography",
        *((110, "#7a1f1a", 0.0), (180, "#b8322a", 0.12), (300, "#e06a4c", 0.3)),
        *((450, "#f0c8a0", 0.3), (1000, "#fff6e6", 0.5)),
    ),
)
#: Shares of the window level. Boundaries alone let a lesion, a map and masks be seen inside.
_OTHER_TRANSLUCENT = (
    _translucent(
        "Translucent",
        *((0.08, "#6f6a66", 0.0), (0.3, "#b0a49a", 0.015), (0.6, "#e0d5c8", 0.05)),
        (1.0, "#ffffff", 0.2),
        is_relative=True,
        edges=0.7,
    ),
    _translucent(
        "Glass",
        *((0.05, "#7f9fbf", 0.0), (0.2, "#a8c0d8", 0.03), (1.0, "#eef6ff", 0.09)),
        is_relative=True,
        edges=1.0,
    ),
)


def volume_presets(volume: Volume) -> tuple[VolumePreset, ...]:
    """The presets to offer for a volume: those of CT only where its values are Hounsfield units."""
    is_ct = volume.modality == "CT"
    lit, translucent = (_CT, _CT_TRANSLUCENT) if is_ct else (_OTHERS, _OTHER_TRANSLUCENT)
    return (_AUTOMATIC, *lit, *translucent, _MIP)
