"""The protocol of a reader study: cases, arms, readers, rating scale, seed and wash-out.

The truth is not in it: a reading station needs no file that tells it.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from fusion3d_gui.declared_types import build_types
from fusion3d_gui.errors import UserError
from fusion3d_gui.input_file import read_bounded

Arm = Literal["unaided", "number", "map"]

#: How an arm is named to the reader.
ARM_TITLES: dict[str, str] = {
    "unaided": "Without the model",
    "number": "With the model's probability",
    "map": "With the model's probability and map",
}

_LARGEST_BYTES = 10_000_000
_Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
_Label = Annotated[str, Meta(min_length=1, max_length=60)]


class StudyCase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A case: its number in the study, its scan (relative to the protocol), and the form's values."""

    id: _Id
    path: Annotated[str, Meta(min_length=1)]
    series: str | None = None
    metadata: dict[str, bool | float | str] = {}


class Scale(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rating scale: labels from surely negative to surely positive; from ``positive_from`` (1 is the first) on a
    rating calls the case positive."""

    labels: Annotated[list[_Label], Meta(min_length=2, max_length=9)]
    positive_from: Annotated[int, Meta(ge=2, le=9)]


class Protocol(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A protocol as its file declares it."""

    format: Literal["fusion3d reader study"]
    version: Literal[1]
    question: Annotated[str, Meta(min_length=1, max_length=200)]
    seed: int
    washout_days: Annotated[int, Meta(ge=0, le=3650)]
    arms: Annotated[list[Arm], Meta(min_length=1, max_length=3)]
    readers: Annotated[list[_Id], Meta(min_length=1, max_length=100)]
    rating: Scale
    cases: Annotated[list[StudyCase], Meta(min_length=1, max_length=5000)]
    confidence: Annotated[list[_Label], Meta(min_length=2, max_length=5)] = msgspec.field(
        default_factory=lambda: ["low", "medium", "high"]
    )
    model: str | None = None


build_types(Protocol)


@dataclass(frozen=True)
class ProtocolFile:
    """A protocol, the file that it was read from, and the SHA-256 of that."""

    path: Path
    protocol: Protocol
    sha256: str

    @property
    def model_dir(self) -> Path | None:
        """Folder of the model bundle; None for a study without it."""
        model = self.protocol.model
        return None if model is None else self.path.parent / model

    @property
    def reads_folder(self) -> Path:
        """Where the logs of reads lie: beside the protocol."""
        return self.path.with_name(f"{self.path.stem}.reads")

    def scan_of(self, case: StudyCase) -> Path:
        """Path of a case's scan."""
        return self.path.parent / case.path


@dataclass(frozen=True)
class PlannedRead:
    """One read of a reader's order: ``number`` counts from 1; in each ``period`` every case comes once."""

    number: int
    period: int
    case: StudyCase
    arm: Arm


def read_protocol(path: Path) -> ProtocolFile:
    """Read and check a protocol.

    Raises
    ------
    UserError
        The file can't be read, is no protocol, names something twice, or lacks the model that an arm needs.
    """
    try:
        content = read_bounded(path, _LARGEST_BYTES)
    except OSError as error:
        raise UserError(f"can't be read ({error.strerror})", path=path) from None
    except ValueError:
        raise UserError("is too large to be a protocol", path=path) from None
    try:
        protocol = msgspec.json.decode(content, type=Protocol)
    except msgspec.DecodeError as error:  # also of a wrong type
        raise UserError(f"is no protocol of a reader study: {error}", path=path) from None
    ids = [case.id for case in protocol.cases]
    arms: list[str] = list(protocol.arms)
    for what, names in (("case", ids), ("reader", protocol.readers), ("arm", arms)):
        name, times = Counter(names).most_common(1)[0]
        if times > 1:
            raise UserError(f"the {what} {name!r} is named twice", path=path)
    if protocol.rating.positive_from > len(protocol.rating.labels):
        raise UserError("rating.positive_from is beyond the last label", path=path)
    if protocol.model is None and set(protocol.arms) != {"unaided"}:
        raise UserError(
            "an arm shows the model, and no model is named",
            path=path,
            remedy='Name its folder as "model".',
        )
    return ProtocolFile(path, protocol, hashlib.sha256(content).hexdigest())


def reading_order(protocol: Protocol, reader: str) -> tuple[PlannedRead, ...]:
    """All reads of a reader, in order.

    Each period shows every case once, in an order of its own. The cases are dealt at random into as many blocks as
    there are arms; a block is shown in another arm in each period, so that every arm comes first for a share of
    the cases. The same seed and reader give the same order.
    """
    # A text as seed is hashed by SHA-512: the same numbers on every machine.
    chance = random.Random(f"{protocol.seed}/{reader}")
    dealt = list(protocol.cases)
    chance.shuffle(dealt)
    arms = list(protocol.arms)
    chance.shuffle(arms)
    reads: list[PlannedRead] = []
    for period in range(len(arms)):
        shown = [(case, arms[(n + period) % len(arms)]) for n, case in enumerate(dealt)]
        chance.shuffle(shown)
        first = len(reads) + 1
        reads += [
            PlannedRead(first + n, period + 1, case, arm) for n, (case, arm) in enumerate(shown)
        ]
    return tuple(reads)
