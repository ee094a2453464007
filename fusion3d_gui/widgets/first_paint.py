"""First paints of views that are new, or show something new, one in each turn of the event loop."""

from __future__ import annotations

from shiboken6 import isValid

from fusion3d_gui.widgets.slice_view import SliceView


def paint_first_in_turn(view: SliceView) -> None:
    """Leave on screen what is there until it is this view's turn: all of them take one long time together."""

    def let_paint() -> None:
        if isValid(view):
            view.setUpdatesEnabled(True)

    view.setUpdatesEnabled(False)
    # Not under the view itself, which asks for turns of its own.
    view.display.paint_turns.ask(view.picture, let_paint)
