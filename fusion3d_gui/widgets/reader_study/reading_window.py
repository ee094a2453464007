"""``ReadingWindow``: the full screen in which the cases of a reader study are read.

It has the main window's views and marks, and nothing that names a file, tells a label or asks the model.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QCloseEvent, QKeySequence
from PySide6.QtWidgets import QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.state.reader_study.reading import Reading
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.marks.mark_layer import MarkLayer
from fusion3d_gui.widgets.reader_study.rating_bar import RatingBar
from fusion3d_gui.widgets.views.views_panel import ViewsPanel

_KEYS = "Return next  ·  P mark  ·  F8 pause  ·  Ctrl+Q end for now"


class ReadingWindow(QMainWindow):
    """Shows a reading. Closing it ends the session for now; confirmed reads are kept."""

    def __init__(self, session: Session, reading: Reading, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.reading = reading
        self.setWindowTitle("Fusion3D: reader study")
        self.views = ViewsPanel(session.store, session.display, session.predictions)
        self.mark_layer = MarkLayer(
            session.store, session.annotations, session.tool, session.hot_spots, self
        )
        for view in self.views.views:
            self.mark_layer.attach_to(view)
        self.message = theme.label(size=theme.TITLE)
        self.message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.message.setWordWrap(True)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.message)
        self.pages.addWidget(self.views)
        self.bar = RatingBar(reading)
        ratings, levels = len(reading.rating_labels), len(reading.confidence_labels)
        scales = f"1–{ratings} rating  ·  Ctrl+1–{levels} confidence"
        self.keys = theme.label(
            f"{scales}  ·  {_KEYS}  ·  {RESEARCH_USE_ONLY}", size=theme.SMALL, color=theme.MUTED
        )
        self.keys.setContentsMargins(20, 0, 20, 8)
        center = QWidget()
        layout = QVBoxLayout(center)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.pages, 1)
        layout.addWidget(self.bar)
        layout.addWidget(self.keys)
        self.setCentralWidget(center)
        self._add_keys()
        self.resize(1280, 800)
        self.bar.mark.clicked.connect(self._toggle_mark)
        session.tool.changed.connect(self._on_tool_changed)
        # After the views' own slots, which name patient and series on one view.
        self.views.layout_changed.connect(self._name_nobody)
        session.store.case_changed.connect(self._name_nobody)
        reading.changed.connect(self._show)
        self._name_nobody()
        self._show()

    def _add_keys(self) -> None:
        reading, marks = self.reading, self.session.annotations
        rows: list[tuple[str, Callable[[], object]]] = [
            ("Return", reading.confirm),
            ("Enter", reading.confirm),
            ("F8", reading.toggle_pause),
            ("P", self._toggle_mark),
            ("Esc", lambda: self.session.tool.choose("crosshair")),
            ("Delete", self._remove_mark),
            ("Ctrl+Z", marks.undo),
            ("0", self.views.fit),
            ("Ctrl+Q", self.close),
        ]
        for number in range(1, len(reading.rating_labels) + 1):
            rows.append((str(number), partial(reading.rate, number)))
        for number in range(1, len(reading.confidence_labels) + 1):
            rows.append((f"Ctrl+{number}", partial(reading.be_confident, number)))
        for key, do in rows:
            action = QAction(self)
            action.setShortcut(QKeySequence(key))
            action.triggered.connect(lambda _=False, run=do: run())
            self.addAction(action)

    def _toggle_mark(self) -> None:
        tool = self.session.tool
        wants = tool.name == "crosshair" and self.reading.phase == "reading"
        tool.choose("point" if wants else "crosshair")

    def _remove_mark(self) -> None:
        selected = self.session.annotations.selected
        if selected is not None and self.reading.phase == "reading":
            self.session.annotations.remove(selected.number)

    def _on_tool_changed(self) -> None:
        self.bar.mark.setChecked(self.session.tool.name == "point")

    def _name_nobody(self) -> None:
        for view in self.views.views:
            view.names_patient = False
            view.update()
        self.views.volume.names_patient = False
        self.views.volume.update()

    def _show(self) -> None:
        reading = self.reading
        self.message.setText(reading.message)
        self.pages.setCurrentWidget(self.views if reading.phase == "reading" else self.message)
        if reading.phase == "reading" and not self.views.main.hasFocus():
            self.views.main.setFocus()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Close at once; the owner of the session waits for its threads."""
        self.session.store.loading.cancel()
        self.session.store.inference.cancel()
        event.accept()
