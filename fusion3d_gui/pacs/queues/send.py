"""Send what waits in the outbox: each object exactly once, to its own study, with a reason for every refusal."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.peer import Outcome, Peer
from fusion3d_gui.pacs.query import StudyQuery
from fusion3d_gui.pacs.queues.outbox import Outbox, OutboxItem
from fusion3d_gui.progress import Progress, no_progress

#: Objects that are taken at once: so many are in doubt at most when the process is killed.
_BATCH = 20
#: So long after it was accepted an object's commitment is asked for again.
_COMMITS_WITHIN_S = 24 * 3600


@dataclass
class Sent:
    """How many were accepted, were refused and wait for another attempt, and what was said."""

    accepted: int = 0
    refused: int = 0
    waiting: int = 0
    reasons: list[str] = field(default_factory=list)


def send_waiting(
    outbox: Outbox,
    nodes: Sequence[Node],
    connect: Callable[[Node], Peer],
    progress: Progress = no_progress,
) -> Sent:
    """Try once everything that is due.

    Parameters
    ----------
    outbox
        The queue.
    nodes
        The nodes that there are; what is for others waits.
    connect
        Gives the peer for a node.
    progress
        Told how many have been tried; its ``Cancelled`` passes through, and what was not tried waits.

    Returns
    -------
    Sent
        The outcome. No failure is raised: each item keeps its reason.
    """
    done = Sent()
    for node in nodes:
        while claimed := outbox.claim(node.name, _BATCH):
            sender = _Sender(outbox, node, claimed, done, progress)
            try:
                sender.send(connect)
            finally:
                sender.release_rest()
            if sender.failed:
                break
        outbox.drop_copies()
        if node.commitment:
            _commit(outbox, node, connect, done)
    return done


def _commit(outbox: Outbox, node: Node, connect: Callable[[Node], Peer], done: Sent) -> None:
    """Ask a node to commit to what it has accepted lately and has not committed to."""
    since_s = time.time() - _COMMITS_WITHIN_S
    open_items = [
        item
        for item in outbox.items()
        if item.node == node.name and item.state == "accepted" and (item.done_s or 0) > since_s
    ]
    if not open_items:
        return
    try:
        committed = connect(node).commit({item.uid: item.sop_class for item in open_items})
    except UserError as error:
        done.reasons.append(error.problem)
        return
    for uid in committed:
        outbox.mark_committed(uid, node.name)
    if len(committed) < len(open_items):
        left = len(open_items) - len(committed)
        done.reasons.append(f"{node.name}: it does not commit to {left:,} of what it accepted")


class _Sender:
    """Sends the items that were claimed for one node."""

    def __init__(
        self, outbox: Outbox, node: Node, items: list[OutboxItem], done: Sent, progress: Progress
    ) -> None:
        self._outbox = outbox
        self._node = node
        self._open = {item.id: item for item in items}
        self._done = done
        self._progress = progress
        self._patients: dict[str, set[str]] = {}
        #: Whether the node could not be reached.
        self.failed = False

    def send(self, connect: Callable[[Node], Peer]) -> None:
        """Send them; every item is settled, but those that a cancel leaves."""
        try:
            peer = connect(self._node)
            to_send = [
                item for item in list(self._open.values()) if self._is_to_be_sent(peer, item)
            ]
            paths = [self._outbox.path_of(item) for item in to_send]
            peer.send(paths, lambda number, outcome: self._settle(to_send[number], outcome))
        except UserError as error:
            # Nothing says that another attempt would not help: a password may be entered meanwhile.
            self._fail_rest(error.problem)

    def release_rest(self) -> None:
        """Give back what was not tried."""
        for item in self._open.values():
            self._outbox.release(item)

    def _is_to_be_sent(self, peer: Peer, item: OutboxItem) -> bool:
        """Whether an item is to be sent now; settles it where it is not."""
        if item.only_test and not self._node.is_test:
            told = f"the node is not marked as a test system any more: {item.only_test}"
            self._settle(item, Outcome("refused", told))
            return False
        try:
            self._outbox.check_content(item)
        except UserError as error:
            self._settle(item, Outcome("refused", error.problem))
            return False
        # An earlier attempt may have arrived although no answer came: asked, so that nothing is sent twice.
        if item.attempts > 1 and peer.has_instance(item.study_uid, item.series_uid, item.uid):
            self._settle(item, Outcome("accepted", "it was there already"))
            return False
        if not self._patient_agrees(peer, item):
            told = "the study of this UID belongs to another patient there"
            self._settle(item, Outcome("refused", told))
            return False
        return True

    def _patient_agrees(self, peer: Peer, item: OutboxItem) -> bool:
        """Whether the node has the study under the same patient's ID, or not at all."""
        known = self._patients.get(item.study_uid)
        if known is None:
            found = peer.find_studies(StudyQuery(study_uid=item.study_uid), no_progress)
            known = self._patients[item.study_uid] = {study.patient_id for study in found}
        return not known or item.patient_id in known

    def _settle(self, item: OutboxItem, outcome: Outcome) -> None:
        del self._open[item.id]
        self._outbox.settle(item, outcome)
        if outcome.state == "accepted":
            self._done.accepted += 1
        elif outcome.state == "refused":
            self._done.refused += 1
        else:
            self._done.waiting += 1
        if outcome.reason and outcome.reason not in self._done.reasons:
            self._done.reasons.append(outcome.reason)
        self._progress(0.0, f"{self._done.accepted:,} accepted")

    def _fail_rest(self, reason: str) -> None:
        self.failed = True
        for item in list(self._open.values()):
            self._settle(item, Outcome("failed", reason))
