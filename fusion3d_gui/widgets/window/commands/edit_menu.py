"""The Edit menu: undo and redo, and what can be done with marks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fusion3d_gui.state.display.crosshair import Crosshair
from fusion3d_gui.state.marks.annotations import Annotations
from fusion3d_gui.state.undo import Undo
from fusion3d_gui.widgets.slice.slice_view import SliceView
from fusion3d_gui.widgets.window.commands.command import Command


def edit_commands(
    undo: Undo,
    annotations: Annotations,
    crosshair: Crosshair,
    views: Sequence[SliceView],
    write_on: Callable[[SliceView, int], object],
) -> list[Command]:
    """Commands of the Edit menu; ``write_on`` edits the text of a mark (its number) in a view."""

    def has_selected() -> bool:
        return annotations.selected is not None

    def delete_selected() -> None:
        selected = annotations.selected
        if selected is not None:
            annotations.remove(selected.number)

    def write_on_selected() -> None:
        """Write on the selected mark, in a view that shows it."""
        selected = annotations.selected
        if selected is None:
            return
        crosshair.move_to(selected.middle_lps)
        shown = [view for view in views if view.isVisible()]
        if shown:
            focused = [view for view in shown if view.hasFocus()]
            write_on((focused or shown)[0], selected.number)

    return [
        Command("undo", "&Edit", "Undo", undo.undo, "Ctrl+Z", lambda: undo.can_undo),
        Command(
            "redo",
            "&Edit",
            "Redo",
            undo.redo,
            "Ctrl+Y",
            lambda: undo.can_redo,
            also="Ctrl+Shift+Z",
        ),
        Command(
            "write_mark",
            "&Edit",
            "Write on the mark…",
            write_on_selected,
            "F2",
            has_selected,
            begins_group=True,
        ),
        Command(
            "delete_mark",
            "&Edit",
            "Delete mark",
            delete_selected,
            "Del",
            has_selected,
            also="Backspace",
        ),
        Command(
            "clear_marks",
            "&Edit",
            "Delete all marks",
            annotations.remove_all,
            enabled=lambda: bool(annotations.items),
        ),
    ]
