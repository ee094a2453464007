"""What the axes of an NRRD file count, and where its volumes lie in LPS millimetres.

An axis counts volumes where its kind says so (list, time) or where it has no direction beyond the three that have.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.files.nifti_geometry import NOT_VALID
from fusion3d_gui.imaging.files.voxel_header import Role, wrong_header
from fusion3d_gui.imaging.volume import affine_of_sizes, spans_space

#: From the axes of a space to LPS, by the names of the format; in the others nothing says where left is.
_SPACES = {
    **dict.fromkeys(("rightanteriorsuperior", "ras"), (-1.0, -1.0, 1.0)),
    **dict.fromkeys(("leftanteriorsuperior", "las"), (1.0, -1.0, 1.0)),
    **dict.fromkeys(("leftposteriorsuperior", "lps"), (1.0, 1.0, 1.0)),
}
_UNNAMED_SPACES = ("scannerxyz", "3drighthanded", "3dlefthanded")
_NO_SIDES = "Its header does not say where left, front and top are; the usual order is assumed."
_MM = {"m": 1000.0, "cm": 10.0, "mm": 1.0, "um": 0.001, "µm": 0.001, "micron": 0.001}

#: Kinds of axes along which the same thing is seen at another place.
_DOMAINS = ("", "???", "none", "domain", "space")
_VOLUMES = ("list", "time", "stub", "scalar")
_COLOURS = {"rgb-color": 3, "rgba-color": 4, "3-color": 3}


@dataclass(frozen=True)
class NrrdAxes:
    """The axes as stored, the fastest first.

    ``vectors``: the step from one voxel to the next along each in the header's space, None where it has none.
    """

    sizes: tuple[int, ...]
    roles: tuple[Role, ...]
    vectors: tuple[np.ndarray | None, ...]


def nrrd_axes(
    path: Path, fields: dict[str, str], sizes: tuple[int, ...], dtype: np.dtype
) -> NrrdAxes:
    """Tell what each axis counts.

    Raises UserError for axes that are no scan's, such as vectors.
    """
    count = len(sizes)
    kinds = fields.get("kinds", "").lower().split()
    if kinds and len(kinds) != count:
        raise wrong_header(path, f"its header does not have {count} kinds")
    kinds = kinds or [""] * count
    vectors = _vectors(path, fields, count)
    roles: list[Role | None] = []
    for kind, size in zip(kinds, sizes, strict=True):
        if kind in _DOMAINS:
            roles.append(None)
        elif kind in _VOLUMES or size == 1:
            roles.append("volume")
        elif _COLOURS.get(kind) == size and dtype.kind in "iu" and "colour" not in roles:
            roles.append("colour")
        else:
            raise UserError(f"holds values of kind {kind}, which are not a scan", path=path)
    open_axes = [n for n, role in enumerate(roles) if role is None]
    directed = [n for n in open_axes if vectors[n] is not None]
    # Of more than three axes those without a direction count volumes, else the slowest ones.
    spatial = (directed if len(open_axes) > 3 and len(directed) >= 2 else open_axes)[:3]
    names: tuple[Role, ...] = ("i", "j", "k")
    found: list[Role] = [
        names[spatial.index(n)] if n in spatial else (role or "volume")
        for n, role in enumerate(roles)
    ]
    return NrrdAxes(sizes, tuple(found), vectors)


def nrrd_affine(
    path: Path, fields: dict[str, str], axes: NrrdAxes
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The affine (LPS mm) of the volumes, and sentences for the user. Raises UserError for an unknown space."""
    spatial = [n for n, role in enumerate(axes.roles) if role in ("i", "j", "k")]
    steps = [axes.vectors[n] for n in spatial]
    if all(step is None for step in steps):
        return _scalar_affine(path, fields, axes, spatial)
    flips, notices = _flips(path, fields)
    scale = _millimetres(fields)
    known = [step for step in steps if step is not None]
    affine = np.eye(4)
    if len(known) == len(steps):
        for column, step in enumerate(known):
            affine[:3, column] = step * flips * scale
        if len(known) == 2:
            affine[:3, 2] = _normal(affine[:3, 0], affine[:3, 1])
        origin = _vector(fields.get("spaceorigin", ""))
        if origin is not None:
            affine[:3, 3] = origin * flips * scale
        if spans_space(affine):
            return affine, notices
    sizes = [1.0 if step is None else float(np.linalg.norm(step)) * scale for step in steps]
    return affine_of_sizes(sizes), (*notices, NOT_VALID)


def _scalar_affine(
    path: Path, fields: dict[str, str], axes: NrrdAxes, spatial: list[int]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """By ``spacings``, else by ``axis mins`` and ``axis maxs``; 1 mm without either."""
    count = len(axes.sizes)
    spacings = _numbers(path, fields, ("spacings",), count)
    lows = _numbers(path, fields, ("axismins",), count)
    highs = _numbers(path, fields, ("axismaxs",), count)
    centers = (fields.get("centerings") or fields.get("centers") or "").lower().split()
    affine, origin = np.eye(4), []
    for column, n in enumerate(spatial):
        # Axis mins are the border of the first voxel, or its centre where voxels are nodes.
        is_node = len(centers) == count and centers[n] == "node"
        spacing, low, high = spacings[n], lows[n], highs[n]
        if spacing is None and low is not None and high is not None:
            spacing = (high - low) / max(1, axes.sizes[n] - is_node)
        size = 1.0 if spacing is None else spacing
        affine[column, column] = size
        if low is not None:
            origin.append(low if is_node else low + size / 2)
    if len(origin) == len(spatial):
        affine[: len(origin), 3] = origin
    if not spans_space(affine):
        return affine_of_sizes(np.diag(affine)[:3].tolist()), (_NO_SIDES, NOT_VALID)
    return affine, (_NO_SIDES,)


def _vectors(path: Path, fields: dict[str, str], count: int) -> tuple[np.ndarray | None, ...]:
    """``space directions`` as vectors of three; None for an axis without one, and for those of time."""
    text = fields.get("spacedirections", "")
    words = re.findall(r"\([^()]*\)|[^\s()]+", text)
    if not words:
        return (None,) * count
    if len(words) != count:
        raise wrong_header(path, f"its header does not have {count} space directions")
    found = [_vector(word) for word in words]
    for vector, word in zip(found, words, strict=True):
        # Of numbers that are none, as some write it, too.
        is_none = re.fullmatch(r"none|\(\s*nan(\s*,\s*nan)*\s*\)", word.lower())
        if vector is None and not is_none:
            raise wrong_header(path, "its space directions are not all finite numbers")
    return tuple(None if vector is None or not vector.any() else vector for vector in found)


def _vector(text: str) -> np.ndarray | None:
    """``(x,y,z)``, without a time behind, and 0 for what is missing; None for no vector of finite numbers."""
    match = re.fullmatch(r"\(([^()]*)\)", text.strip())
    if match is None:
        return None
    try:
        numbers = [float(word) for word in match[1].split(",")]
    except ValueError:
        return None
    if not 2 <= len(numbers) <= 4 or not all(map(math.isfinite, numbers)):
        return None
    return np.array([*numbers, 0.0][:3])


def _flips(path: Path, fields: dict[str, str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """From the header's space to LPS."""
    name = fields.get("space", "")
    plain = re.sub(r"[\s-]", "", name.lower()).removesuffix("time")
    plain = plain[:-1] if plain in ("rast", "last", "lpst") else plain
    if plain in _SPACES:
        return np.array(_SPACES[plain]), ()
    if name and plain not in _UNNAMED_SPACES:
        raise wrong_header(path, f"its space {name!r} is none that the format has")
    return np.ones(3), (_NO_SIDES,)


def _millimetres(fields: dict[str, str]) -> float:
    """Millimetres in the header's unit of space: the first that it names."""
    unit = re.search(r'"([^"]*)"', fields.get("spaceunits", ""))
    return _MM.get(unit[1].strip().lower(), 1.0) if unit else 1.0


def _normal(i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """A millimetre across the plane of two steps."""
    across = np.cross(i, j)
    length = float(np.linalg.norm(across))
    return across / length if length > 0 else across


def _numbers(
    path: Path, fields: dict[str, str], names: tuple[str, ...], count: int
) -> list[float | None]:
    """A number for each axis; None where it has none."""
    text = next((fields[name] for name in names if name in fields), "")
    words = text.split()
    if words and len(words) != count:
        raise wrong_header(path, f"its header does not have {count} {names[0]}")
    try:
        numbers = [float(word) for word in words] or [math.nan] * count
    except ValueError:
        raise wrong_header(path, f"its {names[0]} are not all numbers") from None
    return [number if math.isfinite(number) else None for number in numbers]
