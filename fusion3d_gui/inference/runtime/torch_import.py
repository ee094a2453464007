"""``nonblocking_torch_import``: import torch without blocking the GUI thread."""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Large shared libraries: (package, folder, pattern). The linker loads their dependencies too.
_LIBRARIES = (
    ("torch", "lib", "libtorch.*"),
    ("openvino", "libs", "libopenvino.so*"),
    ("openvino", "libs", "libopenvino.*.dylib"),
)


@contextmanager
def nonblocking_torch_import() -> Iterator[None]:
    """Context in which a worker thread imports torch and creates its first model.

    Has no effect once torch is imported. Without it, an import on another thread blocked the main window
    for a third of a second and more, for two reasons. Loading a shared library during an import holds
    the GIL, but a call through ctypes releases it, so the large libraries are loaded beforehand. And the
    garbage collector repeatedly traverses the half million objects of the imported modules, so it is
    disabled meanwhile, and the imported objects are then excluded for good (``gc.freeze``).
    """
    if "torch" in sys.modules:
        yield
        return
    _load_libraries()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def load_torch_libraries_beside() -> None:
    """Load torch's large shared libraries on a thread, while this one imports and reads other things.

    A command calls it first. They are a fifth of what importing torch takes, and need no GIL.
    """
    if "torch" not in sys.modules:
        threading.Thread(target=_load_libraries, name="torch libraries").start()


def _load_libraries() -> None:
    """Load the large libraries by ``dlopen``; failures are ignored, because the import reports them."""
    if not hasattr(os, "RTLD_NOW"):
        return  # Windows
    load = ctypes.CDLL(None).dlopen
    load.restype, load.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)
    for package, folder, pattern in _LIBRARIES:
        found = importlib.util.find_spec(package)
        for location in (found and found.submodule_search_locations) or ():
            for path in sorted((Path(location) / folder).glob(pattern)):
                load(os.fsencode(path), os.RTLD_NOW)
