"""Small views at large text: captions stay apart, and the side panel scrolls what is long."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations

import pytest
from PySide6.QtCore import QRectF
from PySide6.QtWidgets import QLabel

from fusion3d_gui.model.bundle.bundle_info import BundleInfo


def overlapping(view) -> list[tuple]:
    """Pairs of captions that lie over each other."""
    areas = [
        QRectF(left + 3, top + 2, right - left - 6, bottom - top - 4)  # without the margins
        for left, top, right, bottom in view.picture.captions.areas
    ]
    crossed = [(one, other, one & other) for one, other in combinations(areas, 2)]
    return [each for each in crossed if min(each[2].width(), each[2].height()) > 2]


@pytest.fixture
def resize(opened, qtbot):
    def change(scale: float, width: int, height: int) -> None:
        settings = opened.settings
        settings.change(replace(settings.values, text_scale=scale))
        opened.resize(width, height)
        qtbot.waitUntil(lambda: not opened.restyling.is_busy and opened.views.is_settled)
        qtbot.wait(50)
        opened.grab()

    return change


@pytest.mark.parametrize("scale", [1.0, 1.25, 1.5])
def test_captions_of_small_views_stay_apart(opened, resize, scale):
    resize(scale, 960, 600)
    for view in opened.views.views:
        if view.isVisible():
            assert overlapping(view) == [], view.orientation.name


def test_a_small_view_keeps_what_matters_most_of_its_captions(opened, resize):
    from fusion3d_gui.widgets.slice.captions import _items

    small = opened.views.coronal
    resize(1.5, 960, 600)
    texts = [item.text for item in _items(small._caption_texts(small.slicer), QRectF(small.rect()))]
    assert any(text.startswith("Cor") for text in texts)
    assert any("reformatted" in text or "slice" in text for text in texts)
    assert overlapping(small) == []


@pytest.mark.parametrize(
    "name",
    [
        "progression of mild cognitive impairment to dementia within three years " * 3,
        "Pneumonoultramicroscopicsilicovolcanoconiosis_with_progression_in_36_months",
    ],
)
def test_a_long_class_name_is_wrapped_and_scrolled(opened, make_bundle, settled, resize, name):
    folder = make_bundle("add")
    path = folder / "configs" / "decision.json"
    plain = json.loads(path.read_text(encoding="utf-8"))
    plain["class_names"] = [f"no {name}", name]
    path.write_text(json.dumps(plain), encoding="utf-8")
    session = opened.session
    session.models.choose_and_load(BundleInfo.read(folder))
    settled(opened)
    session.form.set_value("age", 71.0)
    session.predictions.predict()
    settled(opened)
    opened.side.workbench.show_page(2)
    resize(1.5, 960, 600)
    body = opened.side.widget()
    assert body.width() <= opened.side.viewport().width()
    for label in body.findChildren(QLabel):
        if label.isVisible() and label.wordWrap():
            assert label.height() >= label.heightForWidth(label.width()), label.text()
