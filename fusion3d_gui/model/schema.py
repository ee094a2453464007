"""``MetadataSchema``: a model's metadata fields, with their labels, ranges and encoding."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from fusion3d_gui.errors import UserError

Kind = Literal["number", "category", "boolean"]

#: A metadata value as the form, the command line and JSON hold it; None means "not known".
Value = float | str | bool | None

_TRUE = {"true", "yes", "y", "1", "on"}
_FALSE = {"false", "no", "n", "0", "off"}
_UNKNOWN = {"", "unknown", "none", "null", "nan", "na", "n/a"}


@dataclass(frozen=True)
class Field:
    """One metadata field, a clinical value.

    Parameters
    ----------
    name
        Key in JSON, CSV columns and ``--set NAME=VALUE``.
    label
        Label in the form.
    kind
        ``"number"``, ``"category"`` or ``"boolean"``.
    unit
        Unit of a number, e.g. ``"years"``.
    help
        One sentence for the tooltip.
    minimum, maximum
        Allowed range of a number, inclusive: a value outside it is refused.
    seen_minimum, seen_maximum
        Range of a number in the training data: a value outside it is accepted with a warning.
    mean, std
        Mean and standard deviation of a number in the training data; its encoding is ``(value - mean) / std``.
    decimals
        Digits after the point with which the form shows a number.
    choices
        (value, label) of a category, in the order of its one-hot code.
    required
        Whether a missing value is refused. Where it isn't, a missing value is encoded as
        ``default`` with the missing indicator set.
    default
        Value that is encoded for a missing one; if None, the training mean of a number, no choice (all
        zeros) of a category, 0.5 of a boolean.
    dicom
        Keyword of the DICOM attribute that can prefill the field, e.g. ``"PatientAge"``.
    """

    name: str
    label: str
    kind: Kind
    unit: str = ""
    help: str = ""
    minimum: float | None = None
    maximum: float | None = None
    seen_minimum: float | None = None
    seen_maximum: float | None = None
    mean: float = 0.0
    std: float = 1.0
    decimals: int = 0
    choices: tuple[tuple[str, str], ...] = ()
    required: bool = False
    default: Value = None
    dicom: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", self.name):
            raise ValueError(f"field name {self.name!r} is not a plain identifier")
        if self.kind not in ("number", "category", "boolean"):
            raise ValueError(f"field {self.name!r} has unknown type {self.kind!r}")
        if self.kind == "category" and len(self.choices) < 2:
            raise ValueError(f"category {self.name!r} needs at least two different choices")
        for words in zip(*self.choices, strict=True):
            if len({word.strip().lower() for word in words}) < len(words):
                raise ValueError(f"two choices of {self.name!r} are the same")
        for least, most in (("minimum", "maximum"), ("seen_minimum", "seen_maximum")):
            low, high = getattr(self, least), getattr(self, most)
            if low is not None and high is not None and low > high:
                raise ValueError(f"{least} {low:g} of {self.name!r} is above its {most} {high:g}")
        self._check_default()
        if self.kind == "number" and not (self.std > 0 and math.isfinite(self.mean + self.std)):
            raise ValueError(f"number {self.name!r} needs a finite mean and a positive std")

    def _check_default(self) -> None:
        if self.default is None:
            return
        try:
            fits = self.parse(self.default) == self.default
        except UserError:
            fits = False
        is_flag = isinstance(self.default, bool)
        if not fits or is_flag != (self.kind == "boolean"):
            problem = f"default {self.default!r} of {self.name!r} is not {self.range_text}"
            raise ValueError(problem)

    @property
    def width(self) -> int:
        """Length of the encoding: value(s), then the missing indicator."""
        return (len(self.choices) if self.kind == "category" else 1) + 1

    @property
    def channel_names(self) -> tuple[str, ...]:
        """What each number of the encoding is, e.g. ``("sex = F", "sex = M", "sex is missing")``."""
        values = (
            [f"{self.name} = {value}" for value, _ in self.choices]
            if self.kind == "category"
            else [f"{self.name}, standardised" if self.kind == "number" else self.name]
        )
        return (*values, f"{self.name} is missing")

    @property
    def range_text(self) -> str:
        """The allowed values in words, for messages and tooltips."""
        if self.kind == "category":
            return "one of " + ", ".join(value for value, _ in self.choices)
        if self.kind == "boolean":
            return "true or false"
        unit = f" {self.unit}" if self.unit else ""
        if self.minimum is not None and self.maximum is not None:
            return f"{self.minimum:g} to {self.maximum:g}{unit}"
        if self.minimum is not None:
            return f"at least {self.minimum:g}{unit}"
        if self.maximum is not None:
            return f"at most {self.maximum:g}{unit}"
        return f"any number{unit and ' in' + unit}"

    def text(self, value: Value, *, with_unit: bool = True) -> str:
        """A value in words: ``"77 years"``, ``"Female"``, ``"Yes"``, ``"not given"``."""
        if value is None:
            return "not given"
        if self.kind == "number":
            unit = self.unit if with_unit else ""
            return f"{self.number_text(float(value))} {unit}".strip()
        if self.kind == "boolean":
            return "Yes" if value else "No"
        return dict(self.choices).get(str(value), str(value))

    def number_text(self, number: float) -> str:
        """A number with :attr:`decimals` digits, or as it is where these would change it by over 1 %."""
        rounded = f"{number:.{self.decimals}f}"
        return rounded if abs(float(rounded) - number) <= 0.01 * abs(number) else f"{number:g}"

    def parse(self, value: object) -> Value:
        """Turn text, a JSON value or a widget's value into this field's type.

        Returns None for an unknown value. Raises UserError when it is of the wrong type or
        outside the allowed range.
        """
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or (isinstance(value, str) and value.strip().lower() in _UNKNOWN):
            return None
        if isinstance(value, float) and math.isnan(value):
            return None
        parsers: dict[str, Callable[[Any], Value]] = {
            "number": self._parse_number,
            "category": self._parse_category,
            "boolean": self._parse_boolean,
        }
        return parsers[self.kind](value)

    def _refuse(self, value: object) -> UserError:
        return UserError(f"metadata {self.name}={value} is not valid: expected {self.range_text}")

    def _parse_number(self, value: object) -> float:
        if isinstance(value, bool):
            raise self._refuse(value)
        try:
            if isinstance(value, str) and "_" in value:
                raise ValueError  # Python would read 1_0 as 10
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            raise self._refuse(value) from None
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        if not (math.isfinite(number) and low <= number <= high):
            raise self._refuse(value)
        return number

    def _parse_category(self, value: object) -> str:
        text = str(value).strip()
        for choice, label in self.choices:
            if text.lower() in (choice.lower(), label.lower()):
                return choice
        raise self._refuse(value)

    def _parse_boolean(self, value: object) -> bool:
        text = str(value).strip().lower()
        if text.removesuffix(".0") in _TRUE:
            return True
        if text.removesuffix(".0") in _FALSE:
            return False
        raise self._refuse(value)

    def encode(self, value: Value) -> list[float]:
        """Encode a parsed value: the number standardised, one-hot, or 0/1; then 1 if missing."""
        missing = value is None
        if missing:
            if self.required:
                raise UserError(
                    f"metadata {self.name} is missing", remedy=f"Give it: {self.range_text}."
                )
            value = self.default
        if self.kind == "number":
            code = [0.0 if value is None else (float(value) - self.mean) / self.std]
        elif self.kind == "category":
            code = [float(value == choice) for choice, _ in self.choices]
        else:
            code = [0.5 if value is None else float(bool(value))]
        return [*code, float(missing)]

    def warning(self, value: Value) -> str:
        """A sentence if the value is allowed but outside the training data's range; otherwise empty."""
        if self.kind != "number" or value is None:
            return ""
        number = float(value)
        low = -math.inf if self.seen_minimum is None else self.seen_minimum
        high = math.inf if self.seen_maximum is None else self.seen_maximum
        if low <= number <= high:
            return ""
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.label} {number:g}{unit} is outside the {low:g} to {high:g} seen in training."

    def from_dicom(self, text: str) -> Value:
        """This field's value from a DICOM attribute; None when it does not fit.

        An age string (PS3.5 VR AS, e.g. ``054Y``) becomes years.
        """
        text = text.strip()
        if self.kind == "number":
            age = re.fullmatch(r"(\d{3})([DWMY])", text)
            if age:
                days = {"D": 1, "W": 7, "M": 30.4375, "Y": 365.25}[age[2]]
                text = str(round(int(age[1]) * days / 365.25, 2))
        try:
            return self.parse(text)
        except UserError:
            return None

    def to_json(self) -> dict[str, Any]:
        """As a JSON object, without keys that have their default value."""
        plain = {
            key: value
            for key, value in vars(self).items()
            if key in ("name", "label", "kind")
            or value != type(self).__dataclass_fields__[key].default
        }
        if self.choices:
            plain["choices"] = [list(choice) for choice in self.choices]
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Field:
        """Read back :meth:`to_json`. Raises ValueError naming what is wrong."""
        unknown = set(plain) - set(cls.__dataclass_fields__)
        if unknown:
            raise ValueError(f"field {plain.get('name')!r} has unknown keys {sorted(unknown)}")
        for key in ("name", "label", "kind"):
            if not isinstance(plain.get(key), str):
                raise ValueError(f"field {plain.get('name')!r} lacks {key!r}")
        choices = tuple((str(value), str(label)) for value, label in plain.get("choices", ()))
        return cls(**{**plain, "choices": choices})


@dataclass(frozen=True)
class MetadataSchema:
    """The fields that a model takes, in the order of their encoding."""

    fields: tuple[Field, ...] = ()

    def __post_init__(self) -> None:
        names = [field.name for field in self.fields]
        if len(set(names)) != len(names):
            raise ValueError("two fields of the schema have the same name")

    @property
    def width(self) -> int:
        """Length of the encoded vector."""
        return sum(field.width for field in self.fields)

    def __getitem__(self, name: str) -> Field:
        for field in self.fields:
            if field.name == name:
                return field
        known = ", ".join(field.name for field in self.fields) or "none"
        raise UserError(
            f"metadata {name} is not a field of this model", remedy=f"It takes: {known}."
        )

    def parse(self, values: Mapping[str, object]) -> dict[str, Value]:
        """Check a case's values; returns every field of the schema, None where not given.

        Raises UserError for a name that the schema lacks, a value of the wrong type or out of
        range, and a required value that is missing.
        """
        parsed: dict[str, Value] = {field.name: None for field in self.fields}
        for name, value in values.items():
            parsed[name] = self[name].parse(value)
        for field in self.fields:
            field.encode(parsed[field.name])
        return parsed

    def encode(self, values: Mapping[str, object]) -> np.ndarray:
        """Encode a case's values as a float32 vector of length :attr:`width`."""
        parsed = self.parse(values)
        code = [number for field in self.fields for number in field.encode(parsed[field.name])]
        return np.array(code, dtype=np.float32)

    def warnings(self, values: Mapping[str, Value]) -> tuple[str, ...]:
        """Sentences about values outside the range seen in training, and about missing ones."""
        outside = (field.warning(values.get(field.name)) for field in self.fields)
        return (*(each for each in outside if each), *self.missing_notice(values))

    def missing_notice(self, values: Mapping[str, Value]) -> tuple[str, ...]:
        """A sentence that names the values that are missing; empty where none is."""
        missing = [field.label for field in self.fields if values.get(field.name) is None]
        if not missing:
            return ()
        return (f"Not given, so the training default stands in: {', '.join(missing)}.",)

    def prefill(self, attributes: Mapping[str, str]) -> dict[str, Value]:
        """Values taken from a volume's DICOM attributes, by field name."""
        found = {
            field.name: field.from_dicom(attributes[field.dicom])
            for field in self.fields
            if field.dicom and attributes.get(field.dicom)
        }
        return {name: value for name, value in found.items() if value is not None}

    def case_values(
        self, attributes: Mapping[str, str], *given: Mapping[str, object]
    ) -> dict[str, Value]:
        """A case's values from its DICOM ``attributes``, overridden by each of ``given`` in turn.

        Raises UserError as :meth:`parse` does.
        """
        merged: dict[str, object] = {**self.prefill(attributes)}
        for values in given:
            merged.update(values)
        return self.parse(merged)

    def to_json(self) -> list[dict[str, Any]]:
        """As a JSON list."""
        return [field.to_json() for field in self.fields]

    @classmethod
    def from_json(cls, plain: Iterable[Mapping[str, Any]]) -> MetadataSchema:
        """Read back :meth:`to_json`. Raises ValueError naming what is wrong."""
        return cls(tuple(Field.from_json(field) for field in plain))
