"""Where a dialog opens: in the middle of its parent window, on the same screen."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QWidget


def center_over(dialog: QDialog, parent: QWidget) -> None:
    """Centre a dialog, already sized, over ``parent`` and keep all of it on that screen.

    Call it before the dialog is shown: Qt would create it on the first screen and move it afterwards, and
    it would keep its size in pixels of that screen, which may be coarser or finer.
    """
    available = parent.screen().availableGeometry()
    frame = dialog.rect()
    frame.moveCenter(parent.mapToGlobal(parent.rect().center()))
    frame.moveRight(min(frame.right(), available.right()))
    frame.moveBottom(min(frame.bottom(), available.bottom()))
    frame.moveLeft(max(frame.left(), available.left()))
    frame.moveTop(max(frame.top(), available.top()))
    dialog.move(frame.topLeft())
