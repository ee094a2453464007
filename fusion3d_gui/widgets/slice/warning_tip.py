"""The reasons for a view's warnings, shown while the pointer rests on them."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import QToolTip, QWidget

from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.widgets.look.plain_tip import plain_tip
from fusion3d_gui.widgets.slice.captions import Captions


def show_warning_tip(
    view: QWidget, event: QEvent, captions: Captions, volume: Volume | None
) -> bool:
    """Show the sentences of all warnings if a tooltip is asked for on one of them; returns whether it was."""
    if not isinstance(event, QHelpEvent) or event.type() != QEvent.Type.ToolTip:
        return False
    text = warning_tip_at(event.pos(), captions, volume)
    if text:
        QToolTip.showText(event.globalPos(), plain_tip(text), view)
    return bool(text)


def warning_tip_at(where: QPoint, captions: Captions, volume: Volume | None) -> str:
    """The sentences of all warnings where one of them is painted at ``where`` (px); else empty."""
    hit = any(
        left <= where.x() <= right and top <= where.y() <= bottom
        for left, top, right, bottom in captions.warning_areas
    )
    if volume is None or not hit:
        return ""
    return "\n".join(each.sentence for each in volume.warnings)
