"""Batch prediction of a table of cases: resumable, and a failed case does not stop the others."""

from __future__ import annotations

import csv
import errno
import io
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.fit import FitReport, MisfitError
from fusion3d_gui.inference.pipeline import predict_and_explain
from fusion3d_gui.inference.prediction import Prediction
from fusion3d_gui.inference.predictor import Predictor
from fusion3d_gui.inference.reading_record import ReadingRecord
from fusion3d_gui.model.schema import MetadataSchema
from fusion3d_gui.output_file import whole_file
from fusion3d_gui.progress import Progress, no_progress, part_of
from fusion3d_gui.table_file import plain_cell, read_table_file

log = logging.getLogger(__name__)

#: Exceptions that fail one case only: the log has the traceback, the results table the class's name.
_FAILURES = (
    *(RuntimeError, ValueError, ArithmeticError, LookupError, TypeError),
    *(MemoryError, OSError),
)

#: Columns of the results; the model's fields lie between ``error`` and ``model``.
_FIRST = (
    *("row", "case", "path", "probability", "logit", "positive", "class", "threshold"),
    *("fit", "reasons", "despite_misfit", "demonstration", "error"),
)
_LAST = (
    "model",
    "version",
    "weights_sha256",
    "voxels_sha256",
    "device",
    "seconds",
    "created",
    "explanation",
    "heatmap",
    "notices",
)


@dataclass(frozen=True)
class BatchRow:
    """A row of the table: its number in a spreadsheet (the header is 1), and its cells."""

    number: int
    name: str
    path: Path
    path_text: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class BatchSummary:
    """Counts of cases predicted now, known from an earlier run, refused as a misfit, and failed."""

    predicted: int
    known: int
    refused: int
    failed: int
    results: Path


def read_table(
    path: Path, schema: MetadataSchema, on_notice: Callable[[str], None] = lambda notice: None
) -> list[BatchRow]:
    """Read a table with a column ``path`` and, optionally, ``case`` (a name) and metadata fields.

    A field named like one of the two has its values in the column ``metadata.NAME``. Relative paths are
    relative to the table's folder; ``on_notice`` is told which columns are not used. See
    :func:`~fusion3d_gui.table_file.read_table_file` for what a table may look like. Raises UserError,
    naming the row, when the table can't be used.
    """
    table = read_table_file(path)
    if "path" not in table.columns:
        raise UserError(
            "has no column path", path=path, remedy="Add it, with each case's file or folder."
        )
    own = ("path", "case")
    named = {
        field.name: f"metadata.{field.name}" if field.name in own else field.name
        for field in schema.fields
    }
    for notice in table.unused_notices([*own, *named.values()]):
        on_notice(notice)
    rows = []
    for row in table.rows:
        text = row.cells["path"]
        if not text:
            raise UserError(f"row {row.number}, column path: is empty", path=path)
        rows.append(
            BatchRow(
                number=row.number,
                name=row.cells.get("case") or f"row-{row.number}",
                path=path.parent / text,
                path_text=text,
                values={
                    name: row.cells[column] for name, column in named.items() if column in row.cells
                },
            )
        )
    if not rows:
        raise UserError("holds no cases", path=path)
    return rows


def field_columns(schema: MetadataSchema) -> dict[str, str]:
    """The results' column of each metadata field: its name, or ``metadata.NAME`` where a column has that name."""
    own = {*_FIRST, *_LAST}
    return {
        field.name: f"metadata.{field.name}" if field.name in own else field.name
        for field in schema.fields
    }


def results_file(out: Path) -> Path:
    """The table that :func:`predict_table` writes into the folder ``out``."""
    return out / "results.csv"


def predict_table(
    predictor: Predictor,
    rows: Sequence[BatchRow],
    out: Path,
    explanation: Explanation | None = None,
    *,
    given: Mapping[str, object] | None = None,
    despite_misfit: bool = False,
    progress: Progress = no_progress,
) -> BatchSummary:
    """Predict all rows into the folder ``out``: ``results.csv``, and ``heatmaps/`` as NIfTI.

    A case that fails, or that the model is not meant for, has the reason in the column ``error``. Each row is written as soon as it is
    predicted: run again with the same weights, table and explanation, only missing and failed rows are
    computed, last those over which the process had ended.

    Parameters
    ----------
    predictor
        The model.
    rows
        See :func:`read_table`. A row's values override its scan's DICOM attributes.
    out
        Folder for the results, created if missing.
    explanation
        How heatmaps are computed; None for the bundle's default.
    given
        Metadata for all cases, by field name; overrides both the rows and the scans.
    despite_misfit
        Compute the number also for cases that the model is not meant for; the results say so.
    progress
        Progress callback.

    Raises
    ------
    UserError
        When ``out`` can't be written, holds the results of other weights, or its heatmaps would lie among
        the scans.
    """
    results = results_file(out)
    heatmaps = Path(os.path.realpath(out / "heatmaps"))
    for row in rows:
        if Path(os.path.realpath(row.path)).is_relative_to(heatmaps):
            problem = "the scan lies where the heatmaps are written"
            raise UserError(problem, path=row.path, remedy="Name another folder for the results.")
    explanation = explanation or Explanation.for_model(predictor.info)
    columns = [*_FIRST, *field_columns(predictor.info.schema).values(), *_LAST]
    try:
        (out / "heatmaps").mkdir(parents=True, exist_ok=True)
        done = _done_before(results, columns, predictor.weights_sha256)
        row_values = [_plain_values(row, given) for row in rows]
        kept = {
            row.number: done[row.number]
            for row, values in zip(rows, row_values, strict=True)
            if row.number in done
            and _is_same(done[row.number], row, values, predictor.info.schema)
            and done[row.number]["explanation"] == _text_of(explanation)
            and (despite_misfit or done[row.number]["fit"] != "refused")
        }
        # Rows that failed or are incomplete are dropped and computed again.
        with whole_file(results) as whole, whole.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(kept.values())
        refused = failed = 0
        record = ReadingRecord(out)
        # Stable: the others keep their order.
        ordered = sorted(rows, key=lambda row: record.is_suspect(row.number))
        with results.open("ab", buffering=0) as file:
            for number, row in enumerate(ordered):
                if row.number in kept:
                    continue
                report = part_of(progress, number / len(rows), (number + 1) / len(rows))
                cells = _predict_row(
                    predictor, row, given or {}, out, explanation, report, despite_misfit, record
                )
                if cells["error"]:
                    is_misfit = cells.get("fit") == "refused"
                    refused, failed = refused + is_misfit, failed + (not is_misfit)
                filled = {**dict.fromkeys(columns, ""), **cells}
                _append(file, [plain_cell(filled[name]) for name in columns])
    except OSError as error:
        raise UserError(f"the results can't be written ({error.strerror})", path=out) from None
    predicted = len(rows) - len(kept) - refused - failed
    return BatchSummary(predicted, len(kept), refused, failed, results)


def _append(file: io.FileIO, cells: Sequence[object]) -> None:
    """Append a line in one write, so that no half of one stays where the process is killed or the disk is full."""
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)
    line, end = text.getvalue().encode(), file.seek(0, os.SEEK_END)
    try:
        if file.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError:
        file.truncate(end)
        raise


def _predict_row(
    predictor: Predictor,
    row: BatchRow,
    given: Mapping[str, object],
    out: Path,
    explanation: Explanation,
    progress: Progress,
    despite_misfit: bool,
    record: ReadingRecord,
) -> dict[str, object]:
    columns = field_columns(predictor.info.schema)
    cells: dict[str, object] = {
        "row": row.number,
        "case": row.name,
        "path": row.path_text,
        "error": "",
        "weights_sha256": predictor.weights_sha256,
        **{columns[name]: value for name, value in row.values.items()},
    }
    try:
        with record.reading(row.number):
            volume = open_volume(row.path, progress=part_of(progress, 0.0, 0.4))
        own = {name: value for name, value in row.values.items() if value}
        values = predictor.info.schema.case_values(volume.attributes, own, given)
        prediction = predict_and_explain(
            predictor,
            volume,
            values,
            explanation,
            part_of(progress, 0.4, 1.0),
            despite_misfit=despite_misfit,
        ).prediction
    except MisfitError as error:
        return {**cells, **_fit_cells(error.report), "error": str(error)}
    except UserError as error:
        return {**cells, "error": str(error)}
    except _FAILURES as error:
        log.exception("row %d failed", row.number)
        return {**cells, "error": f"failed ({type(error).__name__}); the log has the details"}
    name = f"{row.number:05d}-{_file_name(row.name)}.nii.gz"
    heatmap, note = prediction.heatmap, prediction.fit.file_note
    write_nifti(heatmap.as_volume, out / "heatmaps" / name, note=note)
    if heatmap.raw is not heatmap:
        raw = name.replace(".nii.gz", "-raw.nii.gz")
        write_nifti(heatmap.raw.as_volume, out / "heatmaps" / raw, note=note)
    return {
        **cells,
        **_cells(prediction, columns),
        "explanation": _text_of(explanation),
        "heatmap": f"heatmaps/{name}",
    }


def _fit_cells(report: FitReport) -> dict[str, object]:
    return {
        "fit": report.fit,
        "reasons": " ".join(report.reasons),
        "despite_misfit": 0,
        "demonstration": report.demonstration or "",
    }


def _cells(prediction: Prediction, columns: Mapping[str, str]) -> dict[str, object]:
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


def _text_of(explanation: Explanation) -> str:
    return f"{explanation.name}, regions that {explanation.side} the probability"


def _plain_values(row: BatchRow, given: Mapping[str, object] | None) -> dict[str, str]:
    return {**row.values, **{name: str(value) for name, value in (given or {}).items()}}


def _done_before(results: Path, columns: Sequence[str], weights: str) -> dict[int, dict[str, str]]:
    """Complete lines without an error of an earlier run, by row number."""
    if not results.exists():
        return {}
    with results.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if list(reader.fieldnames or []) != list(columns):
            raise UserError(
                "it holds results of another model", path=results, remedy="Give another --out."
            )
        lines = list(_complete(reader))
    if any(line["weights_sha256"] != weights for line in lines):
        raise UserError(
            "it holds results of other weights", path=results, remedy="Give another --out."
        )
    return {int(line["row"]): line for line in lines if not line["error"]}


def _complete(reader: csv.DictReader[str]) -> Iterator[dict[str, str]]:
    """Lines with all their cells: the last one may be truncated."""
    for line in reader:
        if None not in line and None not in line.values() and line["row"].isdecimal():
            yield line


def _is_same(
    line: Mapping[str, str], row: BatchRow, values: Mapping[str, str], schema: MetadataSchema
) -> bool:
    """Whether an earlier line has this row's case, path and given values."""
    if line["path"] != plain_cell(row.path_text) or line["case"] != plain_cell(row.name):
        return False
    columns = field_columns(schema)
    try:
        return all(
            not text or schema[name].parse(text) == schema[name].parse(line[columns[name]])
            for name, text in values.items()
        )
    except UserError:
        return False


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:60].strip("-.") or "case"
