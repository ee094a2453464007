"""Fetch whole series from a node into a folder: resumed after a broken line, never mixed, never twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.fetch.arriving import ArrivingSeries
from fusion3d_gui.pacs.peer import Peer, Unreachable
from fusion3d_gui.pacs.query import InstanceEntry, is_uid, middle_first, sorted_instances
from fusion3d_gui.progress import Progress, no_progress

#: Attempts in a row that bring nothing, before giving up; and the pause before each further one.
_ATTEMPTS = 4
_PAUSES_S = (0.5, 2.0, 5.0)
#: Series that are fetched at once.
_AT_ONCE = 2


@dataclass(frozen=True)
class FetchedSeries:
    """A series that has arrived: its files in the order of the slices, and how many of them came just now."""

    study_uid: str
    uid: str
    paths: tuple[Path, ...]
    new_count: int


def series_folder(root: Path, study_uid: str, series_uid: str) -> Path:
    """Where a series goes below a folder. Raises ValueError where a UID is none."""
    if not (is_uid(study_uid) and is_uid(series_uid)):
        raise ValueError("no UID")
    return root / study_uid / series_uid


def retrieve_series(
    peer: Peer,
    node_name: str,
    study_uid: str,
    series_uid: str,
    root: Path,
    progress: Progress = no_progress,
    *,
    listed: Callable[[list[InstanceEntry]], None] = lambda instances: None,
    arrived: Callable[[Path], None] = lambda path: None,
) -> FetchedSeries:
    """Fetch one series; what is below ``root`` already is not fetched again.

    Parameters
    ----------
    peer, node_name
        Who has it, and its name for messages.
    study_uid, series_uid
        Which series.
    root
        Below it the files go, ``STUDY/SERIES/INSTANCE.dcm``.
    progress
        Told counts and speed; its ``Cancelled`` passes through, and what has arrived stays.
    listed
        Called with the instances in the order of the series, before the first arrives.
    arrived
        Called with each file as it is there, the middle slice first, on any thread.

    Raises
    ------
    Unreachable
        The line breaks again and again. What has arrived stays.
    UserError
        There is no such series, it is not what it claims to be, or it can't be written.
    """
    progress(0.0, "Asking for the images")
    instances = sorted_instances(peer.find_instances(study_uid, series_uid, progress))
    if not instances:
        raise UserError(f"{node_name}: it has no images of this series")
    listed(instances)
    folder = series_folder(root, study_uid, series_uid)
    series = ArrivingSeries(folder, instances, node_name, progress, arrived)
    tries = 0
    while series.missing:
        before = series.new_count
        missing = {each.uid for each in series.missing}
        wanted = [each for each in middle_first(instances) if each.uid in missing]
        failure: Unreachable | None = None
        try:
            peer.fetch(wanted, series)
        except Unreachable as error:
            failure = error
        tries = 0 if series.new_count > before else tries + 1
        if series.missing and tries == _ATTEMPTS:
            raise _given_up(node_name, series, len(instances), failure)
        if series.missing and tries:
            _pause(_PAUSES_S[min(tries, len(_PAUSES_S)) - 1], series)
    progress(1.0, f"{len(instances):,} images")
    return FetchedSeries(study_uid, series_uid, tuple(series.paths), series.new_count)


def retrieve_several(
    peer: Peer,
    node_name: str,
    wanted: Sequence[tuple[str, str]],
    root: Path,
    progress: Progress = no_progress,
) -> list[FetchedSeries]:
    """Fetch several series, ``(study UID, series UID)`` each, two at a time; otherwise as :func:`retrieve_series`."""
    done = [0.0] * len(wanted)

    def fetch(number: int) -> FetchedSeries:
        def report(fraction: float, message: str) -> None:
            done[number] = fraction
            prefix = f"Series {number + 1} of {len(wanted)}: " if len(wanted) > 1 else ""
            progress(sum(done) / len(done), prefix + message)

        study, series = wanted[number]
        return retrieve_series(peer, node_name, study, series, root, report)

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        waiting = [threads.submit(fetch, number) for number in range(len(wanted))]
        try:
            return [each.result() for each in waiting]
        finally:
            for each in waiting:
                each.cancel()


def _given_up(
    node_name: str, series: ArrivingSeries, total: int, failure: Unreachable | None
) -> UserError:
    there = total - len(series.missing)
    if failure is None:
        return UserError(f"{node_name}: it sends only {there:,} of {total:,} images")
    if not there:
        return failure
    return Unreachable(
        f"{failure.problem}; {there:,} of {total:,} images are here",
        remedy="Fetch again later: what is here is not fetched twice.",
    )


def _pause(seconds: float, series: ArrivingSeries) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        series.check_cancelled()
        time.sleep(0.05)
