"""``read_decimals``: decimal strings (VR DS, IS) as numbers, also those written with a decimal comma."""

from __future__ import annotations

import re
from functools import lru_cache

#: Files of a series repeat most values, so this many conversions are cached.
_CACHED_CONVERSIONS = 4096
_LARGEST = 1e30

#: A number with a comma that can only be its decimal sign: "-1024,0", "1.024,5", "0,488", "1,5E2".
_DECIMAL_COMMA = re.compile(
    rb"[+-]?(\d{1,3}(\.\d{3})+,\d*|(\d*|0\d{3}),(\d{1,2}|\d{4,})|(0?|\d{4,}),\d+|\d{4,},"
    rb"|\d*,\d+[Ee][+-]?\d+)([Ee][+-]?\d+)?"
)
#: A number with commas that can only separate thousands: "-1,024.0", "1,024,000".
_THOUSANDS_COMMA = re.compile(rb"[+-]?[1-9]\d{0,2}((,\d{3})+\.\d*|(,\d{3}){2,})([Ee][+-]?\d+)?")
_ANY_COMMA = re.compile(rb"[+-]?\d*,\d*([Ee][+-]?\d+)?")
_MINUS_SIGN = "\N{MINUS SIGN}".encode()


@lru_cache(_CACHED_CONVERSIONS)
def read_decimals(value: bytes) -> tuple[float, ...] | None:
    """Decimal strings separated by backslashes.

    A comma is read where it can only mean one thing: "1,024" alone may be 1.024 or 1024, and is not a
    number. Programs with German or French settings write such commas, against PS3.5 section 6.2.

    Parameters
    ----------
    value
        Raw value of an element.

    Returns
    -------
    tuple of float, or None
        None unless all are finite numbers.
    """
    parts = value.strip(b"\0 ").split(b"\\")
    try:
        numbers = tuple(map(float, parts))
    except ValueError:
        numbers = _with_commas(tuple(part.strip().replace(_MINUS_SIGN, b"-") for part in parts))
    return numbers if numbers and all(abs(number) < _LARGEST for number in numbers) else None


def _with_commas(parts: tuple[bytes, ...]) -> tuple[float, ...]:
    """The numbers; empty where they can't be read, or can be read in two ways."""
    commas = [part for part in parts if b"," in part]
    if any(_DECIMAL_COMMA.fullmatch(part) for part in commas):
        # One that is certain tells what the others mean.
        if not all(_DECIMAL_COMMA.fullmatch(part) or _ANY_COMMA.fullmatch(part) for part in commas):
            return ()
        parts = tuple(
            part.replace(b".", b"").replace(b",", b".") if b"," in part else part for part in parts
        )
    elif commas:
        if not all(_THOUSANDS_COMMA.fullmatch(part) for part in commas):
            return ()
        parts = tuple(part.replace(b",", b"") for part in parts)
    try:
        return tuple(map(float, parts))
    except ValueError:
        return ()
