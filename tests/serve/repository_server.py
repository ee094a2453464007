"""``repository_server``: a server of the KServe v2 protocol that serves a Triton model repository as Triton would.

It reads each ``config.pbtxt`` by the protocol's own message, refuses what does not fit it in the way that Triton does,
and runs the model by ONNX Runtime. gRPC is served by the protocol's own stubs, which tritonclient brings; HTTP by hand.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np


class Refused(ValueError):
    """What the server does not do; its text is for the client."""


class Model:
    """One folder of a repository."""

    def __init__(self, folder: Path) -> None:
        import onnxruntime
        from google.protobuf import text_format
        from tritonclient.grpc import model_config_pb2

        text = (folder / "config.pbtxt").read_text(encoding="utf-8")
        self.config = text_format.Parse(text, model_config_pb2.ModelConfig())
        assert self.config.name == folder.name
        assert self.config.platform == "onnxruntime_onnx"
        assert self.config.max_batch_size == 0
        self.sessions = {
            str(version): onnxruntime.InferenceSession(
                folder / str(version) / "model.onnx", providers=["CPUExecutionProvider"]
            )
            for version in self.config.version_policy.specific.versions
        }
        #: The names of the inputs of each request that came.
        self.asked: list[tuple[str, ...]] = []
        #: A request that came is answered once this is set.
        self.goes_on = threading.Event()
        self.goes_on.set()

    def answer(
        self, version: str, given: Mapping[str, np.ndarray], wanted: list[str]
    ) -> dict[str, np.ndarray]:
        """The outputs asked for, else all."""
        session = self.sessions.get(version or max(self.sessions, key=int))
        if session is None:
            raise Refused(f"version {version} of {self.config.name} is not available")
        self.asked.append(tuple(given))
        self.goes_on.wait(60)
        if len(given) != len(self.config.input):
            raise Refused(f"expected {len(self.config.input)} inputs but got {len(given)} inputs")
        for tensor in self.config.input:
            values = given.get(tensor.name)
            if values is None:
                raise Refused(f"input {tensor.name} is missing")
            if len(values.shape) != len(tensor.dims) or any(
                dim not in (-1, size) for dim, size in zip(tensor.dims, values.shape, strict=True)
            ):
                raise Refused(f"unexpected shape for input {tensor.name}: {values.shape}")
        names = wanted or [tensor.name for tensor in self.config.output]
        unknown = set(names) - {tensor.name for tensor in self.config.output}
        if unknown:
            raise Refused(f"unexpected inference output {min(unknown)}")
        return dict(zip(names, session.run(names, dict(given)), strict=True))


class Repository:
    """All models of a folder; ``has_configurations``: whether the server gives them, as Triton does."""

    def __init__(self, folder: Path, has_configurations: bool) -> None:
        models = map(Model, sorted(folder.iterdir()))
        self.models = {model.config.name: model for model in models}
        self.has_configurations = has_configurations

    def model(self, name: str) -> Model:
        if name not in self.models:
            raise Refused(f"Request for unknown model: '{name}' is not found")
        return self.models[name]


@contextlib.contextmanager
def repository_server(
    folder: Path, *, has_configurations: bool = True
) -> Iterator[tuple[Repository, str, str]]:
    """The repository and the addresses by gRPC and by HTTP."""
    repository = Repository(folder, has_configurations)
    with _grpc(repository) as grpc_port, _http(repository) as http_port:
        yield repository, f"grpc://127.0.0.1:{grpc_port}", f"http://127.0.0.1:{http_port}"


@contextlib.contextmanager
def _grpc(repository: Repository) -> Iterator[int]:
    import grpc
    from tritonclient.grpc import service_pb2, service_pb2_grpc

    class Servicer(service_pb2_grpc.GRPCInferenceServiceServicer):
        def ModelMetadata(self, request: Any, context: Any) -> Any:
            model = _found(context, request.name)
            return service_pb2.ModelMetadataResponse(
                name=request.name, versions=list(model.sessions), platform=model.config.platform
            )

        def ModelConfig(self, request: Any, context: Any) -> Any:
            if not repository.has_configurations:
                return super().ModelConfig(request, context)  # as the stub has it: unimplemented
            return service_pb2.ModelConfigResponse(config=_found(context, request.name).config)

        def ModelInfer(self, request: Any, context: Any) -> Any:
            model = _found(context, request.model_name)
            given = {
                tensor.name: np.frombuffer(raw, np.float32).reshape(tuple(tensor.shape))
                for tensor, raw in zip(request.inputs, request.raw_input_contents, strict=True)
            }
            try:
                found = model.answer(
                    request.model_version, given, [each.name for each in request.outputs]
                )
            except Refused as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            answer = service_pb2.ModelInferResponse(model_name=request.model_name, id=request.id)
            for name, values in found.items():
                answer.outputs.add(name=name, datatype="FP32", shape=values.shape)
                answer.raw_output_contents.append(values.tobytes())
            return answer

    def _found(context: Any, name: str) -> Model:
        try:
            return repository.model(name)
        except Refused as error:
            return context.abort(grpc.StatusCode.NOT_FOUND, str(error))

    sizes = [(f"grpc.max_{way}_message_length", -1) for way in ("send", "receive")]
    server = grpc.server(ThreadPoolExecutor(2), options=sizes)
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Servicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


_PATH = re.compile(r"/v2/models/([^/]+)(?:/versions/(\d+))?(/config|/infer)?")


@contextlib.contextmanager
def _http(repository: Repository) -> Iterator[int]:
    from google.protobuf import json_format

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name, _, action = _PATH.fullmatch(self.path).groups()
            try:
                model = repository.model(name)
            except Refused as error:
                return self.answer(404, {"error": str(error)})
            if action is None:
                return self.answer(200, {"name": name, "versions": list(model.sessions)})
            if not repository.has_configurations:
                return self.answer(404, {"detail": "Not Found"})
            plain = json_format.MessageToDict(model.config, preserving_proto_field_name=True)
            return self.answer(200, plain)

        def do_POST(self) -> None:
            name, version, _ = _PATH.fullmatch(self.path).groups()
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            given = {
                each["name"]: np.array(each["data"], np.float32).reshape(each["shape"])
                for each in asked["inputs"]
            }
            try:
                found = repository.model(name).answer(
                    version or "", given, [each["name"] for each in asked.get("outputs", ())]
                )
            except Refused as error:
                return self.answer(400, {"error": str(error)})
            outputs = [
                {
                    "name": name,
                    "datatype": "FP32",
                    "shape": list(values.shape),
                    "data": values.ravel().tolist(),
                }
                for name, values in found.items()
            ]
            return self.answer(200, {"id": asked["id"], "outputs": outputs})

        def answer(self, status: int, plain: Any) -> None:
            body = json.dumps(plain).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
