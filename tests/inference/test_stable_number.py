"""The number does not depend on what should not matter: rounding of the affine, noise, order of axes, format.

The bounds are those of the logit. What is compared is computed twice from the same scan, written differently.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest

from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.demo_cases import demo_cases
from fusion3d_gui.inference.pipeline import predict_and_explain
from fusion3d_gui.inference.predictor import Predictor, load_predictor
from fusion3d_gui.shipped import models_dir

SHARED = Path(__file__).parents[3] / "shared" / "data"
BOUND = 1e-4


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return load_predictor(models_dir() / "demo-image-only", "cpu", engine="torch")


@pytest.fixture(scope="module")
def demo() -> Volume:
    return open_volume(demo_cases()[0].path)


def logit(predictor: Predictor, volume: Volume) -> float:
    return predict_and_explain(predictor, volume, {}, despite_misfit=True).prediction.logit


def permuted(volume: Volume, axes: tuple[int, ...], flips: tuple[bool, ...]) -> Volume:
    """The same scan with its array axes ``[k, j, i]`` in another order, some of them reversed."""
    voxels, affine = volume.voxels, volume.affine.copy()
    for axis, flip in enumerate(flips):
        if flip:
            column = 2 - axis
            affine[:3, 3] += affine[:3, column] * (voxels.shape[axis] - 1)
            affine[:3, column] *= -1
            voxels = np.flip(voxels, axis)
    columns = [2 - axes[2 - column] for column in range(3)]
    affine[:3, :3] = affine[:3, columns]
    return replace(volume, voxels=np.ascontiguousarray(voxels.transpose(axes)), affine=affine)


@pytest.mark.parametrize("seed", range(6))
def test_an_affine_changed_by_a_millionth_changes_nothing(predictor, demo, seed):
    noise = 1 + 1e-6 * np.random.default_rng(seed).uniform(-1, 1, (4, 4))
    affine = demo.affine * noise
    affine[3] = demo.affine[3]
    assert logit(predictor, replace(demo, affine=affine)) == pytest.approx(
        logit(predictor, demo), abs=BOUND
    )


@pytest.mark.parametrize("seed", range(3))
def test_noise_of_a_ten_thousandth_of_the_range_changes_nothing(predictor, demo, seed):
    values = demo.real().astype(np.float32)
    noise = np.random.default_rng(seed).uniform(-1, 1, values.shape).astype(np.float32)
    noisy = Volume(values + 1e-4 * float(np.ptp(values)) * noise, demo.affine)
    plain = Volume(values, demo.affine)
    assert logit(predictor, noisy) == pytest.approx(logit(predictor, plain), abs=BOUND)


@pytest.mark.parametrize("axes", list(permutations(range(3))))
def test_any_order_and_direction_of_the_axes_gives_the_same_number(predictor, demo, axes):
    wanted = logit(predictor, demo)
    for flips in product((False, True), repeat=3):
        turned = permuted(demo, axes, flips)
        np.testing.assert_allclose(turned.bounds_lps, demo.bounds_lps, atol=1e-6)
        assert logit(predictor, turned) == pytest.approx(wanted, abs=BOUND)


@pytest.mark.parametrize(
    "folder", ["dicom/mr_t1_sag_hfs", "dicom/mr_t1_sag_hfp", "dicom/transfer_syntaxes"]
)
def test_dicom_and_the_nifti_of_dcm2niix_give_the_same_number(predictor, folder, tmp_path):
    source = SHARED / folder
    if not source.is_dir():
        pytest.skip("needs the shared scans")
    program = Path(sys.executable).with_name("dcm2niix")
    files = sorted(source.glob("*.dcm"))
    if folder.endswith("transfer_syntaxes"):
        files = files[:1]
    series = tmp_path / "series"
    series.mkdir()
    for file in files:
        shutil.copy(file, series)
    command = [str(program), "-f", "converted", "-o", str(tmp_path), str(series)]
    subprocess.run(command, check=True, capture_output=True)
    ours = logit(predictor, open_volume(series))
    theirs = logit(predictor, open_volume(tmp_path / "converted.nii"))
    assert ours == pytest.approx(theirs, abs=BOUND)
