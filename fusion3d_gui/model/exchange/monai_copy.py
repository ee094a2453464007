"""``export_monai``: a copy of a bundle for MONAI's own tools, which mostly want ``models/model.pt``."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import torch

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.bundle.license_file import license_of
from fusion3d_gui.model.bundle.monai_configs import NETWORK_PACKAGE, inference_config
from fusion3d_gui.output_file import is_unused, whole_file, write_whole_text
from fusion3d_gui.progress import Progress, no_progress

#: Where bundles of MONAI have code of their own; the name of the package, too.
_SCRIPTS = "scripts"
#: What MonaiNetwork consists of, in :data:`~fusion3d_gui.model.bundle.monai_configs.NETWORK_PACKAGE`.
_MODULES = (
    *("architectures", "backbone", "network_config", "resnet", "monai_backbone"),
    *("fusion", "monai_network"),
)


def export_monai(folder: Path, out: Path, progress: Progress = no_progress) -> Path:
    """Copy a bundle to the new folder ``out``, with its weights as ``models/model.pt`` (a state dict).

    ``monai.bundle`` can then ``verify_metadata``, ``load``, ``verify_net_in_out`` and ``ckpt_export`` it in an environment
    without this program, with the network ``network_def``: the network's modules lie in ``scripts/``, where MONAI's
    bundles have code of their own. This program never reads such a file or runs such code. Returns the weights' path.

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
    terms = license_of(folder)
    if terms is not None:
        shutil.copyfile(terms, out / terms.name)
    for name in ("models", _SCRIPTS):
        (out / name).mkdir(parents=True, exist_ok=True)
    for name, text in _network_modules():
        write_whole_text(out / _SCRIPTS / name, text)
    path = out / "configs" / "metadata.json"
    plain = {**json.loads(path.read_text(encoding="utf-8")), "required_packages_version": {}}
    write_whole_text(path, json.dumps(plain, indent=2, ensure_ascii=False) + "\n")
    config = inference_config(loaded.network.config.to_json(), _SCRIPTS)
    write_whole_text(out / "configs" / "inference.json", json.dumps(config, indent=2) + "\n")
    path = out / "models" / "model.pt"
    progress(0.7, "Writing the weights")
    with whole_file(path) as partial:
        torch.save(dict(loaded.network.state_dict()), partial)
    progress(1.0, "Written")
    return path


def _network_modules() -> Iterator[tuple[str, str]]:
    """File name and text of each module of the network, as a package of its own that imports nothing of this program."""
    yield "__init__.py", '"""The network of this bundle, as Fusion3D has it (Apache-2.0)."""\n'
    package = files(NETWORK_PACKAGE)
    for name in _MODULES:
        text = (package / f"{name}.py").read_text(encoding="utf-8")
        yield f"{name}.py", text.replace(NETWORK_PACKAGE, _SCRIPTS)
