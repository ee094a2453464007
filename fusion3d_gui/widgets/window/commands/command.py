"""``Command``, a command of the main window as data, and ``Menus``, the menu bar built from commands."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.plain_tip import plain_caption, plain_tip

#: The menus, in the order of the menu bar. A command must name one of them.
MENUS = ("&File", "&Edit", "&View", "&Window", "&Tools", "M&asks", "&Heatmap", "&Model", "&Help")


@dataclass(frozen=True)
class Command:
    """One command; menus, shortcuts, palette and list of keys are built from it.

    Parameters
    ----------
    id
        Unique; never shown.
    menu, title
        Its menu, with a submenu as in ``"&View/Theme"``, and its text there.
    run
        Called when it is chosen.
    shortcut, also
        Its key, and a second one that does the same.
    enabled, checked, visible, title_now
        Called whenever the state has changed. A command with ``checked`` has a tick; ``title_now``
        replaces the title.
    begins_group
        Whether a separator precedes it.
    listed
        Whether the list of keys has a line for it.
    tip
        Tool tip of its button, where the title does not say enough.
    synonyms
        Words under which the palette finds it, too.
    """

    id: str
    menu: str
    title: str
    run: Callable[[], object]
    shortcut: str = ""
    enabled: Callable[[], bool] | None = None
    begins_group: bool = False
    listed: bool = True
    checked: Callable[[], bool] | None = None
    also: str = ""
    tip: str = ""
    visible: Callable[[], bool] | None = None
    title_now: Callable[[], str] | None = None
    synonyms: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The title without the ellipsis and the mnemonic of a menu."""
        return self.title.rstrip("…").replace("&", "")


class Menus(QObject):
    """The menu bar of a window, built from commands in their order."""

    def __init__(self, window: QMainWindow, commands: Sequence[Command]) -> None:
        # A child of the window: the connections to refresh end with it.
        super().__init__(window)
        self.commands = tuple(commands)
        self.actions: dict[str, QAction] = {}
        bar = window.menuBar()
        # Its own: Qt does not give a hidden menu bar with a style sheet a new font of the application.
        bar.setFont(theme.font())
        self._menus: dict[str, QMenu] = {name: bar.addMenu(name) for name in MENUS}
        for menu in self._menus.values():
            menu.aboutToShow.connect(self.refresh)
            menu.setToolTipsVisible(True)
        for command in self.commands:
            if command.id in self.actions:
                raise ValueError(f"two commands are called {command.id}")
            menu = self.menu(command.menu)
            if command.begins_group:
                menu.addSeparator()
            self.actions[command.id] = action = self._action(window, command)
            menu.addAction(action)
            # Keys work while the menu bar is hidden, too.
            window.addAction(action)
        for name in MENUS:
            self._menus[name].menuAction().setVisible(not self._menus[name].isEmpty())
        self.refresh()

    def menu(self, path: str) -> QMenu:
        """The menu or submenu at a path such as ``"&View/Layout"``; made where there is none yet."""
        if path not in self._menus:
            parent, _, name = path.rpartition("/")
            self._menus[path] = self.menu(parent).addMenu(name)
        return self._menus[path]

    def _action(self, window: QMainWindow, command: Command) -> QAction:
        action = QAction(command.title, window)
        keys = [QKeySequence(key) for key in (command.shortcut, command.also) if key]
        action.setShortcuts(keys)
        action.setCheckable(command.checked is not None)
        # macOS would move commands with "About", "Quit" or "Settings" in their titles to other menus.
        action.setMenuRole(QAction.MenuRole.NoRole)
        tip = command.tip or command.name
        action.setToolTip(plain_tip(f"{tip} ({_written(keys[0])})" if keys else tip))
        action.triggered.connect(lambda _=False: self._run(command))
        return action

    def _run(self, command: Command) -> None:
        command.run()
        # A tick that Qt set by itself is corrected if the command did not do it.
        self.refresh()

    def refresh(self) -> None:
        """Show every command as the state is now: enabled, ticked, visible, its title."""
        for command in self.commands:
            action = self.actions[command.id]
            if command.enabled is not None:
                action.setEnabled(command.enabled())
            if command.checked is not None:
                action.setChecked(command.checked())
            if command.visible is not None:
                action.setVisible(command.visible())
            if command.title_now is not None:
                action.setText(plain_caption(command.title_now()))

    @property
    def keys(self) -> dict[str, list[tuple[str, str]]]:
        """By menu or submenu: (keys as this system writes them, title) of the commands to be listed."""
        found: dict[str, list[tuple[str, str]]] = {}
        for command in self.commands:
            action = self.actions[command.id]
            if command.listed and action.shortcuts():
                written = "  or  ".join(_written(key) for key in action.shortcuts())
                menu = command.menu.split("/")[-1].replace("&", "")
                found.setdefault(menu, []).append((written, title_of(action)))
        return found


def title_of(action: QAction) -> str:
    """The text of an action without the ellipsis and the mnemonic of a menu."""
    return re.sub("&(.)", r"\1", action.text()).rstrip("…")


def _written(key: QKeySequence) -> str:
    return key.toString(QKeySequence.SequenceFormat.NativeText)
