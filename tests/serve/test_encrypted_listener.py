"""The listener takes encrypted lines, demands certificates where it is told to, and says who was not let in."""

from __future__ import annotations

import socket
import time

import pydicom
import pytest

from fusion3d_gui.cli.parser import run
from fusion3d_gui.pacs.connect import connect
from fusion3d_gui.pacs.nodes.tls import ListeningTls
from fusion3d_gui.pacs.queues.listener_record import running_listener
from tests.serve.conftest import OWN, SENDER, head_series, node_at, push, wait_for


@pytest.fixture
def tls(certificates):
    """Certificates of the listener; ``demanding``: its callers need one of the authority."""

    def make(*, demanding: bool = False) -> ListeningTls:
        authority = certificates / "authority.pem" if demanding else None
        return ListeningTls(certificates / "server.pem", certificates / "server.key", authority)

    return make


@pytest.fixture
def storescu(dcmtk, certificates):
    """Send files by dcmtk's storescu: ``shown`` is the certificate that it shows; empty: none. Returns the status."""

    def send(port: int, files, shown: str = "", *, encrypted: bool = True) -> int:
        options = ["-aet", SENDER, "-aec", OWN]
        if encrypted:
            own = certificates / (shown or "none")
            show = ["+tls", str(own.with_suffix(".key")), str(own.with_suffix(".pem"))]
            options += show if shown else ["+tla"]
            options += ["+cf", str(certificates / "authority.pem")]
        files = map(str, files)
        return dcmtk("storescu", *options, "127.0.0.1", str(port), *files).returncode

    return send


def test_an_encrypted_series_lies_in_the_inbox_byte_for_byte(
    receive,
    inbox,
    told,
    tls,
    storescu,
    certificates,
    tmp_path,
):
    files = head_series(tmp_path / "a", "a")
    port = receive(tls=tls())
    assert storescu(port, files) == 0
    (series,) = inbox.series()
    kept = sorted(inbox.images_of(series.id).iterdir())
    for one, other in zip(files, kept, strict=True):
        assert pydicom.dcmread(one) == pydicom.dcmread(other)
    # pynetdicom as another client: known, and not counted twice.
    trusted = {"tls": True, "authority": certificates / "authority.pem"}
    assert set(push(port, files, **trusted)) == {("accepted", "")}
    assert [each.images for each in inbox.series()] == [len(files)] and not told
    assert storescu(port, files, encrypted=False) != 0
    wait_for(lambda: told == ["A sender (127.0.0.1) was not let in: it does not encrypt its line."])


def test_a_sender_without_a_certificate_of_the_authority_is_not_let_in(
    listening, bundle, inbox, tls, storescu, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("FUSION3D_CONFIG_DIR", str(inbox.folder.parent))
    files = head_series(tmp_path / "a", "a")[:2]
    with listening(bundle, None, 60.0, tls=tls(demanding=True)) as (port, told):
        for shown, problem in (
            ("", "it shows no certificate"),
            ("stranger", "its certificate is not accepted (self-signed certificate)"),
        ):
            assert storescu(port, files, shown) != 0
            wait_for(lambda problem=problem: problem in told.lines[-1])
            wait_for(lambda: running_listener(inbox).problem == told.lines[-1])
        assert not inbox.series()
        assert run(["pacs", "listen", "--status"]) == 0
        said = capsys.readouterr().out
        assert f"{OWN} listens on 127.0.0.1, port {port}, encrypted lines only" in said
        assert "every result is held" in said and told.lines[-1] in said
        assert storescu(port, files, "server") == 0
        assert [each.images for each in inbox.series()] == [2]
    assert running_listener(inbox) is None


def test_a_sender_that_does_not_trust_the_listener_is_told_of(
    receive,
    told,
    tls,
    certificates,
):
    port = receive(tls=tls())
    with pytest.raises(Exception, match="certificate is not accepted"):
        connect(node_at(port, tls=True, authority=certificates / "stranger.pem")).echo()
    wait_for(lambda: any("does not accept the listener's certificate" in each for each in told))


def test_a_caller_who_hangs_in_the_handshake_keeps_nobody_out(
    receive,
    told,
    tls,
    certificates,
):
    port = receive(tls=tls(), wait_s=2.0, most_associations=2)
    trusted = {"tls": True, "authority": certificates / "authority.pem"}
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(4)]
    time.sleep(0.2)
    connect(node_at(port, **trusted)).echo()
    # No more of them than there are threads for.
    silent += [socket.create_connection(("127.0.0.1", port)) for _ in range(4)]
    silent[-1].settimeout(1.0)
    assert silent[-1].recv(1) == b""
    late = "A sender (127.0.0.1) was not let in: it did not finish the handshake in time."
    wait_for(lambda: late in told)
    for each in silent:
        each.close()
    connect(node_at(port, **trusted)).echo()


def test_who_was_not_let_in_is_told_once(receive, told):
    port = receive(callers=(SENDER,))
    for changes in (
        {"own_ae_title": "INTRUDER"},
        {"own_ae_title": "INTRUDER"},
        {"ae_title": "ANY"},
    ):
        with pytest.raises(Exception, match="AE title"):
            connect(node_at(port, **changes)).echo()
    wait_for(lambda: len(told) == 2)
    assert "(INTRUDER, 127.0.0.1) was not let in: its AE title is not allowed" in told[0]
    assert "calls an AE title that is not this listener's" in told[1]


@pytest.mark.parametrize(
    "arguments, problem",
    [
        (["--tls-cert", "SERVER.pem"], "needs a certificate and its key"),
        (["--tls-ca", "AUTHORITY.pem"], "needs a certificate and its key"),
        (
            ["--tls-cert", "SERVER.pem", "--tls-key", "STRANGER.key"],
            "is no certificate with its key",
        ),
        (["--tls-cert", "SERVER.key", "--tls-key", "SERVER.key"], "is no certificate with its key"),
        (
            ["--tls-cert", "SERVER.pem", "--tls-key", "SERVER.key", "--tls-ca", "SERVER.key"],
            "holds no certificates",
        ),
    ],
)
def test_certificates_that_cannot_be_used_are_one_line(
    arguments,
    problem,
    bundle,
    certificates,
    tmp_path,
    monkeypatch,
    capsys,
):
    monkeypatch.setenv("FUSION3D_CONFIG_DIR", str(tmp_path))
    named = [each if each[:2] == "--" else str(certificates / each.lower()) for each in arguments]
    assert run(["pacs", "listen", "--model", str(bundle), "--allow", SENDER, *named]) == 2
    said = capsys.readouterr().err
    assert problem in said and said.count("\n") == 1
