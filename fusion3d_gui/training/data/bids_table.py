"""``bids_table``: a table of cases from a BIDS data set: its images, and the tables of participants and sessions."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.case_list.bids_columns import (
    bids_column,
    bounds_of_top_coded,
    number_of,
)
from fusion3d_gui.inference.case_list.bids_folder import (
    BidsFolder,
    BidsImage,
    Cell,
    read_bids_folder,
)
from fusion3d_gui.model.schema import Field, MetadataSchema
from fusion3d_gui.output_file import check_not_input, write_whole_text
from fusion3d_gui.plain_text import visible_text
from fusion3d_gui.training.data.csv_file import write_csv
from fusion3d_gui.training.data.table import OWN_COLUMNS


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
    entities: Mapping[str, str] | None = None,
    columns: Sequence[str] | None = None,
    scope: Mapping[str, Any] | None = None,
) -> BidsTable:
    """Write ``out`` (CSV) and, beside it, its schema (JSON), from a BIDS data set.

    Each image whose label is known becomes a row, with its participant, session and run. What
    ``sub-.../sub-..._sessions.tsv`` says of a session overrides ``participants.tsv``. ``n/a`` becomes an empty cell,
    a top-coded number such as ``89+`` becomes 89. Labels, units and levels of a column come from
    ``participants.json`` or ``sessions.json``. A column with one value only is left out.

    Parameters
    ----------
    folder
        The data set; images (``.nii``, ``.nii.gz``) anywhere below it, named ``sub-LABEL_..._SUFFIX``. Its
        derivatives are data sets of their own.
    participants
        The list of participants, where it is not the data set's.
    label
        Column that is predicted; None writes a table without labels.
    positive_from
        The least value of ``label`` that is positive.
    suffix, entities
        Which images, see :meth:`~fusion3d_gui.inference.case_list.bids_folder.BidsFolder.chosen`.
    columns
        Metadata columns; by default every one that can be used.
    scope
        What is declared of the images (see :class:`~fusion3d_gui.model.scope.Scope`).

    Raises
    ------
    UserError
        Naming file, row and column of what is wrong.
    """
    found = read_bids_folder(folder, participants)
    if (label or columns) and not found.columns:
        raise UserError("there is no such file", path=found.listing, remedy="Name no columns.")
    for name in (*([] if label is None else [label]), *(columns or ())):
        if name not in found.columns:
            raise UserError(
                f"there is no column {name!r}",
                path=found.listing,
                remedy=f"It has: {', '.join(found.columns)}.",
            )
    check_not_input(out, (found.listing,))
    images = found.chosen(suffix, entities or {})
    kept = [image for image in images if _is_usable(found, image, label)]
    if not kept:
        raise UserError("no participant has both an image and a label", path=found.listing)
    notices = list(_notices(found, images, kept, label))
    chosen = columns or [
        name
        for name in found.columns
        if name not in (label, *OWN_COLUMNS) and not name.startswith("lesion")
    ]
    fields: list[Field] = []
    texts: dict[str, Sequence[str]] = {}
    for name in chosen:
        cells = [image.cells.get(name) for image in kept]
        column = bids_column(name, cells, found.about.get(name, {}))
        if isinstance(column, str):
            if columns is not None:
                raise UserError(f"column {name!r} {column}", path=found.listing)
            notices.append(f"Column {name} {column} and is left out.")
            continue
        fields.append(column.field)
        texts[name] = column.texts
        notices += column.notices
    labels = (
        None
        if label is None
        else [_label(image.cells[label], label, positive_from) for image in kept]
    )
    here = out.resolve().parent
    parts = [key for key in ("session", "run") if any(_part(image, key) for image in kept)]
    written = [
        {
            "case": image.name.text,
            "patient": image.name.participant,
            **{key: _part(image, key) for key in parts if key not in texts},
            "path": Path(os.path.relpath(image.path, here)).as_posix(),
            **({} if labels is None else {"label": labels[n]}),
            **{name: column[n] for name, column in texts.items()},
        }
        for n, image in enumerate(kept)
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


def _is_usable(found: BidsFolder, image: BidsImage, label: str | None) -> bool:
    is_listed = not found.participants or image.name.participant in found.participants
    return is_listed and (
        label is None or bool(image.cells.get(label, Cell("", image.path, 0)).text)
    )


def _notices(
    found: BidsFolder, images: Sequence[BidsImage], kept: Sequence[BidsImage], label: str | None
) -> list[str]:
    """Sentences about who is left out, and which images belong together."""
    listed, pictured = set(found.participants), {image.name.participant for image in images}
    said = []
    without_image = len(listed - pictured)
    if without_image:
        many = (
            "participants have no image and are"
            if without_image > 1
            else "participant has no image and is"
        )
        said.append(f"{without_image} {many} left out.")
    without_label = len(images) - len(kept)
    strangers = pictured - listed if listed else set()
    without_label -= sum(image.name.participant in strangers for image in images)
    if without_label:
        said.append(f"{without_label} images have no {label} and are left out.")
    if strangers:
        said.append(f"{len(strangers)} participants have an image but no row in participants.tsv.")
    if found.strange:
        said.append(f"{found.strange} images have names that do not follow BIDS and are left out.")
    together = Counter((image.name.participant, image.name.session) for image in kept)
    several = {key for key, count in together.items() if count > 1}
    if several:
        differing = sorted(
            {
                key
                for image in kept
                if (image.name.participant, image.name.session) in several
                for key in image.name.entities
                if key not in ("sub", "ses")
            }
        )
        by = f" They have {', '.join(differing)} in their names." if differing else ""
        said.append(
            f"{len(several)} participants or sessions have several images, each a case.{by} "
            "--entity chooses among them."
        )
    return said


def _part(image: BidsImage, key: str) -> str:
    return image.name.entities.get({"session": "ses", "run": "run"}[key], "")


def _label(cell: Cell, label: str, positive_from: float) -> int:
    (text,), _ = bounds_of_top_coded([cell.text])
    number = number_of(text)
    if number is None:
        raise UserError(
            f"row {cell.row}, column {label!r}: {visible_text(text)!r} is not a number",
            path=cell.path,
        )
    return int(number >= positive_from)
