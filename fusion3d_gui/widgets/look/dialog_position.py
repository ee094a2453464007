"""Where a dialog comes up: in the middle of its window, on the window's screen."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QWidget


def place_over(dialog: QDialog, parent: QWidget) -> None:
    """Put a dialog that has its size into the middle of ``parent``, all of it on the same screen.

    To be called before it is shown: Qt would make it on the first screen and move it afterwards, and it
    would keep its size in pixels of that screen, which may be coarser or finer.
    """
    room = parent.screen().availableGeometry()
    place = dialog.rect()
    place.moveCenter(parent.mapToGlobal(parent.rect().center()))
    place.moveRight(min(place.right(), room.right()))
    place.moveBottom(min(place.bottom(), room.bottom()))
    place.moveLeft(max(place.left(), room.left()))
    place.moveTop(max(place.top(), room.top()))
    dialog.move(place.topLeft())
