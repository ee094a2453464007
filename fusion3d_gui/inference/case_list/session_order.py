"""``in_session_order``: images of a BIDS data set, each participant's by when the sessions were."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from fusion3d_gui.imaging.files.bids_name import BidsName

_Image = TypeVar("_Image")


def in_session_order(
    images: Sequence[_Image],
    name_of: Callable[[_Image], BidsName],
    times_of: Callable[[str, Iterable[str]], Mapping[str, datetime]],
) -> list[_Image]:
    """Images with the sessions of each participant in order; otherwise in the order given.

    By time where every session of the participant has one; else by label in natural order (``2`` before ``10``),
    since an order by some times and some labels would be neither. Images without a session come first.

    Parameters
    ----------
    times_of
        When the sessions of a participant were, by session; asked only where there are several.
    """
    of_participant: dict[str, list[_Image]] = {}
    for image in images:
        of_participant.setdefault(name_of(image).participant, []).append(image)
    ordered: list[_Image] = []
    for who, own in of_participant.items():
        sessions = sorted({name_of(image).session for image in own} - {""}, key=_natural)
        if len(sessions) > 1:
            times = times_of(who, sessions)
            if all(session in times for session in sessions):
                sessions.sort(key=times.__getitem__)
        rank = {session: number for number, session in enumerate(("", *sessions))}
        ordered += sorted(own, key=lambda image: rank[name_of(image).session])
    return ordered


def acquisition_time(text: str) -> datetime | None:
    """BIDS's ``acq_time`` (ISO 8601), UTC where it names a time zone; None where it is unknown or no time."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)


def _natural(text: str) -> str:
    return re.sub(r"\d+", lambda digits: digits[0].zfill(20), text)
