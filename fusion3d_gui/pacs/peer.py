"""``Peer``: what a PACS can be asked for, whichever way it is reached."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.query import InstanceEntry, SeriesEntry, Study, StudyQuery
from fusion3d_gui.plain_text import visible_text
from fusion3d_gui.progress import Progress


class Unreachable(UserError):
    """The node can't be reached or doesn't answer now: the same may succeed later."""


class Sink(Protocol):
    """Where fetched instances go; may be called from several threads."""

    #: The size of the largest instance that is taken, in bytes.
    largest_bytes: int

    def receive(self, parts: Iterable[bytes | memoryview]) -> None:
        """Take one instance, the parts of a DICOM file; raises what makes fetching stop."""
        ...

    def check_cancelled(self) -> None:
        """Raise Cancelled once the user has cancelled."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What became of an instance that was sent.

    ``"refused"``: the node has it not and will never take it; ``"failed"``: trying again may help.
    """

    state: Literal["accepted", "refused", "failed"]
    reason: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", visible_text(self.reason))


class Peer(Protocol):
    """One node. Every method raises :class:`Unreachable`, or UserError with a sentence on what is wrong."""

    def echo(self) -> None:
        """Ask whether it is there and lets this program in."""
        ...

    def find_studies(self, query: StudyQuery, progress: Progress) -> list[Study]:
        """Studies that match, at most ``query.limit`` and one, in the server's order."""
        ...

    def find_series(self, study_uid: str, progress: Progress) -> list[SeriesEntry]:
        """The series of a study."""
        ...

    def find_instances(
        self, study_uid: str, series_uid: str, progress: Progress
    ) -> list[InstanceEntry]:
        """The instances of a series."""
        ...

    def has_instance(self, study_uid: str, series_uid: str, uid: str) -> bool:
        """Whether the node has this instance."""
        ...

    def fetch(self, instances: Sequence[InstanceEntry], sink: Sink) -> None:
        """Fetch instances of one series, in this order as far as the way allows."""
        ...

    def send(self, files: Sequence[Path], told: Callable[[int, Outcome], None]) -> None:
        """Send DICOM files; ``told`` gets the number and the outcome of each as soon as it is known."""
        ...

    def commit(self, classes: Mapping[str, str]) -> set[str]:
        """Ask the node to commit to instances (SOP class by UID); returns the UIDs to which it does."""
        ...

    def thumbnail(self, instance: InstanceEntry) -> np.ndarray | None:
        """A small picture that the server renders, uint8 RGB ``[row, column, 3]``; None where it does not."""
        ...
