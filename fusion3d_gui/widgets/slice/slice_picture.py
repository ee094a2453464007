"""``SlicePicture``: the composed anatomy and heatmap of one view, cached until something changes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from PySide6.QtCore import QPoint, QRectF, QSize
from PySide6.QtGui import QImage, QPainter

from fusion3d_gui.imaging.plane import Orientation, Rect
from fusion3d_gui.imaging.reslice.sampling import Interpolation
from fusion3d_gui.imaging.reslice.slab import Slab
from fusion3d_gui.imaging.reslice.slicer import (
    SamplingOptions,
    Slice,
    Slicer,
    transform_volume,
)
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.state.display.camera import Camera
from fusion3d_gui.state.display.display import Display
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.color_map import anatomy_colors
from fusion3d_gui.widgets.look.one_entry_cache import OneEntryCache
from fusion3d_gui.widgets.look.reused_array import ReusedArray
from fusion3d_gui.widgets.slice.captions import Captions, CaptionTexts
from fusion3d_gui.widgets.slice.crosshair_arms import Box
from fusion3d_gui.widgets.slice.heat.heat_layer import HeatLayer
from fusion3d_gui.widgets.slice.layer_painting import compose_layers
from fusion3d_gui.widgets.slice.slice_image import GrayRenderer
from fusion3d_gui.widgets.slice.unread_hatching import hatching_image

#: A coarse preview is resampled at pixels this many times larger than the screen's.
_HURRIED = 2.0

#: And a slab is made of about this many samples.
_HURRIED_SAMPLES = 300_000

#: The heatmap's pixels are this many times larger than the screen's where the planes are oblique;
#: its cells are far larger still.
_OBLIQUE_OVERLAY = 2.0


class SlicePicture:
    """The image of a view below crosshair, marks and captions.

    While ``hurried``, what must be resampled is coarse; ``unfinished`` tells that it still is.
    """

    def __init__(self, orientation: Orientation, display: Display) -> None:
        self.orientation = orientation
        self.hurried = False
        self.unfinished = False
        #: Whether this view shows the heatmap at all; the plain one of two side by side doesn't.
        self.with_overlay = True
        #: What is drawn over the gray image: a key equal while it looks the same, its rectangle (screen mm), an image.
        self.over: Callable[[Camera, float], tuple[object, Rect, QImage] | None] | None = None
        self._display = display
        self._volume: Volume | None = None
        self._heatmap: Heatmap | None = None
        self._slicer: Slicer | None = None
        self._heat = HeatLayer(display.overlay)
        self._own_top: float | None = None
        self._matrix: np.ndarray | None = None
        self._slice: OneEntryCache[Slice] = OneEntryCache()
        self._fine: OneEntryCache[Slice] = OneEntryCache()
        self._maker: OneEntryCache[GrayRenderer] = OneEntryCache()
        self._image: OneEntryCache[QImage] = OneEntryCache()
        self._base: OneEntryCache[tuple[QImage, list[Box]]] = OneEntryCache()
        self._base_buffer = QImage()
        self._painted: object = None
        self._gray_buffer = ReusedArray()
        self._depth: OneEntryCache[float] = OneEntryCache()
        self.captions = Captions()

    # -- contents -----------------------------------------------------------------------------

    def set_volume(self, volume: Volume | None) -> None:
        """Show a volume, without a heatmap; None shows nothing."""
        self._volume, self._heatmap = volume, None
        self._forget()
        self._maker.clear()

    def set_heatmap(self, heatmap: Heatmap | None, top: float | None = None) -> None:
        """Set the heatmap and the value at its scale's top (None: its peak); None removes it."""
        self._heatmap, self._own_top = heatmap, top
        self._heat.forget()
        self._base.clear()

    def refresh(self) -> None:
        """Drop cached images: the volume's voxels have changed, as they do while it is read."""
        self._forget()

    def _forget(self) -> None:
        self._slicer = self._matrix = None
        self._heat.forget()
        for kept in (self._slice, self._fine, self._image, self._base, self._depth):
            kept.clear()

    @property
    def volume(self) -> Volume | None:
        """The volume on screen, in patient space."""
        return self._volume

    @property
    def heatmap(self) -> Heatmap | None:
        """The heatmap over the anatomy, shown or not."""
        return self._heatmap

    @property
    def heat_top(self) -> float:
        """Value at the top of the heatmap's scale."""
        assert self._heatmap is not None
        return self._display.overlay.top_of(self._heatmap, self._own_top)

    @property
    def matrix(self) -> np.ndarray:
        """Affine [4, 4] from patient space (mm, LPS) to plane space, in which the plane is axis-aligned."""
        return self._display.planes.matrix(self.orientation.name)

    @property
    def slicer(self) -> Slicer | None:
        """The slicer of the volume in plane space; None without a volume."""
        if self._volume is None:
            return None
        if self._slicer is None or self.matrix is not self._matrix:
            self._forget()
            self._matrix = self.matrix
            self._slicer = Slicer(
                transform_volume(self._volume, self._matrix), snaps=self._display.planes.snap
            )
        return self._slicer

    @property
    def depth_mm(self) -> float:
        """Position (mm) of the shown plane along its normal, in plane space."""
        slicer, crosshair = self.slicer, self._display.crosshair

        def nearest() -> float:
            row = self.matrix[self.orientation.depth]
            depth = float(row[:3] @ crosshair.position_lps + row[3])
            return depth if slicer is None else slicer.nearest_depth(self.orientation, depth)

        # Asked for many times in each paint.
        return self._depth.get(
            (crosshair.version, self._display.planes.version, self.orientation), nearest
        )

    @property
    def thickness_mm(self) -> float:
        """Thickness (mm) of the slab or slice that the image shows."""
        slicer = self.slicer
        if slicer is None:
            return 0.0
        return slicer.thickness_mm(self.orientation, self._display.slab.slab)

    @property
    def overlay_is_drawn(self) -> bool:
        """Whether the heatmap is painted where it meets this plane."""
        return self.overlay_is_on and self._display.overlay.is_drawn

    @property
    def overlay_is_on(self) -> bool:
        """Whether the heatmap is on, also while blinking hides it."""
        heatmap, overlay = self._heatmap, self._display.overlay
        wanted = self.with_overlay and overlay.visible and overlay.opacity > 0
        return wanted and heatmap is not None and heatmap.peak > 0

    def slice_for(self, camera: Camera) -> Slice | None:
        """The slice on screen, computed when it has changed."""
        slicer = self.slicer
        if slicer is None:
            return None
        key = self._slice_key(slicer, camera, hurried=False)
        if slicer.is_aligned or self._slice.has(key):
            self.unfinished = False
        else:
            takes_long = slab_is_thick(self._display) or key[1].interpolation is Interpolation.CUBIC
            self.unfinished = self.hurried or takes_long
            key = self._slice_key(slicer, camera, hurried=self.unfinished)
        return self._slice.get(key, lambda: self._cut(slicer, key))

    def has_slice(self, camera: Camera) -> bool:
        """Whether the slice at the crosshair is at hand in its final resolution."""
        slicer = self.slicer
        if slicer is None:
            return False
        return slicer.is_aligned or self._slice.has(self._slice_key(slicer, camera, hurried=False))

    def finishing(self, camera: Camera) -> Iterator[None]:
        """Replace a coarse slice by its final resolution, in short steps."""
        slicer = self.slicer
        if slicer is None or not self.unfinished:
            return
        key = self._slice_key(slicer, camera, hurried=False)
        pieces = slicer.cut_gradually(*key[0], key[1])
        whole = next(pieces)
        for piece in pieces:
            whole = piece
            yield
        if slicer is self.slicer:
            self._slice.get(key, lambda: whole)

    def _slice_key(
        self, slicer: Slicer, camera: Camera, hurried: bool
    ) -> tuple[tuple[Orientation, float, Slab], SamplingOptions]:
        slab, interpolation = self._display.slab.slab, self._display.smoothing.interpolation
        what = self.orientation, self.depth_mm, slab
        if slicer.is_aligned:
            return what, SamplingOptions()
        pixel = 1.0 / camera.scale
        if hurried:
            seen = slicer.rect(self.orientation).intersection(camera.visible)
            volume = seen.width * seen.height * slab.thickness_mm
            pixel = max(_HURRIED * pixel, (volume / _HURRIED_SAMPLES) ** (1 / 3))
            if slab.thickness_mm > 0:
                # For a slab, many nearest-neighbour samples are better than few interpolated ones.
                interpolation = Interpolation.NEAREST
            elif interpolation is Interpolation.CUBIC:
                interpolation = Interpolation.LINEAR
        return what, SamplingOptions(camera.visible, pixel, interpolation)

    def _cut(
        self, slicer: Slicer, key: tuple[tuple[Orientation, float, Slab], SamplingOptions]
    ) -> Slice:
        *_, piece = slicer.cut_gradually(*key[0], key[1])
        # Read again whenever the window level changes.
        return piece.with_contiguous_rows()

    # -- painting -----------------------------------------------------------------------------

    def paint(self, painter: QPainter, camera: Camera, area: QRectF, texts: CaptionTexts) -> None:
        """Paint the image; from the cache when only what lies above it has changed."""
        piece = self.slice_for(camera)
        if piece is None or self._volume is None:
            return
        ratio = painter.device().devicePixelRatioF()
        shown = self._enlarged(piece, camera, ratio)
        layers = [(shown.rect, self._gray(shown, self._volume))]
        assert self.slicer is not None
        unread = hatching_image(self.slicer.volume, self.orientation, piece)
        layers += [] if unread is None else [(piece.rect, unread)]
        over = None if self.over is None else self.over(camera, ratio)
        layers += [] if over is None else [over[1:]]
        smooth = self._display.smoothing.interpolation is not Interpolation.NEAREST
        heat = self._heat_on(shown, camera, ratio, alone=smooth and len(layers) == 1)
        if heat is not None and heat[2]:
            layers = [(shown.rect, self._heat.over(layers[0][1], self._image.version, heat[1]))]
        elif heat is not None:
            layers.append(heat[:2])
        key = (
            self._image.version,
            None if heat is None else (self._heat.version, heat[2]),
            None if over is None else over[0],
            (*camera.place, ratio),
            (texts, theme.scale(), smooth),
        )

        def draw(canvas: QPainter) -> None:
            compose_layers(canvas, layers, camera, area, ratio, smooth)
            self.captions.paint(canvas, texts, camera, area)

        def compose() -> tuple[QImage, list[Box]]:
            base = self._empty_base(area, ratio)
            canvas = QPainter(base)
            draw(canvas)
            canvas.end()
            return base, self.captions.areas

        if key == self._painted or self._base.has(key):
            # Only what lies above has changed, and probably will again: keep this image.
            base, occupied = self._base.get(key, compose)
            painter.drawImage(QPoint(0, 0), base)
            self.captions.set_areas(occupied)
        else:
            draw(painter)
        self._painted = key

    def _empty_base(self, area: QRectF, ratio: float) -> QImage:
        """An image of the view's size in device pixels; reuses the last one of the same size."""
        # Rounded up: at 150 % a view may end in the middle of a pixel, which would keep its old colour.
        size = QSize(math.ceil(area.width() * ratio), math.ceil(area.height() * ratio))
        if self._base_buffer.size() != size:
            self._base_buffer = QImage(size, QImage.Format.Format_RGB32)
            self._base_buffer.setDevicePixelRatio(ratio)
        return self._base_buffer

    def _enlarged(self, piece: Slice, camera: Camera, ratio: float) -> Slice:
        """The slice resampled to the screen's pixels, where cubic interpolation is on and voxels are larger."""
        pixel = 1.0 / (camera.scale * ratio)
        rows, columns = piece.values.shape
        is_enlarged = pixel < max(piece.rect.width / columns, piece.rect.height / rows)
        cubic = self._display.smoothing.interpolation is Interpolation.CUBIC
        if not (cubic and is_enlarged) or self.slicer is None or not self.slicer.is_aligned:
            return piece
        rect, shape = camera.pixels_of(piece.rect, ratio)
        return self._fine.get(
            (self._slice.version, rect, shape),
            lambda: piece.enlarged(rect, shape),
        )

    def _gray(self, piece: Slice, volume: Volume) -> QImage:
        level = self._display.window_level
        colors = level.color_map, level.inverted
        maker = self._maker.get(
            (level.window, colors),
            lambda: GrayRenderer(volume, level.window, anatomy_colors(*colors)),
        )
        key = (self._slice.version, piece.rect, piece.values.shape, self._maker.version)
        return self._image.get(key, lambda: maker.image(piece.values, self._gray_buffer))

    def _heat_on(
        self, piece: Slice, camera: Camera, ratio: float, *, alone: bool
    ) -> tuple[Rect, QImage, bool] | None:
        """The visible part of the heatmap on the slice's plane; None without.

        Its rectangle (mm), its image, and whether its pixels are the slice's, as they may be where the slice is
        drawn ``alone``: nothing lies between.
        """
        slicer, heatmap = self.slicer, self._heatmap
        if heatmap is None or slicer is None or not self.overlay_is_drawn:
            return None
        self._heat.use(heatmap, self.heat_top, self.matrix)
        coarse = 1.0
        if not self._heat.is_aligned:
            coarse = _OBLIQUE_OVERLAY * (_HURRIED if self.hurried else 1.0)
        on_slice = alone and slicer.is_aligned and self._heat.suits(piece, camera, ratio)
        if on_slice:
            rect, shape = piece.rect, piece.values.shape
        else:
            rect, shape = camera.pixels_of(slicer.rect(self.orientation), ratio / coarse)
        thickness = self.thickness_mm if slab_is_thick(self._display) else 0.0
        plane = self.orientation, piece.depth_mm, thickness
        return rect, self._heat.image(plane, rect, shape, ratio / coarse), on_slice


def slab_is_thick(display: Display) -> bool:
    """Whether a slab and not a single slice is shown."""
    return display.slab.slab.thickness_mm > 0
