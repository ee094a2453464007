"""``ViewGrabber``: pictures of the window's views without the patient in their corners; a frame around them says who it is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QPoint, QSize
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from fusion3d_gui.state.export.sharing import Item, Shareable, ShareChoice
from fusion3d_gui.state.marks.annotations import Annotations
from fusion3d_gui.widgets.slice.slice_canvas import SliceCanvas
from fusion3d_gui.widgets.views.views_panel import ViewsPanel
from fusion3d_gui.widgets.volume.volume_view import VolumeView
from fusion3d_gui.widgets.window.layout.pages import Pages

#: Width of a picture at scale 1, as that of a hot spot.
_WIDTH_PX = 1440


def image_of(rgb: np.ndarray) -> QImage:
    """A uint8 RGB array ``[row, column, 3]`` as an image of its own."""
    rows, columns, _ = rgb.shape
    flat = np.ascontiguousarray(rgb)
    return QImage(flat.data, columns, rows, 3 * columns, QImage.Format.Format_RGB888).copy()


def picture_of(
    widget: QWidget, width_px: int, annotations: Annotations, *, marks: bool
) -> np.ndarray:
    """A widget as uint8 RGB ``[row, column, 3]``, about ``width_px`` wide but no smaller than on screen.

    ``marks``: whether the reader's marks, and their texts, are drawn.
    """
    ratio = max(widget.devicePixelRatioF(), width_px / max(1, widget.width()))
    size = QSize(round(widget.width() * ratio), round(widget.height() * ratio))
    image = QImage(size, QImage.Format.Format_RGB888)
    image.setDevicePixelRatio(ratio)
    image.fill(0)
    with _unnamed(widget), _marks_shown(annotations, marks):
        widget.render(image, QPoint(0, 0))
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(size.height(), image.bytesPerLine())
    return rows[:, : 3 * size.width()].reshape(size.height(), size.width(), 3).copy()


class ViewGrabber:
    """What of the window can leave as a picture: the view used last, and the page of views on screen."""

    def __init__(self, pages: Pages, views: ViewsPanel, annotations: Annotations) -> None:
        self._pages = pages
        self._views = views
        self._annotations = annotations

    @property
    def view(self) -> QWidget | None:
        """The slice view used last; None where none is on screen."""
        active = self._views.active
        return active if active.isVisibleTo(self._pages) else None

    @property
    def shows_3d(self) -> bool:
        """Whether the scan is on screen in 3D."""
        found = self._pages.findChildren(VolumeView)
        return any(each.isVisibleTo(self._pages) for each in found)

    def layout(self) -> np.ndarray:
        """The page of views on screen as uint8 RGB."""
        return picture_of(self._pages, _WIDTH_PX, self._annotations, marks=True)

    def with_pictures(self, choice: ShareChoice, shareable: Shareable) -> ShareChoice:
        """The choice with the pictures that it asks for."""
        marks = choice.identity or not shareable.marks_name_the_patient
        width = round(_WIDTH_PX * choice.picture_scale)
        found: dict[Item, np.ndarray] = {}
        if "view" in choice.items and self.view is not None:
            found["view"] = picture_of(self.view, width, self._annotations, marks=marks)
        page = self._pages.currentWidget()
        if "layout" in choice.items and page is not None:
            found["layout"] = picture_of(page, width, self._annotations, marks=marks)
        return replace(choice, views=found)


@contextlib.contextmanager
def _unnamed(widget: QWidget) -> Iterator[None]:
    """Leave the patient out of the corners of all views within."""
    views = [
        each
        for each in (widget, *widget.findChildren(QWidget))
        if isinstance(each, SliceCanvas | VolumeView)
    ]
    before = [each.names_patient for each in views]
    for each in views:
        each.names_patient = False
    try:
        yield
    finally:
        for each, named in zip(views, before, strict=True):
            each.names_patient = named


@contextlib.contextmanager
def _marks_shown(annotations: Annotations, shown: bool) -> Iterator[None]:
    is_changed = annotations.visible and not shown
    if is_changed:
        annotations.toggle_visible()
    try:
        yield
    finally:
        if is_changed:
            annotations.toggle_visible()
