"""The cohort by its formulas, and cases of one seed by their numbers: a changed constant or draw shows at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fusion3d_gui.imaging.simulated import SIMULATED_ATTRIBUTES
from fusion3d_gui.training.cohort.anatomy import (
    TEMPLATE_CENTER,
    Acquisition,
    Anatomy,
    brain_mask,
    falx_sites,
    lesion_sites,
    surface_sites,
    template,
)
from fusion3d_gui.training.cohort.generate import draw_record, make_case
from fusion3d_gui.training.cohort.lesion import Lesion
from fusion3d_gui.training.cohort.population import (
    COHORT_SCOPE,
    OutcomeModel,
    auc_ceilings,
    cohort_schema,
    sample_people,
)
from fusion3d_gui.training.cohort.spline_field import SplineField

ZERO = SplineField(np.zeros((1, 1, 1, 1)), (0.0, 0.0, 0.0), 10.0)


def _rotation(x: float, y: float, z: float) -> np.ndarray:
    """About the fixed axes x, then y, then z, in degrees."""
    (cx, cy, cz), (sx, sy, sz) = (f(np.radians([x, y, z])) for f in (np.cos, np.sin))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def _field(rng: np.random.Generator, center: Any, half: int, step: float, channels: int) -> Any:
    """Control values and origin of a field of unit deviation, as its docstring has them."""
    size = 2 * half + 1
    values = rng.standard_normal((size, size, size, channels)) * (315 / 151) ** 1.5
    return values, tuple(c - half * step for c in center)


def _depth_mm(place: np.ndarray) -> float:
    """Distance of a voxel's centre from the nearest voxel outside the brain; 20 where it is farther than 19."""
    k, j, i = np.rint(template().to_index(place)).astype(int)[::-1]
    starts = [max(n - 19, 0) for n in (k, j, i)]
    around = brain_mask()[tuple(slice(a, n + 20) for a, n in zip(starts, (k, j, i), strict=True))]
    steps = [
        np.arange(n) + a - at for n, a, at in zip(around.shape, starts, (k, j, i), strict=True)
    ]
    squares = steps[0][:, None, None] ** 2 + steps[1][:, None] ** 2 + steps[2] ** 2
    return min(20.0, float(np.sqrt(squares[around == 0].min(initial=400))))


# Anatomy.


@pytest.mark.parametrize("seed", [0, 1])
def test_an_anatomy_is_drawn_as_it_is_described(seed):
    found = Anatomy.draw(np.random.default_rng(seed))
    rng = np.random.default_rng(seed)
    angles, size, shift = (rng.uniform(a, b, 3) for a, b in ((-8, 8), (0.94, 1.05), (-3, 3)))
    np.testing.assert_allclose(found.matrix, _rotation(*angles) / size, rtol=1e-12)
    np.testing.assert_allclose(found.shift_mm, shift)
    values, origin = _field(rng, (0, 0, 0), 6, 32, 3)  # 110 mm are at most four steps, and two more
    np.testing.assert_allclose(found.displacement.values, 2.2 * values)
    assert (found.displacement.origin, found.displacement.step_mm) == (origin, 32)
    assert (found.ventricles, found.atrophy) == (0, 0)

    varied = Anatomy.draw_varied(np.random.default_rng(seed))
    np.testing.assert_allclose(varied.matrix, found.matrix / 0.95)
    np.testing.assert_allclose(varied.shift_mm, shift)
    np.testing.assert_allclose(varied.displacement.values, 3.0 * values)
    assert varied.ventricles == rng.uniform(-0.15, 0.4)
    assert varied.atrophy == rng.uniform(0, 1)


def test_a_position_shows_the_template_where_the_formula_says():
    drawn = Anatomy.draw_varied(np.random.default_rng(3))
    x, y, z = np.array([-20.0, 11.0]), np.array([0.0, 24.0, 31.0]), np.array([-7.0])
    center, reach = np.array([0.0, 12.0, 14.0]), np.array([20.0, 32.0, 22.0])
    for anatomy in (drawn, replace(drawn, ventricles=0.0), replace(drawn, ventricles=-0.1)):
        found = anatomy.template_positions(x, y, z)
        assert found.shape == (1, 3, 2, 3)
        for j, at_y in enumerate(y):
            for i, at_x in enumerate(x):
                place = np.array([at_x, at_y, -7.0])
                shown = np.array([0.0, 17.0, 5.0]) + anatomy.matrix @ (place - anatomy.shift_mm)
                shown = shown + anatomy.displacement.at(place)
                away = shown - center
                weight = np.exp(-0.5 * np.sum((away / reach) ** 2))
                shown = shown - anatomy.ventricles * weight * away
                np.testing.assert_allclose(found[0, j, i], shown, atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ventricles", [0.0, 0.4, -0.15])
def test_a_template_position_is_found_again_to_a_micrometre(seed, ventricles):
    anatomy = replace(Anatomy.draw_varied(np.random.default_rng(seed)), ventricles=ventricles)
    for target in ([4.0, 20.0, 18.0], [-40.0, -10.0, 44.0], [0.0, 17.0, 5.0]):
        x, y, z = anatomy.locate(np.array(target))[:, None]
        np.testing.assert_allclose(
            anatomy.template_positions(x, y, z)[0, 0, 0], target, atol=2e-3 if ventricles else 1e-3
        )


def test_the_template_itself_is_shown_as_it_is():
    x, y, z = (np.arange(-60.0, 61.0, 30.0) for _ in range(3))
    intensity, mask = Anatomy.of_template().on_grid(x, y, z)
    assert intensity.shape == mask.shape == (5, 5, 5) and mask.dtype == bool
    for (k, j, i), value in np.ndenumerate(intensity):
        place = np.array([x[i], y[j], z[k]]) + TEMPLATE_CENTER
        shown = template().value_at(place)
        assert value == pytest.approx(0.0 if np.isnan(shown) else shown, abs=1e-5)
        assert mask[k, j, i] == (value > 0)
    assert 0.5 < intensity.max() <= 1


def test_atrophy_darkens_what_is_darker_than_grey_matter_near_the_surface():
    x, y, z = (np.arange(-70.0, 71.0, 5.0) for _ in range(3))
    plain = Anatomy.of_template()
    before, mask = plain.on_grid(x, y, z)
    after, same = replace(plain, atrophy=0.6).on_grid(x, y, z)
    np.testing.assert_array_equal(mask, same)
    checked = 0
    for k, j, i in np.argwhere(mask)[::150]:
        place = np.array([x[i], y[j], z[k]]) + TEMPLATE_CENTER
        outer = np.clip((15 - _depth_mm(place)) / 5, 0, 1)
        lack = max(0.65 - before[k, j, i], 0)
        expected = max(before[k, j, i] - 0.6 * outer * lack, 0.05)
        assert after[k, j, i] == pytest.approx(expected, abs=1e-3)
        checked += bool(lack and outer)
    assert checked > 8
    assert not after[~mask].any()


def test_sites_lie_as_deep_as_they_say():
    rng = np.random.default_rng(0)
    sites = {"lesion": lesion_sites(), "surface": surface_sites(), "falx": falx_sites()}
    assert {name: len(each) for name, each in sites.items()} == {
        "lesion": 472342,
        "surface": 217332,
        "falx": 3353,
    }
    depths = {
        name: [_depth_mm(place) for place in rng.choice(each, 40)] for name, each in sites.items()
    }
    assert 13 <= min(depths["lesion"]) < 14
    assert min(depths["surface"]) == 1 and 2 < max(depths["surface"]) < 3
    assert min(depths["falx"]) >= 6
    assert np.abs(falx_sites()[:, 0]).max() < 1 and falx_sites()[:, 2].min() == 35
    for each in sites.values():
        values = [template().value_at(place) for place in rng.choice(each, 50)]
        assert min(values) > 0
    np.testing.assert_array_equal(lesion_sites()[1000], [-29, 56, -46])
    np.testing.assert_array_equal(surface_sites()[1000], [-5, 56, -65])
    np.testing.assert_array_equal(falx_sites()[100], [0, -19, 35])


# Scanner.


@pytest.mark.parametrize("seed", [0, 1])
def test_a_scanner_is_drawn_as_it_is_described(seed):
    found = Acquisition.draw(np.random.default_rng(seed))
    rng = np.random.default_rng(seed)
    assert found.level == rng.uniform(600, 1400)
    assert found.gamma == rng.uniform(0.8, 1.25)
    assert found.noise == rng.uniform(0.015, 0.04)
    values, origin = _field(rng, (0, 0, 0), 4, 90, 1)
    np.testing.assert_allclose(found.inhomogeneity.values, 0.12 * values)
    assert (found.inhomogeneity.origin, found.contrast) == (origin, 1)
    varied = Acquisition.draw_varied(np.random.default_rng(seed))
    assert varied.contrast == rng.uniform(0.65, 1.25)
    assert (varied.level, varied.gamma) == (found.level, found.gamma)


def test_the_signal_without_noise_is_that_of_the_formula():
    axes = (np.array([0.0, 40.0]), np.array([-30.0]), np.array([10.0, 20.0, 70.0]))
    intensity = np.array([0.1, 0.87, 1.4, 0.5, 0.0, 0.86]).reshape(3, 1, 2)
    field = SplineField.draw(
        np.random.default_rng(0), center=np.zeros(3), reach_mm=110, step_mm=90, channels=1
    ).scaled(0.12)
    for contrast in (1.0, 0.7, 1.2):
        scanner = Acquisition(900.0, 1.1, 0.0, field, contrast)
        found = scanner.signal(intensity, axes, np.random.default_rng(1))
        assert found.dtype == np.float32
        for (k, j, i), given in np.ndenumerate(intensity):
            lack = max(0.87 - given, 0)
            shown = max(given - (contrast - 1) * lack, 0)
            bias = field.at(np.array([axes[0][i], axes[1][j], axes[2][k]]))[0]
            expected = 900 * shown**1.1 * np.exp(bias)
            assert found[k, j, i] == pytest.approx(expected, rel=1e-5, abs=1e-3)


def test_noise_is_rician():
    axes = tuple(np.arange(40.0) for _ in range(3))
    scanner = Acquisition(1000.0, 1.0, 0.04, ZERO)
    for true in (0.0, 0.5):
        found = scanner.signal(np.full((40, 40, 40), true), axes, np.random.default_rng(2))
        # The second moment of a Rice distribution.
        assert np.mean(found.astype(float) ** 2) == pytest.approx(
            1000**2 * (true**2 + 2 * 0.04**2), rel=0.02
        )
        assert found.min() >= 0
    assert found.std() == pytest.approx(40, rel=0.03)


# Lesions.


def _ball(**changed: Any) -> Lesion:
    given: dict[str, Any] = {
        "center_lps_mm": np.array([3.0, -2.0, 5.0]),
        "radius_mm": 10.0,
        "brightness": 1.5,
        "stretch": np.diag([1.1, 0.9, 1.0]),
        "edge": ZERO,
    }
    return Lesion(**{**given, **changed})


def test_a_lesion_s_share_and_intensity_are_those_of_the_formula():
    x, y, z = np.arange(-20.0, 26.0, 5.0), np.arange(-24.0, 21.0, 5.0), np.arange(-17.0, 27.0, 5.0)
    rotated = _rotation(20, 30, 40)
    field = SplineField.draw(
        np.random.default_rng(0), center=np.zeros(3), reach_mm=40, step_mm=8, channels=1
    ).scaled(0.16)
    for lesion in (
        _ball(),
        _ball(stretch=np.diag([1.1, 0.9, 1.0]) @ rotated, edge=field, core=0.6),
    ):
        share = lesion.share_on_grid(x, y, z)
        assert share.shape == (len(z), len(y), len(x)) and share.dtype == np.float32
        shown = lesion.add_on_grid(np.full(share.shape, 0.8), x, y, z)
        inside = 0
        for k, j, i in np.ndindex(share.shape):
            place = np.array([x[i], y[j], z[k]])
            away = place - lesion.center_lps_mm
            level = np.linalg.norm(lesion.stretch @ away) / 10 + lesion.edge.at(place)[0]
            near = np.abs(away).max() <= 20

            def within(limit: float, level=level, near=near) -> float:
                return 1 / (1 + np.exp(min((level - limit) * 10 / 0.8, 50))) if near else 0.0

            assert share[k, j, i] == pytest.approx(within(1), abs=1e-5)
            expected = 0.8 + within(1) * (1.5 + 0.08 - 0.8)
            if lesion.core:
                expected = expected + within(lesion.core) * (0.35 - expected)
            assert shown[k, j, i] == pytest.approx(expected, abs=1e-5)
            inside += share[k, j, i] > 0.5
        assert inside > 20


def test_a_lesion_beside_the_grid_adds_nothing():
    axis = np.arange(100.0, 120.0, 2.0)
    near = np.arange(-5.0, 15.0, 2.0)
    for axes in ((axis, near, near), (near, axis, near), (near, near, axis)):
        assert not _ball().share_on_grid(*axes).any()
    # Up to twice the radius it is computed, beyond not.
    at = _ball(center_lps_mm=np.zeros(3), stretch=np.eye(3) / 10)
    shares = at.share_on_grid(np.array([-20.01, -20.0, 20.0, 20.01]), np.zeros(1), np.zeros(1))
    assert (shares[0, 0] > 0).tolist() == [False, True, True, False]


def test_a_lesion_is_drawn_as_it_is_described():
    anatomy = Anatomy.of_template()
    for ring in (False, True):
        found = Lesion.draw(np.random.default_rng(5), anatomy, ring=ring)
        rng = np.random.default_rng(5)
        center = anatomy.locate(lesion_sites()[rng.integers(len(lesion_sites()))])
        np.testing.assert_allclose(found.center_lps_mm, center)
        assert found.radius_mm == rng.uniform(9, 15)
        assert found.brightness == rng.uniform(1.35, 1.6)
        x, y, z, w = (lambda q: q / np.linalg.norm(q))(rng.standard_normal(4))
        turned = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]
        )
        sizes = rng.uniform(0.87, 1.15, 3)
        np.testing.assert_allclose(found.stretch, turned / sizes[:, None])
        values, origin = _field(rng, center, 6, 8, 1)
        np.testing.assert_allclose(found.edge.values, 0.16 * values)
        np.testing.assert_allclose(found.edge.origin, origin)
        assert found.core == (rng.uniform(0.6, 0.7) if ring else 0)


def test_a_lesion_apart_from_another_is_at_least_35_mm_from_it():
    anatomy = Anatomy.of_template()
    moved = 0
    for seed in range(9):
        alone = Lesion.draw(np.random.default_rng(seed), anatomy)
        other = _ball(center_lps_mm=alone.center_lps_mm + (0, 34.0 if seed % 2 else 36.0, 0))
        apart = Lesion.draw(np.random.default_rng(seed), anatomy, apart_from=other)
        distance = np.linalg.norm(apart.center_lps_mm - other.center_lps_mm)
        assert distance >= 35
        kept = np.allclose(apart.center_lps_mm, alone.center_lps_mm)
        assert kept == (seed % 2 == 0)
        moved += not kept
    assert moved == 4


# Fields.


def test_a_field_covers_its_cube_and_two_control_points_more():
    for reach, step, half in ((20.0, 10.0, 4), (21.0, 10.0, 5), (28.0, 8.0, 6)):
        field = SplineField.draw(
            np.random.default_rng(0),
            center=np.array([1.0, 2.0, 3.0]),
            reach_mm=reach,
            step_mm=step,
            channels=2,
        )
        assert field.values.shape == (2 * half + 1,) * 3 + (2,)
        assert field.origin == (1 - half * step, 2 - half * step, 3 - half * step)
        assert field.step_mm == step
        values, _ = _field(np.random.default_rng(0), (0, 0, 0), half, step, 2)
        np.testing.assert_allclose(field.values, values)
        np.testing.assert_allclose(field.scaled(0.5).values, 0.5 * values)


def test_a_field_is_the_sum_of_cubic_b_splines_of_its_control_points():
    def spline(t: float) -> float:
        t = abs(t)
        return 2 / 3 - t**2 + t**3 / 2 if t < 1 else (2 - t) ** 3 / 6 if t < 2 else 0.0

    values = np.random.default_rng(0).standard_normal((4, 5, 6, 2))
    field = SplineField(values, (1.0, -2.0, 3.0), 5.0)
    for place in ([7.3, 4.1, 9.9], [1.0, -2.0, 3.0], [-6.0, 0.0, 5.0], [40.0, 0.0, 0.0]):
        expected = np.zeros(2)
        for k, j, i in np.ndindex(4, 5, 6):
            at = (np.array(place) - field.origin) / 5.0 - (i, j, k)
            expected = expected + values[k, j, i] * np.prod([spline(t) for t in at])
        np.testing.assert_allclose(field.at(np.array(place)), expected, atol=1e-12)
    x, y, z = np.array([2.0, 9.0, 11.0]), np.array([0.0, 3.0]), np.array([4.0])
    grid = field.on_grid(x, y, z)
    assert grid.shape == (1, 2, 3, 2)
    for j, i in np.ndindex(2, 3):
        np.testing.assert_allclose(grid[0, j, i], field.at(np.array([x[i], y[j], z[0]])))


# People and cases.


def test_the_people_of_a_seed_are_these():
    people = sample_people(12, seed=7, lesion_rate=0.4)
    assert [(p.age, p.sex, p.mmse, p.hypertension, p.lesion) for p in people] == [
        (68, "M", 28, True, False),
        (69, "M", 29, True, True),
        (69, "F", 28, False, False),
        (47, "M", 30, False, True),
        (70, "F", 28, False, True),
        (70, "F", 29, True, True),
        (78, "F", 28, True, False),
        (69, "M", 30, False, False),
        (90, "M", 29, True, True),
        (76, "F", 25, False, False),
        (63, "F", 30, False, True),
        (81, "F", 29, False, False),
    ]


def test_the_ceilings_and_intercepts_of_models_are_these():
    usual = OutcomeModel()
    other = OutcomeModel(lesion=2.0, metadata=0.5, interaction=0.25, lesion_rate=0.4)
    assert auc_ceilings(other) == {"all": 0.7546, "image": 0.6879, "metadata": 0.6242}
    assert [usual.with_prevalence(each).intercept for each in (0.1, 0.4)] == [-4.555, -1.096]
    assert [other.with_prevalence(each).intercept for each in (0.1, 0.4)] == [-3.496, -1.247]
    assert usual.to_json() == {
        "intercept": 0.0,
        "lesion": 4.0,
        "metadata": 1.25,
        "interaction": 1.25,
        "lesion_rate": 0.2,
        "distractor_rate": 0.3,
    }


@pytest.mark.parametrize("name", ["lesion", "metadata", "interaction"])
def test_strengths_reach_from_minus_20_to_20(name):
    for value in (-20, 20):
        assert getattr(OutcomeModel(**{name: value}), name) == value
    for value in (-20.1, 20.1):
        with pytest.raises(ValueError, match=f"{name} strength is {value}, not -20 to 20"):
            OutcomeModel(**{name: value})


@pytest.mark.parametrize("name", ["lesion_rate", "distractor_rate"])
def test_rates_lie_between_0_and_1(name):
    OutcomeModel(**{name: 0.001})
    OutcomeModel(**{name: 0.999})
    for value in (0, 1, -0.5):
        with pytest.raises(ValueError, match=f"{name} is {value}, not between 0 and 1"):
            OutcomeModel(**{name: value})


def test_the_least_and_the_largest_prevalence_can_be_reached():
    low, high = (OutcomeModel().with_prevalence(each).intercept for each in (0.02, 0.98))
    assert low < -6 and high > 3


def test_the_cohort_declares_fields_and_scope():
    age, sex, mmse, hypertension = cohort_schema().fields
    assert (age.name, age.unit, age.minimum, age.maximum, age.dicom) == (
        *("age", "years", 0, 120, "PatientAge"),
    )
    assert (sex.name, sex.choices, sex.dicom) == (
        *("sex", (("F", "Female"), ("M", "Male")), "PatientSex"),
    )
    assert (mmse.name, mmse.minimum, mmse.maximum) == ("mmse", 0, 30)
    assert (hypertension.name, hypertension.kind) == ("hypertension", "boolean")
    assert (COHORT_SCOPE.modality, COHORT_SCOPE.population) == ("MR", "simulated")


SIMPLE_3: dict[str, Any] = {
    "sum": 186087,
    "brightest": (13, 6, 4),
    "values": (788, 398, 356, 368),
    "mask": 2,
    "kinds": ["Lesion"],
    "center": (-5.963888, 1.401878, 53.227794),
}
VARIED_4: dict[str, Any] = {
    "sum": 422613,
    "brightest": (3, 4, 5),
    "values": (2050, 996, 1082, 1219),
    "mask": 2,
    "kinds": ["EnhancingLesion", "Lesion", *["BrightStructure"] * 4],
    "center": (-28.015686, 32.877436, -43.282624),
}
PINNED: dict[Any, dict[str, Any]] = {
    ("simple", 3): SIMPLE_3,
    ("simple", 4): {
        "sum": 457697,
        "brightest": (4, 4, 5),
        "values": (2034, 975, 1044, 1093),
        "mask": 3,
        "kinds": ["Lesion", "Lesion"],
        "center": (-29.72839, 35.80222, -43.900271),
    },
    ("varied", 3): {
        "sum": 171632,
        "brightest": (12, 7, 2),
        "values": (1022, 412, 439, 390),
        "mask": 2,
        "kinds": ["EnhancingLesion", "EnhancingLesion", "Lesion", *["BrightStructure"] * 6],
        "center": (-6.035503, 1.176152, 51.222358),
    },
    ("varied", 4): VARIED_4,
    ("mixed", 3): SIMPLE_3,
    ("mixed", 4): VARIED_4,
}


@pytest.mark.parametrize(("kind", "number"), list(PINNED))
def test_the_cases_of_a_seed_are_these(kind, number):
    model = OutcomeModel(lesion_rate=0.9, distractor_rate=0.9)
    case = make_case(number, 11, model, (22.0, 16.0, 11.0), kind)
    expected = PINNED[kind, number]
    voxels = case.volume.voxels
    assert voxels.shape == (16, 13, 8) and voxels.dtype == np.int16
    # Another library may round another way where a value lies just between two integers.
    assert int(voxels.sum()) == pytest.approx(expected["sum"], abs=20)
    brightest = np.unravel_index(voxels.argmax(), voxels.shape)
    assert tuple(int(n) for n in brightest) == expected["brightest"]
    places = (brightest, (8, 6, 4), (10, 8, 3), (6, 4, 5))
    shown = [int(voxels[place]) for place in places]
    assert shown == pytest.approx(expected["values"], abs=1)
    assert int(case.lesion_mask.sum()) == expected["mask"]
    assert [type(each).__name__ for each in (*case.lesions, *case.distractors)] == expected["kinds"]
    np.testing.assert_allclose(case.lesions[0].center_lps_mm, expected["center"], atol=1e-5)
    # The first voxel lies at the patient's left and back, and below.
    affine = np.diag([-22.0, -16.0, 11.0, 1.0])
    affine[:3, 3] = (77.0, 96.0, -82.5)
    np.testing.assert_allclose(case.volume.affine, affine)
    assert (case.name, case.volume.description) == (f"case-{number:05d}",) * 2
    assert case.volume.modality == "MR"
    assert dict(case.volume.attributes) == dict(SIMULATED_ATTRIBUTES)
    assert case.label == 1 and case.person.lesion


def test_the_record_of_a_case_is_that_of_its_scan_and_its_label_that_of_its_chance():
    model = OutcomeModel(lesion_rate=0.9)
    record = draw_record(3, 11, model)
    assert record.values == {"age": 66, "sex": "F", "mmse": 30, "hypertension": False}
    chances = (record.truth.probability, record.truth.image, record.truth.metadata)
    np.testing.assert_allclose(np.ravel(chances), (0.80945, 0.91555, 0.750315), atol=1e-5)
    labels, expected = [], []
    for number in range(300):
        each = draw_record(number, 5, model)
        labels.append(each.label)
        expected.append(float(each.truth.probability[0]))
        stream = np.random.SeedSequence(5, spawn_key=(number,)).spawn(9)[1]
        assert each.label == int(np.random.default_rng(stream).random() < expected[-1])
    assert set(labels) == {0, 1}
