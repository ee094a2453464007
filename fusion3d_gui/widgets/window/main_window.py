"""``MainWindow``: composes the panels and the commands, and follows the settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QCloseEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QLineEdit,
    QMainWindow,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from fusion3d_gui.inference.demo_cases import DemoCase
from fusion3d_gui.state.data.case import CaseKey
from fusion3d_gui.state.export.audit_trail import AuditOptions
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.pacs.pacs_parts import PacsOptions
from fusion3d_gui.state.prediction.my_prevalence import MyPrevalence
from fusion3d_gui.state.prediction.presentation import Presentation
from fusion3d_gui.state.session import Session
from fusion3d_gui.state.settings import Settings
from fusion3d_gui.widgets.cases.cases_page import CasesPage
from fusion3d_gui.widgets.controls.drop_target import DropTarget
from fusion3d_gui.widgets.controls.wheel_guard import guard_wheel
from fusion3d_gui.widgets.look.restyling import Restyling
from fusion3d_gui.widgets.marks.mark_layer import MarkLayer
from fusion3d_gui.widgets.marks.mark_table import MarkTable
from fusion3d_gui.widgets.marks.text_editor import MarkTextEditor
from fusion3d_gui.widgets.masks.brush_layer import BrushLayer
from fusion3d_gui.widgets.masks.mask_layer import MaskLayer
from fusion3d_gui.widgets.model_page import model_page
from fusion3d_gui.widgets.pacs.pacs_page import PacsPage
from fusion3d_gui.widgets.side.side_panel import SidePanel
from fusion3d_gui.widgets.slice.slice_view import SliceView
from fusion3d_gui.widgets.views.map_views import MapViews
from fusion3d_gui.widgets.views.paired_views import PairedViews
from fusion3d_gui.widgets.views.views_panel import ViewsPanel
from fusion3d_gui.widgets.views.watermark import Watermark
from fusion3d_gui.widgets.window.bars.notice_strip import NoticeStrip
from fusion3d_gui.widgets.window.bars.presentation_bar import PresentationBar
from fusion3d_gui.widgets.window.bars.status_line import StatusLine
from fusion3d_gui.widgets.window.bars.tool_strip import ToolStrip
from fusion3d_gui.widgets.window.bars.window_header import Header
from fusion3d_gui.widgets.window.commands.all_commands import all_commands
from fusion3d_gui.widgets.window.commands.command import Menus
from fusion3d_gui.widgets.window.commands.masks.mask_menu import OF_A_MASK
from fusion3d_gui.widgets.window.context_menus import ContextMenus
from fusion3d_gui.widgets.window.dialogs.file_dialogs import FileDialogs
from fusion3d_gui.widgets.window.layout import window_memory
from fusion3d_gui.widgets.window.layout.borders import panel_borders
from fusion3d_gui.widgets.window.layout.pages import Pages
from fusion3d_gui.widgets.window.layout.view_grabber import ViewGrabber
from fusion3d_gui.widgets.window.overlays.command_palette import CommandPalette
from fusion3d_gui.widgets.window.overlays.keys_overlay import KeysOverlay
from fusion3d_gui.widgets.window.overlays.loading_card import LoadingCard
from fusion3d_gui.widgets.window.overlays.start_page import StartPage
from fusion3d_gui.widgets.window.second_intake import SecondIntake
from fusion3d_gui.widgets.window.series.series_panel import SeriesPanel
from fusion3d_gui.widgets.window.share.share_dialog import share_result

#: Lowest text scale while presenting.
_PRESENTATION_SCALE = 1.5


class MainWindow(QMainWindow):
    """Images on the left, the model on the right. Closing it cancels opening and inference."""

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
        self.my_prevalence = MyPrevalence(self.settings, self)
        self.presentation = Presentation(session.store, session.hot_spots, self)
        self.files = FileDialogs(
            session.store,
            session.open,
            session.models,
            session.annotations,
            session.predictions,
            session.audit,
            session.result_collector,
            session.files,
            self.settings,
            self,
        )
        self.header = Header(
            session.store, session.opener, session.display.window_level, session.predictions
        )
        self.views = ViewsPanel(session.store, session.display, session.predictions)
        self.images = PairedViews(self.views, session)
        self.second_views = self.images.second
        self.map_views = MapViews(session.store, session.display, session.side_by_side)
        self.start = StartPage(self.demos)
        self.side = SidePanel(session, self.my_prevalence)
        self.status = StatusLine(
            session.store, session.predictions, session.display.crosshair, session.territories
        )
        self.presentation_bar = PresentationBar(
            session.store,
            session.predictions,
            session.hot_spots,
            self.presentation,
            session.model_comparison,
            session.side_by_side,
        )
        self.marks = MarkTable(session.annotations, session.display.crosshair)
        self.series = SeriesPanel(session.store, session.opener)
        self.mask_layer = MaskLayer(
            session.store, session.scan_objects, session.masks, session.display.overlay, self
        )
        self.mask_layer.attach_to_3d(self.views.volume)
        self.brush_layer = BrushLayer(
            session.store, session.tool, session.mask_drawing, session.masks, self
        )
        self.mark_layer = MarkLayer(
            session.store, session.annotations, session.tool, session.hot_spots, self
        )
        for view in self.views.views:
            self.mask_layer.attach_to(view)
            self.brush_layer.attach_to(view)
            self.mark_layer.attach_to(view)
        self.pacs = (
            None
            if session.pacs is None
            else PacsPage(session.store, session.pacs, session.second, self.settings)
        )
        self.cases = CasesPage(session.store, session.cases)
        self.restyling = Restyling(self, lambda: (self.side, *self.views.shown))
        self.pages = Pages(
            session.store,
            session.side_by_side,
            start=self.start,
            views=self.images,
            maps=self.map_views,
            cases=self.cases,
            pacs=self.pacs,
        )
        self.grabber = ViewGrabber(self.pages, self.views, session.annotations)
        self._key_before: CaseKey | None = None
        self._center = QWidget()
        self.menus = Menus(self, all_commands(self, self))
        self.strip = ToolStrip(self.menus)
        self.side.masks.set_actions([self.menus.actions[name] for name in OF_A_MASK])
        self._build()
        self.watermark = Watermark(session.store, session.predictions, self.pages)
        self.notices = NoticeStrip(self.pages)
        for follow in (self.watermark.lift, self.notices.lift, self._show_panels):
            self.pages.currentChanged.connect(follow)
        self.loading_card = LoadingCard(session.store, session.second.lane, self.pages)
        self._drops = DropTarget(self, self.pages)
        self._context_menus = ContextMenus(
            session.store,
            session.opener,
            session.display.window_level,
            session.display.crosshair,
            self.mark_layer,
            self.series,
            session.second,
            self.menus.actions,
            self,
        )
        self._connect()
        self._on_settings_changed()
        guard_wheel(self)
        self.resize(1280, 800)
        self.setMinimumSize(960, 600)
        window_memory.restore(self, self.settings, session.display, self.views, self.borders)

    def _build(self) -> None:
        # Else the widest page, also a hidden one, would take the side panel's room at large text.
        self.pages.setMinimumSize(320, 240)
        self.borders = panel_borders(self.strip, self.pages, self.series, self.marks, self.side)
        layout = QVBoxLayout(self._center)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.header)
        layout.addWidget(self.borders.side, 1)
        layout.addWidget(self.presentation_bar)
        layout.addWidget(self.status)
        self.setCentralWidget(self._center)

    def _connect(self) -> None:
        session = self.session
        session.store.noticed.connect(self.notices.add)
        session.store.case_changed.connect(self._on_case_changed)
        for signal in (
            session.store.bundle_changed,
            session.store.prediction_changed,
            session.store.loading.switched,
            session.store.inference.switched,
            session.store.saving.switched,
            session.second.lane.switched,
            session.undo.changed,
            session.annotations.changed,
            session.annotations.selection_changed,
            session.masks.changed,
            session.masks.selection_changed,
            session.mask_drawing.changed,
            session.scan_objects.changed,
            session.cases.table.changed,
            session.cases.table.selection_changed,
            session.tool.changed,
            session.display.overlay.changed,
            session.display.window_level.presets_changed,
            session.display.volume_look.changed,
            session.store.identity.changed,
            session.store.case_completed,
            session.explanation_choice.changed,
            session.models.changed,
            session.side_by_side.changed,
            session.keeper.restored,
            session.set_aside.changed,
            session.files.changed,
            session.alignment.changed,
            session.comparison.changed,
            session.prior.changed,
        ):
            signal.connect(self.menus.refresh)
        session.territories.remembered = self.settings.values.atlas
        session.territories.changed.connect(self.menus.refresh)
        session.territories.loaded.connect(
            lambda path: self.settings.change(replace(self.settings.values, atlas=path))
        )
        session.store.bundle_changed.connect(self._on_bundle_changed)
        self.settings.changed.connect(self._on_settings_changed)
        # Once its controls are laid out anew: before, they name the sizes that they had.
        self.restyling.styled.connect(lambda: QTimer.singleShot(0, self.header, self.header.fit))
        self.restyling.styled.connect(self.status.fit)
        for border in self.borders:
            self.restyling.styled.connect(border.fit)
        self.restyling.styled.connect(self.series.list_series)
        self.series.chosen.connect(self._focus_images)
        self.presentation.changed.connect(self._on_presentation_changed)
        self._drops.dropped.connect(session.open)
        self._drops.series_dropped.connect(session.opener.open_series)
        SecondIntake(session, self._drops, self.second_views, self.series, self.notices, self)
        for page in (self.views, self.map_views):
            page.menu_opened.connect(self._context_menus.add_to)
        self._drops.hovered.connect(self.start.set_aimed)
        session.hot_spots.changed.connect(self.menus.refresh)
        self.views.hovered.connect(self.status.show_hovered)
        self.views.layout_changed.connect(self.menus.refresh)
        self.start.open_file_requested.connect(self.files.open_file)
        self.start.open_folder_requested.connect(self.files.open_folder)
        self.start.demo_requested.connect(session.open_demo)
        self.start.recent_requested.connect(session.open)
        self.cases.closed.connect(self.pages.show_case)
        if self.pacs is not None and session.pacs is not None:
            self.pacs.closed.connect(self.pages.show_case)
            session.pacs.worklist.changed.connect(self.menus.refresh)
            session.pacs.finder.changed.connect(self.menus.refresh)
            session.pacs.prior.changed.connect(self.menus.refresh)
        self.start.forget_requested.connect(self.settings.forget_cases)
        session.store.identity.changed.connect(self._on_identity_changed)
        self.side.model_picker.browse_requested.connect(self.files.add_model)
        self.side.model_picker.page_requested.connect(self.show_model_page)
        self.side.prediction.share.clicked.connect(self.share)
        self.marks.export_requested.connect(self.files.export_measurements)
        self.marks.close_requested.connect(lambda: self.settings.toggle_panel("marks"))
        self.mark_layer.text_requested.connect(self.write_on)

    def show_notice(self, notice: Notice) -> None:
        """Show a notice over the lower edge of the images."""
        self.notices.add(notice)

    def share(self) -> None:
        """Open the dialog that shares the result."""
        share_result(self.session, self.settings, self.grabber, self)

    def show_model_page(self) -> None:
        """Show the page about the model."""
        bundle = self.session.store.bundle
        if bundle is not None:
            model_page.show_model_page(bundle, self.my_prevalence, self.session.store, self)

    def show_palette(self) -> None:
        """Show all commands, to search them."""
        CommandPalette(self.menus, self).appear()

    def show_keys(self) -> None:
        """Show all keys."""
        KeysOverlay(self.menus.keys, self._center)

    def _on_identity_changed(self) -> None:
        if self.session.store.case is None:
            self.notices.clear()  # they may quote file names; those of a case come anew without them
        self._show_recent()

    def _on_case_changed(self) -> None:
        case = self.session.store.case
        self.notices.clear()
        passing = case is not None and (
            case.paths in [(demo.path,) for demo in self.demos]
            or (self.session.pacs is not None and self.session.pacs.holds(case.paths))
        )
        if case is not None and not case.identity_hidden and not passing:
            session_file = self.session.files.path
            self.settings.remember_case(case.paths if session_file is None else (session_file,))
        self._show_panels()
        self.menus.refresh()
        if case is not None and case.key != self._key_before:
            self._focus_images()
        self._key_before = None if case is None else case.key

    def _focus_images(self) -> None:
        """Give the keys to the images, unless the user is typing."""
        focused = self.focusWidget()
        typing = (
            isinstance(focused, QLineEdit | QAbstractSpinBox | QPlainTextEdit)
            and focused.isVisible()
        )
        if not typing:
            self.views.main.setFocus()

    def _on_bundle_changed(self) -> None:
        if self.session.store.bundle is not None:
            folder = self.session.store.bundle.folder.absolute()
            self.settings.change(replace(self.settings.values, model=folder))

    def _on_settings_changed(self) -> None:
        values = self.settings.values
        self.session.audit.set_options(
            AuditOptions(values.audits, values.audits_names, values.reader)
        )
        if self.session.pacs is not None:
            options = PacsOptions(values.forwards_to, values.keeps_fetched)
            self.session.pacs.set_options(options)
        scale = values.text_scale
        self.restyling.change(
            values.theme, max(scale, _PRESENTATION_SCALE) if self.presentation.on else scale
        )
        self._show_recent()
        self._show_panels()
        self.menus.refresh()

    def _on_presentation_changed(self) -> None:
        on = self.presentation.on
        if on != self.isFullScreen():
            self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)
        self._on_settings_changed()

    def _show_recent(self) -> None:
        # A path often names the patient.
        hidden = self.session.store.identity.hidden
        self.start.show_recent(() if hidden else self.settings.values.recent_cases)

    def _show_panels(self) -> None:
        alone = self.presentation.on
        has_case = self.pages.has_images and not alone
        shown = self.settings.panel_shown
        self.menuBar().setVisible(not alone)
        self.status.setVisible(not alone)
        self.status.set_with_images(self.pages.has_images)
        self.header.set_plain(not has_case)
        self.strip.setVisible(has_case)
        self.marks.setVisible(has_case and shown("marks"))
        self.side.setVisible(has_case and shown("side"))
        self.series.show_if(has_case and shown("series"))

    def write_on(self, view: SliceView, number: int) -> None:
        """Edit the text of a mark in a view."""
        marks = self.session.annotations
        mark = marks.find(number)
        if mark is not None:
            at = view.px_at(mark.points_lps[-1])
            MarkTextEditor(view, at, mark, marks, self.session.store)

    def showEvent(self, event: QShowEvent) -> None:
        """Prepare the side panel, which is hidden on the start page, for when a scan arrives."""
        super().showEvent(event)
        if self.pages.shows_start:
            QTimer.singleShot(0, self.side, self.side.grab)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Close at once; the owner of the session waits for its threads."""
        window_memory.keep(
            self,
            self.settings,
            self.session.display,
            self.views,
            self.borders,
            presenting=self.presentation.on,
        )
        self.session.store.loading.cancel()
        self.session.store.inference.cancel()
        event.accept()
