"""``MaskSilhouettes``: masks seen from a side, as areas and outlines over the 3D view."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtGui import QColor, QImage

from fusion3d_gui.imaging.reslice.clip import ClipPlane
from fusion3d_gui.imaging.reslice.projector_preparation import prepare_projector
from fusion3d_gui.imaging.reslice.volume_projection import ProjectedImage, VolumeProjector
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.widgets.slice.slice_image import mask_image

#: More masks, or larger ones together, would make turning slow: the first are drawn.
_MOST_MASKS = 24
_MOST_VOXELS = 30_000_000
#: Pixels around a silhouette.
_ROOM = 2


@dataclass(frozen=True, eq=False)
class MaskLook:
    """A mask's grid (1 inside, 0 outside), ``"#RRGGBB"``, and the opacity of its area; its outline is opaque."""

    grid: Volume
    color: str
    opacity: float


class MaskSilhouettes:
    """Keeps what was made of each mask for as long as it is shown."""

    def __init__(self) -> None:
        self._masks: tuple[MaskLook, ...] = ()
        self._projectors: dict[int, tuple[Volume, VolumeProjector]] = {}

    def show(self, masks: Sequence[MaskLook]) -> None:
        """Show these masks."""
        left, shown = _MOST_VOXELS, []
        for each in masks[:_MOST_MASKS]:
            left -= each.grid.voxels.size
            if left >= 0:
                shown.append(each)
        self._masks = tuple(shown)
        alive = {id(each.grid) for each in shown}
        self._projectors = {key: kept for key, kept in self._projectors.items() if key in alive}

    @property
    def shown(self) -> tuple[MaskLook, ...]:
        """The masks that are drawn."""
        return self._masks

    def draw(
        self,
        axes_lps: tuple[np.ndarray, np.ndarray],
        clip: ClipPlane | None,
        draw: Callable[[ProjectedImage, QImage], None],
    ) -> None:
        """Hand over the image of each mask, seen along the screen's axes."""
        for each in self._masks:
            flat = self._projector(each.grid).project(*axes_lps, clip)
            inside = np.asarray(flat.values) > 0
            if inside.any():
                # With room for the outline, which lies around the area.
                wide = np.pad(inside, _ROOM)
                placed = ProjectedImage(wide, _moved(flat.to_screen, -_ROOM))
                draw(placed, mask_image(wide, QColor(each.color), each.opacity, 2))

    def _projector(self, grid: Volume) -> VolumeProjector:
        kept = self._projectors.get(id(grid))
        if kept is None:
            made = [each for each in prepare_projector(grid) if each is not None][-1]
            kept = self._projectors[id(grid)] = grid, made
        return kept[1]


def _moved(to_screen: np.ndarray, by: int) -> np.ndarray:
    """The transform of an image that begins so many rows and columns later."""
    moved = np.array(to_screen, float)
    moved[:, 2] += by * (moved[:, 0] + moved[:, 1])
    return moved
