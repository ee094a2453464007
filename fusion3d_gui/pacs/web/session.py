"""A session with a DICOMweb service: signed on, bounded, and every failure as one sentence."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth

from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.nodes.tls import certificate_problem, client_context
from fusion3d_gui.pacs.peer import Unreachable

CONNECT_S = 5.0
#: Largest answer that is no DICOM file: lists of studies, pictures.
_LARGEST_ANSWER = 64 << 20
_CHUNK = 1 << 18
#: Connections that are used at once.
CONNECTIONS = 4

# Their lines hold addresses with patients' names.
for _name in ("urllib3", "dicomweb_client", "retrying"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)

_STATUSES = {
    401: "the user, the password or the token is wrong",
    403: "you may not do this there",
    404: "it is not there, or the address is not that of a DICOMweb service",
    406: "the service can't give images as they are stored",
    409: "the service refuses this object",
    413: "the service finds it too large",
}
#: Answers that mean: later.
_MAY_PASS = (408, 429, 500, 502, 503, 504)


class WebSession(requests.Session):
    """A session for one node: its own TLS and sign-on; answers that are not streamed end at 64 MB."""

    def __init__(self, node: Node, secret: str) -> None:
        super().__init__()
        self.trust_env = False  # no proxies or passwords that the user did not enter here
        self.max_redirects = (
            0  # the secret goes to the address that the user entered, and to no other
        )
        self.headers["Accept-Encoding"] = (
            "identity"  # images don't shrink, and a packed answer has no bound
        )
        self.mount(node.url, _Adapter(node))
        if node.authentication == "basic":
            self.auth = HTTPBasicAuth(node.user.encode(), secret.encode())
        elif node.authentication == "bearer":
            self.auth = _Bearer(secret)

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send, and read an answer that is not streamed to its bound."""
        # dicomweb-client quotes wildcards, which Orthanc's DICOMweb 1.7 then takes literally: it unquotes nothing.
        request.url = (request.url or "").replace("%2A", "*").replace("%3F", "?")
        streamed = options.get("stream", False)
        options["stream"] = True
        answer = super().send(request, **options)
        if not streamed:
            content = bytearray()
            for chunk in answer.iter_content(_CHUNK):
                content += chunk
                if len(content) > _LARGEST_ANSWER:
                    answer.close()
                    raise TooLarge
            answer._content = bytes(content)
        return answer


class TooLarge(Exception):
    """An answer is larger than it may be."""


class _Adapter(HTTPAdapter):
    def __init__(self, node: Node) -> None:
        self._context = client_context(node) if node.url.startswith("https") else None
        super().__init__(pool_connections=1, pool_maxsize=CONNECTIONS)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Connect with the node's own TLS."""
        super().init_poolmanager(*arguments, **options, ssl_context=self._context)

    def cert_verify(self, *arguments: Any, **options: Any) -> None:
        """The context checks; requests would name certificates of its own."""


class _Bearer(AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


@contextlib.contextmanager
def told_failures(node: Node) -> Iterator[None]:
    """Turn what requests raises within the block into a UserError of one sentence."""
    try:
        yield
    except TooLarge:
        raise UserError(f"{node.name}: the answer is larger than any list or picture") from None
    except requests.HTTPError as error:
        assert error.response is not None
        raise status_problem(node, error.response.status_code) from None
    except requests.TooManyRedirects:
        raise UserError(
            f"{node.name}: the service sends you to another address",
            remedy="Enter that address itself.",
        ) from None
    except requests.exceptions.SSLError as error:
        raise certificate_problem(node, _cause(error, ssl.SSLError) or ssl.SSLError()) from None
    except requests.Timeout:
        raise Unreachable(f"{node.name}: no answer came within {node.answer_s:g} s") from None
    except requests.ConnectionError as error:
        if _cause(error, socket.gaierror):
            raise UserError(f"{node.name}: there is no such host") from None
        if _cause(error, ConnectionRefusedError):
            raise Unreachable(f"{node.name}: the service refuses connections") from None
        if _cause(error, TimeoutError):
            raise Unreachable(f"{node.name}: no answer came within {node.answer_s:g} s") from None
        raise Unreachable(f"{node.name}: the line broke, or there is none") from None
    except requests.RequestException:
        raise Unreachable(f"{node.name}: the line broke, or the answer makes no sense") from None


def status_problem(node: Node, status: int) -> UserError:
    """An answer's status as a sentence."""
    kind = Unreachable if status in _MAY_PASS else UserError
    told = _STATUSES.get(status, "the service failed" if status >= 500 else "the service refuses")
    return kind(f"{node.name}: {told} (HTTP status {status})")


def _cause(error: BaseException, kind: type[BaseException]) -> Any:
    """The error of a kind in a chain of causes, which urllib3 keeps in ``reason`` and in the arguments."""
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting:
        each = waiting.pop()
        if isinstance(each, kind):
            return each
        if id(each) in seen:
            continue
        seen.add(id(each))
        inner = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        waiting += [part for part in inner if isinstance(part, BaseException)]
    return None
