"""The test that the default map of a model of lesion maps must pass: blanking its peak, beside random places of the lesion."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
import torch

from fusion3d_gui.model.bundle.bundle import save_bundle
from fusion3d_gui.model.bundle.bundle_info import BundleInfo, Decision
from fusion3d_gui.model.preprocessing import Preprocessing
from fusion3d_gui.model.schema import MetadataSchema
from fusion3d_gui.model.scope import Scope
from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.find_displacement import find_displacement
from fusion3d_gui.training.measure.maps.within_lesion import gain_over_chance
from tests.training.conftest import CARD
from tests.training.test_map_displacement import tap_network

GRID, SPACING_MM = (25, 25, 25), 4.0
NOWHERE = np.full(3, np.nan)


def cubes(count: int, edge: int, seed: int = 0) -> tuple[Cases, np.ndarray, np.ndarray]:
    """Lesion maps that are cubes of ``edge`` voxels; affines; the cubes' middles (mm, LPS)."""
    rng = np.random.default_rng(seed)
    images = np.zeros((count, *GRID), np.float16)
    affine = np.diag([SPACING_MM, SPACING_MM, SPACING_MM, 1.0])
    middles = []
    for image in images:
        low = rng.integers(5, 8, 3)
        image[tuple(slice(n, n + edge) for n in low)] = 1
        middles.append(SPACING_MM * (low[::-1] + (edge - 1) / 2))
    cases = Cases(images, np.zeros((count, 0)), np.ones(count, int))
    return cases, np.tile(affine, (count, 1, 1)), np.stack(middles)


def logits_of(network, images: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return network(torch.from_numpy(images.astype(np.float32))[:, None]).numpy()


def test_where_one_ball_blanks_the_whole_lesion_every_place_in_it_is_as_good_as_another():
    network = tap_network()
    cases, affines, middles = cubes(8, 3)
    whole = logits_of(network, cases.images) - logits_of(network, np.zeros_like(cases.images))
    at_middle = gain_over_chance(network, cases, affines, middles)
    beside = gain_over_chance(network, cases, affines, middles + [60.0, 0.0, 0.0])
    nowhere = gain_over_chance(network, cases, affines, np.tile(NOWHERE, (8, 1)))
    # From a random voxel the ball reaches most of the cube: what it leaves is what the middle gains.
    assert 0 <= at_middle.value < 0.5 * whole.mean()
    assert beside.value == pytest.approx(nowhere.value)
    assert at_middle.value - beside.value == pytest.approx(whole.mean(), rel=1e-4)


class LeftHalf(torch.nn.Module):
    """A network that sees the patient's left half of the grid only."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = tap_network()
        self.config = self.inner.config

    def forward(self, image, metadata=None):
        seen = image.clone()
        seen[..., : GRID[2] // 2] = 0
        return self.inner(seen)


def test_a_place_that_counts_gains_and_one_that_counts_for_nothing_loses():
    cases, affines, middles = cubes(8, 3)
    # The same cube again, 12 voxels to the left, where it counts.
    both = Cases(cases.images + np.roll(cases.images, 12, 3), cases.metadata, cases.labels)
    counts = gain_over_chance(LeftHalf(), both, affines, middles + [12 * SPACING_MM, 0, 0])
    does_not = gain_over_chance(LeftHalf(), both, affines, middles)
    assert counts.low > 0 > does_not.high


def test_too_few_lesions_with_places_within_them_say_nothing():
    network = tap_network()
    for count, edge in ((7, 3), (12, 2)):
        assert gain_over_chance(network, *cubes(count, edge)) is None
    assert gain_over_chance(network, *cubes(8, 3)) is not None


@pytest.mark.parametrize(("edge", "passes"), [(3, True), (2, False)])
def test_a_model_of_lesion_maps_is_explained_by_gradient_times_input_only_if_that_passes(
    edge, passes, tmp_path
):
    bundle = tmp_path / "bundle"
    save_bundle(
        bundle,
        tap_network(),
        metadata={"name": "lesions", "version": "1.0.0", "task": "Outcome"},
        preprocessing=Preprocessing(GRID, SPACING_MM, "lesion"),
        schema=MetadataSchema(),
        decision=Decision(("no", "yes"), threshold=0.01),
        card=CARD,
        scope=Scope(kind="lesion_map"),
    )
    rng, lines = np.random.default_rng(3), ["case,path"]
    for n in range(10):
        lesion = np.zeros(GRID, np.uint8)
        low = rng.integers(6, 12, 3)
        lesion[tuple(slice(at, at + edge) for at in low)] = 1
        if passes:
            # A thin tail, where there is less to blank.
            lesion[low[0], low[1], low[2] + 6 : low[2] + 13] = 1
        nibabel.save(nibabel.Nifti1Image(lesion, np.diag([-4.0, -4, 4, 1])), tmp_path / f"{n}.nii")
        lines.append(f"{n},{n}.nii")
    table = tmp_path / "cases.csv"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = find_displacement(bundle, table, record=True, resamples=100)
    assert found["default"] == (["input-gradient", None] if passes else None)
    within = found["within_lesion"]
    assert within["low"] > 0 if passes else within is None
    assert BundleInfo.read(bundle).default_map == (
        ("input-gradient", ()) if passes else ("gradcam", (4,))
    )
