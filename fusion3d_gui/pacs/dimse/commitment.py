"""Storage commitment (PS3.4 annex J): ask a node to answer for what it has stored."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE, build_context, evt
from pynetdicom.sop_class import StorageCommitmentPushModel

from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.dimse.association import association, line_broken
from fusion3d_gui.pacs.dimse.bounded import LISTENING, UNIT_BYTES, bound_each_association
from fusion3d_gui.pacs.nodes.node import Node

#: The well-known instance that takes the request (PS3.4 section J.3.5), and its one action.
_INSTANCE, _REQUEST = "1.2.840.10008.1.20.1.1", 1
_LARGEST_REPORT = 16 << 20


def commit(node: Node, classes: Mapping[str, str]) -> set[str]:
    """Ask a node to commit to instances; returns the UIDs of those to which it does.

    The node answers over a connection of its own, to this program's port, which listens only meanwhile.

    Parameters
    ----------
    node
        The node.
    classes
        SOP class by SOP instance UID.

    Raises
    ------
    UserError
        The node does not offer it, the port can't be listened on, or no answer comes in time.
    """
    request = Dataset()
    request.TransactionUID = generate_uid()
    request.ReferencedSOPSequence = []
    for uid, sop_class in classes.items():
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
        request.ReferencedSOPSequence.append(item)
    answered = threading.Event()
    committed: set[str] = set()

    def on_report(event: evt.Event) -> tuple[int, None]:
        report = event.event_information
        if report.get("TransactionUID") == request.TransactionUID:
            stored = report.get("ReferencedSOPSequence", [])
            committed.update(str(each.get("ReferencedSOPInstanceUID", "")) for each in stored)
            answered.set()
        return 0x0000, None

    handler = (evt.EVT_N_EVENT_REPORT, on_report)
    with LISTENING:
        listening = _listen(node, handler)
        try:
            with association(
                node, [build_context(StorageCommitmentPushModel)], handlers=[handler]
            ) as line:
                status, _ = line.send_n_action(
                    request, _REQUEST, StorageCommitmentPushModel, _INSTANCE
                )
                if "Status" not in status:
                    raise line_broken(node)
                if status.Status:
                    raise UserError(
                        f"{node.name}: it does not commit (status {int(status.Status):04X})"
                    )
                if not answered.wait(node.answer_s):
                    raise UserError(f"{node.name}: it has not committed within {node.answer_s:g} s")
        finally:
            listening.shutdown()
    return committed & set(classes)


def _listen(node: Node, handler: tuple[Any, Any]) -> Any:
    service = AE(node.own_ae_title)
    service.require_called_aet = True
    service.maximum_associations = 2
    service.maximum_pdu_size = UNIT_BYTES
    service.acse_timeout = service.dimse_timeout = service.network_timeout = node.answer_s
    # The node keeps its role of a provider although it is the one that calls.
    service.add_supported_context(StorageCommitmentPushModel, scu_role=False, scp_role=True)
    try:
        return service.start_server(
            (node.own_host, node.own_port),
            block=False,
            evt_handlers=[*bound_each_association(_LARGEST_REPORT, node.answer_s), handler],
        )
    except OSError as error:
        raise UserError(
            f"{node.name}: port {node.own_port} can't be listened on ({error.strerror})"
        ) from None
