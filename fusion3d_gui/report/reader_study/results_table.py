"""The results of a reader study as a table: a row is one read."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.output_file import whole_file
from fusion3d_gui.report.reader_study.protocol import ProtocolFile
from fusion3d_gui.report.reader_study.read_log import Read, read_lines
from fusion3d_gui.table_file import plain_cell, read_table_file

COLUMNS = (
    *("reader", "arm", "case", "truth", "rating", "positive", "confidence", "seconds"),
    *("period", "number", "openings", "started", "ended", "probability", "marks_lps_mm"),
)


def read_truth(path: Path, study: ProtocolFile) -> dict[str, int]:
    """The truth (0 or 1) by case, from a table with the columns ``case`` and ``truth``.

    Raises UserError when the table can't be read, lacks a case of the protocol, or has another value.
    """
    table = read_table_file(path)
    for name in ("case", "truth"):
        if name not in table.columns:
            raise UserError(f"has no column {name!r}", path=path)
    found: dict[str, int] = {}
    for row in table.rows:
        if row.cells["truth"] not in ("0", "1"):
            raise UserError(f"row {row.number}: truth must be 0 or 1", path=path)
        found[row.cells["case"]] = int(row.cells["truth"])
    missing = [case.id for case in study.protocol.cases if case.id not in found]
    if missing:
        raise UserError(f"has no truth of the case {missing[0]!r}", path=path)
    return found


def write_results(study: ProtocolFile, truth: Mapping[str, int], path: Path) -> int:
    """Write the reads of all readers as CSV; returns their number.

    Raises UserError when there are none, a log is not of this protocol, or the file can't be written.
    """
    rows: list[dict[str, object]] = []
    for reader in study.protocol.readers:
        log = study.reads_folder / f"{reader}.jsonl"
        if log.exists():
            lines = read_lines(log, study, reader)
            rows += [
                _row(study, reader, truth[one.case], one) for one in lines if isinstance(one, Read)
            ]
    if not rows:
        raise UserError("nobody has read a case yet", path=study.path)
    try:
        with whole_file(path) as whole, whole.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise UserError(f"the table can't be written ({error.strerror})", path=path) from None
    return len(rows)


def _row(study: ProtocolFile, reader: str, truth: int, read: Read) -> dict[str, object]:
    marks = "; ".join(
        f"{mark.kind} " + " ".join(f"{value:.1f}" for point in mark.points_lps for value in point)
        for mark in read.marks
    )
    return {
        "reader": plain_cell(reader),
        "arm": read.arm,
        "case": plain_cell(read.case),
        "truth": truth,
        "rating": read.rating,
        "positive": int(read.rating >= study.protocol.rating.positive_from),
        "confidence": read.confidence,
        "seconds": f"{read.seconds:.1f}",
        "period": read.period,
        "number": read.number,
        "openings": read.openings,
        "started": read.started,
        "ended": read.ended,
        "probability": "" if read.probability is None else f"{read.probability:.4f}",
        "marks_lps_mm": marks,
    }
