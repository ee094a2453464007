"""Commands about the table of cases, in the File menu."""

from __future__ import annotations

from fusion3d_gui.state.cases.case_table import CaseTable
from fusion3d_gui.widgets.cases.cases_page import CasesPage
from fusion3d_gui.widgets.window.commands.command import Command
from fusion3d_gui.widgets.window.dialogs.file_dialogs import FileDialogs
from fusion3d_gui.widgets.window.layout.pages import Pages


def cases_commands(
    table: CaseTable, pages: Pages, page: CasesPage, files: FileDialogs
) -> list[Command]:
    """Commands about the table of cases."""
    menu = "&File/Table of cases"

    def show() -> None:
        pages.toggle_cases()
        if pages.shows_cases:
            page.begin()

    def open_table() -> None:
        path = files.case_table()
        if path is not None:
            table.open((path,))
            pages.show_cases()

    def open_folder() -> None:
        path = files.case_folder()
        if path is not None:
            table.open((path,))
            pages.show_cases()

    def add_results() -> None:
        path = files.case_table()
        if path is not None:
            table.add_results((path,))

    page.open_requested.connect(open_table)
    page.folder_requested.connect(open_folder)
    page.add_requested.connect(add_results)
    return [
        Command(
            "cases",
            menu,
            "Show the table of cases",
            show,
            "Ctrl+L",
            checked=lambda: pages.shows_cases,
            tip="Cases with what models said of them: sort, filter, open what was wrong",
            synonyms=("cohort", "worklist", "results", "errors", "batch", "CSV", "BIDS"),
        ),
        Command("cases_open", menu, "Open a table or results…", open_table),
        Command("cases_folder", menu, "Open a BIDS folder or results…", open_folder),
        Command(
            "cases_add",
            menu,
            "Add results of another model…",
            add_results,
            enabled=lambda: table.cases is not None and table.origin is None,
        ),
        Command(
            "cases_errors",
            menu,
            "Errors first",
            table.errors_first,
            enabled=lambda: table.cases is not None and "error" in table.cases.columns,
        ),
        Command(
            "cases_next",
            menu,
            "Next case of the table",
            lambda: table.step(1),
            "Ctrl+Shift+J",
            lambda: table.can_step,
            tip="Open the case below the one opened last, in the table's order",
        ),
    ]
