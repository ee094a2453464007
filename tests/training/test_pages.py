"""The report pages: what a file or a bundle says is text in them, never markup."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from jinja2 import UndefinedError

from fusion3d_gui.errors import UserError
from fusion3d_gui.training.report.ablation_page import ablation_page
from fusion3d_gui.training.report.page import render_page, write_page

HOSTILE = '<script>alert("&amp;")</script>'
_CELLS = ("td", "th", "h1", "h2", "p")


class _Cells(HTMLParser):
    """Tags, and the words of every heading and table cell."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.cells: list[str] = []
        self.numbers: list[bool] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag in _CELLS:
            self._inside = True
            self.cells.append("")
            self.numbers.append(("class", "number") in attrs)
        if tag == "br":
            self.cells[-1] += "\n"

    def handle_endtag(self, tag):
        self._inside = self._inside and tag not in _CELLS

    def handle_data(self, data):
        if self._inside:
            self.cells[-1] += data


def ablation_result(name: str) -> dict:
    figure = {"value": 0.9, "low": 0.8, "high": 0.95}
    row = {
        "name": name,
        "title": name,
        "kind": "model",
        "fusion": "concat",
        "weights_sha256": "ab" * 32,
        "figures": {"auroc": figure, "auprc": {"value": -0.5, "low": None, "high": None}},
        "share_of_bayes": figure,
    }
    table = {"name": name, "sha256": "cd" * 32, "cohort": None}
    return {
        "test": table,
        "training": table,
        "n": 10,
        "positives": 4,
        "intervals": "95 %",
        "rows": [row],
        "comparisons": [
            {"a": name, "b": "b", "p_text": "p = 0.03", "difference": {**figure, "low": -0.1}}
        ],
        "verdict": {"best_fusion": name, "intervals_apart_from": {"image_only": False}},
    }


def test_names_from_files_are_shown_as_text():
    text, plots = ablation_page(ablation_result(HOSTILE))
    found = _Cells(text)
    assert "script" not in found.tags
    assert found.cells.count(HOSTILE) >= 3
    assert f"The best fusion is {HOSTILE}." in found.cells
    assert list(plots) == ["auroc"]


def test_a_cell_shows_the_value_over_its_interval_and_numbers_stand_right():
    found = _Cells(ablation_page(ablation_result("m"))[0])
    row = found.cells.index("m", found.cells.index("Of Bayes"))
    assert found.cells[row : row + 8] == [
        "m",
        "0.900\n0.800 to 0.950",
        "−0.500",
        *("–",) * 4,
        "90.0 %\n80.0 to 95.0",
    ]
    assert found.numbers[row : row + 8] == [False, *[True] * 7]
    row = found.cells.index("m", found.cells.index("A − B (95 % interval)"))
    assert found.cells[row : row + 4] == ["m", "b", "0.900 (−0.100 to 0.950)", "0.03"]
    assert found.numbers[row : row + 4] == [False, False, True, True]


def test_a_page_that_lacks_what_its_template_asks_for_is_an_error():
    with pytest.raises(UndefinedError):
        render_page("evaluation", title="T", subtitle="S")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="page can't be written"):
        write_page(tmp_path / "absent" / "page.html", "x")
