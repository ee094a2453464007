"""Queued paint jobs run in order, once each, with the event loop in between."""

from __future__ import annotations

from PySide6.QtCore import QTimer

from fusion3d_gui.state.display.paint_queue import PaintQueue


def test_each_job_has_its_own_iteration_of_the_event_loop(qtbot):
    queue, done, beats = PaintQueue(), [], []
    timer = QTimer()
    timer.timeout.connect(lambda: beats.append(len(done)))
    timer.start(0)
    for name in "abc":
        queue.add(name, lambda name=name: done.append(name))
    assert queue.is_waiting("b")
    qtbot.waitUntil(lambda: not queue.is_busy)
    qtbot.waitUntil(lambda: 3 in beats)
    assert done == ["a", "b", "c"]
    assert {1, 2} <= set(beats)  # the loop turned between them


def test_of_two_jobs_with_one_key_only_the_last_is_run(qtbot):
    queue, done = PaintQueue(), []
    for word in ("first", "last"):
        queue.add("view", lambda word=word: done.append(word))
    qtbot.waitUntil(lambda: not queue.is_busy)
    qtbot.wait(5)
    assert done == ["last"]


def test_a_job_that_fails_does_not_stop_the_others(qtbot):
    queue, done = PaintQueue(), []
    queue.add("bad", lambda: 1 / 0)
    queue.add("good", lambda: done.append("good"))
    with qtbot.captureExceptions() as raised:
        qtbot.waitUntil(lambda: bool(done))
    assert [kind for kind, *_ in raised] == [ZeroDivisionError]
