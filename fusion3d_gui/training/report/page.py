"""Report pages, rendered from the Jinja2 templates in ``templates/``: one HTML file each, which needs nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from fusion3d_gui import RESEARCH_USE_ONLY, __version__
from fusion3d_gui.errors import UserError
from fusion3d_gui.output_file import write_whole_text
from fusion3d_gui.report.html_template import environment
from fusion3d_gui.training.report.plots import svg


def render_page(template: str, *, title: str, subtitle: str, **content: Any) -> str:
    """Render ``templates/TEMPLATE.html.j2`` as a whole page under a heading.

    Plain text in ``content`` is escaped; markup must be given as :class:`markupsafe.Markup`. A name that
    the template asks for and ``content`` lacks raises :class:`jinja2.UndefinedError`.
    """
    return (
        environment("fusion3d_gui.training.report")
        .get_template(f"{template}.html.j2")
        .render(
            title=title,
            subtitle=subtitle,
            research_use_only=RESEARCH_USE_ONLY,
            version=__version__,
            **content,
        )
    )


def drawing(figure: Figure, name: str) -> Markup:
    """A figure as an SVG element for a page; ``name`` keeps its identifiers apart from other figures'."""
    return Markup(svg(figure, name))


def write_page(path: Path, text: str) -> None:
    """Write a page. Raises UserError when the file can't be written."""
    try:
        write_whole_text(path, text)
    except OSError as error:
        raise UserError(f"the page can't be written ({error.strerror})", path=path) from None
