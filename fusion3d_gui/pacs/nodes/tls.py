"""TLS as a node wants it, and as the listener offers it: whose certificate is trusted, and which of our own is shown."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.nodes.node import Node


def client_context(node: Node) -> ssl.SSLContext:
    """A context that checks the node's certificate and its host.

    Raises
    ------
    UserError
        A certificate file can't be used.
    """
    context = _trusting(node.authority, ssl.Purpose.SERVER_AUTH)
    if node.certificate is not None:
        _show(context, node.certificate, node.key)
    return context


@dataclass(frozen=True)
class ListeningTls:
    """PEM files: the listener's certificate and its key, and the authority of its callers' (None: they need none)."""

    certificate: Path
    key: Path
    authority: Path | None = None


def server_context(tls: ListeningTls) -> ssl.SSLContext:
    """A context that shows the listener's certificate and, where an authority is named, demands one of it.

    Raises
    ------
    UserError
        A certificate file can't be used.
    """
    if tls.authority is None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    else:
        context = _trusting(tls.authority, ssl.Purpose.CLIENT_AUTH)
        context.verify_mode = ssl.CERT_REQUIRED
    _show(context, tls.certificate, tls.key)
    return context


def _trusting(authority: Path | None, purpose: ssl.Purpose) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(purpose, cafile=authority)
    except (OSError, ssl.SSLError):
        raise UserError(
            "holds no certificates that can be read", path=authority, remedy="Give a PEM file."
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _show(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ssl.SSLError):
        raise UserError(
            "is no certificate with its key that can be used",
            path=certificate,
            remedy="Give the certificate and its key, without a password, as PEM files.",
        ) from None


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


def why_not_let_in(error: OSError) -> str:
    """Why a handshake with a caller failed, as the end of a sentence about the caller."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted ({error.verify_message or 'it is not trusted'})"
    if isinstance(error, TimeoutError):
        return "it did not finish the handshake in time"
    reason = (error.reason if isinstance(error, ssl.SSLError) else "") or ""
    if "PEER_DID_NOT_RETURN_A_CERTIFICATE" in reason:
        return "it shows no certificate, and one is demanded"
    if "ALERT" in reason:
        return f"it does not accept the listener's certificate or TLS ({_words(reason)})"
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST"):
        return "it does not encrypt its line"
    return f"no encrypted line could be agreed on ({_words(reason) or 'the line broke'})"


def _words(reason: str) -> str:
    return reason.replace("_", " ").lower()
