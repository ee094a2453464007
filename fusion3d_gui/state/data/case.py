"""``Case``: one opened volume, with what the window needs to show it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from fusion3d_gui.errors import shown_name
from fusion3d_gui.imaging.display.window import Preset
from fusion3d_gui.imaging.privacy.deidentify import series_without_identity, volume_without_identity
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.imaging.volume import Volume

#: Modification time (ns since the epoch) and size (bytes) of a file.
FileStamp = tuple[int, int]

#: Tells two scans apart without reading their voxels: paths, series, shape, affine, file stamps.
CaseKey = tuple[str, str, tuple[int, int, int], bytes, tuple[FileStamp, ...]]


def name_of(paths: tuple[Path, ...]) -> str:
    """File or folder name of what is opened together: ``"a.nii and 2 more"``."""
    first = shown_name(paths[0])
    return first if len(paths) == 1 else f"{first} and {len(paths) - 1} more"


@dataclass(frozen=True, eq=False)
class Case:
    """A volume on screen. Two cases are equal only if they are the same object.

    Parameters
    ----------
    paths
        What the user opened: a file, a folder, or several.
    volume
        The series on screen.
    presets
        Window levels of the volume, the default first.
    series
        All series that ``paths`` offer.
    revealed
        The same case with the patient's identity, where that was hidden after opening.
    identity_hidden
        Whether names, numbers, dates and file names have been removed.
    file_stamps
        Of the files read, where no DICOM UID identifies the scan: another scan may have been
        written to the same path. Empty for DICOM.
    """

    paths: tuple[Path, ...]
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
    def name(self) -> str:
        """File or folder name of what was opened: may name the patient."""
        return name_of(self.paths)

    @property
    def is_complete(self) -> bool:
        """Whether all slices have been read."""
        return self.volume.loaded_slices is None

    @property
    def key(self) -> CaseKey:
        """Equal for the same scan opened again: marks and typed values are kept under it."""
        volume = self.volume
        named = "\n".join(str(path.absolute()) for path in self.paths)
        return named, volume.series_uid, volume.shape, volume.affine.tobytes(), self.file_stamps
