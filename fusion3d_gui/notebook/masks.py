"""``read_masks``: the masks of a file on a scan, with what is in doubt about their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.find import find_series
from fusion3d_gui.imaging.catalog.open import choose_series
from fusion3d_gui.imaging.dicom.source_series import SourceSeries, read_source_series
from fusion3d_gui.imaging.labels import read_masks as labels_read_masks
from fusion3d_gui.imaging.labels.label_map import mask_of
from fusion3d_gui.imaging.labels.label_map_file import is_label_file
from fusion3d_gui.imaging.labels.scan_object import Mask
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.notebook.tables import frame_of
from fusion3d_gui.progress import Progress, no_progress, part_of

if TYPE_CHECKING:
    from pandas import DataFrame

#: Columns of a mask's centre: mm towards the patient's left, back and head.
_CENTER = ("left_mm", "posterior_mm", "superior_mm")


@dataclass(frozen=True, eq=False)
class Masks(Sequence[Mask]):
    """The masks of a file, on the grid of the scan.

    Parameters
    ----------
    masks
        Each with ``name``, ``volume_ml``, ``center_lps`` (mm) and ``grid``: 1 inside, cropped.
    notices
        Sentences on what is not shown, or in doubt: whether left and right may be exchanged, for one.
    """

    masks: tuple[Mask, ...]
    notices: tuple[str, ...] = ()

    @overload
    def __getitem__(self, index: int) -> Mask: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Mask, ...]: ...

    def __getitem__(self, index: int | slice) -> Mask | tuple[Mask, ...]:
        return self.masks[index]

    def __iter__(self) -> Iterator[Mask]:
        return iter(self.masks)

    def __len__(self) -> int:
        return len(self.masks)

    def to_frame(self) -> DataFrame:
        """A row for each mask: name, volume (ml) and centre of gravity (mm, LPS)."""
        return frame_of(
            [
                {
                    "name": mask.name,
                    "volume_ml": mask.volume_ml,
                    **dict(zip(_CENTER, mask.center_lps.tolist(), strict=True)),
                }
                for mask in self.masks
            ]
        )


def read_masks(
    path: str | PathLike[str], volume: Volume, progress: Progress = no_progress
) -> Masks:
    """Read a label map (NIfTI, NRRD, MetaImage), DICOM Segmentation or RT Structure Set onto a scan.

    Parameters
    ----------
    path
        The file.
    volume
        The scan, returned by :func:`~fusion3d_gui.api.open_volume`. A DICOM object must be about this series.
    progress
        Raises Cancelled to stop.

    Raises
    ------
    UserError
        It is none of these, is damaged or too large, lies beside the scan, or is about another scan or patient.
    """
    path = Path(path)
    source = None if is_label_file(path) else _source(volume, part_of(progress, 0.0, 0.5))
    found = labels_read_masks.read_masks(path, volume, source, part_of(progress, 0.5, 1.0))
    return Masks(found.masks, found.notices)


def masks_of_arrays(arrays: Mapping[str, np.ndarray], volume: Volume) -> Masks:
    """Masks of arrays ``[k, j, i]`` by name, not 0 inside; empty ones are named in the notices.

    Raises
    ------
    UserError
        An array has another shape than the scan.
    """
    masks, notices = [], []
    for name, array in arrays.items():
        inside = np.asarray(array) != 0
        if inside.shape != volume.shape:
            shapes = " and ".join(
                " × ".join(map(str, each)) for each in (inside.shape, volume.shape)
            )
            raise UserError(
                f"the mask {name} and the scan have different shapes: {shapes} (k, j, i)"
            )
        mask = mask_of(name, inside, np.zeros(3, int), volume)
        if mask is None:
            notices.append(f"The mask {name} is empty.")
        else:
            masks.append(mask)
    return Masks(tuple(masks), tuple(notices))


def _source(volume: Volume, progress: Progress) -> SourceSeries | None:
    """The DICOM images of a scan; None where it was not read from DICOM files."""
    if volume.path is None:
        return None
    found = find_series(volume.path, part_of(progress, 0.0, 0.5))
    series, _ = choose_series(found, volume.series_uid, volume.path)
    if series.format != "DICOM":
        return None
    return read_source_series(series.paths, volume, part_of(progress, 0.5, 1.0))
