"""``ServedModel``: what a server of the KServe v2 protocol says and computes, whichever library speaks the protocol."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from fusion3d_gui.inference.engines.remote import IMAGE, MAPS, POOLED, name_with_digest
from fusion3d_gui.inference.predictor import Predictor

#: An optional second input, the form's values as the network takes them; with it, the output ``logit``.
METADATA, LOGIT = "metadata", "logit"
#: All tensors are of this datatype of the protocol.
DATATYPE = "FP32"
#: Above the largest request: 16 images of 128³ values.
LARGEST_MESSAGE_BYTES = 256_000_000
_MOST_IMAGES = 16


class RequestRefused(ValueError):
    """A request that is not answered; its text is for the client. ``status`` is HTTP's."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


class TensorShape(NamedTuple):
    """Name and shape of an input or output; −1 where any size goes."""

    name: str
    shape: tuple[int, ...]


class ServedModel:
    """A loaded model behind the protocol. One request at a time: the predictor belongs to one thread.

    Parameters
    ----------
    predictor
        The loaded model.
    token
        A request for a prediction must carry it as ``Authorization: Bearer``; empty: none is asked for.
    """

    def __init__(self, predictor: Predictor, token: str) -> None:
        self._predictor, self._token = predictor, token
        info = predictor.info
        #: The bundle's name, and its version: the SHA-256 of its weights.
        self.name, self.version = info.name, predictor.weights_sha256
        #: The name by which a server without versions has it.
        self.name_with_digest = name_with_digest(self.name, self.version)
        channels = info.network.feature_channels
        self.inputs = [TensorShape(IMAGE, (-1, 1, *info.preprocessing.shape_kji))]
        if predictor.head.takes_metadata:
            self.inputs.append(TensorShape(METADATA, (-1, info.schema.width)))
        self.outputs = [
            TensorShape(MAPS, (-1, channels, -1, -1, -1)),
            TensorShape(POOLED, (-1, channels)),
            TensorShape(LOGIT, (-1, 1)),
        ]

    def check_token(self, headers: Mapping[str, str]) -> None:
        """Raise RequestRefused unless the headers carry the token."""
        given = {name.lower(): value for name, value in headers.items()}.get("authorization", "")
        expected = f"Bearer {self._token}".encode()
        if self._token and not hmac.compare_digest(given.encode(), expected):
            raise RequestRefused("the token is missing or wrong", 401)

    def answer(
        self, given: Mapping[str, np.ndarray], wanted: Sequence[str]
    ) -> dict[str, np.ndarray]:
        """The outputs asked for, float32; with none, the logits where metadata is given, else pooled features.

        Raises RequestRefused for inputs or outputs that the model has not.
        """
        wanted = wanted or [LOGIT if METADATA in given else POOLED]
        self._check(given, wanted)
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
        return {name: found[name] for name in wanted}

    def _check(self, given: Mapping[str, np.ndarray], wanted: Sequence[str]) -> None:
        info = self._predictor.info
        shape, image = info.preprocessing.shape_kji, given.get(IMAGE)
        if image is None or image.shape[1:] != (1, *shape) or not 0 < len(image) <= _MOST_IMAGES:
            raise RequestRefused(f"{IMAGE} must have the shape (1 to {_MOST_IMAGES}, 1, {shape})")
        if not np.isfinite(image).all():
            raise RequestRefused(f"{IMAGE} holds values that are not finite")
        unknown = set(wanted) - {MAPS, POOLED, LOGIT}
        if unknown:
            raise RequestRefused(f"there is no output {min(unknown)[:60]}")
        if LOGIT in wanted and self._predictor.head.takes_metadata:
            codes = given.get(METADATA)
            if codes is None or codes.shape != (len(image), info.schema.width):
                raise RequestRefused(f"{METADATA} must have the shape (n, {info.schema.width})")
            if not np.isfinite(codes).all():
                raise RequestRefused(f"{METADATA} holds values that are not finite")


def tensor_of(
    name: str, datatype: object, values: np.ndarray | None, shape: Sequence[int]
) -> np.ndarray:
    """An input's values as float32 of its declared shape. Raises RequestRefused where it is of another datatype."""
    # From gRPC it is text, from HTTP one of an enumeration.
    if getattr(datatype, "value", datatype) != DATATYPE:
        raise RequestRefused(f"{name[:60]} must be {DATATYPE}")
    try:
        return np.array(values, dtype=np.float32).reshape([int(size) for size in shape])
    except (ValueError, TypeError):
        raise RequestRefused(f"{name[:60]} can't be read") from None
