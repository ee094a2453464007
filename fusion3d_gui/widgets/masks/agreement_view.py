"""``AgreementView``: how the heatmap agrees with the selected mask, beside chance."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from fusion3d_gui.state.display.overlay import OverlaySettings
from fusion3d_gui.state.prediction.mask_agreements import MaskAgreements
from fusion3d_gui.state.prediction.percent import percent, whole_percent
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.plain_tip import plain_tip

_CHANCE = (
    "Chance: a point put anywhere in the {where}, a map that is the same everywhere, or as many voxels as the map has "
    "above its threshold put anywhere in it."
)


class AgreementView(QWidget):
    """Three lines of figure and chance; hidden without a heatmap and a mask."""

    def __init__(
        self, agreements: MaskAgreements, overlay: OverlaySettings, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._agreements, self._overlay = agreements, overlay
        self.lines: list[tuple[QLabel, QLabel, QLabel]] = []
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(2 * theme.GRID)
        grid.setVerticalSpacing(theme.GRID)
        heads = ("Heatmap and mask", "", "By chance")
        for column, text in enumerate(heads):
            head = theme.label(text, size=theme.SMALL, color=theme.FAINT)
            grid.addWidget(head, 0, column, _side(column))
        for row in range(1, 4):
            name, figure, chance = (
                theme.label(size=theme.SMALL, color=color)
                for color in (theme.MUTED, theme.TEXT, theme.MUTED)
            )
            for column, label in enumerate((name, figure, chance)):
                grid.addWidget(label, row, column, _side(column))
            self.lines.append((name, figure, chance))
        grid.setColumnStretch(0, 1)
        agreements.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        self.setVisible(self._agreements.is_wanted)
        found = self._agreements.now
        if found is None:
            texts = [("Comparing…", "", "")] + [("", "", "")] * 2
            where = "scan"
        else:
            where = "head or body" if found.in_tissue else "scan"
            peak = "inside" if found.peak_inside else f"{found.peak_distance_mm:.1f} mm away"
            texts = [
                (
                    "Peak",
                    peak,
                    f"{percent(found.mask_share)} inside, {found.chance_distance_mm:.0f} mm",
                ),
                ("Heat inside", percent(found.share_inside), percent(found.mask_share)),
                (
                    f"Dice above {whole_percent(self._overlay.threshold)}",
                    f"{found.dice:.2f}",
                    f"{found.chance_dice:.2f}",
                ),
            ]
        for labels, line in zip(self.lines, texts, strict=True):
            for label, text in zip(labels, line, strict=True):
                label.setText(text)
        step = 1 if found is None else found.step
        sparse = f" Every {step} voxels along each axis are compared." if step > 1 else ""
        self.setToolTip(plain_tip(_CHANCE.format(where=where) + sparse))


def _side(column: int) -> Qt.AlignmentFlag:
    return Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
