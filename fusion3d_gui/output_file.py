"""Write files whole: beside their final name, flushed, then renamed; never over an input."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from fusion3d_gui.errors import UserError

#: Part of the names of files that are not whole: a process that was killed leaves one.
PARTIAL = ".part"


@contextlib.contextmanager
def whole_file(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Give a new path beside ``path`` to write to; rename it to ``path`` when the block ends well.

    Until then, and for ever when the block raises, the process is killed or the disk is full, ``path`` is
    what it was. The name to write to ends like ``path``'s, for writers that go by it. A symbolic link is
    followed; what is no regular file (a pipe, a device) is given the bytes. ``private``: a new file, and what
    is written until then, may be read by its owner only.

    Raises
    ------
    OSError
        The disk is full, the folder can't be written to, or ``path`` is a folder or is write-protected.
    """
    target = Path(os.path.realpath(path))
    try:
        mode: int | None = target.stat().st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None and stat.S_ISDIR(mode):
        raise IsADirectoryError(21, "it is a folder", str(path))
    if mode is not None and not os.access(target, os.W_OK):
        raise PermissionError(13, "it is write-protected", str(path))
    if mode is not None and not stat.S_ISREG(mode):
        with _pass_on(target) as unnamed:
            yield unnamed
        return
    partial = target.with_name(f".{secrets.token_hex(8)}{PARTIAL}{_ending(target)}")
    try:
        rights = 0o600 if private else 0o666
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, rights))
        if mode is not None:
            partial.chmod(stat.S_IMODE(mode))
        yield partial
        _flush(partial)
        partial.replace(target)
        _flush(target.parent)
    except OSError as error:
        error.filename = str(path)  # not the partial one's name, which says nothing to the user
        raise
    finally:
        partial.unlink(missing_ok=True)


def write_whole_text(path: Path, text: str, newline: str | None = None) -> None:
    """Write UTF-8 text by :func:`whole_file`; ``newline`` as for :func:`open`.

    Raises OSError as it does.
    """
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8", newline=newline)


def is_unused(folder: Path) -> bool:
    """Whether a path is free for a folder of results: not there, or a folder without any file.

    What a killed process has left of it, empty folders and halves of files, does not count.
    """
    if not folder.exists():
        return True
    return folder.is_dir() and all(
        each.is_dir() or (each.name.startswith(".") and PARTIAL in each.name)
        for each in folder.rglob("*")
    )


def check_not_input(path: Path, inputs: Iterable[Path | None]) -> None:
    """Refuse to write over what is read: an input file, or a file that is in a folder of inputs.

    A new file in such a folder is allowed.

    Parameters
    ----------
    path
        The file to write.
    inputs
        Files and folders that are read; None is passed over.

    Raises
    ------
    UserError
        ``path`` exists, and is one of them or lies in one of them.
    """
    if not path.is_file():
        return
    written = Path(os.path.realpath(path))
    for read in filter(None, inputs):
        source = Path(os.path.realpath(read))
        if read.is_dir():
            is_input = written.is_relative_to(source)
        else:
            is_input = read.exists() and written.samefile(source)
        if is_input:
            what = "it lies in the folder that is read" if read.is_dir() else "it is the input"
            raise UserError(
                f"{what}, and would be overwritten", path=path, remedy="Name another file."
            )


def _ending(path: Path) -> str:
    return ".nii.gz" if path.name.lower().endswith(".nii.gz") else path.suffix


def _flush(path: Path) -> None:
    """Have the system write a file or a folder's entries to the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folders
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _pass_on(target: Path) -> Iterator[Path]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        unnamed = Path(folder) / f"output{_ending(target)}"
        yield unnamed
        with unnamed.open("rb") as source, target.open("wb") as sink:
            shutil.copyfileobj(source, sink)
