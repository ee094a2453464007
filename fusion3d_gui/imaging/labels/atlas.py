"""``Atlas``: a map of regions in standard space with their names, from files that the user has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.input_file import read_bounded
from fusion3d_gui.plain_text import visible_text

_LARGEST_LIST_BYTES = 1_000_000
_LIST_ENDINGS = (".txt", ".tsv", ".csv")


@dataclass(frozen=True, eq=False)
class Atlas:
    """Regions numbered in a volume (0: none), and their names by number."""

    volume: Volume
    names: Mapping[int, str]

    def name_at(self, place_lps: np.ndarray) -> str:
        """Name of the region at a place (LPS mm); empty where there is none."""
        value = self.volume.value_at(place_lps)
        if value is None or not np.isfinite(value):
            return ""
        number = round(float(value))
        return "" if number == 0 else self.names.get(number, f"region {number}")


def read_atlas(path: Path) -> Atlas:
    """Read a NIfTI atlas and the list of its labels beside it, a text file of the same name.

    Raises UserError naming the file that is missing or wrong.
    """
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    beside = [path.with_name(stem + ending) for ending in _LIST_ENDINGS]
    listed = next((each for each in beside if each.is_file()), None)
    if listed is None:
        raise UserError(
            "there is no list of labels beside it",
            path=path,
            remedy=f"Put it there as {stem}.txt: a line “number|name” for each region.",
        )
    names = read_label_names(listed)
    volume = open_volume(path)
    if volume.voxels.dtype.kind not in "iub":
        raise UserError("its values are not numbers of regions", path=path)
    return Atlas(volume, names)


def read_label_names(path: Path) -> dict[int, str]:
    """Names of regions by number: lines such as ``1|ACAL|anterior cerebral artery left|1`` or ``1<tab>insula``.

    Of several texts on a line the longest is the name. Raises UserError for a file that is no such list.
    """
    try:
        text = read_bounded(path, _LARGEST_LIST_BYTES).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise UserError(f"the list of labels can't be read ({error})", path=path) from None
    names: dict[int, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = [cell.strip() for cell in re.split(r"[|\t,;]", line)]
        if len(cells) == 1:
            cells = line.split(maxsplit=1)
        words = [cell for cell in cells[1:] if cell and not cell.isdecimal()]
        if not cells[0].isdecimal() or not words:
            if number == 1:
                continue  # a header
            raise UserError(f"line {number} is not a number and a name", path=path)
        names[int(cells[0])] = visible_text(max(words, key=len))
    if not names:
        raise UserError("it lists no labels", path=path)
    return names
