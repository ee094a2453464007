"""The prediction on screen as a file or as text; a what-if prediction always says that it is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.analysis.result_types import WHAT_IF_NOTICE
from fusion3d_gui.inference.fit.fit_report import FitReport
from fusion3d_gui.inference.prediction import Prediction
from fusion3d_gui.model.schema import Value
from fusion3d_gui.output_file import check_not_input
from fusion3d_gui.progress import Progress
from fusion3d_gui.report.heatmap_file import raw_path, write_heatmap
from fusion3d_gui.report.json_file import write_json, write_json_text
from fusion3d_gui.report.result_json import result_text
from fusion3d_gui.state.data.departure import Departure, LeftItem, files_left
from fusion3d_gui.state.export.result_collector import ResultCollector
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.prediction.predictions import Predictions
from fusion3d_gui.state.store import Store

_HEATMAP = (".nii", ".nii.gz")


def can_export(predictions: Predictions) -> bool:
    """Whether there is a prediction for the form's values: a current one, or a what-if."""
    return predictions.current is not None or predictions.what_if is not None


def suggested_name(predictions: Predictions) -> str:
    """Name of the file to write the prediction on screen to."""
    if predictions.current is not None and predictions.current.despite_misfit:
        return "despite-misfit.json"
    return "result.json" if predictions.current is not None else "what-if.json"


def shown_values(predictions: Predictions) -> Mapping[str, Value]:
    """The values of the prediction on screen, current or what-if; empty without one."""
    prediction, tried = predictions.current, predictions.what_if
    if prediction is not None:
        return prediction.metadata
    return {} if tried is None else tried.values


def prediction_json(predictions: Predictions) -> dict[str, Any] | None:
    """The prediction on screen as a JSON object that says what it is; None without one."""
    prediction, tried = predictions.current, predictions.what_if
    if prediction is not None:
        return prediction.to_json()
    return None if tried is None else tried.to_json()


def prediction_text(predictions: Predictions) -> str:
    """The prediction on screen in a few lines, for the clipboard; empty without one."""
    prediction, tried = predictions.current, predictions.what_if
    demonstration = filter(None, (predictions.demonstration,))
    if prediction is not None:
        lines = _said(prediction.fit, prediction.class_name, prediction, prediction.probability)
        notices = (*prediction.notices, *demonstration)
        return "\n".join((*lines, _values(prediction.metadata), *_origin(prediction, notices)))
    if tried is None:
        return ""
    changed = ", ".join(f"{name} {own} → {new}" for name, (own, new) in tried.changed.items())
    lines = (
        WHAT_IF_NOTICE.upper(),
        *_said(tried.fit, tried.class_name, tried.prediction, tried.probability),
        f"With changed values: {changed}",
        f"The prediction for this case was {100 * tried.prediction.probability:.4g} %.",
    )
    return "\n".join((*lines, *_origin(tried.prediction, (*tried.notices, *demonstration))))


def export_prediction(
    store: Store, predictions: Predictions, collector: ResultCollector, path: Path
) -> None:
    """Write the result without identity as ``.json``, or its heatmap as NIfTI; the window shows how it went."""
    path = Path(path)
    prediction, plain = predictions.current, prediction_json(predictions)
    is_map = path.name.lower().endswith(_HEATMAP)
    case = store.case
    if plain is None or case is None:
        return
    heatmap = predictions.heatmap
    if is_map and prediction is not None and heatmap is None:
        problem = "the heatmap has not been made yet"
        store.tell_failure(UserError(problem, path=path, remedy="Wait for it, or choose a method."))
        return
    if is_map and prediction is None:
        problem = "a what-if answer has no heatmap"
        store.tell_failure(UserError(problem, path=path, remedy="Predict, or reset the form."))
        return
    if not is_map and path.suffix.lower() != ".json":
        problem = "a result is written as .json, a heatmap as .nii.gz"
        store.tell_failure(UserError(problem, path=path, remedy="Choose one of the two."))
        return

    collect = collector.work()
    values = shown_values(predictions)
    scan = case.volume.path
    bundle = None if store.bundle is None else store.bundle.folder

    def work(progress: Progress) -> tuple[LeftItem, ...]:
        progress(0.0, "Writing the result")
        for written in (path, raw_path(path)) if is_map else (path,):
            check_not_input(written, (scan, bundle))
        if is_map and prediction is not None and heatmap is not None:
            write_heatmap(heatmap, path, note=prediction.fit.file_note)
            maps = (path,) if heatmap.raw is heatmap else (path, raw_path(path))
            return files_left(("heatmap", each) for each in maps)
        if collect is None:
            write_json(plain, path)
        else:
            write_json_text(result_text(collect(progress).without_identity()), path)
        return files_left([("what-if" if prediction is None else "result", path)])

    def on_written(left: tuple[LeftItem, ...]) -> None:
        store.departed.emit(Departure(case, left, values, with_identity=False))
        what = "Heatmap" if is_map else "Result" if prediction is not None else "What-if answer"
        store.noticed.emit(Notice(f"{what} written to {path.name}."))

    store.run(store.saving, f"Writing {path.name}", work, on_written)


def _said(
    fit: FitReport, class_name: str | None, prediction: Prediction, probability: float
) -> tuple[str, ...]:
    """Class and probability; where the case does not fit, the reason first and no class."""
    chance = f"{100 * probability:.4g} %"
    if class_name is not None:
        return (f"{class_name}: {chance}",)
    of = prediction.class_names[1]
    if fit.fit == "refused":
        return (f"{fit.mark}, NOT A RESULT: {fit.reasons[0]}", f"probability of {of}: {chance}")
    return (f"{fit.mark}: {fit.reasons[0]}", f"probability of {of}: {chance}, doubtful")


def _values(metadata: Any) -> str:
    return ", ".join(f"{name} {value}" for name, value in metadata.items()) or "no metadata"


def _origin(prediction: Prediction, notices: Sequence[str]) -> tuple[str, ...]:
    when = prediction.created.astimezone()
    return (
        f"{prediction.bundle_name} {prediction.bundle_version}, {prediction.device}, "
        f"{when:%Y-%m-%d %H:%M}, voxels {prediction.volume_sha256[:12]}",
        *notices,
        f"{RESEARCH_USE_ONLY}.",
    )
