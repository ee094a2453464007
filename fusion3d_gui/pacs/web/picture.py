"""``decoded_picture``: a small picture that a server has rendered, as pixels; a stranger's bytes are bounded first."""

from __future__ import annotations

import io
import warnings

import numpy as np

#: Largest picture that is taken, in bytes and in pixels on an edge.
MOST_BYTES = 1 << 20
_MOST_PIXELS = 512


def decoded_picture(content: bytes) -> np.ndarray | None:
    """PNG or JPEG as uint8 RGB ``[row, column, 3]``; None where it is none, or larger than is taken."""
    from PIL import Image, UnidentifiedImageError

    if len(content) > MOST_BYTES:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what Pillow doubts is not shown
            with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as picture:
                if max(picture.size) > _MOST_PIXELS:
                    return None
                return np.array(picture.convert("RGB"))
    except (UnidentifiedImageError, Image.DecompressionBombError, Warning, OSError):
        return None
    except (SyntaxError, ValueError, EOFError, MemoryError, IndexError, TypeError):
        return None  # what Pillow raises on damaged files
