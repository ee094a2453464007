"""Both palettes are legible, and changing palette or text size reaches what is on screen."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QVBoxLayout, QWidget

from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.palette import PALETTES
from fusion3d_gui.widgets.window.overlays.keys_overlay import KeysOverlay

TEXTS = ("text", "muted", "faint", "accent", "warning", "error")


def luminance(color: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(color[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    """Contrast ratio (WCAG 2.2)."""
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.fixture
def themed(qapp):
    theme.apply_theme(qapp)
    yield qapp
    theme.change(qapp, "dark", 1.0)


@pytest.mark.parametrize("name", PALETTES)
def test_text_has_a_contrast_of_4_5_on_every_background_and_inputs_an_edge_of_3(name):
    palette = PALETTES[name]
    for ink in TEXTS:
        for back in ("window", "panel", "raised", "hover"):
            assert contrast(getattr(palette, ink), getattr(palette, back)) >= 4.5, (ink, back)
    for back in ("window", "panel", "raised"):
        assert contrast(palette.edge, getattr(palette, back)) >= 3, back
        assert contrast(palette.accent, getattr(palette, back)) >= 3, back  # the focus ring
    for plate in ("accent", "accent_hover"):
        assert contrast(palette.on_accent, getattr(palette, plate)) >= 4.5


def test_what_is_drawn_on_images_is_legible_on_black():
    for ink in (theme.IMAGE_TEXT, theme.ON_IMAGE, theme.IMAGE_ACCENT, theme.IMAGE_MARK):
        assert contrast(ink, theme.IMAGE) >= 7


@pytest.mark.parametrize("name", PALETTES)
def test_no_two_roles_share_a_colour(name):
    colors = list(vars(PALETTES[name]).values())
    assert len(set(colors)) == len(colors)


def test_a_label_follows_the_palette_and_keeps_its_role(themed, qtbot):
    label = theme.label("words", color=theme.WARNING)
    qtbot.addWidget(label)
    label.show()
    for name in ("light", "dark"):
        theme.change(themed, name, 1.0)
        shown = label.palette().color(label.foregroundRole()).name()
        assert shown == PALETTES[name].warning
    theme.set_color(label, theme.MUTED)
    theme.change(themed, "light", 1.0)
    assert label.palette().color(label.foregroundRole()).name() == PALETTES["light"].muted


def test_a_font_set_after_the_colour_stays_through_a_change_of_palette(themed, qtbot):
    label = theme.label("87 %")
    label.setFont(theme.font(theme.HUGE))
    parent = QWidget()
    qtbot.addWidget(parent)
    QVBoxLayout(parent).addWidget(label)
    parent.show()
    assert label.font().pixelSize() == theme.HUGE
    theme.change(themed, "light", 1.0)
    assert label.font().pixelSize() == theme.HUGE


def test_a_widgets_own_style_sheet_follows_the_palette(themed, qtbot):
    widget = QWidget()
    qtbot.addWidget(widget)
    theme.style(widget, "background: $PANEL;")
    theme.change(themed, "light", 1.0)
    widget.resize(20, 20)
    widget.show()
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    assert QColor(image.pixel(10, 10)).name() == PALETTES["light"].panel


def test_every_text_of_the_list_of_keys_follows_the_palette_while_it_is_shown(themed, qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(900, 700)
    groups = {f"Menu {n}": [("Ctrl+K", "Find a command"), ("F1", "Keys")] for n in range(8)}
    overlay = KeysOverlay(groups, window)
    window.show()
    for name in ("light", "dark", "light"):
        theme.change(themed, name, 1.0)
        for label in overlay.findChildren(QLabel):
            shown = label.palette().color(label.foregroundRole()).name()
            assert shown == getattr(PALETTES[name], label.property("ink")), label.text()
    image = window.grab().toImage()
    darkest = min(
        image.pixelColor(x, y).lightness() for x in range(image.width()) for y in range(120, 180)
    )
    assert darkest < 60  # what is painted and no label, too


def test_text_and_fixed_sides_grow_and_come_back_to_the_pixel(themed, qtbot):
    widget = QWidget()
    qtbot.addWidget(widget)
    label = theme.label("words", size=theme.SMALL)
    rule = QWidget()
    rule.setFixedHeight(1)
    box = QWidget()
    box.setFixedSize(72, theme.CONTROL)
    layout = QVBoxLayout(widget)
    for each in (label, rule, box):
        layout.addWidget(each)
    widget.show()
    for scale in (1.3, 0.9, 1.5, 1.15, 1.0):
        theme.change(themed, "dark", scale)
        QApplication.processEvents()
        assert label.font().pixelSize() == round(11 * scale)
        assert (box.width(), box.height()) == (round(72 * scale), round(30 * scale))
        assert rule.height() == 1
    plain = QPushButton("words")
    qtbot.addWidget(plain)
    plain.show()
    theme.change(themed, "dark", 1.5)
    assert plain.font().pixelSize() == round(13 * 1.5)  # follows the application's font, once
    theme.change(themed, "dark", 1.0)
    late = theme.label("words")
    qtbot.addWidget(late)
    assert late.font().pixelSize() == 13


def test_a_name_that_is_no_colour_is_an_error():
    with pytest.raises(AttributeError):
        theme.NO_SUCH_COLOUR  # noqa: B018
    with pytest.raises(StopIteration):
        theme.set_color(QLabel(), "#123456")
