"""A session on real small files and a real small model, closed when the test is over."""

from __future__ import annotations

import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.state.session import Session

# Before Qt starts: no windows pop up, and none are needed.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture
def make_case(tmp_path: Path):
    """Write a small NIfTI file of noise around one bright ball; returns its path."""

    def make(name: str = "a", seed: int = 0, shape_ijk: tuple[int, int, int] = (30, 34, 26)):
        random = np.random.default_rng(seed)
        values = random.normal(300, 40, shape_ijk)
        index = np.stack(np.meshgrid(*map(np.arange, shape_ijk), indexing="ij"), axis=-1)
        ball = np.linalg.norm(index - np.array(shape_ijk) * random.uniform(0.3, 0.7, 3), axis=-1)
        values[ball < 5] = 900
        affine = np.diag([-4.0, -4.0, 5.0, 1.0])
        affine[:3, 3] = (60, 70, -50)
        path = tmp_path / f"{name}.nii.gz"
        nib.save(nib.Nifti1Image(values.astype(np.int16), affine), path)
        return path

    return make


@pytest.fixture
def session(qapp, make_bundle):
    """A session with one small model; its threads must end with it."""
    made = Session([BundleInfo.read(make_bundle())], device="cpu")
    yield made
    assert made.close()


@pytest.fixture
def settled(qtbot):
    """Wait until a session has nothing under way."""

    def wait(session: Session) -> None:
        qtbot.waitUntil(
            lambda: not session.store.loading.running and not session.store.inference.running,
            timeout=60_000,
        )

    return wait
