"""``HotSpotRows``: the strongest peaks of the heatmap; a click moves the crosshair to one."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QStylePainter,
    QVBoxLayout,
    QWidget,
)

from fusion3d_gui.state.prediction.hot_spot_list import HotSpotList
from fusion3d_gui.state.prediction.percent import whole_percent
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.plain_tip import plain_tip
from fusion3d_gui.widgets.look.position_text import position_text, spot_text

_ROWS = 5
_SIDES = {"left": "left half", "right": "right half", "middle": "middle"}

_NO_VOLUME = "; smaller than the map resolves, so without a volume"
_IN_AIR = "; in the air, outside the patient"


class HotSpotRows(QWidget):
    """One row a hot spot: share of the peak, position, volume; hidden while there is none."""

    def __init__(self, spots: HotSpotList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._spots = spots
        self.title = theme.label("Hot spots", color=theme.MUTED)
        self.rows = [_SpotRow() for _ in range(_ROWS)]
        head = QHBoxLayout()
        head.addWidget(self.title)
        head.addStretch(1)
        for text, step, tip in (
            ("Previous", spots.previous, "Go to the next stronger hot spot (P)"),
            ("Next", spots.next, "Go to the next weaker hot spot (N)"),
        ):
            button = QPushButton(text)
            button.setProperty("quiet", True)
            button.setToolTip(plain_tip(tip))
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(step)
            head.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(head)
        grid = QGridLayout()
        grid.setSpacing(1)
        for number, row in enumerate(self.rows):
            row.setProperty("spot", True)
            row.setCheckable(True)
            row.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            row.clicked.connect(lambda _=False, n=number: self._on_chosen(n))
            grid.addWidget(row, number, 0)
        layout.addLayout(grid)
        spots.changed.connect(self._show)
        self._show()

    def _on_chosen(self, number: int) -> None:
        self._spots.go_to(number)
        # Where the crosshair was there already, the click has only turned the highlight off.
        self._show()

    def _show(self) -> None:
        found = self._spots.spots
        self.setVisible(bool(found))
        self.title.setText(f"Hot spots: {len(found)}" if len(found) != 1 else "One hot spot")
        current = self._spots.current
        for number, row in enumerate(self.rows):
            row.setVisible(number < len(found))
            if number < len(found):
                spot = found[number]
                row.setText(f"{number + 1}   {whole_percent(spot.share)}   {spot_text(spot)}")
                side, where = self._spots.side(spot), position_text(spot.position_lps)
                row.setToolTip(
                    plain_tip(
                        f"{row.text()}\n{where}: {_SIDES[side]} of the scan"
                        + (_NO_VOLUME if spot.volume_ml is None else "")
                        + (_IN_AIR if spot.in_air else "")
                    )
                )
                row.setChecked(number == current)


class _SpotRow(QPushButton):
    """A row whose end is cut where the panel is too narrow for it; its tooltip says the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:
        """As narrow as the panel needs it to be."""
        return QSize(theme.px(120), super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint as Qt does, with an ellipsis where the text is too long."""
        painter, option = QStylePainter(self), QStyleOptionButton()
        self.initStyleOption(option)
        metrics = self.fontMetrics()
        frame = self.sizeHint().width() - metrics.horizontalAdvance(self.text())
        option.text = metrics.elidedText(
            self.text(), Qt.TextElideMode.ElideRight, self.width() - frame
        )
        painter.drawControl(QStyle.ControlElement.CE_PushButton, option)
