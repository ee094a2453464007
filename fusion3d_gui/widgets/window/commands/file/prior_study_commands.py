"""A command for each other study of the patient that a PACS has."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fusion3d_gui.pacs.query import Study
from fusion3d_gui.state.pacs.pacs_parts import PacsParts
from fusion3d_gui.state.pacs.prior_studies import MOST
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.window.commands.command import Command


def prior_study_commands(
    store: Store, parts: PacsParts, names: tuple[str, str, str], act: Callable[[Study], None]
) -> list[Command]:
    """Commands that do something with one of the other studies of the patient on screen.

    Parameters
    ----------
    store, parts
        The case on screen, and what is known of the PACS that it came from.
    names
        Start of the commands' names, their menu, and start of their titles while no study is known.
    act
        What is done with the study.
    """
    command, menu, start = names

    def study(number: int) -> Study | None:
        # A date and a description tell about a patient, too.
        known = [] if store.identity.hidden else parts.prior.studies
        return known[number] if number < len(known) else None

    def title(number: int) -> str:
        shown = study(number)
        if shown is None:
            return f"{start} {number + 1}"
        kinds = ", ".join(shown.modalities)
        return ", ".join(filter(None, (shown.shown_date, kinds, shown.description))) or "Undated"

    def run(number: int) -> None:
        chosen = study(number)
        if chosen is not None:
            act(chosen)

    def exists(number: int) -> bool:
        return study(number) is not None

    return [
        Command(
            f"{command}_{number}",
            menu,
            f"{start} {number + 1}",
            partial(run, number),
            enabled=partial(exists, number),
            visible=partial(exists, number),
            title_now=partial(title, number),
            listed=False,
        )
        for number in range(MOST)
    ]
