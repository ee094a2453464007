"""The folder in which work on cases is kept: one private file a case, named by a hash of the case's data."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
from datetime import datetime
from pathlib import Path

import platformdirs

from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.input_file import read_bounded
from fusion3d_gui.output_file import PARTIAL, whole_file
from fusion3d_gui.state.kept.kept_work import KeptWork

log = logging.getLogger(__name__)

#: So many cases are kept at most; those changed longest ago go first.
MOST_CASES = 500
_LARGEST_BYTES = 2_000_000


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
    path = _file(folder, key)
    try:
        changed = datetime.fromtimestamp(path.stat().st_mtime)
        return KeptWork.from_json(json.loads(read_bounded(path, _LARGEST_BYTES)), changed)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        log.warning("what was kept of a case can't be read, and is ignored")
        return None


def write_work(folder: Path, key: str, work: KeptWork) -> None:
    """Keep this of a case, beside the file and renamed; nothing is kept of an empty one. Raises OSError."""
    if work.is_empty:
        forget_work(folder, key)
        return
    text = json.dumps(work.to_json(), allow_nan=False)
    if len(text) > _LARGEST_BYTES:
        raise OSError(27, "too much work to keep")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    with whole_file(_file(folder, key), private=True) as partial:
        partial.write_text(text, encoding="ascii")
    _drop_oldest(folder)


def forget_work(folder: Path, key: str) -> None:
    """Delete what is kept of a case."""
    with contextlib.suppress(OSError):
        _file(folder, key).unlink(missing_ok=True)


def _file(folder: Path, key: str) -> Path:
    return folder / f"{key}.json"


def _drop_oldest(folder: Path) -> None:
    """Delete the files of the cases changed longest ago, and what a killed process left half written."""
    with contextlib.suppress(OSError):
        files = sorted(folder.glob("[!.]*.json"), key=lambda path: path.stat().st_mtime)
        left = [
            path for path in folder.glob(f".*{PARTIAL}.json") if path.stat().st_mtime < _hour_ago()
        ]
        for path in (*files[: max(0, len(files) - MOST_CASES)], *left):
            path.unlink(missing_ok=True)


def _hour_ago() -> float:
    return datetime.now().timestamp() - 3600
