"""A name for this process that no later one has, and whether the process of such a name still runs."""

from __future__ import annotations

import os


def own_process_name() -> str:
    """Number and start of this process."""
    import psutil  # imported where it is used: the window opens without it

    return f"{os.getpid()}-{int(psutil.Process().create_time())}"


def process_lives(name: str) -> bool:
    """Whether the process that gave itself this name still runs."""
    import psutil

    number, _, began = name.partition("-")
    try:
        return int(psutil.Process(int(number)).create_time()) == int(began)
    except (ValueError, psutil.NoSuchProcess):
        return False
    except psutil.AccessDenied:
        return True
