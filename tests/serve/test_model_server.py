"""A model behind the KServe v2 protocol, asked by the remote engine: the local numbers, or a sentence."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest

from fusion3d_gui.cli.parser import run
from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.engines.remote_server import RemoteServer
from fusion3d_gui.inference.predictor import load_predictor
from tests.serve.tls_proxy import tls_proxy

#: KServe's server can't listen on this machine only.
_ARGUMENTS = {"mlserver": (), "kserve": ("--by", "kserve", "--host", "0.0.0.0")}
_VALUES = {"age": 71, "sex": "F", "diabetes": True}


@pytest.fixture
def volume() -> Volume:
    rng = np.random.default_rng(5)
    return Volume(rng.integers(0, 900, (20, 24, 18)).astype(np.int16), np.diag([5.0, 5, 5, 1]))


def free_port() -> int:
    """The first of two free ones."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as one:
            number = one.getsockname()[1]
            with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", number + 1)):
                return number


@contextlib.contextmanager
def served(bundle, port: int, token: str = "", by: str = "mlserver"):
    """A server process that is ready; ended by SIGKILL."""
    # Found, not imported: in one process their two copies of the protocol's messages exclude each other.
    for name in (by, "tritonclient"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    command = [sys.executable, "-m", "fusion3d_gui", "serve", "--model", str(bundle)]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--engine", "torch", *_ARGUMENTS[by]],
        env={**os.environ, "FUSION3D_SERVER_TOKEN": token},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/ready") as answer,
            ):
                if answer.status == 200:
                    break
            assert process.poll() is None
            time.sleep(0.2)
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def served_logit(own, volume: Volume, port: int, name: str, token: str) -> float:
    """The output ``logit`` of the model ``name`` as any client of the protocol gets it."""
    import tritonclient.grpc

    code = own.info.schema.encode(own.info.schema.parse(_VALUES))[None]
    image = own.info.preprocessing.apply(volume).voxels[None, None]
    inputs = []
    for tensor, values in (("image", image), ("metadata", code)):
        given = tritonclient.grpc.InferInput(tensor, list(values.shape), "FP32")
        given.set_data_from_numpy(np.ascontiguousarray(values, dtype=np.float32))
        inputs.append(given)
    with tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{port + 1}") as client:
        headers = {"authorization": f"Bearer {token}"}
        return float(client.infer(name, inputs, headers=headers).as_numpy("logit")[0, 0])


@pytest.mark.parametrize("by", ["mlserver", "kserve"])
def test_served_and_local_logits_agree_and_a_lost_server_is_replaced_with_a_notice(
    make_bundle, volume, by
):
    bundle, port, token = make_bundle(), free_port(), "secret"
    own = load_predictor(bundle, "cpu", engine="torch")
    local = own.predict(volume, _VALUES)
    shape = (5, *own.info.preprocessing.shape_kji)
    images = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    pooled = own.pooled(images)
    with served(bundle, port, token, by):
        for address in (f"grpc://127.0.0.1:{port + 1}", f"http://127.0.0.1:{port}"):
            server = RemoteServer(address, token=token, attempts=1)
            predictor = load_predictor(bundle, "cpu", engine="remote", server=server)
            found = predictor.predict(volume, _VALUES)
            assert found.device == f"Server {server.place}", found.notices
            assert found.logit == pytest.approx(local.logit, abs=1e-4)
            np.testing.assert_allclose(found.heatmap.values, local.heatmap.values, atol=1e-4)
            assert any("no header, identity or metadata" in notice for notice in found.notices)
            np.testing.assert_allclose(predictor.pooled(images), pooled, atol=1e-4)

            def stop(fraction: float, message: str) -> None:
                raise Cancelled

            with pytest.raises(Cancelled):
                predictor.features(images[0], stop)
        # KServe's server has no versions: there, the weights' digest is in the model's name.
        name = {"mlserver": "{}", "kserve": "{}-{}"}[by].format(own.info.name, own.weights_sha256)
        found_logit = served_logit(own, volume, port, name, token)
        assert found_logit == pytest.approx(local.logit, abs=1e-4)
        # Of the same name, but with other weights.
        other = make_bundle("add")
        path = other / "configs" / "metadata.json"
        path.write_text(path.read_text().replace("test-add", "test-concat"))
        replaced = load_predictor(other, "cpu", engine="remote", server=server)
        notices = replaced.predict(volume, _VALUES).notices
        refusal = {"mlserver": "other weights", "kserve": "does not exist"}[by]
        assert any(refusal in notice and "is not used" in notice for notice in notices)
    # The server is gone, killed: the same predictor goes on here, and says so.
    again = Volume(volume.voxels, volume.affine)
    after = predictor.predict(again, _VALUES)
    assert after.logit == pytest.approx(local.logit, abs=1e-4)
    assert any("done by PyTorch on the CPU" in notice for notice in after.notices)


@pytest.mark.parametrize("by", ["mlserver", "kserve"])
def test_a_token_is_asked_for_and_a_strange_certificate_is_not_trusted(
    make_bundle, volume, certificates, by
):
    bundle, port = make_bundle(), free_port()
    with served(bundle, port, "secret", by):
        for address in (f"grpc://127.0.0.1:{port + 1}", f"http://127.0.0.1:{port}"):
            for token, device in (("secret", "Server"), ("wrong", "CPU"), ("", "CPU")):
                server = RemoteServer(address, token=token, attempts=1)
                predictor = load_predictor(bundle, "cpu", engine="remote", server=server)
                assert predictor.predict(volume, _VALUES).device.startswith(device)
        for scheme, plain in (("grpcs", port + 1), ("https", port)):
            for shown, trusted, device in (
                ("server", "authority", "Server"),
                ("server", "stranger", "CPU"),
                ("elsewhere", "authority", "CPU"),
            ):
                with tls_proxy(plain, certificates / shown) as encrypted:
                    authority = certificates / f"{trusted}.pem"
                    address = f"{scheme}://127.0.0.1:{encrypted}"
                    server = RemoteServer(address, authority, token="secret", attempts=1)
                    predictor = load_predictor(bundle, "cpu", engine="remote", server=server)
                    found = predictor.predict(Volume(volume.voxels, volume.affine), _VALUES)
                    assert found.device.startswith(device), (scheme, shown, trusted)


@pytest.mark.parametrize("by", ["mlserver", "kserve"])
def test_a_request_is_cancelled_under_way_and_the_next_one_gets_its_own_answer(make_bundle, by):
    bundle, port, token = make_bundle(), free_port(), "secret"
    own = load_predictor(bundle, "cpu", engine="torch")
    shape = (2, *own.info.preprocessing.shape_kji)
    images = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    with served(bundle, port, token, by) as process:
        for address in (f"grpc://127.0.0.1:{port + 1}", f"http://127.0.0.1:{port}"):
            server = RemoteServer(address, token=token, timeout_s=30)
            predictor = load_predictor(bundle, "cpu", engine="remote", server=server)
            calls: list[str] = []

            def stop_later(fraction: float, message: str, calls: list[str] = calls) -> None:
                calls.append(message)
                if len(calls) == 10:
                    raise Cancelled

            # A stopped process: its system takes the connection, and nobody answers.
            process.send_signal(signal.SIGSTOP)
            started = time.monotonic()
            with pytest.raises(Cancelled):
                predictor.features(images[0], stop_later)
            assert time.monotonic() - started < 10
            process.send_signal(signal.SIGCONT)
            np.testing.assert_allclose(
                predictor.features(images[1]), own.features(images[1]), atol=1e-4
            )
            assert predictor.device_text.startswith("Server")


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_a_server_that_never_answers_is_given_up(make_bundle, volume, scheme):
    pytest.importorskip("tritonclient")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}"
        server = RemoteServer(address, timeout_s=0.5, attempts=1)
        predictor = load_predictor(make_bundle(), "cpu", engine="remote", server=server)
    assert predictor.device_text.startswith("CPU")
    assert any("does not answer" in each for each in predictor.predict(volume, _VALUES).notices)


@pytest.mark.parametrize("address", ["host:80", "ftp://host:1", "grpc://host", "http://h:1/x"])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(UserError, match="no address of a server"):
        RemoteServer(address)


def test_a_token_never_travels_to_another_machine_without_tls():
    for address in ("grpc://host:1", "http://10.0.0.1:1"):
        with pytest.raises(UserError, match="without encryption"):
            RemoteServer(address, token="secret")
    assert RemoteServer("grpcs://host:1", token="secret").is_encrypted
    assert RemoteServer("http://127.0.0.1:1", token="secret").is_here


def test_calls_that_can_not_be_are_refused(make_bundle, tmp_path, capsys):
    model = str(make_bundle())
    (tmp_path / "scan.nii.gz").write_bytes(b"")
    predict = ["predict", str(tmp_path / "scan.nii.gz"), "--model", model]
    assert run([*predict, "--engine", "remote"]) == 2
    assert "--server" in capsys.readouterr().err
    assert run([*predict, "--server", "grpc://host:1"]) == 2
    assert "go together" in capsys.readouterr().err
    assert run(["serve", "--model", model, "--host", "0.0.0.0"]) == 2
    assert "FUSION3D_SERVER_TOKEN" in capsys.readouterr().err
    assert run(["serve", "--model", model, "--by", "kserve"]) == 2
    assert "listens on all addresses" in capsys.readouterr().err
