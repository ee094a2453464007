"""Registration finds maps that are known in closed form, in every orientation, and says how well it did."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.registration.itk_image import prepare
from fusion3d_gui.imaging.registration.register import register
from fusion3d_gui.imaging.registration.search import Level, Search
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.progress import no_progress

SHARED = Path(__file__).resolve().parents[2] / "../shared/data/ms"


def errors(found: np.ndarray, true: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distances (mm) between where two maps take positions."""
    gap = (found - true)[:3]
    return np.linalg.norm(points @ gap[:, :3].T + gap[:, 3], axis=1)


def degrees_between(found: np.ndarray, true: np.ndarray) -> float:
    turn = found[:3, :3] @ true[:3, :3].T
    return float(np.degrees(np.linalg.norm(turn - turn.T) / np.sqrt(8)))


HEAD = np.array(list(itertools.product((-50, 0, 50), (-65, 0, 65), (-45, 0, 45))), float)


@pytest.mark.parametrize(
    ("degrees", "shift"), [((4, -3, 6), (7, -5, 4)), ((-9, 5, -12), (-22, 14, 30))]
)
def test_a_known_rigid_map_between_different_grids_is_found(
    phantom, grid, rigid_map, degrees, shift
):
    true = rigid_map(degrees, shift)
    other = np.diag([1.8, 1.8, 2.8, 1.0])
    other[:3, 3] = [-92 + shift[0], -112 + shift[1], -92 + shift[2]]
    found = register(phantom(*grid), phantom(other, (66, 124, 102), true, seed=1))
    assert errors(found.matrix, true, HEAD).max() < 0.05
    assert degrees_between(found.matrix, true) < 0.05
    assert found.doubt == ""
    assert found.mutual_information > found.start_information
    assert found.consistency_mm < 0.2


def test_another_contrast_is_registered_too(phantom, grid, rigid_map):
    true = rigid_map((5, 4, -6), (6, 8, -5))
    found = register(phantom(*grid), phantom(*grid, true, contrast=1, seed=1))
    assert errors(found.matrix, true, HEAD).max() < 0.3


def test_an_affine_map_is_found(phantom, grid, rigid_map):
    true = rigid_map((3, -2, 4), (4, -3, 5))
    true[:3, :3] = true[:3, :3] @ np.array([[1.02, 0.01, 0], [0, 0.985, 0], [0, 0, 1.01]])
    found = register(phantom(*grid), phantom(*grid, true, seed=1), kind="affine")
    assert errors(found.matrix, true, HEAD).max() < 0.15


@pytest.mark.parametrize(("order", "flips"), [((2, 0, 1), (0, 2)), ((1, 0, 2), (1,))])
def test_the_order_and_direction_in_which_voxels_are_stored_change_nothing(
    phantom, grid, rigid_map, order, flips
):
    true = rigid_map((4, -3, 5), (5, -4, 3))
    fixed, moving = phantom(*grid), phantom(*grid, true, seed=1)
    found = register(fixed, _stored(moving, order, flips))
    assert errors(found.matrix, true, HEAD).max() < 0.05


def _stored(volume: Volume, order: tuple[int, ...], flips: tuple[int, ...]) -> Volume:
    """The same image with its axes (i, j, k) in another order, some reversed."""
    voxels, affine = volume.voxels.transpose(2, 1, 0), np.array(volume.affine)
    voxels = voxels.transpose(order)
    affine[:3, :3] = affine[:3, list(order)]
    for axis in flips:
        affine[:3, 3] += affine[:3, axis] * (voxels.shape[axis] - 1)
        affine[:3, axis] *= -1
        voxels = np.flip(voxels, axis)
    return replace(volume, voxels=voxels.transpose(2, 1, 0), affine=affine)


def test_the_same_scans_give_the_same_map_to_the_last_bit(phantom, coarse_grid, rigid_map):
    fixed, moving = (
        phantom(*coarse_grid),
        phantom(*coarse_grid, rigid_map((4, 2, 1), (3, 2, 1)), seed=1),
    )
    assert np.array_equal(register(fixed, moving).matrix, register(fixed, moving).matrix)


def test_a_mask_keeps_out_what_moved_by_itself(phantom, coarse_grid, rigid_map):
    true = rigid_map((2, -3, 4), (3, -2, 4))
    fixed, moving = phantom(*coarse_grid), phantom(*coarse_grid, true, seed=1)
    affine, shape = coarse_grid
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij")[::-1], axis=-1)
    low = moving.to_lps(index)[..., 2] < -5
    voxels = np.where(low, phantom(affine, shape, seed=2).voxels, moving.voxels)
    torn = replace(moving, voxels=voxels)
    upper = fixed.to_lps(index)[..., 2] > 8
    masked = register(fixed, torn, fixed_mask=upper)
    assert errors(masked.matrix, true, HEAD[HEAD[:, 2] > 0]).max() < 0.3
    assert errors(register(fixed, torn).matrix, true, HEAD[HEAD[:, 2] > 0]).max() > 0.4


def test_cancelling_ends_the_search(phantom, coarse_grid):
    calls = []

    def progress(fraction: float, message: str) -> None:
        calls.append(fraction)
        if message == "Registering" and fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        register(phantom(*coarse_grid), phantom(*coarse_grid, seed=1), progress=progress)
    assert calls == sorted(calls)
    assert all(0 <= each <= 1 for each in calls)


def test_scans_that_cannot_be_registered_are_refused_in_a_sentence(phantom, coarse_grid):
    good = phantom(*coarse_grid)
    flat = replace(good, voxels=np.full_like(good.voxels, 7))
    with pytest.raises(UserError, match="all its values are equal"):
        register(good, flat)
    with pytest.raises(UserError, match="one or two slices"):
        register(good, replace(good, voxels=good.voxels[:2]))


def test_scans_of_different_things_are_doubted(phantom):
    affine = np.diag([8.0, 8.0, 8.0, 1.0])
    affine[:3, 3] = [-88, -106, -86]
    fixed = phantom(affine, (22, 27, 23))
    noise = np.random.default_rng(3).normal(100, 30, fixed.shape).astype(np.float32)
    assert register(fixed, replace(fixed, voxels=noise)).doubt


def _authors_map(folder: Path) -> np.ndarray:
    """Study 1 to study 2, from the authors' two maps of their common space to each, read by SimpleITK."""
    maps = []
    for study in (1, 2):
        read = sitk.ReadTransform(str(folder / f"study{study}_FLAIR_to_common_space.txt"))
        origin = np.array(read.TransformPoint((0.0, 0.0, 0.0)))
        matrix = np.eye(4)
        matrix[:3, :3] = np.transpose(
            [np.array(read.TransformPoint(tuple(each))) - origin for each in np.eye(3)]
        )
        matrix[:3, 3] = origin
        maps.append(matrix)
    return maps[1] @ np.linalg.inv(maps[0])


@pytest.mark.parametrize("patient", ["patient03", "patient12"])
@pytest.mark.parametrize("studies", [(1, 2), (2, 1)])
def test_the_affine_map_of_a_real_follow_up_is_that_of_its_authors(patient, studies):
    folder = SHARED / patient
    if not folder.is_dir():
        pytest.skip("the shared scans are not here")
    fixed, moving = (open_volume(folder / f"study{each}_FLAIR.nii.gz") for each in studies)
    index = np.stack(np.meshgrid(*map(np.arange, fixed.shape), indexing="ij")[::-1], axis=-1)
    places = fixed.to_lps(index)
    # Measured over the brain, as an ellipsoid: that is what the authors registered.
    middle = np.median(places[fixed.voxels > 0], axis=0)
    brain = np.linalg.norm((places - middle) / np.array([65, 80, 60]), axis=-1) < 1
    found = register(fixed, moving, kind="affine")
    true = _authors_map(folder)
    true = true if studies == (1, 2) else np.linalg.inv(true)
    assert errors(found.matrix, true, places[brain][::997]).mean() < 1.0
    assert found.doubt == ""


def test_a_search_never_ends_at_a_worse_place_than_it_has_seen(phantom, coarse_grid, rigid_map):
    true = rigid_map((2, -3, 4), (3, -2, 4))
    first = prepare(phantom(*coarse_grid))
    second = prepare(phantom(*coarse_grid, true, seed=1))
    search = Search(first, second)
    # Steps of 20 mm lead far away before they get shorter; the first of them is longer than the last that is allowed.
    stays, goes = (Level(60.0, 400, last_step_mm) for last_step_mm in (100.0, 0.01))
    start = search.refine(true, "affine", no_progress, levels=(stays,))
    found = search.refine(true, "affine", no_progress, levels=(goes,))
    assert np.allclose(start.matrix, true) and found.iterations > 10
    assert found.information >= start.information
