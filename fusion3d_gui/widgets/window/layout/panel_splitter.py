"""``PanelSplitter``: images and a panel beside them, with a border between them that can be dragged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSplitter, QWidget

from fusion3d_gui.widgets.look import theme

HANDLE = 6


@dataclass(frozen=True)
class PanelSize:
    """How large a panel is.

    Parameters
    ----------
    usual
        px at the usual text size, until its border is dragged.
    least
        Returns the px at the text size as it is now below which its texts would be cut.
    usual_share, largest_share
        It takes at most this share of the window by itself, and this where its border was dragged.
    """

    usual: int
    least: Callable[[], int]
    usual_share: float
    largest_share: float


class PanelSplitter(QSplitter):
    """Keeps the panel's size, which follows the text size, while the window's changes."""

    def __init__(
        self,
        orientation: Qt.Orientation,
        images: QWidget,
        panel: QWidget,
        size: PanelSize,
        *,
        panel_first: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(orientation, parent)
        self._chosen = 0
        self._size = size
        self._panel, self._panel_first = panel, panel_first
        self.setHandleWidth(HANDLE)
        self.setChildrenCollapsible(False)
        for widget in (panel, images) if panel_first else (images, panel):
            self.addWidget(widget)
        self.setStretchFactor(self.indexOf(images), 1)
        self.setStretchFactor(self.indexOf(panel), 0)
        self.splitterMoved.connect(self._on_moved)

    @property
    def chosen_size(self) -> int:
        """Size (px at the usual text size) to which the panel has been dragged; 0: it never was."""
        return self._chosen

    def choose_size(self, size_px: int) -> None:
        """Give the panel a size (px at the usual text size); 0: its usual one."""
        self._chosen = max(size_px, 0)
        self.fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the images what the window gains or loses."""
        super().resizeEvent(event)
        self.fit()

    def event(self, event: QEvent) -> bool:
        """Fit the panel again where what lies in it needs more or less room than before."""
        done = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:
            self.fit()
        return done

    def fit(self) -> None:
        """Give the panel its size, as far as the window has room for it."""
        size, is_across = self._size, self.orientation() is Qt.Orientation.Horizontal
        room = self.width() if is_across else self.height()
        largest = round(size.largest_share * room)
        least = min(size.least(), largest)
        if is_across:
            self._panel.setMinimumWidth(least)
        else:
            self._panel.setMinimumHeight(least)
        most = largest if self._chosen else round(size.usual_share * room)
        wanted = max(least, min(theme.px(self._chosen or size.usual), most))
        sizes = [room - HANDLE - wanted, wanted]
        self.setSizes(sizes[::-1] if self._panel_first else sizes)

    def _on_moved(self) -> None:
        size = self.sizes()[self.indexOf(self._panel)]
        if size:
            self._chosen = round(size / theme.scale())
