"""Whether the packages of the extra ``[notebook]`` are installed."""

from __future__ import annotations

from importlib.util import find_spec

from fusion3d_gui.errors import UserError


def need_packages(purpose: str, *names: str) -> None:
    """Raise UserError unless these packages can be imported; ``purpose`` begins the sentence that says so."""
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise UserError(
            f"{purpose} needs {' and '.join(missing)}",
            remedy="Install the extra: pip install 'fusion3d[notebook]'.",
        )
