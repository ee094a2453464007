"""``Listener``: series that are pushed become results in the outbox: receives, predicts and sends until it is stopped."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import filelock

from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.inference.predictor import Predictor
from fusion3d_gui.pacs.file_identity import read_identity
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.peer import Peer
from fusion3d_gui.pacs.queues.inbox import Inbox, InboxSeries
from fusion3d_gui.pacs.queues.listener_record import (
    ListenerRecord,
    forget_listening,
    record_listening,
)
from fusion3d_gui.pacs.queues.outbox import Outbox
from fusion3d_gui.pacs.queues.send import send_waiting
from fusion3d_gui.serve.intake import InboxBounds, Intake
from fusion3d_gui.serve.receiver import ListeningPlace, Receiver
from fusion3d_gui.serve.series_job import Held, SeriesResult, predict_series

log = logging.getLogger(__name__)

_POLL_S = 0.25
_SEND_EVERY_S = 1.0
NO_NODE = "no node was named to send results to"


@dataclass(frozen=True)
class ListenerHooks:
    """What the listener tells.

    ``told``: a line for the operator, which names nobody; ``predicted``: a result; ``held``: a series held;
    ``left``: files that were put into the outbox.
    """

    told: Callable[[str], None]
    predicted: Callable[[SeriesResult], None]
    held: Callable[[Held], None]
    left: Callable[[Sequence[Path]], None]


class Listener:
    """One listener on an inbox.

    Parameters
    ----------
    place, bounds
        Where it listens and to whom, and what it takes at most.
    quiet_s
        A series is complete once nothing of it has come for so many seconds.
    inbox, outbox
        The queues.
    target
        The node to which results go by themselves; None: each is held.
    connect
        Gives the peer for a node.
    hooks
        What it tells.

    Raises
    ------
    UserError
        Another listener has the inbox.
    """

    def __init__(
        self,
        place: ListeningPlace,
        bounds: InboxBounds,
        quiet_s: float,
        inbox: Inbox,
        outbox: Outbox,
        target: Node | None,
        connect: Callable[[Node], Peer],
        hooks: ListenerHooks,
    ) -> None:
        self._place = place
        self._inbox = inbox
        self._outbox = outbox
        self._target = target
        self._connect = connect
        self._hooks = hooks
        self._stop = threading.Event()
        self._only_one = filelock.FileLock(inbox.folder / "listener.lock", timeout=0)
        try:
            self._only_one.acquire()
        except filelock.Timeout:
            raise UserError("another listener has it", path=inbox.folder) from None
        inbox.recover(quiet_s)
        self._receiver = Receiver(place, inbox, Intake(inbox, bounds, quiet_s), hooks.told)

    def run(self, load: Callable[[], Predictor]) -> None:
        """Listen, and predict what comes, until :meth:`stop`.

        Parameters
        ----------
        load
            Loads the model; it is not let in before that has gone well.
        """
        try:
            predictor = load()
            for predicted in self._inbox.series("predicted"):
                self._forward(predicted)
            port = self._receiver.open()
            place, to = self._place, self._target.name if self._target is not None else ""
            record_listening(
                self._inbox,
                ListenerRecord(place.ae_title, place.host, port, place.tls is not None, to),
            )
            self._hooks.told(f"Listening on port {port}.")
            sender = threading.Thread(target=self._send, name="fusion3d-send", daemon=True)
            sender.start()
            while not self._stop.is_set():
                series = self._inbox.begin()
                if series is None:
                    self._stop.wait(_POLL_S)
                else:
                    self._predict(predictor, series)
            sender.join(30.0)
        finally:
            self._receiver.close()
            try:
                forget_listening(self._inbox)
            finally:
                self._only_one.release()

    def stop(self) -> None:
        """Have :meth:`run` end; a prediction that runs is begun again by the next listener."""
        self._stop.set()

    def _progress(self, fraction: float, message: str) -> None:
        if self._stop.is_set():
            raise Cancelled

    def _predict(self, predictor: Predictor, series: InboxSeries) -> None:
        inbox = self._inbox
        noun = "image" if series.images == 1 else "images"
        self._hooks.told(f"Series {series.id}: {series.images:,} {noun}; predicting.")
        images, out = inbox.images_of(series.id), inbox.result_of(series.id)
        try:
            made = predict_series(predictor, images, out, self._progress)
        except Cancelled:
            inbox.give_back(series.id)
        except Held as held:
            self._hold(series.id, held)
        except Exception as error:  # noqa: BLE001 - one bad series must not end the listener
            # Not the message: it may quote the file.
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("series %d: %s\n%s", series.id, type(error).__name__, where)
            why = Held(f"an error of the program ({type(error).__name__})")
            self._hold(series.id, why, failed=True)
        else:
            uids = [read_identity(file).uid for file in made.files]
            if inbox.keep_result(series.id, uids):
                self._hooks.predicted(made)
                self._forward(series)

    def _hold(self, number: int, held: Held, *, failed: bool = False) -> None:
        self._inbox.hold(number, held.reason, failed=failed)
        self._hooks.held(held)
        self._hooks.told(f"Series {number}: held for a person.")

    def _forward(self, series: InboxSeries) -> None:
        """Put a result into the outbox: the same files again, after a crash, are known there."""
        if self._target is None:
            self._hold(series.id, Held(NO_NODE))
            return
        files = sorted(self._inbox.result_of(series.id).glob("*.dcm"))
        try:
            self._outbox.add(files, self._target, series.study_uid, title="Result of the listener")
        except UserError as error:
            self._hold(series.id, Held(error.problem))
            return
        self._hooks.left(files)
        self._inbox.mark_queued(series.id)

    def _send(self) -> None:
        """Send what is due, and note what became of it, until the listener is stopped."""
        while not self._stop.wait(_SEND_EVERY_S):
            try:
                self._send_once()
            except UserError as error:
                log.warning("sending: %s", error.problem)
            except Exception as error:  # noqa: BLE001 - it is tried again; the message may quote a file
                log.error("sending: %s", type(error).__name__)

    def _send_once(self) -> None:
        target = self._target
        if target is None:
            return
        if not self._inbox.series("sending"):
            return
        send_waiting(self._outbox, [target], self._connect)
        for series in self._inbox.series("sending"):
            items = self._outbox.items_of(target.name, self._inbox.result_uids(series.id))
            refused = [item for item in items if item.state == "refused"]
            waits = any(item.state in ("waiting", "sending") for item in items)
            if refused and not waits:
                why = f"{target.name} refused it: {refused[0].reason}"
                self._inbox.hold(series.id, why, failed=True)
            elif not items:
                self._inbox.hold(series.id, "its result was taken out of the queue")
            elif not waits:
                self._inbox.mark_sent(series.id)
                self._hooks.told(f"Series {series.id}: result sent.")
