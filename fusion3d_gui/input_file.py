"""Read small files of others: regular files only, and never more than a stated size."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def read_bounded(path: Path, most_bytes: int) -> bytes:
    """The content of a regular file.

    A pipe would be waited for, a device never end; neither is opened for long enough to matter, since the
    file is opened without blocking and looked at before it is read.

    Raises
    ------
    OSError
        The file can't be read, or is no regular file.
    ValueError
        It has more than ``most_bytes``.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(22, "it is no regular file", str(path))
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise ValueError(f"more than {most_bytes} bytes")
    return content
