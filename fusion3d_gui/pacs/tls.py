"""TLS as a node wants it: whose certificate is trusted, and which of our own is shown."""

from __future__ import annotations

import ssl

from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.node import Node


def client_context(node: Node) -> ssl.SSLContext:
    """A context that checks the node's certificate and its host.

    Raises
    ------
    UserError
        A certificate file can't be used.
    """
    try:
        context = ssl.create_default_context(cafile=node.authority)
    except (OSError, ssl.SSLError):
        raise UserError(
            "holds no certificates that can be read", path=node.authority, remedy="Give a PEM file."
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if node.certificate is not None:
        try:
            context.load_cert_chain(node.certificate, node.key, password=_no_password)
        except (OSError, ssl.SSLError):
            raise UserError(
                "is no certificate with its key that can be used",
                path=node.certificate,
                remedy="Give the certificate and its key, without a password, as PEM files.",
            ) from None
    return context


def _no_password() -> str:
    raise ssl.SSLError("the key has a password")


def certificate_problem(node: Node, error: ssl.SSLError) -> UserError:
    """A failed handshake as a sentence."""
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_message or "it is not trusted"
        return UserError(
            f"{node.name}: its certificate is not accepted ({reason})",
            remedy="Ask for the certificate of the authority that signed it, and name that file.",
        )
    return UserError(
        f"{node.name}: no encrypted line can be agreed on",
        remedy="Check whether the node uses TLS on this port, and whether it wants a certificate of yours.",
    )
