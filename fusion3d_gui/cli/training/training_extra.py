"""Whether the packages of the extra ``[train]`` are installed."""

from __future__ import annotations

import importlib.util

from fusion3d_gui.errors import UserError


def need_training_extra() -> None:
    """Raise UserError unless the packages of the extra are installed."""
    if not all(
        importlib.util.find_spec(name)
        for name in ("nilearn", "sklearn", "lightning", "matplotlib", "MLstatkit")
    ):
        raise UserError(
            "training needs the extra packages", remedy="Install them: pip install fusion3d[train]."
        )
