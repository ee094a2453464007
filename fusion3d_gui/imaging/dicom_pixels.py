"""The pixels of a stack of DICOM frames into one array, decoded in threads, the middle slice first."""

from __future__ import annotations

import os
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

import numpy as np
from pydicom.uid import UID

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.bounds import check_memory
from fusion3d_gui.imaging.dicom_encoding import DEFLATED
from fusion3d_gui.imaging.dicom_file import DicomFile, Frame, Scale
from fusion3d_gui.imaging.dicom_frame_pixels import can_read, read_frames
from fusion3d_gui.imaging.dicom_sort import Stack
from fusion3d_gui.imaging.filling import Filling
from fusion3d_gui.imaging.luminance import luminance
from fusion3d_gui.progress import Progress

#: Frames of a multi-frame file that one thread takes at a time.
_FRAMES_A_JOB = 8
#: How often progress is told, and so how soon a wish to cancel is heard.
_TICK_S = 0.05


@dataclass(frozen=True, eq=False)
class Pixels:
    """Voxels ``[k, j, i]``, what their numbers mean, and which slices are there so far.

    ``is_stored``: they are the file's numbers, neither rescaled nor interpolated.
    """

    voxels: np.ndarray
    scale: Scale
    filling: Filling
    is_stored: bool
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _Job:
    """Frames of one file, and the slices that they fill."""

    file: DicomFile
    frames: tuple[tuple[Frame, int], ...]


def read_pixels(
    stack: Stack, progress: Progress, on_first: Callable[[Pixels], None] | None = None
) -> Pixels:
    """Decode all frames of a stack.

    The stored integer type is kept. Where the slices' rescale differs, or slices are unevenly
    spaced and have to be interpolated, the voxels are float32 real values. ``on_first`` is
    called with the array as soon as its middle slice is in place, unless slices have to be
    interpolated.

    Raises UserError where a file can't be read, is damaged or in a transfer syntax that is not
    supported, or where memory does not suffice.
    """
    frames = stack.frames
    _check_syntaxes(frames)
    real = len({frame.scale for frame in frames}) > 1
    stored = frames[0].file.format.dtype
    dtype = np.dtype(np.float32) if real and stored.itemsize < 8 else stored
    even = stack.layout.is_even
    shape = (stack.shape[0] if even else len(frames), *frames[0].shape)
    slice_bytes = shape[1] * shape[2] * dtype.itemsize
    needed = shape[0] if even else len(frames) + stack.shape[0]
    check_memory(needed * slice_bytes, frames[0].file.path)
    slots = stack.layout.slots if even else np.arange(len(frames))
    pixels = Pixels(
        np.zeros(shape, dtype),
        Scale(unit=frames[0].scale.unit) if real else frames[0].scale,
        Filling(shape[0]),
        even and not real,
        ("The rescale differs from slice to slice; applied, as real values.",) if real else (),
    )
    notices = _fill(pixels, _jobs(frames, slots), real, progress, on_first if even else None)
    voxels = pixels.voxels
    if even:
        _blank(voxels, stack.layout.missing, slots)
    pixels.filling.finish()
    if not even:
        voxels = _interpolate(voxels, stack.layout.slots, stack.shape[0])
    return replace(pixels, voxels=voxels, notices=(*pixels.notices, *sorted(notices)))


def _check_syntaxes(frames: Sequence[Frame]) -> None:
    for syntax, file in {frame.file.transfer_syntax: frame.file for frame in frames}.items():
        if not can_read(syntax):
            raise UserError(
                f"is compressed in a way that can't be read ({UID(syntax).name})",
                path=file.path,
                remedy="Export it uncompressed or as JPEG 2000.",
            )


def _jobs(frames: Sequence[Frame], slots: np.ndarray) -> list[_Job]:
    """What to read, in order: the middle slice alone, then outwards from it."""
    by_image: dict[tuple[DicomFile, int], list[tuple[Frame, int]]] = defaultdict(list)
    for frame, slot in zip(frames, slots.tolist(), strict=True):
        by_image[frame.file, frame.index].append((frame, slot))
    middle = int(slots[len(slots) // 2])

    def distance(members: list[tuple[Frame, int]]) -> int:
        return min(abs(slot - middle) for _, slot in members)

    images = sorted(by_image.items(), key=lambda image: distance(image[1]))
    jobs: list[_Job] = []
    open_jobs: dict[DicomFile, list[tuple[Frame, int]]] = {}
    for number, ((file, _), members) in enumerate(images):
        if number == 0 or file.frame_count == 1:
            jobs.append(_Job(file, tuple(members)))
            continue
        gathered = open_jobs.setdefault(file, [])
        gathered += members
        # A deflated file is unpacked as a whole for every job.
        if len(gathered) >= _FRAMES_A_JOB and file.transfer_syntax != DEFLATED:
            jobs.append(_Job(file, tuple(open_jobs.pop(file))))
    return jobs + [_Job(file, tuple(rest)) for file, rest in open_jobs.items()]


def _fill(
    pixels: Pixels,
    jobs: list[_Job],
    real: bool,
    progress: Progress,
    on_first: Callable[[Pixels], None] | None,
) -> set[str]:
    """Decode every frame into its slice; in threads, since reading and decoding release the lock."""
    progress(0.0, "Reading slices")
    notices: set[str] = set()
    stop = threading.Event()
    _run(jobs[0], pixels, real, notices, stop)
    if on_first is not None:
        on_first(pixels)
    queue = deque(jobs[1:])

    def work() -> set[str]:
        found: set[str] = set()
        while queue and not stop.is_set():
            try:
                job = queue.popleft()
            except IndexError:  # another thread was faster
                break
            _run(job, pixels, real, found, stop)
        return found

    threads = min(8, os.cpu_count() or 1, len(queue))
    if not threads:
        return notices
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    try:
        pending = {pool.submit(work) for _ in range(threads)}
        while pending:
            done, pending = wait(pending, timeout=_TICK_S, return_when=FIRST_EXCEPTION)
            for worker in done:
                notices |= worker.result()
            progress(pixels.filling.share, "Reading slices")
    finally:
        # Whoever cancels is not kept waiting for the slices that are being decoded.
        stop.set()
        pool.shutdown(wait=False)
    return notices


def _run(job: _Job, pixels: Pixels, real: bool, notices: set[str], stop: threading.Event) -> None:
    """Decode the frames of a job into their slices."""
    by_index: dict[int, list[tuple[Frame, int]]] = defaultdict(list)
    for frame, slot in job.frames:
        by_index[frame.index].append((frame, slot))
    plain = not real and job.file.format.samples == 1
    targets = {
        index: pixels.voxels[members[0][1]]
        for index, members in by_index.items()
        if plain and members[0][0].tile is None
    }
    for index, image in read_frames(job.file, sorted(by_index), targets, notices):
        gray = luminance(image, job.file, notices)
        for frame, slot in by_index[index]:
            part, out = gray, pixels.voxels[slot]
            if frame.tile is not None:
                row, column, rows, columns = frame.tile
                part = gray[row : row + rows, column : column + columns]
            if real:
                part = part.astype(np.float64) * frame.scale.slope + frame.scale.intercept
            if index not in targets or part is not targets[index]:
                out[...] = part
            pixels.filling.add(slot)
        if stop.is_set():
            return


def _blank(voxels: np.ndarray, missing: tuple[int, ...], slots: np.ndarray) -> None:
    """Give slices that are missing from the series the lowest value of the others."""
    if missing:
        voxels[list(missing)] = min(voxels[slot].min() for slot in slots)


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
