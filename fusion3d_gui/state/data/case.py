"""``Case``: one opened volume, with what the window needs to show it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from fusion3d_gui.imaging.display.window import Preset
from fusion3d_gui.imaging.privacy.deidentify import series_without_identity, volume_without_identity
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.imaging.volume import Volume

#: Modification time (ns since the epoch) and size (bytes) of a file.
FileStamp = tuple[int, int]

#: Tells two scans apart without reading their voxels: path, series, shape, affine, file stamps.
CaseKey = tuple[str, str, tuple[int, int, int], bytes, tuple[FileStamp, ...]]


@dataclass(frozen=True, eq=False)
class Case:
    """A volume on screen. Two cases are equal only if they are the same object.

    Parameters
    ----------
    path
        What the user opened: a file or a folder.
    volume
        The series on screen.
    presets
        Window levels of the volume, the default first.
    series
        All series that ``path`` offers.
    revealed
        The same case with the patient's identity, where that was hidden after opening.
    identity_hidden
        Whether names, numbers, dates and file names have been removed.
    file_stamps
        Of the files read, where no DICOM UID identifies the scan: another scan may have been
        written to the same path. Empty for DICOM.
    """

    path: Path
    volume: Volume
    presets: tuple[Preset, ...]
    series: tuple[Series, ...] = ()
    revealed: Case | None = field(default=None, repr=False)
    identity_hidden: bool = False
    file_stamps: tuple[FileStamp, ...] = ()

    def hide_identity(self, *, for_good: bool = False) -> Case:
        """The case without the patient's identity; ``for_good``: it can't be revealed again."""
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
        """Equal for the same scan opened again: marks and typed values are kept under it."""
        volume = self.volume
        path = str(self.path.absolute())
        return path, volume.series_uid, volume.shape, volume.affine.tobytes(), self.file_stamps
