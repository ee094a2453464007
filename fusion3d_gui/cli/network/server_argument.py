"""``named_server``: the server that ``--server`` names."""

from __future__ import annotations

from argparse import Namespace

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.engines.remote_server import RemoteServer


def named_server(options: Namespace) -> RemoteServer | None:
    """The server for ``--engine remote``. Raises UserError where one is given without the other."""
    if (options.engine == "remote") != (options.server is not None):
        raise UserError(
            "--engine remote and --server go together",
            remedy="E.g. --engine remote --server grpc://host:8081.",
        )
    if options.server is None:
        return None
    return RemoteServer.named(options.server, options.server_ca)
