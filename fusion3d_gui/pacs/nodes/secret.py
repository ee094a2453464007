"""Passwords and tokens of nodes, in the system's keyring; never in settings, never in logs."""

from __future__ import annotations

import os
import re

from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.nodes.node import Node

_SERVICE = "fusion3d-pacs"
_REMEDY = (
    "Unlock or install the system's keyring, or set the variable {} for programs without a window."
)


def secret_of(node: Node) -> str:
    """The node's password or token; empty where it needs none.

    Raises
    ------
    UserError
        It is in neither the keyring nor the variable of :func:`secret_variable`.
    """
    if not node.needs_secret:
        return ""
    given = os.environ.get(secret_variable(node))
    if given:
        return given
    found = read_secret(node.name, remedy=_REMEDY.format(secret_variable(node)))
    if not found:
        raise UserError(
            f"{node.name}: its password or token is not in the keyring",
            remedy="Enter it on the settings page of the node.",
        )
    return found


def secret_variable(node: Node) -> str:
    """Name of the environment variable that may hold a node's secret, e.g. ``FUSION3D_SECRET_WARD_3``."""
    return "FUSION3D_SECRET_" + re.sub(r"[^A-Z0-9]+", "_", node.name.upper()).strip("_")


def read_secret(key: str, remedy: str = "Unlock or install the system's keyring.") -> str | None:
    """What the keyring holds under a key, None: nothing. Raises UserError without a keyring."""
    import keyring
    from keyring.errors import KeyringError

    try:
        return keyring.get_password(_SERVICE, key)
    except KeyringError:
        raise UserError("the system's keyring can't be used", remedy=remedy) from None


def keep_secret(key: str, secret: str) -> None:
    """Keep a secret in the keyring under a key; empty: forget it. Raises UserError without a keyring."""
    import keyring
    from keyring.errors import KeyringError, PasswordDeleteError

    try:
        if secret:
            keyring.set_password(_SERVICE, key, secret)
        else:
            keyring.delete_password(_SERVICE, key)
    except PasswordDeleteError:
        return  # there was none
    except KeyringError:
        raise UserError(
            "the secret can't be kept: the system's keyring can't be used",
            remedy="Unlock or install it.",
        ) from None
