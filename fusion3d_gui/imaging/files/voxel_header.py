"""``VoxelHeader``: what the text header of an NRRD or MetaImage file says, checked: axes, geometry, where the voxels are.

The program reads these formats itself. ITK, their reference, is C++ that trusts its input: headers of 67 bytes ended
the process or never returned, others made it write beyond its buffers. The tests compare with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from fusion3d_gui.errors import UserError

#: How voxels are written; ``"text"``: as numbers in letters, ``"hex"``: each byte as two letters.
Packing = Literal["raw", "gzip", "bzip2", "text", "hex"]

#: What an axis counts: ``i``, ``j`` and ``k`` of a volume, volumes, or the colours of a voxel.
Role = Literal["i", "j", "k", "volume", "colour"]

_LONGEST_AXIS = 1 << 20
_SPATIAL: tuple[Role, ...] = ("i", "j", "k")


@dataclass(frozen=True, eq=False)
class VoxelHeader:
    """What a header says.

    Parameters
    ----------
    path
        The file of the header.
    data_file
        The file that holds the voxels.
    offset
        Bytes from its start to the voxels, packed or not.
    skipped
        Bytes of the unpacked voxels to pass over.
    packing
        How they are written.
    dtype
        Type of a value, with its byte order.
    sizes, roles
        Length of each axis as stored, the fastest first, and what it counts; each of i, j, k once, in this order.
    affine
        4x4 from (i, j, k) to LPS mm.
    notices
        Sentences for the user about the geometry.
    """

    path: Path
    data_file: Path
    offset: int
    skipped: int
    packing: Packing
    dtype: np.dtype
    sizes: tuple[int, ...]
    roles: tuple[Role, ...]
    affine: np.ndarray
    notices: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """(k, j, i) of a volume."""
        i, j, k = (self.sizes[self.roles.index(role)] for role in _SPATIAL)
        return k, j, i

    @property
    def volume_count(self) -> int:
        """Number of volumes."""
        counts = [
            size for size, role in zip(self.sizes, self.roles, strict=True) if role == "volume"
        ]
        return int(np.prod(counts, dtype=object))

    @property
    def byte_count(self) -> int:
        """Bytes of all values, unpacked."""
        return int(np.prod(self.sizes, dtype=object)) * self.dtype.itemsize


def axes_of(
    path: Path, sizes: tuple[int, ...], roles: list[Role]
) -> tuple[tuple[int, ...], tuple[Role, ...]]:
    """Sizes and roles with an axis of one slice added where there is no ``k``.

    Raises UserError for axes that are no volume's.
    """
    found = [role for role in roles if role in _SPATIAL]
    if found == ["i", "j"]:
        after = roles.index("j") + 1
        sizes, roles = (*sizes[:after], 1, *sizes[after:]), [*roles[:after], "k", *roles[after:]]
    elif found != list(_SPATIAL):
        raise UserError(f"holds an image of {len(found)} axes, which is not a scan", path=path)
    if min(sizes) < 1 or max(sizes) > _LONGEST_AXIS:
        raise UserError(f"holds an image of shape {sizes}, which is not a scan", path=path)
    if "colour" in roles and roles.index("colour") > roles.index("k"):
        raise UserError("holds its colours one after another, which can't be read", path=path)
    return sizes, tuple(roles)


def data_file_beside(path: Path, name: str) -> Path:
    """The file with the voxels of a header: in the same folder. Raises UserError."""
    if name.upper().startswith("LIST") or "%" in name:
        raise UserError("has its voxels in many files, which can't be read", path=path)
    try:
        data_file = (path.parent / name).resolve()
        if data_file.parent != path.parent.resolve():
            raise UserError("has its voxels in another folder, where they are not read", path=path)
    except (OSError, ValueError):
        raise _half_missing(path) from None
    return data_file


def size_of_data(data_file: Path, path: Path) -> int:
    """Bytes of the file that holds the voxels. Raises UserError where it is missing."""
    try:
        return data_file.stat().st_size
    except (OSError, ValueError):
        raise _half_missing(path) from None


def wrong_header(path: Path, problem: str) -> UserError:
    """The error of a header that can't be read."""
    return UserError(
        problem, path=path, remedy="Write the file again with the program it came from."
    )


def _half_missing(path: Path) -> UserError:
    return UserError("its other half, with the voxels, is missing", path=path)
