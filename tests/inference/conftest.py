"""A small oblique volume, the answer about it, and made-up reference statistics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.case_model import CaseModel
from fusion3d_gui.inference.predictor import PredictedCase, load_predictor
from fusion3d_gui.model.reference.reference import Reference


@pytest.fixture
def volume() -> Volume:
    rng = np.random.default_rng(5)
    affine = np.array([[0, -1.1, 0, 40], [0, 0, 1.5, -30], [2.0, 0, 0, -50], [0, 0, 0, 1]])
    return Volume(rng.integers(0, 900, (50, 60, 48)).astype(np.int16), affine)


@pytest.fixture
def predicted_case(make_bundle, volume):
    """The answer about the small volume, by a small model of the given fusion mode."""

    def make(fusion: str = "concat", values=None, **network) -> PredictedCase:
        folder = make_bundle(fusion, **network)
        if values is None:
            values = {} if fusion == "image_only" else {"age": 71, "sex": "F", "diabetes": True}
        return load_predictor(folder, "cpu", engine="torch").predict_case(volume, values)

    return make


@pytest.fixture
def reference_for():
    """Made-up reference statistics that fit a model; the case's own embedding is left out."""

    def make(case: CaseModel, seed: int = 0, spread: float = 1.0) -> Reference:
        rng = np.random.default_rng(seed)
        width = len(case.image_embedding)
        center = case.image_embedding.astype(np.float64)
        embeddings = center + spread * rng.standard_normal((60, width))
        labels = rng.integers(0, 2, 60).astype(np.uint8)
        chances = np.clip(0.3 + 0.3 * labels + 0.2 * rng.standard_normal(60), 0.01, 0.99)
        schema = case.info.schema
        values = {"age": 60, "sex": "M", "diabetes": False} if schema.fields else {}
        directions = np.linalg.qr(rng.standard_normal((width, 4)))[0].T
        reference = Reference(
            schema=schema,
            mean=embeddings.mean(axis=0),
            directions=directions,
            variances=np.array([4.0, 3.0, 2.0, 1.5]) * spread**2,
            residual_variance=spread**2,
            validation_probability=chances,
            validation_label=labels,
            validation_distance=np.zeros(60),
            case_embedding=embeddings,
            case_label=labels,
            case_probability=chances,
            case_metadata=np.zeros((0, schema.width), dtype=np.float32),
            names=(),
            background_pooled=rng.random(case.pooled.shape[1]).astype(np.float32),
            background_metadata=schema.encode(values),
            background_values=values,
        )
        return replace(reference, validation_distance=reference.distance(embeddings))

    return make
