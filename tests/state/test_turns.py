"""What is asked for in turns is done in order, once each, with the event loop in between."""

from __future__ import annotations

from PySide6.QtCore import QTimer

from fusion3d_gui.state.display.paint_queue import Turns


def test_each_waits_for_its_own_turn_of_the_event_loop(qtbot):
    turns, done, beats = Turns(), [], []
    timer = QTimer()
    timer.timeout.connect(lambda: beats.append(len(done)))
    timer.start(0)
    for name in "abc":
        turns.ask(name, lambda name=name: done.append(name))
    assert turns.is_waiting("b")
    qtbot.waitUntil(lambda: not turns.is_busy)
    qtbot.waitUntil(lambda: 3 in beats)
    assert done == ["a", "b", "c"]
    assert {1, 2} <= set(beats)  # the loop turned between them


def test_who_waits_already_is_done_once_with_what_it_asked_last(qtbot):
    turns, done = Turns(), []
    for word in ("first", "last"):
        turns.ask("view", lambda word=word: done.append(word))
    qtbot.waitUntil(lambda: not turns.is_busy)
    qtbot.wait(5)
    assert done == ["last"]


def test_what_fails_keeps_nobody_else_from_its_turn(qtbot):
    turns, done = Turns(), []
    turns.ask("bad", lambda: 1 / 0)
    turns.ask("good", lambda: done.append("good"))
    with qtbot.captureExceptions() as raised:
        qtbot.waitUntil(lambda: bool(done))
    assert [kind for kind, *_ in raised] == [ZeroDivisionError]
