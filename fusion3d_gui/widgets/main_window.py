"""``MainWindow``: puts the parts together, and turns menus, drops and dialogs into intents."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QMainWindow,
    QMessageBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from fusion3d_gui import RESEARCH_USE_ONLY, __version__
from fusion3d_gui.state.demo_cases import DemoCase
from fusion3d_gui.state.display import middle_voxel_lps
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets import theme
from fusion3d_gui.widgets.actions import Command, Menus
from fusion3d_gui.widgets.header import Header
from fusion3d_gui.widgets.keys_dialog import KeysDialog
from fusion3d_gui.widgets.loading_card import LoadingCard
from fusion3d_gui.widgets.notice_strip import NoticeStrip
from fusion3d_gui.widgets.side_panel import SidePanel
from fusion3d_gui.widgets.start_page import StartPage
from fusion3d_gui.widgets.status_line import StatusLine
from fusion3d_gui.widgets.views_panel import ViewsPanel

_PRESET_KEYS = 9


class MainWindow(QMainWindow):
    """Images on the left, the model on the right. Closing it ends all work."""

    def __init__(
        self, session: Session, demos: Sequence[DemoCase] = (), parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._demos = tuple(demos)
        self.setWindowTitle("Fusion3D")
        self.setAcceptDrops(True)
        self.header = Header(session)
        self.notices = NoticeStrip()
        self.views = ViewsPanel(session)
        self.start = StartPage(self._demos)
        self.side = SidePanel(session)
        self.status = StatusLine(session)
        self._pages = QStackedWidget()
        self._build()
        self.loading_card = LoadingCard(session, self._pages)
        self._drop_frame = _DropFrame(self._pages)
        self.menus = Menus(self, self._commands())
        self._connect()
        self.resize(1280, 800)
        self.setMinimumSize(960, 600)

    def _build(self) -> None:
        self._pages.addWidget(self.start)
        self._pages.addWidget(self.views)
        left = QVBoxLayout()
        left.setSpacing(0)
        left.addWidget(self.notices)
        left.addWidget(self._pages, 1)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addLayout(left, 1)
        middle.addWidget(self.side)
        center = QWidget()
        layout = QVBoxLayout(center)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.header)
        layout.addLayout(middle, 1)
        layout.addWidget(self.status)
        self.setCentralWidget(center)

    def _connect(self) -> None:
        session = self._session
        session.noticed.connect(self.notices.add)
        session.case_changed.connect(self._on_case_changed)
        for signal in (
            session.bundle_changed,
            session.result_changed,
            session.loading.changed,
            session.inference.changed,
        ):
            signal.connect(self.menus.refresh)
        self.views.hovered.connect(self.status.show_hovered)
        self.start.open_file_requested.connect(self.ask_for_file)
        self.start.open_folder_requested.connect(self.ask_for_folder)
        self.start.demo_requested.connect(session.open_demo)
        self.side.model_picker.browse_requested.connect(self.ask_for_model)

    def _commands(self) -> list[Command]:
        session, display = self._session, self._session.display

        def has_case() -> bool:
            return session.case is not None

        def has_heatmap() -> bool:
            return session.current_prediction is not None

        def has_preset(number: int) -> bool:
            return len(display.window_level.presets) >= number

        presets = [
            Command(
                f"preset_{number}",
                "&Window",
                f"Preset {number}",
                partial(display.window_level.apply_preset, number - 1),
                str(number),
                partial(has_preset, number),
                listed=False,
            )
            for number in range(1, _PRESET_KEYS + 1)
        ]
        demos = [
            Command(
                f"demo_{demo.name}",
                "&File",
                f"Demo: {demo.title}",
                partial(session.open_demo, demo),
                begins_group=demo is self._demos[0],
            )
            for demo in self._demos
        ]
        views = {view.orientation.name: view for view in self.views.views}
        alone = [
            Command(
                f"alone_{name.lower()}",
                "&View",
                f"{name} alone",
                partial(self.views.toggle_maximised, view),
                f"F{number}",
                has_case,
                begins_group=number == 2,
            )
            for number, (name, view) in enumerate(views.items(), start=2)
        ]
        return [
            Command("open_folder", "&File", "Open folder…", self.ask_for_folder, "Ctrl+O"),
            Command("open_file", "&File", "Open file…", self.ask_for_file, "Ctrl+Shift+O"),
            *demos,
            Command("quit", "&File", "Quit", self.close, "Ctrl+Q", begins_group=True),
            Command("fit", "&View", "Fit to window", self.views.fit, "F", has_case),
            Command("center", "&View", "Crosshair to centre", self._center, "C", has_case),
            *alone,
            *presets,
            Command(
                "predict",
                "&Model",
                "Predict",
                session.predict,
                "Ctrl+Return",
                lambda: session.can_predict,
            ),
            Command(
                "cancel",
                "&Model",
                "Cancel",
                self._cancel,
                "Esc",
                lambda: session.loading.running or session.inference.running,
            ),
            Command("model", "&Model", "Use another model…", self.ask_for_model, begins_group=True),
            Command(
                "heatmap",
                "&Heatmap",
                "Show or hide heatmap",
                display.overlay.toggle,
                "H",
                has_heatmap,
            ),
            Command("peak", "&Heatmap", "Go to heatmap peak", session.go_to_peak, "P", has_heatmap),
            Command("keys", "&Help", "Mouse and keys", self._show_keys, "F1"),
            Command("about", "&Help", "About Fusion3D", self._show_about),
        ]

    # -- what the user asks for ---------------------------------------------------------------

    def ask_for_file(self) -> None:
        """Choose a file to open."""
        name, _ = QFileDialog.getOpenFileName(self, "Open a DICOM or NIfTI file")
        if name:
            self._session.open(Path(name))

    def ask_for_folder(self) -> None:
        """Choose a folder of DICOM files to open."""
        name = QFileDialog.getExistingDirectory(self, "Open a folder of DICOM files")
        if name:
            self._session.open(Path(name))

    def ask_for_model(self) -> None:
        """Choose a model bundle's folder."""
        name = QFileDialog.getExistingDirectory(self, "Choose the folder of a model bundle")
        if name:
            self._session.add_bundle(Path(name))

    def _center(self) -> None:
        case = self._session.case
        if case is not None:
            self._session.display.crosshair.move_to(middle_voxel_lps(case))

    def _cancel(self) -> None:
        if self._session.loading.running:
            self._session.cancel_loading()
        else:
            self._session.cancel_inference()

    def _show_keys(self) -> None:
        KeysDialog(self.menus.keys, self).open()

    def _show_about(self) -> None:
        QMessageBox.about(
            self,
            "About Fusion3D",
            f"<b>Fusion3D {__version__}</b><p>A model's prediction on a 3D scan, image and metadata "
            f"fused, with its explanation.</p><p>{RESEARCH_USE_ONLY}: not a medical device.</p>",
        )

    # -- what happens -------------------------------------------------------------------------

    def _on_case_changed(self) -> None:
        case = self._session.case
        self.notices.clear()
        self._pages.setCurrentWidget(self.start if case is None else self.views)
        for number in range(1, _PRESET_KEYS + 1):
            names = [preset.name for preset in case.presets] if case else []
            action = self.menus.actions[f"preset_{number}"]
            action.setText(names[number - 1] if number <= len(names) else f"Preset {number}")
            action.setVisible(number <= max(1, len(names)))
        self.menus.refresh()
        if case is not None and self.focusWidget() is None:
            self.views.axial.setFocus()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Leave the screen at once; whoever made the session waits for its threads."""
        self._session.cancel_loading()
        self._session.cancel_inference()
        event.accept()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files and folders are welcome."""
        if _dropped_path(event.mimeData()) is not None:
            event.acceptProposedAction()
            self._drop_frame.appear()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Not here, then."""
        self._drop_frame.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what was dropped; of several files the folder that holds them."""
        self._drop_frame.hide()
        path = _dropped_path(event.mimeData())
        if path is not None:
            event.acceptProposedAction()
            self._session.open(path)

    def show_notice(self, notice: Notice) -> None:
        """Say something in the strip."""
        self.notices.add(notice)


class _DropFrame(QWidget):
    """A border around the images while something hovers over the window that could be dropped."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._place_in = parent
        self.setObjectName("drop")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def appear(self) -> None:
        self.setGeometry(self._place_in.rect().adjusted(6, 6, -6, -6))
        self.show()
        self.raise_()


def _dropped_path(mime: QMimeData) -> Path | None:
    paths = [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
    if len(paths) > 1:
        return paths[0].parent
    return paths[0] if paths else None
