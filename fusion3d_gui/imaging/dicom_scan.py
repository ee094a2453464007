"""Finds the DICOM images under a path, from their headers alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom_elements import NotDicom
from fusion3d_gui.imaging.dicom_frames import DicomImage, read_image
from fusion3d_gui.progress import Progress

#: A folder tree larger than this is surely not one case (a disk's root, say).
_MOST_FILES = 200_000


@dataclass(frozen=True, eq=False)
class Scan:
    """What lies under a folder: DICOM images, DICOM files that can't be used, and all the rest."""

    images: tuple[DicomImage, ...]
    refused: tuple[UserError, ...]
    others: tuple[Path, ...]

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences about the files that could not be used."""
        broken = [error for error in self.refused if error.problem != _NO_IMAGE]
        if not broken:
            return ()
        first = broken[0]
        if len(broken) == 1:
            return (
                f"1 file was left out: {first.path.name if first.path else ''} {first.problem}.",
            )
        return (
            f"{len(broken)} files were left out, among them"
            f" {first.path.name if first.path else ''}, which {first.problem}.",
        )


_NO_IMAGE = "is a DICOM file without an image"


def scan_folder(folder: Path, progress: Progress) -> Scan:
    """Look at every file under a folder, whatever its name."""
    return scan_files(list(_files_under(folder)), progress)


def scan_files(paths: list[Path], progress: Progress) -> Scan:
    """Look at these files."""
    images: list[DicomImage] = []
    refused: list[UserError] = []
    others: list[Path] = []
    for number, path in enumerate(paths):
        if number % 50 == 0:
            progress(number / len(paths), f"Looking at {len(paths):,} files")
        try:
            images.append(read_image(path))
        except NotDicom:
            others.append(path)
        except UserError as error:
            refused.append(error)
    return Scan(tuple(images), tuple(refused), tuple(others))


def _files_under(folder: Path) -> Iterator[Path]:
    """Files in a stable order; links to folders are not followed, so that there is no way round."""
    count = 0
    for root, folders, names in os.walk(folder):
        folders.sort()
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in sorted(names):
            path = Path(root) / name
            if name.startswith(".") or not path.is_file():
                continue
            count += 1
            if count > _MOST_FILES:
                raise UserError(
                    f"holds more than {_MOST_FILES:,} files",
                    path=folder,
                    remedy="Choose a smaller folder.",
                )
            yield path
