"""Batch prediction of a table of cases: resumable, and a failed case does not stop the others."""

from __future__ import annotations

import csv
import errno
import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.batch.batch_row import BatchRow, RowSettings, all_columns, field_columns
from fusion3d_gui.inference.batch.reading_record import ReadingRecord
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.model.schema import MetadataSchema
from fusion3d_gui.output_file import whole_file
from fusion3d_gui.progress import Progress, no_progress, part_of
from fusion3d_gui.table_file import TableFile, plain_cell, read_table_file

if TYPE_CHECKING:
    from fusion3d_gui.inference.predictor import Predictor


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
    return rows_of_table(read_table_file(path), schema, on_notice)


def rows_of_table(
    table: TableFile,
    schema: MetadataSchema,
    on_notice: Callable[[str], None] = lambda notice: None,
) -> list[BatchRow]:
    """The rows of a table that has been read already: see :func:`read_table`."""
    path = table.path
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


@dataclass(frozen=True)
class Shard:
    """Part ``number``, from 1, of ``count`` parts of a table: every ``count``-th row."""

    number: int
    count: int

    @property
    def name(self) -> str:
        """Part of file names."""
        return f"{self.number}-of-{self.count}"

    def of(self, rows: Sequence[BatchRow]) -> Sequence[BatchRow]:
        """Its rows."""
        return rows[self.number - 1 :: self.count]


def results_file(out: Path, shard: Shard | None = None) -> Path:
    """The table that :func:`fill_table` writes into the folder ``out``."""
    return out / ("results.csv" if shard is None else f"results-{shard.name}.csv")


#: Predicts rows in any order and gives the cells of each as soon as they are known. It enters ``ReadingRecord``.
ComputeRows = Callable[[Sequence[BatchRow], ReadingRecord], Iterator[Mapping[str, object]]]


def predict_table(
    predictor: Predictor,
    rows: Sequence[BatchRow],
    out: Path,
    explanation: Explanation | None = None,
    *,
    given: Mapping[str, object] | None = None,
    despite_misfit: bool = False,
    shard: Shard | None = None,
    progress: Progress = no_progress,
) -> BatchSummary:
    """Predict all rows in this process, one after the other: see :func:`fill_table`.

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
    shard
        Predict only this part of the rows.
    progress
        Progress callback.

    Raises
    ------
    UserError
        As :func:`fill_table`.
    """
    from fusion3d_gui.inference.batch.predict_row import predict_row  # imports torch

    explanation = explanation or Explanation.for_model(predictor.info)
    settings = RowSettings(out, explanation, given or {}, despite_misfit)

    def compute(
        missing: Sequence[BatchRow], record: ReadingRecord
    ) -> Iterator[Mapping[str, object]]:
        for number, row in enumerate(missing):
            report = part_of(progress, number / len(missing), (number + 1) / len(missing))
            yield predict_row(predictor, row, settings, report, record.reading(row.number))

    schema, weights = predictor.info.schema, predictor.weights_sha256
    return fill_table(schema, weights, rows, settings, compute, shard=shard)


def fill_table(
    schema: MetadataSchema,
    weights_sha256: str,
    rows: Sequence[BatchRow],
    settings: RowSettings,
    compute: ComputeRows,
    *,
    shard: Shard | None = None,
) -> BatchSummary:
    """Write the results of all rows, or of a shard of them: a table, ``heatmaps/`` as NIfTI, ``embeddings/`` as NPY.

    A case that fails, or that the model is not meant for, has the reason in the column ``error``. Each row is
    written as soon as it is predicted, and the table is sorted at the end. Run again with the same weights, table
    and explanation, only missing and failed rows are computed, last those over which the process had ended; what
    other tables of results in the folder know (those of shards) is taken over.

    Parameters
    ----------
    schema, weights_sha256
        The model's.
    rows
        All rows of the table of cases.
    settings
        What is asked of every row.
    compute
        Predicts the missing rows.
    shard
        Fill only this part.

    Raises
    ------
    UserError
        When the folder can't be written, holds the results of other weights, or its heatmaps would lie among
        the scans.
    """
    out = settings.out
    results = results_file(out, shard)
    written = [Path(os.path.realpath(each)) for each in (settings.heatmaps, settings.embeddings)]
    for row in rows:
        if any(Path(os.path.realpath(row.path)).is_relative_to(each) for each in written):
            problem = "the scan lies where the heatmaps or embeddings are written"
            raise UserError(problem, path=row.path, remedy="Name another folder for the results.")
    rows = rows if shard is None else shard.of(rows)
    columns = all_columns(schema)
    try:
        settings.heatmaps.mkdir(parents=True, exist_ok=True)
        settings.embeddings.mkdir(exist_ok=True)
        done: dict[int, dict[str, str]] = {}
        for table in (*sorted(out.glob("results-*-of-*.csv")), results_file(out), results):
            done |= _done_before(table, columns, weights_sha256)
        kept = {
            row.number: done[row.number]
            for row in rows
            if row.number in done
            and _is_same(done[row.number], row, settings.values_of(row), schema)
            and done[row.number]["explanation"] == settings.explanation_text
            and (settings.despite_misfit or done[row.number]["fit"] != "refused")
        }
        # Rows that failed or are incomplete are dropped and computed again.
        _write_lines(results, columns, kept.values())
        refused = failed = 0
        record = ReadingRecord(out, "" if shard is None else shard.name)
        # Stable: the others keep their order.
        missing = sorted(
            (row for row in rows if row.number not in kept),
            key=lambda row: record.is_suspect(row.number),
        )
        with results.open("ab", buffering=0) as file:
            for cells in compute(missing, record) if missing else ():
                if cells["error"]:
                    is_misfit = cells.get("fit") == "refused"
                    refused, failed = refused + is_misfit, failed + (not is_misfit)
                filled = {**dict.fromkeys(columns, ""), **cells}
                _append(file, [plain_cell(filled[name]) for name in columns])
        _sort_lines(results, columns)
    except OSError as error:
        raise UserError(f"the results can't be written ({error.strerror})", path=out) from None
    predicted = len(rows) - len(kept) - refused - failed
    return BatchSummary(predicted, len(kept), refused, failed, results)


def _write_lines(results: Path, columns: Sequence[str], lines: Iterable[Mapping[str, str]]) -> None:
    with whole_file(results) as whole, whole.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(lines)


def _sort_lines(results: Path, columns: Sequence[str]) -> None:
    """Put the lines into the order of the table of cases, if they are in another."""
    with results.open(newline="", encoding="utf-8") as file:
        lines = list(_complete(csv.DictReader(file)))
    ordered = sorted(lines, key=lambda line: int(line["row"]))
    if ordered != lines:
        _write_lines(results, columns, ordered)


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
