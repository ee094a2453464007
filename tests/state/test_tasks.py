"""The runner of long work: newest wins, cancelled is silent, outcomes arrive on the GUI thread."""

from __future__ import annotations

import random
import threading

import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.state.tasks import TaskLane


@pytest.fixture
def lane(qapp):
    made = TaskLane("test")
    yield made
    assert made.close()


def record(task, into: list) -> None:
    task.succeeded.connect(lambda value: into.append(("succeeded", value)))
    task.failed.connect(lambda error: into.append(("failed", error)))
    task.cancelled.connect(lambda: into.append(("cancelled", None)))


def test_work_runs_on_another_thread_and_its_outcome_arrives_on_this_one(lane, qtbot):
    threads = {}

    def work(progress):
        threads["work"] = threading.current_thread()
        return 42

    outcomes = []
    task = lane.submit("Working", work)
    record(task, outcomes)
    task.succeeded.connect(lambda _: threads.update(outcome=threading.current_thread()))
    assert lane.running
    assert lane.label == "Working"
    qtbot.waitUntil(lambda: bool(outcomes))
    assert outcomes == [("succeeded", 42)]
    assert threads["work"] is not threading.main_thread()
    assert threads["outcome"] is threading.main_thread()
    assert not lane.running


def test_a_users_mistake_arrives_as_it_was_raised(lane, qtbot, caplog):
    outcomes = []

    def work(progress):
        raise UserError("is no scan", path="x.txt")

    record(lane.submit("Opening", work), outcomes)
    qtbot.waitUntil(lambda: bool(outcomes))
    assert str(outcomes[0][1]) == "x.txt: is no scan."
    assert not caplog.records


def test_a_programmers_mistake_is_logged_with_its_traceback_and_the_lane_lives_on(
    lane, qtbot, caplog
):
    outcomes = []
    record(lane.submit("Dividing", lambda progress: 1 / 0), outcomes)
    qtbot.waitUntil(lambda: bool(outcomes))
    assert isinstance(outcomes[0][1], ZeroDivisionError)
    assert "Traceback" in caplog.text
    record(lane.submit("Again", lambda progress: "fine"), outcomes)
    qtbot.waitUntil(lambda: len(outcomes) == 2)
    assert outcomes[1] == ("succeeded", "fine")


def test_the_newest_request_wins_however_late_the_older_one_ends(lane, qtbot):
    release, outcomes = threading.Event(), []

    def stubborn(progress):
        release.wait(10)
        return "old"

    record(lane.submit("Old", stubborn), outcomes)
    record(lane.submit("New", lambda progress: "new"), outcomes)
    assert outcomes == [("cancelled", None)]
    release.set()
    qtbot.waitUntil(lambda: len(outcomes) == 2)
    qtbot.wait(50)
    assert outcomes == [("cancelled", None), ("succeeded", "new")]


def test_an_outcome_already_on_its_way_is_dropped_when_the_task_is_cancelled(lane, qtbot):
    done, outcomes = threading.Event(), []

    def quick(progress):
        done.set()
        return "too late"

    record(lane.submit("Quick", quick), outcomes)
    done.wait(10)
    # The event loop has not run since: whatever the thread posted is still in the queue.
    lane.cancel()
    qtbot.wait(100)
    assert outcomes == [("cancelled", None)]


def test_progress_is_shown_and_raises_cancelled_after_a_cancel(lane, qtbot):
    stopped = threading.Event()

    def work(progress):
        try:
            while True:
                progress(0.5, "Half way")
                threading.Event().wait(0.002)
        finally:
            stopped.set()

    lane.submit("Working", work)
    qtbot.waitUntil(lambda: lane.fraction == 0.5)
    assert lane.message == "Half way"
    lane.cancel()
    assert not lane.running
    assert stopped.wait(10)


def test_progress_never_floods_the_event_loop(lane, qtbot):
    changes = []
    lane.changed.connect(lambda: changes.append(lane.fraction))

    def work(progress):
        for step in range(200_000):
            progress(step / 200_000, "Step")

    outcomes = []
    record(lane.submit("Working", work), outcomes)
    qtbot.waitUntil(lambda: bool(outcomes), timeout=30_000)
    assert len(changes) < 2000


def test_closing_ends_the_thread_and_nothing_is_reported_afterwards(qapp, qtbot):
    lane, outcomes = TaskLane("closing"), []
    started = threading.Event()

    def work(progress):
        started.set()
        while True:
            progress(0.0, "")
            threading.Event().wait(0.002)

    record(lane.submit("Forever", work), outcomes)
    started.wait(10)
    assert lane.close()
    qtbot.wait(50)
    assert outcomes == [("cancelled", None)]


@pytest.mark.parametrize("seed", range(5))
def test_of_any_run_of_submits_and_cancels_each_task_ends_once_and_only_the_last_succeeds(
    lane, qtbot, seed
):
    chance = random.Random(seed)
    outcomes: dict[int, list] = {}
    last = None
    for number in range(40):
        if chance.random() < 0.25:
            lane.cancel()
            last = None
        else:
            pause = chance.random() * 0.01

            def work(progress, number=number, pause=pause):
                for step in range(4):
                    threading.Event().wait(pause / 4)
                    progress(step / 4, "")
                return number

            outcomes[number] = []
            record(lane.submit(f"{number}", work), outcomes[number])
            last = number
        if chance.random() < 0.4:
            qtbot.wait(chance.randint(0, 12))
            if last is not None and outcomes[last]:
                last = None  # it had time to end
    qtbot.waitUntil(lambda: not lane.running)
    assert all(len(ends) == 1 for ends in outcomes.values())
    for number, ((kind, value),) in outcomes.items():
        assert kind != "failed"
        if kind == "succeeded":
            assert value == number
        if number == last:
            assert kind == "succeeded"


def test_what_is_asked_of_a_closed_lane_is_cancelled_and_never_done(qapp, qtbot):
    lane, outcomes, done = TaskLane("test"), [], []
    assert lane.close()
    record(lane.submit("Late", lambda progress: done.append(1)), outcomes)
    assert not lane.running
    qtbot.waitUntil(lambda: bool(outcomes))
    assert outcomes == [("cancelled", None)]
    assert not done


def test_beginning_and_end_are_told_apart_from_progress(lane, qtbot):
    seen, switched = [], []
    lane.changed.connect(lambda: seen.append(lane.fraction))
    lane.switched.connect(lambda: switched.append(lane.running))

    def work(progress):
        for step in (0.2, 0.4, 0.6):
            progress(step, "on the way")
            threading.Event().wait(0.05)  # reports come at most every 40 ms

    lane.submit("Working", work)
    qtbot.waitUntil(lambda: not lane.running)
    assert switched == [True, False]
    assert seen[:4] == [0.0, 0.2, 0.4, 0.6]
    lane.submit("Working", lambda progress: threading.Event().wait(0.2))
    lane.cancel()
    assert switched == [True, False, True, False]
