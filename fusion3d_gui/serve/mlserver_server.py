"""``serve_by_mlserver``: a model behind the KServe v2 protocol (HTTP and gRPC), by MLServer."""

from __future__ import annotations

import asyncio
import tempfile

import numpy as np
from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec
from mlserver.errors import MLServerError
from mlserver.settings import ModelParameters
from mlserver.types import (
    Datatype,
    InferenceRequest,
    InferenceResponse,
    MetadataTensor,
    RequestInput,
)

from fusion3d_gui.serve.served_model import (
    LARGEST_MESSAGE_BYTES,
    RequestRefused,
    ServedModel,
    TensorShape,
    tensor_of,
)

#: What this process serves: MLServer makes :class:`ModelOfMLServer` itself, from its settings only.
_served: ServedModel | None = None


def serve_by_mlserver(model: ServedModel, host: str, port: int, grpc_port: int) -> None:
    """Serve until the process is told to end (SIGINT, SIGTERM).

    Parameters
    ----------
    model
        Clients ask for it by the bundle's name, and its version is the weights' SHA-256.
    host, port, grpc_port
        Where HTTP and gRPC listen.
    """
    global _served
    _served = model
    with tempfile.TemporaryDirectory() as empty:
        settings = Settings(
            debug=False,
            host=host,
            http_port=port,
            grpc_port=grpc_port,
            grpc_max_message_length=LARGEST_MESSAGE_BYTES,
            metrics_endpoint=None,
            # The predictor belongs to one thread of this process.
            parallel_workers=0,
            # No client can have the server load a model from the present folder.
            model_repository_root=empty,
            load_models_at_startup=False,
            server_name="fusion3d",
        )
        asyncio.run(_run(settings, _model_settings(model)))


async def _run(settings: Settings, model: ModelSettings) -> None:
    await MLServer(settings).start([model])


def _model_settings(model: ServedModel) -> ModelSettings:
    return ModelSettings(
        name=model.name,
        versions=[model.version],
        platform="fusion3d",
        inputs=[_described(each) for each in model.inputs],
        outputs=[_described(each) for each in model.outputs],
        implementation=ModelOfMLServer,
        parameters=ModelParameters(version=model.version),
    )


def _described(tensor: TensorShape) -> MetadataTensor:
    return MetadataTensor(name=tensor.name, shape=list(tensor.shape), datatype=Datatype.FP32)


class ModelOfMLServer(MLModel):  # type: ignore[misc]
    """The model of this process: feature maps, pooled features and logits of images."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(settings)
        assert _served is not None
        self._model = _served
        self._one_at_a_time = asyncio.Lock()

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer one request. Raises MLServerError, which the client gets as its text."""
        try:
            self._model.check_token(getattr(payload.parameters, "headers", None) or {})
            given = {each.name: _values(each) for each in payload.inputs}
            wanted = [each.name for each in payload.outputs or ()]
            async with self._one_at_a_time:
                found = await asyncio.to_thread(self._model.answer, given, wanted)
        except RequestRefused as error:
            raise MLServerError(str(error), error.status) from None
        return InferenceResponse(
            model_name=self.name,
            model_version=self.version,
            outputs=[NumpyCodec.encode_output(name, values) for name, values in found.items()],
        )


def _values(given: RequestInput) -> np.ndarray:
    try:
        values = NumpyCodec.decode_input(given)
    except (ValueError, TypeError):
        values = None
    return tensor_of(given.name, given.datatype, values, given.shape)
