"""What files and bundles say is plain text in every label, tooltip, table, list, tab, title and action of the window."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QTextDocument
from PySide6.QtGui import Qt as GuiQt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QComboBox,
    QLabel,
    QTabBar,
    QWidget,
)

import fusion3d_gui.widgets
from fusion3d_gui.imaging.display.window import Window
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.state.display.corner_text import patient_line
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.widgets.look.plain_tip import plain_caption, plain_tip
from fusion3d_gui.widgets.window.dialogs.tag_browser import show_tags
from fusion3d_gui.widgets.window.overlays.command_palette import CommandPalette
from fusion3d_gui.widgets.window.overlays.keys_overlay import KeysOverlay

#: Controls but the line break, what turns the direction of text, other line breaks.
FORBIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)
#: Longest text in the window: a few sentences that quote names.
LONGEST = 12_000
WIDGETS = Path(fusion3d_gui.widgets.__file__).parent


def rendered(tip: str) -> str:
    """A tooltip as Qt shows it."""
    if not GuiQt.mightBeRichText(tip):
        return tip
    document = QTextDocument()
    document.setHtml(tip)
    return document.toPlainText()


def texts(root: QWidget) -> Iterator[tuple[str, str]]:
    """(where, what is read there) of everything in a window, on screen or hidden."""
    for widget in (root, *root.findChildren(QWidget)):
        where = type(widget).__name__
        tip = widget.toolTip()
        assert "<img" not in tip and "<b>" not in tip.replace("<b>Fusion3D", ""), (where, tip)
        yield f"{where} tip", rendered(tip)
        yield f"{where} title", widget.windowTitle()
        yield f"{where} name", widget.accessibleName()
        for name in ("text", "placeholderText", "title", "suffix"):
            read = getattr(widget, name, None)
            if callable(read):
                yield f"{where} {name}", str(read())
        if isinstance(widget, QLabel):
            assert widget.textFormat() == Qt.TextFormat.PlainText, (where, widget.text())
        if isinstance(widget, QTabBar):
            for number in range(widget.count()):
                yield f"{where} tab", widget.tabText(number)
        model = widget.model() if isinstance(widget, QAbstractItemView | QComboBox) else None
        for row in range(0 if model is None else min(model.rowCount(), 300)):
            columns = iter(range(100))
            while (index := model.index(row, next(columns))).isValid():
                yield f"{where} cell", str(index.data() or "")
                tip = str(index.data(Qt.ItemDataRole.ToolTipRole) or "")
                assert "<img" not in tip, (where, tip)
                yield f"{where} cell's tip", rendered(tip)
    for action in root.findChildren(QAction):
        assert "<img" not in action.toolTip()
        yield "action", action.text()
        yield "action's tip", rendered(action.toolTip())


def assert_plain(root: QWidget) -> str:
    """All texts of a window, none of which holds a control, turns its direction, or forges a line."""
    found = []
    for where, text in texts(root):
        assert not FORBIDDEN.search(text), (where, text[:300])
        assert not re.search(r"^\s*probability 0\.0001", text, re.MULTILINE), (where, text[:300])
        assert len(text) <= LONGEST, (where, len(text))
        found.append(text)
    return "\n".join(found)


def test_nothing_that_a_file_or_a_bundle_says_is_more_than_plain_text(
    window, hostile_scan, make_hostile_bundle, settled, qtbot
) -> None:
    session = window.session
    session.models.choose(BundleInfo.read(make_hostile_bundle()))
    session.opener.open(hostile_scan)
    settled(window)
    assert session.store.case is not None
    for name in ("marks",):
        window.settings.toggle_panel(name)
    session.annotations.add_point(session.store.case.volume.center_lps)
    session.form.set_value("age", 75)
    session.predictions.predict()
    settled(window)
    assert session.predictions.current is not None
    window.side.comparison.button.click()
    settled(window)
    session.form.set_value("age", 40)
    session.store.noticed.emit(Notice(hostile_scan.name * 1000, "warning"))
    shown = assert_plain(window)
    for sign in ("<img src=file:///x><b>Z\\u202e", "↵ probability 0.0001"):
        assert sign in shown  # it was there to be read
    line = patient_line(session.store.case.volume)
    assert line and not FORBIDDEN.search(line)
    window.grab()
    show_tags(session.store, window)
    palette = CommandPalette(window.menus, window)
    keys = KeysOverlay(window.menus.keys, window)
    qtbot.waitUntil(lambda: not session.store.listing.running)
    for dialog in (*QApplication.topLevelWidgets(), palette, keys):
        assert_plain(dialog)
    window.resize(1280, 800)
    QApplication.processEvents()
    assert window.width() <= 1280  # long texts don't push the window apart
    assert window.views.width() > 500


def test_a_broken_hostile_file_and_a_failure_are_plain_notices(
    window, tmp_path, settled, hostile
) -> None:
    path = tmp_path / "<img src=x>\u202e\x1b[2J\nprobability 0.0001.nii"
    path.write_bytes(b"broken")
    window.session.opener.open(path)
    settled(window)
    assert "<img src=x>\\u202e\\x1b[2J ↵ probability 0.0001.nii" in assert_plain(window)
    window.settings.remember_case((path,))
    window.session.display.window_level.set_window(Window(10, 20))
    assert_plain(window)
    window.menus.refresh()
    assert "probability" in assert_plain(window)


def test_an_ampersand_of_a_file_is_no_mnemonic(window, make_case, settled) -> None:
    window.session.opener.open(make_case("Q&A & co"))
    settled(window)
    recent = window.menus.actions["recent_0"].text()
    assert "Q&&A && co" in recent
    palette = CommandPalette(window.menus, window)
    palette.line.setText("Q&A")
    assert any("Q&A & co" in title for title in palette.titles)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Mean < 3\nSD > 2", "Mean < 3\nSD > 2"),
        ("<img src=file:///x>", "<img src=file:///x>"),
        ("a\nb", "a\nb"),
        ("<b>\u202e", "<b>\\u202e"),
        ("a & b", "a & b"),
    ],
)
def test_a_tooltip_shows_the_text_as_it_is(text: str, shown: str, qapp) -> None:
    assert rendered(plain_tip(text)) == shown
    assert plain_caption("a & b\x1b") == "a && b\\x1b"


def _calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == name:
            yield node


def _is_ours(argument: ast.expr) -> bool:
    """Whether a text is written in the program, or goes through plain_tip."""
    if isinstance(argument, ast.Call):
        return ast.unparse(argument.func) in ("plain_tip", "action.toolTip")
    is_constant_name = isinstance(argument, ast.Name) and argument.id.isupper()
    return isinstance(argument, ast.Constant) or is_constant_name


def test_every_tooltip_that_is_put_together_goes_through_plain_tip() -> None:
    for path in sorted(WIDGETS.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for call in _calls(tree, "setToolTip"):
            assert _is_ours(call.args[0]), f"{path.name}:{call.lineno}"
        for call in _calls(tree, "showText"):
            assert _is_ours(call.args[1]), f"{path.name}:{call.lineno}"


def test_labels_and_message_boxes_say_that_their_text_is_plain() -> None:
    for path in sorted(WIDGETS.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        if path.name != "theme.py":
            assert not list(_calls(tree, "QLabel")), path.name  # theme.label
        if list(_calls(tree, "QMessageBox")):
            assert "setTextFormat(" in text, path.name
        for name in ("information", "question", "warning", "critical", "setHtml"):
            for call in _calls(tree, name):
                is_box = ast.unparse(call.func).startswith(("QMessageBox.", "QErrorMessage."))
                assert not is_box and name != "setHtml", f"{path.name}:{call.lineno}"
