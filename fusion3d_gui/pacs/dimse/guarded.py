"""Mends two faults of pynetdicom's threads: ``guard`` and ``leave_answers_to_their_caller``.

``guard``: what a stranger's bytes provoke in pynetdicom's threads ends that one association, at once. pynetdicom 3.0
has two threads for each. Where one ends by an exception (a command without a field that it must have, a
unit out of order, an abort before any request), the other goes on for ever; where a connection is closed before
anything was asked, both wait for the whole time-out. Either way the association still counts.

``leave_answers_to_their_caller``: while a request waits for its answer, the association's own thread is meant to be
paused. It counts as paused from before it looks whether it should pause until it has run again, so that on a busy
machine it takes the answer out of the queue, throws it away ("unexpected message"), and the request waits until its
time-out.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Callable
from typing import Any

from pynetdicom.association import Association

log = logging.getLogger(__name__)


def guard(line: Association) -> None:
    """Guard an association that was called, before it starts."""
    machine = line.dul.state_machine
    act: Callable[[str], None] = machine.do_action
    run: Callable[[], None] = line.run

    def guarded_act(event: str) -> None:
        try:
            act(event)
        except Exception as error:  # noqa: BLE001 - whatever a stranger's bytes provoke
            log.info("association ended: %s", type(error).__name__)
            _end(line)
        if line.requestor.primitive is None and (
            line.dul._kill_thread or machine.current_state == "Sta1"
        ):
            _wake(line)

    def guarded_run() -> None:
        try:
            run()
        except Exception as error:  # noqa: BLE001 - as above
            log.info("association ended: %s", type(error).__name__)
            _end(line)

    machine.do_action = guarded_act
    line.run = guarded_run


def leave_answers_to_their_caller(line: Association) -> None:
    """Let the association's own thread take no message while a request waits for its answer; before it starts.

    A request clears ``_reactor_checkpoint`` before it looks whether the thread is paused, and the thread says that it
    is not before it takes a message: one of the two sees the other.
    """
    take = line.dimse.get_msg

    def guarded_take(block: bool = False) -> Any:
        if not block and not line._reactor_checkpoint.is_set():
            return None, None
        return take(block)

    line.dimse.get_msg = guarded_take


def _end(line: Association) -> None:
    """End both threads, and the connection."""
    line.is_established, line.is_aborted = False, True
    line._kill = line.dul._kill_thread = True
    wrapped: Any = line.dul.socket
    plain = None if wrapped is None else wrapped.socket
    if plain is not None:
        with contextlib.suppress(OSError):
            plain.shutdown(socket.SHUT_RDWR)
        plain.close()


def _wake(line: Association) -> None:
    """Have the thread that waits for a request find that none will come."""
    line.dul.to_user_queue.put(None)
