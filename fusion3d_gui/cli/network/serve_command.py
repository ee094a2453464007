"""``fusion3d serve``: a model behind the KServe v2 protocol, for ``--engine remote`` of other machines."""

from __future__ import annotations

import argparse
import ipaddress
import os
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fusion3d_gui.cli.argument_types import add_device_and_engine, port
from fusion3d_gui.cli.terminal import say, terminal_progress
from fusion3d_gui.errors import UserError

if TYPE_CHECKING:
    from fusion3d_gui.serve.served_model import ServedModel

#: What ``--host`` calls every address of this machine.
_ALL_ADDRESSES = ("0.0.0.0", "::")


def add_serve_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``serve``."""
    parser.add_argument("--model", type=Path, metavar="DIR", required=True, help="model bundle")
    parser.add_argument("--port", type=port, default=8080, metavar="P", help="HTTP (default: 8080)")
    parser.add_argument(
        "--grpc-port", type=port, metavar="P", help="gRPC (default: the one after --port)"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address to listen on; default: this machine only. Others need FUSION3D_SERVER_TOKEN",
    )
    parser.add_argument(
        "--by",
        choices=("mlserver", "kserve"),
        default="mlserver",
        help="library that speaks the protocol; kserve's listens on all addresses (default: mlserver)",
    )
    add_device_and_engine(parser)


def serve(options: Namespace) -> int:
    """``fusion3d serve``: serve a model until the process is told to end."""
    from fusion3d_gui.inference.engines.remote_server import TOKEN_VARIABLE

    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token and not _is_loopback(options.host):
        raise UserError(
            f"{options.host} can be reached by other machines",
            remedy=f"Set {TOKEN_VARIABLE}, which clients must give, or leave --host out.",
        )
    if options.by == "kserve" and options.host not in _ALL_ADDRESSES:
        raise UserError(
            "KServe's server listens on all addresses of this machine",
            remedy="Give --host 0.0.0.0, which needs a token, or serve by mlserver.",
        )
    grpc_port = options.grpc_port or options.port + 1
    if grpc_port == options.port or grpc_port > 65535:
        raise UserError(f"{grpc_port} is no port for gRPC beside {options.port}")
    serve_by = _server(options.by)
    from fusion3d_gui.serve.free_port import check_free

    for number in (options.port, grpc_port):
        check_free(options.host, number)
    from fusion3d_gui.inference.first_check import check_once
    from fusion3d_gui.inference.predictor import load_predictor

    predictor = load_predictor(
        options.model,
        options.device,
        terminal_progress(),
        engine=options.engine,
        check=check_once,
    )
    say(f"model        {predictor.info.name}, {predictor.device_text}")
    say(f"http         http://{options.host}:{options.port}")
    say(f"grpc         grpc://{options.host}:{grpc_port}")
    from fusion3d_gui.serve.served_model import ServedModel

    serve_by(ServedModel(predictor, token), options.host, options.port, grpc_port)
    return 0


def _server(name: str) -> Callable[[ServedModel, str, int, int], None]:
    """The function that serves a model on host, HTTP port and gRPC port. Raises UserError where it is not installed."""
    try:
        if name == "mlserver":
            from fusion3d_gui.serve.mlserver_server import serve_by_mlserver

            return serve_by_mlserver
        from fusion3d_gui.serve.kserve_server import serve_by_kserve
    except ImportError:
        extra = "serve" if name == "mlserver" else name
        raise UserError(
            f"the model server {name} is not installed",
            remedy=f"Install it: pip install fusion3d[{extra}].",
        ) from None
    return lambda model, host, port, grpc_port: serve_by_kserve(model, port, grpc_port)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
