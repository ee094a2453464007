"""The style sheet of the whole application, in a palette's colours and a text scale."""

from __future__ import annotations

from string import Template

from fusion3d_gui.shipped import resources_dir
from fusion3d_gui.widgets.look.palette import Palette


def style_sheet(palette: Palette, scale: float) -> str:
    """Qt style sheet; ``scale`` enlarges the heights that text must fit into."""
    values = {role.upper(): color for role, color in vars(palette).items()}
    is_dark = palette.on_accent != "#fffffe"
    check = "check.svg" if is_dark else "check-light.svg"
    values["check"] = (resources_dir() / "icons" / check).as_posix()
    values["chevron"] = (resources_dir() / "icons" / "chevron-down.svg").as_posix()
    values |= {f"px{n}": str(round(n * scale)) for n in (12, 22, 24, 26, 28, 30, 34)}
    return Template(_SHEET).substitute(values)


_SHEET = """
QMainWindow, QDialog { background: $WINDOW; }
QMenuBar { background: $WINDOW; color: $MUTED; padding: 2px 6px; }
QMenuBar::item { padding: 4px 9px; border-radius: 4px; background: transparent; }
QMenuBar::item:selected { background: $RAISED; color: $TEXT; }
QMenu { background: $RAISED; border: 1px solid $LINE; padding: 5px; }
QMenu::item { padding: 6px 28px 6px 14px; border-radius: 4px; }
QMenu::item:selected { background: $HOVER; }
QMenu::item:disabled { color: $DISABLED; }
QMenu::separator { height: 1px; background: $LINE; margin: 5px 8px; }
QMenu::indicator { width: 10px; height: 10px; left: 4px; }
QToolTip { background: $RAISED; color: $TEXT; border: 1px solid $LINE; padding: 5px 7px; }
QPushButton { background: $RAISED; border: 1px solid $LINE; border-radius: 5px;
    padding: 0 12px; min-height: ${px28}px; color: $TEXT; }
QPushButton:hover { background: $HOVER; }
QPushButton:pressed { background: $LINE; }
QPushButton:focus { border-color: $ACCENT; }
QPushButton:disabled { color: $DISABLED; }
QPushButton[primary="true"] { background: $ACCENT; border-color: $ACCENT; color: $ON_ACCENT;
    min-height: ${px34}px; }
QPushButton[primary="true"]:hover { background: $ACCENT_HOVER; }
QPushButton[primary="true"]:pressed { background: $ACCENT_PRESSED; }
QPushButton[primary="true"]:focus { border-color: $TEXT; }
QPushButton[primary="true"]:disabled { background: $RAISED; border-color: $LINE;
    color: $DISABLED; }
QPushButton[spot="true"] { background: transparent; border: 1px solid transparent; color: $MUTED;
    padding: 0 6px; min-height: ${px24}px; text-align: left; }
QPushButton[spot="true"]:hover { color: $TEXT; background: $HOVER; }
QPushButton[spot="true"]:checked { color: $TEXT; border-color: $LINE; background: $RAISED; }
QPushButton[quiet="true"] { background: transparent; border-color: transparent; color: $MUTED;
    padding: 0 6px; min-height: ${px22}px; }
QPushButton[quiet="true"]:hover { color: $TEXT; background: $HOVER; }
QPushButton[quiet="true"]:disabled { color: $DISABLED; background: transparent; }
QPushButton[quiet="true"]:focus { border-color: $EDGE; }
QPushButton[row="true"] { text-align: left; padding: 0 10px; min-height: ${px28}px; }
QPushButton[segment="true"] { border-radius: 4px; padding: 0 4px; min-height: ${px22}px;
    border-color: transparent; background: transparent; color: $MUTED; }
QPushButton[segment="true"]:hover { color: $TEXT; }
QPushButton[segment="true"]:checked { background: $LINE; color: $TEXT; }
QPushButton[segment="true"]:focus { border-color: $ACCENT; }
QFrame[segments="true"], QComboBox, QAbstractSpinBox, QLineEdit, QPlainTextEdit { background: $RAISED;
    border: 1px solid $EDGE; border-radius: 5px; }
QComboBox, QAbstractSpinBox, QLineEdit { padding: 0 8px; color: $TEXT;
    selection-background-color: $ACCENT; selection-color: $ON_ACCENT; }
QAbstractSpinBox QLineEdit { border: none; padding: 0; }
QPlainTextEdit { color: $TEXT; selection-background-color: $ACCENT; selection-color: $ON_ACCENT; }
QComboBox:hover, QAbstractSpinBox:hover, QLineEdit:hover, QPlainTextEdit:hover { border-color: $MUTED; }
QComboBox:focus, QAbstractSpinBox:focus, QLineEdit:focus, QPlainTextEdit:focus { border-color: $ACCENT; }
QLineEdit QLabel { color: $FAINT; background: transparent; }
QLineEdit[refused="true"] { color: $ERROR; border-color: $ERROR; }
QComboBox:disabled, QAbstractSpinBox:disabled, QLineEdit:disabled { color: $DISABLED;
    border-color: $LINE; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { subcontrol-origin: border;
    width: 0px; }
QComboBox[unset="true"] { color: $FAINT; }
QComboBox::drop-down { border: none; width: ${px24}px; }
QComboBox::down-arrow { image: url("$chevron"); width: ${px12}px; height: ${px12}px; }
QComboBox QAbstractItemView { background: $RAISED; border: 1px solid $LINE; padding: 4px;
    outline: 0; selection-background-color: $HOVER; selection-color: $TEXT; }
QComboBox QAbstractItemView::item { min-height: ${px26}px; padding: 0 6px; border-radius: 4px; }
QAbstractItemView { background: $PANEL; color: $TEXT; outline: 0; border: none;
    selection-background-color: $HOVER; selection-color: $TEXT; }
QTableView::item, QTreeView::item, QListView::item { padding: 0 6px; }
QTableView::item:selected, QTreeView::item:selected, QListView::item:selected {
    background: $HOVER; }
#series QListView::item { border: 1px solid transparent; border-radius: 5px; }
#series QListView::item:focus { border-color: $MUTED; }
#series QListView::item:selected { border-color: $ACCENT; }
QHeaderView { background: $PANEL; border: none; }
QHeaderView::section { background: $PANEL; color: $MUTED; border: none;
    border-bottom: 1px solid $LINE; padding: 4px 6px 4px 9px; }
QHeaderView::up-arrow, QHeaderView::down-arrow { subcontrol-origin: border; subcontrol-position: top center;
    width: 9px; height: 6px; }
QTableCornerButton::section { background: $PANEL; border: none; }
QCheckBox { color: $TEXT; spacing: 8px; min-height: ${px24}px; }
QCheckBox:disabled { color: $DISABLED; }
QCheckBox::indicator { width: 14px; height: 14px; border: 1px solid $EDGE; border-radius: 3px;
    background: $RAISED; }
QCheckBox::indicator:hover { border-color: $MUTED; }
QCheckBox::indicator:focus { border-color: $ACCENT; }
QCheckBox::indicator:checked { background: $ACCENT; border-color: $ACCENT; image: url("$check"); }
QCheckBox::indicator:disabled { border-color: $LINE; background: transparent; image: none; }
QCheckBox:focus { color: $ACCENT; }
QSlider::groove:horizontal { height: 4px; border-radius: 2px; background: $EDGE; }
QSlider::sub-page:horizontal { height: 4px; border-radius: 2px; background: $ACCENT; }
QSlider::sub-page:horizontal:disabled, QSlider::groove:horizontal:disabled { background: $LINE; }
QSlider::handle:horizontal { width: 14px; height: 14px; margin: -5px 0; border-radius: 7px;
    background: $TEXT; }
QSlider::handle:horizontal:disabled { background: $DISABLED; }
QSlider::handle:horizontal:focus { background: $ACCENT; }
QProgressBar { background: $LINE; border: none; border-radius: 2px; max-height: 4px; }
QProgressBar::chunk { background: $ACCENT; border-radius: 2px; }
QScrollArea { border: none; background: transparent; }
QScrollBar:vertical { width: 8px; background: transparent; }
QScrollBar::handle:vertical { background: $EDGE; border-radius: 4px; min-height: 30px; }
QScrollBar:horizontal { height: 8px; background: transparent; }
QScrollBar::handle:horizontal { background: $EDGE; border-radius: 4px; min-width: 30px; }
QScrollBar::handle:hover { background: $MUTED; }
QScrollBar::add-line, QScrollBar::sub-line { height: 0; width: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QSplitter::handle { background: $WINDOW; }
QSplitter::handle:hover { background: $EDGE; }
#side, #side > QWidget > QWidget { background: $PANEL; }
#rule { background: $LINE; border: none; }
#badge { color: $WARNING; border: 1px solid $WARNING; border-radius: 5px; padding: 3px 8px; }
#strip { background: $WINDOW; border: none; border-right: 1px solid $LINE; }
#marks, #series, #look, #pacs { background: $PANEL; border: none; }
#presentation { background: $WINDOW; border: none; border-top: 1px solid $LINE; }
#card { background: $RAISED; border: 1px solid $EDGE; border-radius: 8px; }
#drop { border: 2px solid $ACCENT; border-radius: 6px; background: rgba(86, 182, 216, 24); }
#zone { border: 1px dashed $EDGE; border-radius: 12px; background: $PANEL; }
#zone[aimed="true"] { border: 2px solid $ACCENT; }
#notice { background: $RAISED; border: 1px solid $EDGE; border-left: 3px solid $ACCENT; border-radius: 5px; }
#notice[level="warning"] { border: 1px solid $WARNING; border-left: 5px solid $WARNING; }
#notice[level="error"] { border: 2px solid $ERROR; border-left: 8px solid $ERROR; }
"""
