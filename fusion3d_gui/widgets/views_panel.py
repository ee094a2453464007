"""``ViewsPanel``: the three linked views, axial large, any of them maximised by a double click."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from fusion3d_gui.imaging.plane import AXIAL, CORONAL, SAGITTAL
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.slice_view import SliceView


class ViewsPanel(QWidget):
    """Shows the session's case and, while it is current, its heatmap."""

    hovered = Signal(object)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        display = session.display
        self.axial = SliceView(AXIAL, display)
        self.coronal = SliceView(CORONAL, display)
        self.sagittal = SliceView(SAGITTAL, display)
        self._column = QSplitter(Qt.Orientation.Vertical)
        self._column.addWidget(self.coronal)
        self._column.addWidget(self.sagittal)
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.addWidget(self.axial)
        self._split.addWidget(self._column)
        for splitter in (self._split, self._column):
            splitter.setHandleWidth(3)
            splitter.setChildrenCollapsible(False)
        self._split.setSizes([620, 380])
        self._split.setStretchFactor(0, 62)
        self._split.setStretchFactor(1, 38)
        self._column.setSizes([500, 500])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._split)
        self._connect()

    def _connect(self) -> None:
        for view in self.views:
            view.maximise_requested.connect(lambda chosen=view: self.toggle_maximised(chosen))
            view.hovered.connect(self.hovered)
        self._session.case_changed.connect(self._on_case_changed)
        self._session.case_filled.connect(self._on_case_filled)
        self._session.result_changed.connect(self._on_result_changed)

    @property
    def views(self) -> tuple[SliceView, SliceView, SliceView]:
        """Axial, coronal, sagittal."""
        return self.axial, self.coronal, self.sagittal

    def toggle_maximised(self, chosen: SliceView) -> None:
        """Show only this view, or all again."""
        alone = all(view.isHidden() for view in self.views if view is not chosen)
        for view in self.views:
            view.setVisible(alone or view is chosen)
        self._column.setVisible(alone or chosen is not self.axial)
        chosen.setFocus()

    def fit(self) -> None:
        """Every view shows its whole plane."""
        for view in self.views:
            view.fit()

    def _on_case_changed(self) -> None:
        case = self._session.case
        for view in self.views:
            view.set_volume(case.volume if case else None)

    def _on_case_filled(self) -> None:
        for view in self.views:
            view.picture.refresh()
            view.update()

    def _on_result_changed(self) -> None:
        prediction = self._session.current_prediction
        for view in self.views:
            view.set_heatmap(prediction.heatmap if prediction else None)
