"""Read a table of cases from CSV, one case a row, with errors that name row and column."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.schema import Field, MetadataSchema, Value
from fusion3d_gui.model.scope import Scope
from fusion3d_gui.output_file import write_whole_text
from fusion3d_gui.table_file import TableRow, read_table_file

#: Columns with a meaning of their own; every other column is metadata, but for those that begin with one
#: of ``_TRUTH``: they are the simulated cohort's ground truth, which no model may be given.
OWN_COLUMNS = ("case", "patient", "path", "mask", "label", "split", "probability")
_TRUTH = ("lesion", "distractor", "probability_")

#: A column of text with more different values is taken for a name or an identifier, not for a category.
_MOST_CHOICES = 20

_WORDS_OF_BOOLEANS = {"true", "false", "yes", "no"}


@dataclass(frozen=True)
class CaseRow:
    """One case.

    ``row`` is its line number in a spreadsheet (the header is row 1), ``path`` the volume (file or
    folder), ``mask`` the lesion mask or None, ``values`` the parsed metadata by field name (None where
    missing), ``label`` 0 or 1 (−1 where it is unknown), ``split`` ``"train"``, ``"validation"``, ``"test"`` or empty, ``patient``
    the patient's identifier (the case's name where the table has none). Where the table has them,
    ``probability`` is the label's true probability and ``ceilings`` its expectation given the ``image``
    or the ``metadata`` alone.
    """

    row: int
    name: str
    path: Path
    mask: Path | None
    values: Mapping[str, Value]
    label: int
    probability: float | None
    split: str
    patient: str = ""
    ceilings: Mapping[str, float] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class CaseTable:
    """All cases, the schema of their metadata, and what is to be predicted.

    ``task``, ``description``, ``class_names`` (negative, positive) and ``scope`` (what is declared of the
    scans) come from the JSON file beside the table where there is one; ``cohort`` holds the parameters of
    a simulated cohort, else None.
    """

    path: Path
    cases: tuple[CaseRow, ...]
    schema: MetadataSchema
    task: str
    description: str
    class_names: tuple[str, str]
    cohort: Mapping[str, Any] | None
    scope: Scope = Scope()  # noqa: RUF009  (immutable)

    @property
    def labels(self) -> np.ndarray:
        """Labels, int64 [n]."""
        return np.array([case.label for case in self.cases], dtype=np.int64)

    def encode_metadata(self, schema: MetadataSchema) -> np.ndarray:
        """The metadata encoded by a (fitted) schema, float32 [n, W].

        Raises UserError naming the row when the schema refuses a value.
        """
        codes = np.zeros((len(self.cases), schema.width), dtype=np.float32)
        for number, case in enumerate(self.cases):
            try:
                codes[number] = schema.encode(case.values)
            except UserError as error:
                raise UserError(f"row {case.row}: {error.problem}", path=self.path) from None
        return codes


def read_table(
    path: Path, schema: MetadataSchema | None = None, *, labelled: bool = True
) -> CaseTable:
    """Read a table of cases.

    Columns: ``path`` (relative to the table) and ``label`` (0 or 1) are needed; ``case``, ``mask``,
    ``split``, ``patient`` and ``probability`` are known; those that start with ``lesion``,
    ``distractor`` or ``probability_`` are a cohort's ground truth; every other one is metadata. A JSON
    file of the same name beside the table (``cases.json``) may hold ``schema``, ``task``,
    ``description``, ``class_names`` and ``scope``; without it the schema is inferred.

    Parameters
    ----------
    schema
        The schema of a trained model that the table is for; overrides the file's.
    labelled
        Whether labels are needed; without, the column, or a cell of it, may be missing.

    Raises
    ------
    UserError
        Naming file, row and column of what is wrong.
    """
    path = Path(path)
    table = read_table_file(path)
    columns = table.columns
    for needed in ("path", "label") if labelled else ("path",):
        if needed not in columns:
            raise UserError(
                f"there is no column {needed!r}",
                path=path,
                remedy="A table of cases needs the columns path and label.",
            )
    about = _read_description(path.with_suffix(".json"))
    metadata = [name for name in columns if name not in OWN_COLUMNS and not name.startswith(_TRUTH)]
    if schema is None:
        schema = about.get("schema") or MetadataSchema(
            tuple(_infer(path, name, table.rows) for name in metadata)
        )
    absent = [field.name for field in schema.fields if field.name not in columns]
    if absent:
        raise UserError(f"there is no column {absent[0]!r}, which the schema names", path=path)
    cases = tuple(_case(path, row.number, row.cells, schema, labelled) for row in table.rows)
    if not cases:
        raise UserError("it holds no cases", path=path)
    seen: dict[str, int] = {}
    for case in cases:
        if case.name in seen:
            raise UserError(
                f"rows {seen[case.name]} and {case.row} are both case {case.name!r}", path=path
            )
        seen[case.name] = case.row
    return CaseTable(
        path=path,
        cases=cases,
        schema=schema,
        task=about.get("task") or f"Label of {path.name}",
        description=about.get("description") or f"Trained on {path.name}.",
        class_names=about.get("class_names") or ("negative", "positive"),
        cohort=about.get("cohort"),
        scope=about.get("scope") or Scope(),
    )


def write_inferred_schema(table: Path, out: Path) -> MetadataSchema:
    """Infer the schema of a table's metadata and write it as JSON, to be edited by hand.

    Types, labels, units, allowed ranges, choices, and whether a value may be missing can be changed there.
    Ranges are left open, since the values in the table need not be all that are possible. Raises
    UserError for a table that can't be read, and when ``out`` exists.
    """
    if out.exists():
        raise UserError(
            "it exists already", path=out, remedy="Edit it, or delete it to infer the schema again."
        )
    schema = read_table(table).schema
    plain = {
        "task": f"Label of {table.name}",
        "class_names": ["negative", "positive"],
        "schema": schema.to_json(),
    }
    write_whole_text(out, json.dumps(plain, indent=2, ensure_ascii=False) + "\n")
    return schema


def fit_schema(schema: MetadataSchema, cases: Sequence[CaseRow]) -> MetadataSchema:
    """The schema with mean, standard deviation and observed range of each number in these (training) cases."""
    fields = []
    for field in schema.fields:
        if field.kind == "number":
            known = np.array(
                [case.values[field.name] for case in cases if case.values[field.name] is not None],
                dtype=np.float64,
            )
            if len(known):
                field = replace(
                    field,
                    mean=round(float(known.mean()), 6),
                    std=round(float(known.std()), 6) or 1.0,
                    seen_minimum=float(known.min()),
                    seen_maximum=float(known.max()),
                )
        fields.append(field)
    return MetadataSchema(tuple(fields))


def _read_description(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        about = {key: plain[key] for key in ("task", "description", "cohort") if key in plain}
        if "class_names" in plain:
            negative, positive = plain["class_names"]
            about["class_names"] = (str(negative), str(positive))
        if "schema" in plain:
            about["schema"] = MetadataSchema.from_json(plain["schema"])
        if "scope" in plain:
            about["scope"] = Scope.from_json(plain["scope"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"it does not describe a table of cases ({error})", path=path) from None
    return about


def _infer(path: Path, name: str, rows: Sequence[TableRow]) -> Field:
    cells = [row.cells[name] for row in rows if row.cells[name]]
    if not cells:
        raise UserError(f"column {name!r} is empty", path=path, remedy="Remove the column.")
    label = name.replace("_", " ").capitalize()
    words = {cell.lower() for cell in cells}
    try:
        if words <= _WORDS_OF_BOOLEANS or words <= {"0", "1"}:
            return Field(name, label, "boolean")
        if all(_is_number(cell) for cell in cells):
            fraction = any("." in cell for cell in cells)
            return Field(name, label, "number", decimals=2 if fraction else 0)
        kinds = sorted(set(cells))
        if len(kinds) == 1 or len(kinds) > _MOST_CHOICES or len(words) < len(kinds):
            number, cell = next(
                (row.number, row.cells[name])
                for row in rows
                if row.cells[name] and not _is_number(row.cells[name])
            )
            raise UserError(
                f"row {number}, column {name!r}: {cell!r} is not a number, and with {len(kinds)} "
                "different values the column is not a category either",
                path=path,
                remedy="Mend the cell, or remove the column.",
            )
        return Field(name, label, "category", choices=tuple((kind, kind) for kind in kinds))
    except ValueError as error:
        raise UserError(f"column {name!r}: {error}", path=path, remedy="Rename it.") from None


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _case(
    path: Path, number: int, row: Mapping[str, str], schema: MetadataSchema, labelled: bool
) -> CaseRow:
    def error(column: str, what: str) -> UserError:
        return UserError(f"row {number}, column {column!r}: {what}", path=path)

    def located(column: str) -> Path:
        found = path.parent / row[column]
        if not found.exists():
            raise error(column, f"there is no file or folder {row[column]!r}")
        return found

    if not row["path"]:
        raise error("path", "it is empty")
    label = row.get("label", "")
    if label.removesuffix(".0") not in ("0", "1") and (labelled or label):
        raise error("label", f"{label!r} is not 0 or 1")
    known: dict[str, float] = {}
    for column in ("probability", "probability_image", "probability_metadata"):
        cell = row.get(column, "")
        if cell and not (_is_number(cell) and 0 <= float(cell) <= 1):
            raise error(column, f"{cell!r} is not a number between 0 and 1")
        if cell:
            known[column.removeprefix("probability_")] = float(cell)
    split = row.get("split", "").lower()
    if split not in ("", "train", "validation", "test"):
        raise error("split", f"{split!r} is not train, validation, test or empty")
    values: dict[str, Value] = {}
    for field in schema.fields:
        try:
            values[field.name] = field.parse(row[field.name])
        except UserError:
            raise error(
                field.name, f"{row[field.name]!r} is not valid: expected {field.range_text}"
            ) from None
    return CaseRow(
        row=number,
        name=row.get("case") or row["path"],
        path=located("path"),
        mask=located("mask") if row.get("mask") else None,
        values=values,
        label=int(float(label)) if label else -1,
        probability=known.pop("probability", None),
        split=split,
        patient=row.get("patient") or row.get("case") or row["path"],
        ceilings=known,
    )
