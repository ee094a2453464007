"""``Departure``: what has left the program at one time, of which case."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fusion3d_gui.model.schema import Value
from fusion3d_gui.state.data.case import Case

Place = Literal["file", "clipboard", "pacs"]


@dataclass(frozen=True)
class LeftItem:
    """One thing that left.

    Parameters
    ----------
    kind
        What it is, in lower-case words: ``"page"``, ``"result"``, ``"heatmap"``, ``"picture"``.
    sha256, size
        Of its bytes.
    path
        Its file; None where it is none.
    """

    kind: str
    sha256: str
    size: int
    path: Path | None = None

    @classmethod
    def of_file(cls, kind: str, path: Path) -> LeftItem:
        """Of a file that was written: for a worker, since it is read for its hash. Raises OSError."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(kind, digest, path.stat().st_size, path)

    @classmethod
    def of_bytes(cls, kind: str, content: bytes) -> LeftItem:
        """Of what was copied or sent without a file."""
        return cls(kind, hashlib.sha256(content).hexdigest(), len(content))


@dataclass(frozen=True, eq=False)
class Departure:
    """What left together.

    Parameters
    ----------
    case
        Of which case: it may not be the one on screen any more; None: of what was sent in an earlier run.
    items
        What left, at least one.
    values
        The form's values of the result in it, by field name; None where no result is in it. Where the
        form changes later, what left no longer matches.
    place
        To where.
    with_identity
        Whether the patient may be named in it.
    """

    case: Case | None
    items: tuple[LeftItem, ...]
    values: Mapping[str, Value] | None = None
    place: Place = "file"
    with_identity: bool = True


def files_left(kinds: Iterable[tuple[str, Path]]) -> tuple[LeftItem, ...]:
    """(kind, path) of files that were just written, as items: for a worker. Raises OSError."""
    return tuple(LeftItem.of_file(kind, path) for kind, path in kinds)
