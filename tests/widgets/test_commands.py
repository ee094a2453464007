"""Every command: in a menu, with its own key, found by a few letters, listed over the window."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QMainWindow,
    QMenu,
    QSlider,
    QTableView,
    QWidget,
)

from fusion3d_gui.state.fuzzy_match import fuzzy_score
from fusion3d_gui.widgets.window.bars.tool_strip import ActionButton
from fusion3d_gui.widgets.window.commands.command import Command, Menus
from fusion3d_gui.widgets.window.overlays.command_palette import CommandPalette
from fusion3d_gui.widgets.window.overlays.keys_overlay import KeysOverlay

#: Keys that a slice view handles itself; no command may take them away.
VIEW_KEYS = ("Up", "Down", "PgUp", "PgDown", "+", "-")


def in_menu(menu: QMenu) -> list[QAction]:
    found = []
    for action in menu.actions():
        found += [action] if action.menu() is None else in_menu(action.menu())
    return found


def test_every_command_is_in_a_menu(window):
    listed = [each for top in window.menuBar().actions() for each in in_menu(top.menu())]
    assert all(action in listed for action in window.menus.actions.values())


def test_no_key_means_two_things(window):
    keys = [
        key.toString() for action in window.menus.actions.values() for key in action.shortcuts()
    ]
    assert len(keys) == len(set(keys))
    assert not set(keys) & set(VIEW_KEYS)
    assert all(not QKeySequence(key).isEmpty() for key in keys)


def test_quit_ends_the_first_menu(window):
    first, *_ = window.menuBar().actions()
    assert first.menu().actions()[-1] is window.menus.actions["quit"]


def test_two_commands_of_one_name_are_refused(qapp):
    window = QMainWindow()
    twice = [Command("a", "&File", "A", print), Command("a", "&Edit", "B", print)]
    with pytest.raises(ValueError, match="two commands"):
        Menus(window, twice)
    window.deleteLater()


def test_every_action_has_a_tooltip_with_its_key(window):
    for command in window.menus.commands:
        tip = window.menus.actions[command.id].toolTip()
        assert tip
        if command.shortcut:
            native = QKeySequence.SequenceFormat.NativeText
            assert QKeySequence(command.shortcut).toString(native) in tip


def test_every_button_says_what_it_does(opened):
    for button in opened.findChildren(ActionButton):
        assert button.toolTip()
        assert button.accessibleName()


def tip_of(widget: QWidget) -> str:
    """What Qt shows over a widget: its own tip, else that of what it lies in."""
    while not widget.toolTip() and not widget.isWindow():
        widget = widget.parentWidget()
    return widget.toolTip()


def test_every_control_has_a_name_and_says_what_it_does(opened, settled):
    opened.session.predictions.predict()
    settled(opened)
    kinds = (QAbstractButton, QComboBox, QAbstractSpinBox, QSlider, QLineEdit)
    silent = []
    for control in opened.findChildren(QWidget):
        inside = isinstance(control.parent(), (QAbstractSpinBox, QComboBox))
        of_qt = control.objectName().startswith("qt_") or inside
        table_corner = isinstance(control.parent(), QTableView)
        if not isinstance(control, kinds) or of_qt or table_corner:
            continue
        text = control.text() if isinstance(control, QAbstractButton) else ""
        name = control.accessibleName() or text
        unused = control.isHidden() and not name  # a row without a hot spot
        if not unused and not (name and tip_of(control)):
            silent.append((name, control.parent()))
    assert not silent


@pytest.mark.parametrize(
    ("query", "better", "worse"),
    [
        ("ofo", "Open folder", "Go to front of list"),
        ("dist", "Distance", "Dismiss all points"),
        ("lt", "Light theme", "Delete all"),
        ("pred", "Predict", "Preset for red"),
    ],
)
def test_letters_at_starts_of_words_and_in_a_row_count_more(query, better, worse):
    assert fuzzy_score(query, better) > fuzzy_score(query, worse)


def test_letters_that_are_missing_or_out_of_order_do_not_match():
    assert fuzzy_score("xyz", "Distance") is None
    assert fuzzy_score("tsid", "Distance") is None
    assert fuzzy_score("", "Distance") == 0


def palette(window) -> CommandPalette:
    window.activateWindow()
    window.menus.actions["palette"].trigger()
    (found,) = window.findChildren(CommandPalette)
    return found


def test_the_palette_finds_runs_and_leaves(opened, qtbot):
    shown = palette(opened)
    qtbot.keyClicks(shown.line, "rect")
    assert shown.titles[0] == "Rectangle"
    qtbot.keyClick(shown.line, Qt.Key.Key_Return)
    assert opened.session.tool.name == "rectangle"
    QApplication.processEvents()
    assert not opened.findChildren(CommandPalette)


def test_the_palette_lists_every_command_but_itself_and_those_that_sleep_last(window):
    shown = palette(window)
    visible = [each for each in window.menus.commands if window.menus.actions[each.id].isVisible()]
    assert len(shown.titles) == len(visible) - 1
    awake = [bool(shown.list.item(row).flags() & Qt.ItemFlag.ItemIsEnabled) for row in range(20)]
    assert awake == sorted(awake, reverse=True)
    shown.close()


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("screenshot", "Copy a picture of the images"),
        ("zoom", "Zoom in"),
        ("zoom out", "Zoom out"),
        ("compare", "Compare models"),
        ("anonymize", "Hide who the patient is"),
        ("anonymise", "Hide who the patient is"),
    ],
)
def test_the_palette_finds_commands_by_other_words(opened, qtbot, words, title):
    shown = palette(opened)
    qtbot.keyClicks(shown.line, words)
    assert title in shown.titles[:2]
    assert shown.nothing.isHidden()
    shown.close()


def test_the_palette_says_where_it_finds_nothing(opened, qtbot):
    shown = palette(opened)
    qtbot.keyClicks(shown.line, "xyzzy")
    assert shown.titles == []
    assert (shown.nothing.isVisible(), shown.list.isVisible()) == (True, False)
    assert shown.nothing.text() == "Nothing found"
    shown.line.clear()
    assert (shown.nothing.isVisible(), shown.list.isVisible()) == (False, True)
    shown.close()


def test_a_picture_of_the_images_can_be_copied(opened):
    opened.menus.actions["copy_picture"].trigger()
    copied = QApplication.clipboard().image()
    assert copied.size() == opened.pages.size()


def test_zoom_commands_enlarge_the_active_view(opened):
    before = opened.views.active.camera.scale
    opened.menus.actions["zoom_in"].trigger()
    assert opened.views.active.camera.scale == pytest.approx(1.25 * before)
    opened.menus.actions["zoom_out"].trigger()
    assert opened.views.active.camera.scale == pytest.approx(before)


def test_a_command_that_sleeps_is_not_run(window, qtbot):
    shown = palette(window)
    qtbot.keyClicks(shown.line, "rectangle")
    qtbot.keyClick(shown.line, Qt.Key.Key_Return)
    assert window.session.tool.name == "crosshair"
    assert shown.isVisible()
    qtbot.keyClick(shown.line, Qt.Key.Key_Escape)
    assert not shown.isVisible()


def test_the_arrow_keys_choose_in_the_palette(opened, qtbot):
    shown = palette(opened)
    qtbot.keyClick(shown.line, Qt.Key.Key_Down)
    assert shown.list.currentRow() == 1
    qtbot.keyClick(shown.line, Qt.Key.Key_Up)
    qtbot.keyClick(shown.line, Qt.Key.Key_Up)
    assert shown.list.currentRow() == 0
    shown.close()


def test_the_question_mark_lists_every_key_and_any_key_sends_it_away(opened, qtbot):
    opened.views.axial.setFocus()
    qtbot.keyClick(opened, Qt.Key.Key_Question)
    (overlay,) = opened.findChildren(KeysOverlay)
    texts = " ".join(each.accessibleName() for each in overlay.findChildren(QWidget))
    for command in opened.menus.commands:
        if command.shortcut and command.listed:
            assert command.name in texts, command.id
    opened.resize(1000, 700)
    assert overlay.size() == opened.centralWidget().size()
    qtbot.keyClick(overlay, Qt.Key.Key_D)
    assert opened.session.tool.name == "crosshair"
    assert not overlay.isVisible()
