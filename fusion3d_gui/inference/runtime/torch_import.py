"""``nonblocking_torch_import``: torch and its company come in without holding up the program's other threads."""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Large shared libraries: (package, folder, pattern). What they need comes in with them.
_LIBRARIES = (
    ("torch", "lib", "libtorch.*"),
    ("openvino", "libs", "libopenvino.so*"),
    ("openvino", "libs", "libopenvino.*.dylib"),
)


@contextmanager
def nonblocking_torch_import() -> Iterator[None]:
    """Import torch, and make what it needs to be ready, inside of this; nothing happens a second time.

    Two things made the window stand still for a third of a second and more while another thread
    imported. Loading a shared library during an import keeps Python's lock; called as a foreign
    function it does not, so the large ones are loaded beforehand. And the garbage collector walks
    over all the half million objects of the modules again and again: it rests meanwhile, and
    afterwards leaves alone for good what has come in (``gc.freeze``).
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


def _load_libraries() -> None:
    """Where one can't be loaded this way, its import will say why."""
    if not hasattr(os, "RTLD_NOW"):
        return  # Windows
    load = ctypes.CDLL(None).dlopen
    load.restype, load.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)
    for package, folder, pattern in _LIBRARIES:
        found = importlib.util.find_spec(package)
        for place in (found and found.submodule_search_locations) or ():
            for path in sorted((Path(place) / folder).glob(pattern)):
                load(os.fsencode(path), os.RTLD_NOW)
