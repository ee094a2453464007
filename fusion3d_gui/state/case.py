"""``Case``: one opened volume with what the window needs to know before it shows it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fusion3d_gui.imaging.series import Series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.imaging.window import Preset, presets
from fusion3d_gui.progress import Progress, part_of

#: What tells two scans apart without reading their voxels: path, series, shape, geometry.
CaseKey = tuple[str, str, tuple[int, int, int], bytes]


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

    @property
    def key(self) -> CaseKey:
        """The same for the same scan opened again: the reader's work is kept under it."""
        volume = self.volume
        where = str(self.path.absolute())
        return where, volume.series_uid, volume.shape, volume.affine.tobytes()


def load_case(path: Path, series_uid: str | None, progress: Progress) -> Case:
    """Read a case from disk, and do everything slow that its display needs. Runs on a worker."""
    from fusion3d_gui.imaging.open import find_series, open_volume

    series = find_series(path, part_of(progress, 0.0, 0.3))
    volume = open_volume(path, series_uid=series_uid, progress=part_of(progress, 0.3, 0.95))
    progress(0.95, "Choosing the window")
    return Case(path, volume, presets(volume), tuple(series))
