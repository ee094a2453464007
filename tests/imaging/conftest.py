"""Small real files, and judges that nobody here wrote."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.volume import Volume

_SHARED = Path(__file__).resolve().parents[2] / "../shared/data/dicom"


@pytest.fixture
def shared_dicom() -> Path:
    if not _SHARED.is_dir():
        pytest.skip("the shared scans are not here")
    return _SHARED


@pytest.fixture
def oblique_volume() -> Volume:
    """Odd sizes, oblique axes, left-handed index order, signed values: nothing is symmetric."""
    values = np.random.default_rng(7).integers(-1000, 3000, (7, 11, 13)).astype(np.int16)
    angle = np.deg2rad(20)
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    tip = np.array([[1, 0, 0], [0, np.cos(0.3), -np.sin(0.3)], [0, np.sin(0.3), np.cos(0.3)]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ tip @ np.diag([0.8, 1.1, 2.5])
    affine[:3, 3] = [-31.5, 12.25, 99.0]
    return Volume(values, affine, slope=2.0, intercept=-100.0, modality="CT", description="Test")


@pytest.fixture
def same_at_same_place() -> Callable[[Volume, np.ndarray, np.ndarray], None]:
    return _same_at_same_place


def _same_at_same_place(volume: Volume, values_ijk: np.ndarray, affine_ras: np.ndarray) -> None:
    """Every voxel of the volume has its value at its patient position in the other image."""
    to_other = np.linalg.inv(np.diag([-1, -1, 1, 1]) @ affine_ras)
    assert values_ijk.size == volume.voxels.size
    for k, plane in enumerate(volume.voxels):
        j, i = (axis.ravel() for axis in np.indices(plane.shape))
        here = volume.to_lps(np.stack([i, j, np.full_like(i, k)], axis=-1))
        there = here @ to_other[:3, :3].T + to_other[:3, 3]
        nearest = np.rint(there).astype(int)
        off_mm = np.abs((there - nearest) @ np.linalg.inv(to_other)[:3, :3].T)
        assert off_mm.max() < 0.01
        a, b, c = nearest.T
        real = plane.ravel() * volume.slope + volume.intercept
        np.testing.assert_allclose(real, values_ijk[a, b, c], rtol=1e-6, atol=1e-6)


@pytest.fixture
def same_as_nifti(
    same_at_same_place: Callable[[Volume, np.ndarray, np.ndarray], None],
) -> Callable[[Volume, Path], None]:
    def check(volume: Volume, reference: Path) -> None:
        image = nib.load(reference)
        same_at_same_place(volume, np.asanyarray(image.dataobj), image.affine)

    return check


@pytest.fixture
def dcm2niix(tmp_path: Path) -> Callable[[Path], list[Path]]:
    """Converts a folder by dcm2niix; one file for each volume, in double precision."""

    def convert(folder: Path) -> list[Path]:
        out = tmp_path / "dcm2niix"
        out.mkdir()
        tool = Path(sys.executable).with_name("dcm2niix")
        call = [str(tool), "-b", "n", "-f", "%s_%e_%t_%p", "-o", str(out), str(folder)]
        subprocess.run(call, check=True, capture_output=True)
        made = []
        for path in sorted(out.glob("*.nii")):
            image = nib.load(path)
            values = np.asanyarray(image.dataobj)
            for number in range(values.shape[3] if values.ndim == 4 else 1):
                one = values[..., number] if values.ndim == 4 else values
                made.append(tmp_path / f"{len(made)}.nii")
                nib.save(nib.Nifti1Image(one.astype(np.float64), image.affine), made[-1])
        return made

    return convert


Edit = Callable[[Dataset, int], None]


@pytest.fixture
def written(tmp_path: Path, oblique_volume: Volume) -> Callable[[Edit], Path]:
    """A series of the oblique volume, each slice's data set edited."""

    def write(edit: Edit) -> Path:
        plain = replace(oblique_volume, voxels=abs(oblique_volume.voxels))
        paths = write_dicom_series(plain, tmp_path / "s", attributes={}, uid_seed="m")
        for number, path in enumerate(paths):
            dataset = pydicom.dcmread(path)
            edit(dataset, number)
            dataset.save_as(path)
        return tmp_path / "s"

    return write
