"""``RemoteServer``: a model server that speaks the KServe v2 protocol, as the user names it.

The values only; the connection is :mod:`fusion3d_gui.inference.engines.remote`.
"""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from fusion3d_gui.errors import UserError

#: Environment variable with the token: an argument would be visible in the list of processes.
TOKEN_VARIABLE = "FUSION3D_SERVER_TOKEN"

_ADDRESS = re.compile(r"(grpcs?|https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):(\d{1,5})/?")


@dataclass(frozen=True)
class RemoteServer:
    """Where a server is and how to talk to it.

    Parameters
    ----------
    address
        ``grpc://host:port`` or ``http://host:port``; ``grpcs`` and ``https`` with TLS.
    authority
        PEM file of the certificate authority; None for those that the client library brings.
    token
        Sent as ``Authorization: Bearer``; empty for none.
    timeout_s
        Of one request.
    attempts
        How often a request is made whose connection fails.

    Raises
    ------
    UserError
        The address is none, or a token would travel to another machine without TLS.
    """

    address: str
    authority: Path | None = None
    token: str = field(default="", repr=False)
    timeout_s: float = 60.0
    attempts: int = 3

    def __post_init__(self) -> None:
        if not _ADDRESS.fullmatch(self.address):
            raise UserError(
                f"{self.address} is no address of a server",
                remedy="Write grpc://host:port or http://host:port; with TLS grpcs or https.",
            )
        if self.token and not self.is_encrypted and not self.is_here:
            raise UserError(
                f"{TOKEN_VARIABLE} would be sent without encryption",
                remedy="Use grpcs:// or https://.",
            )
        if self.authority is not None and not self.authority.is_file():
            raise UserError("there is no such file", path=self.authority)

    @classmethod
    def named(cls, address: str, authority: Path | None = None) -> RemoteServer:
        """The server at an address, with the token of the environment. Raises UserError."""
        return cls(address, authority, os.environ.get(TOKEN_VARIABLE, ""))

    @property
    def is_grpc(self) -> bool:
        """Whether it is called by gRPC, else by HTTP."""
        return self.address.startswith("grpc")

    @property
    def is_encrypted(self) -> bool:
        """Whether TLS is used."""
        return self.address.startswith(("grpcs:", "https:"))

    @property
    def place(self) -> str:
        """Host and port."""
        return self.address.partition("://")[2].rstrip("/")

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine."""
        host = self.place.rpartition(":")[0].strip("[]")
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"
