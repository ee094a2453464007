"""``AuditEvent``, what happened, and ``AuditEntry``, its line in the log: JSON with the hash of the line before."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from fusion3d_gui.declared_types import build_types

#: What may happen. ``repaired`` and ``removed`` are about the log itself.
What = Literal["open", "predict", "explain", "export", "repaired", "removed"]

_Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
#: Hash that stands before the first entry.
BEGINNING = "0" * 64
#: Longest line of the log, in bytes.
LONGEST_LINE = 65_536


class ModelSaid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which model: ``weights_sha256`` is empty where it did not run."""

    name: str
    version: str
    weights_sha256: str = ""


class FileLeft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that left the program.

    Parameters
    ----------
    kind
        What it is, e.g. ``"page"``.
    sha256, size
        Of its bytes.
    name, folder
        Where it lies. Empty unless names are switched on: both may name the patient.
    """

    kind: str
    sha256: _Hash
    size: int
    name: str = ""
    folder: str = ""


class AuditEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happened, apart from its place in the log.

    Parameters
    ----------
    what, when
        What was asked for, and when (UTC, ISO 8601).
    who
        The reader's ID; empty where none was set.
    scan_sha256
        SHA-256 of the scan's voxels and geometry; empty where no scan is concerned.
    model
        Which model; None where none is concerned.
    asked, answered
        What was asked and what came of it, as plain values.
    left, place
        What left the program, and to where: ``"file"``, ``"clipboard"`` or ``"pacs"``.
    """

    what: What
    when: str
    who: str = ""
    scan_sha256: str = ""
    model: ModelSaid | None = None
    asked: dict[str, Any] = {}
    answered: dict[str, Any] = {}
    left: tuple[FileLeft, ...] = ()
    place: Literal["", "file", "clipboard", "pacs"] = ""


class AuditEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of the log: the event, its number from 1, and the SHA-256 of the line before."""

    number: Annotated[int, Meta(ge=1)]
    previous: _Hash
    program: str
    event: AuditEvent


build_types(AuditEntry)


def line_of(entry: AuditEntry) -> bytes:
    """The entry as one line of JSON, with its line break. Raises ValueError where it is too long."""
    line = msgspec.json.encode(entry) + b"\n"
    if len(line) > LONGEST_LINE:
        raise ValueError("an entry is too long for the audit log")
    return line


def hash_of(line: bytes) -> str:
    """SHA-256 of a line with its line break."""
    return hashlib.sha256(line).hexdigest()


def entry_of(line: bytes) -> AuditEntry:
    """Read back :func:`line_of`. Raises msgspec.DecodeError where it is none."""
    return msgspec.json.decode(line, type=AuditEntry)
