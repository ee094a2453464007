"""``VolumePicture``: the volume and its heatmap made ready for 3D, and drawn by graphics card or processor."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QSize
from PySide6.QtGui import QImage, QPainter, QTransform

from fusion3d_gui.imaging.display.window import to_gray
from fusion3d_gui.imaging.reslice.projector_preparation import (
    prepare_heatmap_projector,
    prepare_projector,
)
from fusion3d_gui.imaging.reslice.volume_projection import ProjectedImage, Surface, VolumeProjector
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.state.display.camera import Camera
from fusion3d_gui.state.display.display import Display
from fusion3d_gui.widgets.look.color_map import anatomy_colors, overlay_lut
from fusion3d_gui.widgets.slice.slice_image import GrayRenderer, overlay_image, rgb_image
from fusion3d_gui.widgets.volume.find_ray_caster import find_ray_caster
from fusion3d_gui.widgets.volume.mask_silhouettes import MaskSilhouettes
from fusion3d_gui.widgets.volume.translucent_scene import TranslucentScene, prepare_scene
from fusion3d_gui.widgets.volume.viewpoint import Viewpoint

if TYPE_CHECKING:
    from fusion3d_gui.widgets.volume.ray_caster import RayCaster

_BLACK = 0xFF000000


class VolumePicture:
    """What the 3D view shows, without captions: the processor draws what no graphics card does."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self.volume: Volume | None = None
        self.heatmap: Heatmap | None = None
        self.masks = MaskSilhouettes()
        self._top = 0.0
        self._anatomy: VolumeProjector | None = None
        self._heat: VolumeProjector | None = None
        self._scene: TranslucentScene | None = None
        self._work: Iterator[VolumeProjector | TranslucentScene | None] | None = None
        self.caster: RayCaster | None = None
        self.has_probed = False

    # -- contents -----------------------------------------------------------------------------

    def set_volume(self, volume: Volume | None) -> None:
        """Show a volume, without a heatmap; None shows nothing."""
        self.volume, self.heatmap = volume, None
        self._anatomy = self._heat = self._work = self._scene = None

    def set_heatmap(self, heatmap: Heatmap | None) -> None:
        """Set the heatmap; None removes it."""
        self.heatmap, self._heat = heatmap, None
        self._top = 0.0 if heatmap is None else self._display.overlay.top_of(heatmap)
        if self._anatomy is not None:
            self._work = None

    def follow_scale(self) -> None:
        """Make the heatmap anew where its scale has changed."""
        if self.heatmap is not None and self._display.overlay.top_of(self.heatmap) != self._top:
            self.set_heatmap(self.heatmap)

    @property
    def has_heat(self) -> bool:
        """Whether there is a heatmap with anything in it."""
        return self.heatmap is not None and self.heatmap.peak > 0

    @property
    def is_ready(self) -> bool:
        """Whether the volume can be drawn."""
        return self._anatomy is not None and not self._lacks_scene

    @property
    def _lacks_scene(self) -> bool:
        """Whether the volume is to be translucent, and is not ready for that."""
        return self._display.volume_look.is_translucent and self._scene is None

    @property
    def is_settled(self) -> bool:
        """Whether preparation is complete."""
        lacks_heat = self._heat is None and self.has_heat
        missing = self._anatomy is None or lacks_heat or self._lacks_scene
        return self.volume is None or not missing

    @property
    def is_preparing(self) -> bool:
        """Whether preparation has begun and not ended."""
        return self._work is not None

    def prepare(self, seconds: float) -> bool:
        """Continue the preparation for so long; returns whether something can be drawn that could not be before."""
        if self.volume is None or self.is_settled:
            return False
        if self._work is None:
            if self._anatomy is None:
                self._work = prepare_projector(self.volume)
            elif self._lacks_scene:
                self._work = prepare_scene(self.volume, self._anatomy)
            else:
                assert self.heatmap is not None
                self._work = prepare_heatmap_projector(
                    self.heatmap.as_volume, self._top, self._anatomy
                )
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            made = next(self._work)
            if made is not None:
                if isinstance(made, TranslucentScene):
                    self._scene = made
                elif self._anatomy is None:
                    self._anatomy = made
                else:
                    self._heat = made
                self._work = None
                return True
        return False

    # -- painting -----------------------------------------------------------------------------

    def paint(
        self,
        painter: QPainter,
        axes_lps: tuple[np.ndarray, np.ndarray],
        camera: Camera,
        size: QSize,
    ) -> None:
        """Paint it from a side, in a view of ``size`` px; once :attr:`is_ready`."""
        volume, anatomy = self.volume, self._anatomy
        assert volume is not None
        assert anatomy is not None
        ratio = painter.device().devicePixelRatioF()
        level, overlay = self._display.window_level, self._display.overlay
        look = self._display.volume_look
        transfer = look.transfer_under(level.window)
        is_translucent = transfer is not None and self._scene is not None
        # Masks lie at their depth in a translucent volume, which the processor alone draws.
        casts = not (is_translucent and self.masks.shown)
        cast = self._cast(volume, anatomy, axes_lps, camera, size, ratio) if casts else None
        if cast is not None:
            painter.drawImage(QPointF(0, 0), cast)
            self._paint_masks(painter, volume, axes_lps, camera)
            return
        if transfer is not None and self._scene is not None:
            shown_heat = None
            if self._heat is not None and overlay.is_drawn:
                shown_heat = self._heat, self._heat_lut
            clip, masks = look.clip, self.masks.shown
            flat, image = self._scene.draw(axes_lps, clip, transfer, shown_heat, masks)
            self._draw(painter, volume, axes_lps, camera, flat, image)
            painter.resetTransform()
            return
        colors = anatomy_colors(level.color_map, level.inverted)
        if look.is_surface:
            lit = anatomy.surface(*axes_lps, self._least_stored(volume), look.clip)
            flat, image = lit.shade, self._surface_image(volume, lit, colors)
        else:
            flat = anatomy.project(*axes_lps, look.clip)
            image = GrayRenderer(volume, level.window, colors).image(flat.values)
            if colors[0] != _BLACK or volume.low_is_white:
                image.pixels[~anatomy.met(*axes_lps, look.clip)] = _BLACK  # type: ignore[attr-defined]
        self._draw(painter, volume, axes_lps, camera, flat, image)
        if self._heat is not None and overlay.is_drawn:
            heat = self._heat.project(*axes_lps, look.clip)
            picture = overlay_image(heat.values, self._heat_lut)
            self._draw(painter, volume, axes_lps, camera, heat, picture)
        self._paint_masks(painter, volume, axes_lps, camera)

    def _paint_masks(
        self,
        painter: QPainter,
        volume: Volume,
        axes_lps: tuple[np.ndarray, np.ndarray],
        camera: Camera,
    ) -> None:
        """Masks as silhouettes: in front of everything, wherever they lie in the depth."""
        clip = self._display.volume_look.clip
        self.masks.draw(
            axes_lps,
            clip,
            lambda flat, image: self._draw(painter, volume, axes_lps, camera, flat, image),
        )
        painter.resetTransform()

    def _surface_image(self, volume: Volume, lit: Surface, colors: np.ndarray) -> QImage:
        """The lit surface, and the values on the face of a cut."""
        level = self._display.window_level
        # Light stays light where values are inverted.
        pixels = anatomy_colors(level.color_map, inverted=False)[lit.shade.values]
        pixels[~lit.found & (lit.shade.values == 0)] = _BLACK
        pixels[lit.face] = colors[to_gray(lit.face_values, volume, level.window)]
        return rgb_image(pixels)

    @property
    def _heat_lut(self) -> np.ndarray:
        """Premultiplied ARGB of the heatmap's levels, uint32 ``[256]``."""
        overlay = self._display.overlay
        return overlay_lut(overlay.opacity, overlay.threshold, overlay.color_map)

    def _least_stored(self, volume: Volume) -> float:
        """The stored value at which the surface lies."""
        level = self._display.volume_look.level_under(self._display.window_level.window)
        return (level - volume.intercept) / volume.slope

    def _cast(
        self,
        volume: Volume,
        anatomy: VolumeProjector,
        axes_lps: tuple[np.ndarray, np.ndarray],
        camera: Camera,
        size: QSize,
        ratio: float,
    ) -> QImage | None:
        """The image rendered by the graphics card, in device pixels; None where it cannot."""
        if not self.has_probed:
            self.has_probed, self.caster = True, find_ray_caster()
        caster = self.caster
        if caster is None:
            return None
        if not caster.has_loaded(anatomy, self._heat):
            caster.load(anatomy, self._heat)
        level, overlay = self._display.window_level, self._display.overlay
        look = self._display.volume_look
        right, down = axes_lps
        u, v = camera.to_mm(size.width() / 2, size.height() / 2)
        transfer = look.transfer_under(level.window)
        ends = (level.window.low, level.window.high) if transfer is None else transfer.range
        low, high = ((each - volume.intercept) / volume.slope for each in ends)
        grays = to_gray(np.linspace(low, high, 256, dtype=np.float32)[None], volume, level.window)
        image = caster.render(
            Viewpoint(
                right,
                down,
                volume.center_lps + u * right + v * down,
                camera.scale * ratio,
                low,
                high,
                self._least_stored(volume) if look.is_surface else None,
                look.clip,
                self._scene.translucency(transfer) if self._scene and transfer else None,
            ),
            anatomy_colors(level.color_map, level.inverted)[grays[0]],
            anatomy_colors(level.color_map, inverted=False),
            self._heat_lut if self._heat is not None and overlay.is_drawn else None,
            size * ratio,
        )
        if image is None:
            # After one failure the driver is not used again.
            self.caster = None
            return None
        image.setDevicePixelRatio(ratio)
        return image

    def _draw(
        self,
        painter: QPainter,
        volume: Volume,
        axes_lps: tuple[np.ndarray, np.ndarray],
        camera: Camera,
        flat: ProjectedImage,
        image: QImage,
    ) -> None:
        right, down = axes_lps
        u0, v0 = float(volume.center_lps @ right), float(volume.center_lps @ down)
        (a, b, u), (c, d, v) = flat.to_screen
        scale = camera.scale
        x, y = camera.to_px(u - u0, v - v0)
        # Pixel centres lie half a pixel inside the picture.
        painter.setTransform(
            QTransform(a * scale, c * scale, b * scale, d * scale, x, y).translate(-0.5, -0.5)
        )
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(QPointF(0, 0), image)
