"""pytorch-grad-cam, the judge of class activation maps."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types

import pytest


@pytest.fixture(scope="session")
def pytorch_grad_cam():
    """The package.

    Where torchvision's compiled operators do not fit the installed torch (a CPU build of torch
    beside PyPI's CUDA build of torchvision), importing torchvision fails. The package only needs
    its transforms, which are plain Python: they are then imported without torchvision's __init__.
    """
    try:
        return importlib.import_module("pytorch_grad_cam")
    except RuntimeError:
        _forget("torchvision", "pytorch_grad_cam")
    shell = types.ModuleType("torchvision")
    shell.__path__ = list(importlib.util.find_spec("torchvision").submodule_search_locations)
    sys.modules["torchvision"] = shell
    package = importlib.import_module("pytorch_grad_cam")
    _forget("torchvision")
    return package


def _forget(*packages: str) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] in packages]:
        del sys.modules[name]
