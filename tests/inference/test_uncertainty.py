"""Doubt against scikit-learn, SciPy and torch's own dropout."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import percentileofscore
from sklearn.metrics import confusion_matrix

from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.inference.analysis.uncertainty import (
    assess_uncertainty,
    at_prevalence,
    dropout_interval,
)
from fusion3d_gui.inference.demo_cases import demo_cases
from fusion3d_gui.inference.fit.fit_report import DEMONSTRATION
from fusion3d_gui.inference.out_of_distribution import image_outside
from fusion3d_gui.inference.predictor import load_predictor
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.reference.appearance import AppearanceStatistics, appearance_features
from fusion3d_gui.model.reference.reference import OUTSIDE_PERCENT, Reference
from fusion3d_gui.model.reference.texture import texture_features
from fusion3d_gui.training.cohort.corruptions import CORRUPTIONS


def test_the_place_in_the_validation_scores_is_scipys_percentile(predicted_case, reference_for):
    found = predicted_case()
    reference = reference_for(found.case)
    shown = assess_uncertainty(found.case, found.prediction.metadata, reference)
    for label, lower in ((0, shown.lower_negative), (1, shown.lower_positive)):
        scores = reference.validation_probability[reference.validation_label == label]
        expected = percentileofscore(scores, found.prediction.probability, kind="strict")
        assert 100 * lower == pytest.approx(expected)
    distances = reference.validation_distance
    expected = percentileofscore(distances, shown.image_distance, kind="strict")
    assert shown.image_percent == pytest.approx(expected)
    json.dumps(shown.to_json(), allow_nan=False)


def test_an_image_far_from_all_training_cases_is_outside(predicted_case, reference_for):
    found = predicted_case()
    values = found.prediction.metadata
    reference = reference_for(found.case)
    assert assess_uncertainty(found.case, values, reference).outside == ()
    away = replace(reference, mean=reference.mean + 10)
    shown = assess_uncertainty(found.case, values, away)
    assert shown.image_percent == 100
    assert "less like the training cases" in shown.outside[0]


def test_a_scan_of_noise_is_outside_of_what_a_shipped_model_has_seen():
    demo = demo_cases()[0]
    predictor = load_predictor(demo.bundle, "cpu", engine="torch")
    scan = open_volume(demo.path)
    noise = np.random.default_rng(0).integers(0, 1000, scan.shape).astype(np.int16)
    words = "less like the training cases"
    for volume, told in ((scan, False), (replace(scan, voxels=noise), True)):
        notices = predictor.predict_case(volume, demo.metadata).prediction.notices
        assert any(words in notice for notice in notices) == told


def test_odd_scans_are_outside_at_a_glance_and_the_shipped_one_is_not():
    demo = demo_cases()[0]
    bundle = ModelBundle.load(demo.bundle)
    known = Reference.load(bundle.info, bundle.weights_sha256)
    gauges = ((known.appearance, appearance_features), (known.texture, texture_features))
    scan = open_volume(demo.path)
    scans = {corruption.name: corruption.apply(scan, 3) for corruption in CORRUPTIONS}
    shares = {}
    for name, volume in {"as it is": scan, **scans}.items():
        voxels = bundle.info.preprocessing.apply(volume).voxels
        tissue = bundle.info.preprocessing.foreground(voxels)
        shares[name] = max(
            gauge.percentile(float(gauge.distance(features(voxels, tissue))[0]))
            for gauge, features in gauges
        )
    missed = {name for name, share in shares.items() if share < OUTSIDE_PERCENT}
    # Two voxels blur so fine a scan but little. A mirrored head is another head; training mirrors at random.
    missed.discard("blurred (Gaussian of 2 voxels)")
    assert missed == {"as it is", "mirrored left to right"}


@pytest.mark.parametrize("name", ["mr_t1_sag_hfs", "mr_t1_sag_hfp", "transfer_syntaxes/1.dcm"])
def test_a_real_scan_of_another_kind_is_outside_at_a_glance(name):
    path = Path(__file__).parents[3] / "shared" / "data" / "dicom" / name
    if not path.exists():
        pytest.skip("needs the shared scans beside the repository")
    bundle = ModelBundle.load(demo_cases()[0].bundle)
    known = Reference.load(bundle.info, bundle.weights_sha256).appearance
    voxels = bundle.info.preprocessing.apply(open_volume(path)).voxels
    seen = appearance_features(voxels, bundle.info.preprocessing.foreground(voxels))
    assert known.percentile(float(known.distance(seen)[0])) == 100


@pytest.mark.parametrize(
    "name",
    [
        "real_brains/MR_Gd.nii.gz",
        "real_brains/CT_pitch.nii.gz",
        "ms/patient12/study1_FLAIR.nii.gz",
        "ms/patient12/study1_T2W.nii.gz",
        "ms/patient07_mni/FLAIR.nii.gz",
        "dicom/mr_t1_sag_hfp",
    ],
)
def test_a_real_scan_is_told_by_the_gauges_alone(name):
    path = Path(__file__).parents[3] / "shared" / "data" / name
    if not path.exists():
        pytest.skip("needs the shared scans beside the repository")
    predictor = load_predictor(demo_cases()[0].bundle, "cpu", engine="torch")
    scan = open_volume(path)
    found = predictor.predict_case(scan, {}, despite_misfit=True)
    assert image_outside(found.case, predictor.reference)
    assert found.prediction.fit.fit != "fits"
    assert found.prediction.fit.demonstration == DEMONSTRATION


def test_what_makes_an_image_outside_is_named(predicted_case, reference_for):
    found = predicted_case()
    reference = reference_for(found.case)
    near, far = np.full(60, 1e9), np.zeros(60)
    size = len(found.case.appearance)
    known = AppearanceStatistics(np.ones(size), np.eye(2, size), np.ones(2), 1.0, near)
    for by_glance, by_embedding, words in (
        (far, near, "By its outline and grey values, the image"),
        (near, far, "By what the model makes of it, the image"),
        (far, far, "By its outline and grey values and by what the model makes of it, the image"),
    ):
        changed = replace(
            reference,
            validation_distance=by_embedding,
            appearance=replace(known, validation_distance=by_glance),
        )
        shown = assess_uncertainty(found.case, found.prediction.metadata, changed)
        assert shown.outside[0].startswith(words)
        assert max(shown.image_percent, shown.appearance_percent) == 100


def test_metadata_outside_the_training_range_are_outside_with_or_without_reference(predicted_case):
    found = predicted_case(values={"age": 20})
    shown = assess_uncertainty(found.case, found.prediction.metadata, None)
    assert shown.outside == ("Age 20 years is outside the 40 to 90 seen in training.",)
    assert shown.image_percent is None


def test_the_nearest_reference_case_is_the_one_with_the_same_embedding(
    predicted_case, reference_for
):
    found = predicted_case()
    reference = reference_for(found.case)
    embeddings = reference.case_embedding.copy()
    embeddings[17] = found.case.image_embedding
    reference = replace(reference, case_embedding=embeddings)
    neighbours = assess_uncertainty(found.case, found.prediction.metadata, reference).neighbours
    assert neighbours[0].index == 17
    assert neighbours[0].distance == pytest.approx(0, abs=1e-6)
    assert [n.distance for n in neighbours] == sorted(n.distance for n in neighbours)


def test_the_interval_is_that_of_torchs_own_dropout(predicted_case):
    found = predicted_case(dropout=0.5)
    values = found.prediction.metadata
    low, high = dropout_interval(found.case, values, runs=4000)
    assert low < found.prediction.probability < high
    assert (low, high) == dropout_interval(found.case, values, runs=4000)
    network = ModelBundle.load(found.case.info.folder).network
    network.classifier.train()
    torch.manual_seed(1)
    code = torch.from_numpy(found.case.info.schema.encode(values))[None]
    with torch.inference_mode():
        logits = network.head_from_pooled(
            found.case.pooled.expand(4000, -1), code.expand(4000, -1)
        )[-1]
    expected = np.percentile(torch.sigmoid(logits / 1.5).numpy(), [2.5, 97.5])
    assert [low, high] == pytest.approx(expected, abs=0.1 * (high - low))


def test_a_model_without_dropout_has_no_interval(predicted_case):
    found = predicted_case(dropout=0.0)
    assert dropout_interval(found.case, found.prediction.metadata) is None


@pytest.mark.parametrize("prevalence", [0.01, 0.1, 0.5])
def test_predictive_values_are_those_of_a_population_of_that_prevalence(
    predicted_case, reference_for, prevalence
):
    reference = reference_for(predicted_case().case)
    label = reference.validation_label
    flagged = reference.validation_probability >= 0.4
    # Weight the validation cases to the prevalence: scikit-learn then counts that population.
    share = label.mean()
    weight = np.where(label == 1, prevalence / share, (1 - prevalence) / (1 - share))
    (tn, fp), (fn, tp) = confusion_matrix(label, flagged, sample_weight=weight)
    found = at_prevalence(0.3, 0.4, reference, prevalence)
    assert found.ppv[0] == pytest.approx(tp / (tp + fp))
    assert found.npv[0] == pytest.approx(tn / (tn + fn))
    assert found.ppv[1] < found.ppv[0] < found.ppv[2]
    assert found.npv[1] < found.npv[0] < found.npv[2]


def test_at_the_validation_prevalence_the_probability_is_unchanged(predicted_case, reference_for):
    reference = reference_for(predicted_case().case)
    own = float(reference.validation_label.mean())
    assert at_prevalence(0.3, 0.4, reference, own).probability == pytest.approx(0.3)
    assert at_prevalence(0.3, 0.4, reference, own / 10).probability < 0.1


def test_without_positive_validation_cases_no_predictive_value_is_claimed(
    predicted_case, reference_for
):
    reference = reference_for(predicted_case().case)
    reference = replace(reference, validation_label=np.zeros(60, dtype=np.uint8))
    found = at_prevalence(0.3, 0.4, reference, 0.1)
    assert found.ppv is None
    assert found.probability == 0.3
