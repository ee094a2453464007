"""``TranslucentPicture``: a volume as a lit cloud of coloured, more or less opaque voxels, drawn by the processor.

Slices are laid over each other from the farthest to the nearest, displaced as for the other projections (shear and
warp: see :mod:`~fusion3d_gui.imaging.reslice.volume_projection`). Each voxel is a number of 16 bits, its class (value
and strength of boundary) and the direction in which its boundary faces: a turn changes one table of 65,536 colours, not
the voxels. Qt lays the slices over each other, at about a nanosecond a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPoint
from PySide6.QtGui import QImage, QPainter

from fusion3d_gui.imaging.display.transfer_function import TransferFunction
from fusion3d_gui.imaging.reslice.clip import ClipPlane
from fusion3d_gui.imaging.reslice.volume_projection import ProjectedImage, VolumeProjector
from fusion3d_gui.imaging.reslice.voxel_shading import (
    DIRECTIONS,
    STRENGTHS,
    VoxelShading,
)

#: Classes of voxels; class 0 is transparent.
_CLASSES = 64
_CLASS_BITS = 10
_FORMAT = QImage.Format.Format_ARGB32_Premultiplied


@dataclass(frozen=True, eq=False)
class Layer:
    """Voxels numbered by a table of colours, ``[k, j, i]``, and for each colour whether it is seen at all."""

    numbers: np.ndarray
    visible: np.ndarray


@dataclass(frozen=True, eq=False)
class _Stack:
    """A layer across a voxel axis: what is seen of each slice (None: nothing), and where it begins (row, column)."""

    parts: list[tuple[np.ndarray, int, int] | None]


def classify(
    anatomy: VolumeProjector,
    shading: VoxelShading,
    transfer: TransferFunction,
    slope: float,
    intercept: float,
) -> tuple[Layer, np.ndarray, np.ndarray]:
    """Number the voxels by a transfer function.

    Parameters
    ----------
    anatomy, shading
        The volume, and the boundaries in it.
    transfer
        In real values, see :meth:`~fusion3d_gui.imaging.display.transfer_function.TransferFunction.within`.
    slope, intercept
        From stored to real values.

    Returns
    -------
    layer, colors, opacities
        The voxels, and of each class the colour ``[64, 3]`` and the opacity of a millimetre ``[64]``.
    """
    low, high = transfer.range
    strengths = STRENGTHS if transfer.edges > 0 else 1
    levels = _CLASSES // strengths
    scale = (levels - 1) / max(high - low, 1e-9)
    # Class 0 stays free for what is not seen.
    values = low + np.arange(levels) / scale
    colors, opacities = transfer.colors(values)
    colors, opacities = np.repeat(colors, strengths, axis=0), np.repeat(opacities, strengths)
    if strengths > 1:
        share = (np.arange(strengths) + 0.25) / (strengths - 0.75)
        weight = (1 - transfer.edges) + transfer.edges * share
        opacities = opacities * np.tile(weight, levels)
    opacities[0] = 0.0
    factor, offset = np.float32(slope * scale), np.float32((intercept - low) * scale)
    numbers = np.empty(anatomy.shape, np.uint16)
    for k, slab in enumerate(anatomy.voxels):
        level = slab.astype(np.float32) * factor + offset
        found = np.nan_to_num(level, nan=0.0).clip(0, levels - 1).astype(np.uint16)
        if strengths > 1:
            found = found * np.uint16(strengths) + shading.strengths[k]
        numbers[k] = (found << _CLASS_BITS) | shading.directions[k]
    visible = np.repeat(opacities > 0, DIRECTIONS)
    return Layer(numbers, visible), colors, opacities


class TranslucentPicture:
    """Layers of one volume's grid, drawn from any side."""

    def __init__(self, anatomy: VolumeProjector) -> None:
        self._anatomy = anatomy
        self._stacks: dict[tuple[int, int, ClipPlane | None], tuple[Layer, _Stack]] = {}

    def draw(
        self,
        right_lps: np.ndarray,
        down_lps: np.ndarray,
        clip: ClipPlane | None,
        layers: list[tuple[Layer, np.ndarray]],
    ) -> tuple[ProjectedImage, QImage]:
        """Draw layers, each with its table of colours (premultiplied ARGB, uint32) of one slice, later ones over earlier ones.

        Returns
        -------
        ProjectedImage, QImage
            Where the picture lies, and the picture: opaque, on black.
        """
        shear = self._anatomy.shear(right_lps, down_lps)
        rows, columns = shear.shape
        picture = np.full((rows, columns), 0xFF000000, np.uint32)
        image = QImage(picture.data, columns, rows, 4 * columns, _FORMAT)
        stacks = [(self._stack(layer, shear.axis, clip), table) for layer, table in layers]
        keys = {(id(layer), shear.axis, clip) for layer, _ in layers}
        self._stacks = {key: kept for key, kept in self._stacks.items() if key in keys}
        away = np.cross(right_lps, down_lps)
        farthest_first = shear.positions
        if float(self._anatomy.affine[:3, shear.axis] @ away) > 0:
            farthest_first = farthest_first[::-1]
        painter = QPainter(image)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)
        for number, (down_by, right_by) in farthest_first:
            for stack, table in stacks:
                part = stack.parts[number]
                if part is not None:
                    numbers, top, left = part
                    colors = table.take(numbers)
                    height, width = colors.shape
                    slice_image = QImage(colors.data, width, height, 4 * width, _FORMAT)
                    painter.drawImage(
                        QPoint(right_by.start + left, down_by.start + top), slice_image
                    )
        painter.end()
        return ProjectedImage(picture, shear.to_screen), image

    def slice_mm(self, right_lps: np.ndarray, down_lps: np.ndarray) -> float:
        """How far (mm) a line of sight goes from slice to slice."""
        axis = self._anatomy.shear(right_lps, down_lps).axis
        away = np.cross(right_lps, down_lps)
        normal = np.linalg.inv(self._anatomy.affine[:3, :3])[axis]
        return float(1 / np.abs(normal @ away))

    def _stack(self, layer: Layer, axis: int, clip: ClipPlane | None) -> _Stack:
        key = id(layer), axis, clip
        if key not in self._stacks:
            self._stacks[key] = layer, self._made(layer, axis, clip)
        return self._stacks[key][1]

    def _made(self, layer: Layer, axis: int, clip: ClipPlane | None) -> _Stack:
        parts: list[tuple[np.ndarray, int, int] | None] = []
        for number, numbers in enumerate(self._anatomy.across(layer.numbers, axis)):
            seen = layer.visible[numbers]
            if clip is not None:
                seen &= self._anatomy.beyond(axis, number, clip) <= 0
            rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
            if not len(rows):
                parts.append(None)
                continue
            box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
            # Number 0 is transparent in every table.
            kept = np.where(seen[box], numbers[box], 0).astype(layer.numbers.dtype)
            parts.append((kept, int(rows[0]), int(columns[0])))
        return _Stack(parts)
