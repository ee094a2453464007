"""Read the results of a reader study: a table with one row for each read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.table_file import TableRow, read_table_file

#: Columns that the table must have; ``seconds`` and ``positive`` may come with them.
REQUIRED_COLUMNS = ("reader", "arm", "case", "truth", "rating")
_OPTIONAL_COLUMNS = ("seconds", "positive")

#: The arm that the others are compared with, where the table has it.
UNAIDED = "unaided"

#: Numbers in the analysis' largest array at most (800 MB).
_LARGEST = 100_000_000


@dataclass(frozen=True)
class ReaderResults:
    """The reads of a fully crossed study: every reader has read every case in every arm.

    Parameters
    ----------
    arms, readers, cases
        Names. The first arm is the one that the others are compared with.
    truth
        [case] 0 or 1; each occurs at least twice.
    ratings
        [arm, reader, case], higher means more surely positive.
    seconds
        [arm, reader, case] time taken, or None where the table has none.
    positive
        [arm, reader, case] whether the reader called the case positive, or None where that is not known.
    notices
        Sentences about rows that are not used.
    """

    arms: tuple[str, ...]
    readers: tuple[str, ...]
    cases: tuple[str, ...]
    truth: np.ndarray
    ratings: np.ndarray
    seconds: np.ndarray | None
    positive: np.ndarray | None
    notices: tuple[str, ...] = ()


def read_reader_results(
    path: Path, *, reference: str | None = None, positive_from: float | None = None
) -> ReaderResults:
    """Read a table with the columns ``reader, arm, case, truth, rating`` and, if known, ``seconds, positive``.

    Cases that some reader has not read in some arm are left out, with a notice.

    Parameters
    ----------
    path
        The table.
    reference
        The arm that others are compared with; None: ``unaided``, else the table's first.
    positive_from
        Ratings from here on call a case positive; None: the column ``positive`` says it, if there is one.

    Raises
    ------
    UserError
        The table can't be read, lacks a column, has a cell that is no number, two reads of one case by one
        reader in one arm, two truths of one case, or too few cases to analyse.
    """
    table = read_table_file(path)
    missing = [name for name in REQUIRED_COLUMNS if name not in table.columns]
    if missing:
        raise UserError(
            f"has no column {missing[0]!r}",
            path=path,
            remedy=f"A row is one read, with the columns {', '.join(REQUIRED_COLUMNS)}.",
        )
    arms = _names(table.rows, "arm")
    readers, cases = _names(table.rows, "reader"), _names(table.rows, "case")
    first = reference if reference is not None else UNAIDED if UNAIDED in arms else arms[0]
    if first not in arms:
        raise UserError(f"has no arm {first!r}", path=path, remedy=f"Its arms: {', '.join(arms)}.")
    arms.sort(key=lambda name: name != first)
    shape = (len(arms), len(readers), len(cases))
    if int(np.prod(shape)) > _LARGEST:
        raise UserError("has too many arms, readers and cases to analyse", path=path)
    place = [{name: n for n, name in enumerate(names)} for names in (arms, readers, cases)]
    columns = ("rating", *(name for name in _OPTIONAL_COLUMNS if name in table.columns))
    values = {name: np.full(shape, np.nan) for name in columns}
    truth = np.full(len(cases), np.nan)
    for row in table.rows:
        at = tuple(
            known[row.cells[name]]
            for known, name in zip(place, ("arm", "reader", "case"), strict=True)
        )
        said = _number(path, row, "truth")
        if said not in (0, 1):
            raise UserError(f"row {row.number}: truth must be 0 or 1", path=path)
        if not np.isnan(truth[at[2]]) and truth[at[2]] != said:
            raise UserError(f"row {row.number}: the case has another truth above", path=path)
        truth[at[2]] = said
        if not np.isnan(values["rating"][at]):
            raise UserError(
                f"row {row.number}: this reader has read the case in this arm above", path=path
            )
        for name in columns:
            values[name][at] = _number(path, row, name)
    return _crossed(path, (arms, readers, cases), truth, values, positive_from)


def _crossed(
    path: Path,
    names: tuple[list[str], list[str], list[str]],
    truth: np.ndarray,
    values: dict[str, np.ndarray],
    positive_from: float | None,
) -> ReaderResults:
    """The cases that all have read in all arms."""
    arms, readers, cases = names
    whole = ~np.isnan(values["rating"]).any(axis=(0, 1))
    left_out = int((~whole).sum())
    notices: tuple[str, ...] = ()
    if left_out:
        notices = (
            f"{left_out} of {len(cases)} cases are left out: some reader has not read them in some arm.",
        )
    for label, name in ((1, "positive"), (0, "negative")):
        if (truth[whole] == label).sum() < 2:
            raise UserError(
                f"fewer than two {name} cases were read by every reader in every arm", path=path
            )
    rating = values["rating"][:, :, whole]
    called = values.get("positive")
    positive = None if called is None else called[:, :, whole] > 0
    if positive_from is not None:
        positive = rating >= positive_from
    seconds = values.get("seconds")
    return ReaderResults(
        tuple(arms),
        tuple(readers),
        tuple(name for name, kept in zip(cases, whole, strict=True) if kept),
        truth[whole].astype(int),
        rating,
        None if seconds is None else seconds[:, :, whole],
        positive,
        notices,
    )


def _names(rows: tuple[TableRow, ...], column: str) -> list[str]:
    return list(dict.fromkeys(row.cells[column] for row in rows))


def _number(path: Path, row: TableRow, column: str) -> float:
    text = row.cells[column]
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise UserError(f"row {row.number}: {column} is {text!r}, not a number", path=path)
    return value
