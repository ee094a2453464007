"""``RemoteEngine``: the convolutions on a server that speaks the KServe v2 protocol, over gRPC or HTTP.

What leaves this machine is the network's input grid as numbers, and a random number that names the request. No header,
name, identifier or value of the form is sent; the head runs here.
"""

from __future__ import annotations

import logging
import re
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.engines.protocol import TorchEngine, finite
from fusion3d_gui.inference.engines.remote_server import RemoteServer
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.progress import Progress, no_progress, part_of

log = logging.getLogger(__name__)

#: Interval at which a running request is polled and ``progress`` is called.
_POLL_S = 0.05
#: Pause before a request is made again, times the number of the attempt.
_PAUSE_S = 0.5
_AT_ONCE = 4
#: Status of a server that has no call for a model's configuration, in gRPC and HTTP.
_NO_SUCH_CALL = ("StatusCode.UNIMPLEMENTED", "404", "405")
_DIGEST = re.compile("[0-9a-f]{64}")

#: Names of the tensors; ``fusion3d serve`` uses the same.
IMAGE, MAPS, POOLED = "image", "feature_maps", "pooled"
#: In the configuration that a Triton server gives of a model: the SHA-256 of the bundle's weights.
WEIGHTS_PARAMETER = "weights_sha256"


def name_with_digest(name: str, weights_sha256: str) -> str:
    """The name of a model on a server whose models have no versions, such as KServe's own and Triton."""
    return f"{name}-{weights_sha256}"


def _other_weights(name: str, versions: Sequence[str]) -> str:
    if any(map(_DIGEST.fullmatch, versions)):
        return "the server has this model with other weights"
    return f"the server does not say which weights its model {name} has"


class ServerRefusal(RuntimeError):
    """The server answers, but can't be used: other weights, no such model, no permission.

    ``status`` is that of its answer, as gRPC or HTTP calls it; empty where the answer itself was the reason.
    """

    def __init__(self, text: str, status: str = "") -> None:
        super().__init__(text)
        self.status = status


class RemoteEngine:
    """Asks a server for feature maps; gradients at the input are computed here by PyTorch.

    Parameters
    ----------
    bundle
        The loaded model: the server must have one of this name, whose version is the SHA-256 of the same weights, or
        one whose name is :func:`name_with_digest`. Every request names the digest, so that a server restarted with
        other weights refuses. Where the server gives a configuration of the latter, as Triton does, that must name the
        same digest.
    server
        The server.

    Raises
    ------
    UserError
        The client library is not installed.
    RuntimeError
        The server can't be reached, or has no such model.
    """

    def __init__(self, bundle: ModelBundle, server: RemoteServer) -> None:
        self.name = "remote"
        lock = "" if server.is_encrypted or server.is_here else ", not encrypted"
        self.text = f"Server {server.place}{lock}"
        self.libraries: dict[str, str] = {}
        self._network = bundle.network
        self._channels = bundle.info.network.feature_channels
        self._server = server
        self._calls = self._with_these_weights(bundle.info.name, bundle.weights_sha256)

    def features(self, voxels: np.ndarray, progress: Progress = no_progress) -> np.ndarray:
        """See :class:`~fusion3d_gui.inference.engines.protocol.Engine`."""
        maps = self._ask(finite(voxels)[None, None], MAPS, progress)
        if maps.ndim != 5 or maps.shape[:2] != (1, self._channels):
            raise RuntimeError("the server's feature maps have another shape")
        return finite(maps[0])

    def pooled(self, images: np.ndarray, progress: Progress = no_progress) -> np.ndarray:
        """See :class:`~fusion3d_gui.inference.engines.protocol.Engine`."""
        found = []
        for start in range(0, len(images), _AT_ONCE):
            batch = images[start : start + _AT_ONCE]
            report = part_of(
                progress, start / len(images), min(start + _AT_ONCE, len(images)) / len(images)
            )
            means = self._ask(finite(batch)[:, None], POOLED, report)
            if means.shape != (len(batch), self._channels):
                raise RuntimeError("the server's pooled features have another shape")
            found.append(means)
        return finite(np.concatenate(found))

    def input_gradient(
        self, voxels: np.ndarray, pooled_gradient: np.ndarray, progress: Progress = no_progress
    ) -> np.ndarray:
        """See :class:`~fusion3d_gui.inference.engines.protocol.Engine`; on this machine's processor."""
        local = TorchEngine(self._network, torch.device("cpu"))
        return local.input_gradient(voxels, pooled_gradient, progress)

    def prepare_gradient(self) -> None:
        """See :class:`~fusion3d_gui.inference.engines.protocol.Engine`; the network is ready as it is."""

    def _with_these_weights(self, name: str, digest: str) -> _Calls:
        """Calls of the model that has these weights by its version or, where these are numbers or none, by its name."""
        calls = _calls(self._server, name, digest)
        try:
            versions = self._again(calls.versions, no_progress)
            if digest in versions:
                return calls
            refusal = ServerRefusal(_other_weights(name, versions))
        except ServerRefusal as error:
            refusal = error
        name = name_with_digest(name, digest)
        try:
            numbers = self._again(_calls(self._server, name, "").versions, no_progress)
        except ServerRefusal:
            raise refusal from None
        if len(numbers) > 1:
            raise ServerRefusal(f"the server has several versions of {name}")
        calls = _calls(self._server, name, *numbers or ("",))
        self._check_configuration(calls, name, digest)
        return calls

    def _check_configuration(self, calls: _Calls, name: str, digest: str) -> None:
        """Raise ServerRefusal where the server's configuration of a model does not name these weights."""
        try:
            found = self._again(calls.configured_weights, no_progress)
        except ServerRefusal as error:
            if error.status in _NO_SUCH_CALL:
                return  # the protocol has no configurations: the model's name, which holds the digest, is all it says
            raise
        if found is None:
            raise ServerRefusal(
                f"the server's configuration of {name} does not say which weights it has: "
                f"its parameter {WEIGHTS_PARAMETER} is missing"
            )
        if found != digest:
            raise ServerRefusal(f"the server's configuration of {name} names other weights")

    def _ask(self, images: np.ndarray, output: str, progress: Progress) -> np.ndarray:
        """One output for images [n, 1, k, j, i]."""
        given = np.ascontiguousarray(images, dtype=np.float32)
        # Unpredictable: an answer to another request can't have it.
        number = secrets.token_hex(16)

        def work() -> np.ndarray:
            answered, values = self._calls.infer(given, output, number)
            if answered != number:
                raise ServerRefusal("the server answered another request")
            return np.array(values, dtype=np.float32)  # a copy: theirs is read-only

        found: np.ndarray = self._again(work, progress)
        return found

    def _again(self, work: Callable[[], Any], progress: Progress) -> Any:
        """Run ``work`` on a thread, again where the connection fails; ``progress`` may give it up."""
        for attempt in range(1, self._server.attempts + 1):
            try:
                return _watched(work, progress, self._server.timeout_s)
            except (ConnectionError, OSError) as error:
                if isinstance(error, TimeoutError) or attempt == self._server.attempts:
                    raise RuntimeError(f"the server does not answer ({error})") from None
                log.info("the server does not answer, attempt %d", attempt)
            until = time.monotonic() + _PAUSE_S * attempt
            while time.monotonic() < until:
                progress(0.0, "Waiting for the server")
                time.sleep(_POLL_S)
        raise AssertionError


def _watched(work: Callable[[], Any], progress: Progress, timeout_s: float) -> Any:
    """The outcome of ``work`` on a daemon thread. A request that is given up ends by itself; nobody hears its answer."""
    progress(0.0, "Predicting on the server")
    outcome: list[Any] = []
    failure: list[Exception] = []
    done = threading.Event()

    def run() -> None:
        try:
            outcome.append(work())
        except Exception as error:  # noqa: BLE001 - raised again on the caller's thread
            failure.append(error)
        finally:
            done.set()

    threading.Thread(target=run, name="fusion3d-remote", daemon=True).start()
    started = time.monotonic()
    while not done.wait(_POLL_S):
        share = (time.monotonic() - started) / timeout_s
        if share > 1:
            raise TimeoutError(f"no answer within {timeout_s:.0f} s")
        progress(min(share, 0.95), "Predicting on the server")
    if failure:
        raise failure[0]
    return outcome[0]


class _Calls:
    """The calls of the protocol, by one of tritonclient's two clients, made anew for each call.

    Raises OSError where the connection fails, ServerRefusal where the server refuses.
    """

    def __init__(self, module: Any, server: RemoteServer, model: str, version: str) -> None:
        self._module = module
        self._server = server
        self._model = model
        self._version = version
        self._headers = {"authorization": f"Bearer {server.token}"} if server.token else {}
        # Arguments of the calls that describe a model; by HTTP the client has the timeout.
        self._described: dict[str, Any] = {"headers": self._headers}
        if server.is_grpc:
            self._described["client_timeout"] = server.timeout_s

    def versions(self) -> tuple[str, ...]:
        """The versions of the model that the server names; none where it has no versions."""

        def work(client: Any) -> tuple[str, ...]:
            said = client.get_model_metadata(self._model, **self._described)
            return tuple(said.versions if self._server.is_grpc else said.get("versions") or ())

        found: tuple[str, ...] = self._with_client(work)
        return found

    def configured_weights(self) -> str | None:
        """The weights' SHA-256 in the server's configuration of the model (an extension of the protocol); None without."""

        def work(client: Any) -> str | None:
            said = client.get_model_config(self._model, self._version, **self._described)
            if self._server.is_grpc:
                parameters = said.config.parameters
                given = parameters.get(WEIGHTS_PARAMETER)
                return given and str(given.string_value)
            given = (said.get("parameters") or {}).get(WEIGHTS_PARAMETER)
            return given and str(given["string_value"])

        found: str | None = self._with_client(work)
        return found

    def infer(self, images: np.ndarray, output: str, number: str) -> tuple[str, np.ndarray]:
        """(the answer's identifier, one output) for images [n, 1, k, j, i]."""
        # Binary tensors are an extension of HTTP that not every server has.
        plain = {} if self._server.is_grpc else {"binary_data": False}
        given = self._module.InferInput(IMAGE, list(images.shape), "FP32")
        given.set_data_from_numpy(images, **plain)
        asked = self._module.InferRequestedOutput(output, **plain)
        # KServe's server takes a body without this for a binary one.
        kind = {} if self._server.is_grpc else {"content-type": "application/json"}
        options: dict[str, Any] = {
            "model_version": self._version,
            "outputs": [asked],
            "request_id": number,
            "headers": {**self._headers, **kind},
        }
        if self._server.is_grpc:
            options["client_timeout"] = self._server.timeout_s

        def work(client: Any) -> tuple[str, np.ndarray]:
            result = client.infer(self._model, [given], **options)
            said, values = result.get_response(), result.as_numpy(output)
            if values is None:
                raise ServerRefusal(f"the server's answer has no {output}")
            return (said.id if self._server.is_grpc else said.get("id", "")), values

        answer: tuple[str, np.ndarray] = self._with_client(work)
        return answer

    def _with_client(self, work: Callable[[Any], Any]) -> Any:
        from tritonclient.utils import InferenceServerException

        client = self._client()
        try:
            return work(client)
        except InferenceServerException as error:
            status, text = str(error.status() or ""), str(error.message())[:200]
            if "DEADLINE_EXCEEDED" in status:
                raise TimeoutError(text) from None
            if "UNAVAILABLE" in status:
                raise ConnectionError(text) from None
            raise ServerRefusal(f"the server refused: {text}", status) from None
        except (OSError, ServerRefusal):
            raise
        except Exception as error:  # noqa: BLE001 - what another program sends may break a client anywhere
            raise ConnectionError(f"no answer that can be read, {type(error).__name__}") from None
        finally:
            client.close()

    def _client(self) -> Any:
        server = self._server
        authority = str(server.authority) if server.authority else None
        if server.is_grpc:
            return self._module.InferenceServerClient(
                server.place, ssl=server.is_encrypted, root_certificates=authority
            )
        options: dict[str, Any] = {}
        if server.is_encrypted and authority:
            options["ssl_options"] = {"ca_certs": authority}
        return self._module.InferenceServerClient(
            server.place,
            ssl=server.is_encrypted,
            connection_timeout=server.timeout_s,
            network_timeout=server.timeout_s,
            **options,
        )


def _calls(server: RemoteServer, model: str, version: str) -> _Calls:
    try:
        if server.is_grpc:
            import tritonclient.grpc as module
        else:
            import tritonclient.http as module
    except ImportError:
        raise UserError(
            "the client for model servers is not installed",
            remedy="Install it: pip install fusion3d[remote].",
        ) from None
    return _Calls(module, server, model, version)
