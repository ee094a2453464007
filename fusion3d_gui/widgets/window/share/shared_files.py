"""``SharedFiles``: what was written and where it lies; opens it, copies it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QMimeData, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication, QImage
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.plain_tip import plain_tip

#: More files than these are only counted.
_MOST_ROWS = 20
_PICTURES = (".png",)


class SharedFiles(QWidget):
    """The files of one sharing."""

    #: The user is done.
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folder = Path()
        self._paths: list[Path] = []
        self.title = theme.label(size=theme.LARGE, medium=True)
        self.where = theme.label(size=12, color=theme.MUTED)
        self.where.setWordWrap(True)
        self.where.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.rows: list[QPushButton] = []
        self._list = QVBoxLayout()
        self._list.setSpacing(2)
        body = QWidget()
        inner = QVBoxLayout(body)
        inner.setContentsMargins(0, 0, 2 * theme.GRID, 0)
        inner.addLayout(self._list)
        inner.addStretch(1)
        area = QScrollArea()
        area.setWidget(body)
        area.setWidgetResizable(True)
        self.open_folder = QPushButton("Open the folder")
        self.copy = QPushButton("Copy the files")
        self.copy.setToolTip("To paste into a mail or a folder")
        self.copy_picture = QPushButton("Copy the picture")
        self.copy_picture.setToolTip("The first picture, to paste into a document")
        self.close_button = QPushButton("Close")
        self.close_button.setProperty("primary", True)
        buttons, last = QHBoxLayout(), QHBoxLayout()
        for button in (self.open_folder, self.copy, self.copy_picture):
            buttons.addWidget(button)
        buttons.addStretch(1)
        last.addStretch(1)
        last.addWidget(self.close_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * theme.GRID)
        layout.addWidget(self.title)
        layout.addWidget(self.where)
        layout.addWidget(area, 1)
        layout.addLayout(buttons)
        layout.addLayout(last)
        self.open_folder.clicked.connect(lambda: _open(self._folder))
        self.copy.clicked.connect(self._on_copy)
        self.copy_picture.clicked.connect(self._on_copy_picture)
        self.close_button.clicked.connect(self.closed)

    def show_files(self, folder: Path, paths: Sequence[Path]) -> None:
        """Show what was written into a folder."""
        self._folder, self._paths = folder, list(paths)
        count = len(paths)
        self.title.setText("1 file was written" if count == 1 else f"{count} files were written")
        shown = dict.fromkeys(_in_folder(folder, path) for path in paths)
        self.where.setText(f"In {folder}")
        for row in self.rows:
            row.deleteLater()
        self.rows = []
        for path in list(shown)[:_MOST_ROWS]:
            inside = sum(each.is_relative_to(path) for each in paths) if path not in paths else 0
            name = f"{path.name}  ({inside} files)" if inside else path.name
            row = QPushButton(name.replace("&", "&&"))
            row.setProperty("row", True)
            row.setProperty("quiet", True)
            row.setToolTip(plain_tip(f"Open {name}"))
            row.clicked.connect(lambda _=False, path=path: _open(path))
            self._list.addWidget(row)
            self.rows.append(row)
        self.copy_picture.setVisible(self._first_picture is not None)
        self.close_button.setFocus()

    @property
    def _first_picture(self) -> Path | None:
        return next((path for path in self._paths if path.suffix in _PICTURES), None)

    def _on_copy(self) -> None:
        content = QMimeData()
        content.setUrls([QUrl.fromLocalFile(str(path)) for path in self._paths])
        content.setText("\n".join(str(path) for path in self._paths))
        QGuiApplication.clipboard().setMimeData(content)

    def _on_copy_picture(self) -> None:
        if self._first_picture is not None:
            QGuiApplication.clipboard().setImage(QImage(str(self._first_picture)))


def _in_folder(folder: Path, path: Path) -> Path:
    """The file, or the folder directly in ``folder`` that holds it."""
    return folder / path.relative_to(folder).parts[0] if path.is_relative_to(folder) else path


def _open(path: Path) -> None:
    """Open a file or a folder with the program that the system has for it."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))
