"""``ModelViews``: the same slice with the map of every model, beside each other, under one crosshair."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from fusion3d_gui.imaging.plane import AXIAL, CORONAL, SAGITTAL, Orientation
from fusion3d_gui.state.comparison import ModelAnswer
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets import theme
from fusion3d_gui.widgets.gauge import percent
from fusion3d_gui.widgets.segments import Segments
from fusion3d_gui.widgets.slice_slider import ViewCell
from fusion3d_gui.widgets.slice_view import SliceView

#: More models than this do not fit beside each other.
_MOST = 9


class ModelViews(QWidget):
    """One view a model, all of the same place, zoom and window; above it what the model says."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._plane = AXIAL
        self.views: list[SliceView] = []
        self.titles: list[str] = []
        self.back = QPushButton("Back to one model")
        self.back.setProperty("quiet", True)
        row = Segments()
        self.planes: dict[str, QPushButton] = {}
        for plane in (AXIAL, CORONAL, SAGITTAL):
            button = self.planes[plane.name] = row.add(plane.name)
            button.setChecked(plane is AXIAL)
            button.clicked.connect(lambda _=False, chosen=plane: self._show_plane(chosen))
        note = theme.label(
            "Each map in shares of its own peak", size=theme.SMALL, color=theme.FAINT
        )
        bar = QHBoxLayout()
        bar.setContentsMargins(3 * theme.GRID, theme.GRID, 3 * theme.GRID, theme.GRID)
        bar.setSpacing(3 * theme.GRID)
        bar.addWidget(row)
        bar.addWidget(note)
        bar.addStretch(1)
        bar.addWidget(self.back)
        self._body = QWidget()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self._layout.addLayout(bar)
        self._layout.addWidget(self._body, 1)
        self.back.clicked.connect(lambda: session.comparison.show_maps(False))
        session.comparison.changed.connect(self._on_changed)

    def _on_changed(self) -> None:
        comparison = self._session.comparison
        self._build(comparison.answers[:_MOST] if comparison.shows_maps else ())

    def _build(self, answers: tuple[ModelAnswer, ...]) -> None:
        self._layout.removeWidget(self._body)
        # Hidden at once: deletion waits for the event loop, and must not flash on screen.
        self._body.hide()
        self._body.deleteLater()
        self._body = QWidget(self)
        self.views, self.titles = [], []
        grid = QGridLayout(self._body)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        columns = math.ceil(math.sqrt(len(answers)))
        for number, answer in enumerate(answers):
            grid.addWidget(self._cell(answer), number // columns, number % columns)
        self._layout.addWidget(self._body, 1)
        self._body.show()

    def _cell(self, answer: ModelAnswer) -> QWidget:
        view = SliceView(AXIAL, self._session.display)
        view.set_orientation(self._plane)
        view.with_corner_text = False
        case = self._session.case
        view.set_volume(None if case is None else case.volume)
        prediction = answer.prediction
        if prediction is None:
            said, detail = "no answer", answer.problem
        else:
            view.set_heatmap(prediction.heatmap)
            said = f"{percent(prediction.probability)}  {prediction.class_name}"
            detail = f"{answer.explanation.name}, what {answer.explanation.side} the answer"
        for other in self.views:
            for leader, follower in ((view, other), (other, view)):
                leader.camera_changed.connect(lambda a=leader, b=follower: b.follow(a))
        self.views.append(view)
        self.titles.append(f"{answer.bundle.name}: {said}")
        cell = QWidget()
        name = theme.label(answer.bundle.name, color=theme.MUTED)
        answered = theme.label(said, medium=True, color=theme.TEXT if prediction else theme.WARNING)
        explained = theme.label(detail, size=theme.SMALL, color=theme.FAINT)
        explained.setWordWrap(True)
        head = QHBoxLayout()
        head.addWidget(name, 1)
        head.addWidget(answered)
        if prediction is not None and prediction.heatmap.peak_lps is not None:
            peak = QPushButton("Go to peak")
            peak.setProperty("quiet", True)
            peak.setToolTip("Put the crosshair on the strongest cell of this model's map")
            where = prediction.heatmap.peak_lps
            peak.clicked.connect(lambda: self._session.display.crosshair.move_to(where))
            head.addWidget(peak)
        layout = QVBoxLayout(cell)
        layout.setContentsMargins(3 * theme.GRID, 2 * theme.GRID, theme.GRID, 0)
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addWidget(explained, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(ViewCell(view), 1)
        return cell

    def _show_plane(self, plane: Orientation) -> None:
        self._plane = plane
        for view in self.views:
            view.set_orientation(plane)
            view.fit()
