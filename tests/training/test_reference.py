"""What a bundle tells of the cases it was made with: judged against scikit-learn, and bounded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from scipy.special import expit
from sklearn.covariance import LedoitWolf
from sklearn.neighbors import NearestNeighbors

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.preprocessing import Preprocessing
from fusion3d_gui.model.reference.appearance import appearance_features, appearance_size
from fusion3d_gui.model.reference.reference import Reference, decoded
from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.data.network_outputs import compute_outputs
from fusion3d_gui.training.data.table import CaseRow
from fusion3d_gui.training.measure.reference_statistics import (
    _reference_cases,
    sample_training_rows,
    write_reference,
)

TRAINING, VALIDATION = np.arange(40), np.arange(40, 60)


@pytest.fixture
def made(make_bundle, schema):
    """A bundle with its reference, the cases, and what the network says of them."""

    def make(fusion: str = "concat", simulated: bool = True):
        folder = make_bundle(fusion, embedding=12)
        grid = Preprocessing((17, 17, 17), 3.0).to_json()
        (folder / "configs" / "preprocessing.json").write_text(json.dumps(grid), encoding="utf-8")
        bundle = ModelBundle.load(folder)
        rng = np.random.default_rng(0)
        labels = (rng.random(60) < 0.3).astype(np.int64)
        values = [
            {"age": float(rng.integers(45, 90)), "sex": "F" if n % 3 else "M", "diabetes": None}
            for n in range(60)
        ]
        used = bundle.info.schema
        metadata = np.stack([used.encode(v if used.fields else {}) for v in values])
        images = rng.standard_normal((60, 17, 17, 17)) * (1 + labels)[:, None, None, None]
        cases = Cases(images.astype(np.float16), metadata, labels)
        rows = [
            CaseRow(n + 2, f"made-up-{n}", Path("x"), None, v, int(labels[n]), None, "")
            for n, v in enumerate(values)
        ]
        write_reference(
            folder, bundle.network, cases, TRAINING, VALIDATION, rows=rows, simulated=simulated
        )
        outputs = compute_outputs(bundle.network, cases, np.arange(60))
        return bundle, cases, rows, outputs

    return make


def test_the_distance_is_the_mahalanobis_distance_of_the_ledoit_wolf_covariance(made):
    bundle, _, _, outputs = made()
    reference = Reference.load(bundle.info, bundle.weights_sha256)
    judge = LedoitWolf().fit(outputs.embeddings[TRAINING].astype(np.float64))
    expected = np.sqrt(judge.mahalanobis(outputs.embeddings[VALIDATION].astype(np.float64)))
    # The directions are stored in half precision.
    np.testing.assert_allclose(
        reference.distance(outputs.embeddings[VALIDATION]), expected, rtol=5e-3
    )
    np.testing.assert_allclose(reference.validation_distance, expected, rtol=5e-3)
    assert reference.distance_percentile(0.0) == 0
    assert reference.distance_percentile(1e9) == 100
    assert reference.distance_percentile(float(np.median(expected))) == pytest.approx(50, abs=5)


def test_the_nearest_cases_are_those_that_scikit_learn_finds(made):
    bundle, _, rows, outputs = made()
    reference = Reference.load(bundle.info, bundle.weights_sha256)
    stored = outputs.embeddings[TRAINING].astype(np.float16).astype(np.float64)
    judge = NearestNeighbors(metric="cosine").fit(stored)
    for query in outputs.embeddings[VALIDATION][:5]:
        found = reference.nearest(query, 4)
        distances, numbers = judge.kneighbors(query[None], 4)
        assert [n.index for n in found] == numbers[0].tolist()
        np.testing.assert_allclose([n.distance for n in found], distances[0], atol=1e-6)
        for neighbour in found:
            row = rows[TRAINING[neighbour.index]]
            assert neighbour.name == row.name
            assert neighbour.label == row.label
            assert neighbour.values == row.values
            logit = outputs.logits[TRAINING[neighbour.index]]
            assert neighbour.probability == pytest.approx(expit(logit / 1.5), abs=1e-6)


def test_a_glance_is_told_by_its_mahalanobis_distance_too(made):
    bundle, cases, _, _ = made()
    reference = Reference.load(bundle.info, bundle.weights_sha256)
    found = reference.appearance
    seen = np.stack(
        [appearance_features(image, image != 0) for image in cases.images.astype(np.float32)]
    ).astype(np.float64)
    judge = LedoitWolf().fit(seen[TRAINING])
    values, vectors = np.linalg.eigh(judge.covariance_)
    # All but the leading 16 directions are taken as even: their mean variance.
    values[:-16] = values[:-16].mean()
    precision = vectors / values @ vectors.T
    offsets = seen[VALIDATION] - judge.location_
    expected = np.sqrt(np.einsum("ni,ij,nj->n", offsets, precision, offsets))
    np.testing.assert_allclose(found.distance(seen[VALIDATION]), expected, rtol=5e-3)
    np.testing.assert_allclose(found.validation_distance, expected, rtol=5e-3)


def test_a_glance_holds_means_of_cells_shares_of_tissue_and_the_histogram():
    voxels = np.zeros((16, 8, 8), np.float32)
    voxels[:8] = 2.0
    voxels[:4] = -1.0
    found = appearance_features(voxels, voxels != 0)
    assert len(found) == appearance_size((16, 8, 8)) == 2 + 2 + 32
    np.testing.assert_allclose(found[:4], [0.5, 0, 2 * 1, 0])
    # Half of the tissue at -1 (bin 12 of those from -4 to 4), half at 2 (bin 24); roots, times 4.
    filled = {12: 4 * np.sqrt(0.5), 24: 4 * np.sqrt(0.5)}
    np.testing.assert_allclose(found[4:], [filled.get(n, 0) for n in range(32)], rtol=1e-6)


def test_a_reference_from_before_glances_were_kept_is_read_without_them(made):
    bundle, *_ = made()
    path = bundle.info.folder / "models" / "reference.safetensors"
    old = {name: array for name, array in load_file(path).items() if not name.startswith("glance")}
    save_file(old, path)
    assert Reference.load(bundle.info, bundle.weights_sha256).appearance is None


def test_scores_and_the_background_case_are_those_of_the_cases(made):
    bundle, cases, rows, outputs = made()
    reference = Reference.load(bundle.info, bundle.weights_sha256)
    np.testing.assert_allclose(
        reference.validation_probability, expit(outputs.logits[VALIDATION] / 1.5), atol=1e-6
    )
    np.testing.assert_array_equal(reference.validation_label, cases.labels[VALIDATION])
    np.testing.assert_allclose(
        reference.background_pooled, outputs.pooled[TRAINING].mean(axis=0), rtol=1e-5
    )
    np.testing.assert_allclose(
        reference.background_embedding, outputs.embeddings[TRAINING].mean(axis=0), rtol=1e-4
    )
    ages = [rows[n].values["age"] for n in TRAINING]
    assert reference.background_values == {
        "age": pytest.approx(np.median(ages), abs=0.51),
        "sex": "F",
        "diabetes": None,
    }


def test_values_of_real_people_do_not_travel_with_the_model(made):
    bundle, _, _, outputs = made(simulated=False)
    reference = Reference.load(bundle.info, bundle.weights_sha256)
    assert len(reference.case_metadata) == 0 and reference.names == ()
    assert reference.nearest(outputs.embeddings[0])[0].values == {}
    text = (bundle.info.folder / "configs" / "reference.json").read_text()
    assert "made-up" not in text
    arrays = load_file(bundle.info.folder / "models" / "reference.safetensors")
    assert "case_metadata" not in arrays


def test_a_model_without_metadata_has_a_reference_too(made):
    bundle, _, _, outputs = made("image_only")
    reference = Reference.load(bundle.info, bundle.weights_sha256)
    assert reference.background_values == {}
    assert len(reference.nearest(outputs.embeddings[3])) == 5


def test_a_bundle_without_reference_has_none(make_bundle):
    bundle = ModelBundle.load(make_bundle())
    assert Reference.load(bundle.info, bundle.weights_sha256) is None


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"mean": np.zeros(13, np.float32)}, "mean has the shape"),
        ({"variances": np.zeros(3, np.float32)}, "variances has the shape"),
        ({"case_label": np.zeros(39, np.uint8)}, "case_label has the shape"),
        ({"validation_logit": np.full(20, np.nan, np.float32)}, "finite"),
        ({"case_label": np.full(40, 7, np.uint8)}, "something else than 0 and 1"),
        ({"case_metadata": np.zeros((40, 3), np.float16)}, "case_metadata has the shape"),
        ({"pooled_mean": None}, "pooled_mean"),
        ({"texture_mean": np.zeros(5, np.float32)}, "texture_mean has the shape"),
        ({"glance_mean": np.zeros(5, np.float32)}, "glance_mean has the shape"),
        ({"glance_variances": None}, "glance_variances"),
        ({"glance_validation_distance": np.zeros(3, np.float32)}, "glance_validation_distance has"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_by_name(made, change, complaint):
    bundle, *_ = made()
    path = bundle.info.folder / "models" / "reference.safetensors"
    arrays = {**load_file(path), **change}
    save_file({name: array for name, array in arrays.items() if array is not None}, path)
    with pytest.raises(UserError, match=complaint):
        Reference.load(bundle.info, bundle.weights_sha256)


def test_a_reference_of_other_weights_or_a_broken_one_is_refused(made):
    bundle, *_ = made()
    with pytest.raises(UserError, match="other weights"):
        Reference.load(bundle.info, "0" * 64)
    config = bundle.info.folder / "configs" / "reference.json"
    plain = json.loads(config.read_text())
    for broken in (
        {**plain, "version": 1},
        {**plain, "texture": {"residual_variance": 0}},
        {**plain, "covariance": None},
        {**plain, "covariance": {"residual_variance": 0}},
        {**plain, "glance": {"residual_variance": -1}},
        {key: value for key, value in plain.items() if key != "glance"},
        {**plain, "background_values": {"height": 3}},
        {**plain, "names": ["one"]},
        [],
    ):
        config.write_text(json.dumps(broken))
        with pytest.raises(UserError, match="reference"):
            Reference.load(bundle.info, bundle.weights_sha256)
    config.write_text("{")
    with pytest.raises(UserError, match="reference"):
        Reference.load(bundle.info, bundle.weights_sha256)
    config.unlink()
    with pytest.raises(UserError, match="reference"):
        Reference.load(bundle.info, bundle.weights_sha256)


@pytest.mark.parametrize(
    ("positives", "negatives", "carried"),
    [
        (500, 500, (150, 150)),
        (20, 500, (20, 280)),
        (500, 100, (200, 100)),
        (40, 60, (40, 60)),
    ],
)
def test_of_the_cases_carried_along_up_to_half_are_positive(positives, negatives, carried):
    labels = np.random.default_rng(0).permutation(np.repeat([1, 0], [positives, negatives]))
    chosen = _reference_cases(np.random.default_rng(1), labels)
    assert np.bincount(labels[chosen])[::-1].tolist() == list(carried)
    assert (np.diff(chosen) > 0).all()


def test_statistics_come_from_600_training_cases_at_most():
    training = np.arange(100, 1100)
    rows = sample_training_rows(np.random.default_rng(0), training)
    assert len(rows) == 600 and (np.diff(rows) > 0).all()
    assert set(rows) <= set(training) and rows.max() > 1000
    few = sample_training_rows(np.random.default_rng(0), training[:7])
    assert few.tolist() == training[:7].tolist()


def test_decoding_undoes_encoding(schema):
    for values in (
        {"age": 61.0, "sex": "M", "diabetes": True},
        {"age": None, "sex": None, "diabetes": None},
    ):
        assert decoded(schema, schema.encode(values)) == values


def test_the_network_is_left_in_the_mode_it_was_in(make_bundle):
    network = ModelBundle.load(make_bundle("image_only")).network
    network.train()
    cases = Cases(np.zeros((2, 17, 17, 17), np.float16), np.zeros((2, 0)), np.array([0, 1]))
    found = compute_outputs(network, cases, np.arange(2))
    assert network.training
    alone = compute_outputs(network, replace(cases, images=cases.images[:1]), np.arange(1))
    assert found.logits[0] == pytest.approx(float(alone.logits[0]), abs=1e-5)
    assert torch.isfinite(torch.from_numpy(found.embeddings)).all()
