"""Commands about the PACS, in the File menu."""

from __future__ import annotations

from functools import partial

from fusion3d_gui.pacs.query import Study
from fusion3d_gui.state.pacs.pacs_parts import PacsParts
from fusion3d_gui.state.pacs.prior_studies import MOST
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.pacs.pacs_page import PacsPage
from fusion3d_gui.widgets.pacs.send_dialog import SendDialog
from fusion3d_gui.widgets.window.commands.command import Command
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
        *_other_studies(store, parts),
    ]


def _other_studies(store: Store, parts: PacsParts) -> list[Command]:
    """A command for each other study of the patient on screen."""

    def study(number: int) -> Study | None:
        # A date and a description tell about a patient, too.
        known = [] if store.identity.hidden else parts.prior.studies
        return known[number] if number < len(known) else None

    def title(number: int) -> str:
        shown = study(number)
        if shown is None:
            return f"Other study {number + 1}"
        kinds = ", ".join(shown.modalities)
        return ", ".join(filter(None, (shown.shown_date, kinds, shown.description))) or "Undated"

    def open_study(number: int) -> None:
        chosen = study(number)
        if chosen is not None:
            parts.worklist.open_study(chosen)

    def exists(number: int) -> bool:
        return study(number) is not None

    return [
        Command(
            f"other_study_{number}",
            "&File/PACS/Other studies of this patient",
            f"Other study {number + 1}",
            partial(open_study, number),
            enabled=partial(exists, number),
            visible=partial(exists, number),
            title_now=partial(title, number),
            listed=False,
        )
        for number in range(MOST)
    ]
