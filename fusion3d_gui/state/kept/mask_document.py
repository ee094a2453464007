"""``KeptMask`` and ``OpenedMap`` as the document of a session file holds them, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from fusion3d_gui.imaging.labels.scan_object import Mask
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.plain_text import visible_text
from fusion3d_gui.report.session import document as doc
from fusion3d_gui.report.session.archive import LARGEST_ARRAYS, add_array
from fusion3d_gui.report.session.document import affine_of, affine_rows
from fusion3d_gui.state.case.scan_objects import OpenedMap
from fusion3d_gui.state.masks.mask_list import CaseMask, KeptMask

#: Left free of what a session may hold: for the headers of its arrays.
_SPARE = 1_000_000
#: Kept work is written several times a minute: a larger map (bytes) is in session files alone.
_LARGEST_KEPT_MAP = 32_000_000


def mask_documents(
    masks: Sequence[KeptMask], arrays: dict[str, np.ndarray]
) -> list[doc.MaskDocument]:
    """Masks as the document holds them; their arrays are added to ``arrays``.

    As many as a session can hold: where that is too few, those that the reader drew come first.
    """
    room = LARGEST_ARRAYS - _SPARE - sum(each.nbytes for each in arrays.values())
    taken: set[int] = set()
    for number in sorted(range(len(masks)), key=lambda n: not masks[n].item.is_drawn):
        size = _packed_size(masks[number].item.mask.grid.shape)
        if size <= room and len(taken) < doc.MOST_MASKS:
            taken.add(number)
            room -= size
    return [_document(masks[number], arrays) for number in sorted(taken)]


def _packed_size(shape: tuple[int, int, int]) -> int:
    return shape[0] * shape[1] * -(-shape[2] // 8)


def _document(kept: KeptMask, arrays: dict[str, np.ndarray]) -> doc.MaskDocument:
    item = kept.item
    grid = item.mask.grid
    return doc.MaskDocument(
        item.mask.name[:300],
        item.color,
        add_array(arrays, np.packbits(grid.voxels > 0, axis=-1)),
        affine_rows(grid.affine),
        columns=grid.shape[2],
        is_drawn=item.is_drawn,
        shown=kept.shown,
        selected=kept.selected,
        stored_ml=item.mask.stored_ml,
    )


def mask_of(number: int, plain: doc.MaskDocument, arrays: Mapping[str, np.ndarray]) -> KeptMask:
    """A mask, numbered. Raises ValueError where it makes no sense, KeyError where its array is missing."""
    inside = arrays[plain.array]
    if plain.columns is not None:
        if inside.dtype != np.uint8 or inside.shape[2] != -(-plain.columns // 8):
            raise ValueError("a mask has other columns than it says")
        inside = np.unpackbits(inside, axis=-1, count=plain.columns).view(np.bool_)
    if inside.dtype != np.bool_ or not inside.any():
        raise ValueError("a mask is empty, or none")
    name = visible_text(plain.name)
    grid = Volume(inside.view(np.uint8), affine_of(plain.affine), description=name)
    mask = replace(Mask(name, grid, plain.color), stored_ml=plain.stored_ml)
    item = CaseMask(number, mask, plain.color, is_drawn=plain.is_drawn)
    return KeptMask(item, plain.shown, plain.selected)


def map_document(
    opened: OpenedMap | None, arrays: dict[str, np.ndarray], *, in_session_file: bool
) -> doc.OpenedMapDocument | None:
    """A map of a file as the document holds it, its array added to ``arrays``; None without one, or where it is too large."""
    if opened is None:
        return None
    voxels, taken = opened.volume.voxels, sum(each.nbytes for each in arrays.values())
    room = LARGEST_ARRAYS - _SPARE - taken if in_session_file else _LARGEST_KEPT_MAP
    if 4 * voxels.size > room:
        return None
    name = add_array(arrays, voxels.astype(np.float32, copy=False))
    return doc.OpenedMapDocument(name, affine_rows(opened.volume.affine), opened.title[:300])


def map_of(
    plain: doc.OpenedMapDocument | None, arrays: Mapping[str, np.ndarray]
) -> OpenedMap | None:
    """A map. Raises ValueError where it is none, KeyError where its array is missing."""
    if plain is None:
        return None
    values = arrays[plain.array]
    if values.dtype != np.float32:
        raise ValueError("a map has no real values")
    return OpenedMap(Volume(values, affine_of(plain.affine)), visible_text(plain.title))
