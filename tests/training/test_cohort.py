import csv
import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy.interpolate import BSpline
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.training.cohort.anatomy import Anatomy, lesion_sites, template
from fusion3d_gui.training.cohort.generate import make_case, make_cohort
from fusion3d_gui.training.cohort.population import (
    OutcomeModel,
    Person,
    auc_ceilings,
    sample_people,
)
from fusion3d_gui.training.cohort.spline_field import SplineField


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
        assert np.linalg.norm(middle - ras) < 6
        voxels = np.asarray(image.dataobj)
        assert voxels[inside].mean() > 1.4 * voxels[voxels > 0].mean()
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


def test_the_same_case_at_a_finer_spacing_is_the_same_anatomy_and_the_same_person() -> None:
    model = OutcomeModel(lesion_rate=0.99, distractor_rate=0.01)
    coarse = make_case(3, 7, model, (4.0, 4.0, 4.0))
    fine = make_case(3, 7, model, (2.0, 2.0, 2.0))
    assert coarse.person == fine.person and coarse.label == fine.label
    assert coarse.lesion is not None and fine.lesion is not None
    np.testing.assert_array_equal(coarse.lesion.center_lps_mm, fine.lesion.center_lps_mm)
    for low, high in zip(coarse.volume.bounds_lps, fine.volume.bounds_lps, strict=True):
        np.testing.assert_allclose(low, high)
    k, j, i = (n // 2 for n in fine.volume.shape)
    blocks = fine.volume.voxels.astype(float).reshape(k, 2, j, 2, i, 2).mean(axis=(1, 3, 5))
    assert np.corrcoef(blocks.ravel(), coarse.volume.voxels.ravel())[0, 1] > 0.97
    assert coarse.lesion_mask is not None and fine.lesion_mask is not None
    volumes_ml = coarse.lesion_mask.sum() * 0.064, fine.lesion_mask.sum() * 0.008
    assert volumes_ml[0] == pytest.approx(volumes_ml[1], rel=0.1)


def test_the_deformation_is_inverted_where_a_lesion_is_put() -> None:
    anatomy = Anatomy.draw(np.random.default_rng(0))
    target = lesion_sites()[1000]
    found = anatomy.locate(target)
    x, y, z = found[:, None]
    assert abs(anatomy.on_grid(x, y, z)[0][0, 0, 0] - template().value_at(target)) < 1e-3


def test_no_brain_is_cut_off_by_the_field_of_view() -> None:
    for number in range(12):
        voxels = make_case(number, 3, OutcomeModel(), (8.0, 8.0, 8.0)).volume.voxels
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
        with_it, without = (make_case(number, 11, m, (3.0, 3.0, 3.0)) for m in (model, plain))
        assert (with_it.label, with_it.person) == (without.label, without.person)
        ring = with_it.distractor
        if ring is None:
            continue
        rings += 1
        volume = with_it.volume
        index = np.stack(np.indices(volume.voxels.shape)[::-1], axis=-1)
        distance = np.linalg.norm(volume.to_lps(index) - ring.center_lps_mm, axis=-1)
        core = volume.voxels[distance < 0.45 * ring.radius_mm].mean()
        rim = volume.voxels[np.abs(distance / ring.radius_mm - 0.85) < 0.08].mean()
        assert rim > 1.8 * core
        if with_it.lesion is not None:
            gap = np.linalg.norm(ring.center_lps_mm - with_it.lesion.center_lps_mm)
            assert gap > ring.radius_mm + with_it.lesion.radius_mm
    assert rings >= 5


def test_cases_json_describes_what_was_made(cohort: Path) -> None:
    about = json.loads(cohort.with_suffix(".json").read_text())
    assert about["cohort"]["cases"] == 24
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
