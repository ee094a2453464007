"""Layouts of the share dialog: a scrolling column, and a control with its title."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QWidget

from fusion3d_gui.widgets.look import theme


def scrolling(body: QWidget) -> QScrollArea:
    """A widget in an area that scrolls up and down only."""
    area = QScrollArea()
    area.setWidget(body)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return area


def titled(title: str, control: QWidget) -> QWidget:
    """A row of a title and its control."""
    whole = QWidget()
    row = QHBoxLayout(whole)
    row.setContentsMargins(0, 0, 0, 0)
    name = theme.label(title, size=12, color=theme.MUTED)
    name.setFixedWidth(theme.px(64))
    name.setBuddy(control)
    row.addWidget(name)
    row.addWidget(control, 1)
    return whole
