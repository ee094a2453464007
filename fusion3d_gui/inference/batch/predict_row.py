"""``predict_row``: the cells of one row of a table of cases, and its heatmap and embedding as files."""

from __future__ import annotations

import contextlib
import logging
import re

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.inference.batch.batch_row import BatchRow, RowSettings, field_columns, first_cells
from fusion3d_gui.inference.embedding_file import write_embedding
from fusion3d_gui.inference.fit.fit_report import FitReport, MisfitError
from fusion3d_gui.inference.pipeline import predict_and_explain
from fusion3d_gui.inference.prediction import Prediction
from fusion3d_gui.inference.predictor import Predictor
from fusion3d_gui.model.schema import MetadataSchema
from fusion3d_gui.progress import Progress, no_progress, part_of

log = logging.getLogger(__name__)

#: Exceptions that fail one case only: the log has the traceback, the results table the class's name.
_FAILURES = (
    *(RuntimeError, ValueError, ArithmeticError, LookupError, TypeError),
    *(MemoryError, OSError),
)


def predict_row(
    predictor: Predictor,
    row: BatchRow,
    settings: RowSettings,
    progress: Progress = no_progress,
    reading: contextlib.AbstractContextManager[None] | None = None,
) -> dict[str, object]:
    """Predict one row and write its heatmap and its image embedding.

    Parameters
    ----------
    predictor
        The model.
    row
        The row; its values override its scan's DICOM attributes.
    settings
        What is asked of every row.
    progress
        Progress callback.
    reading
        Entered while the scan is read; a UserError that it raises is the row's.

    Returns
    -------
    dict
        Cells by column. ``error`` says why a row failed, or that the model is not meant for it.

    Raises
    ------
    OSError
        A file can't be written.
    Cancelled
        When ``progress`` raises it.
    """
    schema = predictor.info.schema
    cells = first_cells(row, schema, predictor.weights_sha256)
    try:
        with reading or contextlib.nullcontext():
            volume = open_volume(row.path, progress=part_of(progress, 0.0, 0.4))
        own = {name: value for name, value in row.values.items() if value}
        values = schema.case_values(volume.attributes, own, settings.given)
        predicted = predict_and_explain(
            predictor,
            volume,
            values,
            settings.explanation,
            part_of(progress, 0.4, 1.0),
            despite_misfit=settings.despite_misfit,
        )
    except MisfitError as error:
        return {**cells, **_fit_cells(error.report), "error": str(error)}
    except UserError as error:
        return {**cells, "error": str(error)}
    except _FAILURES as error:
        log.exception("row %d failed", row.number)
        return {**cells, "error": f"failed ({type(error).__name__}); the log has the details"}
    prediction = predicted.prediction
    stem = f"{row.number:05d}-{_file_name(row.name)}"
    name = f"{stem}.nii.gz"
    heatmap, note = prediction.heatmap, prediction.fit.file_note
    write_nifti(heatmap.as_volume, settings.heatmaps / name, note=note)
    if heatmap.raw is not heatmap:
        raw = name.replace(".nii.gz", "-raw.nii.gz")
        write_nifti(heatmap.raw.as_volume, settings.heatmaps / raw, note=note)
    write_embedding(settings.embeddings / f"{stem}.npy", predicted.case.image_embedding)
    return {
        **cells,
        **prediction_cells(prediction, schema),
        "explanation": settings.explanation_text,
        "heatmap": f"heatmaps/{name}",
    }


def _fit_cells(report: FitReport) -> dict[str, object]:
    return {
        "fit": report.fit,
        "reasons": " ".join(report.reasons),
        "despite_misfit": 0,
        "demonstration": report.demonstration or "",
    }


def prediction_cells(prediction: Prediction, schema: MetadataSchema) -> dict[str, object]:
    """The cells of a prediction by column of the results, but for those of the row, its error and its heatmap."""
    columns = field_columns(schema)
    values = {
        columns[name]: "" if value is None else value for name, value in prediction.metadata.items()
    }
    return {
        **values,
        "probability": f"{prediction.probability:.9g}",
        "logit": f"{prediction.logit:.9g}",
        "positive": "" if prediction.positive is None else int(prediction.positive),
        "class": prediction.class_name or "",
        **_fit_cells(prediction.fit),
        "despite_misfit": int(prediction.despite_misfit),
        "threshold": prediction.threshold,
        "model": prediction.bundle_name,
        "version": prediction.bundle_version,
        "voxels_sha256": prediction.volume_sha256,
        "device": prediction.device,
        "seconds": f"{prediction.seconds:.3f}",
        "created": prediction.created.isoformat(timespec="seconds"),
        "notices": " ".join(prediction.notices),
    }


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:60].strip("-.") or "case"
