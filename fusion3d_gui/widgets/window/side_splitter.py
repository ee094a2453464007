"""``SideSplitter``: images and side panel, with a border between them that can be dragged."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSplitter, QWidget

from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.side.side_panel import WIDTH, SidePanel

#: The panel takes at most this share of the window by itself, and this where its border has been dragged.
_USUAL_SHARE, _LARGEST_SHARE = 1 / 3, 1 / 2
HANDLE = 6


class SideSplitter(QSplitter):
    """Keeps the panel's width, which follows the text size, while the window's changes."""

    def __init__(self, images: QWidget, side: SidePanel, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._chosen = 0
        self.setHandleWidth(HANDLE)
        self.setChildrenCollapsible(False)
        self._side = side
        self.addWidget(images)
        self.addWidget(side)
        self.splitterMoved.connect(self._on_moved)

    @property
    def chosen_width(self) -> int:
        """Width (px at the usual text size) to which the panel has been dragged; 0: it never was."""
        return self._chosen

    def choose_width(self, width_px: int) -> None:
        """Give the panel a width (px at the usual text size); 0: its usual one."""
        self._chosen = max(width_px, 0)
        self.fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the images what the window gains or loses."""
        super().resizeEvent(event)
        self.fit()

    def fit(self) -> None:
        """Give the panel its width, as far as the window has room for it."""
        largest = round(_LARGEST_SHARE * self.width())
        least = min(self._side.least_width, largest)
        self._side.setMinimumWidth(least)
        most = largest if self._chosen else round(_USUAL_SHARE * self.width())
        width = max(least, min(theme.px(self._chosen or WIDTH), most))
        self.setSizes([self.width() - HANDLE - width, width])

    def _on_moved(self) -> None:
        width = self.sizes()[1]
        if width:
            self._chosen = round(width / theme.scale())
