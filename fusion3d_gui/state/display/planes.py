"""``Planes``: the orientation of the three reading planes in the patient, straight or oblique."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from PySide6.QtCore import QObject, Signal

from fusion3d_gui.imaging.plane import ORIENTATIONS
from fusion3d_gui.imaging.reslice.acquisition import aligned_axes, nearest_axes, slice_axis
from fusion3d_gui.imaging.volume import Volume


class Planes(QObject):
    """For each plane, by its name, the rigid transform from patient mm (LPS) to *plane space*.

    In plane space the plane is straight: its :class:`Orientation` says there which axis runs along
    the screen's right and down, and which one from plane to plane. A plane is rotated about the position
    at which it was dragged, which keeps its coordinates.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._matrices: dict[str, np.ndarray] = {}
        self._snaps = True
        #: Incremented with every change: part of the cache keys of what depends on it.
        self.version = 0
        self.straighten()

    def matrix(self, name: str) -> np.ndarray:
        """Transform 4x4 from patient mm (LPS) to plane space."""
        return self._matrices[name]

    @property
    def matrices(self) -> dict[str, np.ndarray]:
        """All transforms, by plane."""
        return dict(self._matrices)

    def restore(self, matrices: Mapping[str, np.ndarray], *, snap: bool) -> None:
        """Orient the planes as :attr:`matrices` and :attr:`snap` said earlier; each has to be rigid."""
        self._matrices.update(
            {name: each for name, each in matrices.items() if name in self._matrices}
        )
        self._snaps = snap
        self.version += 1
        self.changed.emit()

    @property
    def are_straight(self) -> bool:
        """Whether all planes lie along the patient's axes."""
        return all(np.array_equal(each, np.eye(4)) for each in self._matrices.values())

    @property
    def snap(self) -> bool:
        """Whether planes snap to the slices of the scan: not once they have been rotated by hand."""
        return self._snaps

    def turn(
        self, names: Iterable[str], axis_lps: np.ndarray, radians: float, about_lps: np.ndarray
    ) -> None:
        """Rotate planes about an axis (unit vector, LPS; right-handed) through a position (mm, LPS)."""
        back = _turn(axis_lps, -radians, about_lps)
        for name in names:
            self._matrices[name] = self._matrices[name] @ back
        self._snaps = False
        self.version += 1
        self.changed.emit()

    def straighten(self) -> None:
        """Align all planes with the patient's axes."""
        self._set_all(np.eye(4))

    def show_slices_of(self, volume: Volume) -> None:
        """Align all planes with the patient's axes; where slices of the scan are tilted against these, with them."""
        if aligned_axes(volume) is None:
            self.follow_scan(volume)
        else:
            self.straighten()

    def follow_scan(self, volume: Volume) -> None:
        """Align all planes with the voxel axes of the scan.

        Each voxel axis is assigned to the nearest patient axis. Of a sheared volume (a CT with a tilted
        gantry) one plane is that of the slices; where these are not known, the nearest rotation is used.
        """
        linear = volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)
        order = nearest_axes(linear)
        axis = slice_axis(volume)
        if axis is not None:
            # Planes in the slices themselves, also where a tilted gantry shifts them against each other.
            first, second = (linear[:, each] for each in range(3) if each != axis)
            normal = np.cross(first, second)
            linear[:, axis] = normal * np.sign(normal @ linear[:, axis])
        # The rotation nearest to these axes, each given to the patient axis it is closest to.
        signs = np.sign(linear[(0, 1, 2), order])
        u, _, vt = np.linalg.svd(linear[:, order] * signs)
        rotation = (u @ vt).T
        matrix = np.eye(4)
        matrix[:3, :3] = rotation
        matrix[:3, 3] = volume.center_lps - rotation @ volume.center_lps
        self._set_all(matrix)

    def _set_all(self, matrix: np.ndarray) -> None:
        self._matrices = {each.name: matrix for each in ORIENTATIONS}
        self._snaps = True
        self.version += 1
        self.changed.emit()


def _turn(axis: np.ndarray, radians: float, about: np.ndarray) -> np.ndarray:
    """4x4 rotation about an axis through a position (Rodrigues' formula)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    linear = np.eye(3) + np.sin(radians) * cross + (1 - np.cos(radians)) * cross @ cross
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = about - linear @ about
    return matrix
