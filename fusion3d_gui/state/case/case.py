"""``Case``: one opened volume with what the window needs to know before it shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from fusion3d_gui.imaging.display.window_level import Preset, presets
from fusion3d_gui.imaging.privacy.deidentify import series_without_identity, volume_without_identity
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.progress import Progress, part_of

#: When a file was written last (ns), and its length.
Written = tuple[int, int]

#: What tells two scans apart without reading their voxels: path, series, shape, geometry, files.
CaseKey = tuple[str, str, tuple[int, int, int], bytes, tuple[Written, ...]]


@dataclass(frozen=True, eq=False)
class Case:
    """A volume on screen. Two cases are the same only if they are the same object.

    ``path`` is what was opened, and ``series`` all that it offers; ``presets`` are the volume's
    windows, the default first.
    """

    path: Path
    volume: Volume
    presets: tuple[Preset, ...]
    series: tuple[Series, ...] = ()
    #: The same case with the patient's identity, where that was hidden after it was opened.
    revealed: Case | None = field(default=None, repr=False)
    identity_hidden: bool = False
    #: Of its files where no DICOM UID names the scan: another may be written to the same path.
    written: tuple[Written, ...] = ()

    def hide_identity(self, *, for_good: bool = False) -> Case:
        """The case without what tells who the patient is; ``for_good``: it can't be revealed again."""
        if self.identity_hidden:
            return self
        return replace(
            self,
            volume=volume_without_identity(self.volume),
            series=tuple(series_without_identity(each) for each in self.series),
            revealed=None if for_good else self,
            identity_hidden=True,
        )

    @property
    def is_complete(self) -> bool:
        """Whether all slices have been read."""
        return self.volume.loaded_slices is None

    @property
    def key(self) -> CaseKey:
        """The same for the same scan opened again: the reader's work is kept under it."""
        volume = self.volume
        where = str(self.path.absolute())
        return where, volume.series_uid, volume.shape, volume.affine.tobytes(), self.written


def load_case(
    path: Path,
    series_uid: str | None,
    progress: Progress,
    *,
    known: tuple[Series, ...] = (),
    hide_identity: bool = False,
    on_first: Callable[[Case], None],
) -> Case:
    """Read a case from disk, and do everything slow that its display needs. Runs on a worker.

    ``hide_identity``: nothing of who the patient is stays in the case. ``known`` are the path's series where they have been found already. ``on_first`` is called with
    a case whose volume is still filling as soon as its middle slice is there; not all formats
    allow that. The case that is returned has the same voxels.
    """
    from fusion3d_gui.imaging.catalog.find import find_series
    from fusion3d_gui.imaging.catalog.open import choose_series, read_series

    found = known or tuple(find_series(path, part_of(progress, 0.0, 0.2)))
    series, notices = choose_series(found, series_uid, path)
    written = _written(series, path)

    def case_of(volume: Volume, windows: tuple[Preset, ...]) -> Case:
        case = Case(path, volume, windows, found, written=written)
        return case.hide_identity(for_good=True) if hide_identity else case

    def watch(volume: Volume) -> None:
        on_first(case_of(volume, presets(_what_is_read(volume))))

    reading = part_of(progress, 0.2 if not known else 0.0, 0.95)
    volume = read_series(series, notices=notices, progress=reading, watch=watch)
    progress(0.95, "Choosing the window")
    return case_of(volume, presets(volume))


def _written(series: Series, path: Path) -> tuple[Written, ...]:
    if series.format == "DICOM":
        return ()
    # What is unpacked from an archive is new each time.
    files = series.paths if path.is_dir() or path in series.paths else (path,)
    try:
        found = [each.stat() for each in files]
    except OSError:
        return ()  # reading will say what is wrong
    return tuple((each.st_mtime_ns, each.st_size) for each in found)


def _what_is_read(volume: Volume) -> Volume:
    """The slices that are there so far, as a volume of its own."""
    assert volume.loaded_slices is not None
    return replace(volume, voxels=volume.voxels[volume.loaded_slices.is_read], loaded_slices=None)
