"""What a server answers, whichever library speaks the protocol: the network's own numbers, or a refusal."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fusion3d_gui.inference.predictor import load_predictor
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.serve.served_model import RequestRefused, ServedModel


@pytest.fixture
def folder(make_bundle):
    return make_bundle()


@pytest.fixture
def served(folder) -> ServedModel:
    return ServedModel(load_predictor(folder, device="cpu", engine="torch"), "secret")


@pytest.fixture
def given(served) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    (_, image), (_, codes) = served.inputs
    return {
        "image": rng.normal(size=(2, *image[1:])).astype(np.float32),
        "metadata": rng.normal(size=(2, *codes[1:])).astype(np.float32),
    }


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "secret"}, {"authorization": "Bearer secre"}, {"token": "Bearer secret"}]
    + [{"authorization": "Bearer "}, {"authorization": "Bearer secret "}],
)
def test_without_the_token_nothing_is_answered(served, headers) -> None:
    with pytest.raises(RequestRefused, match="token") as refused:
        served.check_token(headers)
    assert refused.value.status == 401


def test_with_the_token_or_where_none_is_asked_for_there_is_an_answer(served, folder) -> None:
    served.check_token({"Authorization": "Bearer secret", "host": "here"})
    ServedModel(load_predictor(folder, device="cpu", engine="torch"), "").check_token({})


def test_the_outputs_are_those_of_the_network_in_plain_pytorch(served, folder, given) -> None:
    network = ModelBundle.load(folder).network.eval()
    with torch.inference_mode():
        expected = network.forward_features(*map(torch.from_numpy, given.values()))
    maps = expected.feature_maps.numpy()
    found = served.answer(given, ["logit", "feature_maps", "pooled"])
    assert list(found) == ["logit", "feature_maps", "pooled"]
    assert {each.dtype for each in found.values()} == {np.dtype(np.float32)}
    np.testing.assert_allclose(found["logit"].ravel(), expected.logit.numpy().ravel(), atol=1e-4)
    np.testing.assert_allclose(found["feature_maps"], maps, atol=1e-4)
    np.testing.assert_allclose(found["pooled"], maps.mean(axis=(2, 3, 4)), atol=1e-4)


def test_without_a_wish_the_logit_is_answered_where_the_values_of_the_form_are_given(
    served, given
) -> None:
    assert list(served.answer(given, [])) == ["logit"]
    assert list(served.answer({"image": given["image"]}, [])) == ["pooled"]


@pytest.mark.parametrize(
    ("changes", "wanted", "problem"),
    [
        ({"image": None}, ["pooled"], "image must have the shape"),
        ({"image": lambda image: image[:, :, 1:]}, ["pooled"], "image must have the shape"),
        ({"image": lambda image: image[:0]}, ["pooled"], "image must have the shape"),
        ({"image": lambda image: image[[0] * 17]}, ["pooled"], "image must have the shape"),
        ({"image": lambda image: image * np.inf}, ["pooled"], "not finite"),
        ({"metadata": None}, ["logit"], "metadata must have the shape"),
        ({"metadata": lambda codes: codes[:1]}, ["logit"], "metadata must have the shape"),
        ({"metadata": lambda codes: codes[:, 1:]}, ["logit"], "metadata must have the shape"),
        ({"metadata": lambda codes: codes * np.nan}, ["logit"], "not finite"),
        ({}, ["pooled", "weights"], "there is no output weights"),
    ],
)
def test_a_wrong_request_is_refused_in_a_sentence(served, given, changes, wanted, problem) -> None:
    request = {
        name: changes.get(name, lambda tensor: tensor)(tensor)
        for name, tensor in given.items()
        if changes.get(name, True) is not None
    }
    with np.errstate(invalid="ignore"), pytest.raises(RequestRefused, match=problem):
        served.answer(request, wanted)
    # The next request is answered as if nothing had happened.
    assert np.isfinite(served.answer(given, ["logit"])["logit"]).all()


def test_sixteen_images_at_once_are_answered(served, given) -> None:
    request = {name: tensor[[0, 1] * 8] for name, tensor in given.items()}
    logits = served.answer(request, ["logit"])["logit"].ravel()
    np.testing.assert_allclose(logits, np.tile(logits[:2], 8), atol=1e-5)
