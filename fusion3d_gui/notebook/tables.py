"""Tables as pandas: results of ``fusion3d predict CASES.csv``, and tables of cases from pandas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.batch.batch_row import FIRST_COLUMNS, LAST_COLUMNS
from fusion3d_gui.inference.batch.predict_cases import results_file
from fusion3d_gui.inference.case_list.case_list import column_of
from fusion3d_gui.notebook.extra import need_packages
from fusion3d_gui.table_file import TableFile, TableRow, read_table_file

if TYPE_CHECKING:
    from pandas import DataFrame, Series

#: Columns of the results that are numbers; a digest or a name of digits only stays text.
_NUMBERS = {"row", "probability", "logit", "threshold", "seconds"}
_BOOLEANS = {"positive", "despite_misfit"}


def frame_of(rows: Sequence[Mapping[str, Any]]) -> DataFrame:
    """A table whose corner says "Research use only"."""
    need_packages("a table", "pandas")
    import pandas

    return pandas.DataFrame(rows).rename_axis(columns=RESEARCH_USE_ONLY)


def read_results(path: str | PathLike[str]) -> DataFrame:
    """Read the results of ``fusion3d predict CASES.csv`` or of :meth:`~fusion3d_gui.api.Model.predict_table`.

    Parameters
    ----------
    path
        The folder of the results, or a table in it (``results.csv``, or that of a shard).

    Returns
    -------
    pandas.DataFrame
        A row for each case, in the order of the table of cases. ``probability``, ``logit``, ``threshold``
        and ``seconds`` are numbers, NaN for a case that was refused or failed: ``error`` says why.
        ``positive`` is a nullable boolean, ``created`` a time, ``heatmap`` the path of the file. Columns
        of metadata are numbers where all their values are. Cells without a value are NaN, or empty texts.

    Raises
    ------
    UserError
        There is no such table, or it is another kind of table.
    """
    need_packages("a table of results", "pandas")
    path = Path(path)
    path = results_file(path) if path.is_dir() else path
    table = read_table_file(path)
    own = (*FIRST_COLUMNS, *LAST_COLUMNS)
    missing = [name for name in own if name not in table.columns]
    if missing:
        raise UserError(
            f"is no table of results: it has no column {missing[0]}",
            path=path,
            remedy="Give the folder that fusion3d predict wrote.",
        )
    frame = frame_of([row.cells for row in table.rows])
    for name in frame.columns:
        frame[name] = _typed(frame[name], name, path.parent, is_own=name in own)
    return frame


def _typed(texts: Series, name: str, folder: Path, *, is_own: bool) -> Any:
    """A column of texts as what it holds."""
    import pandas

    if name in _NUMBERS or not is_own:
        numbers = column_of(texts.tolist())
        if name == "row":
            return numbers.astype(int)
        return (
            texts if numbers.dtype.kind != "f" and texts.ne("").any() else pandas.to_numeric(texts)
        )
    if name in _BOOLEANS:
        return texts.map({"1": True, "0": False}).astype("boolean")
    if name == "created":
        return pandas.to_datetime(texts, utc=True)
    if name == "heatmap":
        return texts.map(lambda text: str(folder / text) if text else "")
    return texts


def table_of_frame(frame: DataFrame) -> TableFile:
    """A table of cases from pandas: its rows are numbered as in a spreadsheet, from 2; paths begin here.

    Raises
    ------
    UserError
        It is empty.
    """
    need_packages("a table of cases", "pandas")
    import pandas

    if not len(frame):
        raise UserError("the table holds no cases")
    columns = tuple(str(name) for name in frame.columns)
    rows = []
    for number, values in enumerate(frame.itertuples(index=False, name=None), start=2):
        texts = ["" if pandas.isna(value) else str(value).strip() for value in values]
        # A column of whole numbers with a missing one is of floats in pandas.
        texts = [
            text.removesuffix(".0") if isinstance(value, float) else text
            for text, value in zip(texts, values, strict=True)
        ]
        rows.append(TableRow(number, dict(zip(columns, texts, strict=True))))
    return TableFile(Path("table").absolute(), columns, tuple(rows))
