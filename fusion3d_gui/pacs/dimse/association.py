"""Associations with a node: opened, bounded, and every failure as one sentence."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from typing import Any

from pynetdicom import AE, build_role
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext

from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.dimse.bounded import UNIT_BYTES, MessageBound
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.nodes.tls import certificate_problem, client_context
from fusion3d_gui.pacs.peer import Unreachable

#: A connection is made within so many seconds, or not at all.
CONNECT_S = 5.0

# Its lines would quote what a stranger sends, and name patients.
logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)

#: Why a node rejects an association, by source and diagnostic (PS3.8 table 9-21).
_REJECTIONS = {
    (1, 3): "does not know your AE title {own}",
    (1, 7): "knows no AE title {called}",
    (3, 1): "is too busy for another association",
    (3, 2): "has reached the most associations that it allows",
}
_REMEDIES = {
    (1, 3): "Have the node's administrator enter {own} with your address.",
    (1, 7): "Ask the node's administrator for its AE title.",
}


@contextlib.contextmanager
def association(
    node: Node,
    contexts: Iterable[PresentationContext],
    *,
    largest_message: int = 64 << 20,
    handlers: Iterable[tuple[Any, Any]] = (),
    scp_roles: Iterable[str] = (),
) -> Iterator[Association]:
    """An association with a node; released at the end, aborted where the block raises.

    Parameters
    ----------
    node
        Who is called.
    contexts
        What is proposed.
    largest_message
        Bytes that one message of the node may have.
    handlers
        Further handlers of pynetdicom's events.
    scp_roles
        SOP classes whose instances the node may send.

    Raises
    ------
    Unreachable
        There is no connection or no answer.
    UserError
        The node rejects the association, or its certificate is not accepted.
    """
    own = AE(node.own_ae_title)
    own.maximum_pdu_size = UNIT_BYTES
    own.connection_timeout = CONNECT_S
    own.acse_timeout = own.dimse_timeout = own.network_timeout = node.answer_s
    own.requested_contexts = list(contexts)
    bound = MessageBound(largest_message, node.answer_s)
    tls = (client_context(node), node.host) if node.tls else None
    began_s = time.monotonic()
    try:
        made = own.associate(
            node.host,
            node.port,
            ae_title=node.ae_title,
            ext_neg=[build_role(each, scp_role=True) for each in scp_roles],
            evt_handlers=[*bound.handlers, *handlers],
            tls_args=tls,
        )
    except OSError:  # its host's name is looked up outside what pynetdicom catches
        raise _why_no_connection(node, time.monotonic() - began_s) from None
    if not made.is_established:
        raise _why_not(node, made, time.monotonic() - began_s)
    try:
        yield made
    except BaseException:
        made.abort()
        raise
    if made.is_established:
        made.release()


def line_broken(node: Node) -> Unreachable:
    """What is raised where an answer is missing."""
    return Unreachable(f"{node.name}: the line broke, or no answer came within {node.answer_s:g} s")


def _why_not(node: Node, made: Association, after_s: float) -> UserError:
    if made.is_rejected:
        answer = made.acceptor.primitive
        reason = (answer.result_source, answer.diagnostic)
        words = {"own": node.own_ae_title, "called": node.ae_title}
        problem = _REJECTIONS.get(reason, "rejects the association").format(**words)
        kind = Unreachable if reason[0] == 3 else UserError
        return kind(
            f"{node.name}: the node {problem}", remedy=_REMEDIES.get(reason, "").format(**words)
        )
    if made.acceptor.primitive is not None and made.is_aborted and not made.accepted_contexts:
        return UserError(f"{node.name}: the node offers none of the services that are needed")
    return _why_no_connection(node, after_s)


def _why_no_connection(node: Node, after_s: float) -> UserError:
    """Try the connection by itself: pynetdicom does not tell what went wrong with it."""
    try:
        with socket.create_connection((node.host, node.port), CONNECT_S) as plain:
            if node.tls:
                plain.settimeout(CONNECT_S)
                with client_context(node).wrap_socket(plain, server_hostname=node.host):
                    pass
    except ssl.SSLError as error:
        return certificate_problem(node, error)
    except socket.gaierror:
        return UserError(f"{node.name}: no host is called {node.host}")
    except TimeoutError:
        return Unreachable(f"{node.name}: {node.host} does not answer")
    except ConnectionRefusedError:
        return Unreachable(f"{node.name}: {node.host} refuses connections to port {node.port}")
    except OSError as error:
        reason = error.strerror or "no connection"
        return Unreachable(f"{node.name}: {node.host} can't be reached ({reason})")
    if after_s < node.answer_s:
        return Unreachable(f"{node.name}: the line broke before the node answered")
    return Unreachable(
        f"{node.name}: something listens on port {node.port}, but does not answer as DICOM"
        f" within {node.answer_s:g} s"
    )
