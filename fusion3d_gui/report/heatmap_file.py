"""Write a heatmap as a NIfTI file."""

from __future__ import annotations

from pathlib import Path

from fusion3d_gui.inference.prediction import Heatmap


def write_heatmap(heatmap: Heatmap, path: Path, *, note: str = "Fusion3D") -> None:
    """Write a heatmap as NIfTI, float32, on the grid on which it was computed.

    Where it is corrected for its displacement, the raw map is written beside it as ``NAME-raw.nii.gz``.

    The header's description is ``note`` (see :attr:`~fusion3d_gui.inference.fit.FitReport.file_note`).

    Raises
    ------
    UserError
        The file can't be written, or its name does not end in ``.nii`` or ``.nii.gz``.
    """
    # nibabel takes as long to import as the whole window, which needs this module at its start.
    from fusion3d_gui.imaging.files.nifti import write_nifti

    note = note if heatmap.finished else f"MAP NOT FINISHED. {note}"
    write_nifti(heatmap.as_volume, path, note=note)
    if heatmap.raw is not heatmap:
        write_nifti(heatmap.raw.as_volume, raw_path(path), note=note)


def raw_path(path: Path) -> Path:
    """Path of the raw map beside a corrected one."""
    name, dot, rest = path.name.partition(".nii")
    return path.with_name(f"{name}-raw{dot}{rest}")
