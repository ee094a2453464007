"""The map of embeddings: against scikit-learn's PCA; files that are none are refused."""

from __future__ import annotations

import io
import pickle
from dataclasses import replace

import numpy as np
import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.case_list.case_map import map_cases, principal_axes, read_embeddings
from fusion3d_gui.inference.embedding_file import read_embedding, write_embedding

decomposition = pytest.importorskip("sklearn.decomposition")


@pytest.fixture
def points() -> np.ndarray:
    rng = np.random.default_rng(2)
    mixed = rng.standard_normal((200, 30)) * np.linspace(3, 0.2, 30)
    return (mixed @ rng.standard_normal((30, 30)) + 5).astype(np.float32)


def test_the_axes_are_those_of_scikit_learn(points):
    mean, axes, explained = principal_axes(points)
    peer = decomposition.PCA(2, svd_solver="full").fit(points.astype(np.float64))
    np.testing.assert_allclose(explained, peer.explained_variance_ratio_, rtol=1e-9)
    theirs = peer.transform(points)
    ours = (points - mean) @ axes.T
    signs = np.sign((ours * theirs).sum(axis=0))
    np.testing.assert_allclose(ours, theirs * signs, atol=1e-6)
    assert (axes[[0, 1], np.abs(axes).argmax(axis=1)] > 0).all()


def test_cases_are_put_on_the_axes_of_the_reference_cases(predicted_case, reference_for):
    case = predicted_case().case
    reference = reference_for(case)
    rng = np.random.default_rng(0)
    width = len(case.image_embedding)
    own = (case.image_embedding + 2 * rng.standard_normal((25, width))).astype(np.float32)
    reference = replace(reference, validation_distance=reference.distance(reference.case_embedding))
    made = map_cases(np.arange(25), own, reference)
    peer = decomposition.PCA(2, svd_solver="full").fit(reference.case_embedding)
    for ours, theirs in (
        (made.reference_points, peer.transform(reference.case_embedding)),
        (made.points, peer.transform(own.astype(np.float64))),
    ):
        np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=1e-6)
    of_all = own - own.mean(axis=0)
    of_map = made.points - made.points.mean(axis=0)
    assert made.shown_of_cases == pytest.approx((of_map**2).sum() / (of_all**2).sum(), rel=1e-6)
    expected = [reference.distance_percentile(each) for each in reference.distance(own)]
    np.testing.assert_allclose(made.percentile, expected)
    # No two cases lie farther apart in the map than their embeddings do.
    apart = np.linalg.norm(own[:, None] - own[None], axis=2)
    on_map = np.linalg.norm(made.points[:, None] - made.points[None], axis=2)
    assert (on_map <= apart + 1e-4).all()


def test_without_a_reference_the_axes_are_those_of_the_cases(points):
    made = map_cases(np.arange(len(points)), points, None)
    peer = decomposition.PCA(2, svd_solver="full").fit(points.astype(np.float64))
    np.testing.assert_allclose(np.abs(made.points), np.abs(peer.transform(points)), atol=1e-5)
    assert not made.has_reference
    assert np.isnan(made.percentile).all()
    assert made.shown_of_cases == pytest.approx(sum(made.explained))
    with pytest.raises(UserError, match="at least 3"):
        map_cases(np.arange(2), points[:2], None)


def test_an_embedding_of_another_model_is_refused(predicted_case, reference_for):
    reference = reference_for(predicted_case().case)
    with pytest.raises(UserError, match="Predict the cases again"):
        map_cases(np.arange(4), np.zeros((4, 3), np.float32), reference)


def _npy(array: np.ndarray, **header: object) -> bytes:
    file = io.BytesIO()
    plain = np.lib.format.header_data_from_array_1_0(array) | header
    np.lib.format.write_array_header_1_0(file, plain)
    return file.getvalue() + array.tobytes()


def test_files_that_are_no_embeddings_are_refused(tmp_path):
    good = np.arange(8, dtype="<f4")
    path = tmp_path / "a.npy"
    for content, what in (
        (b"", "embedding"),
        (pickle.dumps([1.0]), "embedding"),
        (_npy(good)[:-1], "as it claims"),
        (_npy(good, shape=(10**12,)), "as it claims"),
        (_npy(good, descr="|O"), "as it claims"),
        (_npy(good.reshape(2, 4)), "as it claims"),
        (_npy(good.astype("<f8")), "as it claims"),
        (_npy(np.full(4, np.nan, "<f4")), "finite"),
        (_npy(good[:0]), "finite"),
        (_npy(np.zeros(20_000, "<f4")), "more than"),
    ):
        path.write_bytes(content)
        with pytest.raises(UserError, match=what):
            read_embedding(path)
    write_embedding(path, good)
    np.testing.assert_array_equal(np.load(path, allow_pickle=False), good)
    write_embedding(tmp_path / "b.npy", good[:5])
    with pytest.raises(UserError, match="different models"):
        read_embeddings([path, None, tmp_path / "b.npy"])
    rows, found = read_embeddings([None, tmp_path / "none.npy", path])
    assert rows.tolist() == [2]
    np.testing.assert_array_equal(found, good[None])
