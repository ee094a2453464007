"""Which scan a session is of, and where to look for it when the session is opened elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath

from fusion3d_gui.progress import Progress
from fusion3d_gui.report.session.document import MOST_PATHS, ScanDocument

#: The folder of a session is searched so deep, and so many entries are looked at.
_DEPTH, _MOST_ENTRIES = 4, 20_000


def scan_document(
    voxels_sha256: str,
    paths: tuple[Path, ...],
    series_uid: str,
    shape: tuple[int, int, int],
    session: Path | None,
    *,
    enclosed: bool = False,
) -> ScanDocument:
    """Describe a scan for a session file at ``session`` (None: for kept work); empty ``paths``: it must not be named."""
    if len(paths) > MOST_PATHS:
        paths = ()
    absolute = [path.absolute() for path in paths]
    try:
        relative = [] if session is None else _relative(absolute, session.absolute().parent)
    except ValueError:
        relative = []  # on another drive
    named = series_uid if paths else ""
    return ScanDocument(
        voxels_sha256, list(map(str, absolute)), relative, named, shape, enclosed=enclosed
    )


def scan_name(scan: ScanDocument) -> str:
    """Name of the file or folder, to ask for it; empty where it isn't known."""
    return PureWindowsPath(scan.paths[0]).name if scan.paths else ""


def series_among(named: tuple[Path, ...], scan: ScanDocument, progress: Progress) -> str | None:
    """Which series of what the user has is the scan: by its UID, else by its shape; None: the largest."""
    # Imported where it is used: the window starts without what reads files.
    from fusion3d_gui.imaging.catalog.find import find_series_of

    found = find_series_of(named, progress)
    for each in found:
        if each.uid == scan.series_uid:
            return each.uid
    return next((each.uid for each in found if each.shape == scan.shape), None)


def places_of(scan: ScanDocument, session: Path | None) -> Iterator[tuple[Path, ...]]:
    """Where the scan may be, likeliest first: all of its paths, each of which exists.

    As it lay beside the session; where it was; anywhere below the session's folder under its name; without a
    session, only where it was. Nothing is opened.
    """
    beside = None if session is None else session.absolute().parent
    moved = [] if beside is None else [beside / path for path in scan.relative]
    for named in (moved, list(map(Path, scan.paths))):
        if named and all(map(_exists, named)):
            # Without "..", so that the same scan has the same path as when it is opened by hand.
            yield tuple(Path(os.path.normpath(path)) for path in named)
    name = scan_name(scan)
    if beside is not None and len(scan.paths) == 1 and name not in ("", ".", ".."):
        yield from ((found,) for found in _below(beside, name))


def _relative(paths: list[Path], folder: Path) -> list[str]:
    return [Path(os.path.relpath(path, folder)).as_posix() for path in paths]


def _exists(path: Path) -> bool:
    try:
        return path.is_dir() or path.is_file()
    except (OSError, ValueError):
        return False


def _below(folder: Path, name: str) -> Iterator[Path]:
    looked_at, level = 0, [folder]
    for _ in range(_DEPTH):
        below: list[Path] = []
        for each in level:
            try:
                with os.scandir(each) as entries:
                    for entry in entries:
                        looked_at += 1
                        if looked_at > _MOST_ENTRIES:
                            return
                        if entry.name == name and _exists(Path(entry.path)):
                            yield Path(entry.path)
                        if entry.is_dir(follow_symlinks=False):
                            below.append(Path(entry.path))
            except OSError:
                continue
        level = below
