"""Parts of a report page: one HTML file that needs nothing else, to be read and printed."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from fusion3d_gui import RESEARCH_USE_ONLY, __version__
from fusion3d_gui.errors import UserError

_CSS = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 14px/1.5 Inter, "Segoe UI", Helvetica, Arial, sans-serif; color: #1b1f24;
  background: #fff; margin: 0 auto; max-width: 960px; padding: 32px 24px 48px;
  font-variant-numeric: tabular-nums; }
header { border-bottom: 2px solid #0072B2; margin-bottom: 20px; padding-bottom: 12px; }
h1 { font-size: 24px; line-height: 1.25; margin: 0 0 4px; }
h2 { font-size: 17px; margin: 32px 0 8px; break-after: avoid; }
p { margin: 6px 0 10px; max-width: 78ch; }
.muted, figcaption, .note { color: #57606a; }
.note, figcaption { font-size: 12.5px; }
.research { display: inline-block; border: 1px solid #D55E00; color: #a34700; font-weight: 600;
  padding: 1px 8px; border-radius: 4px; margin-top: 6px; }
table { border-collapse: collapse; width: 100%; margin: 8px 0 12px; break-inside: auto; }
th, td { text-align: left; padding: 4px 10px 4px 0; border-bottom: 1px solid #e3e7ea;
  vertical-align: top; }
th { font-weight: 600; border-bottom: 1.5px solid #8a949e; }
tr { break-inside: avoid; }
td.number, th.number { text-align: right; white-space: nowrap; }
table.facts th { width: 220px; border-bottom: 1px solid #e3e7ea; font-weight: 500; color: #57606a; }
table.facts td { overflow-wrap: anywhere; }
table.wide { font-size: 12px; }
table.wide td { white-space: nowrap; padding-right: 8px; }
table.wide td .note { font-size: 11px; }
.plots { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 16px; }
figure { margin: 0 0 8px; break-inside: avoid; }
figure svg { width: 100%; height: auto; display: block; }
code { font: 12.5px/1.4 ui-monospace, Menlo, Consolas, monospace; }
footer { margin-top: 36px; border-top: 1px solid #e3e7ea; padding-top: 8px; font-size: 12.5px;
  color: #57606a; }
@media (max-width: 640px) { .plots { grid-template-columns: 1fr; } }
@media print { body { padding: 0; max-width: none; font-size: 11.5px; } @page { margin: 16mm; } }
"""

_NOTE, _NUMBER = ' class="note"', ' class="number"'


def page(title: str, subtitle: str, sections: Sequence[str]) -> str:
    """A whole page of sections (already HTML) under a heading."""
    body = "\n".join(sections)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{_CSS}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
<div class="muted">{escape(subtitle)}</div>
<div class="research">{escape(RESEARCH_USE_ONLY)}</div>
</header>
{body}
<footer>Written by Fusion3D {escape(__version__)}. {escape(RESEARCH_USE_ONLY)}.</footer>
</body>
</html>
"""


def section(title: str, *parts: str) -> str:
    """A heading and its parts (already HTML)."""
    return f"<section>\n<h2>{escape(title)}</h2>\n" + "\n".join(parts) + "\n</section>"


def paragraph(text: str, *, note: bool = False) -> str:
    """A paragraph of plain text; a note is smaller."""
    return f"<p{_NOTE if note else ''}>{escape(text)}</p>"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, words: int = 1) -> str:
    """A table of plain text; the first ``words`` columns hold words, the others numbers.

    One of more than six columns is set smaller; what follows a line break in a cell is smaller still.
    """

    def cells(row: Sequence[str], tag: str) -> str:
        return "".join(
            f"<{tag}{'' if n < words else _NUMBER}>{_lines(cell)}</{tag}>"
            for n, cell in enumerate(row)
        )

    lines = "\n".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    wide = ' class="wide"' if len(head) > 6 else ""
    return f"<table{wide}>\n<thead><tr>{cells(head, 'th')}</tr></thead>\n<tbody>\n{lines}\n</tbody>\n</table>"


def _lines(cell: str) -> str:
    first, *rest = cell.split("\n")
    return escape(first) + "".join(f'<br><span class="note">{escape(line)}</span>' for line in rest)


def facts(rows: Sequence[tuple[str, str]]) -> str:
    """Names and what they are, plain text."""
    lines = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(text)}</td></tr>'
        for name, text in rows
    )
    return f'<table class="facts">\n<tbody>\n{lines}\n</tbody>\n</table>'


def plots(drawings: Sequence[tuple[str, str]], *, wide: bool = False) -> str:
    """SVG elements with their captions, two abreast unless ``wide``."""
    figures = "\n".join(
        f"<figure>\n{drawing}\n<figcaption>{escape(caption)}</figcaption>\n</figure>"
        for drawing, caption in drawings
    )
    return figures if wide else f'<div class="plots">\n{figures}\n</div>'


def write_page(path: Path, text: str) -> None:
    """Write a page. Raises UserError when the file can't be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"the page can't be written ({error.strerror})", path=path) from None
