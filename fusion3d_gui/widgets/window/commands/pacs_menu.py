"""Commands about the PACS, in the File menu."""

from __future__ import annotations

from fusion3d_gui.state.pacs.pacs_parts import PacsParts
from fusion3d_gui.widgets.pacs.pacs_page import PacsPage
from fusion3d_gui.widgets.window.commands.command import Command
from fusion3d_gui.widgets.window.pages import Pages


def pacs_commands(parts: PacsParts | None, pages: Pages, page: PacsPage | None) -> list[Command]:
    """Commands about the PACS; none where the window has none."""
    if parts is None or page is None:
        return []

    def show() -> None:
        pages.toggle_pacs()
        if pages.shows_pacs:
            page.begin()

    return [
        Command(
            "pacs",
            "&File/PACS",
            "Find in a PACS…",
            show,
            "Ctrl+Shift+P",
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
            "nodes",
            "&File/PACS",
            "Nodes…",
            page.show_node_dialog,
            tip="Add, change, test and remove nodes",
            synonyms=("settings", "server", "AE title"),
        ),
    ]
