"""Finds the DICOM images under a path, from their headers alone."""

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
from fusion3d_gui.progress import Progress

#: A folder tree larger than this is surely not one case (a disk's root, say).
_MOST_FILES = 200_000

#: Files whose first bytes one thread reads at a time, and such threads.
_A_BATCH = 32
_READERS = 4

#: So many files before and after a single one are looked at for its series.
_NEIGHBOURS = 5


@dataclass(frozen=True, eq=False)
class ScannedFiles:
    """What lies under a folder: DICOM images, DICOM files that can't be used, and all the rest."""

    images: tuple[DicomInstance, ...]
    refused: tuple[UserError, ...]
    others: tuple[Path, ...]


_NO_IMAGE = "is a DICOM file without an image"


def refused_files_notices(refused: Sequence[UserError]) -> tuple[str, ...]:
    """A sentence about the files that could not be used; none about DICOM files that hold no image."""
    broken = [error for error in refused if error.problem != _NO_IMAGE]
    if not broken:
        return ()
    first = broken[0]
    name = shown_name(first.path)
    if len(broken) == 1:
        return (f"1 file was left out: {name} {first.problem}.",)
    return (f"{len(broken)} files were left out, among them {name}, which {first.problem}.",)


def scan_folder(folder: Path, progress: Progress) -> ScannedFiles:
    """Look at every file under a folder, whatever its name."""
    return scan_files(list(_files_under(folder, progress)), progress)


def scan_files(paths: list[Path], progress: Progress) -> ScannedFiles:
    """Look at these files."""
    images: list[DicomInstance] = []
    refused: list[UserError] = []
    others: list[Path] = []
    for number, file in enumerate(_heads(paths)):
        if number % _A_BATCH == 0:
            progress(number / len(paths), f"Looking at {len(paths):,} files")
        try:
            if isinstance(file, UserError):
                raise file
            images.append(read_instance(file))
        except NotDicom:
            others.append(paths[number])
        except UserError as error:
            refused.append(error)
    return ScannedFiles(tuple(images), tuple(refused), tuple(others))


def single_slice_notices(file: DicomFile) -> tuple[str, ...]:
    """A notice where a single image has its neighbours beside it: the user may have meant all."""
    uid = file.elements.text("SeriesInstanceUID")
    if not uid or file.frame_count > 1 or file.is_localiser or is_mosaic(file):
        return ()
    try:
        with os.scandir(file.path.parent) as listing:
            beside = [entry for entry in listing if entry.is_file()]
    except OSError:
        return ()
    beside.sort(key=lambda entry: entry.name)
    here = next((n for n, entry in enumerate(beside) if entry.name == file.path.name), 0)
    for entry in beside[max(0, here - _NEIGHBOURS) : here + _NEIGHBOURS + 1]:
        if entry.name == file.path.name:
            continue
        try:
            other = read_dicom_file(FileBytes.from_path(file.path.parent / entry.name))
        except (NotDicom, UserError):
            continue
        if other.elements.text("SeriesInstanceUID") == uid:
            return ("This is one slice of a series; open its folder to see all of it.",)
    return ()


def _heads(paths: list[Path]) -> Iterator[FileBytes | UserError]:
    """The first bytes of each file, read ahead in threads: most of a cold scan is waiting for them."""
    batches = [paths[start : start + _A_BATCH] for start in range(0, len(paths), _A_BATCH)]
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
        # Whoever cancels is not kept waiting for a slow disk.
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
    """Files in a stable order; links to folders are not followed, so that there is no way round."""
    count = 0
    pending = [folder]
    while pending:
        here = pending.pop()
        progress(0.0, "Looking for files")
        try:
            with os.scandir(here) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError:
            continue  # a folder that may not be looked into holds nothing for us
        entries = [entry for entry in entries if not entry.name.startswith(".")]
        folders = [here / entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        pending += reversed(folders)
        files = [here / entry.name for entry in entries if _is_file(entry)]
        count += len(folders) + len(files)
        if count > _MOST_FILES:
            raise UserError(
                f"holds more than {_MOST_FILES:,} files and folders",
                path=folder,
                remedy="Choose a smaller folder.",
            )
        yield from files


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Whether it is a regular file, or a link to one; devices and pipes would keep us for ever."""
    try:
        return entry.is_file()
    except OSError:  # a link that leads to itself
        return False
