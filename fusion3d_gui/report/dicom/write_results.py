"""``write_dicom_results``: a result as DICOM files, for an archive or another viewer."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from pydicom.dataset import Dataset

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.source_series import SourceSeries, read_source_series
from fusion3d_gui.output_file import check_not_input, whole_file
from fusion3d_gui.progress import Progress, no_progress, part_of
from fusion3d_gui.report.case_result import CaseResult
from fusion3d_gui.report.dicom.capture import capture
from fusion3d_gui.report.dicom.encapsulated_page import encapsulated_page
from fusion3d_gui.report.dicom.new_study import write_new_study
from fusion3d_gui.report.dicom.parametric_map import fractions_of_peak, parametric_map
from fusion3d_gui.report.dicom.presentation_state import presentation_state
from fusion3d_gui.report.dicom.previous_report import read_previous_report
from fusion3d_gui.report.dicom.result_object import ResultObjects
from fusion3d_gui.report.dicom.segmentation import segmentation
from fusion3d_gui.report.dicom.structured_report import report_on_images, structured_report

#: ``heatmap``: Parametric Map. ``report``: structured report. ``regions``: Segmentation of the heat above the
#: threshold and of the hot spots. ``marks``: presentation state with window level and marks. ``summary``: what of the
#: report viewers of images can show.
Kind = Literal["heatmap", "report", "regions", "marks", "summary"]
KINDS: tuple[Kind, ...] = get_args(Kind)

#: Name of each file; in a new study the scan lies beside them in the folder ``scan``.
FILE_NAMES = {each: f"{each}.dcm" for each in (*KINDS, "picture", "page")}


def write_dicom_results(
    result: CaseResult,
    folder: Path,
    *,
    kinds: Collection[Kind] = KINDS,
    picture: np.ndarray | None = None,
    page: bytes | None = None,
    new_study: bool = False,
    corrects: Path | None = None,
    notify: Callable[[str], None] = lambda _: None,
    progress: Progress = no_progress,
) -> list[Path]:
    """Write a result as DICOM objects, one file each, into the study that its scan came from.

    Parameters
    ----------
    result
        The result.
    folder
        Created if it is missing; files of the same names are replaced.
    kinds
        Which objects.
    picture
        uint8 RGB ``[row, column, 3]``, for a Secondary Capture: doubt and "research use only" must be drawn
        in it.
    page
        PDF, for an Encapsulated PDF.
    new_study
        Write the scan too, as a study of its own without a name: for a scan that is no DICOM, and for a
        result without identity.
    corrects
        An earlier report of the same study, which the new one names as its predecessor.
    notify
        Called with a sentence for each object that can't be made.
    progress
        Raises Cancelled to stop.

    Returns
    -------
    list of Path
        All files that were written.

    Raises
    ------
    UserError
        The scan has no study and none is asked for, its files are gone, or the folder can't be written.
    """
    folder = Path(folder)
    inputs = () if result.identity is None else result.identity.files
    for name in FILE_NAMES.values():
        check_not_input(folder / name, inputs)
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if new_study:
            written += write_new_study(result, folder / "scan", part_of(progress, 0.0, 0.3))
            source = read_source_series(written, result.volume, part_of(progress, 0.3, 0.4))
        else:
            source = _source(result, part_of(progress, 0.0, 0.4))
        objects = ResultObjects(source=source, created=datetime.now(), result=result)
        previous = None if corrects is None else read_previous_report(corrects, source)
        made = _made(objects, kinds, picture, page, previous, notify, part_of(progress, 0.4, 0.8))
        for number, (name, dataset) in enumerate(made.items()):
            progress(0.8 + 0.2 * number / len(made), "Writing DICOM objects")
            path = folder / FILE_NAMES[name]
            with whole_file(path) as partial:
                dataset.save_as(partial, enforce_file_format=True)
            written.append(path)
    except OSError as error:
        raise UserError(
            f"can't be written ({error.strerror})",
            path=folder,
            remedy="Choose a folder that you may write to.",
        ) from None
    return written


def _source(result: CaseResult, progress: Progress) -> SourceSeries:
    if result.identity is None:
        raise UserError(
            "DICOM objects go into the patient's study, and the identity is hidden",
            remedy="Show the identity, or write them as a new study (--new-study).",
        )
    if not result.identity.study_uid:
        raise UserError(
            "the scan is no DICOM: there is no study that the results could join",
            path=result.volume.path,
            remedy="Write them as a new study (--new-study).",
        )
    return read_source_series(result.identity.files, result.volume, progress)


def _made(
    objects: ResultObjects,
    kinds: Collection[Kind],
    picture: np.ndarray | None,
    page: bytes | None,
    previous: Dataset | None,
    notify: Callable[[str], None],
    progress: Progress,
) -> dict[str, Dataset]:
    """The objects by name; what can't be made is left out, with a sentence."""
    made: dict[str, Dataset | None] = {}
    progress(0.0, "Making DICOM objects")
    heatmap = objects.result.prediction.heatmap
    if "heatmap" in kinds or "regions" in kinds:
        fractions = fractions_of_peak(heatmap, objects.source)
        if "heatmap" in kinds:
            made["heatmap"] = parametric_map(objects, fractions)
        progress(0.4, "Making DICOM objects")
        if "regions" in kinds:
            made["regions"] = segmentation(objects, fractions)
            if made["regions"] is None:
                notify("No segmentation: nothing in the scan is above the heatmap's threshold.")
    progress(0.7, "Making DICOM objects")
    if "report" in kinds:
        made["report"] = structured_report(objects, previous)
    if "summary" in kinds:
        made["summary"] = report_on_images(objects)
        if made["summary"] is None:
            notify("No summary: the heatmap has no peak on any of the scan's images.")
    if "marks" in kinds:
        made["marks"] = presentation_state(objects)
        if made["marks"] is None:
            notify("No presentation state: the scan's images do not share one scale of values.")
    if picture is not None:
        made["picture"] = capture(objects, picture)
    if page is not None:
        made["page"] = encapsulated_page(objects, page)
    return {name: dataset for name, dataset in made.items() if dataset is not None}
