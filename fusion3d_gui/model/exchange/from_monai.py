"""``monai_values``: what a bundle made for MONAI tells of what ``fusion3d bundle make`` needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle.license_file import license_of
from fusion3d_gui.model.bundle.monai_bundle import OWN_AXES, MonaiBundle
from fusion3d_gui.model.exchange.axes import own_order

#: Steps of a preprocessing that this program takes too, or that change no value.
_SAME_STEPS = frozenset(
    {
        *("LoadImaged", "EnsureChannelFirstd", "AddChanneld", "Orientationd", "Spacingd"),
        *("EnsureTyped", "CastToTyped", "ToTensord", "ToDeviced"),
    }
)


def monai_values(folder: Path, axes: str | None) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Values of the options of ``fusion3d bundle make``, None where the bundle does not tell, and notices.

    ``axes`` are those that the user gave.

    Raises
    ------
    UserError
        Where there is no such bundle, its network can't be run here, its weights are not in it, or nothing tells how
        the axes of its images run.
    """
    found = MonaiBundle.found_in(folder)
    if found is None:
        raise UserError(
            "it is no MONAI bundle", path=folder, remedy="Name a weights file, or such a bundle."
        )
    if found.obstacle is not None:
        raise found.refusal()
    if not found.weights.is_file():
        raise UserError(
            "its weights, models/model.pt, are not in it",
            path=folder,
            remedy="Download them as its large_files.yml says.",
        )
    axes = axes or found.axes
    if axes is None:
        raise UserError(
            "it does not say along which directions the axes of its images run",
            path=folder,
            remedy=f"Give --axes as it was trained, e.g. --axes {OWN_AXES}.",
        )
    order = own_order(axes)
    values = {
        "weights": found.weights,
        "network": found.architecture,
        "options": dict(found.options),
        "grid": None if found.shape is None else tuple(found.shape[axis] for axis in order),
        "spacing": found.spacing_mm,
        "window": found.window,
        "classes": found.classes if len(found.classes) == 2 else None,
        "task": found.title,
        "axes": axes,
        "license": license_of(folder),
    }
    same = _SAME_STEPS | ({"ScaleIntensityRanged"} if found.window else set())
    replaced = [name for name in found.transforms if name not in same]
    notices = []
    if replaced:
        notices.append(
            f"Its steps {', '.join(replaced)} are replaced by this program's grid and intensities, so its numbers "
            "may differ from those in MONAI."
        )
    return values, tuple(notices)
