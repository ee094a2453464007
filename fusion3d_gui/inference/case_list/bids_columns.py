"""The schema's field of a column of a BIDS table, from its values and what the JSON file beside it says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.case_list.bids_folder import Cell
from fusion3d_gui.model.schema import Field
from fusion3d_gui.plain_text import visible_text

#: An age above which no age is told, to protect identity, e.g. ``89+``.
_TOP_CODED = re.compile(r"(\d+(?:\.\d+)?)\+")
_MOST_CHOICES = 20
_DAYS_OF_YEAR = 365.25
#: Years in each unit of time that an age may be given in.
_YEARS_IN = {"month": 1 / 12, "week": 7 / _DAYS_OF_YEAR, "day": 1 / _DAYS_OF_YEAR}
_YEARS = {"", "year", "yr", "y", "a"}
#: Sexes as BIDS allows them, and as the levels of a coded column are worded.
_SEXES = {
    **dict.fromkeys(("f", "female", "woman", "women"), "F"),
    **dict.fromkeys(("m", "male", "man", "men"), "M"),
    **dict.fromkeys(("o", "other"), "O"),
}
_WORDS_OF_BOOLEANS = {"yes", "no", "true", "false", "present", "absent"}

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
class Column:
    """A column that can be used: its field, the text of each row (empty where unknown), and what was changed."""

    field: Field
    texts: Sequence[str]
    notices: tuple[str, ...]


def bids_column(name: str, cells: Sequence[Cell | None], about: Mapping[str, Any]) -> Column | str:
    """The column as metadata of cases, or why it can't be that, for a sentence that begins with its name.

    A top-coded number such as ``89+`` becomes 89. An age in months, weeks or days becomes one in years, and a sex
    that is coded or worded otherwise ``F``, ``M`` or ``O``.

    Parameters
    ----------
    name
        The column's name.
    cells
        Its cell in each row; None where the row's table has no such column.
    about
        What ``participants.json`` says of it: ``LongName``, ``Description``, ``Units``, ``Levels``.

    Raises
    ------
    UserError
        Naming file, row and column of a value that is out of range.
    """
    said = _read(name, cells, about)
    texts = said.texts
    field = _field(name, texts, said.known, _levels(about))
    if isinstance(field, str):
        return field
    field = _described(replace(field, name=name), said.about)
    for text, cell in zip(texts, cells, strict=True):
        try:
            field.parse(text)
        except UserError:
            assert cell is not None  # an empty text is always valid
            raise UserError(
                f"row {cell.row}, column {name!r}: {visible_text(cell.text)!r} is not valid: expected "
                f"{field.range_text}",
                path=cell.path,
            ) from None
    return Column(field, texts, said.notices)


def column_texts(
    name: str, cells: Sequence[Cell | None], about: Mapping[str, Any]
) -> tuple[Sequence[str], tuple[str, ...]]:
    """The texts of a column as :func:`bids_column` has them, whatever they are, and sentences on what was changed."""
    said = _read(name, cells, about)
    return said.texts, said.notices


@dataclass(frozen=True)
class _Read:
    """Texts of a column, the field where it is a known one, and what is said of it once its unit was changed."""

    texts: Sequence[str]
    notices: tuple[str, ...]
    known: Field | None
    about: Mapping[str, Any]


def _read(name: str, cells: Sequence[Cell | None], about: Mapping[str, Any]) -> _Read:
    notices = []
    texts, changed = bounds_of_top_coded([cell.text if cell else "" for cell in cells])
    if changed:
        many = "values, such as 89+, are" if changed > 1 else "value, such as 89+, is"
        notices.append(f"{name}: {changed} top-coded {many} taken as the bound.")
    known = _KNOWN.get(name.lower())
    unit = _unit(about)
    if known is not None and known.name == "age" and unit not in _YEARS:
        years = _YEARS_IN.get(unit)
        if years is None:
            known = None  # in a unit that is no time
        else:
            texts = [_converted(text, years) for text in texts]
            notices.append(f"{name}: the {unit}s of the table are written as years.")
            about = {key: said for key, said in about.items() if key != "Units"}
    if known is not None and known.name == "sex":
        levels = _levels(about)
        texts = [_sex(text, levels) for text in texts]
        if "O" in texts:
            known = replace(known, choices=(*known.choices, ("O", "Other")))
    return _Read(texts, tuple(notices), known, about)


def bounds_of_top_coded(texts: Sequence[str]) -> tuple[list[str], int]:
    """The texts with top-coded numbers as their bound, and how many those were."""
    found, changed = [], 0
    for text in texts:
        match = _TOP_CODED.fullmatch(text)
        changed += match is not None
        found.append(match[1] if match else text)
    return found, changed


def number_of(text: str) -> float | None:
    """A finite number; None where the text is none."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


def _levels(about: Mapping[str, Any]) -> dict[str, str]:
    levels = about.get("Levels")
    if not isinstance(levels, dict):
        return {}
    # A level is a text, or an object with a description and a term.
    return {
        str(key): visible_text(
            str(said.get("Description", key) if isinstance(said, dict) else said)
        )
        for key, said in levels.items()
    }


def _unit(about: Mapping[str, Any]) -> str:
    """The unit of time in the singular, or whatever else is said."""
    text = about.get("Units")
    return text.strip().lower().rstrip(".").removesuffix("s") if isinstance(text, str) else ""


def _converted(text: str, factor: float) -> str:
    number = number_of(text)
    return text if number is None else f"{number * factor:.4g}"


def _sex(text: str, levels: Mapping[str, str]) -> str:
    for said in (text, levels.get(text, "")):
        if said.strip().lower() in _SEXES:
            return _SEXES[said.strip().lower()]
    return text


def _field(
    name: str, texts: Sequence[str], known: Field | None, levels: Mapping[str, str]
) -> Field | str:
    values = sorted({text for text in texts if text})
    if len(values) < 2:
        return "has one value only" if values else "is empty"
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        return "has a name that is not a plain identifier"
    if known is not None:
        return known
    title = name.replace("_", " ").capitalize()
    numbers = {number_of(value) for value in values}
    are_levels = set(values) <= set(levels) and len(levels) <= _MOST_CHOICES
    if None not in numbers and numbers == {0.0, 1.0} and not (are_levels and _are_kinds(levels)):
        return Field(name, title, "boolean")
    if are_levels:
        return Field(name, title, "category", choices=tuple((v, v) for v in levels))
    if None not in numbers:
        decimals = 2 if any("." in value.removesuffix(".0") for value in values) else 0
        return Field(name, title, "number", decimals=decimals)
    if len({value.lower() for value in values}) == len(values) <= _MOST_CHOICES:
        return Field(name, title, "category", choices=tuple((v, v) for v in values))
    return f"has {len(values)} different texts"


def _are_kinds(levels: Mapping[str, str]) -> bool:
    """Whether 0 and 1 stand for two kinds of something rather than for no and yes."""
    first = [re.split(r"[\s.,:;]", text.strip().lower())[0] for text in levels.values()]
    return not any(word in _WORDS_OF_BOOLEANS for word in first)


def _described(field: Field, about: Mapping[str, Any]) -> Field:
    """The field with what is said about it: ``LongName``, ``Description``, ``Units``, ``Levels``."""
    given: dict[str, Any] = {}
    for key, own in (("LongName", "label"), ("Description", "help"), ("Units", "unit")):
        text = about.get(key)
        if isinstance(text, str) and text and not (own == "unit" and field.kind != "number"):
            given[own] = visible_text(text)
    levels = _levels(about)
    if field.kind == "category" and levels:
        choices = tuple((value, levels.get(value, label)) for value, label in field.choices)
        if len({label.strip().lower() for _, label in choices}) == len(choices):
            given["choices"] = choices
    return replace(field, **given)
