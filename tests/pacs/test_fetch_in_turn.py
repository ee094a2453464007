"""A series is fetched from a peer that answers as it is told: order, attempts, pauses, counts and messages."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.pacs.fetch import arriving as arriving_module
from fusion3d_gui.pacs.fetch import retrieve as retrieve_module
from fusion3d_gui.pacs.fetch.arriving import ArrivingSeries
from fusion3d_gui.pacs.fetch.retrieve import (
    FetchedSeries,
    retrieve_series,
    retrieve_several,
    series_folder,
)
from fusion3d_gui.pacs.peer import Unreachable
from fusion3d_gui.pacs.query import InstanceEntry
from fusion3d_gui.progress import no_progress
from tests.pacs.small_objects import CT, SERIES, STUDY, small_object, small_objects


class FetchingPeer:
    """Offers files, and sends of what is asked for so many as each step says; an exception follows them.

    Without steps left it sends all.
    """

    def __init__(self, files: list[Path], steps=()) -> None:
        self.files = {f"{SERIES}.{n}": file for n, file in enumerate(files, start=1)}
        self.steps = list(steps)
        self.asked: list[list[str]] = []

    def find_instances(self, study_uid, series_uid, progress):
        found = [
            InstanceEntry(study_uid, series_uid, uid, CT, int(uid.rpartition(".")[2]))
            for uid in self.files
        ]
        return found[::-1]

    def fetch(self, instances, sink):
        self.asked.append([each.uid.rpartition(".")[2] for each in instances])
        count, failure = self.steps.pop(0) if self.steps else (len(instances), None)
        for each in instances[:count]:
            sink.receive([self.files[each.uid].read_bytes()])
        if failure is not None:
            raise failure


@pytest.fixture
def files(tmp_path) -> list[Path]:
    return small_objects(tmp_path / "server", 5)


@pytest.fixture
def pauses(monkeypatch) -> list[float]:
    """Seconds that were slept; nobody waits for them."""
    slept: list[float] = []
    began = [0.0]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        began[0] += seconds

    monkeypatch.setattr(retrieve_module.time, "sleep", sleep)
    monkeypatch.setattr(retrieve_module.time, "monotonic", lambda: began[0])
    return slept


def fetch(peer, root, progress=no_progress, **named) -> FetchedSeries:
    return retrieve_series(peer, "PACS", STUDY, SERIES, root, progress, **named)


def test_a_series_comes_middle_first_and_is_named_in_its_order(files, tmp_path):
    peer = FetchingPeer(files)
    listed, arrived, told = [], [], []
    fetched = fetch(
        peer,
        tmp_path / "in",
        lambda done, said: told.append((done, said)),
        listed=listed.append,
        arrived=arrived.append,
    )
    folder = tmp_path / "in" / STUDY / SERIES
    paths = tuple(folder / f"{SERIES}.{n}.dcm" for n in range(1, 6))
    assert fetched == FetchedSeries(STUDY, SERIES, paths, 5)
    assert peer.asked == [["3", "1", "5", "2", "4"]]
    assert [[each.number for each in one] for one in listed] == [[1, 2, 3, 4, 5]]
    assert arrived == [paths[n - 1] for n in (3, 1, 5, 2, 4)]
    assert [path.read_bytes() for path in paths] == [file.read_bytes() for file in files]
    assert told[0] == (0.0, "Asking for the images") and told[1] == (0.0, "0 of 5 images")
    assert [done for done, _ in told[1:-1]] == [0.0, 0.2, 0.4, 0.6, 0.8]
    assert told[2][1].startswith("1 of 5 images, ") and told[2][1].endswith(" MB/s")
    assert told[-1] == (1.0, "5 images")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_what_is_there_is_told_of_and_not_asked_for(files, tmp_path):
    fetched = fetch(FetchingPeer(files), tmp_path / "in")
    fetched.paths[1].unlink()
    fetched.paths[4].unlink()
    arrived: list[Path] = []
    peer = FetchingPeer(files)
    again = fetch(peer, tmp_path / "in", arrived=arrived.append)
    assert (again.paths, again.new_count) == (fetched.paths, 2)
    assert peer.asked == [["5", "2"]]
    assert arrived == [fetched.paths[n] for n in (0, 2, 3, 4, 1)]
    # All are there: nothing is asked for.
    peer = FetchingPeer(files)
    assert fetch(peer, tmp_path / "in").new_count == 0 and peer.asked == []


def test_a_series_without_images_or_with_a_uid_that_is_none_is_refused(tmp_path):
    with pytest.raises(UserError) as error:
        fetch(FetchingPeer([]), tmp_path)
    assert error.value.problem == "PACS: it has no images of this series"
    assert series_folder(tmp_path, "1.2", "1.3") == tmp_path / "1.2" / "1.3"
    for uids in (("1.2", "../x"), ("..", "1.2"), ("", "")):
        with pytest.raises(ValueError, match="no UID"):
            series_folder(tmp_path, *uids)


def test_a_broken_line_is_taken_up_again_and_after_attempts_in_vain_there_are_pauses(
    files, tmp_path, pauses
):
    broken = Unreachable("PACS: the line broke")
    steps = [(1, broken), (0, broken), (0, None), (2, broken), (0, broken), (0, broken)]
    peer = FetchingPeer(files, steps)
    assert fetch(peer, tmp_path / "in").new_count == 5
    assert [len(each) for each in peer.asked] == [5, 4, 4, 4, 2, 2, 2]
    # Half a second, then two; none after an attempt that brought something.
    assert pauses == [0.05] * len(pauses)
    assert len(pauses) * 0.05 == pytest.approx(2 * (0.5 + 2.0), abs=0.21)


@pytest.mark.parametrize(
    ("first", "failure", "kind", "problem"),
    [
        (0, None, UserError, "PACS: it sends only 0 of 5 images"),
        (2, None, UserError, "PACS: it sends only 2 of 5 images"),
        (0, Unreachable("PACS: no line"), Unreachable, "PACS: no line"),
        (2, Unreachable("PACS: no line"), Unreachable, "PACS: no line; 2 of 5 images are here"),
    ],
)
def test_after_four_attempts_in_vain_it_is_given_up(
    files, tmp_path, pauses, first, failure, kind, problem
):
    steps = ([(first, failure)] if first else []) + [(0, failure)] * 9
    peer = FetchingPeer(files, steps)
    with pytest.raises(UserError) as error:
        fetch(peer, tmp_path / "in")
    assert type(error.value) is kind and error.value.problem == problem
    resumed = bool(first and failure)
    assert error.value.remedy == (
        "Fetch again later: what is here is not fetched twice." if resumed else ""
    )
    assert len(peer.asked) == (5 if first else 4)
    assert len(pauses) * 0.05 == pytest.approx(0.5 + 2.0 + 5.0, abs=0.31)
    assert len(list((tmp_path / "in").rglob("*.dcm"))) == first


def test_a_pause_ends_where_the_user_cancels(files, tmp_path, pauses):
    def progress(done: float, said: str) -> None:
        if len(pauses) >= 3:
            raise Cancelled

    peer = FetchingPeer(files, [(0, None)] * 9)
    with pytest.raises(Cancelled):
        fetch(peer, tmp_path / "in", progress)
    assert len(pauses) == 3 and len(peer.asked) == 1


def test_several_series_share_one_progress(files, tmp_path):
    told: list[tuple[float, str]] = []

    class Two(FetchingPeer):
        """Both series hold the same instances but for the UIDs of their files."""

        def fetch(self, instances, sink):
            for each in instances:
                path = tmp_path / f"{each.series_uid}.dcm"
                small_object(path, each.uid, SeriesInstanceUID=each.series_uid)
                sink.receive([path.read_bytes()])

    wanted = [(STUDY, SERIES), (STUDY, "1.2.3.5")]
    fetched = retrieve_several(
        Two(files[:2]), "PACS", wanted, tmp_path / "in", lambda *each: told.append(each)
    )
    assert [(each.study_uid, each.uid, each.new_count) for each in fetched] == [
        (*each, 2) for each in wanted
    ]
    assert told[-1][0] == 1.0
    assert {said[:15] for _, said in told} == {"Series 1 of 2: ", "Series 2 of 2: "}
    assert sum(said.endswith(": 2 images") for _, said in told) == 2
    assert min(done for done, _ in told) == 0.0 and {0.5} <= {round(d, 2) for d, _ in told}
    told.clear()
    retrieve_several(
        FetchingPeer(files), "PACS", wanted[:1], tmp_path / "one", lambda *each: told.append(each)
    )
    assert told[0] == (0.0, "Asking for the images") and told[-1] == (1.0, "5 images")


# -- what arrives ---------------------------------------------------------------------------------


def entries(count: int) -> list[InstanceEntry]:
    return [InstanceEntry(STUDY, SERIES, f"{SERIES}.{n}") for n in range(1, count + 1)]


def test_what_is_missing_and_what_is_there_is_in_the_order_of_the_series(files, tmp_path):
    arrived: list[Path] = []
    series = ArrivingSeries(tmp_path / "in", entries(3), "PACS", no_progress, arrived.append)
    assert series.largest_bytes == 2 * 1024**3
    assert series.missing == entries(3) and series.paths == []
    for number in (2, 0, 2):  # one of them twice
        series.receive([files[number].read_bytes()])
    assert series.missing == entries(3)[1:2] and series.new_count == 2
    assert series.paths == [series.path_of(f"{SERIES}.{n}") for n in (1, 3)]
    assert arrived == [series.path_of(f"{SERIES}.{n}") for n in (3, 1)]
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == [
        f"{SERIES}.1.dcm",
        f"{SERIES}.3.dcm",
    ]


def test_the_speed_is_told_in_megabytes_a_second(files, tmp_path, monkeypatch):
    seconds = [100.0]
    monkeypatch.setattr(arriving_module.time, "monotonic", lambda: seconds[0])
    told: list[tuple[float, str]] = []
    series = ArrivingSeries(
        tmp_path / "in", entries(4), "PACS", lambda *each: told.append(each), lambda path: None
    )
    content = small_object(tmp_path / "a.dcm", f"{SERIES}.1", ImageComments="x" * 9000)
    series.receive([content.read_bytes()])
    series.check_cancelled()  # no time has passed
    seconds[0] += content.stat().st_size / 12e6
    series.check_cancelled()
    assert told == [
        *((0.0, "0 of 4 images"), (0.25, "1 of 4 images")),
        (0.25, "1 of 4 images, 12 MB/s"),
    ]


def test_an_instance_up_to_the_bound_is_taken(files, tmp_path):
    content = files[0].read_bytes()
    series = ArrivingSeries(tmp_path / "in", entries(1), "PACS", no_progress, lambda path: None)
    series.largest_bytes = len(content) - 1
    with pytest.raises(UserError, match="PACS: an image is larger than"):
        series.receive([content[:60], content[60:]])
    series.largest_bytes = len(content)
    series.receive([content[:60], content[60:]])
    assert series.paths[0].read_bytes() == content


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"StudyInstanceUID": "1.2.9"}, "it sends images of another study"),
        ({"SeriesInstanceUID": "1.2.9"}, "it sends images that were not asked for"),
        ({"uid": "1.2.9"}, "it sends images that were not asked for"),
    ],
)
def test_what_does_not_belong_here_is_refused(tmp_path, changes, problem):
    uid = changes.get("uid", f"{SERIES}.1")
    given = {keyword: value for keyword, value in changes.items() if keyword != "uid"}
    stranger = small_object(tmp_path / "a.dcm", uid, **given)
    series = ArrivingSeries(tmp_path / "in", entries(2), "PACS", no_progress, lambda path: None)
    with pytest.raises(UserError) as error:
        series.receive([stranger.read_bytes()])
    assert error.value.problem == f"PACS: {problem}; nothing of them is kept"
    assert list((tmp_path / "in").iterdir()) == [] and len(series.missing) == 2


def test_another_patient_leaves_nothing(files, tmp_path):
    series = ArrivingSeries(tmp_path / "in", entries(3), "PACS", no_progress, lambda path: None)
    for file in files[:2]:
        series.receive([file.read_bytes()])
    other = small_object(tmp_path / "a.dcm", f"{SERIES}.3", PatientID="P-2")
    with pytest.raises(UserError) as error:
        series.receive([other.read_bytes()])
    assert error.value.problem == (
        "PACS: the patient changes within the series; nothing of it is kept"
    )
    assert error.value.remedy == "Tell the administrator of the PACS."
    assert len(series.missing) == 3 and list((tmp_path / "in").iterdir()) == []


@pytest.mark.parametrize(
    ("number", "problem"),
    [
        (errno.ENOSPC, "the disk is full; 1 of 3 images are here"),
        (errno.EDQUOT, "the disk is full; 1 of 3 images are here"),
        (errno.EIO, f"can't be written to ({os.strerror(errno.EIO)})"),
    ],
)
def test_a_failure_of_the_disk_is_one_sentence(files, tmp_path, monkeypatch, number, problem):
    series = ArrivingSeries(tmp_path / "in", entries(3), "PACS", no_progress, lambda path: None)
    series.receive([files[0].read_bytes()])

    def replace(path: Path, target: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(UserError) as error:
        series.receive([files[1].read_bytes()])
    assert error.value.problem == problem
    full = number != errno.EIO
    assert error.value.path == (None if full else tmp_path / "in")
    assert error.value.remedy == (
        "Make room and fetch again: what is here is not fetched twice." if full else ""
    )
    assert len(list((tmp_path / "in").iterdir())) == 1


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError) as error:
        ArrivingSeries(tmp_path / "file" / "in", entries(1), "PACS", no_progress, print)
    assert error.value.problem == f"can't be made ({os.strerror(errno.ENOTDIR)})"
    assert error.value.path == tmp_path / "file" / "in"
