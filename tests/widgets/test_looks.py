"""Colours and numbers as they are shown."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from PySide6.QtGui import QRawFont
from PySide6.QtWidgets import QLabel, QPushButton

from fusion3d_gui.imaging.display.heat_colors import heatmap_colors
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.prediction.percent import percent
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.color_map import HEATMAPS, overlay_lut
from fusion3d_gui.widgets.look.position_text import position_text, value_text
from fusion3d_gui.widgets.slice.captions import scale_bar_mm


@pytest.mark.parametrize("name", HEATMAPS)
def test_a_heatmaps_colours_are_those_of_matplotlibs_table(name):
    published = matplotlib.colormaps[name.lower()](np.arange(256))[:, :3]
    colors = heatmap_colors(name)
    assert (colors.shape, colors.dtype) == ((256, 3), np.uint8)
    assert np.array_equal(colors, (255 * published).round())


def test_lightness_of_the_heatmap_rises_with_its_value():
    lightness = heatmap_colors() @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(lightness) > -0.5).all()


@pytest.mark.parametrize("threshold", [0.0, 0.35, 0.9])
def test_the_overlay_is_transparent_below_the_threshold_and_never_beyond_its_opacity(threshold):
    lut = overlay_lut(0.6, threshold)
    alpha = lut >> 24
    share = np.arange(256) / 255
    assert (lut[share < threshold] == 0).all()
    assert lut[0] == 0  # no evidence is never coloured
    assert alpha.max() == round(0.6 * 255)
    assert (np.diff(alpha.astype(int)) >= 0).all()
    for shift in (0, 8, 16):
        assert ((lut >> shift & 255) <= alpha).all()  # premultiplied


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "< 0.1 %"),
        (0.0214, "2.1 %"),
        (0.5, "50 %"),
        (0.873, "87 %"),
        (0.994, "99.4 %"),
        (0.99999, "> 99.9 %"),
    ],
)
def test_a_probability_is_never_rounded_to_certainty(share, text):
    assert percent(share) == text


def test_positions_have_letters_instead_of_signs():
    assert position_text(np.array([12.34, -4.5, 30.0])) == "L 12.3   A 4.5   S 30.0 mm"
    assert position_text(np.array([-0.01, 0.0, -7.0])) == "L 0.0   P 0.0   I 7.0 mm"


def test_values_have_their_unit_and_no_needless_digits():
    assert value_text(-1024.0, "HU") == "-1024 HU"
    assert value_text(0.123456, "") == "0.1235"


@pytest.mark.parametrize(
    ("scale", "longest", "length"), [(2.8, 160, 50), (10, 160, 10), (0.5, 130, 200), (60, 40, 0.5)]
)
def test_the_scale_bar_is_a_round_number(scale, longest, length):
    assert scale_bar_mm(scale, longest) == pytest.approx(length)


def test_every_character_on_screen_is_in_the_programs_own_font(window):
    """So that text is legible on a machine without fonts."""
    window.notices.add(Notice("Something"))
    font = QRawFont.fromFont(theme.font())
    assert font.familyName().startswith("Inter")
    window.menus.actions["keys"].trigger()
    shown = [each.text() for kind in (QLabel, QPushButton) for each in window.findChildren(kind)]
    characters = {character for text in shown for character in text}
    missing = {each for each in characters - {"\n"} if not font.supportsCharacter(ord(each))}
    assert "×" in characters
    assert not missing
