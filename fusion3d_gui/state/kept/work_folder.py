"""The folder in which work on cases is kept: one private file a case, named by a hash of the case's data."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from datetime import datetime
from pathlib import Path

import platformdirs

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.input_file import read_bounded
from fusion3d_gui.output_file import PARTIAL
from fusion3d_gui.report.session.archive import SUFFIX, SessionFile, read_session, write_session
from fusion3d_gui.report.session.migrations import document_of
from fusion3d_gui.state.kept.kept_document import session_of, work_of
from fusion3d_gui.state.kept.kept_work import KeptWork

log = logging.getLogger(__name__)

#: So many cases are kept at most; those changed longest ago go first.
MOST_CASES = 500
#: Of a file of the first version, which was the document alone.
_LARGEST_BYTES = 2_000_000
_FIRST_SUFFIX = ".json"
#: So often work on one case is set aside.
MOST_ASIDE = 9
#: Ends the names of files that hold work which a session file has replaced.
_ASIDE = "-before"


def kept_work_folder() -> Path:
    """The user's folder of kept work; the variable FUSION3D_CONFIG_DIR moves it."""
    chosen = os.environ.get("FUSION3D_CONFIG_DIR")
    folder = Path(chosen) if chosen else platformdirs.user_data_path("fusion3d", appauthor=False)
    return folder / "cases"


def work_key(volume: Volume) -> str:
    """What identifies the data of a complete volume: a hash of its voxels, their places and the DICOM series.

    Equal wherever the files lie and whatever they are called. Series of two patients that carry the same UID
    differ in their voxels. It takes about a second a gigabyte.
    """
    # Other formats have the file's name in place of a UID.
    is_uid = all(sign in "0123456789." for sign in volume.series_uid)
    told = f"{volume.sha256} {volume.series_uid if is_uid else ''}"
    return hashlib.sha256(told.encode()).hexdigest()


def read_work(folder: Path, key: str) -> KeptWork | None:
    """What is kept of a case; None where there is nothing, or nothing that can be read."""
    try:
        for path, read in ((_file(folder, key), read_session), (_first(folder, key), _read_first)):
            if path.exists():
                changed = datetime.fromtimestamp(path.stat().st_mtime)
                return work_of(read(path), saved=changed)
    except (UserError, OSError, ValueError):
        log.warning("what was kept of a case can't be read, and is ignored")
    return None


def write_work(folder: Path, key: str, work: KeptWork) -> None:
    """Keep this of a case, beside the file and renamed; nothing is kept of an empty one. Raises OSError."""
    if work.is_empty:
        forget_work(folder, key)
        return
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    write_session(_file(folder, key), session_of(work), private=True)
    _first(folder, key).unlink(missing_ok=True)
    _drop_oldest(folder)


def set_aside(folder: Path, key: str, work: KeptWork | None = None) -> None:
    """Write work (None: what is kept of a case) beside it, before other work takes its place.

    The newest is number 1; of more than :data:`MOST_ASIDE` the oldest goes. Raises OSError where given work can't be written.
    """
    kept = read_work(folder, key) if work is None else work
    if kept is None or kept.is_empty:
        return
    with contextlib.nullcontext() if work is not None else contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = folder / f"{key}{_ASIDE}-0{SUFFIX}"
        write_session(partial, session_of(kept), private=True)
        for number in range(MOST_ASIDE - 1, -1, -1):
            path = _aside(folder, key, number)
            if path.exists():
                path.replace(_aside(folder, key, number + 1))


def aside_count(folder: Path, key: str) -> int:
    """How often work on a case was set aside and is still there."""
    return sum(_aside(folder, key, number).exists() for number in range(1, MOST_ASIDE + 1))


def exchange_aside(folder: Path, key: str, present: KeptWork) -> KeptWork | None:
    """Take the newest work that was set aside; the present work becomes the oldest of it.

    So that, done again and again, all come in turn. None where there is none that can be read.

    Raises
    ------
    OSError
        The present work can't be written: nothing is exchanged.
    """
    while aside_count(folder, key):
        newest = next(
            path
            for path in (_aside(folder, key, number) for number in range(1, MOST_ASIDE + 1))
            if path.exists()
        )
        try:
            saved = datetime.fromtimestamp(newest.stat().st_mtime)
            found = work_of(read_session(newest), saved=saved)
        except (UserError, ValueError):
            log.warning("work that was set aside can't be read, and is left out")
            newest.rename(newest.with_suffix(".unreadable"))
            continue
        others = [_aside(folder, key, number) for number in range(1, MOST_ASIDE + 1)]
        others = [path for path in others if path.exists() and path != newest]
        if not present.is_empty:
            write_session(_aside(folder, key, 0), session_of(present), private=True)
        newest.unlink()
        for number, path in enumerate(others, 1):
            path.replace(_aside(folder, key, number))
        if not present.is_empty:
            _aside(folder, key, 0).replace(_aside(folder, key, len(others) + 1))
        return found
    return None


def forget_work(folder: Path, key: str) -> None:
    """Delete what is kept of a case."""
    asides = (_aside(folder, key, number) for number in range(MOST_ASIDE + 1))
    for path in (_file(folder, key), _first(folder, key), *asides):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _file(folder: Path, key: str) -> Path:
    return folder / f"{key}{SUFFIX}"


def _aside(folder: Path, key: str, number: int) -> Path:
    """The file of work that was set aside: 1 is the newest, 0 one that is on its way."""
    return folder / (f"{key}{_ASIDE}{SUFFIX}" if number == 1 else f"{key}{_ASIDE}-{number}{SUFFIX}")


def _first(folder: Path, key: str) -> Path:
    """The file of an earlier version of the program."""
    return folder / f"{key}{_FIRST_SUFFIX}"


def _read_first(path: Path) -> SessionFile:
    return SessionFile(document_of(read_bounded(path, _LARGEST_BYTES)))


def _drop_oldest(folder: Path) -> None:
    """Delete the files of the cases changed longest ago, and what a killed process left half written."""
    with contextlib.suppress(OSError):
        found = [*folder.glob(f"[!.]*{SUFFIX}"), *folder.glob(f"[!.]*{_FIRST_SUFFIX}")]
        files = sorted(found, key=lambda path: path.stat().st_mtime)
        left = [
            path
            for suffix in (SUFFIX, _FIRST_SUFFIX)
            for path in folder.glob(f".*{PARTIAL}{suffix}")
            if path.stat().st_mtime < _hour_ago()
        ]
        for path in (*files[: max(0, len(files) - MOST_CASES)], *left):
            path.unlink(missing_ok=True)


def _hour_ago() -> float:
    return datetime.now().timestamp() - 3600
