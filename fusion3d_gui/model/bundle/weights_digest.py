"""``weights_digest``: the SHA-256 of a bundle's weights, by which records say which weights they are about."""

from __future__ import annotations

import hashlib

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.progress import Progress, no_progress

_CHUNK_BYTES = 1 << 20


def weights_digest(info: BundleInfo, progress: Progress = no_progress) -> str:
    """SHA-256 of the weights file, in hexadecimal, without loading the weights.

    Raises
    ------
    UserError
        The file can't be read.
    """
    digest, done = hashlib.sha256(), 0
    try:
        size = max(info.weights_path.stat().st_size, 1)
        with info.weights_path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
                done += len(chunk)
                progress(min(done / size, 1.0), "Reading the weights")
    except OSError as error:
        raise UserError(
            f"the weights can't be read ({error.strerror})", path=info.weights_path
        ) from None
    return digest.hexdigest()
