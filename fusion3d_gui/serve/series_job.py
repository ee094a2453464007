"""``predict_series``: a series that was pushed becomes DICOM objects; or a reason why a person must see to it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.find import find_series
from fusion3d_gui.imaging.catalog.open import read_series
from fusion3d_gui.inference.analysis.workbench import Workbench
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.fit.fit_report import FitReport
from fusion3d_gui.inference.fit.judge import judge_case
from fusion3d_gui.inference.pipeline import predict_and_explain
from fusion3d_gui.inference.predictor import Predictor
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.output_file import PARTIAL
from fusion3d_gui.progress import Progress, part_of
from fusion3d_gui.report.case_result import CaseResult
from fusion3d_gui.report.collect import collect_result
from fusion3d_gui.report.dicom.write_results import write_dicom_results


class Held(Exception):
    """A series that a person must see to: why, and what is known of its scan and its fit."""

    def __init__(self, reason: str, scan_sha256: str = "", fit: FitReport | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.scan_sha256 = scan_sha256
        self.fit = fit


@dataclass(frozen=True)
class SeriesResult:
    """A result, and the files of its objects."""

    result: CaseResult
    files: tuple[Path, ...]


def check_headless(info: BundleInfo) -> None:
    """Raise UserError for a bundle that needs values which no DICOM header holds."""
    missing = [field.label for field in info.schema.fields if field.required and not field.dicom]
    if missing:
        raise UserError(
            f"the model needs {', '.join(missing)}, which no DICOM header holds",
            path=info.folder,
            remedy="Choose a model of the image alone, or one whose values the header holds.",
        )


def predict_series(
    predictor: Predictor, images: Path, out: Path, progress: Progress
) -> SeriesResult:
    """Predict one series, whole and by itself in a folder.

    Parameters
    ----------
    predictor
        The model.
    images
        Folder of the series' images, and nothing else.
    out
        Folder for the objects; there is none, or it holds all of them.
    progress
        Its ``Cancelled`` passes through.

    Raises
    ------
    Held
        It is no series of one volume, a required value is missing, or the model is not surely meant for it.
    """
    info = predictor.info
    try:
        found = find_series(images, part_of(progress, 0.0, 0.1))
        if len(found) != 1:
            raise Held(f"it holds {len(found)} volumes, and nothing says which is meant")
        volume = read_series(found[0], progress=part_of(progress, 0.1, 0.4))
    except UserError as error:
        raise Held(f"it can't be read: {error.problem}") from None
    try:
        values = info.schema.case_values(volume.attributes)
    except UserError as error:
        raise Held(f"the header does not give what the model needs: {error.problem}") from None
    report = judge_case(
        info, volume, values
    )  # saves the prediction; that judges again, by the image too
    if report.fit != "fits":
        raise Held(f"{report.fit}: {report.summary}", volume.sha256, report)
    explanation = Explanation.for_model(info, None, None, "raised")
    try:
        predicted = predict_and_explain(
            predictor, volume, values, explanation, part_of(progress, 0.4, 0.8)
        )
        prediction = predicted.prediction
        # The model may doubt what the header did not show.
        if prediction.fit.fit != "fits":
            fit = prediction.fit
            raise Held(f"{fit.fit}: {fit.summary}", volume.sha256, fit)
        from_header = info.schema.prefill(volume.attributes)
        result = collect_result(
            prediction,
            info,
            volume,
            opened=(images,),
            series=found[0],
            sources=dict.fromkeys(from_header, "dicom"),
            explanation=explanation,
            workbench=Workbench(predicted, predictor.reference, volume),
            progress=part_of(progress, 0.8, 0.9),
        )
        if result.identity is None or not result.identity.study_uid:
            raise Held("it has no study that the result could join", volume.sha256)
        made = out.with_name(f"{out.name}{PARTIAL}")
        shutil.rmtree(made, ignore_errors=True)
        files = write_dicom_results(result, made, progress=part_of(progress, 0.9, 1.0))
    except UserError as error:
        raise Held(error.problem, volume.sha256, report) from None
    shutil.rmtree(out, ignore_errors=True)
    made.rename(out)
    return SeriesResult(result, tuple(out / file.name for file in files))
