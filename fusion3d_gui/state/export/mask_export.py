"""Write a mask of the case on screen to a file, on a worker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.output_file import check_not_input
from fusion3d_gui.progress import Progress
from fusion3d_gui.report.mask_file import write_mask
from fusion3d_gui.state.data.departure import Departure, LeftItem, files_left
from fusion3d_gui.state.masks.mask_list import CaseMask
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.store import Store


def export_mask(store: Store, chosen: CaseMask, path: Path) -> None:
    """Write a mask as NIfTI or DICOM Segmentation; the window shows a notice when it is written.

    A DICOM object names the scan's patient, and is refused while the identity is hidden.
    """
    case = store.case
    if case is None or not case.is_complete:
        return
    is_dicom = path.suffix.lower() == ".dcm"
    if is_dicom and (case.identity_hidden or store.identity.hidden):
        problem = "A DICOM Segmentation names the patient, whose identity is hidden"
        store.tell_failure(UserError(problem, remedy="Write the mask as NIfTI."))
        return
    known = case.revealed or case
    series = next((each for each in known.series if each.uid == known.volume.series_uid), None)
    files = series.paths if series is not None and series.format == "DICOM" else ()
    mask, volume = replace(chosen.mask, color=chosen.color), known.volume

    def work(progress: Progress) -> tuple[LeftItem, ...]:
        progress(0.0, "Writing the mask")
        check_not_input(path, (*case.paths, *files))
        write_mask(path, mask, volume, files, progress)
        return files_left([("mask", path)])

    def on_written(left: tuple[LeftItem, ...]) -> None:
        store.departed.emit(Departure(case, left, with_identity=is_dicom))
        store.noticed.emit(Notice(f"Mask written to {path.name}."))

    store.run(store.saving, f"Writing {path.name}", work, on_written)
