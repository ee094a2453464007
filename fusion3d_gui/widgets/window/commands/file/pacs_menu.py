"""Commands about the PACS, in the File menu."""

from __future__ import annotations

from fusion3d_gui.state.pacs.pacs_parts import PacsParts
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.pacs.pacs_page import PacsPage
from fusion3d_gui.widgets.pacs.send_dialog import SendDialog
from fusion3d_gui.widgets.window.commands.command import Command
from fusion3d_gui.widgets.window.commands.file.prior_study_commands import prior_study_commands
from fusion3d_gui.widgets.window.layout.pages import Pages


def pacs_commands(
    store: Store, parts: PacsParts | None, pages: Pages, page: PacsPage | None
) -> list[Command]:
    """Commands about the PACS; none where the window has none."""
    if parts is None or page is None:
        return []

    def show() -> None:
        pages.toggle_pacs()
        if pages.shows_pacs:
            page.begin()

    def show_as_table() -> None:
        parts.cases.show()
        pages.show_cases()

    page.table_requested.connect(show_as_table)

    def ask_to_send() -> None:
        SendDialog(store, parts, page.window()).open()

    return [
        Command(
            "pacs",
            "&File/PACS",
            "Find in a PACS…",
            show,
            "Ctrl+Shift+D",
            checked=lambda: pages.shows_pacs,
            tip="Find studies in a PACS, open them while they arrive, see what was sent",
            synonyms=("query", "retrieve", "worklist", "DICOMweb", "send"),
        ),
        Command(
            "next_study",
            "&File/PACS",
            "Next study of the list",
            parts.worklist.open_next,
            "Ctrl+Shift+N",
            lambda: parts.worklist.next_study is not None,
            synonyms=("worklist", "case"),
        ),
        Command(
            "studies_as_cases",
            "&File/PACS",
            "Studies as a table of cases",
            show_as_table,
            enabled=lambda: parts.cases.can_show,
            tip="The studies found, with what is predicted of each once it is opened: sort, filter, go through",
            synonyms=("worklist", "cohort", "list"),
        ),
        Command(
            "send_result",
            "&File/PACS",
            "Send the result…",
            ask_to_send,
            "Ctrl+Shift+U",
            lambda: parts.sender.can_send and bool(parts.nodes.nodes),
            tip="Report, heatmap, regions and marks as DICOM objects, into the study of the scan",
            synonyms=("share", "export", "store", "upload", "DICOM"),
        ),
        Command(
            "nodes",
            "&File/PACS",
            "Nodes…",
            page.show_node_dialog,
            tip="Add, change, test and remove nodes",
            synonyms=("settings", "server", "AE title"),
        ),
        *prior_study_commands(
            store,
            parts,
            ("other_study", "&File/PACS/Other studies of this patient", "Other study"),
            parts.worklist.open_study,
        ),
    ]
