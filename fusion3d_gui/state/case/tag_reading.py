"""Read the DICOM tags of one file on a worker; values of a hidden identity never reach the window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fusion3d_gui.progress import Progress
from fusion3d_gui.state.store import Store
from fusion3d_gui.state.tasks import Task

if TYPE_CHECKING:
    from fusion3d_gui.imaging.dicom.tags import TagLine as TagLine  # for widgets


def dicom_files(store: Store) -> tuple[Path, ...]:
    """The files of the open series, in slice order; empty where it is not DICOM."""
    case = store.case
    if case is None:
        return ()
    for series in case.series:
        if series.uid == case.volume.series_uid:
            return series.paths if series.format == "DICOM" else ()
    return ()


def read_series_tags(
    store: Store, path: Path, on_read: Callable[[list[TagLine]], object]
) -> Task[list[TagLine]]:
    """Read one file's tags; ``on_read`` gets them on the GUI thread unless another file is asked for."""
    hide = store.identity.hidden

    def work(progress: Progress) -> list[TagLine]:
        # Imported on the worker: pydicom takes a third of the time in which the window opens.
        from fusion3d_gui.imaging.dicom.tags import read_tags

        return read_tags(path, hide_identity=hide, progress=progress)

    return store.run(store.listing, "Reading the tags", work, on_read)
