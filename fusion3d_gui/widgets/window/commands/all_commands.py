"""All commands of the main window, in the order of its menus."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtWidgets import QWidget

from fusion3d_gui.inference.demo_cases import DemoCase
from fusion3d_gui.state.prediction.presentation import Presentation
from fusion3d_gui.state.session import Session
from fusion3d_gui.state.settings import Settings
from fusion3d_gui.widgets.cases.cases_page import CasesPage
from fusion3d_gui.widgets.marks.mark_layer import MarkLayer
from fusion3d_gui.widgets.pacs.pacs_page import PacsPage
from fusion3d_gui.widgets.slice.slice_view import SliceView
from fusion3d_gui.widgets.views.second_views import SecondViews
from fusion3d_gui.widgets.views.views_panel import ViewsPanel
from fusion3d_gui.widgets.window.commands.command import Command
from fusion3d_gui.widgets.window.commands.edit_menu import edit_commands
from fusion3d_gui.widgets.window.commands.file.audit_menu import audit_commands
from fusion3d_gui.widgets.window.commands.file.beside_menu import beside_commands
from fusion3d_gui.widgets.window.commands.file.cases_menu import cases_commands
from fusion3d_gui.widgets.window.commands.file.file_menu import file_commands
from fusion3d_gui.widgets.window.commands.file.movie_menu import movie_commands
from fusion3d_gui.widgets.window.commands.file.pacs_menu import pacs_commands
from fusion3d_gui.widgets.window.commands.help_menu import help_commands
from fusion3d_gui.widgets.window.commands.masks.mask_menu import mask_commands
from fusion3d_gui.widgets.window.commands.masks.standard_space_menu import standard_space_commands
from fusion3d_gui.widgets.window.commands.masks.territory_menu import territory_commands
from fusion3d_gui.widgets.window.commands.model_menu import Escape, model_commands
from fusion3d_gui.widgets.window.commands.tools_menu import tool_commands
from fusion3d_gui.widgets.window.commands.view.heatmap_menu import heatmap_commands
from fusion3d_gui.widgets.window.commands.view.view_menu import view_commands
from fusion3d_gui.widgets.window.commands.view.window_level_menu import window_level_commands
from fusion3d_gui.widgets.window.dialogs.file_dialogs import FileDialogs
from fusion3d_gui.widgets.window.layout.pages import Pages
from fusion3d_gui.widgets.window.layout.view_grabber import ViewGrabber
from fusion3d_gui.widgets.window.series.series_panel import SeriesPanel


class CommandParts(Protocol):
    """What the commands act on: parts of the main window, and what it does itself."""

    session: Session
    settings: Settings
    demos: tuple[DemoCase, ...]
    presentation: Presentation
    files: FileDialogs
    views: ViewsPanel
    second_views: SecondViews
    pages: Pages
    pacs: PacsPage | None
    cases: CasesPage
    series: SeriesPanel
    mark_layer: MarkLayer
    grabber: ViewGrabber

    def share(self) -> None:
        """Open the dialog that shares the result."""

    def show_model_page(self) -> None:
        """Show the page about the model."""

    def show_palette(self) -> None:
        """Show all commands, to search them."""

    def show_keys(self) -> None:
        """Show all keys."""

    def write_on(self, view: SliceView, number: int) -> None:
        """Edit the text of a mark in a view."""


def all_commands(parts: CommandParts, window: QWidget) -> list[Command]:
    """The commands of every menu, in order.

    Parameters
    ----------
    parts
        What they act on.
    window
        Parent of their dialogs.
    """
    session, store, display = parts.session, parts.session.store, parts.session.display
    escape = Escape(
        (
            *(store.loading, store.inference, store.saving),
            *(session.second.lane, session.alignment.lane),
        ),
        session.annotations,
        session.tool,
        parts.presentation,
        parts.mark_layer.cancel,
    )
    return [
        *file_commands(
            store,
            parts.settings,
            session.annotations,
            session.keeper,
            session.set_aside,
            session.files,
            session.opener,
            session.open,
            parts.demos,
            session.open_demo,
            parts.files,
            parts.pages,
            window,
        ),
        *cases_commands(session.cases.table, parts.pages, parts.cases, parts.files),
        *beside_commands(
            store,
            session.second,
            session.alignment,
            session.comparison,
            session.prior,
            parts.second_views,
            parts.files,
            session.pacs,
        ),
        *pacs_commands(store, session.pacs, parts.pages, parts.pacs),
        *movie_commands(session.movies, parts.files, window),
        *audit_commands(session.audit, parts.settings, parts.files, window),
        Command("quit", "&File", "Quit", window.close, "Ctrl+Q", begins_group=True),
        *edit_commands(
            session.undo,
            session.annotations,
            display.crosshair,
            parts.views.views,
            parts.write_on,
        ),
        *view_commands(
            store,
            display,
            parts.settings,
            parts.presentation,
            parts.views,
            lambda: parts.series.has_choice,
        ),
        *territory_commands(session.territories, parts.settings, parts.files),
        *window_level_commands(store, display.window_level, session.switcher),
        *heatmap_commands(
            session.predictions,
            display.overlay,
            session.hot_spots,
            session.explanation_choice,
            session.explainer,
        ),
        *tool_commands(store, session.tool, session.annotations, display.crosshair),
        *mask_commands(
            store,
            session.masks,
            session.mask_drawing,
            session.scan_objects,
            display.crosshair,
            parts.files,
            window,
        ),
        *standard_space_commands(store, session.masks, parts.files, session.open, window),
        *model_commands(
            store,
            session.models,
            session.predictions,
            session.model_comparison,
            parts.pages,
            parts.grabber,
            session.sharing,
            parts.files,
            escape.cancel,
            escape.can_cancel,
            parts.share,
            parts.show_model_page,
        ),
        *help_commands(parts.show_palette, parts.show_keys, window),
    ]
