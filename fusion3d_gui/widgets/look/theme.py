"""The look of the window: its palette, one type face at a chosen size, one spacing grid.

``theme.TEXT``, ``theme.PANEL`` and so on are the current palette's colours, looked up at each use:
never keep one. Colours that are drawn on images stay the same in every palette.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from string import Template

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from fusion3d_gui.shipped import resources_dir
from fusion3d_gui.widgets.look.palette import PALETTES
from fusion3d_gui.widgets.look.style_sheet import style_sheet
from fusion3d_gui.widgets.look.wrapped_label import WrappedLabel

log = logging.getLogger(__name__)

# On images, which are black in every palette.
IMAGE = "#000000"
IMAGE_TEXT = "#e6e9ed"
ON_IMAGE = "#c2c9d1"
IMAGE_ACCENT = "#56b6d8"
IMAGE_MARK = "#f2d45c"
IMAGE_WARNING = "#ffb454"

#: Every gap and margin is a multiple of this (px).
GRID = 4

#: Height of every input (px) at a text scale of 1.
CONTROL = 30

SMALL, BODY, LARGE, TITLE, HUGE = 11, 13, 15, 18, 32

#: Text sizes that the window offers, as factors.
SCALES = (0.9, 1.0, 1.15, 1.3, 1.5)

_FAMILY = "Inter"
_INKS = ("text", "muted", "faint", "accent", "warning", "error", "disabled")
_LARGEST_PX = 2000
#: ``QFont::SizeResolved``.
_SIZE_RESOLVED = 0x2

_palette = PALETTES["dark"]
_scale = 1.0


def __getattr__(name: str) -> str:
    """The current palette's colour of a role: ``theme.PANEL``."""
    if not name.isupper() or not hasattr(_palette, name.lower()):
        raise AttributeError(f"the theme has no {name}")
    return str(getattr(_palette, name.lower()))


def name() -> str:
    """Name of the current palette: ``"dark"`` or ``"light"``."""
    return next(each for each, palette in PALETTES.items() if palette is _palette)


def scale() -> float:
    """The text scale, 1.0 by default."""
    return _scale


def px(length_px: float) -> int:
    """A length (px) times the text scale."""
    return round(length_px * _scale)


def font(size_px: int = BODY, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """The program's type face, with figures of equal width so that numbers do not dance.

    ``size_px`` is that at a text scale of 1.
    """
    chosen = QFont(_FAMILY)
    chosen.setPixelSize(px(size_px))
    chosen.setWeight(weight)
    chosen.setFeature(QFont.Tag("tnum"), 1)
    chosen.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    return chosen


def label(
    text: str = "", *, size: int = BODY, color: str | None = None, medium: bool = False
) -> QLabel:
    """A label of plain text in the theme's font; ``color`` is one of the palette's text colours."""
    made = WrappedLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)  # it may quote a file
    made.setFont(font(size, QFont.Weight.Medium if medium else QFont.Weight.Normal))
    set_color(made, _palette.text if color is None else color)
    return made


def set_font(widget: QWidget, size: int, weight: QFont.Weight) -> None:
    """Give a widget another font; ``size`` is that at a text scale of 1."""
    widget.setFont(font(size, weight))
    widget.setProperty(_BASES[0], size)


def section_title(text: str) -> QLabel:
    """A heading in the side panel."""
    title = label(text)
    title.setFont(font(BODY, QFont.Weight.DemiBold))
    return title


def set_color(widget: QLabel, color: str) -> None:
    """Set a label's text to one of the palette's colours, which it keeps when the palette changes."""
    ink = next(role for role in _INKS if getattr(_palette, role) == color)
    if widget.property("ink") == ink:
        return
    widget.setProperty("ink", ink)
    _apply_ink(widget, ink)


def _apply_ink(widget: QWidget, ink: str) -> None:
    # By palette and not by style sheet, which would put back an earlier font at each new polish.
    palette = QPalette()
    palette.setColor(QPalette.ColorRole.WindowText, QColor(getattr(_palette, ink)))
    widget.setPalette(palette)


def style(widget: QWidget, sheet: str) -> None:
    """Give one widget a style sheet in which ``$PANEL`` and so on stand for the palette's colours."""
    widget.setProperty("sheet", sheet)
    widget.setStyleSheet(_filled(sheet))


def apply_theme(app: QApplication, name: str = "dark", text_scale: float = 1.0) -> None:
    """Load the fonts, then set palette, font and style sheet for the whole application."""
    if _FAMILY not in QFontDatabase.families():
        for path in sorted((resources_dir() / "fonts").glob("*.otf")):
            if QFontDatabase.addApplicationFont(str(path)) < 0:
                log.warning("the font %s could not be loaded", path.name)
    app.setStyle("Fusion")
    change(app, name, text_scale)


def change(app: QApplication, name: str, text_scale: float) -> None:
    """Change palette (``dark`` or ``light``) and text size, also of widgets on screen."""
    for _ in changing(app, name, text_scale):
        pass


def changing(app: QApplication, name: str, text_scale: float) -> Iterator[None]:
    """The same in steps, between which the event loop may turn; colours and sizes are new from the first.

    Another change may begin before this one has ended, which then need not go on.
    """
    global _palette, _scale
    for widget in app.allWidgets():
        _keep_sizes(widget)
    _scale, _palette = text_scale, PALETTES[name]
    yield
    app.setFont(font())
    app.setPalette(_qt_palette())
    # Off and on: replacing one sheet by another takes Qt four times as long.
    app.setStyleSheet("")
    yield
    app.setStyleSheet(style_sheet(_palette, _scale))
    yield
    for widget in app.allWidgets():
        # Even at the same scale: a new style sheet puts back fonts that widgets had long ago.
        _rescale(widget)
    yield
    for widget in app.allWidgets():
        sheet = widget.property("sheet")
        if sheet:
            widget.setStyleSheet(_filled(sheet))
    # Afterwards: a sheet puts back the palettes of all that lies in its widget.
    for widget in app.allWidgets():
        ink = widget.property("ink")
        if ink:
            _apply_ink(widget, ink)
        widget.update()


def _filled(sheet: str) -> str:
    colors = {role.upper(): color for role, color in vars(_palette).items()}
    return Template(sheet).substitute(colors)


#: Properties that hold what a widget's own font and fixed sides are at a text scale of 1. Kept from the
#: first change on, so that going back and forth rounds only once.
_BASES = ("baseFont", "baseWidth", "baseHeight")


def _keep_sizes(widget: QWidget) -> None:
    if widget.isWindow():
        return
    for name, size in zip(_BASES, _sizes(widget), strict=True):
        if size > GRID and widget.property(name) is None:
            widget.setProperty(name, size / _scale)


def _rescale(widget: QWidget) -> None:
    """Rescale a widget's own font and fixed sizes to the current text scale."""
    resizers: tuple[Callable[[int], None], ...] = (
        partial(_resize_font, widget),
        widget.setFixedWidth,
        widget.setFixedHeight,
    )
    for name, resize in zip(_BASES, resizers, strict=True):
        base = widget.property(name)
        if base is not None:
            resize(px(base))


def _sizes(widget: QWidget) -> tuple[int, int, int]:
    """Size of its own font, fixed width and fixed height (px); 0 where it has none."""
    return (
        _own_font_px(widget),
        _fixed(widget.minimumWidth(), widget.maximumWidth()),
        _fixed(widget.minimumHeight(), widget.maximumHeight()),
    )


def _own_font_px(widget: QWidget) -> int:
    """Size (px) of the font set on this widget itself; 0 where it uses the application's."""
    chosen = widget.font()
    return chosen.pixelSize() if chosen.resolveMask() & _SIZE_RESOLVED else 0


def _fixed(lowest: int, highest: int) -> int:
    return lowest if lowest == highest and lowest < _LARGEST_PX else 0


def _resize_font(widget: QWidget, size_px: int) -> None:
    chosen = QFont(widget.font())
    chosen.setPixelSize(size_px)
    widget.setFont(chosen)


def _qt_palette() -> QPalette:
    palette = QPalette()
    role, ours = QPalette.ColorRole, _palette
    for which, color in {
        role.Window: ours.window,
        role.WindowText: ours.text,
        role.Base: ours.raised,
        role.AlternateBase: ours.panel,
        role.Text: ours.text,
        role.PlaceholderText: ours.faint,
        role.Button: ours.raised,
        role.ButtonText: ours.text,
        role.BrightText: ours.text,
        role.ToolTipBase: ours.raised,
        role.ToolTipText: ours.text,
        role.Highlight: ours.accent,
        role.HighlightedText: ours.on_accent,
        role.Link: ours.accent,
    }.items():
        palette.setColor(which, QColor(color))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(ours.disabled))
    return palette
