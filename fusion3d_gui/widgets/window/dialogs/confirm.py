"""Ask before something leaves that cannot be called back."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget


def confirm_save(title: str, text: str, window: QWidget) -> bool:
    """Ask over ``window`` whether to save all the same; Cancel is the default."""
    box = QMessageBox(QMessageBox.Icon.Question, title, text, parent=window)
    box.setTextFormat(Qt.TextFormat.PlainText)
    save = box.addButton(QMessageBox.StandardButton.Save)
    box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
    box.exec()
    return box.clickedButton() is save
