"""Reading the DICOM tags of one file, on a worker; hidden values never reach the window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fusion3d_gui.progress import Progress
from fusion3d_gui.state.session import Session
from fusion3d_gui.state.tasks import Task

if TYPE_CHECKING:
    from fusion3d_gui.imaging.dicom.tags import TagLine


def dicom_files(session: Session) -> tuple[Path, ...]:
    """The files of the open series, in slice order; none where it is not DICOM."""
    case = session.case
    if case is None:
        return ()
    for series in case.series:
        if series.uid == case.volume.series_uid:
            return series.paths if series.format == "DICOM" else ()
    return ()


def read_series_tags(
    session: Session, path: Path, on_read: Callable[[list[TagLine]], object]
) -> Task:
    """Read one file's tags; ``on_read`` gets them on the GUI thread unless overtaken."""
    hide = session.identity.hidden

    def work(progress: Progress) -> list[TagLine]:
        # Imported on the worker: pydicom takes a third of the time in which the window opens.
        from fusion3d_gui.imaging.dicom.tags import read_tags

        return read_tags(path, hide_identity=hide, progress=progress)

    def on_done(lines: object) -> None:
        assert isinstance(lines, list)
        on_read(lines)

    task = session.listing.submit("Reading the tags", work)
    task.succeeded.connect(on_done)
    task.failed.connect(session.tell_failure)
    return task
