"""Whatever is wrong with a node is one sentence that says what."""

from __future__ import annotations

import socket
import ssl
import threading

import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.connect import connect
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.orthanc import AE_TITLE, PASSWORD, USER, Orthanc, Relay
from fusion3d_gui.pacs.peer import Unreachable
from tests.pacs.conftest import free_port, needs_orthanc


def dimse(port: int, **changes) -> Node:
    values = {"ae_title": AE_TITLE, "host": "127.0.0.1", "port": port, "answer_s": 2.0, **changes}
    return Node("Ward", "dimse", **values)


def web(url: str, **changes) -> Node:
    values = {"authentication": "basic", "user": USER, "answer_s": 2.0, **changes}
    return Node("Ward", "dicomweb", url=url, **values)


def sentence_of(node: Node, secret: str = PASSWORD, kind: type[UserError] = UserError) -> str:
    with pytest.raises(UserError) as caught:
        connect(node, secret).echo()
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value) and str(caught.value).startswith("Ward: ")
    return str(caught.value)


@needs_orthanc
def test_a_node_that_is_right_answers(server):
    connect(dimse(server.dicom_port), "").echo()
    connect(web(server.url), PASSWORD).echo()


@needs_orthanc
def test_a_wrong_ae_title(server):
    assert "knows no AE title NOBODY" in sentence_of(dimse(server.dicom_port, ae_title="NOBODY"))


@needs_orthanc
def test_a_wrong_password(server):
    assert "password or the token is wrong" in sentence_of(web(server.url), "wrong")
    told = sentence_of(web(server.url, authentication="none", user=""), "")
    assert "is wrong" in told


@needs_orthanc
def test_a_wrong_path(server):
    assert "not that of a DICOMweb service" in sentence_of(web(server.url + "s"))
    told = sentence_of(web(server.url.removesuffix("/dicom-web") + "/instances"))
    assert "DICOMweb service" in told


def test_nobody_listens():
    port = free_port()
    assert f"refuses connections to port {port}" in sentence_of(dimse(port), kind=Unreachable)
    told = sentence_of(web(f"http://127.0.0.1:{port}/dicom-web"), kind=Unreachable)
    assert "refuses connections" in told


def test_no_such_host():
    assert "no host is called nowhere.invalid" in sentence_of(dimse(104, host="nowhere.invalid"))
    told = sentence_of(web("https://nowhere.invalid/dicom-web"))
    assert "no such host" in told


@pytest.fixture
def silent_port():
    """A server that accepts connections and says nothing."""
    listener = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                held.append(listener.accept()[0])
            except OSError:
                return

    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for each in held:
        each.close()


def test_a_server_that_says_nothing(silent_port):
    assert "does not answer as DICOM within 2 s" in sentence_of(
        dimse(silent_port), kind=Unreachable
    )
    told = sentence_of(web(f"http://127.0.0.1:{silent_port}/dicom-web"), kind=Unreachable)
    assert "no answer came within 2 s" in told
    told = sentence_of(dimse(silent_port, tls=True), kind=Unreachable)
    assert "does not answer" in told


@needs_orthanc
def test_an_association_that_hangs(server):
    server.dicom_relay.silent = True
    try:
        told = sentence_of(dimse(server.dicom_port), kind=Unreachable)
    finally:
        server.dicom_relay.silent = False
    assert "does not answer as DICOM within 2 s" in told


@needs_orthanc
def test_a_server_that_speaks_something_else(server):
    port = server.web_relay.port
    told = sentence_of(dimse(port), kind=Unreachable)
    assert "broke before the node answered" in told or "does not answer as DICOM" in told
    told = sentence_of(web(f"http://127.0.0.1:{server.dicom_port}/dicom-web"), kind=Unreachable)
    assert "the line broke" in told


class TlsListener:
    """Accepts TLS; Orthanc 1.10 itself ends when a caller hangs up within a handshake of HTTPS."""

    def __init__(self, certificate, key) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self.getsockname = self._listener.getsockname
        self.shutdown = self._listener.shutdown
        self.close = self._listener.close

    def accept(self):
        while True:
            plain, address = self._listener.accept()
            try:
                return self._context.wrap_socket(plain, server_side=True), address
            except OSError:
                plain.close()


@pytest.fixture(scope="module")
def encrypted(certificates):
    settings = {
        "DicomTlsEnabled": True,
        "DicomTlsCertificate": str(certificates / "server.pem"),
        "DicomTlsPrivateKey": str(certificates / "server.key"),
        "DicomTlsTrustedCertificates": str(certificates / "authority.pem"),
        "DicomTlsRemoteCertificateRequired": False,
    }
    with Orthanc(settings) as running:
        yield running


@pytest.fixture(scope="module")
def encrypted_url(server, certificates):
    made = []

    def relay(name: str) -> str:
        listener = TlsListener(certificates / f"{name}.pem", certificates / f"{name}.key")
        place = ("127.0.0.1", server.web_relay.port)
        made.append(Relay(listener, lambda: socket.create_connection(place)))
        return f"https://127.0.0.1:{made[-1].port}/dicom-web"

    yield relay
    for each in made:
        each.close()


@needs_orthanc
def test_an_encrypted_line_to_a_node_whose_authority_is_known(
    encrypted, encrypted_url, certificates
):
    trusted = {"authority": certificates / "authority.pem"}
    connect(dimse(encrypted.dicom_port, tls=True, **trusted), "").echo()
    connect(web(encrypted_url("server"), **trusted), PASSWORD).echo()


@needs_orthanc
def test_a_certificate_of_another_authority(encrypted, encrypted_url, certificates):
    for authority in (None, certificates / "stranger.pem"):
        for node in (
            dimse(encrypted.dicom_port, tls=True, authority=authority),
            web(encrypted_url("server"), authority=authority),
        ):
            assert "certificate is not accepted" in sentence_of(node)


@needs_orthanc
def test_a_certificate_of_another_host(encrypted_url, certificates):
    node = web(encrypted_url("elsewhere"), authority=certificates / "authority.pem")
    assert "certificate is not accepted" in sentence_of(node)


@needs_orthanc
def test_a_node_that_does_not_encrypt(server, certificates):
    trusted = {"authority": certificates / "authority.pem"}
    told = sentence_of(dimse(server.dicom_port, tls=True, **trusted))
    assert "no encrypted line" in told
    told = sentence_of(web(server.url.replace("http:", "https:"), **trusted))
    assert "no encrypted line" in told


@needs_orthanc
def test_a_node_that_wants_encryption(encrypted, encrypted_url):
    told = sentence_of(dimse(encrypted.dicom_port), kind=Unreachable)
    assert "broke before" in told or "does not answer" in told
    told = sentence_of(web(encrypted_url("server").replace("https:", "http:")), kind=Unreachable)
    assert "line broke" in told


def test_a_certificate_file_that_is_none(tmp_path):
    (tmp_path / "no.pem").write_text("nothing")
    with pytest.raises(UserError, match="holds no certificates"):
        connect(dimse(104, tls=True, authority=tmp_path / "no.pem"), "").echo()
    with pytest.raises(UserError, match="holds no certificates"):
        connect(web("https://127.0.0.1/x", authority=tmp_path / "no.pem"), "")
