"""``scan_folder``: the DICOM files under a folder, told from all others by their headers alone."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fusion3d_gui.errors import UserError, shown_name
from fusion3d_gui.imaging.dicom.frames.file import DicomFile, read_dicom_file
from fusion3d_gui.imaging.dicom.instance import DicomInstance, read_instance
from fusion3d_gui.imaging.dicom.parser.encoding import FileBytes, NotDicom
from fusion3d_gui.imaging.dicom.vendor.siemens_mosaic import is_mosaic
from fusion3d_gui.imaging.dicom.vendor.united_imaging_grid import is_grid
from fusion3d_gui.progress import Progress

#: A folder tree with more files than this is not one case (the root of a disk, perhaps).
_MOST_FILES = 200_000

#: Files whose first bytes a thread reads at a time, and number of such threads.
_BATCH = 32
_READERS = 4

#: Files before and after a single one that are searched for others of its series.
_NEIGHBOURS = 5


@dataclass(frozen=True, eq=False)
class ScannedFiles:
    """Files by what they are.

    Parameters
    ----------
    instances
        DICOM images.
    refused
        Why DICOM files can't be used.
    others
        All other files.
    """

    instances: tuple[DicomInstance, ...]
    refused: tuple[UserError, ...]
    others: tuple[Path, ...]


_NO_IMAGE = "is a DICOM file without an image"


def refused_files_notices(refused: Sequence[UserError]) -> tuple[str, ...]:
    """A sentence about DICOM files that could not be used; none about those without an image."""
    broken = [error for error in refused if error.problem != _NO_IMAGE]
    if not broken:
        return ()
    first = broken[0]
    name = shown_name(first.path)
    if len(broken) == 1:
        return (f"1 file was left out: {name} {first.problem}.",)
    return (f"{len(broken)} files were left out, among them {name}, which {first.problem}.",)


def scan_folder(folder: Path, progress: Progress) -> ScannedFiles:
    """Read the header of every file under a folder, whatever its name.

    Raises UserError where there are more than 200,000 files and folders.
    """
    return scan_files(list(_files_under(folder, progress)), progress)


def scan_files(paths: list[Path], progress: Progress) -> ScannedFiles:
    """Read the headers of these files."""
    instances: list[DicomInstance] = []
    refused: list[UserError] = []
    others: list[Path] = []
    for number, file in enumerate(_heads(paths)):
        if number % _BATCH == 0:
            progress(number / len(paths), f"Looking at {len(paths):,} files")
        try:
            if isinstance(file, UserError):
                raise file
            instances.append(read_instance(file))
        except NotDicom:
            others.append(paths[number])
        except UserError as error:
            refused.append(error)
    return ScannedFiles(tuple(instances), tuple(refused), tuple(others))


def single_slice_notices(file: DicomFile) -> tuple[str, ...]:
    """A notice for a single slice that has others of its series beside it, which the user may want."""
    uid = file.elements.text("SeriesInstanceUID")
    if not uid or file.frame_count > 1 or file.is_localiser or is_mosaic(file) or is_grid(file):
        return ()
    beside = files_beside(file.path)
    own = beside.index(file.path) if file.path in beside else 0
    for path in beside[max(0, own - _NEIGHBOURS) : own + _NEIGHBOURS + 1]:
        if path == file.path:
            continue
        try:
            other = read_dicom_file(FileBytes.from_path(path))
        except (NotDicom, UserError):
            continue
        if other.elements.text("SeriesInstanceUID") == uid:
            return (
                "Only the named file is open: one slice of a series."
                " Open its folder, or File ▸ Open the whole series, to see all of it.",
            )
    return ()


def files_beside(path: Path) -> list[Path]:
    """The files in a file's folder, itself among them, by name; none where it can't be listed."""
    try:
        with os.scandir(path.parent) as entries:
            return sorted(path.parent / entry.name for entry in entries if _is_file(entry))
    except OSError:
        return []


def _heads(paths: list[Path]) -> Iterator[FileBytes | UserError]:
    """The first bytes of each file, read ahead in threads: a cold scan mostly waits for them."""
    batches = [paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH)]
    pool = ThreadPoolExecutor(_READERS, thread_name_prefix="scan")
    try:
        ahead: deque[Future[list[FileBytes | UserError]]] = deque()
        for batch in batches:
            ahead.append(pool.submit(_batch_of_heads, batch))
            if len(ahead) > 2 * _READERS:
                yield from ahead.popleft().result()
        while ahead:
            yield from ahead.popleft().result()
    finally:
        # A cancelled scan does not wait for a slow disk.
        pool.shutdown(wait=False, cancel_futures=True)


def _batch_of_heads(paths: list[Path]) -> list[FileBytes | UserError]:
    heads: list[FileBytes | UserError] = []
    for path in paths:
        try:
            heads.append(FileBytes.from_path(path))
        except UserError as error:
            heads.append(error)
    return heads


def _files_under(folder: Path, progress: Progress) -> Iterator[Path]:
    """Files in a stable order, each folder once.

    Links to folders are followed, but not to the folder itself or to one around it, where other
    patients' scans may lie.
    """
    count = 0
    seen = {_folder_identity(each) for each in (folder.resolve(), *folder.resolve().parents)}
    pending = [folder]
    while pending:
        current = pending.pop()
        progress(0.0, "Looking for files")
        try:
            with os.scandir(current) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError:
            continue  # a folder that can't be read
        entries = [entry for entry in entries if not entry.name.startswith(".")]
        folders = []
        for entry in entries:
            if (
                _is_folder(entry)
                and (identity := _folder_identity(current / entry.name)) not in seen
            ):
                seen.add(identity)
                folders.append(current / entry.name)
        pending += reversed(folders)
        files = [current / entry.name for entry in entries if _is_file(entry)]
        count += len(folders) + len(files)
        if count > _MOST_FILES:
            raise UserError(
                f"holds more than {_MOST_FILES:,} files and folders",
                path=folder,
                remedy="Choose a smaller folder.",
            )
        yield from files


def _folder_identity(folder: Path) -> tuple[int, int] | Path:
    """Equal for two paths to one folder; the path itself where it can't be looked up."""
    try:
        found = folder.stat()
    except OSError:
        return folder
    return found.st_dev, found.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder, or a link to one."""
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Whether it is a regular file, or a link to one; reading a device or a pipe may never end."""
    try:
        return entry.is_file()
    except OSError:  # a link to itself
        return False
