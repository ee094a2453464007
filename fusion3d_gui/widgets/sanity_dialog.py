"""``SanityDialog``: whether the heatmap deserves trust; verdicts above, the plots below."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from fusion3d_gui.state.result import MapChecks
from fusion3d_gui.widgets import theme


class SanityDialog(QDialog):
    """Not modal: the views stay usable beside it."""

    def __init__(self, checks: MapChecks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._checks = checks
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Does this heatmap deserve trust?")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(2 * theme.GRID)
        passed = sum(ok for _, ok in checks.report.verdicts)
        title = f"{passed} of {len(checks.report.verdicts)} checks passed"
        layout.addWidget(theme.label(title, size=theme.LARGE, medium=True))
        layout.addWidget(theme.label(checks.subject, size=12, color=theme.MUTED))
        self.verdicts = []
        for text, ok in checks.report.verdicts:
            color = theme.TEXT if ok else theme.WARNING
            label = theme.label(f"{'✓' if ok else '✗'}  {text}.", color=color)
            self.verdicts.append(label)
            layout.addWidget(label)
        picture = QPixmap()
        picture.loadFromData(checks.picture, "PNG")
        plots = theme.label()
        plots.setPixmap(picture)
        layout.addWidget(plots)
        self.save = QPushButton("Save picture…")
        close = QPushButton("Close")
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.save)
        row.addWidget(close)
        layout.addLayout(row)
        self.save.clicked.connect(self._on_save)
        close.clicked.connect(self.close)

    def _on_save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the checks", "checks.png", "PNG (*.png)")
        if not name:
            return
        try:
            Path(name).write_bytes(self._checks.picture)
        except OSError as error:
            self.save.setText(f"Not saved: {error.strerror}")
