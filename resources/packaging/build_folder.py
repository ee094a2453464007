"""Make a folder with the program, its Python and all libraries, by PyInstaller: ``python build_folder.py OUT``.

Run it by the Python in which Fusion3D with the extra ``pacs``, and PyInstaller, are installed. The folder runs on the
system and processor on which it was made, or newer ones. Training, servers and clusters are left out: they need pip.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import PyInstaller.__main__

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

#: Libraries of the extras that are left out, and what only their makers need.
LEFT_OUT = (
    *("lightning", "torchmetrics", "nilearn", "sklearn", "MLstatkit", "matplotlib", "pandas"),
    *(
        "mlserver",
        "kserve",
        "distributed",
        "dask",
        "tritonclient",
        "onnx",
        "onnxscript",
        "onnxruntime",
    ),
    *("IPython", "pytest", "hypothesis", "mypy", "sphinx", "tkinter", "tensorboard", "ignite"),
)
#: Libraries that import their own modules, or read their own files, in ways that PyInstaller does not see.
WHOLE = ("openvino", "imagecodecs", "cmap", "highdicom", "pydicom")
#: Libraries that are asked for their version.
VERSIONS = ("monai", "torch", "numpy", "openvino", "pydicom", "highdicom", "captum")


def main() -> None:
    """Build into OUT/fusion3d, beside which nothing is left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="folder in which the folder fusion3d is made")
    out = parser.parse_args().out.resolve()
    if (out / "fusion3d").exists():
        parser.error(f"{out / 'fusion3d'} exists already")
    with tempfile.TemporaryDirectory() as work:
        call = ["--noconfirm", "--clean", "--onedir", "--name", "fusion3d", "--log-level", "WARN"]
        call += ["--paths", str(ROOT), "--workpath", work, "--specpath", work]
        call += ["--distpath", str(out), "--collect-submodules", "fusion3d_gui"]
        call += ["--collect-data", "fusion3d_gui", "--recursive-copy-metadata", "pynetdicom"]
        for name in ("resources", "models"):
            call += ["--add-data", f"{ROOT / name}:fusion3d_gui/_shipped/{name}"]
        # Copies for MONAI take the network's modules along, as text.
        network = "fusion3d_gui/model/network"
        call += ["--add-data", f"{ROOT / network / '*.py'}:{network}"]
        call += [part for name in WHOLE for part in ("--collect-all", name)]
        call += [part for name in VERSIONS for part in ("--copy-metadata", name)]
        call += [part for name in LEFT_OUT for part in ("--exclude-module", name)]
        PyInstaller.__main__.run([*call, str(HERE / "entry.py")])
    for name in ("fusion3d.desktop", "fusion3d.xml", "fusion3d.svg"):
        shutil.copy(HERE / name, out / "fusion3d")


if __name__ == "__main__":
    main()
