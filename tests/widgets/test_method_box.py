"""The list of methods names the map on screen, whatever the model's default."""

from __future__ import annotations

import pytest

from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.model.attribution.localisation_record import METHODS_AT_STAGES
from fusion3d_gui.model.bundle.bundle_info import BundleInfo

DEFAULTS = [
    *((method, stage) for method in METHODS_AT_STAGES for stage in (1, 2, 3, 4)),
    ("input-gradient", None),
]


def shown_name(window) -> str:
    """Name of the method of the map on screen."""
    return window.session.store.shown_prediction.explanation.name


@pytest.mark.parametrize(("method", "stage"), DEFAULTS)
def test_the_box_names_the_default_map_of_every_model(
    window, make_bundle, measure_map, method, stage
):
    info = BundleInfo.read(measure_map(make_bundle("add"), method, stage))
    window.session.models.choose_and_load(info)
    name = Explanation(method, () if stage is None else (stage,)).name
    box = window.side.method.box
    assert box.currentText() == f"{name} (default)"
    texts = [box.itemText(number) for number in range(box.count())]
    assert len(set(texts)) == len(texts)


def test_the_box_names_the_map_on_screen(opened, make_bundle, measure_map, settled):
    session, box = opened.session, opened.side.method.box
    info = BundleInfo.read(measure_map(make_bundle("add"), "gradcam", 1))
    session.models.choose_and_load(info)
    settled(opened)
    session.form.set_value("age", 71.0)
    session.predictions.predict()
    settled(opened)
    assert box.currentText() == f"{shown_name(opened)} (default)" == "Grad-CAM, stage 1 (default)"
    box.activated.emit(box.findText("HiResCAM, stage 3"))
    settled(opened)
    assert box.currentText() == shown_name(opened) == "HiResCAM, stage 3"


def test_a_method_of_another_models_list_stays_in_the_box(window, make_bundle, measure_map):
    session, box = window.session, window.side.method.box
    session.models.choose_and_load(BundleInfo.read(measure_map(make_bundle("add"), "gradcam", 2)))
    session.explanation_choice.toggle_gradcam()
    assert box.currentText() == "Grad-CAM, stage 4"
    session.models.choose_and_load(BundleInfo.read(make_bundle("multiply")))
    session.explanation_choice.choose(Explanation("gradcam", (2,)))
    assert box.currentText() == "Grad-CAM, stage 2"
