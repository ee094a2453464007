"""``Case``: one opened volume, with what the window needs to show it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from fusion3d_gui.errors import shown_name
from fusion3d_gui.imaging.display.window import CT_PRESETS, Preset
from fusion3d_gui.imaging.privacy.deidentify import series_without_identity, volume_without_identity
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.imaging.volume import Volume

#: Modification time (ns since the epoch) and size (bytes) of a file.
FileStamp = tuple[int, int]

#: Tells two scans apart without reading their voxels: paths, series, shape, affine, file stamps.
CaseKey = tuple[str, str, tuple[int, int, int], bytes, tuple[FileStamp, ...]]


#: Why a scan has a modality and a unit that its file does not name: in every output, too.
STATED_CT = "The reader says that this is CT in Hounsfield units; the file does not."


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
    #: Of a lesion map in standard space: the picture of it on the template that is shown in its stead.
    backdrop: Volume | None = None
    #: Of such a map: a voxel in the middle of its largest part (mm, LPS).
    lesion_lps: tuple[float, float, float] | None = None
    #: The case as its file has it, where the reader has said that it is CT.
    unstated: Case | None = field(default=None, repr=False)

    @property
    def may_be_ct(self) -> bool:
        """Whether its file names no modality, as NIfTI does not: the reader may say that it is CT."""
        return self.unstated is not None or not self.volume.modality

    @property
    def is_stated_ct(self) -> bool:
        """Whether the reader has said that it is CT."""
        return self.unstated is not None

    def stated_ct(self) -> Case:
        """The case as CT in Hounsfield units; the notices say that the reader says so."""
        if self.unstated is not None or self.volume.modality:
            return self
        volume = self.volume
        of_file = (
            each for each in self.presets if each.name.startswith(("From file", "Automatic"))
        )
        return replace(
            self,
            volume=replace(volume, modality="CT", unit="HU", notices=(*volume.notices, STATED_CT)),
            presets=(*of_file, *CT_PRESETS),
            revealed=None if self.revealed is None else self.revealed.stated_ct(),
            backdrop=None,
            lesion_lps=None,
            unstated=self,
        )

    def hide_identity(self, *, for_good: bool = False) -> Case:
        """The case without the patient's identity; ``for_good``: it can't be revealed again."""
        if self.identity_hidden:
            return self
        return replace(
            self,
            volume=volume_without_identity(self.volume),
            backdrop=None if self.backdrop is None else volume_without_identity(self.backdrop),
            series=tuple(series_without_identity(each) for each in self.series),
            revealed=None if for_good else self,
            unstated=None
            if self.unstated is None
            else self.unstated.hide_identity(for_good=for_good),
            identity_hidden=True,
        )

    @property
    def picture(self) -> Volume:
        """What the views show: the volume, or a lesion map on the template."""
        return self.volume if self.backdrop is None else self.backdrop

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
