"""Dialog for the thickness of the slab in millimetres."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QInputDialog, QWidget

from fusion3d_gui.state.display.slab_settings import THICKEST_MM, SlabSettings


def ask_for_thickness(slab: SlabSettings, parent: QWidget) -> None:
    """Open the dialog; the slab follows the number while it is edited, and Cancel restores it."""
    dialog = QInputDialog(parent)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setWindowTitle("Slab thickness")
    dialog.setLabelText("Millimetres; 0 for single slices")
    dialog.setInputMode(QInputDialog.InputMode.DoubleInput)
    dialog.setDoubleDecimals(1)
    dialog.setDoubleRange(0.0, THICKEST_MM)
    dialog.setDoubleStep(1.0)
    before = slab.slab.thickness_mm
    dialog.setDoubleValue(before)
    dialog.doubleValueChanged.connect(slab.set_thickness)
    dialog.rejected.connect(lambda: slab.set_thickness(before))
    dialog.open()
