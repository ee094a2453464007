"""``Node``: how a PACS is reached, without any secret."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from fusion3d_gui.errors import UserError
from fusion3d_gui.plain_text import visible_text

Way = Literal["dimse", "dicomweb"]
Authentication = Literal["none", "basic", "bearer"]
#: How a DIMSE node sends a series: over our association, or over one of its own to our storage service.
Retrieval = Literal["get", "move"]

OWN_AE_TITLE = "FUSION3D"

#: AE titles: 1 to 16 characters of the default repertoire but backslash and controls (PS3.5 section 6.2).
_AE_TITLE = re.compile(r"[ -\[\]-~]{1,16}")
_LONGEST_NAME = 40


def is_ae_title(text: str) -> bool:
    """Whether a text is an AE title."""
    return bool(text.strip()) and _AE_TITLE.fullmatch(text) is not None


@dataclass(frozen=True)
class Node:
    """A PACS, reached by DIMSE or DICOMweb.

    Parameters
    ----------
    name
        What the user calls it; the key of its secret.
    way
        ``"dimse"`` or ``"dicomweb"``.
    ae_title, host, port
        DIMSE: who is called, and where.
    own_ae_title
        DIMSE: the title by which this program calls.
    retrieval
        DIMSE: ``"get"``, or ``"move"`` to our storage service.
    own_host, own_port
        DIMSE: where that service listens while a C-MOVE runs; an empty host: on every interface.
    tls
        DIMSE: whether the line is encrypted.
    url, authentication, user
        DICOMweb: address of the service, and how this program signs on. Password and token are in the
        system's keyring.
    authority
        Certificates (PEM) of the authority that signed the node's certificate; None: those of the system.
    certificate, key
        This program's own certificate and key (PEM), for nodes that ask for one.
    is_test
        Marked by the user as a test system: the only kind that takes results of simulated models.
    commitment
        DIMSE: whether to ask the node to commit to what it has stored.
    answer_s
        So long an answer is waited for, in seconds.

    Raises
    ------
    UserError
        A value makes no sense.
    """

    name: str
    way: Way
    ae_title: str = ""
    host: str = ""
    port: int = 0
    own_ae_title: str = OWN_AE_TITLE
    retrieval: Retrieval = "get"
    own_host: str = ""
    own_port: int = 11112
    tls: bool = False
    url: str = ""
    authentication: Authentication = "none"
    user: str = ""
    authority: Path | None = field(default=None, metadata={"path": True})
    certificate: Path | None = field(default=None, metadata={"path": True})
    key: Path | None = field(default=None, metadata={"path": True})
    is_test: bool = False
    commitment: bool = False
    answer_s: float = 30.0

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > _LONGEST_NAME:
            raise UserError(f"a node needs a name of 1 to {_LONGEST_NAME} characters")
        if visible_text(self.name) != self.name:
            raise UserError("the node's name holds control characters or spaces at its ends")
        if not 1 <= self.answer_s <= 600:
            raise UserError(f"{self.name}: the time to wait must be 1 to 600 seconds")
        if self.way == "dimse":
            self._check_dimse()
        elif self.way == "dicomweb":
            self._check_web()
        else:
            raise UserError(f"{self.name}: a node speaks dimse or dicomweb")

    def _check_dimse(self) -> None:
        for title, whose in ((self.ae_title, "its"), (self.own_ae_title, "your own")):
            if not is_ae_title(title):
                raise UserError(f"{self.name}: {whose} AE title must have 1 to 16 ASCII characters")
        if not self.host.strip() or visible_text(self.host) != self.host:
            raise UserError(f"{self.name}: the host is missing")
        for port in (self.port, self.own_port):
            if not 1 <= port <= 65535:
                raise UserError(f"{self.name}: a port is a number from 1 to 65535")
        if self.retrieval not in ("get", "move"):
            raise UserError(f"{self.name}: a series is retrieved by get or move")

    def _check_web(self) -> None:
        try:
            address = urlsplit(self.url)
            host, _ = address.hostname, address.port
        except ValueError:
            host = None
        if host is None or address.scheme not in ("http", "https") or address.query:
            raise UserError(
                f"{self.name}: the address must be one like https://pacs.example/dicom-web"
            )
        if address.username or address.password:
            raise UserError(
                f"{self.name}: the address holds a user or a password",
                remedy="Enter them in their own fields: the password goes to the system's keyring.",
            )
        if self.authentication not in ("none", "basic", "bearer"):
            raise UserError(f"{self.name}: sign on with none, basic or bearer")
        if self.authentication == "basic" and not self.user:
            raise UserError(f"{self.name}: the user is missing")
        if self.authentication != "none" and address.scheme == "http" and not _is_loopback(host):
            raise UserError(
                f"{self.name}: the secret would cross the network unencrypted",
                remedy="Use an address that begins with https.",
            )

    @property
    def needs_secret(self) -> bool:
        """Whether a password or a token belongs to it."""
        return self.way == "dicomweb" and self.authentication != "none"

    @property
    def address(self) -> str:
        """Where it is, for the user: ``PACS@host:104`` or the URL."""
        if self.way == "dicomweb":
            return visible_text(self.url)
        return f"{self.ae_title}@{self.host}:{self.port}"

    def to_json(self) -> dict[str, Any]:
        """A JSON object with the values that differ from the defaults."""
        plain = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if value != each.default:
                plain[each.name] = str(value) if isinstance(value, Path) else value
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Node:
        """The node of :meth:`to_json`. Raises UserError where it makes no sense."""
        known = {each.name: each for each in fields(cls)}
        values: dict[str, Any] = {}
        for name, value in plain.items():
            if name not in known:
                raise UserError(f"a node has no value {name}")
            if known[name].metadata.get("path"):
                values[name] = Path(_text(name, value))
            elif known[name].type == "float" or known[name].type == "int":
                values[name] = _number(name, value, whole=known[name].type == "int")
            elif known[name].type == "bool":
                if not isinstance(value, bool):
                    raise UserError(f"the node's {name} must be true or false")
                values[name] = value
            else:
                values[name] = _text(name, value)
        if not {"name", "way"} <= set(values):
            raise UserError("a node needs a name and a way")
        return cls(**values)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise UserError(f"the node's {name} must be a text")
    return value


def _number(name: str, value: object, *, whole: bool) -> float:
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise UserError(f"the node's {name} must be a number")
    return value


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
