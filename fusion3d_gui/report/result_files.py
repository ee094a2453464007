"""A prediction as files: the result as JSON, the heatmap as NIfTI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.prediction import Heatmap


def write_json(plain: Any, path: Path) -> None:
    """Write a JSON document, UTF-8, indented. Raises UserError when the file can't be written."""
    text = json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"the result can't be written ({error.strerror})",
            path=path,
            remedy="Choose a folder that exists and that you may write to.",
        ) from None


def write_heatmap(heatmap: Heatmap, path: Path) -> None:
    """Write a heatmap as NIfTI, float32, on the grid on which it was computed.

    Raises UserError when the file can't be written or its name is not a NIfTI name.
    """
    # nibabel takes as long to import as the whole window, which needs this module at its start.
    from fusion3d_gui.imaging.files.nifti import write_nifti

    write_nifti(heatmap.as_volume, path)
