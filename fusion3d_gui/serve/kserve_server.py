"""``serve_by_kserve``: a model behind the KServe v2 protocol (HTTP and gRPC), by KServe's own server."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import numpy as np

from fusion3d_gui.serve.served_model import (
    DATATYPE,
    LARGEST_MESSAGE_BYTES,
    RequestRefused,
    ServedModel,
    TensorShape,
    tensor_of,
)

# It reads the command line when it is imported, and takes the size of messages from there only.
_own_arguments = sys.argv
sys.argv = [
    "fusion3d",
    *("--grpc_max_receive_message_length", str(LARGEST_MESSAGE_BYTES)),
    *("--grpc_max_send_message_length", str(LARGEST_MESSAGE_BYTES)),
    *("--configure_logging", "false"),
]
try:
    import kserve
finally:
    sys.argv = _own_arguments


def serve_by_kserve(model: ServedModel, port: int, grpc_port: int) -> None:
    """Serve on all addresses of this machine until the process is told to end (SIGINT, SIGTERM).

    Parameters
    ----------
    model
        KServe's server has no versions: clients ask for a model whose name ends with the weights' SHA-256.
    port, grpc_port
        Where HTTP and gRPC listen.
    """
    server = kserve.ModelServer(
        http_port=port,
        grpc_port=grpc_port,
        workers=1,
        enable_docs_url=False,
        enable_latency_logging=False,
    )
    server.start([ModelOfKServe(model)])


class ModelOfKServe(kserve.Model):  # type: ignore[misc]
    """The model of this process: feature maps, pooled features and logits of images."""

    def __init__(self, model: ServedModel) -> None:
        super().__init__(model.name_with_digest)
        self._model = model
        self._one_at_a_time = asyncio.Lock()
        self.ready = True

    def get_input_types(self) -> list[dict[str, Any]]:
        """Inputs, as the protocol describes them."""
        return [_described(each) for each in self._model.inputs]

    def get_output_types(self) -> list[dict[str, Any]]:
        """Outputs, as the protocol describes them."""
        return [_described(each) for each in self._model.outputs]

    async def predict(
        self,
        payload: kserve.InferRequest,
        headers: dict[str, str] | None = None,
        response_headers: dict[str, str] | None = None,
    ) -> kserve.InferResponse:
        """Answer one request. Raises InvalidInput, which the client gets as its text."""
        try:
            self._model.check_token(headers or {})
            given = {each.name: _values(each) for each in payload.inputs}
            wanted = [each.name for each in payload.request_outputs or ()]
            async with self._one_at_a_time:
                found = await asyncio.to_thread(self._model.answer, given, wanted)
        except RequestRefused as error:
            raise kserve.errors.InvalidInput(str(error)) from None
        outputs = []
        for name, values in found.items():
            output = kserve.InferOutput(name=name, shape=list(values.shape), datatype=DATATYPE)
            output.set_data_from_numpy(values, binary_data=payload.use_binary_outputs)
            outputs.append(output)
        return kserve.InferResponse(
            response_id=payload.id,
            model_name=self.name,
            infer_outputs=outputs,
            use_binary_outputs=payload.use_binary_outputs,
        )


def _described(tensor: TensorShape) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": DATATYPE, "shape": list(tensor.shape)}


def _values(given: kserve.InferInput) -> np.ndarray:
    try:
        values = given.as_numpy()
    except (ValueError, TypeError, kserve.errors.InvalidInput):
        values = None
    return tensor_of(given.name, given.datatype, values, given.shape)
