"""``ViewLayer``: something that lies over a slice view, draws there, and may take the mouse."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtGui import QMouseEvent, QPainter

from fusion3d_gui.widgets.slice.slice_canvas import SliceCanvas


class ViewLayer(Protocol):
    """Painted above image, heatmap and crosshair, below the captions.

    The mouse methods return whether they used the event; the view then leaves it alone.
    """

    def paint(self, view: SliceCanvas, painter: QPainter) -> None:
        """Draw in the view's pixels."""

    def press(self, view: SliceCanvas, event: QMouseEvent) -> bool:
        """Handle a button that was pressed."""

    def move(self, view: SliceCanvas, event: QMouseEvent) -> bool:
        """Handle a move of the pointer, with or without a button down."""

    def release(self, view: SliceCanvas, event: QMouseEvent) -> bool:
        """Handle a button that was released."""

    def double_click(self, view: SliceCanvas, event: QMouseEvent) -> bool:
        """Handle the second press of a double click."""
