"""Image embeddings of cases as files of NumPy (``.npy``): written, and read without trusting what they claim."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.input_file import read_bounded
from fusion3d_gui.output_file import whole_file

#: Folder of the image embeddings, beside the table of results: a file a case, named like its heatmap.
EMBEDDINGS = "embeddings"
#: The longest embedding that is read; that of the shipped models has 512 to 544 numbers.
MOST_NUMBERS = 16_384
#: Besides its numbers a file has a header.
_MOST_BYTES = 4 * MOST_NUMBERS + 4_096


def write_embedding(path: Path, embedding: np.ndarray) -> None:
    """Write an image embedding [E] as float32; ``numpy.load(path, allow_pickle=False)`` reads it.

    Raises OSError where it can't be written.
    """
    with whole_file(path) as partial, partial.open("wb") as file:
        np.save(file, np.asarray(embedding, dtype="<f4"), allow_pickle=False)


def read_embedding(path: Path) -> np.ndarray:
    """Read an image embedding, float32 ``[E]``.

    The header is looked at before anything is allocated; nothing is unpickled.

    Raises
    ------
    UserError
        The file is none of ours: too large, not float32, not of one axis, cut off, or with a number that is not
        finite.
    OSError
        It can't be read.
    """
    try:
        content = io.BytesIO(read_bounded(path, _MOST_BYTES))
        if np.lib.format.read_magic(content) != (1, 0):
            raise ValueError("another version of the format")
        shape, _, kind = np.lib.format.read_array_header_1_0(content)
        numbers = content.read()
        if kind != np.dtype("<f4") or len(shape) != 1 or len(numbers) != 4 * shape[0]:
            raise ValueError("not as many numbers as it claims")
        embedding = np.frombuffer(numbers, "<f4").astype(np.float32)
        if not len(embedding) or not np.isfinite(embedding).all():
            raise ValueError("not all numbers are finite")
    except ValueError as error:
        raise UserError(
            f"is no embedding ({error})", path=path, remedy="Predict the case again."
        ) from None
    return embedding
