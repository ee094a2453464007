"""``StartPage``: shown while no scan is open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from fusion3d_gui.inference.demo_cases import DemoCase
from fusion3d_gui.plain_text import LONGEST_TEXT, visible_text
from fusion3d_gui.state.data.case import name_of
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.plain_tip import plain_caption, plain_tip

_WIDTH = 500
#: Number of recent cases that fit below the drop target in a small window.
_RECENT = 5
_TIP_LINES = 8


class StartPage(QWidget):
    """A drop target, two ways to open, the demo cases, and the cases opened last."""

    open_file_requested = Signal()
    open_folder_requested = Signal()
    demo_requested = Signal(object)
    #: Open this recent case (tuple of Path).
    recent_requested = Signal(object)
    forget_requested = Signal()

    def __init__(self, demos: Sequence[DemoCase], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.recent: list[QPushButton] = []
        self.forget = QPushButton("Forget these")
        self.open_folder = QPushButton("Open folder…")
        self.open_folder.setToolTip("Look through a folder for scans (Ctrl+O)")
        self.open_file = QPushButton("Open files…")
        self.open_file.setToolTip(
            "Open DICOM, NIfTI, NRRD or MetaImage files together (Ctrl+Shift+O)"
        )
        self._recent_box = QWidget()
        self._recent_rows = QVBoxLayout()
        self._zone = self._build_zone(demos)
        self._build_recent()
        center = Qt.AlignmentFlag.AlignHCenter
        layout = QVBoxLayout(self)
        layout.addStretch(1)
        layout.addWidget(self._zone, 0, center)
        layout.addSpacing(20)
        layout.addWidget(self._recent_box, 0, center)
        layout.addStretch(1)
        self.open_file.clicked.connect(self.open_file_requested)
        self.open_folder.clicked.connect(self.open_folder_requested)
        self.forget.clicked.connect(self.forget_requested)
        self.show_recent(())

    def show_recent(self, cases: Sequence[tuple[Path, ...]]) -> None:
        """List recent cases, the newest first."""
        for button in self.recent:
            self._recent_rows.removeWidget(button)
            button.hide()
            button.deleteLater()
        self.recent = []
        for paths in cases[:_RECENT]:
            button = QPushButton()
            button.setProperty("quiet", True)
            button.setProperty("row", True)
            button.setFixedWidth(theme.px(_WIDTH))
            metrics = button.fontMetrics()
            text = f"{name_of(paths)}   {visible_text(str(paths[0].parent), LONGEST_TEXT)}"
            room = theme.px(_WIDTH) - 30
            elided = metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, room)
            button.setText(plain_caption(elided))
            button.setToolTip(plain_tip(_listed(paths)))
            button.setAccessibleName(f"Open {name_of(paths)} again")
            button.clicked.connect(lambda _=False, chosen=paths: self.recent_requested.emit(chosen))
            self._recent_rows.addWidget(button)
            self.recent.append(button)
        self._recent_box.setVisible(bool(self.recent))

    def set_aimed(self, aimed: bool) -> None:
        """Highlight the drop target while a file is dragged over the window."""
        self._zone.setProperty("aimed", aimed)
        self._zone.style().unpolish(self._zone)
        self._zone.style().polish(self._zone)

    def _build_zone(self, demos: Sequence[DemoCase]) -> QFrame:
        zone = QFrame()
        zone.setObjectName("zone")
        zone.setFixedSize(_WIDTH, 300)
        title = theme.label("Drop a scan here")
        title.setFont(theme.font(22, QFont.Weight.Medium))
        kinds = theme.label(
            "Folders or files of DICOM, or NIfTI, NRRD or MetaImage files", color=theme.MUTED
        )
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
        return zone

    def _build_recent(self) -> None:
        box = QVBoxLayout(self._recent_box)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(2)
        head = QHBoxLayout()
        head.addWidget(theme.section_title("Opened before"))
        head.addStretch(1)
        self.forget.setProperty("quiet", True)
        self.forget.setToolTip("Take all paths off this list")
        head.addWidget(self.forget)
        box.addLayout(head)
        box.addLayout(self._recent_rows)
        self._recent_rows.setSpacing(0)
        self._recent_box.setFixedWidth(_WIDTH)

    def _demo_row(self, demos: Sequence[DemoCase]) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addStretch(1)
        for demo in demos:
            button = QPushButton(demo.title)
            button.setProperty("quiet", True)
            button.setToolTip(plain_tip(demo.about))
            button.clicked.connect(lambda _=False, chosen=demo: self.demo_requested.emit(chosen))
            row.addWidget(button)
        row.addStretch(1)
        return row


def _listed(paths: tuple[Path, ...]) -> str:
    """A line for each path; of many, the first few."""
    lines = [visible_text(str(path), LONGEST_TEXT) for path in paths[:_TIP_LINES]]
    more = len(paths) - len(lines)
    return "\n".join([*lines, f"and {more} more"] if more else lines)
