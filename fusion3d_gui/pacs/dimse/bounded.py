"""Bounds on what a peer may send over an association: size of a unit and of a message, time for a unit.

pynetdicom reads a unit of whatever length its header claims, up to 4 GB, without a time limit, in pieces of 4 kB,
and collects any number of them in memory.
"""

from __future__ import annotations

import socket
import threading
import time
from typing import Any, cast

from pynetdicom import evt

from fusion3d_gui.pacs.dimse.guarded import guard, leave_answers_to_their_caller

#: Largest unit (PDU) that is read; this program asks for smaller ones, and dcmtk sends at most 128 KiB.
LARGEST_UNIT = 1 << 20
#: The size of units that this program asks for.
UNIT_BYTES = 1 << 18
_PIECE = 1 << 18
#: Messages of a peer that may wait for their answers.
_MOST_UNANSWERED = 2

#: Held by whoever listens on this program's own port: two services could not.
LISTENING = threading.Lock()


class MessageBound:
    """Bounds one association; give :attr:`handlers` to it.

    ``one_at_a_time``: the peer must await each answer, as it must where nothing else was agreed on (PS3.7 D.3.3.3);
    pynetdicom would collect all that it sends.
    """

    def __init__(self, largest_message: int, wait_s: float, *, one_at_a_time: bool = False) -> None:
        self.largest_message = largest_message
        self._one_at_a_time = one_at_a_time
        #: Whether the peer was cut off because it went beyond a bound.
        self.exceeded = False
        self._wait_s = wait_s
        self._unfinished = 0

    @property
    def handlers(self) -> list[tuple[Any, Any]]:
        """For ``evt_handlers`` of ``associate``."""
        return [(evt.EVT_CONN_OPEN, self._on_open), (evt.EVT_DIMSE_RECV, self._on_message)]

    def _on_open(self, event: evt.Event) -> None:
        wrapped = event.assoc.dul.socket
        # A command and its data are sent apart: the second must not wait until the first is acknowledged.
        wrapped.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wrapped.recv = lambda count: self._receive(cast(socket.socket, wrapped.socket), count)
        leave_answers_to_their_caller(event.assoc)

    def _on_message(self, event: evt.Event) -> None:
        self._unfinished = 0
        # Called before the message itself is put into the queue.
        if self._one_at_a_time and event.assoc.dimse.msg_queue.qsize() >= _MOST_UNANSWERED:
            self.exceeded = True

    def _receive(self, source: socket.socket, count: int) -> bytearray:
        """Read ``count`` bytes, fewer where the line ends; OSError makes pynetdicom close it."""
        self._unfinished += count
        if self.exceeded or count > LARGEST_UNIT or self._unfinished > self.largest_message:
            self.exceeded = True
            raise OSError("the peer sends more than it may")
        received = bytearray(count)
        view, at = memoryview(received), 0
        before = source.gettimeout()
        until_s = time.monotonic() + self._wait_s
        try:
            while at < count:
                # Of the whole unit: a peer may send a byte at a time.
                source.settimeout(max(0.01, until_s - time.monotonic()))
                read = source.recv_into(view[at : at + _PIECE])
                if not read:
                    break
                at += read
        finally:
            source.settimeout(before)
        view.release()
        del received[at:]
        return received


def bound_each_association(largest_message: int, wait_s: float) -> list[tuple[Any, Any]]:
    """The handlers of a server, which bound each of its associations by itself."""

    def on_open(event: evt.Event) -> None:
        bound = MessageBound(largest_message, wait_s, one_at_a_time=True)
        bound._on_open(event)
        event.assoc.bind(evt.EVT_DIMSE_RECV, bound._on_message)
        guard(event.assoc)

    return [(evt.EVT_CONN_OPEN, on_open)]
