"""``fusion3d register`` writes the moving scan on the fixed one's grid, and the map."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from fusion3d_gui.cli.parser import run
from fusion3d_gui.imaging.files.nifti import read_nifti, write_nifti
from fusion3d_gui.imaging.volume import Volume


@pytest.fixture
def pair(tmp_path) -> tuple[Path, Path, np.ndarray]:
    """A scan of blobs, the same after a move, and the move (LPS mm)."""
    rng = np.random.default_rng(4)
    blobs = [(rng.uniform(-45, 45, 3), rng.uniform(8, 16), rng.uniform(60, 200)) for _ in range(25)]
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = -78
    index = np.stack(np.meshgrid(*[np.arange(40)] * 3, indexing="ij")[::-1], axis=-1)

    def values(places: np.ndarray) -> np.ndarray:
        return sum(
            high * np.exp(-((places - at) ** 2).sum(axis=-1) / 2 / wide**2)
            for at, wide, high in blobs
        )

    moved = np.eye(4)
    moved[:2, :2] = [[np.cos(0.08), -np.sin(0.08)], [np.sin(0.08), np.cos(0.08)]]
    moved[:3, 3] = [6, -4, 5]
    places = index * 4.0 - 78
    back = (places - moved[:3, 3]) @ moved[:3, :3]
    paths = tmp_path / "fixed.nii.gz", tmp_path / "moving.nii.gz"
    for path, each in zip(paths, (places, back), strict=True):
        write_nifti(Volume(np.rint(values(each)).astype(np.int16), affine, modality="MR"), path)
    return *paths, moved


def test_register_writes_the_scan_on_the_grid_of_the_other_and_the_map(pair, tmp_path, capsys):
    fixed, moving, moved = pair
    out, transform = tmp_path / "out.nii.gz", tmp_path / "map.json"
    status = run(
        ["register", str(fixed), str(moving), "--out", str(out), "--transform", str(transform)]
    )
    told = capsys.readouterr().out
    assert status == 0
    assert "Mutual information" in told
    assert "Research use only" in told
    plain = json.loads(transform.read_text())
    found = np.array(plain["fixed_to_moving_lps_mm"])
    assert np.abs(found - moved)[:3, 3].max() < 0.2
    assert plain["overlap"] > 0.9
    # As SimpleITK resamples by the same map.
    judge = sitk.AffineTransform(3)
    judge.SetMatrix(found[:3, :3].ravel().tolist())
    judge.SetTranslation(found[:3, 3].tolist())
    theirs = sitk.GetArrayFromImage(
        sitk.Resample(sitk.ReadImage(str(moving)), sitk.ReadImage(str(fixed)), judge)
    )
    ours = read_nifti(out)
    inner = (slice(5, -5),) * 3
    assert np.abs(ours.real()[inner] - theirs[inner]).max() < 1.0
    assert (
        np.corrcoef(ours.real()[inner].ravel(), read_nifti(fixed).real()[inner].ravel())[0, 1]
        > 0.99
    )


def test_an_output_over_an_input_is_refused(pair, capsys):
    fixed, moving, _ = pair
    assert run(["register", str(fixed), str(moving), "--out", str(fixed)]) == 2
    assert "would be overwritten" in capsys.readouterr().err
