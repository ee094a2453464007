"""Localisation at voxel level: judged on maps whose answer is known, and by chance."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.attribution.cam import CAM_METHODS, STAGES, explain
from fusion3d_gui.model.attribution.displacement import Displacement, Displacements
from fusion3d_gui.model.attribution.localisation_record import Estimate as RecordedEstimate
from fusion3d_gui.model.attribution.localisation_record import LocalisationRecord
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.preprocessing import Preprocessing
from fusion3d_gui.shipped import models_dir
from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.data.table import CaseRow
from fusion3d_gui.training.measure.maps.case_maps import GridMap
from fusion3d_gui.training.measure.maps.lesion_target import (
    chance_of,
    judge,
    strongest_lps,
    target_of,
)
from fusion3d_gui.training.measure.maps.localisation import localise
from fusion3d_gui.training.measure.maps.localisation_table import (
    MOST_IN_AIR,
    Localisation,
    MapFigures,
    PointingFigures,
    explanation_json,
)
from fusion3d_gui.training.measure.metrics import Estimate

SHAPE = (33, 33, 49)
#: The network's grid: 3 mm, LPS.
AFFINE = np.array([[3.0, 0, 0, -70], [0, 3, 0, -40], [0, 0, 3, -50], [0, 0, 0, 1]])


def ball(center_lps: np.ndarray, radius_mm: float, affine: np.ndarray, shape_kji) -> np.ndarray:
    index = np.argwhere(np.ones(shape_kji))[:, ::-1]
    lps = index @ affine[:3, :3].T + affine[:3, 3]
    return (np.linalg.norm(lps - center_lps, axis=1) <= radius_mm).reshape(shape_kji)


@pytest.fixture
def case(tmp_path):
    """A case whose mask lies on a grid of its own (2.5 mm, other axes): a ball at (10, 5, -4)."""

    def make(number: int = 0) -> tuple[CaseRow, np.ndarray]:
        affine = np.array([[0, 0, 2.5, -60], [-2.5, 0, 0, 60], [0, 2.5, 0, -50], [0, 0, 0, 1.0]])
        mask = ball(np.array([10.0, 5, -4]), 9, affine, (50, 38, 44))
        path = tmp_path / f"mask{number}.nii.gz"
        ras = np.diag([-1.0, -1, 1, 1]) @ affine
        nib.save(nib.Nifti1Image(mask.transpose(2, 1, 0).astype(np.uint8), ras), path)
        index = np.argwhere(mask)[:, ::-1]
        return (
            CaseRow(number + 2, f"c{number}", Path("x"), path, {}, 1, None, ""),
            index @ affine[:3, :3].T + affine[:3, 3],
        )

    return make


def test_a_map_of_the_lesion_itself_hits_it_with_all_its_energy(case):
    row, _ = case()
    aim = target_of(row, np.ones(SHAPE, bool), AFFINE)
    inner = ball(np.array([10.0, 5, -4]), 5, AFFINE, SHAPE).astype(np.float32)
    found = judge(GridMap(inner, AFFINE, 1), aim)
    assert found.pointing == 1 and found.pointing_near == 1
    assert found.distance_mm == 0
    assert found.energy > 0.95


def test_the_distance_of_a_peak_elsewhere_is_that_to_the_nearest_lesion_voxel(case):
    row, lesion = case()
    aim = target_of(row, np.ones(SHAPE, bool), AFFINE)
    far = np.array([-30.0, 5, -4])
    index = np.linalg.inv(AFFINE) @ [*far, 1]
    k, j, i = np.round(index[:3]).astype(int)[::-1]
    spike = np.zeros(SHAPE, np.float32)
    spike[k, j, i] = 1
    found = judge(GridMap(spike, AFFINE, 1), aim)
    place = AFFINE[:3, :3] @ [i, j, k] + AFFINE[:3, 3]
    expected = cKDTree(lesion).query(place)[0]
    # The strongest voxel of the mask's grid lies within half its diagonal of the spike.
    assert found.distance_mm == pytest.approx(expected, abs=2.5 * np.sqrt(3) / 2 + 1e-6)
    assert found.pointing == 0 and found.energy == 0


def test_chance_is_what_an_even_map_and_random_voxels_come_to(case):
    row, lesion = case()
    aim = target_of(row, np.ones(SHAPE, bool), AFFINE)
    chance = chance_of(aim)
    even = judge(GridMap(np.ones(SHAPE, np.float32), AFFINE, 1), aim)
    assert even.energy == pytest.approx(chance.energy, rel=1e-4)
    # An even map has no peak of its own, so it points as a random voxel does.
    assert even.pointing == pytest.approx(chance.pointing)
    rng = np.random.default_rng(0)
    draws = aim.brain_lps[rng.integers(len(aim.brain_lps), size=4000)]
    distance = cKDTree(lesion).query(draws)[0]
    assert np.median(distance) == pytest.approx(chance.distance_mm, rel=0.05)
    assert (distance <= 10).mean() == pytest.approx(chance.pointing_near, abs=0.015)


def test_a_coarse_map_gets_no_credit_for_the_size_of_its_cells(case):
    row, _ = case()
    aim = target_of(row, np.ones(SHAPE, bool), AFFINE)
    # One warm cell of 44 mm, which holds the whole lesion but is centred 18 mm off it.
    values = np.zeros((3, 3, 3), np.float32)
    values[1, 1, 1] = 1
    affine = np.diag([44.0, 44, 44, 1])
    affine[:3, 3] = np.array([-8.0, 5, -4]) - 44
    found = judge(GridMap(values, affine, 1), aim)
    assert found.pointing == 0
    assert found.distance_mm == pytest.approx(9, abs=3)
    assert found.energy < 0.2


def test_voxels_outside_the_brain_do_not_count(case):
    row, _ = case()
    brain = np.zeros(SHAPE, bool)
    brain[:, :, 30:] = True
    aim = target_of(row, brain, AFFINE)
    outside = np.zeros(SHAPE, np.float32)
    outside[16, 16, 5] = 1
    found = judge(GridMap(outside, AFFINE, 1), aim)
    assert found.energy == 0 and np.isnan(found.distance_mm)


def test_every_method_and_stage_is_judged_with_its_grid(make_bundle, case):
    bundle = ModelBundle.load(make_bundle("image_only"))
    rng = np.random.default_rng(0)
    rows = [case(n)[0] for n in range(5)]
    cases = Cases(
        rng.standard_normal((5, *SHAPE)).astype(np.float16), np.zeros((5, 0)), np.ones(5, int)
    )
    found = localise(bundle.network, Preprocessing(SHAPE, 3.0), rows, cases, np.stack([AFFINE] * 5))
    assert found.cases == 5
    assert {(one.method, one.stage) for one in found.maps} == {
        *((method, stage) for method in CAM_METHODS for stage in STAGES),
        ("input-gradient", None),
    }
    for one in found.maps:
        sizes = [(n - 1) * 3.0 / one.cell_mm + 1 for n in SHAPE]
        assert list(one.grid_kji) == [int(np.floor(size)) for size in sizes]
        energy = one.figures.energy
        assert 0 <= energy.low <= energy.value <= energy.high <= 1
        assert 0 <= one.random_pointing <= 1
    assert 0 < found.chance.energy.value < 0.1
    assert Localisation.from_json(json.loads(json.dumps(found.to_json()))).to_json() == (
        found.to_json()
    )


def test_the_share_in_the_air_is_that_of_the_sum_beyond_a_cell_from_tissue(make_bundle, case):
    bundle = ModelBundle.load(make_bundle("image_only"))
    images = np.zeros((2, *SHAPE), np.float16)
    images[0, :, :, 20:] = 1.0
    images[1, :, :, :20] = 1.0
    # In each case six parts of the sum lie in the half that is tissue in the first, one on the first layer of the
    # other half, one on its second, and three far off.
    values = np.zeros(SHAPE, np.float32)
    values[16, 16, [25, 19, 18, 3]] = 6, 1, 1, 3
    found = localise(
        bundle.network,
        Preprocessing(SHAPE, 3.0),
        [case(n)[0] for n in range(2)],
        Cases(images, np.zeros((2, 0)), np.ones(2, int)),
        np.stack([AFFINE] * 2),
        methods=("gradcam",),
        stages=(1,),
        more_maps=lambda network, number: {("occlusion", None): GridMap(values, AFFINE, 1)},
        random={},
    )
    by_map = {one.method: one.in_air for one in found.maps}
    assert by_map["occlusion"].value == pytest.approx((4 / 11 + 6 / 11) / 2, abs=1e-4)
    # As the window shows it: what the smoothing carries off the tissue is left out.
    assert by_map["input-gradient"].value == 0
    assert by_map["gradcam"].value > 0.02


def test_distances_are_in_mm_on_a_mask_whose_voxels_are_no_cubes(tmp_path):
    affine = np.array([[0, 0, 5.0, -30], [-1.0, 0, 0, 10], [0, 2.0, 0, -16], [0, 0, 0, 1]])
    mask = ball(np.zeros(3), 6, affine, (12, 16, 20))
    nib.save(
        nib.Nifti1Image(
            mask.transpose(2, 1, 0).astype(np.uint8), np.diag([-1.0, -1, 1, 1]) @ affine
        ),
        tmp_path / "mask.nii.gz",
    )
    row = CaseRow(2, "c", Path("x"), tmp_path / "mask.nii.gz", {}, 1, None, "")
    aim = target_of(row, np.ones(SHAPE, bool), AFFINE)
    lesion = np.argwhere(mask)[:, ::-1] @ affine[:3, :3].T + affine[:3, 3]
    np.testing.assert_allclose(aim.distance_mm, cKDTree(lesion).query(aim.brain_lps)[0], atol=1e-4)
    np.testing.assert_array_equal(aim.inside, aim.distance_mm == 0)
    assert aim.inside.sum() == mask.sum()


def test_each_case_is_compared_with_its_own_map_mask_and_grid(make_bundle, case):
    bundle = ModelBundle.load(make_bundle("concat", embedding=12))
    rng = np.random.default_rng(1)
    rows = [case(n)[0] for n in range(5)]
    images = rng.standard_normal((5, *SHAPE)).astype(np.float16)
    images[:, ::5] = 0
    metadata = rng.standard_normal((5, bundle.info.schema.width)).astype(np.float32)
    affines = np.stack([AFFINE] * 5)
    affines[:, :3, 3] += rng.uniform(-15, 15, (5, 3))
    how = {"methods": ("layercam", "gradcam"), "stages": (1, 3), "random": {}}

    def judged(numbers):
        part = np.array(numbers)
        cases = Cases(images[part], metadata[part], np.ones(len(part), int))
        return localise(
            bundle.network,
            Preprocessing(SHAPE, 3.0),
            [rows[n] for n in numbers],
            cases,
            affines[part],
            **how,
        )

    together, alone = judged(range(5)), [judged([n]) for n in range(5)]
    for name in ("pointing", "pointing_near", "energy"):
        for number, one in enumerate(together.maps):
            expected = np.mean([getattr(each.maps[number].figures, name).value for each in alone])
            assert getattr(one.figures, name).value == pytest.approx(expected, abs=2e-5)
        expected = np.mean([getattr(each.chance, name).value for each in alone])
        assert getattr(together.chance, name).value == pytest.approx(expected, abs=2e-5)
    distances = [each.chance.distance_mm.value for each in alone]
    assert len(set(distances)) > 1
    assert together.chance.distance_mm.value == pytest.approx(np.median(distances))


def test_a_map_is_judged_corrected_by_what_was_measured_and_has_no_data_where_it_was_uncovered(
    make_bundle, case
):
    bundle = ModelBundle.load(make_bundle("image_only"))
    rng = np.random.default_rng(2)
    rows = [case(n)[0] for n in range(3)]
    images = rng.standard_normal((3, *SHAPE)).astype(np.float16)
    cases = Cases(images, np.zeros((3, 0)), np.ones(3, int))
    affines = np.stack([AFFINE] * 3)
    how = {"methods": ("layercam",), "stages": (2,), "random": {}}
    preprocessing = Preprocessing(SHAPE, 3.0)
    vector = (2.0, -3.0, 1.0)
    known = Displacement(
        "layercam",
        2,
        4,
        3.0,
        20,
        vector,
        vector,
        vector,
        (0, 0, 0),
        1.0,
        0.0,
        RecordedEstimate(1.0),
    )
    found = localise(
        bundle.network,
        preprocessing,
        rows,
        cases,
        affines,
        displacements=Displacements((known,), "", 0.0, "t.csv"),
        **how,
    )
    raw, corrected, _ = found.maps
    assert (raw.corrected, corrected.corrected) == (False, True)
    for number, row in enumerate(rows):
        aim = target_of(row, preprocessing.foreground(images[number]), AFFINE)
        image = torch.from_numpy(images[number].astype(np.float32))[None, None]
        maps = explain(bundle.network, image, method="layercam", stages=(2,))
        affine = maps.affine(AFFINE)
        moved = affine.copy()
        moved[:3, 3] -= 3.0 * np.array(vector)
        for one, of in ((raw, affine), (corrected, moved)):
            own = judge(GridMap(maps.raised[0].numpy(), of, maps.stride), aim)
            each = localise(
                bundle.network,
                preprocessing,
                [row],
                Cases(images[number : number + 1], np.zeros((1, 0)), np.ones(1, int)),
                affines[:1],
                displacements=Displacements((known,), "", 0.0, "t.csv"),
                **how,
            ).maps[int(one.corrected)]
            assert each.figures.distance_mm.value == pytest.approx(own.distance_mm, abs=1e-4)
            assert each.figures.energy.value == pytest.approx(own.energy, abs=1e-5)


def test_uncovered_voxels_are_no_data_and_no_zeros(case):
    row, _ = case()
    aim = target_of(row, np.ones(SHAPE, bool), AFFINE)
    even = GridMap(np.ones(SHAPE, np.float32), AFFINE, 1)
    covered = aim.brain_lps[:, 0] <= -70 + 3 * (SHAPE[2] - 1) - 60 + 1.5
    assert 0 < covered.sum() < len(covered)
    moved = judge(even.moved(np.array([-60.0, 0, 0])), aim)
    # The same as a random voxel among those covered; as zeros they would not count in its peak either,
    # but a map that is below 0 nowhere can't tell.
    assert moved.energy == pytest.approx(aim.inside[covered].mean(), rel=1e-4)
    assert moved.pointing == pytest.approx(aim.inside[covered].mean(), rel=1e-4)
    gone = judge(even.moved(np.array([900.0, 0, 0])), aim)
    assert gone.energy == 0 and np.isnan(gone.distance_mm)
    assert strongest_lps(even.moved(np.array([900.0, 0, 0])), aim) is None


def test_the_lesions_centre_is_a_voxel_of_its_largest_part(case):
    row, lesion = case()
    aim = target_of(row, np.ones(SHAPE, bool), AFFINE)
    np.testing.assert_allclose(aim.center_lps, (10, 5, -4), atol=1.3)
    assert aim.holds(aim.center_lps) and aim.holds(lesion[0])
    assert not aim.holds(np.array([-30.0, 5, -4]))


def test_an_empty_mask_is_named_by_its_row(case, tmp_path):
    row, _ = case()
    nib.save(nib.Nifti1Image(np.zeros((4, 4, 4), np.uint8), np.eye(4)), row.mask)
    with pytest.raises(UserError, match="row 2: the mask is empty"):
        target_of(row, np.ones(SHAPE, bool), AFFINE)


def table_of(*maps: tuple[str, int | None, float, float, float, bool], chosen=None) -> Localisation:
    """A table with (method, stage, hits, upper end of their interval, energy, whether it may be the default)."""
    some = Estimate(0.01, 0.0, 0.02)
    return Localisation(
        cases=40,
        tolerance_mm=10.0,
        chance=PointingFigures(some, some, some, None),
        brightness=None,
        maps=tuple(
            MapFigures(
                method,
                stage,
                False,
                (3, 3, 3),
                22.0,
                0,
                PointingFigures(
                    some, Estimate(near, 0.0, high), Estimate(energy, energy, energy), None
                ),
                eligible=eligible,
            )
            for method, stage, near, high, energy, eligible in maps
        ),
        chosen=chosen,
    )


def test_of_the_maps_that_point_near_the_one_that_points_beside_the_lesion_is_not_kept():
    found = table_of(
        ("gradcam++", 1, 0.8, 0.95, 0.02, True), ("layercam", 1, 0.75, 0.9, 0.07, True)
    )
    hit, beside = found.maps
    hit = replace(hit, figures=replace(hit.figures, pointing=Estimate(0.78, 0.6, 0.95)))
    beside = replace(beside, figures=replace(beside.figures, pointing=Estimate(0.26, 0.1, 0.45)))
    assert replace(found, maps=(beside, hit)).best is hit
    as_good = replace(beside, figures=replace(beside.figures, pointing=Estimate(0.7, 0.5, 0.9)))
    assert replace(found, maps=(as_good, hit)).best is as_good


def test_of_the_maps_that_point_as_well_as_the_best_the_one_with_most_energy_inside_is_kept():
    found = table_of(
        ("gradcam", 4, 0.1, 0.2, 0.9, True),
        ("gradcam++", 1, 0.5, 0.6, 0.02, True),
        ("hirescam", 1, 0.4, 0.51, 0.07, True),
        ("layercam", 1, 0.45, 0.55, 0.05, True),
    )
    best = found.best
    assert (best.method, best.stage) == ("hirescam", 1)
    assert best.figures.pointing_near.value == 0.4
    plain = json.loads(json.dumps(explanation_json(found)))
    measured = LocalisationRecord.from_metadata({"explanation": plain})
    assert "within 10 mm of the lesion in 40 % (0 to 51) of 40 cases" in measured.text


def test_an_interval_that_ends_at_nothing_is_below_every_hit():
    found = table_of(("gradcam", 4, 0.0, 0.0, 0.9, True), ("layercam", 2, 0.1, 0.2, 0.1, True))
    assert found.best.method == "layercam"


def test_a_map_that_random_weights_make_as_well_is_never_the_default():
    rows = (("layercam", 1, 0.9, 1.0, 0.5, False), ("input-gradient", None, 0.2, 0.3, 0.1, True))
    assert table_of(*rows).best.method == "input-gradient"
    assert table_of(rows[0]).best is None
    assert explanation_json(table_of(rows[0])) is None


def test_a_map_with_heat_in_the_air_is_the_default_only_where_every_map_has_some():
    rows = (("layercam", 1, 0.9, 1.0, 0.5, True), ("input-gradient", None, 0.2, 0.3, 0.1, True))
    found = table_of(*rows)
    airy, clean = (
        replace(one, in_air=Estimate(share, None, None))
        for one, share in zip(found.maps, (0.021, 0.02), strict=True)
    )
    assert replace(found, maps=(airy, clean)).best is clean
    assert replace(found, maps=(airy, replace(clean, eligible=False))).best is airy
    # Empty in every case: it has no heat anywhere.
    empty = replace(found.maps[1], in_air=None)
    assert replace(found, maps=(airy, empty)).best is airy


def test_a_default_chosen_on_other_cases_stays_the_default_on_these():
    rows = (("layercam", 1, 0.9, 1.0, 0.5, True), ("input-gradient", None, 0.2, 0.3, 0.1, True))
    found = table_of(*rows, chosen=("input-gradient", None))
    assert found.best.method == "input-gradient"
    assert explanation_json(found)["chosen_on"] == "validation cases"


@pytest.mark.parametrize(
    "folder", sorted(models_dir().glob("demo-*")), ids=lambda folder: folder.name
)
def test_a_shipped_model_is_explained_by_the_best_of_its_own_table(folder):
    info = BundleInfo.read(folder)
    table = info.metadata["eval_metrics"]["held_out"]["localisation"]
    best = Localisation.from_json(table).best
    assert info.default_map == (best.method, () if best.stage is None else (best.stage,))
    assert best.in_air.value <= MOST_IN_AIR
    card = (folder / "docs" / "README.md").read_text(encoding="utf-8")
    assert info.localisation_record is not None
    assert info.localisation_record.text in card
