"""Each row of the table of localisation, number by number, from maps, masks and balls taken one by one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from fusion3d_gui.model.attribution.cam import CAM_METHODS, STAGES
from fusion3d_gui.model.attribution.displacement import Displacement, Displacements
from fusion3d_gui.model.attribution.localisation_record import Estimate as RecordedEstimate
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.network_config import NetworkConfig
from fusion3d_gui.model.preprocessing import Preprocessing
from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.data.table import CaseRow
from fusion3d_gui.training.measure.maps.blanking import Blanking
from fusion3d_gui.training.measure.maps.case_maps import GridMap, maps_of_case
from fusion3d_gui.training.measure.maps.lesion_target import judge, strongest_lps, target_of
from fusion3d_gui.training.measure.maps.localisation import localise
from fusion3d_gui.training.measure.maps.map_displacement import hits_of, random_hits
from fusion3d_gui.training.measure.maps.sub_cell_peak import peak_lps
from fusion3d_gui.training.measure.metrics import mean, median, ratio_of_means

SHAPE = (17, 17, 17)
PREPROCESSING = Preprocessing(SHAPE, 5.0)
COUNT = 3
KEY = ("layercam", 2)
EXTRA = ("occlusion", None)


#: Directions of the grid's axes i, j and k: none but j lies along one of the patient's.
AXES = np.array([[0.6, 0, -0.8], [0, 1, 0], [0.8, 0, 0.6]])


def affine_of(number: int) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = 5 * AXES
    affine[:3, 3] = (-40 + number, -38, -36 - number)
    return affine


AFFINES = np.stack([affine_of(n) for n in range(COUNT)])


@pytest.fixture(scope="module")
def network() -> LearnedFeatureFusion3D:
    torch.manual_seed(2)
    config = NetworkConfig(fusion="concat", metadata_width=2, width=1 / 16, stem_pool=False)
    return LearnedFeatureFusion3D(config).eval()


@pytest.fixture(scope="module")
def cases() -> Cases:
    rng = np.random.default_rng(4)
    images = rng.normal(0.5, 1, (COUNT, *SHAPE)).astype(np.float16)
    images[:, :2] = 0
    return Cases(images, rng.normal(size=(COUNT, 2)).astype(np.float32), np.ones(COUNT, int))


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> list[CaseRow]:
    """Masks on the grids of the cases, each of a block elsewhere."""
    folder = tmp_path_factory.mktemp("masks")
    found = []
    for number in range(COUNT):
        mask = np.zeros(SHAPE, np.uint8)
        mask[6 + number : 10 + number, 5:9, 9 - 2 * number : 13 - 2 * number] = 1
        ras = np.diag([-1.0, -1, 1, 1]) @ AFFINES[number]
        nib.save(nib.Nifti1Image(mask.transpose(2, 1, 0), ras), folder / f"{number}.nii")
        found.append(
            CaseRow(number + 2, f"c{number}", Path("x"), folder / f"{number}.nii", {}, 1, None, "")
        )
    return found


def more_maps(network, number: int) -> dict:
    """A map that is empty in case 1, and else points at one voxel."""
    values = np.zeros(SHAPE, np.float32)
    if number != 1:
        values[7, 6, 10] = 2.0
    return {EXTRA: GridMap(values, AFFINES[number], 1)}


def measured(**changed) -> Displacements:
    known = Displacement(
        *KEY, 4, 5.0, 20, (0.5, -1.0, 0.25), *[(0.0, 0.0, 0.0)] * 3, 1.0, 0.0, RecordedEstimate(1.0)
    )
    return Displacements((replace(known, **changed),), "", 0.0, "t.csv")


HOW = {"methods": ("layercam",), "stages": (2,), "resamples": 40}


def found_by(network, rows, cases, **how):
    return localise(network, PREPROCESSING, rows, cases, AFFINES, **{**HOW, **how})


def test_each_number_of_a_row_is_that_of_its_maps(network, rows, cases):
    random = {KEY: 0.05, EXTRA: 0.25}
    found = found_by(
        network, rows, cases, displacements=measured(), more_maps=more_maps, random=random
    )
    vector = 5 * AXES @ (0.5, -1.0, 0.25)
    judged: dict = {name: [] for name in ("raw", "corrected", "reference", "extra")}
    drops: dict = {name: [] for name in judged}
    at_lesion = []
    for number, row in enumerate(rows):
        image, metadata, _ = cases.batch(np.array([number]))
        maps = maps_of_case(network, image, metadata, AFFINES[number], methods=("layercam",))
        aim = target_of(row, cases.images[number] != 0, AFFINES[number])
        each = {
            "raw": maps[KEY],
            "corrected": maps[KEY].moved(-vector),
            "reference": maps["input-gradient", None],
            "extra": more_maps(network, number)[EXTRA],
        }
        ball = Blanking(network, cases.images[number], cases.metadata[number], AFFINES[number])
        at_lesion.append(ball.drops([aim.center_lps])[0])
        for name, one in each.items():
            judged[name].append(judge(one, aim))
            drops[name].append(ball.drops([strongest_lps(one, aim)])[0])
    order = {one: n for n, one in enumerate(("raw", "corrected", "reference", "extra"))}
    assert [(one.method, one.stage, one.corrected) for one in found.maps] == [
        (*KEY, False),
        (*KEY, True),
        ("input-gradient", None, False),
        (*EXTRA, False),
    ]
    for name, number in order.items():
        one, expected = found.maps[number], judged[name]
        for what in ("pointing", "pointing_near", "energy"):
            values = [getattr(each, what) for each in expected]
            assert getattr(one.figures, what) == mean(values, 40), (name, what)
        distances = [each.distance_mm for each in expected if np.isfinite(each.distance_mm)]
        assert one.figures.distance_mm == median(distances, 40)
        ratio = ratio_of_means(np.array(drops[name]), np.array(at_lesion), 40)
        assert (one.deletion is None) == (ratio is None)
        if ratio is not None:
            assert one.deletion.value == pytest.approx(ratio.value, rel=1e-3)
        assert one.empty == (name == "extra")
    assert [one.grid_kji for one in found.maps] == [(5, 5, 5), (5, 5, 5), SHAPE, SHAPE]
    assert [one.cell_mm for one in found.maps] == [20.0, 20.0, 5.0, 5.0]
    assert [one.random_pointing for one in found.maps] == [0.05, 0.05, None, 0.25]
    assert [one.eligible for one in found.maps] == [False, True, False, False]
    assert (found.cases, found.tolerance_mm) == (3, 10.0)


def test_chance_and_brightness_are_judged_in_each_case(network, rows, cases):
    found = found_by(network, rows, cases, random={})
    chance, bright = [], []
    for number, row in enumerate(rows):
        aim = target_of(row, cases.images[number] != 0, AFFINES[number])
        chance.append((aim.inside.mean(), np.median(aim.distance_mm)))
        # A Gaussian of 8 mm on a grid of 5 mm.
        image = cases.images[number].astype(np.float32)
        smooth = gaussian_filter(image, 8 / 5, mode="constant", truncate=4.0)
        bright.append(judge(GridMap(np.maximum(smooth, 0), AFFINES[number], 1), aim))
    for one in (found.chance.pointing, found.chance.energy):
        assert one.value == pytest.approx(np.mean([share for share, _ in chance]))
    assert found.chance.distance_mm.value == pytest.approx(np.median([mm for _, mm in chance]))
    brightness = found.brightness
    assert brightness.energy.value == pytest.approx(np.mean([b.energy for b in bright]), rel=0.01)
    assert brightness.pointing.value == np.mean([b.pointing for b in bright])
    assert brightness.distance_mm.value == pytest.approx(np.median([b.distance_mm for b in bright]))


def test_a_map_that_is_empty_in_every_case_has_no_distance_and_no_deletion(network, rows, cases):
    def empty(network, number):
        return {EXTRA: GridMap(np.zeros(SHAPE, np.float32), AFFINES[number], 1)}

    one = found_by(network, rows, cases, more_maps=empty, random={}).maps[-1]
    assert (one.empty, one.figures.distance_mm) == (3, None)
    assert (one.figures.pointing.value, one.figures.energy.value) == (0, 0)
    assert one.deletion is None or one.deletion.value == 0


def test_a_cells_size_is_rounded_to_hundredths(network, rows, cases):
    affines = AFFINES.copy()
    affines[:, :3, :3] *= 1.00085
    found = localise(network, PREPROCESSING, rows, cases, affines, **HOW, random={})
    assert [one.cell_mm for one in found.maps] == [20.02, 5.0]


@pytest.mark.parametrize(
    ("random", "changed", "eligible"),
    [
        # (raw, corrected, gradient): random weights may point in a tenth of the cases.
        ({KEY: 0.1, ("input-gradient", None): 0.1}, {}, (False, True, True)),
        ({KEY: 0.11, ("input-gradient", None): 0.11}, {}, (False, False, False)),
        ({KEY: 0.0, ("input-gradient", None): 0.0}, {"cases": 7}, (False, False, True)),
        ({}, {}, (False, False, False)),
        ({KEY: 0.0}, {"method": "gradcam"}, (True, False)),
        ({KEY: 0.0}, {"stage": 3}, (True, False)),
        ({KEY: 0.0, ("input-gradient", None): 0.0}, None, (True, True)),
    ],
)
def test_the_default_may_be_what_random_weights_do_not_make_and_is_corrected_where_measured(
    network, rows, cases, random, changed, eligible
):
    known = None if changed is None else measured(**changed)
    one = Cases(cases.images[:1], cases.metadata[:1], cases.labels[:1])
    found = localise(
        network,
        PREPROCESSING,
        rows[:1],
        one,
        AFFINES[:1],
        displacements=known,
        random=random,
        **HOW,
    )
    assert tuple(each.eligible for each in found.maps) == eligible


def test_without_a_choice_all_methods_and_stages_are_judged_with_random_weights_and_progress(
    network, rows, cases
):
    images = cases.images[:2].copy()
    images[1] = 0  # its gradient × input is empty: there is no place of reference
    two = Cases(images, cases.metadata[:2], cases.labels[:2])
    seen: list[tuple[float, str]] = []
    found = localise(
        network,
        PREPROCESSING,
        rows[:2],
        two,
        AFFINES[:2],
        resamples=10,
        progress=lambda *told: seen.append(told),
    )
    keys = [(method, stage) for method in CAM_METHODS for stage in STAGES]
    assert [(one.method, one.stage) for one in found.maps] == [*keys, ("input-gradient", None)]
    assert seen[:2] == [
        (0.0, "Comparing heatmaps of case 1 of 2"),
        (pytest.approx(0.3), "Comparing heatmaps of case 2 of 2"),
    ]
    reference, targets = [], []
    for number in range(2):
        image, metadata, _ = two.batch(np.array([number]))
        one = maps_of_case(network, image, metadata, AFFINES[number])["input-gradient", None]
        place = peak_lps(one.values, one.affine)
        assert (place is None) == (number == 1)
        reference.append([np.nan] * 3 if place is None else place)
        targets.append(target_of(rows[number], two.images[number] != 0, AFFINES[number]))
    own: list[float] = []
    expected = random_hits(
        network,
        two,
        AFFINES[:2],
        np.stack(reference),
        hits_of(np.stack(reference), targets),
        lambda at, message: own.append(at),
    )
    assert {(one.method, one.stage): one.random_pointing for one in found.maps} == expected
    np.testing.assert_allclose([at for at, _ in seen[2:]], 0.6 + 0.4 * np.array(own))
