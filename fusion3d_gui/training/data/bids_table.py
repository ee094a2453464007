"""``bids_table``: a table of cases from a BIDS folder's ``participants.tsv`` and its images."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fusion3d_gui.errors import UserError
from fusion3d_gui.input_file import read_bounded
from fusion3d_gui.model.schema import Field, MetadataSchema
from fusion3d_gui.output_file import check_not_input, write_whole_text
from fusion3d_gui.plain_text import visible_text
from fusion3d_gui.table_file import TableFile, read_table_file
from fusion3d_gui.training.data.csv_file import write_csv
from fusion3d_gui.training.data.table import OWN_COLUMNS

_LARGEST_SIDECAR_BYTES = 5_000_000
#: BIDS writes a value that is not known so.
_MISSING = {"", "n/a"}
#: An age above which no age is told, to protect identity, e.g. ``89+``.
_TOP_CODED = re.compile(r"(\d+(?:\.\d+)?)\+")
_MOST_CHOICES = 20

#: What is known of columns that many data sets have.
_KNOWN: Mapping[str, Field] = {
    "age": Field("age", "Age", "number", "years", minimum=0, maximum=120, dicom="PatientAge"),
    "sex": Field(
        "sex", "Sex", "category", choices=(("F", "Female"), ("M", "Male")), dicom="PatientSex"
    ),
    "bmi": Field("bmi", "Body mass index", "number", "kg/m²", minimum=5, maximum=200, decimals=1),
    "nihss": Field(
        "nihss",
        "NIHSS",
        "number",
        "points",
        "National Institutes of Health Stroke Scale: 0 (no deficit) to 42.",
        minimum=0,
        maximum=42,
    ),
}


@dataclass(frozen=True)
class BidsTable:
    """What was written: the number of cases and of positives, and sentences about what was left out or changed."""

    cases: int
    positives: int | None
    schema: MetadataSchema
    notices: tuple[str, ...]


def bids_table(
    folder: Path,
    out: Path,
    *,
    participants: Path | None = None,
    label: str | None = None,
    positive_from: float = 1.0,
    suffix: str | None = None,
    columns: Sequence[str] | None = None,
    scope: Mapping[str, Any] | None = None,
) -> BidsTable:
    """Write ``out`` (CSV) and, beside it, its schema (JSON), from a BIDS folder.

    Each image of a participant whose label is known becomes a row. ``n/a`` becomes an empty cell. A
    top-coded number such as ``89+`` becomes 89. Labels, units and levels of a column come from
    ``participants.json`` where it has them. A column with one value only is left out.

    Parameters
    ----------
    folder
        With ``participants.tsv``; images (``.nii``, ``.nii.gz``) anywhere below it, named
        ``PARTICIPANT_..._SUFFIX``.
    participants
        The list of participants, where it is not the folder's.
    label
        Column that is predicted; None writes a table without labels.
    positive_from
        The least value of ``label`` that is positive.
    suffix
        Last part of the images' names, such as ``T1w``, ``FLAIR`` or ``lesion``; may be left out where
        all are the same.
    columns
        Metadata columns; by default every one that can be used.
    scope
        What is declared of the images (see :class:`~fusion3d_gui.model.scope.Scope`).

    Raises
    ------
    UserError
        Naming file, row and column of what is wrong.
    """
    listing = participants or folder / "participants.tsv"
    table = read_table_file(listing)
    if "participant_id" not in table.columns:
        raise UserError("there is no column 'participant_id'", path=listing)
    for name in (*([] if label is None else [label]), *(columns or ())):
        if name not in table.columns:
            raise UserError(
                f"there is no column {name!r}",
                path=listing,
                remedy=f"It has: {', '.join(table.columns)}.",
            )
    check_not_input(out, (listing,))
    images = _images(folder, suffix)
    about = _sidecar(listing.with_suffix(".json"))
    notices: list[str] = []
    rows = []
    without_image = without_label = 0
    for row in table.rows:
        found = images.get(row.cells["participant_id"], [])
        cell = row.cells[label].strip() if label is not None else ""
        if not found:
            without_image += 1
        elif label is not None and cell.lower() in _MISSING:
            without_label += 1
        else:
            rows += [(row, path) for path in found]
    if not rows:
        raise UserError("no participant has both an image and a label", path=listing)
    for count, what in ((without_image, "no image"), (without_label, f"no {label}")):
        if count:
            notices.append(f"{count} participants have {what} and are left out.")
    strangers = len(set(images) - {row.cells["participant_id"] for row in table.rows})
    if strangers:
        notices.append(f"{strangers} participants have an image but no row in participants.tsv.")

    used = [each for each, _ in rows]
    chosen = columns or [
        name
        for name in table.columns
        if name not in ("participant_id", label, *OWN_COLUMNS) and not name.startswith("lesion")
    ]
    fields: list[Field] = []
    cells: dict[str, list[str]] = {}
    for name in chosen:
        values, changed = _numbers_mended([row.cells[name].strip() for row in used])
        if changed:
            notices.append(
                f"{name}: {changed} top-coded values, such as 89+, are taken as the bound."
            )
        field = _field(table, name, values, [row.number for row in used], about.get(name, {}))
        if isinstance(field, str):
            if columns is not None:
                raise UserError(f"column {name!r} {field}", path=listing)
            notices.append(f"Column {name} {field} and is left out.")
            continue
        fields.append(field)
        cells[name] = values
    labels = None if label is None else [_label(table, row, label, positive_from) for row in used]
    here = out.resolve().parent
    written = [
        {
            "case": _case_name(path),
            "patient": row.cells["participant_id"],
            "path": Path(os.path.relpath(path, here)).as_posix(),
            **({} if labels is None else {"label": labels[n]}),
            **{name: values[n] for name, values in cells.items()},
        }
        for n, (row, path) in enumerate(rows)
    ]
    write_csv(out, written)
    schema = MetadataSchema(tuple(fields))
    plain: dict[str, Any] = {"schema": schema.to_json()}
    if label is not None:
        plain["task"] = f"{label} of {positive_from:g} or more"
        plain["class_names"] = [f"{label} below {positive_from:g}", plain["task"]]
    if scope is not None:
        plain["scope"] = dict(scope)
    write_whole_text(
        out.with_suffix(".json"), json.dumps(plain, indent=2, ensure_ascii=False) + "\n"
    )
    positives = None if labels is None else sum(labels)
    return BidsTable(len(written), positives, schema, tuple(notices))


def _images(folder: Path, suffix: str | None) -> dict[str, list[Path]]:
    """The images below a folder by participant. Raises UserError where there are several kinds of them."""
    found: dict[str, list[Path]] = {}
    suffixes: set[str] = set()
    for path in sorted(folder.rglob("sub-*.nii*")):
        name = _case_name(path)
        parts = name.split("_")
        if not path.name.endswith((".nii", ".nii.gz")) or len(parts) < 2:
            continue
        suffixes.add(parts[-1])
        if suffix is None or parts[-1] == suffix:
            found.setdefault(parts[0], []).append(path)
    if not found:
        kinds = f" It has: {', '.join(sorted(suffixes))}." if suffixes else ""
        raise UserError(
            "it holds no image named sub-..._SUFFIX.nii.gz" + (f" of {suffix}" if suffix else ""),
            path=folder,
            remedy=f"Name the folder that holds them.{kinds}",
        )
    if suffix is None and len(suffixes) > 1:
        raise UserError(
            f"it holds images of several kinds: {', '.join(sorted(suffixes))}",
            path=folder,
            remedy="Choose one by --suffix.",
        )
    return found


def _case_name(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".nii")


def _sidecar(path: Path) -> dict[str, Mapping[str, Any]]:
    """Descriptions of the columns by name; empty where there is no such file."""
    if not path.is_file():
        return {}
    try:
        plain = json.loads(read_bounded(path, _LARGEST_SIDECAR_BYTES).decode("utf-8-sig"))
    except ValueError as error:
        raise UserError(f"it is not JSON ({error})", path=path) from None
    if not isinstance(plain, dict):
        raise UserError("it does not describe columns", path=path)
    return {name: about for name, about in plain.items() if isinstance(about, dict)}


def _numbers_mended(values: Iterable[str]) -> tuple[list[str], int]:
    """The cells with missing ones empty and top-coded numbers as their bound; how many of the latter."""
    found, changed = [], 0
    for value in values:
        match = _TOP_CODED.fullmatch(value)
        changed += match is not None
        found.append("" if value.lower() in _MISSING else match[1] if match else value)
    return found, changed


def _field(
    table: TableFile, name: str, values: list[str], numbers: list[int], about: Mapping[str, Any]
) -> Field | str:
    """The schema's field of a column, or why it can't be one."""
    known = sorted({value for value in values if value})
    if len(known) < 2:
        return "has one value only" if known else "is empty"
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        return "has a name that is not a plain identifier"
    field = _KNOWN.get(name.lower())
    if field is None:
        title = name.replace("_", " ").capitalize()
        if all(_number(value) is not None for value in known):
            if {_number(value) for value in known} == {0.0, 1.0}:
                field = Field(name, title, "boolean")
            else:
                decimals = 2 if any("." in value.removesuffix(".0") for value in known) else 0
                field = Field(name, title, "number", decimals=decimals)
        elif len({value.lower() for value in known}) == len(known) <= _MOST_CHOICES:
            field = Field(name, title, "category", choices=tuple((v, v) for v in known))
        else:
            return f"has {len(known)} different texts"
    field = _described(replace(field, name=name), about)
    for value, number in zip(values, numbers, strict=True):
        try:
            field.parse(value)
        except UserError:
            raise UserError(
                f"row {number}, column {name!r}: {visible_text(value)!r} is not valid: expected "
                f"{field.range_text}",
                path=table.path,
            ) from None
    return field


def _described(field: Field, about: Mapping[str, Any]) -> Field:
    """The field with what ``participants.json`` says about it: ``LongName``, ``Description``, ``Units``, ``Levels``."""
    given: dict[str, Any] = {}
    for key, own in (("LongName", "label"), ("Description", "help"), ("Units", "unit")):
        text = about.get(key)
        if isinstance(text, str) and text and not (own == "unit" and field.kind != "number"):
            given[own] = visible_text(text)
    levels = about.get("Levels")
    if field.kind == "category" and isinstance(levels, dict):
        titles = {str(key): str(text) for key, text in levels.items()}
        choices = tuple(
            (value, visible_text(titles.get(value, label))) for value, label in field.choices
        )
        if len({label.strip().lower() for _, label in choices}) == len(choices):
            given["choices"] = choices
    return replace(field, **given)


def _label(table: TableFile, row: Any, label: str, positive_from: float) -> int:
    cells, _ = _numbers_mended([row.cells[label].strip()])
    number = _number(cells[0])
    if number is None:
        raise UserError(
            f"row {row.number}, column {label!r}: {visible_text(cells[0])!r} is not a number",
            path=table.path,
        )
    return int(number >= positive_from)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None
