"""Ask before a scan of another patient is shown beside the one on screen."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from fusion3d_gui.state.beside.second_scan import SecondScan
from fusion3d_gui.state.data.case import Case
from fusion3d_gui.state.display.corner_text import patient_line
from fusion3d_gui.state.store import Store


def ask_other_patient(store: Store, second: SecondScan, case: Case, window: QWidget) -> QMessageBox:
    """Ask over ``window``, without blocking; Cancel is the default, and only a press of the other button shows it."""
    lines = ["This scan is of another patient."]
    if not store.identity.hidden and store.case is not None:
        lines += [
            f"On screen: {patient_line(store.case.volume) or 'no patient named'}",
            f"Second scan: {patient_line(case.volume) or 'no patient named'}",
        ]
    box = QMessageBox(window)
    box.setIcon(QMessageBox.Icon.Warning)
    box.setWindowTitle("Another patient")
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText("\n".join(lines))
    box.setInformativeText("It would be marked as another patient's on every view.")
    show = box.addButton("Show beside all the same", QMessageBox.ButtonRole.DestructiveRole)
    cancel = box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(cancel)
    box.setEscapeButton(cancel)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

    def on_finished() -> None:
        if box.clickedButton() is show:
            second.confirm()
        else:
            second.refuse()

    box.finished.connect(on_finished)
    box.open()
    return box
