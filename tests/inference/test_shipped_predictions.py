"""What every shipped model says about every shipped case, pinned with the libraries' versions beside.

The numbers lie in ``resources/shipped_predictions.json``, with which ``fusion3d check`` compares, too. They are those of PyTorch in float32 on a CPU; written
anew, after a change that is meant to change them, by running this file as a program.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

import pytest

from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.inference.demo_cases import demo_cases
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.pipeline import predict_and_explain
from fusion3d_gui.inference.predictor import load_predictor
from fusion3d_gui.inference.self_check import pins_path
from fusion3d_gui.shipped import models_dir

PINNED = pins_path()
LIBRARIES = ("torch", "monai", "numpy", "scipy", "nibabel", "pydicom")
#: Each shipped model with the shipped cases that it is meant for.
MODELS = {
    **dict.fromkeys(
        ("demo-add", "demo-concat", "demo-image-only", "demo-multiply"), ("positive", "negative")
    ),
    **dict.fromkeys(("stroke-outcome", "stroke-outcome-image-only"), ("stroke",)),
}


def versions() -> dict[str, str]:
    return {name: version(name) for name in LIBRARIES}


def computed(model: str) -> list[dict[str, Any]]:
    """Probability, logit and the peaks of Grad-CAM's and of the model's own map, for each case."""
    predictor = load_predictor(models_dir() / model, "cpu", engine="torch")
    found = []
    for case in demo_cases():
        if case.name not in MODELS[model]:
            continue
        values = case.metadata if predictor.info.schema.fields else {}
        volume = open_volume(case.path)
        peaks = []
        for explanation in (Explanation(), Explanation.for_model(predictor.info)):
            prediction = predict_and_explain(predictor, volume, values, explanation).prediction
            heatmap = prediction.heatmap
            lps = heatmap.peak_lps
            peaks.append(
                {
                    "map": f"{heatmap.method} {heatmap.layer}",
                    "value": heatmap.peak,
                    "position_lps_mm": None
                    if lps is None
                    else [round(mm, 3) for mm in lps.tolist()],
                    "share_in_air": round(heatmap.share_in_air or 0.0, 4),
                }
            )
        found.append(
            {
                "model": model,
                "case": case.name,
                "probability": prediction.probability,
                "logit": prediction.logit,
                "peaks": peaks,
            }
        )
    return found


def test_every_shipped_model_and_case_is_pinned():
    pinned = json.loads(PINNED.read_text(encoding="utf-8"))["predictions"]
    assert {folder.name for folder in models_dir().iterdir()} == set(MODELS)
    assert [(each["model"], each["case"]) for each in pinned] == [
        (model, case) for model, cases in MODELS.items() for case in cases
    ]
    assert {case.name for case in demo_cases()} == {
        each for cases in MODELS.values() for each in cases
    }


@pytest.mark.parametrize("model", MODELS)
def test_a_shipped_model_says_the_same_as_ever_about_every_shipped_case(model):
    plain = json.loads(PINNED.read_text(encoding="utf-8"))
    pinned = [each for each in plain["predictions"] if each["model"] == model]
    made_with = f"pinned with {plain['libraries']}, now {versions()}"
    for expected, found in zip(pinned, computed(model), strict=True):
        for name in ("probability", "logit"):
            assert found[name] == pytest.approx(expected[name], abs=1e-5), made_with
        for there, here in zip(expected["peaks"], found["peaks"], strict=True):
            assert here["map"] == there["map"]
            assert here["value"] == pytest.approx(there["value"], rel=1e-4, abs=2e-6), made_with
            assert here["position_lps_mm"] == pytest.approx(there["position_lps_mm"], abs=1e-2), (
                made_with
            )
            assert here["share_in_air"] == pytest.approx(there["share_in_air"], abs=1e-3), made_with
        # The model's own map shows nothing outside the head.
        assert found["peaks"][1]["share_in_air"] <= 0.02


if __name__ == "__main__":
    content = {
        "libraries": versions(),
        "predictions": [each for model in MODELS for each in computed(model)],
    }
    PINNED.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
