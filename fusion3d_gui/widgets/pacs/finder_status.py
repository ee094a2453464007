"""``finder_status``: what the page of the PACS says about its last search."""

from __future__ import annotations

from fusion3d_gui.state.pacs.pacs_parts import PacsParts
from fusion3d_gui.widgets.look import theme


def finder_status(parts: PacsParts) -> tuple[str, str]:
    """What the last search found, or what is wrong, and the colour of it."""
    finder = parts.finder
    if finder.problem:
        return finder.problem, theme.ERROR
    if finder.busy:
        return "Finding studies…", theme.MUTED
    if not parts.nodes.nodes:
        return "Add a node to find studies in.", theme.MUTED
    if not finder.asked:
        return "Fields that are left empty match all. * and ? are wildcards.", theme.MUTED
    count = len(finder.studies)
    if not count:
        return "Nothing matches.", theme.MUTED
    told = "1 study" if count == 1 else f"{count} studies"
    more = "; there are more: narrow the search" if finder.has_more else ""
    return f"{told}{more}.", theme.MUTED
