"""``check_free``: whether a port can be listened on."""

from __future__ import annotations

import socket

from fusion3d_gui.errors import UserError


def check_free(host: str, port: int) -> None:
    """Raise UserError where nothing can listen at an address: MLServer itself ends with a traceback there."""
    try:
        with socket.create_server((host, port)):
            pass
    except OSError as error:
        raise UserError(
            f"can't listen on {host}, port {port} ({error.strerror})", remedy="Give another --port."
        ) from None
