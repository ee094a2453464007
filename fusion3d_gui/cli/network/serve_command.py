"""``fusion3d serve``: a model behind the KServe v2 protocol, for ``--engine remote`` of other machines."""

from __future__ import annotations

import argparse
import ipaddress
import os
from argparse import Namespace
from pathlib import Path

from fusion3d_gui.cli.argument_types import add_device_and_engine, port
from fusion3d_gui.cli.terminal import say, terminal_progress
from fusion3d_gui.errors import UserError


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
    grpc_port = options.grpc_port or options.port + 1
    if grpc_port == options.port or grpc_port > 65535:
        raise UserError(f"{grpc_port} is no port for gRPC beside {options.port}")
    try:
        from fusion3d_gui.serve.model_server import serve_model
    except ImportError:
        raise UserError(
            "the model server is not installed", remedy="Install it: pip install fusion3d[serve]."
        ) from None
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
    serve_model(predictor, options.host, options.port, grpc_port, token)
    return 0


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
