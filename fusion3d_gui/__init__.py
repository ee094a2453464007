"""Fusion3D: look at a model's prediction on a 3D scan. Research use only.

For a notebook: ``import fusion3d_gui as f3d``, see :mod:`fusion3d_gui.api`. Importing this package
imports nothing else; each name is imported when it is first used (``__init__.pyi`` tells type checkers).
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

RESEARCH_USE_ONLY = "Research use only"

#: The module of each public name.
_MODULE_OF = {
    "Heatmap": "fusion3d_gui.inference.prediction",
    "Model": "fusion3d_gui.api",
    "Prediction": "fusion3d_gui.api",
    "UserError": "fusion3d_gui.errors",
    "Volume": "fusion3d_gui.imaging.volume",
    "evaluate": "fusion3d_gui.notebook.evaluation",
    "explain": "fusion3d_gui.api",
    "find_series": "fusion3d_gui.api",
    "load_model": "fusion3d_gui.api",
    "open_volume": "fusion3d_gui.api",
    "read_masks": "fusion3d_gui.notebook.masks",
    "read_results": "fusion3d_gui.notebook.tables",
    "shipped_cases": "fusion3d_gui.api",
    "shipped_models": "fusion3d_gui.api",
    "view": "fusion3d_gui.notebook.view",
}

__all__ = ["RESEARCH_USE_ONLY", *_MODULE_OF]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_MODULE_OF[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
