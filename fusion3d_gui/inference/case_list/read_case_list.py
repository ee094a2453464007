"""``read_case_list``: a table of cases, a BIDS folder, or results of ``fusion3d predict``, as one list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.case_list.bids_columns import column_texts
from fusion3d_gui.inference.case_list.bids_folder import (
    BidsFolder,
    is_bids_folder,
    read_bids_folder,
)
from fusion3d_gui.inference.case_list.case_list import CaseList, column_of
from fusion3d_gui.inference.embedding_file import EMBEDDINGS
from fusion3d_gui.plain_text import visible_text
from fusion3d_gui.progress import Progress, no_progress
from fusion3d_gui.table_file import TableFile, plain_cell, read_table_file

_MOST_CASES = 200_000
_MOST_MODELS = 20
#: Folders above results in which their table of cases is looked for.
_MOST_LEVELS = 3
#: What a table of results has, and no other.
_OF_RESULTS = {"path", "case", "probability", "weights_sha256", "fit"}
#: Columns of a table of cases that are no metadata.
_NO_METADATA = {"case", "patient", "path", "mask", "label", "split", "probability"}
_WORST = ("", "fits", "doubtful", "refused")


@dataclass(frozen=True, eq=False)
class _Base:
    """The table of cases: where its paths begin, and its rows."""

    title: str
    folder: Path
    columns: tuple[str, ...]
    rows: Sequence[Mapping[str, str]]
    notices: tuple[str, ...] = ()


def read_case_list(paths: Sequence[Path], progress: Progress = no_progress) -> CaseList:
    """Read tables of cases and of results, and join them.

    Parameters
    ----------
    paths
        A table of cases (CSV with a column ``path``), a BIDS folder (with ``participants.tsv`` or ``dataset_description.json``), or results
        (``results.csv``, its folder, or a folder of several such). At most one table of cases; where none is
        given, ``cases.csv`` is looked for above the results.
    progress
        Raises Cancelled to stop.

    Raises
    ------
    UserError
        There is no such table, there are two tables of cases, or one can't be read.
    """
    bases: list[_Base] = []
    results: list[TableFile] = []
    for path in paths:
        progress(0.0, "Reading the table")
        for table in _tables_of(path):
            if isinstance(table, _Base):
                bases.append(table)
            elif set(table.columns) >= _OF_RESULTS:
                results.append(table)
            else:
                bases.append(_base_of(table))
    if len(bases) > 1:
        raise UserError(
            f"is a second table of cases beside {bases[0].title}",
            path=paths[-1],
            remedy="Open one, then add results to it.",
        )
    if len(results) > _MOST_MODELS:
        raise UserError(f"holds results of more than {_MOST_MODELS} models", path=paths[0])
    base = bases[0] if bases else _base_of_results(results)
    if len(base.rows) > _MOST_CASES:
        raise UserError(f"holds more than {_MOST_CASES:,} cases", path=paths[0])
    progress(0.5, "Joining the results")
    return _joined(base, results)


def _tables_of(path: Path) -> Iterator[TableFile | _Base]:
    if not path.is_dir():
        yield read_table_file(path)
        return
    if is_bids_folder(path) and not (path / "results.csv").is_file():
        yield _bids(read_bids_folder(path))
        return
    inside = [path / "results.csv", *sorted(path.glob("*/results.csv"))[: _MOST_MODELS + 1]]
    found = [each for each in inside if each.is_file()]
    if not found and (path / "cases.csv").is_file():
        found = [path / "cases.csv"]
    if not found:
        raise UserError(
            "holds no participants.tsv, results.csv or cases.csv",
            path=path,
            remedy="Give a BIDS folder, results of fusion3d predict, or a table of cases.",
        )
    for each in found:
        yield read_table_file(each)


def _bids(found: BidsFolder) -> _Base:
    """Every image of a BIDS data set, and the participants without one; their folder may hold DICOM files."""
    pictured = {image.name.participant for image in found.images}
    rows: list[dict[str, str]] = []
    notices: list[str] = []
    for image in found.images:
        name = image.name
        rows.append(
            {
                "case": name.text,
                "path": image.path.relative_to(found.folder).as_posix(),
                "participant": name.participant,
                "session": name.entities.get("ses", ""),
                "run": name.entities.get("run", ""),
                "suffix": name.suffix,
            }
        )
    for who in found.participants:
        if who not in pictured:
            # Only a name: what leads out of the folder is no participant.
            is_name = who not in ("", ".", "..") and Path(who).name == who
            rows.append({"case": who, "path": who if is_name else "", "participant": who})
    if not rows:
        raise UserError("holds neither participants nor images", path=found.folder)
    alone = sum(not row["path"] or not (found.folder / row["path"]).exists() for row in rows)
    if alone:
        notices.append(f"{alone} participant{'s have' if alone > 1 else ' has'} no image.")
    others = [found.cells_of(who) for who in found.participants if who not in pictured]
    cells = [image.cells for image in found.images] + others
    for column in found.columns:
        texts, changed = column_texts(
            column, [each.get(column) for each in cells], found.about.get(column, {})
        )
        notices += changed
        for row, text in zip(rows, texts, strict=True):
            row.setdefault(column, text)
    # A part that is the same in all names says nothing.
    parts = [
        part
        for part in ("participant", "session", "run", "suffix")
        if len({row.get(part, "") for row in rows}) > 1 and part not in found.columns
    ]
    columns = tuple(dict.fromkeys(("case", "path", *parts, *found.columns)))
    rows = [{each: row.get(each, "") for each in columns} for row in rows]
    title = visible_text(found.folder.absolute().name)
    return _Base(title, found.folder, columns, rows, tuple(notices))


def _base_of(table: TableFile) -> _Base:
    if "path" not in table.columns:
        raise UserError(
            "has no column path", path=table.path, remedy="Add it, with each case's file or folder."
        )
    rows = [{"case": f"row-{each.number}", **each.cells} for each in table.rows]
    columns = table.columns if "case" in table.columns else ("case", *table.columns)
    return _Base(visible_text(table.path.name), table.path.parent, columns, rows)


def _base_of_results(results: Sequence[TableFile]) -> _Base:
    """The table of cases above the results, if it holds their cases; else the cases that they name."""
    first = results[0]
    folders = list(first.path.absolute().parents)[: _MOST_LEVELS + 1]
    named = [row.cells["path"] for row in first.rows[:20]]
    for folder in folders:
        table = folder / "cases.csv"
        if not table.is_file():
            continue
        base = _base_of(read_table_file(table))
        known = {str(plain_cell(row["path"])) for row in base.rows}
        if all(each in known for each in named):
            return base
    start = next(
        (each for each in folders if any((each / text).exists() for text in named)), folders[0]
    )
    rows: dict[tuple[str, str], Mapping[str, str]] = {}
    for table_of_results in results:
        for row in table_of_results.rows:
            cells = row.cells
            rows.setdefault(
                (cells["path"], cells["case"]), {"case": cells["case"], "path": cells["path"]}
            )
    return _Base(visible_text(first.path.parent.name), start, ("case", "path"), list(rows.values()))


def _joined(base: _Base, results: Sequence[TableFile]) -> CaseList:
    count = len(base.rows)
    keys = [(str(plain_cell(row["path"])), str(plain_cell(row["case"]))) for row in base.rows]
    columns: dict[str, np.ndarray] = {}
    names = [row["case"] for row in base.rows]
    columns["case"] = np.array([visible_text(name) for name in names], dtype=object)
    if "label" in base.columns:
        columns["label"] = column_of([row["label"] for row in base.rows])
    notices = list(base.notices)
    models, chances, found = [], [], []
    for table in results:
        by_key = {(row.cells["path"], row.cells["case"]): row.cells for row in table.rows}
        lines = [by_key.get(key, {}) for key in keys]
        lost = len(by_key) - sum(map(bool, lines))
        if lost > 0:
            notices.append(
                f"{lost} results of {table.path.parent.name} are of no case of the table."
            )
        used = next((line for line in by_key.values() if line.get("model")), {})
        models.append((used.get("model", ""), used.get("version", "")))
        chances.append(column_of([line.get("probability", "") for line in lines]))
        found.append(lines)
    _add_results(columns, chances, found, models)
    for name in base.columns:
        if name not in ("case", "path", "label"):
            shown = f"table_{name}" if name in columns or name == "probability" else name
            columns[shown] = _plain([row[name] for row in base.rows])
    paths = tuple(base.folder / row["path"] if row["path"] else None for row in base.rows)
    heatmaps: tuple[Path | None, ...] = (None,) * count
    embeddings, weights = heatmaps, ""
    if results:
        folder = results[0].path.parent
        heatmaps = tuple(
            folder / line["heatmap"] if line.get("heatmap") else None for line in found[0]
        )
        if (folder / EMBEDDINGS).is_dir():
            embeddings = tuple(each and _embedding_of(each) for each in heatmaps)
        weights = next((line["weights_sha256"] for line in found[0] if line), "")
    values = tuple(
        {name: text for name, text in row.items() if name not in _NO_METADATA and text}
        for row in base.rows
    )
    return CaseList(
        base.title,
        columns,
        paths,
        values,
        heatmaps,
        embeddings,
        weights,
        tuple(models),
        tuple(notices),
    )


def _embedding_of(heatmap: Path) -> Path:
    """The file of the embedding of a case, which is named like its heatmap."""
    stem = heatmap.name.removesuffix(".nii.gz")
    return heatmap.parent.parent / EMBEDDINGS / f"{stem}.npy"


def _plain(texts: Sequence[str]) -> np.ndarray:
    column = column_of(texts)
    if column.dtype.kind == "f":
        return column
    return np.array([visible_text(str(each)) for each in column], dtype=object)


def _add_results(
    columns: dict[str, np.ndarray],
    chances: Sequence[np.ndarray],
    found: Sequence[Sequence[Mapping[str, str]]],
    models: Sequence[tuple[str, str]],
) -> None:
    """Add what the models said, and what follows from it with the label."""
    numbers = [each for each in chances if each.dtype.kind == "f"]
    if not numbers:
        return
    stacked = np.stack(numbers)
    has_any = ~np.isnan(stacked).all(axis=0)
    mean = np.full(stacked.shape[1], np.nan)
    mean[has_any] = np.nanmean(stacked[:, has_any], axis=0)
    columns["probability"] = mean
    label = columns.get("label")
    if label is not None and label.dtype.kind == "f":
        columns["error"] = np.abs(label - mean)
        positive = _plain([line.get("positive", "") for line in found[0]])
        if positive.dtype.kind == "f":
            wrong = (positive != label).astype(float)
            wrong[np.isnan(positive) | np.isnan(label)] = np.nan
            columns["wrong"] = wrong
    if len(numbers) > 1:
        spread = np.full(len(mean), np.nan)
        several = (~np.isnan(stacked)).sum(axis=0) > 1
        part = stacked[:, several]
        spread[several] = np.nanmax(part, axis=0) - np.nanmin(part, axis=0)
        columns["disagreement"] = spread
        for (name, _), each in zip(models, chances, strict=True):
            title = own = f"probability_{visible_text(name)}"
            number = 2
            while title in columns:
                title, number = f"{own}_{number}", number + 1
            columns[title] = each
    fits = [
        max((_fit(line) for line in lines), key=_WORST.index) for lines in zip(*found, strict=True)
    ]
    columns["doubt"] = np.array(fits, dtype=object)
    for title, name in (("reasons", "reasons"), ("failure", "error")):
        texts = [line.get(name, "") for line in found[0]]
        if any(texts):
            columns[title] = np.array([visible_text(each) for each in texts], dtype=object)


def _fit(line: Mapping[str, str]) -> str:
    text = line.get("fit", "")
    return text if text in _WORST else ""
