"""Types of arguments, and the arguments that several commands take."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Protocol

_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d{1,3})?")
_ENGINES = ("auto", "torch", "torch-half", "openvino")


class AddCommand(Protocol):
    """Adds the parser of a command and returns it."""

    def __call__(self, name: str, text: str) -> argparse.ArgumentParser: ...


def add_device_and_engine(to: argparse.ArgumentParser, *, remote: bool = False) -> None:
    """Add ``--device`` and ``--engine``; with ``remote`` also the engine of that name and its server."""
    to.add_argument(
        "--device",
        type=device,
        default="auto",
        metavar="NAME",
        help="processor that runs the model: auto, cpu, cuda (cuda:1: the second GPU) or mps",
    )
    to.add_argument(
        "--engine",
        choices=(*_ENGINES, "remote") if remote else _ENGINES,
        default="auto",
        help="library that runs it; auto selects the fastest",
    )
    if remote:
        to.add_argument(
            "--server",
            metavar="grpc://HOST:PORT",
            help="for --engine remote: a server of the KServe v2 protocol, also http://; with TLS grpcs://, https://. "
            "It gets the network's input grid, no header and no identity",
        )
        to.add_argument(
            "--server-ca",
            type=Path,
            metavar="FILE.pem",
            help="authority of the server's certificate",
        )


def device(text: str) -> str:
    """The name of a device; whether it is there is seen when the model is loaded."""
    if _DEVICE.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(f"{text} is not auto, cpu, cuda, cuda:N or mps")
    return text


def stages(text: str) -> tuple[int, ...]:
    """Stages of the network, 1 to 4, from ``"3"`` or ``"3+4"``."""
    numbers = tuple(int(part) if part.isdecimal() else 0 for part in text.split("+"))
    if len(set(numbers)) != len(numbers) or not set(numbers) <= {1, 2, 3, 4}:
        raise argparse.ArgumentTypeError(f"{text} is not a stage from 1 to 4, or several as 3+4")
    return numbers


def count(text: str) -> int:
    """A whole number above 0."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return number


def shard(text: str) -> tuple[int, int]:
    """Number and count of parts from ``"2/8"``: part 2 of 8."""
    parts = text.split("/")
    if len(parts) != 2 or not all(part.isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"{text} is not I/N, e.g. 2/8")
    number, of = map(int, parts)
    if not 1 <= number <= of:
        raise argparse.ArgumentTypeError(f"{text}: parts are counted from 1 to {max(of, 1)}")
    return number, of


def port(text: str) -> int:
    """A port's number."""
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port from 1 to 65535")
    return int(text)
