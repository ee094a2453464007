"""``withdraw``: put a note into the queue that withdraws what a node was sent."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.queues.outbox import Outbox, OutboxItem
from fusion3d_gui.pacs.study_header import header_dataset

if TYPE_CHECKING:
    from fusion3d_gui.report.dicom.withdrawal_note import Reason

TITLE = "Withdrawal"


def withdrawable(items: Sequence[OutboxItem], item: OutboxItem) -> list[OutboxItem]:
    """What was put into the queue with an item, and the node has: what a reader withdraws at once."""
    return [
        each
        for each in items
        if each.is_there
        and each.title != TITLE
        and (each.node, each.study_uid, each.added_s) == (item.node, item.study_uid, item.added_s)
    ]


def withdrawable_of_study(
    items: Sequence[OutboxItem], node: Node, study_uid: str, uids: Collection[str] = ()
) -> list[OutboxItem]:
    """What of a study a node has, or those of these objects.

    Raises UserError where it has none, or not all that are named.
    """
    there = [
        each
        for each in items
        if each.is_there
        and each.title != TITLE
        and (each.node, each.study_uid) == (node.name, study_uid)
        and (not uids or each.uid in uids)
    ]
    if not there or (uids and {each.uid for each in there} != set(uids)):
        raise UserError(
            f"{node.name}: it has not accepted from here what is to be withdrawn, or it is withdrawn already",
            remedy="See: fusion3d pacs queue.",
        )
    return there


def withdraw(
    outbox: Outbox, node: Node, items: Sequence[OutboxItem], reason: Reason = "safety"
) -> Path:
    """Put into the queue a note that withdraws these objects of one study; returns its copy there.

    Raises
    ------
    UserError
        There are none, they are of several studies or of another node, the node has not accepted one, one was
        withdrawn already, or the queue does not know their study.
    """
    # Imported where it is used: highdicom takes a second.
    from fusion3d_gui.report.dicom.withdrawal_note import SentObject, withdrawal_note

    studies = {item.study_uid for item in items}
    if len(studies) != 1 or any(item.node != node.name for item in items):
        raise UserError(f"{node.name}: it was sent nothing of this study that could be withdrawn")
    (study_uid,) = studies
    header = outbox.study_header(study_uid)
    if not header:
        raise UserError("it was sent by an earlier version, which kept no header of the study")
    sent = [SentObject(item.sop_class, item.uid, item.series_uid) for item in items]
    note = withdrawal_note(header_dataset(header), sent, reason, datetime.now())
    # The note goes to test systems only where what it names does.
    only_test = next((item.only_test for item in items if item.only_test), "")
    with tempfile.TemporaryDirectory(prefix="fusion3d-withdraw-") as folder:
        path = Path(folder) / "note.dcm"
        note.save_as(path, enforce_file_format=True)
        outbox.add([path], node, study_uid, only_test=only_test, title=TITLE, withdraws=items)
    (item,) = outbox.items_of(node.name, [str(note.SOPInstanceUID)])
    return outbox.path_of(item)
