"""``page_html``: the page about a result as one HTML file that needs nothing else."""

from __future__ import annotations

import base64

from markupsafe import Markup

from fusion3d_gui import __version__
from fusion3d_gui.report.html_template import environment
from fusion3d_gui.report.page.result_page import ResultPage
from fusion3d_gui.report.picture.svg import color_bar_drawing, plane_drawing

#: Size of a picture in tenths of a millimetre; the page scales it.
_WIDTH, _HEIGHT = 620.0, 560.0


def page_html(page: ResultPage) -> str:
    """The page with its pictures, and the JSON that it belongs to, enclosed."""
    scale = min(
        (_WIDTH - 76) / max(each.width_mm for each in page.pictures),
        (_HEIGHT - 80) / max(each.height_mm for each in page.pictures),
    )

    def drawn(heat: bool) -> list[Markup]:
        return [
            Markup(plane_drawing(each, heat=heat, width=_WIDTH, height=_HEIGHT, scale=scale).svg)
            for each in page.pictures
        ]

    return (
        environment("fusion3d_gui.report.page")
        .get_template("result.html.j2")
        .render(
            page=page.content,
            heat=drawn(True),
            plain=drawn(False),
            bar=Markup(color_bar_drawing(page.result, 3 * _WIDTH).svg),
            json_base64=Markup(base64.b64encode(page.json_text.encode()).decode("ascii")),
            version=__version__,
        )
    )
