"""``SendDialog``: asks before a result is sent to a PACS, and to which."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from fusion3d_gui.state.pacs.pacs_parts import PacsParts
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.controls.fields import NoScrollComboBox
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.plain_tip import plain_caption

_WHAT = (
    "A structured report, the heatmap, the regions of its hot spots and your marks go into the study of the scan, "
    "with its patient. Each says that it is for research only."
)
_TEST = "Results of models trained on simulated cases go to test systems only."


class SendDialog(QDialog):
    """Names the patient, so that what leaves is known."""

    def __init__(self, store: Store, parts: PacsParts, parent: QWidget) -> None:
        super().__init__(parent)
        self._parts = parts
        self.setWindowTitle("Send the result")
        case = store.case
        attributes = {} if case is None else case.volume.attributes
        told = (attributes.get("PatientName", ""), attributes.get("PatientID", ""))
        self.patient = theme.label(" · ".join(filter(None, told)) or "Unnamed patient", medium=True)
        what = theme.label(_WHAT, color=theme.MUTED)
        what.setWordWrap(True)
        test = theme.label(_TEST, color=theme.MUTED, size=12)
        test.setWordWrap(True)
        self.node = NoScrollComboBox()
        self.node.setAccessibleName("PACS to send to")
        for node in parts.nodes.nodes:
            self.node.addItem(
                plain_caption(f"{node.name}{'  (test)' if node.is_test else ''}"), node.name
            )
        chosen = parts.nodes.chosen
        if chosen is not None:
            self.node.setCurrentIndex(self.node.findData(chosen.name))
        self.send = QPushButton("Send")
        self.send.setProperty("primary", True)
        self.send.setEnabled(bool(parts.nodes.nodes))
        cancel = QPushButton("Cancel")
        cancel.setAutoDefault(False)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(cancel)
        row.addWidget(self.send)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(*(4 * theme.GRID,) * 4)
        layout.setSpacing(3 * theme.GRID)
        for widget in (self.patient, what, self.node, test):
            layout.addWidget(widget)
        layout.addLayout(row)
        self.resize(theme.px(460), self.sizeHint().height())
        cancel.clicked.connect(self.reject)
        self.send.clicked.connect(self._send)

    def _send(self) -> None:
        for node in self._parts.nodes.nodes:
            if node.name == self.node.currentData():
                self._parts.sender.send(node)
        self.accept()
