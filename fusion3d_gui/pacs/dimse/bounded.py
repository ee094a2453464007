"""Bounds on what a peer may send over an association: size of a unit and of a message, time for a unit.

pynetdicom reads a unit of whatever length its header claims, up to 4 GB, without a time limit, in pieces of 4 kB,
and collects any number of them in memory.
"""

from __future__ import annotations

import socket
import threading
from typing import Any, cast

from pynetdicom import evt

#: Largest unit (PDU) that is read; this program asks for smaller ones, and dcmtk sends at most 128 KiB.
LARGEST_UNIT = 1 << 20
#: The size of units that this program asks for.
UNIT_BYTES = 1 << 18
#: Largest instance that is taken.
LARGEST_INSTANCE = 2 << 30
_PIECE = 1 << 18

#: Held by whoever listens on this program's own port: two services could not.
LISTENING = threading.Lock()


class MessageBound:
    """Bounds one association; give :attr:`handlers` to it."""

    def __init__(self, largest_message: int, wait_s: float) -> None:
        self.largest_message = largest_message
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

    def _on_message(self, event: evt.Event) -> None:
        self._unfinished = 0

    def _receive(self, source: socket.socket, count: int) -> bytearray:
        """Read ``count`` bytes, fewer where the line ends; OSError makes pynetdicom close it."""
        self._unfinished += count
        if count > LARGEST_UNIT or self._unfinished > self.largest_message:
            self.exceeded = True
            raise OSError("the peer sends more than it may")
        received = bytearray(count)
        view, at = memoryview(received), 0
        before = source.gettimeout()
        source.settimeout(self._wait_s)
        try:
            while at < count:
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
        bound = MessageBound(largest_message, wait_s)
        bound._on_open(event)
        event.assoc.bind(evt.EVT_DIMSE_RECV, bound._on_message)

    return [(evt.EVT_CONN_OPEN, on_open)]
