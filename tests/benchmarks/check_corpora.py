"""Open the test files that libraries ship and compare with SimpleITK and nibabel: ``python tests/benchmarks/check_corpora.py [FOLDER ...]``.

Prints a table (tried, no scan, opened; of these equal to the reference reader, without one, and wrong), then
each refusal and each difference.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import SimpleITK as sitk

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.dicom.parser.encoding import FileBytes, NotDicom
from fusion3d_gui.imaging.dicom.parser.header import read_header
from fusion3d_gui.imaging.files.nifti import is_nifti
from fusion3d_gui.imaging.volume import Volume

_PYDICOM = Path(pydicom.__file__).parent / "data"
_NIBABEL = Path(nib.__file__).parent
_WEIGHTS = np.array([0.299, 0.587, 0.114])


def _judge_nifti(path: Path, volume: Volume) -> str:
    image = nib.load(path)
    values = np.asanyarray(image.dataobj, dtype=np.float64)
    values = values.reshape(*(*values.shape, 1, 1)[:3], -1)[..., 0].T
    if not np.allclose(volume.real(), values, rtol=1e-5, atol=1e-5, equal_nan=True):
        return "values differ from nibabel's"
    ras = np.diag([-1, -1, 1, 1]) @ volume.affine
    affine = np.array(image.affine, float)
    unit = image.header.get_xyzt_units()[0] if isinstance(image, nib.Nifti1Pair) else "mm"
    affine[:3] *= {"meter": 1000.0, "micron": 0.001}.get(unit, 1.0)
    if not np.allclose(ras, affine, atol=0.01) and abs(np.linalg.det(affine)) > 1e-9:
        return "places differ from nibabel's"
    return "equal"


def _judge_dicom(path: Path, volume: Volume) -> str:
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError:
        return _judge_by_pydicom(path, volume)
    values = sitk.GetArrayFromImage(image).astype(np.float64)
    if image.GetNumberOfComponentsPerPixel() > 1:
        values = values[..., :3] @ _WEIGHTS
    values = values.reshape(-1, *values.shape[-2:])
    shown = volume.real()
    if values.shape != shown.shape:
        return _judge_by_pydicom(path, volume)
    loose = image.GetNumberOfComponentsPerPixel() > 1
    tolerance = 1.5 if loose else 1e-3
    # Frames of one file may come in another order here: by their place.
    pairs = _paired(shown, values, tolerance)
    if pairs is None:
        return _judge_by_pydicom(path, volume)
    if "know" in " ".join(volume.notices):  # no geometry to compare
        return "equal"
    for ours, theirs in pairs:
        there = image.TransformContinuousIndexToPhysicalPoint((0.0, 0.0, float(theirs)))
        if image.GetDimension() == 3 and len(pairs) == 1:
            off = np.abs(volume.to_lps(np.array([0, 0, ours])) - there).max()
            if off > 0.01:
                return f"place differs by {off:.2f} mm from SimpleITK's"
    return "equal"


def _judge_by_pydicom(path: Path, volume: Volume) -> str:
    try:
        dataset = pydicom.dcmread(path, force=True)
        pixels = pydicom.pixels.pixel_array(path, raw=True)
        values = pydicom.pixels.apply_modality_lut(pixels, dataset).astype(float)
        values *= float(dataset.get("DoseGridScaling") or 1)
    except Exception:
        return "no judge"
    if "MOSAIC" in (dataset.get("ImageType") or ()):
        return "no judge"  # the tests compare mosaics with dcm2niix
    if int(dataset.get("SamplesPerPixel", 1)) > 1:
        if str(dataset.PhotometricInterpretation).startswith("YBR_FULL"):
            values = values[..., 0]
        else:
            values = values[..., :3] @ _WEIGHTS
    values = values.reshape(-1, *values.shape[-2:])
    shown = volume.real()
    if values.size == shown.size and values.shape != shown.shape:
        return "no judge"  # a mosaic
    if values.shape != shown.shape:
        return "no judge" if len(values) > len(shown) else "shape differs from pydicom's"
    if _paired(shown, values, 1.5 if dataset.get("SamplesPerPixel", 1) > 1 else 1e-3) is None:
        return "values differ from pydicom's"
    return "equal"


def _paired(
    shown: np.ndarray, values: np.ndarray, tolerance: float
) -> list[tuple[int, int]] | None:
    """Which frame is which; None where one has no equal."""
    pairs, left = [], list(range(len(values)))
    for ours, frame in enumerate(shown):
        found = next(
            (n for n in left if np.allclose(frame, values[n], rtol=1e-5, atol=tolerance)), None
        )
        if found is None:
            return None
        left.remove(found)
        pairs.append((ours, found))
    return pairs


def _is_scan(path: Path) -> bool:
    if is_nifti(path):
        return True
    try:
        read_header(FileBytes.from_path(path), frozenset())
    except NotDicom:
        return False
    except UserError:
        return True
    return True


def main(folders: list[str]) -> None:
    warnings.simplefilter("ignore")
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    chosen = [Path(name) for name in folders] or [
        _PYDICOM / "test_files",
        _PYDICOM / "charset_files",
        _NIBABEL / "tests/data",
        _NIBABEL / "nicom/tests/data",
    ]
    lines = []
    for folder in chosen:
        tally: Counter[str] = Counter()
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            if path.stat().st_size == 0 or not _is_scan(path):
                continue
            tally["tried"] += 1
            try:
                volume = open_volume(path)
            except UserError as error:
                tally["refused"] += 1
                lines.append(f"refused  {error}")
                continue
            verdict = (_judge_nifti if is_nifti(path) else _judge_dicom)(path, volume)
            tally["opened"] += 1
            tally[verdict if verdict in ("equal", "no judge") else "WRONG?"] += 1
            if verdict not in ("equal",):
                lines.append(f"{verdict}  {path.name}")
        print(f"{folder.parent.name}/{folder.name}: {dict(tally)}")
    print(*lines, sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
