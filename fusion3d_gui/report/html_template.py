"""``environment``: Jinja2 templates of HTML pages in which all text is escaped and made visible."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from fusion3d_gui.plain_text import terminal_text


@cache
def environment(package: str) -> Environment:
    """The templates in the folder ``templates`` of a package.

    Plain text is escaped; markup must be given as :class:`markupsafe.Markup`. A name that a template asks for
    and is not given raises :class:`jinja2.UndefinedError`.
    """
    return Environment(
        loader=PackageLoader(package),
        autoescape=True,
        finalize=_visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _visible(value: Any) -> Any:
    """What a template inserts: markup as it is, texts visible line by line; all that is no markup is then escaped."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return "\n".join(terminal_text(line) for line in value.split("\n"))
