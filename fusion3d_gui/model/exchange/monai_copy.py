"""``export_monai``: a copy of a bundle for MONAI's own tools, which mostly want ``models/model.pt``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.bundle.monai_configs import inference_config
from fusion3d_gui.output_file import is_unused, whole_file, write_whole_text
from fusion3d_gui.progress import Progress, no_progress


def export_monai(folder: Path, out: Path, progress: Progress = no_progress) -> Path:
    """Copy a bundle to the new folder ``out``, with its weights as ``models/model.pt`` (a state dict).

    ``monai.bundle`` can then ``verify_metadata``, ``load``, ``verify_net_in_out`` and ``ckpt_export`` it, with the
    network ``network_def``. This program never reads such a file. Returns its path.

    Raises
    ------
    UserError
        For a broken bundle, or where ``out`` exists.
    """
    if not is_unused(out):
        raise UserError("it exists already", path=out, remedy="Name a new folder.")
    loaded = ModelBundle.load(folder)
    progress(0.3, "Copying")
    for part in ("configs", "docs"):
        if (folder / part).is_dir():
            shutil.copytree(folder / part, out / part, symlinks=True)
    for name in ("LICENSE", "LICENSE.txt"):
        if (folder / name).is_file():
            shutil.copyfile(folder / name, out / name)
    (out / "models").mkdir(parents=True, exist_ok=True)
    config = inference_config(loaded.network.config.to_json())
    write_whole_text(out / "configs" / "inference.json", json.dumps(config, indent=2) + "\n")
    path = out / "models" / "model.pt"
    progress(0.7, "Writing the weights")
    with whole_file(path) as partial:
        torch.save(dict(loaded.network.state_dict()), partial)
    progress(1.0, "Written")
    return path
