"""``ScanView``: a scan with heat and masks in a notebook, drawn by NiiVue in the browser."""

from __future__ import annotations

from collections.abc import Sequence

import ipyniivue
import ipywidgets
import numpy as np
from ipyniivue.traits import LUT, Scene

from fusion3d_gui.notebook.layers import Layer

_HEIGHT_PX = 480
#: NiiVue counts it in voxels, and leaves lines out that are thinner than a pixel.
_CROSSHAIR_MM = 1.2


class ScanView(ipywidgets.VBox):
    """A scan with heat and masks: three planes and 3D, left on the screen is the patient's right.

    Parameters
    ----------
    layers
        The scan first, then what lies over it.
    caption
        HTML below the images.
    crosshair
        Where it stands, see :func:`~fusion3d_gui.notebook.layers.crosshair_share`.
    words
        What stands where widgets can't be drawn.

    Attributes
    ----------
    niivue
        The ``ipyniivue.NiiVue``: planes, zoom, clip planes and all else that it can do.
    """

    def __init__(
        self, layers: Sequence[Layer], caption: str, crosshair: Sequence[float], words: str
    ) -> None:
        self._words = words
        self.niivue = _LoadedNiiVue(
            [_niivue_volume(each) for each in layers],
            crosshair,
            height=_HEIGHT_PX,
            is_radiological_convention=True,
            sagittal_nose_left=True,
            show_all_orientation_markers=True,
            font_color=(1.0, 1.0, 1.0, 1.0),
            multiplanar_pad_pixels=8,
            crosshair_color=(0.3, 0.75, 0.9, 1.0),
            crosshair_width=_CROSSHAIR_MM / min(layers[0].image.spacing_mm),
            drag_and_drop_enabled=False,
        )
        super().__init__([self.niivue, ipywidgets.HTML(caption)])

    def __repr__(self) -> str:
        return self._words


class _LoadedNiiVue(ipyniivue.NiiVue):
    """NiiVue that has its volumes and the crosshair in the first message.

    A slow browser loses volumes that come while it draws, and hears of the crosshair only once.
    """

    def __init__(
        self,
        volumes: Sequence[ipyniivue.Volume],
        crosshair: Sequence[float],
        **options: object,
    ) -> None:
        self._first, self._crosshair = list(volumes), list(crosshair)
        with self.hold_sync():  # the scene that NiiVue begins with is not sent
            super().__init__(**options)
            self.scene.crosshair_pos = self._crosshair

    def open(self) -> None:
        """Send the first message."""
        self.volumes = self._first
        self.scene = Scene(crosshair_pos=self._crosshair)
        super().open()


def _niivue_volume(layer: Layer) -> ipyniivue.Volume:
    shown: dict[str, object]
    if isinstance(layer.look, np.ndarray):
        lut = LUT(lut=layer.look.ravel().tolist(), min=0, max=len(layer.look) - 1)
        shown = {"colormap_label": lut}
    else:
        low, high = layer.look
        shown = {"colormap": "gray", "cal_min": low, "cal_max": high}
    return ipyniivue.Volume(
        name=f"{layer.name}.nii.gz",
        data=layer.nifti,
        opacity=layer.opacity,
        colorbar_visible=False,
        **shown,
    )
