"""``MainWindow``: puts the parts together, and turns menus and drops into intents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QMainWindow,
    QMessageBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from fusion3d_gui import RESEARCH_USE_ONLY, __version__
from fusion3d_gui.state.case.demo_cases import DemoCase
from fusion3d_gui.state.case.tag_reading import dicom_files
from fusion3d_gui.state.display.display import middle_voxel_lps
from fusion3d_gui.state.export.result_export import prediction_text
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.prediction.presentation import Presentation
from fusion3d_gui.state.session import Session
from fusion3d_gui.state.settings import RECENT, Panel, Settings
from fusion3d_gui.widgets.controls.drop_target import DropTarget
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.restyling import Restyling
from fusion3d_gui.widgets.marks.mark_layer import MarkLayer
from fusion3d_gui.widgets.marks.mark_table import MarkTable
from fusion3d_gui.widgets.marks.text_editor import MarkTextEditor
from fusion3d_gui.widgets.side.side_panel import SidePanel
from fusion3d_gui.widgets.slice.slice_view import SliceView
from fusion3d_gui.widgets.views.map_views import MapViews
from fusion3d_gui.widgets.views.views_panel import ViewsPanel
from fusion3d_gui.widgets.window import window_memory
from fusion3d_gui.widgets.window.command_palette import CommandPalette
from fusion3d_gui.widgets.window.commands.command import Menus
from fusion3d_gui.widgets.window.commands.window_commands import PRESET_KEYS, STRIP, window_commands
from fusion3d_gui.widgets.window.file_dialogs import FileDialogs
from fusion3d_gui.widgets.window.header import Header
from fusion3d_gui.widgets.window.keys_overlay import KeysOverlay
from fusion3d_gui.widgets.window.loading_card import LoadingCard
from fusion3d_gui.widgets.window.notice_strip import NoticeStrip
from fusion3d_gui.widgets.window.presentation_bar import PresentationBar
from fusion3d_gui.widgets.window.series_panel import SeriesPanel
from fusion3d_gui.widgets.window.start_page import StartPage
from fusion3d_gui.widgets.window.status_line import StatusLine
from fusion3d_gui.widgets.window.tag_browser import TagBrowser
from fusion3d_gui.widgets.window.tool_strip import ToolStrip

#: Text is at least so much larger than usual while presenting.
_STAGE = 1.5


class MainWindow(QMainWindow):
    """Images on the left, the model on the right. Closing it ends all work."""

    def __init__(
        self,
        session: Session,
        demos: Sequence[DemoCase] = (),
        settings: Settings | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.session = session
        self.demos = tuple(demos)
        self.settings = Settings(parent=self) if settings is None else settings
        self.setWindowTitle("Fusion3D")
        self.presentation = Presentation(session.store, session.hot_spots, self)
        self.files = FileDialogs(session, self)
        self.header = Header(session)
        self.notices = NoticeStrip()
        self.views = ViewsPanel(session)
        self.map_views = MapViews(session)
        self.start = StartPage(self.demos)
        self.side = SidePanel(session)
        self.status = StatusLine(session)
        self.presentation_bar = PresentationBar(session, self.presentation)
        self.marks = MarkTable(session.annotations, session.display.crosshair)
        self.series = SeriesPanel(session)
        self.mark_layer = MarkLayer(
            session.store, session.annotations, session.tool, session.hot_spots, self
        )
        for view in self.views.views:
            self.mark_layer.attach_to(view)
        self.restyling = Restyling(self, lambda: (self.side, *self.views.shown))
        self.pages = QStackedWidget()
        self._center = QWidget()
        self.menus = Menus(self, window_commands(self))
        self.strip = ToolStrip(self.menus.actions, STRIP)
        self._build()
        self.loading_card = LoadingCard(session, self.pages)
        self._drops = DropTarget(self, self.pages)
        self._connect()
        self._on_settings_changed()
        self.resize(1280, 800)
        self.setMinimumSize(960, 600)
        window_memory.restore(self, self.settings, session.display, self.views)

    def _build(self) -> None:
        self.pages.addWidget(self.start)
        self.pages.addWidget(self.views)
        self.pages.addWidget(self.map_views)
        images = QHBoxLayout()
        images.setSpacing(0)
        images.addWidget(self.strip)
        images.addWidget(self.series)
        images.addWidget(self.pages, 1)
        left = QVBoxLayout()
        left.setSpacing(0)
        left.addWidget(self.notices)
        left.addLayout(images, 1)
        left.addWidget(self.marks)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addLayout(left, 1)
        middle.addWidget(self.side)
        layout = QVBoxLayout(self._center)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.header)
        layout.addLayout(middle, 1)
        layout.addWidget(self.presentation_bar)
        layout.addWidget(self.status)
        self.setCentralWidget(self._center)

    def _connect(self) -> None:
        session = self.session
        session.store.noticed.connect(self.notices.add)
        session.side_by_side.changed.connect(self._on_beside_changed)
        session.store.case_changed.connect(self._on_case_changed)
        for signal in (
            session.store.bundle_changed,
            session.store.prediction_changed,
            session.store.loading.changed,
            session.store.inference.changed,
            session.store.saving.changed,
            session.annotations.changed,
            session.annotations.selection_changed,
            session.tool.changed,
            session.display.overlay.changed,
            session.store.identity.changed,
        ):
            signal.connect(self.menus.refresh)
        session.store.bundle_changed.connect(self._on_bundle_changed)
        self.settings.changed.connect(self._on_settings_changed)
        self.restyling.styled.connect(self.status.fit)
        self.presentation.changed.connect(self._on_presentation_changed)
        self._drops.dropped.connect(session.opener.open)
        self._drops.hovered.connect(self.start.set_aimed)
        session.hot_spots.changed.connect(self.menus.refresh)
        self.views.hovered.connect(self.status.show_hovered)
        self.start.open_file_requested.connect(self.files.open_file)
        self.start.open_folder_requested.connect(self.files.open_folder)
        self.start.demo_requested.connect(session.open_demo)
        self.start.recent_requested.connect(session.opener.open)
        self.start.forget_requested.connect(self.settings.forget_cases)
        session.store.identity.changed.connect(self._show_recent)
        self.side.model_picker.browse_requested.connect(self.files.add_model)
        self.marks.export_requested.connect(self.files.export_measurements)
        self.marks.close_requested.connect(lambda: self.toggle_panel("marks"))
        self.mark_layer.text_requested.connect(self._on_text_requested)

    # -- what the user asks for: cases --------------------------------------------------------

    def copy_result(self) -> None:
        """Put the answer on screen into the clipboard, in words."""
        QApplication.clipboard().setText(prediction_text(self.session.predictions))

    def open_recent(self, number: int) -> None:
        """Open one of the recent cases, 0 the newest."""
        recent = self.settings.values.recent_cases
        if number < len(recent):
            self.session.opener.open(recent[number])

    # -- what the user asks for: the window ---------------------------------------------------

    def toggle_panel(self, name: Panel) -> None:
        """Show or hide ``"marks"``, ``"series"`` or ``"side"``."""
        self.settings.toggle_panel(name)

    def toggle_theme(self) -> None:
        """Light instead of dark, or dark again."""
        values = self.settings.values
        self.settings.change(replace(values, theme="dark" if values.theme == "light" else "light"))

    def step_text(self, steps: int) -> None:
        """Larger (1) or smaller (-1) text by one step, or the usual size (0)."""
        scales, values = theme.SCALES, self.settings.values
        now = min(range(len(scales)), key=lambda n: abs(scales[n] - values.text_scale))
        index = min(max(now + steps, 0), len(scales) - 1) if steps else scales.index(1.0)
        self.settings.change(replace(values, text_scale=scales[index]))

    def toggle_start(self) -> None:
        """The start screen while a scan is open, or back to the scan."""
        shown = self.pages.currentWidget() is self.start
        self.pages.setCurrentWidget(self.views if shown and self.session.store.case else self.start)

    def show_tags(self) -> None:
        """The DICOM header of the open series: the browser that is open already, else a new one."""
        paths = dicom_files(self.session.store)
        if not paths:
            return
        opened = [each for each in self.findChildren(TagBrowser) if each.isVisible()]
        browser = opened[0] if opened else TagBrowser(self.session, paths, self)
        browser.show()
        browser.raise_()
        browser.activateWindow()

    def center(self) -> None:
        """Put the crosshair into the middle of the scan."""
        case = self.session.store.case
        if case is not None:
            self.session.display.crosshair.move_to(middle_voxel_lps(case))

    def can_cancel(self) -> bool:
        """Whether Escape has anything to end."""
        session = self.session
        lanes = (session.store.loading, session.store.inference, session.store.saving)
        return (
            any(lane.running for lane in lanes)
            or session.annotations.draft is not None
            or session.annotations.selected is not None
            or session.tool.name != "crosshair"
            or self.presentation.on
        )

    def cancel(self) -> None:
        """End what is nearest: a mark being drawn, work under way, a tool, a selection."""
        session = self.session
        if self.mark_layer.cancel():
            return
        if session.store.loading.running:
            session.store.loading.cancel()
        elif session.store.inference.running:
            session.store.inference.cancel()
        elif session.store.saving.running:
            session.store.saving.cancel()
        elif session.tool.name != "crosshair":
            session.tool.choose("crosshair")
        elif self.presentation.on:
            self.presentation.toggle()
        else:
            session.annotations.select(None)

    def delete_selected(self) -> None:
        """Take the selected mark away."""
        selected = self.session.annotations.selected
        if selected is not None:
            self.session.annotations.remove(selected.number)

    def write_on_selected(self) -> None:
        """Write on the selected mark, where it can be seen."""
        selected = self.session.annotations.selected
        if selected is None:
            return
        self.session.display.crosshair.move_to(selected.middle_lps)
        shown = [view for view in self.views.views if view.isVisible()]
        if shown:
            focused = [view for view in shown if view.hasFocus()]
            self._on_text_requested((focused or shown)[0], selected.number)

    def show_palette(self) -> None:
        """Find a command by its name."""
        CommandPalette(self.menus, self).appear()

    def show_keys(self) -> None:
        """The list of keys, over everything."""
        KeysOverlay(self.menus.keys, self._center)

    def show_about(self) -> None:
        """What the program is, and is not."""
        box = QMessageBox(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setWindowTitle("About Fusion3D")
        box.setText(
            f"<b>Fusion3D {__version__}</b><p>A model's prediction on a 3D scan, image and metadata "
            f"fused, with its explanation.</p><p>{RESEARCH_USE_ONLY}: not a medical device.</p>",
        )
        box.open()

    def show_notice(self, notice: Notice) -> None:
        """Say something in the strip."""
        self.notices.add(notice)

    # -- what happens -------------------------------------------------------------------------

    def _on_case_changed(self) -> None:
        case = self.session.store.case
        self.notices.clear()
        self.pages.setCurrentWidget(self.start if case is None else self.views)
        shipped = [demo.path for demo in self.demos]
        if case is not None and not case.identity_hidden and case.path not in shipped:
            self.settings.remember_case(case.path)
        self._name_presets()
        self._show_panels()
        self.menus.refresh()
        if case is not None and self.focusWidget() is None:
            self.views.axial.setFocus()

    def _on_beside_changed(self) -> None:
        if self.session.side_by_side.cells:
            self.pages.setCurrentWidget(self.map_views)
        elif self.pages.currentWidget() is self.map_views:
            self.pages.setCurrentWidget(
                self.start if self.session.store.case is None else self.views
            )

    def _on_bundle_changed(self) -> None:
        if self.session.store.bundle is not None:
            folder = self.session.store.bundle.folder.absolute()
            self.settings.change(replace(self.settings.values, model=folder))

    def _on_settings_changed(self) -> None:
        values = self.settings.values
        scale = values.text_scale
        self.restyling.change(values.theme, max(scale, _STAGE) if self.presentation.on else scale)
        self._show_recent()
        self._name_presets()
        self._show_panels()
        self.menus.refresh()

    def _on_presentation_changed(self) -> None:
        on = self.presentation.on
        if on != self.isFullScreen():
            self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)
        self.header.set_plain(on)
        self._on_settings_changed()

    def _show_recent(self) -> None:
        # Paths often tell who the patient is.
        paths = () if self.session.store.identity.hidden else self.settings.values.recent_cases
        self.start.show_recent(paths)
        for number in range(RECENT):
            action = self.menus.actions[f"recent_{number}"]
            action.setVisible(number < len(paths))
            if number < len(paths):
                action.setText(_short_path(paths[number]))

    def _name_presets(self) -> None:
        case = self.session.store.case
        names = [preset.name for preset in case.presets] if case else []
        for number in range(1, PRESET_KEYS + 1):
            action = self.menus.actions[f"preset_{number}"]
            action.setText(names[number - 1] if number <= len(names) else f"Preset {number}")
            action.setVisible(number <= max(1, len(names)))

    def _show_panels(self) -> None:
        alone = self.presentation.on
        has_case = self.session.store.case is not None and not alone
        shown = self.settings.panel_shown
        self.menuBar().setVisible(not alone)
        self.status.setVisible(not alone)
        self.strip.setVisible(has_case)
        self.marks.setVisible(has_case and shown("marks"))
        self.side.setVisible(shown("side") and not alone)
        self.series.show_if(shown("series") and not alone)

    def _on_text_requested(self, view: SliceView, number: int) -> None:
        marks = self.session.annotations
        mark = marks.find(number)
        if mark is not None:
            at = view.px_at(mark.points_lps[-1])
            MarkTextEditor(view, at, mark, marks, self.session.store)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Leave the screen at once; whoever made the session waits for its threads."""
        window_memory.keep(
            self,
            self.settings,
            self.session.display,
            self.views,
            presenting=self.presentation.on,
        )
        self.session.store.loading.cancel()
        self.session.store.inference.cancel()
        event.accept()


def _short_path(path: Path) -> str:
    """The last two parts of a path: enough to tell cases apart."""
    return str(Path(*path.parts[-2:])) if len(path.parts) > 2 else str(path)
