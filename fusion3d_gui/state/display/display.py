"""``Display``: how the current case is shown, apart from what it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PySide6.QtCore import QObject

from fusion3d_gui.imaging.reslice.sampling import Interpolation
from fusion3d_gui.state.data.case import Case
from fusion3d_gui.state.display.arrangement import Arrangement
from fusion3d_gui.state.display.cine import Cine
from fusion3d_gui.state.display.crosshair import Crosshair
from fusion3d_gui.state.display.overlay import OverlaySettings
from fusion3d_gui.state.display.paint_queue import PaintQueue
from fusion3d_gui.state.display.planes import Planes
from fusion3d_gui.state.display.slab_settings import SlabSettings
from fusion3d_gui.state.display.smoothing import Smoothing
from fusion3d_gui.state.display.volume_look import VolumeLook
from fusion3d_gui.state.display.window_level import WindowLevel


class Display(QObject):
    """Crosshair, planes, slab, interpolation, window level, 3D, overlay and arrangement of all views.

    Each part emits its own changes.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.crosshair = Crosshair(self)
        self.planes = Planes(self)
        self.slab = SlabSettings(self)
        self.smoothing = Smoothing(self)
        self.window_level = WindowLevel(self)
        self.overlay = OverlaySettings(self)
        self.volume_look = VolumeLook(self)
        self.cine = Cine(self)
        self.arrangement = Arrangement(self)
        #: Paint jobs of the views that take long.
        self.paint_queue = PaintQueue(self)

    def show_case(self, case: Case) -> None:
        """Reset for another case: crosshair in its middle or lesion, planes in its slices, its default window level."""
        low, high = case.volume.bounds_lps
        self.cine.stop()
        self.planes.show_slices_of(case.volume)
        self.crosshair.set_bounds(low, high, _start_lps(case))
        self.window_level.set_presets(case.presets)
        self.volume_look.show_volume(case.picture)

    def reset(self) -> None:
        """Use the defaults of window level, colours, slab, interpolation, 3D and heatmap.

        What is looked at stays: crosshair, planes, zoom.
        """
        self.window_level.reset()
        self.slab.reset()
        self.smoothing.set_interpolation(Interpolation.LINEAR)
        self.overlay.reset()
        self.volume_look.reset()

    def complete_case(self, case: Case) -> None:
        """Take the presets and values of the same case: all its slices have been read, or it was said to be CT."""
        # That it is a lesion map is known once all of it has been read.
        if case.lesion_lps is not None and self.is_at_start(replace(case, lesion_lps=None)):
            self.crosshair.move_to(np.array(case.lesion_lps))
        self.window_level.refine_presets(case.presets)
        self.volume_look.complete(case.picture)

    def is_at_start(self, case: Case) -> bool:
        """Whether the crosshair is where it is put when this case is opened."""
        return bool(np.allclose(self.crosshair.position_lps, _start_lps(case)))


def middle_voxel_lps(case: Case) -> np.ndarray:
    """Patient position (mm, LPS) of the centre of the voxel in the middle of the volume."""
    k, j, i = case.volume.shape
    return case.volume.to_lps(np.array([i // 2, j // 2, k // 2]))


def _start_lps(case: Case) -> np.ndarray:
    """Where the crosshair is put: in the lesion of a lesion map, else in the middle."""
    return middle_voxel_lps(case) if case.lesion_lps is None else np.array(case.lesion_lps)
