"""``TranslucentScene``: what a translucent picture is made of: anatomy by a transfer function, heatmap and masks."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from importlib import import_module

import numpy as np
from PySide6.QtGui import QColor, QImage

from fusion3d_gui.imaging.display.transfer_function import TransferFunction
from fusion3d_gui.imaging.plane import Plane
from fusion3d_gui.imaging.reslice.clip import ClipPlane
from fusion3d_gui.imaging.reslice.sampling import Interpolation, sample
from fusion3d_gui.imaging.reslice.volume_projection import ProjectedImage, VolumeProjector
from fusion3d_gui.imaging.reslice.voxel_shading import (
    DIRECTIONS,
    VoxelShading,
    brightness,
    prepare_shading,
)
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.widgets.volume.mask_silhouettes import MaskLook
from fusion3d_gui.widgets.volume.translucent_picture import Layer, TranslucentPicture, classify
from fusion3d_gui.widgets.volume.viewpoint import Translucency

#: A heatmap reaches the opacity that was chosen for it within this depth (mm), a mask within that.
HEAT_DEPTH_MM, _MASK_DEPTH_MM = 10.0, 4.0
_LEAST_MASK_OPACITY = 0.35


class TranslucentScene:
    """Made for one volume; layers are made again only where what they show has changed."""

    def __init__(self, volume: Volume, anatomy: VolumeProjector, shading: VoxelShading) -> None:
        self._volume, self._anatomy, self._shading = volume, anatomy, shading
        self._picture = TranslucentPicture(anatomy)
        self._classified: tuple[TransferFunction, Layer, np.ndarray, np.ndarray] | None = None
        self._heat: tuple[VolumeProjector, np.ndarray, Layer] | None = None
        self._masks: tuple[tuple[MaskLook, ...], Layer, list[QColor]] | None = None

    def translucency(self, transfer: TransferFunction) -> Translucency:
        """The same for a graphics card; its table goes over the transfer function's range."""
        colors, opacities = transfer.colors(np.linspace(*transfer.range, 256))
        channels = [np.sqrt(opacities), *colors.T]
        red_first = [(255 * each).round().astype(np.uint32) for each in channels]
        table = red_first[0] << 24 | red_first[1] << 16 | red_first[2] << 8 | red_first[3]
        return Translucency(table, transfer.edges, self._shading.strongest)

    def draw(
        self,
        axes_lps: tuple[np.ndarray, np.ndarray],
        clip: ClipPlane | None,
        transfer: TransferFunction,
        heat: tuple[VolumeProjector, np.ndarray] | None,
        masks: Sequence[MaskLook],
    ) -> tuple[ProjectedImage, QImage]:
        """Draw it from a side; ``heat``: its levels on the anatomy's voxels, and the overlay's table of colours."""
        mm = self._picture.slice_mm(*axes_lps)
        diffuse, highlight = brightness(*axes_lps)
        layer, colors, opacities = self._anatomy_layer(transfer)
        alpha = 1 - (1 - opacities) ** mm
        layers = [(layer, _lit_table(colors, alpha, diffuse, highlight))]
        if heat is not None:
            projector, lut = heat
            layers.append((self._heat_layer(projector, lut), _thinned(lut, mm / HEAT_DEPTH_MM)))
        if masks:
            mask_layer, shown = self._mask_layer(masks)
            rgb = np.array([(0, 0, 0), *[(c.red(), c.green(), c.blue()) for c in shown]]) / 255
            wanted = [max(each.opacity, _LEAST_MASK_OPACITY) for each in masks]
            full = 1 - (1 - np.array([0.0, *wanted]).clip(0, 0.98)) ** (mm / _MASK_DEPTH_MM)
            layers.append((mask_layer, _lit_table(rgb, full, diffuse, highlight)))
        return self._picture.draw(*axes_lps, clip, layers)

    def _anatomy_layer(self, transfer: TransferFunction) -> tuple[Layer, np.ndarray, np.ndarray]:
        kept = self._classified
        if kept is None or kept[0] != transfer:
            volume = self._volume
            layer, colors, opacities = classify(
                self._anatomy, self._shading, transfer, volume.slope, volume.intercept
            )
            kept = self._classified = transfer, layer, colors, opacities
        return kept[1:]

    def _heat_layer(self, projector: VolumeProjector, lut: np.ndarray) -> Layer:
        visible = lut >> 24 > 0
        kept = self._heat
        if kept is None or kept[0] is not projector or not np.array_equal(kept[1], visible):
            kept = self._heat = projector, visible, Layer(projector.voxels, visible)
        return kept[2]

    def _mask_layer(self, masks: Sequence[MaskLook]) -> tuple[Layer, list[QColor]]:
        """All masks in one layer on the anatomy's voxels, lit by their own boundaries; later ones win."""
        kept = self._masks
        before = () if kept is None else kept[0]
        same = len(before) == len(masks) and all(
            one.grid is other.grid and one.color == other.color
            for one, other in zip(before, masks, strict=True)
        )
        if kept is None or not same:
            labels = np.zeros(self._anatomy.shape, np.uint8)
            for number, each in enumerate(masks, 1):
                labels[_inside(each.grid, self._anatomy)] = number
            numbers = np.zeros(labels.shape, np.uint16)
            found = np.argwhere(labels)
            if len(found):
                low = np.maximum(found.min(axis=0) - 2, 0)
                box = tuple(slice(a, b + 3) for a, b in zip(low, found.max(axis=0), strict=True))
                part = labels[box]
                shade = [
                    each
                    for each in prepare_shading((part > 0).astype(np.float32), self._anatomy.affine)
                    if each is not None
                ][-1]
                numbers[box] = np.where(
                    part > 0, part.astype(np.uint16) * DIRECTIONS + shade.directions, 0
                )
            visible = np.ones((len(masks) + 1) * DIRECTIONS, bool)
            visible[:DIRECTIONS] = False
            colors = [QColor(each.color) for each in masks]
            kept = self._masks = tuple(masks), Layer(numbers, visible), colors
        return kept[1:]


def prepare_scene(volume: Volume, anatomy: VolumeProjector) -> Iterator[TranslucentScene | None]:
    """Find the boundaries of tissue, in small steps: None after each, the scene at the end."""
    # What the next step needs takes a fifth of a second to import: on a thread, while the window goes on.
    importing = threading.Thread(target=import_module, args=("scipy.ndimage",))
    importing.start()
    while importing.is_alive():
        importing.join(0.002)
        yield None
    rising = volume.slope >= 0
    for made in prepare_shading(anatomy.voxels, anatomy.affine, rising_inwards=rising):
        yield None if made is None else TranslucentScene(volume, anatomy, made)


def _inside(grid: Volume, like: VolumeProjector) -> np.ndarray:
    """Where a mask lies on another grid, bool ``[k, j, i]``."""
    n_k, n_j, n_i = like.shape
    found = np.empty(like.shape, bool)
    plane = Plane(like.affine[:3, 3], like.affine[:3, 0], like.affine[:3, 1], (n_j, n_i))
    for k in range(n_k):
        shifted = plane.shifted(like.affine[:3, 2] * k)
        found[k] = sample(grid, shifted, 0.0, Interpolation.NEAREST) > 0
    return found


def _lit_table(
    colors: np.ndarray, alpha: np.ndarray, diffuse: np.ndarray, highlight: np.ndarray
) -> np.ndarray:
    """Premultiplied ARGB, uint32 ``[n * directions]``, of colours ``[n, 3]`` with opacities ``[n]``, lit."""
    lit = colors[:, None, :] * diffuse[None, :, None] + highlight[None, :, None]
    return _packed(lit.clip(0, 1), np.broadcast_to(alpha[:, None], lit.shape[:2])).reshape(-1)


def _thinned(lut: np.ndarray, share: float) -> np.ndarray:
    """A table of premultiplied colours with the opacity of a slice that is this share of the depth for which it holds."""
    argb = np.stack([lut >> shift & 0xFF for shift in (24, 16, 8, 0)], axis=-1) / 255
    alpha = argb[:, 0]
    colors = argb[:, 1:] / np.maximum(alpha, 1e-6)[:, None]
    return _packed(colors.clip(0, 1), 1 - (1 - alpha.clip(0, 0.98)) ** share)


def _packed(colors: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Premultiplied ARGB of colours ``[..., 3]`` with opacities (0 to 1), rounded: many thin layers add up."""
    opaque = np.rint(255 * alpha).astype(np.uint32)
    # By the opacity that is left after rounding, or thin layers would darken what lies behind them.
    parts = np.rint(colors * opaque[..., None]).astype(np.uint32)
    table: np.ndarray = opaque << 24 | parts[..., 0] << 16 | parts[..., 1] << 8 | parts[..., 2]
    return table
