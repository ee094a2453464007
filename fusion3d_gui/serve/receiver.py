"""``Receiver``: the storage service (C-STORE and C-ECHO) through which series are pushed into the inbox."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification
from pynetdicom.transport import ThreadedAssociationServer

from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.dimse.bounded import bound_each_association
from fusion3d_gui.pacs.dimse.storage_service import file_head, storage_service
from fusion3d_gui.pacs.nodes.node import is_ae_title
from fusion3d_gui.pacs.nodes.tls import ListeningTls, server_context, why_not_let_in
from fusion3d_gui.pacs.query import is_uid
from fusion3d_gui.pacs.queues.inbox import Inbox
from fusion3d_gui.pacs.queues.listener_record import record_problem
from fusion3d_gui.plain_text import visible_text
from fusion3d_gui.serve.intake import NOT_UNDERSTOOD, Intake, NotTaken

_SUCCESS = 0x0000
#: After an association was released its series are complete, unless more comes within so many seconds: some senders
#: open one for each image.
_SETTLE_S = 5.0
#: Connections beyond the associations that are allowed: so many may be told that they are too many.
_SPARE_CONNECTIONS = 4
#: The same sentence about a caller is told again after so many seconds.
_TOLD_AGAIN_S = 60.0
#: Why an association was rejected, by source and diagnostic (PS3.8 table 9-21).
_REJECTIONS = {
    (1, 3): "its AE title is not allowed (--allow)",
    (1, 7): "it calls an AE title that is not this listener's",
    (3, 2): "as many senders as are allowed were there (--associations)",
}


@dataclass(frozen=True)
class ListeningPlace:
    """Where the listener listens and to whom.

    Parameters
    ----------
    ae_title
        Its own AE title, by which it must be called.
    host, port
        Where it listens.
    callers
        Calling AE titles that are let in.
    most_associations
        So many at once.
    largest_bytes
        Size of the largest object that is taken; so much memory each association may take.
    wait_s
        A peer that says nothing for so many seconds is cut off.
    tls
        Certificates; None: lines are not encrypted.
    """

    ae_title: str
    host: str
    port: int
    callers: tuple[str, ...]
    most_associations: int = 4
    largest_bytes: int = 512 << 20
    wait_s: float = 30.0
    tls: ListeningTls | None = None

    def __post_init__(self) -> None:
        if not self.callers:
            raise UserError(
                "nobody is let in", remedy="Name the AE title of each sender (--allow AET)."
            )
        for title in (self.ae_title, *self.callers):
            if not is_ae_title(title):
                raise UserError("an AE title has 1 to 16 ASCII characters")
        if not 0 <= self.port <= 65535:
            raise UserError("a port is a number from 0 to 65535")


class Receiver:
    """The service; listens from :meth:`open` to :meth:`close`.

    Parameters
    ----------
    place
        Where and to whom.
    inbox, intake
        Where what arrives goes, and who takes it.
    told
        Gets a sentence for each caller that is not let in.

    Raises
    ------
    UserError
        A certificate can't be used.
    """

    def __init__(
        self,
        place: ListeningPlace,
        inbox: Inbox,
        intake: Intake,
        told: Callable[[str], None],
    ) -> None:
        self._place = place
        self._inbox = inbox
        self._intake = intake
        self._told = told
        self._tls = None if place.tls is None else server_context(place.tls)
        #: When each sentence about a caller was told.
        self._told_s: dict[str, float] = {}
        #: Numbers of the series of which each association has brought something.
        self._brought: WeakKeyDictionary[Association, set[int]] = WeakKeyDictionary()
        self._lock = threading.Lock()
        self._server: _BoundedServer | None = None
        service = storage_service(
            place.ae_title, place.wait_s, most_associations=place.most_associations
        )
        service.require_calling_aet = list(place.callers)
        service.add_supported_context(Verification)
        self._service = service

    def open(self) -> int:
        """Listen; returns the port. Raises UserError where the port can't be had."""
        place = self._place
        handlers: Sequence[tuple[Any, Any]] = (
            *bound_each_association(place.largest_bytes, place.wait_s),
            (evt.EVT_C_STORE, self._on_store),
            (evt.EVT_RELEASED, self._on_released),
            (evt.EVT_REJECTED, self._on_rejected),
        )
        try:
            server = self._service.make_server(
                (place.host, place.port),
                evt_handlers=list(handlers),
                ssl_context=self._tls,
                server_class=_BoundedServer,
            )
        except OSError as error:
            raise UserError(
                f"port {place.port} of {place.host} can't be listened on ({error.strerror})",
                remedy="Choose another with --port.",
            ) from None
        assert isinstance(server, _BoundedServer)
        self._server = server
        server.on_no_handshake = lambda host, error: self._tell(host, why_not_let_in(error))
        threading.Thread(target=server.serve_forever, name="fusion3d-listen", daemon=True).start()
        return int(server.server_address[1])

    def close(self) -> None:
        """Let nobody in any more, and end the associations there are."""
        if self._server is not None:
            socketserver.BaseServer.shutdown(self._server)
            self._server.server_close()
        for each in self._service.active_associations:
            each.abort()

    def _on_store(self, event: evt.Event) -> int:
        """Handle a C-STORE; returns its status."""
        request = event.request
        uids = (str(request.AffectedSOPClassUID), str(request.AffectedSOPInstanceUID))
        if request.DataSet is None or not all(map(is_uid, uids)):
            return NOT_UNDERSTOOD
        caller = str(event.assoc.requestor.ae_title).strip()
        with request.DataSet.getbuffer() as content:
            try:
                number = self._intake.take(file_head(event), content, uids, caller)
            except NotTaken as error:
                return error.status
        with self._lock:
            self._brought.setdefault(event.assoc, set()).add(number)
        return _SUCCESS

    def _on_released(self, event: evt.Event) -> None:
        with self._lock:
            numbers = self._brought.pop(event.assoc, set())
        if numbers:
            self._inbox.settle(numbers, _SETTLE_S)

    def _on_rejected(self, event: evt.Event) -> None:
        requestor, answer = event.assoc.requestor, event.assoc.acceptor.primitive
        reason = _REJECTIONS.get((answer.result_source, answer.diagnostic))
        if reason is not None:
            title = visible_text(str(requestor.ae_title).strip(), 16)
            self._tell(f"{title}, {requestor.address}", reason)

    def _tell(self, caller: str, reason: str) -> None:
        """Tell and record that a caller was not let in."""
        sentence, now_s = f"A sender ({caller}) was not let in: {reason}.", time.monotonic()
        with self._lock:
            told = {each: at for each, at in self._told_s.items() if now_s - at < _TOLD_AGAIN_S}
            self._told_s = {sentence: now_s, **told}
        if sentence not in told:
            self._told(sentence)
            record_problem(self._inbox, sentence)


class _BoundedServer(ThreadedAssociationServer):
    """Takes only so many connections at once: each is a thread, before anything is known of who calls."""

    daemon_threads = True

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._lock = threading.Lock()
        self._handshakes = 0
        #: Told of a caller's address with which no encrypted line could be agreed on, and why.
        self.on_no_handshake: Callable[[str, OSError], None] | None = None
        super().__init__(*arguments, **named)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether a new connection is taken; one that is not is closed."""
        most = self.ae.maximum_associations + _SPARE_CONNECTIONS
        with self._lock:
            return bool(len(self.active_associations) + self._handshakes < most)

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """A connection, as it is: pynetdicom would wait here, on its one thread, for the caller's handshake."""
        connection, address = self.socket.accept()
        return connection, address

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Agree on an encrypted line where there is to be one, and serve it; on the connection's own thread."""
        if self.ssl_context is not None:
            with self._lock:
                self._handshakes += 1
            try:
                request.settimeout(self.ae.network_timeout)
                request = self.ssl_context.wrap_socket(request, server_side=True)
            except OSError as error:
                if self.on_no_handshake is not None:
                    self.on_no_handshake(str(client_address[0]), error)
                raise
            finally:
                with self._lock:
                    self._handshakes -= 1
        super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """What a stranger's bytes provoke ends that connection and is not printed."""
