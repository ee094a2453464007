"""``ViewLayer``: something that lies over a slice view, draws there, and may take the mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from PySide6.QtGui import QMouseEvent, QPainter

if TYPE_CHECKING:
    from fusion3d_gui.widgets.slice.slice_view import SliceView


class ViewLayer(Protocol):
    """Painted above image, heatmap and crosshair, below the captions.

    The mouse methods return whether they used the event; the view then leaves it alone.
    """

    def paint(self, view: SliceView, painter: QPainter) -> None:
        """Draw in the view's pixels."""

    def press(self, view: SliceView, event: QMouseEvent) -> bool:
        """A button went down."""

    def move(self, view: SliceView, event: QMouseEvent) -> bool:
        """The pointer moved, with or without a button down."""

    def release(self, view: SliceView, event: QMouseEvent) -> bool:
        """A button went up."""

    def double_click(self, view: SliceView, event: QMouseEvent) -> bool:
        """The second press of a double click."""
