import csv
import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy.interpolate import BSpline
from scipy.ndimage import gaussian_filter
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.training.cohort.anatomy import Anatomy, lesion_sites, template
from fusion3d_gui.training.cohort.generate import SceneKind, SimulatedCase, make_case
from fusion3d_gui.training.cohort.make_cohort import make_cohort
from fusion3d_gui.training.cohort.population import (
    OutcomeModel,
    Person,
    auc_ceilings,
    sample_people,
)
from fusion3d_gui.training.cohort.spline_field import SplineField
from fusion3d_gui.training.cohort.varied import BrightStructure, EnhancingLesion


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_cohort_holds_a_table_with_a_volume_a_case_and_a_mask_a_lesion(cohort: Path) -> None:
    rows = rows_of(cohort)
    assert len(rows) == 24
    for row in rows:
        image = nib.load(cohort.parent / row["path"])
        assert image.get_data_dtype() == np.int16
        assert nib.aff2axcodes(image.affine) == ("R", "A", "S")
        np.testing.assert_allclose(image.header.get_zooms(), 6.0)
        assert (row["mask"] != "") == (row["lesion"] == "1")
        assert 0 < float(row["probability"]) < 1
        assert row["label"] in ("0", "1")


def test_the_lesion_centre_in_the_table_lies_in_the_mask_and_the_lesion_is_bright(
    cohort: Path,
) -> None:
    checked = 0
    for row in rows_of(cohort):
        if not row["mask"]:
            continue
        mask, image = (nib.load(cohort.parent / row[name]) for name in ("mask", "path"))
        np.testing.assert_allclose(mask.affine, image.affine)
        inside = np.asarray(mask.dataobj) > 0
        # nibabel's affine is RAS, the table's columns are LPS.
        ras = np.array([float(row[f"lesion_{axis}_lps_mm"]) for axis in "xyz"]) * [-1, -1, 1]
        middle = nib.affines.apply_affine(mask.affine, np.argwhere(inside).mean(axis=0))
        # Of several lesions the table names the largest.
        assert np.linalg.norm(middle - ras) < 15
        voxels = np.asarray(image.dataobj)
        assert voxels[inside].mean() > 1.15 * voxels[voxels > 0].mean()
        checked += 1
    assert checked >= 5


def test_the_same_seed_gives_the_same_bytes_whatever_the_number_of_processes(
    cohort: Path, tmp_path: Path
) -> None:
    again = make_cohort(
        tmp_path / "again",
        4,
        seed=5,
        spacing_mm=6.0,
        prevalence=0.4,
        model=OutcomeModel(lesion_rate=0.5),
        workers=2,
    )
    for old, new in zip(rows_of(cohort), rows_of(again), strict=False):
        assert old == new
        old_bytes, new_bytes = ((t.parent / old["path"]).read_bytes() for t in (cohort, again))
        assert old_bytes == new_bytes


def test_another_seed_gives_other_people() -> None:
    model = OutcomeModel()
    one, other = (make_case(0, seed, model, (8.0, 8.0, 8.0)) for seed in (1, 2))
    assert not np.array_equal(one.volume.voxels, other.volume.voxels)


@pytest.mark.parametrize("kind", ["simple", "varied"])
def test_the_same_case_at_a_finer_spacing_is_the_same_anatomy_and_the_same_person(
    kind: SceneKind,
) -> None:
    model = OutcomeModel(lesion_rate=0.99, distractor_rate=0.01)
    coarse = make_case(3, 7, model, (4.0, 4.0, 4.0), kind)
    fine = make_case(3, 7, model, (2.0, 2.0, 2.0), kind)
    assert coarse.person == fine.person and coarse.label == fine.label
    for one, other in zip(coarse.lesions, fine.lesions, strict=True):
        np.testing.assert_array_equal(one.center_lps_mm, other.center_lps_mm)
    for low, high in zip(coarse.volume.bounds_lps, fine.volume.bounds_lps, strict=True):
        np.testing.assert_allclose(low, high)
    k, j, i = (n // 2 for n in fine.volume.shape)
    blocks = fine.volume.voxels.astype(float).reshape(k, 2, j, 2, i, 2).mean(axis=(1, 3, 5))
    # The varied scene's vessels and spots are thinner than a voxel of 4 mm.
    least = {"simple": 0.97, "varied": 0.93}[kind]
    assert np.corrcoef(blocks.ravel(), coarse.volume.voxels.ravel())[0, 1] > least
    assert coarse.lesion_mask is not None and fine.lesion_mask is not None
    volumes_ml = coarse.lesion_mask.sum() * 0.064, fine.lesion_mask.sum() * 0.008
    assert volumes_ml[0] == pytest.approx(volumes_ml[1], rel=0.1)


@pytest.mark.parametrize("draw", [Anatomy.draw, Anatomy.draw_varied])
@pytest.mark.parametrize("seed", range(5))
def test_the_deformation_is_inverted_where_a_lesion_is_put(draw, seed) -> None:
    anatomy = replace(draw(np.random.default_rng(seed)), atrophy=0.0)
    target = lesion_sites()[1000]
    found = anatomy.locate(target)
    x, y, z = found[:, None]
    assert abs(anatomy.on_grid(x, y, z)[0][0, 0, 0] - template().value_at(target)) < 1e-3


@pytest.mark.parametrize("kind", ["simple", "varied"])
def test_no_brain_is_cut_off_by_the_field_of_view(kind: SceneKind) -> None:
    for number in range(12):
        voxels = make_case(number, 3, OutcomeModel(), (8.0, 8.0, 8.0), kind).volume.voxels
        faces = [
            voxels[0],
            voxels[-1],
            voxels[:, 0],
            voxels[:, -1],
            voxels[..., 0],
            voxels[..., -1],
        ]
        assert not any(face.any() for face in faces)


def test_a_lattice_is_the_cubic_b_spline_with_unit_deviation() -> None:
    lattice = SplineField.draw(
        np.random.default_rng(0), center=np.zeros(3), reach_mm=200, step_mm=10, channels=1
    )
    points = np.linspace(-150, 150, 41)
    assert lattice.on_grid(points, points, points).std() == pytest.approx(1, abs=0.05)
    # scipy's cubic B-spline along a line of control values that are the same across it.
    control = np.random.default_rng(1).standard_normal(12)
    flat = SplineField(np.broadcast_to(control, (12, 12, 12))[..., None], (0.0, 0.0, 0.0), 10.0)
    x = np.linspace(30, 80, 17)
    expected = BSpline(np.arange(-2, 14), control, 3)(x / 10)
    middle = np.array([55.0])
    np.testing.assert_allclose(flat.on_grid(x, middle, middle)[0, 0, :, 0], expected, atol=1e-12)


def test_the_stated_probabilities_are_those_that_the_labels_have() -> None:
    model = OutcomeModel().with_prevalence(0.1)
    people = sample_people(40_000, seed=9, lesion_rate=model.lesion_rate)
    truth = model.truth(people)
    assert truth.probability.mean() == pytest.approx(0.1, abs=0.005)
    labels = np.random.default_rng(0).random(len(people)) < truth.probability
    lesion = np.array([person.lesion for person in people])
    for score in truth:
        # Calibrated: among the people with about the same score, that share is positive.
        for part in np.array_split(np.argsort(score, kind="stable"), 5):
            assert labels[part].mean() == pytest.approx(score[part].mean(), abs=0.015)
    assert labels[lesion].mean() == pytest.approx(truth.image[lesion].mean(), abs=0.02)
    best = auc_ceilings(model)
    for name, score in zip(("all", "image", "metadata"), truth, strict=True):
        assert best[name] == pytest.approx(roc_auc_score(labels, score), abs=0.015)
    assert best["all"] > max(best["metadata"], best["image"]) + 0.05
    # No regression on the same columns gets past the ceiling of the metadata.
    columns = np.array([(p.age, p.mmse, p.hypertension, p.sex == "M") for p in people], float)
    half = len(people) // 2
    fitted = LogisticRegression(max_iter=5000).fit(columns[:half], labels[:half])
    found = roc_auc_score(labels[half:], fitted.decision_function(columns[half:]))
    assert found <= roc_auc_score(labels[half:], truth.metadata[half:]) + 0.003


def test_the_strengths_are_log_odds_and_the_interaction_needs_both_sources() -> None:
    one, other = (Person(68, "F", mmse, False, lesion=False) for mmse in (28, 22))
    model = OutcomeModel(intercept=-2.0, lesion=3.0, metadata=1.2, interaction=0.9)

    def log_odds(person: Person) -> float:
        return float(logit(model.truth([person]).probability[0]))

    step = log_odds(other) - log_odds(one)
    assert step == pytest.approx(1.2 * 1.1 * 2 / 1.57)
    ill_one, ill_other = (replace(p, lesion=True) for p in (one, other))
    assert log_odds(ill_other) - log_odds(ill_one) == pytest.approx(step * (1.2 + 0.9) / 1.2)


def test_a_distractor_is_a_ring_that_the_label_does_not_know() -> None:
    model = OutcomeModel(distractor_rate=0.9, lesion_rate=0.5).with_prevalence(0.4)
    plain = replace(model, distractor_rate=0.001)
    rings = 0
    for number in range(8):
        with_it, without = (
            make_case(number, 11, m, (3.0, 3.0, 3.0), "simple") for m in (model, plain)
        )
        assert (with_it.label, with_it.person) == (without.label, without.person)
        if not with_it.distractors:
            continue
        (ring,) = with_it.distractors
        rings += 1
        volume = with_it.volume
        index = np.stack(np.indices(volume.voxels.shape)[::-1], axis=-1)
        distance = np.linalg.norm(volume.to_lps(index) - ring.center_lps_mm, axis=-1)
        core = volume.voxels[distance < 0.45 * ring.radius_mm].mean()
        rim = volume.voxels[np.abs(distance / ring.radius_mm - 0.85) < 0.08].mean()
        assert rim > 1.8 * core
        for lesion in with_it.lesions:
            gap = np.linalg.norm(ring.center_lps_mm - lesion.center_lps_mm)
            assert gap > ring.radius_mm + lesion.radius_mm
    assert rings >= 5


#: Of five cases of seed 2, as the first demo models' test cohort had them (release 0.1.0): number, mean, standard
#: deviation, center of mass in k, j, i. Their bytes differ by rounding from one kind of processor to another.
SIMPLE_CASES = (
    (0, 317.351, 497.683, (32.1297, 33.2699, 28.6504)),
    (1, 117.756, 199.869, (29.8768, 33.0218, 30.2172)),
    (2, 216.978, 340.086, (31.3160, 34.7443, 28.6071)),
    (5, 144.654, 237.332, (31.6526, 32.5192, 29.4047)),
    (9, 234.576, 397.907, (32.3389, 33.9843, 28.5369)),
)


@pytest.mark.parametrize(("number", "mean", "deviation", "center"), SIMPLE_CASES)
def test_the_simple_scene_is_that_of_the_first_demo_models(number, mean, deviation, center) -> None:
    model = OutcomeModel().with_prevalence(0.1)
    voxels = make_case(number, 2, model, (3.0, 3.0, 3.0), "simple").volume.voxels.astype(float)
    assert voxels.shape == (59, 69, 59)
    assert voxels.mean() == pytest.approx(mean, rel=1e-4)
    assert voxels.std() == pytest.approx(deviation, rel=1e-4)
    found = [(voxels * index).sum() / voxels.sum() for index in np.indices(voxels.shape)]
    assert found == pytest.approx(list(center), abs=1e-3)


def test_of_the_mixed_cohort_every_third_case_is_simple() -> None:
    model = OutcomeModel()
    for number in range(6):
        mixed = make_case(number, 4, model, (8.0, 8.0, 8.0), "mixed").volume.voxels
        kind: SceneKind = "simple" if number % 3 == 0 else "varied"
        same = make_case(number, 4, model, (8.0, 8.0, 8.0), kind).volume.voxels
        np.testing.assert_array_equal(mixed, same)


@pytest.fixture(scope="module")
def varied() -> list[SimulatedCase]:
    """Thirty varied cases with a lesion, at the training cohort's spacing."""
    model = OutcomeModel(lesion_rate=0.99)
    cases = (make_case(number, 71, model, (3.0, 3.0, 3.0)) for number in range(31))
    return [case for case in cases if case.lesions][:30]


def test_in_the_varied_scene_most_cases_hold_something_brighter_than_their_lesion(varied) -> None:
    brighter = 0
    for case in varied:
        voxels = case.volume.voxels
        brighter += voxels[~case.lesion_mask].max() > voxels[case.lesion_mask].max()
    assert brighter >= 0.5 * len(varied)


@pytest.mark.parametrize("smoothing_mm", [0.0, 8.0])
def test_in_the_varied_scene_brightness_alone_does_not_point_at_the_lesion(
    varied, smoothing_mm
) -> None:
    hits = 0
    for case in varied:
        shown = gaussian_filter(case.volume.voxels.astype(np.float32), smoothing_mm / 3.0)
        hits += bool(case.lesion_mask.ravel()[shown.argmax()])
    assert hits <= 0.2 * len(varied)


def test_lesions_of_the_varied_scene_are_of_many_kinds_and_sizes(varied) -> None:
    lesions = [lesion for case in varied for lesion in case.lesions]
    assert {bool(lesion.core) for lesion in lesions} == {True, False}
    assert {bool(lesion.oedema) for lesion in lesions} == {True, False}
    assert {len(case.lesions) > 1 for case in varied} == {True, False}
    widths = [2 * lesion.radius_mm for lesion in lesions]
    assert 4 <= min(widths) < 8 and 18 < max(widths) <= 25
    for lesion in lesions:
        assert all(
            np.linalg.norm(lesion.center_lps_mm - main.lesions[0].center_lps_mm) <= 30
            for main in varied
            if lesion in main.lesions
        )


def test_a_rim_is_brighter_than_its_core_and_oedema_is_darker_than_what_it_replaces() -> None:
    axes = tuple(np.arange(-36.0, 37.0) for _ in range(3))
    white = np.full((73, 73, 73), 0.87, np.float32)
    drawn = (
        EnhancingLesion.draw(np.random.default_rng(seed), np.zeros(3), (9.0, 11.0))
        for seed in range(60)
    )
    rims = [lesion for lesion in drawn if lesion.core]
    assert len(rims) >= 10
    for lesion in rims:
        shown = lesion.add_on_grid(white, *axes)
        inside = lesion.share_on_grid(*axes) > 0.5
        ball = 4 / 3 * np.pi * lesion.radius_mm**3
        # The uneven edge adds more than it takes.
        assert 0.4 * ball < inside.sum() < 2.6 * ball
        assert shown[36, 36, 36] == pytest.approx(lesion.core_intensity, abs=0.1)
        assert shown.max() > 1.0
        assert np.median(shown[~inside & (shown < 0.86)]) < 0.8
        # Neither lesion nor oedema reaches the face of the cube, 36 mm away.
        np.testing.assert_allclose(shown[0], white[0], atol=0.02)


def test_a_vessel_is_as_thick_as_it_says_and_no_darker_than_what_it_crosses() -> None:
    axes = tuple(np.arange(-20.0, 20.5, 0.5) for _ in range(3))
    line = np.stack([np.arange(-15.0, 16.0), np.zeros(31), np.zeros(31)], axis=1)
    around = np.full((81, 81, 81), 0.5, np.float32)
    around[:, :, 60:] = 3.0
    shown = BrightStructure(line, 2.0, 1.8).add_on_grid(around, *axes)
    middle = shown[:, 40, 30] > (0.5 + 1.8) / 2
    assert middle.sum() * 0.5 == pytest.approx(2 * 2.0, abs=0.6)
    assert shown[40, 40, 30] == pytest.approx(1.8, abs=0.15)
    np.testing.assert_allclose(shown[:, :, 60:], 3.0, atol=1e-6)


def test_ventricles_and_sulci_differ_between_people_of_the_varied_scene() -> None:
    x, y, z = (np.arange(-80.0, 81.0, 2.0) for _ in range(3))
    plain = Anatomy.draw(np.random.default_rng(2))
    center = plain.locate(np.array([0.0, 12.0, 14.0]))
    k, j, i = np.meshgrid(z - center[2], y - center[1], x - center[0], indexing="ij")
    near_ventricles = (np.abs(i) < 24) & (np.abs(j) < 40) & (np.abs(k) < 24)
    inner, outer = {}, {}
    for name, change in (
        ("plain", {}),
        ("wide", {"ventricles": 0.4}),
        ("narrow", {"ventricles": -0.15}),
        ("atrophy", {"atrophy": 1.0}),
    ):
        intensity, brain = replace(plain, **change).on_grid(x, y, z)
        dark = brain & (intensity < 0.45)
        inner[name] = int((dark & near_ventricles).sum())
        outer[name] = int((dark & ~near_ventricles).sum())
    assert 1.1 * inner["narrow"] < inner["plain"] < inner["wide"] / 1.2
    assert outer["atrophy"] > 1.1 * outer["plain"]


def test_cases_json_describes_what_was_made(cohort: Path) -> None:
    about = json.loads(cohort.with_suffix(".json").read_text())
    assert about["cohort"]["cases"] == 24
    assert about["cohort"]["scene"] == "varied"
    assert about["cohort"]["positives"] == sum(row["label"] == "1" for row in rows_of(cohort))


def test_a_folder_that_holds_something_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("x")
    with pytest.raises(UserError, match="not an empty folder"):
        make_cohort(tmp_path, 1, seed=0)


def test_cancelling_stops_the_making(tmp_path: Path) -> None:
    def give_up(fraction: float, message: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        make_cohort(tmp_path / "c", 3, seed=0, spacing_mm=8.0, progress=give_up)
    assert not (tmp_path / "c" / "cases.csv").exists()


def test_an_interrupted_cohort_goes_on_and_ends_as_if_it_had_not_been(tmp_path):
    def stop(fraction: float, message: str) -> None:
        if fraction > 0.4:
            raise Cancelled

    settings = {"cases": 5, "seed": 4, "spacing_mm": 8.0, "workers": 1}
    whole, out = tmp_path / "whole", tmp_path / "out"
    make_cohort(whole, **settings)
    with pytest.raises(Cancelled):
        make_cohort(out, **settings, progress=stop)
    assert not (out / "cases.csv").exists()
    with pytest.raises(UserError, match="unfinished cohort with other settings"):
        make_cohort(out, **{**settings, "seed": 5})
    first = out / "volumes/case-00000.nii.gz"
    made = first.stat().st_mtime_ns
    make_cohort(out, **settings)
    assert first.stat().st_mtime_ns == made
    files = sorted(path.relative_to(whole) for path in whole.rglob("*"))
    assert files == sorted(path.relative_to(out) for path in out.rglob("*"))
    for path in files:
        if (whole / path).is_file():
            assert (whole / path).read_bytes() == (out / path).read_bytes()
