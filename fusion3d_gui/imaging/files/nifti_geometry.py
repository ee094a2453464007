"""``nifti_geometry``: where a NIfTI image lies by sform, qform or voxel size, and what contradicts them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np

from fusion3d_gui.imaging.scan_warning import VOXEL_SIZE_NOT_VALID
from fusion3d_gui.imaging.volume import RAS_LPS, affine_of_sizes, spans_space

#: sform and qform round differently; further apart than this, in mm and as a share of the smallest voxel
#: edge, they contradict each other.
_FORMS_WITHIN_MM, _FORMS_WITHIN_SHARE = 0.5, 0.5
#: Voxel sizes of sform and pixdim may differ by this share.
_SIZES_WITHIN_SHARE = 0.01
#: A patient's scan: its longest edge in mm, and the longest of its two shorter ones (a scanner's bore).
_LONGEST_EDGE_MM, _WIDEST_MM = (2.0, 2500.0), 900.0

NOT_VALID = "Its orientation is not valid; only its voxel size is used."


@dataclass(frozen=True)
class FileGeometry:
    """Where a file's volumes lie.

    Parameters
    ----------
    affine
        4x4, voxel index (i, j, k) to LPS mm.
    notices
        Sentences for the user.
    faults, doubts
        Those of them that :class:`~fusion3d_gui.imaging.volume.Volume` names so.
    """

    affine: np.ndarray
    notices: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def nifti_geometry(image: Any) -> FileGeometry:
    """Geometry of nibabel's image: its sform, else its qform, else its voxel size, the first that is valid."""
    header = image.header
    if not isinstance(image, nib.Nifti1Pair):
        ras = np.array(image.affine, dtype=np.float64)
        said = "Analyze files do not say left from right; the usual order is assumed."
        if spans_space(ras):
            return FileGeometry(RAS_LPS @ ras, (said,))
        return FileGeometry(
            RAS_LPS @ affine_of_sizes(header.get_zooms()), (said, NOT_VALID), (NOT_VALID,)
        )
    # The lowest three bits (NIfTI-1: NIFTI_UNITS_METER 1, _MM 2, _MICRON 3).
    scale = {1: 1000.0, 3: 0.001}.get(int(header["xyzt_units"]) & 7, 1.0)
    sform, qform = _form(header, "sform", scale), _form(header, "qform", scale)
    sizes = np.abs(np.array((*header.get_zooms(), 1.0, 1.0)[:3], dtype=np.float64)) * scale
    notices: list[str] = []
    faults: list[str] = []
    doubts: list[str] = []
    is_sform_bad = sform is not None and not spans_space(sform)
    if sform is not None and not is_sform_bad:
        ras = sform
        doubts += _other_sizes(ras, sizes)
        if qform is not None and spans_space(qform):
            notices += _apart(sform, qform, image)
            doubts += _mirrored(sform, qform)
    elif qform is not None and spans_space(qform):
        ras = qform
        if is_sform_bad:
            notices.append("Its sform is not valid; its qform is used.")
    elif sform is None and qform is None:
        notices.append("The file does not say where it lies in the patient.")
        ras = np.array(header.get_base_affine(), dtype=np.float64)
        ras[:3] *= scale
        if not spans_space(ras):
            ras = affine_of_sizes(sizes.tolist())
            faults.append(VOXEL_SIZE_NOT_VALID)
    else:
        ras = affine_of_sizes(sizes.tolist())
        faults.append(NOT_VALID)
    doubts += size_doubts(ras, image.shape)
    return FileGeometry(RAS_LPS @ ras, (*faults, *doubts, *notices), tuple(faults), tuple(doubts))


def size_doubts(affine: np.ndarray, shape: tuple[int, ...]) -> tuple[str, ...]:
    """A sentence where an image of this shape (i, j, k ...) is far too small or large for a patient's scan.

    Units get lost between programs: NIfTI in metres called mm, centimetres, micrometres.
    """
    edges = np.linalg.norm(affine[:3, :3], axis=0) * np.array((*shape, 1, 1)[:3])
    _, middle, longest = np.sort(edges).tolist()
    low, high = _LONGEST_EDGE_MM
    if low <= longest <= high and middle <= _WIDEST_MM:
        return ()
    size = " × ".join(f"{edge:.3g}" for edge in edges)
    what = "small" if longest < low else "large"
    return (f"It measures {size} mm, too {what} for a patient: its unit of length may be wrong.",)


def _form(header: Any, name: str, scale: float) -> np.ndarray | None:
    """The sform or qform (RAS mm), not finite where it is not valid; None where its code is 0."""
    if int(header[f"{name}_code"]) == 0:
        return None
    try:
        form = header.get_sform() if name == "sform" else header.get_qform()
    except (ValueError, nib.spatialimages.HeaderDataError):  # an invalid quaternion
        return np.full((4, 4), np.nan)
    ras = np.array(form, dtype=np.float64)
    ras[:3] *= scale
    return ras


def _other_sizes(ras: np.ndarray, sizes: np.ndarray) -> list[str]:
    """A sentence where the header's voxel size is not the sform's."""
    own = np.linalg.norm(ras[:3, :3], axis=0)
    known = np.isfinite(sizes) & (sizes > 0)
    if not (np.abs(sizes - own)[known] > _SIZES_WITHIN_SHARE * own[known]).any():
        return []
    said, used = (" × ".join(f"{mm:.3g}" for mm in each) for each in (sizes, own))
    return [f"The header says that voxels are {said} mm, its sform {used} mm; the sform is used."]


def _apart(sform: np.ndarray, qform: np.ndarray, image: Any) -> list[str]:
    """A sentence where a corner lies elsewhere by sform and by qform."""
    size = np.array((*image.shape, 1, 1)[:3]) - 1
    corners = np.array(np.meshgrid(*((0, n) for n in size))).reshape(3, -1)
    difference = sform - qform
    apart = np.linalg.norm(difference[:3, :3] @ corners + difference[:3, 3:], axis=0).max()
    smallest = np.linalg.norm(sform[:3, :3], axis=0).min()
    if apart <= min(_FORMS_WITHIN_MM, _FORMS_WITHIN_SHARE * smallest):
        return []
    return [
        f"The file says in two ways where it lies, {apart:.1f} mm apart; its sform is used."
        if apart >= 0.1
        else f"The file says in two ways where it lies, {apart:.2g} mm apart; its sform is used."
    ]


def _mirrored(sform: np.ndarray, qform: np.ndarray) -> list[str]:
    if np.linalg.det(sform[:3, :3]) * np.linalg.det(qform[:3, :3]) > 0:
        return []
    return ["Its sform and its qform are mirror images: left and right may be swapped."]
