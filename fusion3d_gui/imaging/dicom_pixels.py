"""The pixels of a stack of DICOM frames into one array, decoded in threads."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.bounds import check_memory
from fusion3d_gui.imaging.dicom_file import DicomFile, Frame, Scale
from fusion3d_gui.imaging.dicom_frame_pixels import can_read, read_frames
from fusion3d_gui.imaging.dicom_sort import Stack
from fusion3d_gui.imaging.luminance import luminance
from fusion3d_gui.progress import Progress


@dataclass(frozen=True, eq=False)
class Pixels:
    """Voxels ``[k, j, i]``, and what their numbers mean."""

    voxels: np.ndarray
    scale: Scale
    notices: tuple[str, ...]


def read_pixels(stack: Stack, progress: Progress) -> Pixels:
    """Decode all frames of a stack.

    The stored integer type is kept. Where the slices' rescale differs, or slices are unevenly
    spaced and have to be interpolated, the voxels are float32 real values.

    Raises UserError where a file can't be read, is damaged or in a transfer syntax that is not
    supported, or where memory does not suffice.
    """
    frames = stack.frames
    _check_syntaxes(frames)
    path = frames[0].file.path
    scales = {frame.scale for frame in frames}
    real = len(scales) > 1
    stored = frames[0].file.format.dtype
    dtype = np.dtype(np.float32) if real and stored.itemsize < 8 else stored
    even = stack.layout.is_even
    count = stack.shape[0] if even else len(frames)
    check_memory(count * frames[0].shape[0] * frames[0].shape[1] * dtype.itemsize, path)
    shape = (count, *frames[0].shape)
    slots = stack.layout.slots if even else np.arange(len(frames))
    blank = count > len(frames)
    voxels = np.zeros(shape, dtype) if blank else np.empty(shape, dtype)
    notices = _fill(voxels, frames, slots, real, progress)
    scale = Scale(unit=frames[0].scale.unit) if real else frames[0].scale
    if real:
        notices.append("The rescale differs from slice to slice; applied, as real values.")
    if blank:
        filled = np.zeros(count, dtype=bool)
        filled[slots] = True
        voxels[~filled] = voxels[filled].min()
    if not even:
        voxels = _interpolate(voxels, stack.layout.slots, stack.shape[0])
    return Pixels(voxels, scale, tuple(notices))


def _check_syntaxes(frames: Sequence[Frame]) -> None:
    for syntax, file in {frame.file.transfer_syntax: frame.file for frame in frames}.items():
        if not can_read(syntax):
            from pydicom.uid import UID

            raise UserError(
                f"is compressed in a way that can't be read ({UID(syntax).name})",
                path=file.path,
                remedy="Export it uncompressed or as JPEG 2000.",
            )


def _fill(
    voxels: np.ndarray, frames: Sequence[Frame], slots: np.ndarray, real: bool, progress: Progress
) -> list[str]:
    """Decode every frame into its slice; in threads, since reading and decoding release the lock."""
    by_file: dict[DicomFile, list[tuple[Frame, np.ndarray]]] = defaultdict(list)
    for frame, slot in zip(frames, slots.tolist(), strict=True):
        by_file[frame.file].append((frame, voxels[slot]))
    notices: set[str] = set()
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1), thread_name_prefix="decode") as pool:
        jobs = [pool.submit(_fill_from, file, job, real) for file, job in by_file.items()]
        try:
            for done, job in enumerate(as_completed(jobs), start=1):
                notices |= job.result()
                progress(done / len(jobs), "Reading slices")
        finally:
            for job in jobs:
                job.cancel()
    return sorted(notices)


def _fill_from(file: DicomFile, job: list[tuple[Frame, np.ndarray]], real: bool) -> set[str]:
    """Decode the frames that one file holds into their slices; return notices."""
    notices: set[str] = set()
    by_index: dict[int, list[tuple[Frame, np.ndarray]]] = defaultdict(list)
    for frame, out in job:
        by_index[frame.index].append((frame, out))
    whole = all(frame.tile is None for frame, _ in job)
    plain = whole and not real and file.format.samples == 1
    targets = {index: pairs[0][1] for index, pairs in by_index.items()} if plain else {}
    for index, image in read_frames(file, sorted(by_index), targets, notices):
        gray = luminance(image, file, notices)
        for frame, out in by_index[index]:
            part = gray
            if frame.tile is not None:
                row, column, rows, columns = frame.tile
                part = gray[row : row + rows, column : column + columns]
            if real:
                part = part.astype(np.float64) * frame.scale.slope + frame.scale.intercept
            if part is not out:
                out[...] = part
    return notices


def _interpolate(voxels: np.ndarray, positions: np.ndarray, count: int) -> np.ndarray:
    """Slices at fractional ``positions`` onto whole numbers, linearly, rounded to the stored type."""
    out = np.empty((count, *voxels.shape[1:]), voxels.dtype)
    for k in range(count):
        above = int(np.clip(np.searchsorted(positions, k), 1, len(positions) - 1))
        below = above - 1
        share = (k - positions[below]) / (positions[above] - positions[below])
        share = float(np.clip(share, 0.0, 1.0))
        plane = voxels[below] * (1.0 - share) + voxels[above] * share
        out[k] = plane if voxels.dtype.kind == "f" else np.rint(plane)
    return out
