"""``read_stack_pixels``: all frames of a stack as one array, decoded in threads, middle slice first."""

from __future__ import annotations

import os
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

import numpy as np
from pydicom import config
from pydicom.uid import UID

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.frames.file import DicomFile
from fusion3d_gui.imaging.dicom.frames.frame import Frame, Rescale
from fusion3d_gui.imaging.dicom.parser.encoding import DEFLATED, NATIVE
from fusion3d_gui.imaging.dicom.pixels.codecs import RLE, is_slow_to_decode
from fusion3d_gui.imaging.dicom.pixels.frame_pixels import can_read, read_frames
from fusion3d_gui.imaging.dicom.pixels.luminance import luminance
from fusion3d_gui.imaging.dicom.stack.sort import Stack
from fusion3d_gui.imaging.limits import check_memory
from fusion3d_gui.imaging.loaded_slices import LoadedSlices
from fusion3d_gui.progress import Progress, part_of

#: Frames of a multi-frame file that a thread reads at a time.
_FRAMES_A_JOB = 8
_LONGEST_NAME = 64
#: How often progress is reported, and with it a request to cancel noticed.
_TICK_S = 0.05


@dataclass(frozen=True, eq=False)
class StackPixels:
    """The voxels of a stack.

    Parameters
    ----------
    voxels
        ``[k, j, i]``.
    rescale
        From voxels to real values.
    loaded_slices
        Which slices have been read so far.
    is_stored
        Whether voxels are the file's stored values, neither rescaled nor interpolated.
    notices
        Sentences for the user.
    """

    voxels: np.ndarray
    rescale: Rescale
    loaded_slices: LoadedSlices
    is_stored: bool
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Processing:
    """What is done to decoded pixels: rescale them to real values, darken padding."""

    to_real: bool
    bright_padding: tuple[float, float] | None


@dataclass(frozen=True, eq=False)
class _Job:
    """Frames of one file, each with its slice."""

    file: DicomFile
    frames: tuple[tuple[Frame, int], ...]


def read_stack_pixels(
    stack: Stack,
    progress: Progress,
    on_first: Callable[[StackPixels], None] | None = None,
    *,
    bright_padding: tuple[float, float] | None = None,
) -> StackPixels:
    """Decode all frames of a stack.

    The stored integer type is kept; where the rescale differs from slice to slice, voxels are
    float32 real values.

    Parameters
    ----------
    stack
        Its frames, in slice order.
    progress
        Told how far reading is; its ``Cancelled`` passes through.
    on_first
        Called on this thread once the middle slice is in the array, while the others are still
        read; not where slices are unevenly spaced and have to be interpolated.
    bright_padding
        Lowest and highest stored value that stand for no measurement and may be brighter than
        what was measured: they get the lowest measured value of their slice, so that no slab or
        projection shows them.

    Raises
    ------
    UserError
        If a file can't be read, is damaged, or in a transfer syntax that is not supported, or if
        memory does not suffice.
    """
    frames = stack.frames
    _check_syntaxes(frames)
    to_real = len({frame.rescale for frame in frames}) > 1
    stored = frames[0].file.format.dtype if frames[0].table is None else np.dtype(np.uint16)
    dtype = np.dtype(np.float32) if to_real and stored.itemsize < 8 else stored
    processing = _Processing(to_real, bright_padding)
    even = stack.geometry.is_even
    rows, columns = frames[0].shape
    needed = stack.shape[0] if even else len(frames) + stack.shape[0]
    check_memory(needed * rows * columns * dtype.itemsize, frames[0].file.path)
    voxels = np.zeros(stack.shape, dtype)
    slice_indices = stack.geometry.slice_indices if even else np.arange(len(frames))
    pixels = StackPixels(
        voxels,
        Rescale(unit=frames[0].rescale.unit) if to_real else frames[0].rescale,
        LoadedSlices(stack.shape[0] if even else len(frames)),
        even and not to_real and frames[0].table is None,
        ("The rescale differs from slice to slice; applied, as real values.",) if to_real else (),
    )
    # Slices to be interpolated are arrays of their own, so that each can be freed once it was used.
    planes = voxels if even else [np.zeros((rows, columns), dtype) for _ in frames]
    reading = progress if even else part_of(progress, 0.0, 0.8)
    jobs = _jobs(frames, slice_indices)
    notices = _fill(planes, pixels, jobs, processing, reading, on_first if even else None)
    if isinstance(planes, list):
        _interpolate(planes, stack.geometry.slice_indices, voxels, part_of(progress, 0.8, 1.0))
    else:
        _fill_missing(voxels, stack.geometry.missing, slice_indices)
    pixels.loaded_slices.finish()
    return replace(pixels, notices=(*pixels.notices, *sorted(notices)))


def _check_syntaxes(frames: Sequence[Frame]) -> None:
    for syntax, file in {frame.file.transfer_syntax: frame.file for frame in frames}.items():
        if not can_read(syntax):
            name = UID(syntax, validation_mode=config.IGNORE).name
            raise UserError(
                f"has pixels in an encoding that can't be read ({name[:_LONGEST_NAME]})",
                path=file.path,
                remedy="Export it uncompressed or as JPEG 2000.",
            )
        if file.format.bits_allocated == 1 and syntax == RLE:
            raise UserError(
                "has pixels of one bit in run-length encoding, which can't be read",
                path=file.path,
                remedy="Export it uncompressed.",
            )


def _jobs(frames: Sequence[Frame], slice_indices: np.ndarray) -> list[_Job]:
    """What to read: the middle slice alone, then the others outwards from it."""
    by_image: dict[tuple[DicomFile, int], list[tuple[Frame, int]]] = defaultdict(list)
    for frame, slot in zip(frames, slice_indices.tolist(), strict=True):
        by_image[frame.file, frame.index].append((frame, slot))
    middle = int(slice_indices[len(slice_indices) // 2])

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
        # A deflated file is inflated as a whole for every job.
        if len(gathered) >= _FRAMES_A_JOB and file.transfer_syntax != DEFLATED:
            jobs.append(_Job(file, tuple(open_jobs.pop(file))))
    return jobs + [_Job(file, tuple(rest)) for file, rest in open_jobs.items()]


def _fill(
    planes: Sequence[np.ndarray] | np.ndarray,
    pixels: StackPixels,
    jobs: list[_Job],
    processing: _Processing,
    progress: Progress,
    on_first: Callable[[StackPixels], None] | None,
) -> set[str]:
    """Decode every frame into its plane, in threads: reading and decoding release the lock.

    The first job runs first; others run beside it only where decoding is slow, as they would
    compete with it for the interpreter lock.

    Returns the notices of all jobs.
    """
    progress(0.0, "Reading slices")
    notices: set[str] = set()
    stop = threading.Event()
    queue = deque(jobs)

    def work(most: int = len(jobs)) -> set[str]:
        found: set[str] = set()
        for _ in range(most):
            try:
                job = queue.popleft()
            except IndexError:
                break
            _run(job, planes, pixels.loaded_slices, processing, found, stop)
            if stop.is_set():
                break
        return found

    syntax = jobs[0].file.transfer_syntax
    slow = is_slow_to_decode(syntax)
    # Reading native pixels keeps Python busy: with a thread for each core the GUI thread would wait.
    cores = (os.cpu_count() or 1) - (1 if syntax in NATIVE else 0)
    threads = max(1, min(8, cores, len(jobs)))
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")

    def finish(workers: set[Future[set[str]]]) -> None:
        """Wait for the workers and report progress, which raises ``Cancelled`` within a tick."""
        while workers:
            done, workers = wait(workers, timeout=_TICK_S, return_when=FIRST_EXCEPTION)
            for worker in done:
                notices.update(worker.result())
            progress(pixels.loaded_slices.share, "Reading slices")

    try:
        first = pool.submit(work, 1)
        beside = threads - 1 if slow else 0
        others = {pool.submit(work) for _ in range(beside)}
        finish({first})
        if on_first is not None:
            on_first(pixels)
        finish(others | {pool.submit(work) for _ in range(threads - beside)})
    finally:
        # A cancelled reading does not wait for the slices that are being decoded.
        stop.set()
        pool.shutdown(wait=False)
    return notices


def _run(
    job: _Job,
    planes: Sequence[np.ndarray] | np.ndarray,
    loaded_slices: LoadedSlices,
    processing: _Processing,
    notices: set[str],
    stop: threading.Event,
) -> None:
    """Decode the frames of a job into their planes."""
    by_index: dict[int, list[tuple[Frame, int]]] = defaultdict(list)
    for frame, slot in job.frames:
        by_index[frame.index].append((frame, slot))
    is_direct = not processing.to_real and job.file.format.samples == 1
    targets = {
        index: planes[members[0][1]]
        for index, members in by_index.items()
        if is_direct and members[0][0].tile is None and members[0][0].table is None
    }
    for index, image in read_frames(job.file, sorted(by_index), targets, notices):
        gray = luminance(image, job.file, notices)
        if processing.bright_padding is not None:
            _darken_padding(gray, processing.bright_padding, notices)
        for frame, slot in by_index[index]:
            part, out = gray, planes[slot]
            if frame.tile is not None:
                row, column, rows, columns = frame.tile
                part = gray[row : row + rows, column : column + columns]
            if frame.table is not None:
                part = frame.table(part)
            if processing.to_real:
                part = part.astype(np.float64) * frame.rescale.slope + frame.rescale.intercept
            if index not in targets or part is not targets[index]:
                out[...] = part
            loaded_slices.add(slot)
        if stop.is_set():
            return


def _darken_padding(image: np.ndarray, padding: tuple[float, float], notices: set[str]) -> None:
    """Give padding the value of the darkest measured pixel where it is brighter, in place."""
    low, high = padding
    padded = (image >= low) & (image <= high)
    measured = image[~padded]
    if not measured.size:
        image[...] = 0
    elif measured.min() < high and padded.any():
        image[padded] = measured.min()
        notices.add("Padding brighter than the scan is shown as the lowest value of its slice.")


def _fill_missing(voxels: np.ndarray, missing: tuple[int, ...], slice_indices: np.ndarray) -> None:
    """Give missing slices the lowest value of the others."""
    if missing:
        voxels[list(missing)] = min(voxels[slot].min() for slot in slice_indices)


def _interpolate(
    planes: list[np.ndarray], positions: np.ndarray, out: np.ndarray, progress: Progress
) -> None:
    """Interpolate planes at fractional ``positions`` linearly onto slices 0, 1 ... of ``out``.

    Integer types are rounded. Planes are freed as soon as they are no longer needed.
    """
    used, freed = 0, np.empty(0)
    for k in range(len(out)):
        progress(k / len(out), "Interpolating slices")
        above = int(np.clip(np.searchsorted(positions, k), 1, len(positions) - 1))
        below = above - 1
        share = (k - positions[below]) / (positions[above] - positions[below])
        share = float(np.clip(share, 0.0, 1.0))
        plane = planes[below] * (1.0 - share) + planes[above] * share
        out[k] = plane if out.dtype.kind == "f" else np.rint(plane)
        planes[used:below] = [freed] * (below - used)
        used = below
