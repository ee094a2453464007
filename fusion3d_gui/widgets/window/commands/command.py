"""Every command of the window as data: menus, shortcuts, palette and list of keys are built from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

#: The menus, in the order of the menu bar. A command must name one of them.
MENUS = ("&File", "&Edit", "&View", "&Window", "&Tools", "&Heatmap", "&Model", "&Help")


@dataclass(frozen=True)
class Command:
    """One thing that the user can ask for.

    Parameters
    ----------
    id
        Unique; never shown.
    menu, title
        Where it stands and what it says; a submenu is written ``"&View/Theme"``.
    run
        What it does.
    shortcut, also
        Its key, and a second one that does the same.
    enabled, checked
        Asked whenever the state has changed; with ``checked`` it has a tick.
    begins_group
        Whether a line stands above it.
    listed
        Whether the list of keys has a line for it.
    tip
        What its button says besides the title, where the title does not say enough.
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

    @property
    def name(self) -> str:
        """The title without what only a menu needs."""
        return self.title.rstrip("…").replace("&", "")


class Menus(QObject):
    """The menu bar of a window, built from commands in their order."""

    def __init__(self, window: QMainWindow, commands: Sequence[Command]) -> None:
        # A child of the window, so that what refreshes it lets go of it when the window is gone.
        super().__init__(window)
        self.commands = tuple(commands)
        self.actions: dict[str, QAction] = {}
        bar = window.menuBar()
        self._menus: dict[str, QMenu] = {name: bar.addMenu(name) for name in MENUS}
        for menu in self._menus.values():
            menu.aboutToShow.connect(self.refresh)
            menu.setToolTipsVisible(True)
        for command in self.commands:
            if command.id in self.actions:
                raise ValueError(f"two commands are called {command.id}")
            menu = self._menu(command.menu)
            if command.begins_group:
                menu.addSeparator()
            self.actions[command.id] = action = self._action(window, command)
            menu.addAction(action)
            # Keys work while the menu bar is hidden, too.
            window.addAction(action)
        for name in MENUS:
            self._menus[name].menuAction().setVisible(not self._menus[name].isEmpty())
        self.refresh()

    def _menu(self, path: str) -> QMenu:
        if path not in self._menus:
            parent, _, name = path.rpartition("/")
            self._menus[path] = self._menu(parent).addMenu(name)
        return self._menus[path]

    def _action(self, window: QMainWindow, command: Command) -> QAction:
        action = QAction(command.title, window)
        keys = [QKeySequence(key) for key in (command.shortcut, command.also) if key]
        action.setShortcuts(keys)
        action.setCheckable(command.checked is not None)
        # Menus of macOS would move commands by their words: "About", "Quit", "Settings".
        action.setMenuRole(QAction.MenuRole.NoRole)
        tip = command.tip or command.name
        action.setToolTip(f"{tip} ({_written(keys[0])})" if keys else tip)
        action.triggered.connect(lambda _=False: self._run(command))
        return action

    def _run(self, command: Command) -> None:
        command.run()
        # A tick that Qt set by itself is corrected if the command did not do it.
        self.refresh()

    def refresh(self) -> None:
        """Enable and tick what the state says now."""
        for command in self.commands:
            action = self.actions[command.id]
            if command.enabled is not None:
                action.setEnabled(command.enabled())
            if command.checked is not None:
                action.setChecked(command.checked())

    @property
    def keys(self) -> dict[str, list[tuple[str, str]]]:
        """By menu or submenu: (keys as they are written on this system, what they do), to be listed."""
        found: dict[str, list[tuple[str, str]]] = {}
        for command in self.commands:
            action = self.actions[command.id]
            if command.listed and action.shortcuts():
                written = "  or  ".join(_written(key) for key in action.shortcuts())
                menu = command.menu.split("/")[-1].replace("&", "")
                found.setdefault(menu, []).append((written, action.text().rstrip("…")))
        return found


def _written(key: QKeySequence) -> str:
    return key.toString(QKeySequence.SequenceFormat.NativeText)
