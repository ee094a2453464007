"""Whether a file is whole, by its kind, as other libraries than the program's own writers see it."""

from __future__ import annotations

import csv
import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

import nibabel as nib
import numpy as np
import pydicom
from PIL import Image
from safetensors import safe_open


def is_final(name: str) -> bool:
    """Whether a file has a name for others: no half of a file, no temporary one, no log of an unfinished training."""
    parts = PurePosixPath(name).parts
    is_log = "training" in parts and any(part.startswith("log-") for part in parts)
    return not (".part" in parts[-1] or parts[0] in ("tmp", "home") or is_log)


def problem_of(path: Path) -> str:
    """What is wrong with a file; empty for a whole one."""
    kind = next((suffix for suffix in _KINDS if path.name.endswith(suffix)), None)
    if kind is None:
        return "nobody knows this kind of file"
    try:
        _KINDS[kind](path)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _nifti(path: Path) -> None:
    if path.name.endswith(".gz"):
        gzip.decompress(path.read_bytes())
    np.asarray(nib.load(path).dataobj)  # type: ignore[attr-defined]


def _json(path: Path) -> None:
    json.loads(path.read_text(encoding="utf-8"))


def _csv(path: Path) -> None:
    text = path.read_bytes().decode("utf-8")
    rows = list(csv.reader(line for line in text.splitlines(True) if not line.startswith("#")))
    assert text.endswith("\n"), "the last line is cut"
    assert len({len(row) for row in rows}) == 1, "rows of different lengths"


def _weights(path: Path) -> None:
    with safe_open(path, "numpy") as file:
        for name in file.keys():  # noqa: SIM118  (no mapping)
            file.get_tensor(name)


def _png(path: Path) -> None:
    with Image.open(path) as image:
        image.load()


def _numpy(path: Path) -> None:
    assert np.isfinite(np.load(path, allow_pickle=False)).all(), "numbers are missing"


def _html(path: Path) -> None:
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>"), "its end is missing"


def _markdown(path: Path) -> None:
    assert "## Limits" in path.read_text(encoding="utf-8"), "its end is missing"


def _dicom(path: Path) -> None:
    dataset = pydicom.dcmread(path)
    if "PixelData" in dataset and not dataset.file_meta.TransferSyntaxUID.is_compressed:
        assert dataset.pixel_array.size
    assert path.stat().st_size > 1000, "it is too short"


def _pdf(path: Path) -> None:
    assert path.read_bytes().rstrip().endswith(b"%%EOF"), "its end is missing"


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None


_KINDS: dict[str, Callable[[Path], object]] = {
    ".npy": _numpy,
    ".nii.gz": _nifti,
    ".nii": _nifti,
    ".json": _json,
    ".csv": _csv,
    ".safetensors": _weights,
    ".png": _png,
    ".svg": lambda path: ElementTree.fromstring(path.read_bytes()),
    ".html": _html,
    ".md": _markdown,
    ".ckpt": _zip,
    ".dcm": _dicom,
    ".fusion3d": _zip,
    ".pdf": _pdf,
}
