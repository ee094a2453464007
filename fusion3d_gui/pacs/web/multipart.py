"""Multipart answers (RFC 2046), part by part, with a bound on each; and their making."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_LONGEST_HEAD = 16_384


class MalformedAnswer(Exception):
    """A multipart answer makes no sense, or ends early."""


class PartTooLarge(Exception):
    """A part is larger than it may be."""


def boundary_of(content_type: str) -> bytes:
    """The boundary that a Content-Type names. Raises MalformedAnswer where it names none."""
    match = re.search(r'boundary="?([^";,]{1,200})"?', content_type, re.IGNORECASE)
    if match is None or not content_type.lower().startswith("multipart/"):
        raise MalformedAnswer
    return match[1].strip().encode("ascii", "replace")


def parts(chunks: Iterable[bytes], boundary: bytes, largest: int) -> Iterator[bytes]:
    """The body of each part.

    Parameters
    ----------
    chunks
        The answer's bytes as they come.
    boundary
        As :func:`boundary_of` finds it.
    largest
        Bytes that a part may have.

    Raises
    ------
    MalformedAnswer
        The answer ends within a part, or has no boundary.
    PartTooLarge
        A part is larger.
    """
    source = iter(chunks)
    held = bytearray()
    mark = b"--" + boundary

    def fill() -> bool:
        chunk = next(source, None)
        if chunk is None:
            return False
        held.extend(chunk)
        return True

    def up_to(end: bytes, most: int) -> bytes:
        """What comes before ``end``, which is dropped too."""
        looked = 0
        while True:
            at = held.find(end, max(0, looked - len(end)))
            if at >= 0:
                found = bytes(memoryview(held)[:at])
                del held[: at + len(end)]
                return found
            looked = len(held)
            if looked > most + len(end):
                raise PartTooLarge
            if not fill():
                raise MalformedAnswer

    up_to(mark, _LONGEST_HEAD)
    while True:
        while len(held) < 2:
            if not fill():
                raise MalformedAnswer
        if held[:2] == b"--":
            return
        try:
            up_to(b"\r\n\r\n", _LONGEST_HEAD)
        except PartTooLarge:
            raise MalformedAnswer from None
        yield up_to(b"\r\n" + mark, largest)
