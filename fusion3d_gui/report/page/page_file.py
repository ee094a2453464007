"""``write_page``: a result's page as a PDF or HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fusion3d_gui.errors import UserError
from fusion3d_gui.output_file import whole_file
from fusion3d_gui.report.case_result import CaseResult
from fusion3d_gui.report.page.html import page_html
from fusion3d_gui.report.page.result_page import result_page

if TYPE_CHECKING:
    from fusion3d_gui.report.page.sheet import Paper

SUFFIXES = (".pdf", ".html")


def write_page(result: CaseResult, path: Path, paper: Paper = "A4") -> None:
    """Write the page by the file's suffix; the JSON that it names is enclosed. A PDF needs a QGuiApplication.

    Raises
    ------
    UserError
        The suffix is another one, or the file can't be written.
    """
    check_page_name(path)
    page = result_page(result)
    if path.suffix.lower() == ".pdf":
        from fusion3d_gui.report.page.sheet import Sheet  # only a PDF needs Qt

        sheet = Sheet(page.content, result, page.pictures, paper)
        content = sheet.pdf(("result.json", page.json_text.encode()))
    else:
        content = page_html(page).encode()
    try:
        with whole_file(path) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise UserError(
            f"the page can't be written ({error.strerror})",
            path=path,
            remedy="Choose a folder that exists and that you may write to.",
        ) from None


def check_page_name(path: Path) -> None:
    """Raise UserError for a name that ends in none of :data:`SUFFIXES`."""
    if path.suffix.lower() not in SUFFIXES:
        raise UserError("a page is written as .pdf or .html", path=path, remedy="Choose one.")
