"""``load_arriving``: a case whose images are still coming over the network, shown from its first slices on."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.display.window import presets
from fusion3d_gui.imaging.loaded_slices import LoadedSlices
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.pacs.fetch.retrieve import FetchedSeries
from fusion3d_gui.pacs.query import InstanceEntry
from fusion3d_gui.progress import Progress, no_progress, part_of
from fusion3d_gui.state.case.load import load_case
from fusion3d_gui.state.data.case import Case

#: Largest deviation of the middle slice from where the outermost two say that it lies, in slice distances.
_EVEN = 0.1

#: How long fetching rests once the first slices can be shown: four connections at full speed leave the GUI
#: thread so little of the interpreter that the first picture came after 1.0 instead of 0.4 seconds.
_REST_S = 0.15
#: Fetching never rests longer, whatever keeps the first slices from being read.
_LONGEST_REST_S = 1.0

#: Fetches a series: ``fetch(progress, listed, arrived)``, as :func:`fusion3d_gui.pacs.retrieve.retrieve_series`.
Fetch = Callable[
    [Progress, Callable[[list[InstanceEntry]], None], Callable[[Path], None]], FetchedSeries
]


def load_arriving(
    fetch: Fetch, progress: Progress, *, hide_identity: bool, on_first: Callable[[Case], None]
) -> Case:
    """Fetch a series and read it; its slices are shown as they come, where they are evenly spaced.

    Parameters
    ----------
    fetch
        Fetches the series.
    progress
        Called with 0 to 1; raises :class:`~fusion3d_gui.errors.Cancelled` to stop.
    hide_identity
        Remove the patient's identity for good.
    on_first
        Called with an incomplete case, on another thread, once the middle and the outermost slices are there.

    Raises
    ------
    UserError
        The series can't be fetched or read.
    """

    def show(volume: Volume, folder: Path) -> None:
        read = volume.voxels[[k for k, there in enumerate(_is_read(volume)) if there]]
        of_read = replace(volume, voxels=read, loaded_slices=None)
        case = Case((folder,), volume, presets(of_read))
        on_first(case.hide_identity(for_good=True) if hide_identity else case)

    preview = _Preview(show)
    try:
        fetched = fetch(part_of(progress, 0.0, 0.8), preview.start, preview.add)
    finally:
        preview.stop()
    return load_case(
        (fetched.paths[0].parent,),
        None,
        part_of(progress, 0.8, 1.0),
        hide_identity=hide_identity,
        on_first=on_first if not preview.is_shown else lambda case: None,
    )


def _is_read(volume: Volume) -> np.ndarray:
    assert volume.loaded_slices is not None
    return volume.loaded_slices.is_read


class _Preview:
    """Fills a volume with slices as their files arrive, on a thread of its own."""

    def __init__(self, show: Callable[[Volume, Path], None]) -> None:
        self._show = show
        self._waiting: queue.SimpleQueue[Path | None] = queue.SimpleQueue()
        self._numbers: dict[str, int] = {}
        self._first: dict[int, tuple[Volume, Path]] = {}
        self._volume: Volume | None = None
        self._reversed = False
        self._thread = threading.Thread(target=self._run, name="fusion3d-arriving", daemon=True)
        #: UIDs of the middle and the outermost slices that have not arrived.
        self._awaited: set[str] = set()
        self._lock = threading.Lock()
        self._may_fetch = threading.Event()
        self._may_fetch.set()
        #: Whether an incomplete case was shown.
        self.is_shown = False

    def start(self, instances: Sequence[InstanceEntry]) -> None:
        """The instances of the series are known, in the order of their numbers."""
        numbered = all(each.number is not None for each in instances)
        if len(instances) > 3 and numbered:
            self._numbers = {each.uid: k for k, each in enumerate(instances)}
            self._awaited = {instances[k].uid for k in (0, len(instances) // 2, -1)}
        self._thread.start()

    def add(self, path: Path) -> None:
        """A file has arrived; called on any thread, which is held while the first slices are being shown."""
        with self._lock:
            if self._awaited == {path.stem}:
                self._may_fetch.clear()
            self._awaited.discard(path.stem)
        self._waiting.put(path)
        self._may_fetch.wait(_LONGEST_REST_S)

    def stop(self) -> None:
        """Fill nothing more, and wait for the thread."""
        self._may_fetch.set()
        self._waiting.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while (path := self._waiting.get()) is not None:
            k = self._numbers.get(path.stem)
            if k is None:
                continue
            try:
                self._take(k, _read_slice(path), path)
            except UserError:
                self._give_up()  # no slice of a volume: the whole series is read once it is there

    def _take(self, k: int, one: Volume, path: Path) -> None:
        if self._volume is not None:
            self._fill(k, one)
            return
        self._first[k] = (one, path)
        count = len(self._numbers)
        if not {0, count // 2, count - 1} <= set(self._first):
            return
        self._volume = self._empty_volume(count)
        if self._volume is None:
            self._give_up()
            return
        for number, (each, _) in self._first.items():
            self._fill(number, each)
        self.is_shown = True
        self._show(self._volume, path.parent)
        time.sleep(_REST_S)
        self._may_fetch.set()

    def _give_up(self) -> None:
        self._numbers = {}
        with self._lock:
            self._awaited.clear()
            self._may_fetch.set()

    def _empty_volume(self, count: int) -> Volume | None:
        """A volume whose slices lie where the outermost two and the middle one say; None where they disagree."""
        first, middle, last = (self._first[k][0] for k in (0, count // 2, count - 1))
        step = (last.affine[:3, 3] - first.affine[:3, 3]) / (count - 1)
        distance = float(np.linalg.norm(step))
        expected = first.affine[:3, 3] + step * (count // 2)
        even = np.linalg.norm(middle.affine[:3, 3] - expected) <= _EVEN * distance
        if distance == 0 or not even or not all(_alike(first, each) for each in (middle, last)):
            return None
        # As the whole series will have it: slices follow each other along the normal.
        self._reversed = float(step @ first.affine[:3, 2]) < 0
        affine = first.affine.copy()
        if self._reversed:
            affine[:3, 3], step = last.affine[:3, 3], -step
        affine[:3, 2] = step
        return replace(
            first,
            voxels=np.zeros((count, *first.voxels.shape[1:]), first.voxels.dtype),
            affine=affine,
            notices=(),
            faults=(),
            doubts=(),
            missing=(),
            image_numbers=(),
            slice_locations_mm=(),
            loaded_slices=LoadedSlices(count),
        )

    def _fill(self, k: int, one: Volume) -> None:
        volume = self._volume
        assert volume is not None and volume.loaded_slices is not None
        k = len(self._numbers) - 1 - k if self._reversed else k
        if _alike(volume, one):
            volume.voxels[k] = one.voxels[0]
            volume.loaded_slices.add(k)


def _read_slice(path: Path) -> Volume:
    from fusion3d_gui.imaging.catalog.open import open_volume

    volume = open_volume(path, progress=no_progress)
    if volume.voxels.shape[0] != 1:
        raise UserError("is no single slice")
    return volume


def _alike(one: Volume, other: Volume) -> bool:
    """Whether slices can lie in one array."""
    return (
        one.voxels.shape[1:] == other.voxels.shape[1:]
        and one.voxels.dtype == other.voxels.dtype
        and (one.slope, one.intercept) == (other.slope, other.intercept)
        and np.allclose(one.affine[:3, :2], other.affine[:3, :2])
    )
