"""Number and location of the image in the file for each slice of a stack."""

from __future__ import annotations

from fusion3d_gui.imaging.dicom.frames.frame import Frame
from fusion3d_gui.imaging.dicom.stack.sort import Stack


def image_numbers(stack: Stack) -> tuple[int | None, ...]:
    """For each slice the number of its image, None where it is missing; empty where slices are interpolated."""
    if not stack.geometry.is_even:
        return ()
    found: list[int | None] = [None] * stack.geometry.slice_count
    for frame, slice_index in zip(stack.frames, stack.geometry.slice_indices, strict=True):
        found[int(slice_index)] = _number(frame)
    return tuple(found)


def slice_locations_mm(stack: Stack) -> tuple[float | None, ...]:
    """For each slice the Slice Location that the file gives; empty where slices are interpolated."""
    if not stack.geometry.is_even:
        return ()
    found: list[float | None] = [None] * stack.geometry.slice_count
    for frame, slice_index in zip(stack.frames, stack.geometry.slice_indices, strict=True):
        if frame.file.frame_count == 1 and frame.tile is None:
            found[int(slice_index)] = frame.file.elements.number("SliceLocation")
    return tuple(found)


def _number(frame: Frame) -> int | None:
    """Instance Number of a file of one image; of several, the number of the frame or tile, from 1."""
    if frame.file.frame_count > 1 or frame.tile is not None:
        return frame.index + 1
    number = frame.file.elements.number("InstanceNumber")
    return None if number is None else int(number)
