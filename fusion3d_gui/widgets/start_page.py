"""``StartPage``: what is seen before a scan is open."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from fusion3d_gui.state.demo_cases import DemoCase
from fusion3d_gui.widgets import theme


class StartPage(QWidget):
    """A drop target, two ways to open, and the demo cases."""

    open_file_requested = Signal()
    open_folder_requested = Signal()
    demo_requested = Signal(object)

    def __init__(self, demos: Sequence[DemoCase], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        zone = QFrame()
        zone.setObjectName("zone")
        zone.setFixedSize(500, 300)
        title = theme.label("Drop a scan here")
        title.setFont(theme.font(22, QFont.Weight.Medium))
        kinds = theme.label("A DICOM folder or file, or a NIfTI file", color=theme.MUTED)
        self.open_folder = QPushButton("Open folder…")
        self.open_file = QPushButton("Open file…")
        ways = QHBoxLayout()
        ways.setSpacing(10)
        ways.addStretch(1)
        for button in (self.open_folder, self.open_file):
            ways.addWidget(button)
        ways.addStretch(1)
        inside = QVBoxLayout(zone)
        inside.addStretch(1)
        center = Qt.AlignmentFlag.AlignHCenter
        inside.addWidget(title, 0, center)
        inside.addSpacing(4)
        inside.addWidget(kinds, 0, center)
        inside.addSpacing(20)
        inside.addLayout(ways)
        if demos:
            inside.addSpacing(26)
            inside.addWidget(theme.label("or look at a demo case", color=theme.FAINT), 0, center)
            inside.addSpacing(2)
            inside.addLayout(self._demo_row(demos))
        inside.addStretch(1)
        layout = QVBoxLayout(self)
        layout.addStretch(1)
        layout.addWidget(zone, 0, center)
        layout.addStretch(1)
        self.open_file.clicked.connect(self.open_file_requested)
        self.open_folder.clicked.connect(self.open_folder_requested)

    def _demo_row(self, demos: Sequence[DemoCase]) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addStretch(1)
        for demo in demos:
            button = QPushButton(demo.title)
            button.setProperty("quiet", True)
            button.setToolTip(demo.about)
            button.clicked.connect(lambda _=False, chosen=demo: self.demo_requested.emit(chosen))
            row.addWidget(button)
        row.addStretch(1)
        return row
