"""``connect``: the peer for a node, whichever way it is reached."""

from __future__ import annotations

import importlib.util

from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.nodes.secret import secret_of
from fusion3d_gui.pacs.peer import Peer


def connect(node: Node, secret: str | None = None) -> Peer:
    """The peer for a node. Nothing is sent yet.

    Parameters
    ----------
    node
        The node.
    secret
        Its password or token; None: that of the keyring.

    Raises
    ------
    UserError
        The extra for PACS is not installed, a certificate can't be used, or the secret is missing.
    """
    if importlib.util.find_spec("pynetdicom") is None:
        raise UserError(
            "the parts for a PACS are not installed",
            remedy="Install them: pip install fusion3d[pacs].",
        )
    if node.way == "dimse":
        from fusion3d_gui.pacs.dimse.peer import DimsePeer

        return DimsePeer(node)
    from fusion3d_gui.pacs.web.peer import WebPeer

    return WebPeer(node, secret_of(node) if secret is None else secret)
