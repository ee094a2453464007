"""``Entry``: what a field of the form holds: a value, or what was typed and can't be one, with the reason."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.schema import Field, Value

#: A decimal comma; a comma before exactly three digits may group thousands instead.
_DECIMAL_COMMA = re.compile(r"([+-]?\d+),(\d{1,2}|\d{4,})")


@dataclass(frozen=True)
class Entry:
    """A field's content as it was entered.

    Parameters
    ----------
    value
        The value; None where not given, or where ``refusal`` says why ``text`` is none.
    text
        The text as it was typed; empty where a value was chosen or read from a file.
    refusal
        A sentence why ``text`` is not a value of the field; empty where it is one.
    """

    value: Value
    text: str = ""
    refusal: str = ""

    @classmethod
    def typed(cls, field: Field, text: str) -> Entry:
        """What typing ``text`` into the input of a number gives; a decimal comma is understood."""
        comma = _DECIMAL_COMMA.fullmatch(text.strip())
        plain = f"{comma[1]}.{comma[2]}" if comma else text
        try:
            return cls(field.parse(plain), text)
        except UserError:
            return cls(None, text, _refusal(field, text.strip(), plain))

    def means_the_same(self, other: Entry) -> bool:
        """Whether value and refusal are equal, however they were written."""
        return (self.value, self.refusal) == (other.value, other.refusal)


def header_note(field: Field, entry: Entry, header: Value, attribute: str) -> str:
    """A sentence where an entry is not what the DICOM header says; otherwise empty.

    Numbers agree where they differ by less than one unit of the last digit that the form shows: an age
    in the header is in whole years.

    Parameters
    ----------
    field
        The field.
    entry
        What its input shows.
    header
        The header's value; None where it has none that the field allows.
    attribute
        The header's text.
    """
    if header is None:
        kept = " ".join(attribute.split())[:24]
        return f"The DICOM header says “{kept}”, which does not fit here." if kept else ""
    said = field.text(header)
    if entry.refusal:
        return f"The DICOM header says {said}."
    if entry.value is None:
        return f"Not given, though the DICOM header says {said}."
    if _agree(field, entry.value, header):
        return ""
    return f"Contradicts the DICOM header, which says {said}."


def _agree(field: Field, value: Value, header: Value) -> bool:
    if field.kind != "number" or value is None or header is None:
        return value == header
    return abs(float(value) - float(header)) < 10.0**-field.decimals * (1 - 1e-9)


def _refusal(field: Field, text: str, plain: str) -> str:
    try:
        float(plain)
    except ValueError:
        return f"“{text}” is not a number."
    return f"{text} is refused. Allowed: {field.range_text}."
