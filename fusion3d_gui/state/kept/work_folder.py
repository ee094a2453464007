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


def set_aside(folder: Path, key: str) -> None:
    """Copy what is kept of a case beside it, before other work takes its place."""
    work = read_work(folder, key)
    if work is not None:
        with contextlib.suppress(OSError):
            write_session(folder / f"{key}{_ASIDE}{SUFFIX}", session_of(work), private=True)


def forget_work(folder: Path, key: str) -> None:
    """Delete what is kept of a case."""
    for path in (_file(folder, key), _first(folder, key), folder / f"{key}{_ASIDE}{SUFFIX}"):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _file(folder: Path, key: str) -> Path:
    return folder / f"{key}{SUFFIX}"


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
