"""``serve_model``: a model behind the KServe v2 protocol (HTTP and gRPC), by MLServer.

MLServer was chosen over KServe's own server, which asks for an older psutil than this program.
"""

from __future__ import annotations

import asyncio
import hmac
import tempfile

import numpy as np
import torch
from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec
from mlserver.errors import InferenceError, MLServerError
from mlserver.settings import ModelParameters
from mlserver.types import (
    Datatype,
    InferenceRequest,
    InferenceResponse,
    MetadataTensor,
    RequestInput,
)

from fusion3d_gui.inference.engines.remote import IMAGE, MAPS, POOLED
from fusion3d_gui.inference.predictor import Predictor

#: An optional second input, the form's values as the network takes them; with it, the output ``logit``.
METADATA, LOGIT = "metadata", "logit"
_MOST_IMAGES = 16
#: Above the largest request: 16 images of 128³ values.
_LARGEST_MESSAGE_BYTES = 256_000_000

#: What this process serves, with the token: MLServer makes :class:`ServedModel` itself, from its settings only.
_served: tuple[Predictor, str] | None = None


def serve_model(predictor: Predictor, host: str, port: int, grpc_port: int, token: str) -> None:
    """Serve until the process is told to end (SIGINT, SIGTERM).

    Parameters
    ----------
    predictor
        The loaded model. Clients ask for it by the bundle's name, and its version is the weights' SHA-256.
    host, port, grpc_port
        Where HTTP and gRPC listen.
    token
        A request for a prediction must carry it as ``Authorization: Bearer``; empty: none is asked for.
    """
    global _served
    _served = predictor, token
    with tempfile.TemporaryDirectory() as empty:
        settings = Settings(
            debug=False,
            host=host,
            http_port=port,
            grpc_port=grpc_port,
            grpc_max_message_length=_LARGEST_MESSAGE_BYTES,
            metrics_endpoint=None,
            # The predictor belongs to one thread of this process.
            parallel_workers=0,
            # No client can have the server load a model from the present folder.
            model_repository_root=empty,
            load_models_at_startup=False,
            server_name="fusion3d",
        )
        asyncio.run(_run(settings, _model_settings(predictor)))


async def _run(settings: Settings, model: ModelSettings) -> None:
    await MLServer(settings).start([model])


def _model_settings(predictor: Predictor) -> ModelSettings:
    info = predictor.info
    shape = [-1, 1, *info.preprocessing.shape_kji]
    channels = info.network.feature_channels
    inputs = [MetadataTensor(name=IMAGE, shape=shape, datatype=Datatype.FP32)]
    outputs = [
        MetadataTensor(name=MAPS, shape=[-1, channels, -1, -1, -1], datatype=Datatype.FP32),
        MetadataTensor(name=POOLED, shape=[-1, channels], datatype=Datatype.FP32),
        MetadataTensor(name=LOGIT, shape=[-1, 1], datatype=Datatype.FP32),
    ]
    if predictor.head.takes_metadata:
        width = info.schema.width
        inputs.append(MetadataTensor(name=METADATA, shape=[-1, width], datatype=Datatype.FP32))

    return ModelSettings(
        name=info.name,
        versions=[predictor.weights_sha256],
        platform="fusion3d",
        inputs=inputs,
        outputs=outputs,
        implementation=ServedModel,
        parameters=ModelParameters(version=predictor.weights_sha256),
    )


class ServedModel(MLModel):  # type: ignore[misc]
    """The model of this process: feature maps, pooled features and logits of images."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(settings)
        assert _served is not None
        self._predictor, self._token = _served
        self._one_at_a_time = asyncio.Lock()

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer one request. Raises MLServerError, which the client gets as its text."""
        self._check_token(payload)
        given = {each.name: _values(each) for each in payload.inputs}
        wanted = [each.name for each in payload.outputs or ()] or [
            LOGIT if METADATA in given else POOLED
        ]
        self._check(given, wanted)
        async with self._one_at_a_time:
            found = await asyncio.to_thread(self._compute, given, wanted)
        return InferenceResponse(
            model_name=self.name,
            model_version=self.version,
            outputs=[NumpyCodec.encode_output(name, found[name]) for name in wanted],
        )

    def _check_token(self, payload: InferenceRequest) -> None:
        headers = getattr(payload.parameters, "headers", None) or {}
        given = {name.lower(): value for name, value in headers.items()}.get("authorization", "")
        if self._token and not hmac.compare_digest(
            given.encode(), f"Bearer {self._token}".encode()
        ):
            raise MLServerError("the token is missing or wrong", 401)

    def _check(self, given: dict[str, np.ndarray], wanted: list[str]) -> None:
        info = self._predictor.info
        shape, image = info.preprocessing.shape_kji, given.get(IMAGE)
        if image is None or image.shape[1:] != (1, *shape) or not 0 < len(image) <= _MOST_IMAGES:
            raise InferenceError(f"{IMAGE} must have the shape (1 to {_MOST_IMAGES}, 1, {shape})")
        if not np.isfinite(image).all():
            raise InferenceError(f"{IMAGE} holds values that are not finite")
        unknown = set(wanted) - {MAPS, POOLED, LOGIT}
        if unknown:
            raise InferenceError(f"there is no output {min(unknown)[:60]}")
        if LOGIT in wanted and self._predictor.head.takes_metadata:
            codes = given.get(METADATA)
            if codes is None or codes.shape != (len(image), info.schema.width):
                raise InferenceError(f"{METADATA} must have the shape (n, {info.schema.width})")

    def _compute(self, given: dict[str, np.ndarray], wanted: list[str]) -> dict[str, np.ndarray]:
        images, found = given[IMAGE][:, 0], {}
        if MAPS in wanted:
            maps = np.stack([self._predictor.features(image) for image in images])
            found[MAPS], pooled = maps, maps.mean(axis=(2, 3, 4))
        else:
            pooled = self._predictor.pooled(images)
        found[POOLED] = pooled
        if LOGIT in wanted:
            head = self._predictor.head
            logits = head.logits(torch.from_numpy(pooled), given.get(METADATA))
            found[LOGIT] = logits.astype(np.float32)[:, None]
        return found


def _values(given: RequestInput) -> np.ndarray:
    # From gRPC it is text, from HTTP one of the enumeration.
    if getattr(given.datatype, "value", given.datatype) != Datatype.FP32.value:
        raise InferenceError(f"{given.name[:60]} must be FP32")
    try:
        return np.array(NumpyCodec.decode_input(given), dtype=np.float32)
    except (ValueError, TypeError):
        raise InferenceError(f"{given.name[:60]} can't be read") from None
