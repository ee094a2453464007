"""The look of the window: one dark palette, one accent, one type face, one spacing grid."""

from __future__ import annotations

import logging

from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication, QLabel

from fusion3d_gui.shipped import resources_dir

log = logging.getLogger(__name__)

# Black where images are read, and nothing beside them brighter than they are.
IMAGE = "#000000"
WINDOW = "#111316"
PANEL = "#171a1e"
RAISED = "#20242a"
HOVER = "#292e36"
LINE = "#2a2f36"
TEXT = "#e6e9ed"
MUTED = "#9aa4af"
ON_IMAGE = "#c2c9d1"
FAINT = "#7b8590"
ACCENT = "#56b6d8"
ON_ACCENT = "#06222d"
WARNING = "#e3ae5a"
ERROR = "#ee8079"

# On images, which stay black in every theme.
IMAGE_TEXT = "#e6e9ed"
IMAGE_ACCENT = "#56b6d8"
IMAGE_MARK = "#f2d45c"

#: Every gap and margin is a multiple of this (px).
GRID = 4

#: Height of every input (px).
CONTROL = 30

SMALL, BODY, LARGE, HUGE = 11, 13, 15, 32

_FAMILY = "Inter"


def font(size_px: int = BODY, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """The program's type face, with figures of equal width so that numbers do not dance."""
    chosen = QFont(_FAMILY)
    chosen.setPixelSize(size_px)
    chosen.setWeight(weight)
    chosen.setFeature(QFont.Tag("tnum"), 1)
    chosen.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    return chosen


def label(text: str = "", *, size: int = BODY, color: str = TEXT, medium: bool = False) -> QLabel:
    """A line of text in the theme's terms."""
    made = QLabel(text)
    made.setFont(font(size, QFont.Weight.Medium if medium else QFont.Weight.Normal))
    set_color(made, color)
    return made


def section_title(text: str) -> QLabel:
    """The heading of one part of the side panel."""
    title = label(text)
    title.setFont(font(BODY, QFont.Weight.DemiBold))
    return title


def set_color(widget: QLabel, color: str) -> None:
    """Recolour a label's text."""
    widget.setStyleSheet(f"color: {color}; background: transparent;")


def apply_theme(app: QApplication) -> None:
    """Load the fonts, then set palette, font and style sheet for the whole application."""
    for path in sorted((resources_dir() / "fonts").glob("*.otf")):
        if QFontDatabase.addApplicationFont(str(path)) < 0:
            log.warning("the font %s could not be loaded", path.name)
    app.setStyle("Fusion")
    app.setFont(font())
    app.setPalette(_palette())
    app.setStyleSheet(_style_sheet())


def _palette() -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for which, color in {
        role.Window: WINDOW,
        role.WindowText: TEXT,
        role.Base: RAISED,
        role.AlternateBase: PANEL,
        role.Text: TEXT,
        role.PlaceholderText: FAINT,
        role.Button: RAISED,
        role.ButtonText: TEXT,
        role.BrightText: TEXT,
        role.ToolTipBase: RAISED,
        role.ToolTipText: TEXT,
        role.Highlight: ACCENT,
        role.HighlightedText: ON_ACCENT,
        role.Link: ACCENT,
    }.items():
        palette.setColor(which, QColor(color))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(FAINT))
    return palette


def _style_sheet() -> str:
    chevron = (resources_dir() / "icons" / "chevron-down.svg").as_posix()
    field = f"background: {RAISED}; border: 1px solid {LINE}; border-radius: 5px;"
    return f"""
QMainWindow, QDialog {{ background: {WINDOW}; }}
QMenuBar {{ background: {WINDOW}; color: {MUTED}; padding: 2px 6px; }}
QMenuBar::item {{ padding: 4px 9px; border-radius: 4px; background: transparent; }}
QMenuBar::item:selected {{ background: {RAISED}; color: {TEXT}; }}
QMenu {{ background: {RAISED}; border: 1px solid {LINE}; padding: 5px; }}
QMenu::item {{ padding: 6px 28px 6px 14px; border-radius: 4px; }}
QMenu::item:selected {{ background: {HOVER}; }}
QMenu::item:disabled {{ color: {FAINT}; }}
QMenu::separator {{ height: 1px; background: {LINE}; margin: 5px 8px; }}
QToolTip {{ background: {RAISED}; color: {TEXT}; border: 1px solid {LINE}; padding: 5px 7px; }}
QPushButton {{ background: {RAISED}; border: 1px solid {LINE}; border-radius: 5px;
    padding: 0 12px; min-height: 28px; color: {TEXT}; }}
QPushButton:hover {{ background: {HOVER}; }}
QPushButton:pressed {{ background: {LINE}; }}
QPushButton:focus {{ border-color: {ACCENT}; }}
QPushButton:disabled {{ color: {FAINT}; }}
QPushButton[primary="true"] {{ background: {ACCENT}; border-color: {ACCENT}; color: {ON_ACCENT};
    min-height: 34px; }}
QPushButton[primary="true"]:hover {{ background: #6cc4e2; }}
QPushButton[primary="true"]:pressed {{ background: #479fbe; }}
QPushButton[primary="true"]:focus {{ border-color: {TEXT}; }}
QPushButton[primary="true"]:disabled {{ background: {RAISED}; border-color: {LINE};
    color: {FAINT}; }}
QPushButton[quiet="true"] {{ background: transparent; border-color: transparent; color: {MUTED};
    padding: 0 6px; min-height: 22px; }}
QPushButton[quiet="true"]:hover {{ color: {TEXT}; background: {RAISED}; }}
QPushButton[quiet="true"]:disabled {{ color: #4d555e; background: transparent; }}
QPushButton[quiet="true"]:focus {{ border-color: {LINE}; }}
QPushButton[segment="true"] {{ border-radius: 4px; padding: 0 4px; min-height: 22px;
    border-color: transparent; background: transparent; color: {MUTED}; }}
QPushButton[segment="true"]:hover {{ color: {TEXT}; }}
QPushButton[segment="true"]:checked {{ background: {LINE}; color: {TEXT}; }}
QPushButton[segment="true"]:focus {{ border-color: {ACCENT}; }}
QFrame[segments="true"] {{ {field} }}
QComboBox, QAbstractSpinBox {{ {field} padding: 0 8px; color: {TEXT};
    selection-background-color: {ACCENT}; selection-color: {ON_ACCENT}; }}
QComboBox:hover, QAbstractSpinBox:hover {{ border-color: #3a414a; }}
QComboBox:focus, QAbstractSpinBox:focus {{ border-color: {ACCENT}; }}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ subcontrol-origin: border;
    width: 0px; }}
QComboBox[unset="true"] {{ color: {FAINT}; }}
QComboBox::drop-down {{ border: none; width: 24px; }}
QComboBox::down-arrow {{ image: url("{chevron}"); width: 12px; height: 12px; }}
QComboBox QAbstractItemView {{ background: {RAISED}; border: 1px solid {LINE}; padding: 4px;
    outline: 0; selection-background-color: {HOVER}; selection-color: {TEXT}; }}
QComboBox QAbstractItemView::item {{ min-height: 26px; padding: 0 6px; border-radius: 4px; }}
QSlider::groove:horizontal {{ height: 4px; border-radius: 2px; background: {LINE}; }}
QSlider::sub-page:horizontal {{ height: 4px; border-radius: 2px; background: {ACCENT}; }}
QSlider::sub-page:horizontal:disabled {{ background: {LINE}; }}
QSlider::handle:horizontal {{ width: 14px; height: 14px; margin: -5px 0; border-radius: 7px;
    background: {TEXT}; }}
QSlider::handle:horizontal:disabled {{ background: {FAINT}; }}
QSlider::handle:horizontal:focus {{ background: {ACCENT}; }}
QProgressBar {{ background: {LINE}; border: none; border-radius: 2px; max-height: 4px; }}
QProgressBar::chunk {{ background: {ACCENT}; border-radius: 2px; }}
QScrollArea {{ border: none; background: transparent; }}
QScrollBar:vertical {{ width: 8px; background: transparent; }}
QScrollBar::handle:vertical {{ background: {LINE}; border-radius: 4px; min-height: 30px; }}
QScrollBar::handle:vertical:hover {{ background: #3a414a; }}
QScrollBar::add-line, QScrollBar::sub-line {{ height: 0; width: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QSplitter::handle {{ background: {WINDOW}; }}
QSplitter::handle:hover {{ background: {LINE}; }}
"""
