"""Every command of the window as data: menus, shortcuts and the list of keys are built from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu


@dataclass(frozen=True)
class Command:
    """One thing that the user can ask for. ``enabled`` is asked whenever the state has changed;
    ``listed`` says whether the list of keys has a line for it."""

    id: str
    menu: str
    title: str
    run: Callable[[], object]
    shortcut: str = ""
    enabled: Callable[[], bool] | None = None
    begins_group: bool = False
    listed: bool = True


class Menus:
    """The menu bar of a window, built from commands in their order."""

    def __init__(self, window: QMainWindow, commands: Sequence[Command]) -> None:
        self._commands = tuple(commands)
        self.actions: dict[str, QAction] = {}
        menus: dict[str, QMenu] = {}
        for command in commands:
            menu = menus.get(command.menu)
            if menu is None:
                menu = menus[command.menu] = window.menuBar().addMenu(command.menu)
            if command.begins_group:
                menu.addSeparator()
            action = QAction(command.title, window)
            if command.shortcut:
                action.setShortcut(QKeySequence(command.shortcut))
            action.triggered.connect(lambda _=False, run=command.run: run())
            menu.addAction(action)
            self.actions[command.id] = action
        self.refresh()

    def refresh(self) -> None:
        """Enable what can be done now."""
        for command in self._commands:
            if command.enabled is not None:
                self.actions[command.id].setEnabled(command.enabled())

    @property
    def keys(self) -> list[tuple[str, str]]:
        """(shortcut as it is written on this system, what it does), for the list of keys."""
        return [
            (
                self.actions[command.id]
                .shortcut()
                .toString(QKeySequence.SequenceFormat.NativeText),
                command.title.rstrip("…"),
            )
            for command in self._commands
            if command.shortcut and command.listed
        ]
