"""Whether a model still has the weights that made a kept prediction."""

from __future__ import annotations

import hashlib

from fusion3d_gui.model.bundle.bundle_info import BundleInfo


def weights_are(info: BundleInfo, sha256: str) -> bool:
    """Whether the bundle's weights file has this hash; for a worker. False where it can't be read."""
    try:
        with info.weights_path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False
