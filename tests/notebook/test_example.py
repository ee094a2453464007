"""docs/notebook.ipynb, run by nbclient. Run as a program, this writes the notebook with its outputs."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "notebook.ipynb"
_WIDGET = "application/vnd.jupyter.widget-view+json"
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def stored() -> NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def executed() -> NotebookNode:
    """The notebook run by this Python, in the folder where it lies."""
    client = NotebookClient(
        stored(),
        timeout=300,
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": NOTEBOOK.parent}},
    )
    return client.execute()


def texts(notebook: NotebookNode) -> list[str]:
    """What each code cell prints and shows as plain text, in order."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if output.get("name") != "stderr":
                found.append(output.get("text") or output.data.get("text/plain", ""))
    return found


def test_the_notebook_runs_and_says_what_is_stored():
    now = executed()
    views = [
        output
        for cell in now.cells
        for output in cell.get("outputs", ())
        if _WIDGET in output.get("data", {})
    ]
    assert len(views) == 2
    for said, expected in zip(texts(now), texts(stored()), strict=True):
        assert _NUMBER.sub("#", said) == _NUMBER.sub("#", expected)
        numbers, pinned = ([float(n) for n in _NUMBER.findall(each)] for each in (said, expected))
        assert numbers == pytest.approx(pinned, abs=2e-3)


def test_the_stored_notebook_holds_results_and_nothing_of_the_machine_it_ran_on():
    notebook = stored()
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert all(cell.outputs for cell in code[1:])
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert len(text) < 500_000
    assert "widget-view" not in text and "widgets" not in notebook.metadata
    without_pictures = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", text)
    assert not re.search(r"/(home|root|tmp|work|Users|usr)/|[A-Z]:\\\\", without_pictures)
    assert "Research use only" in text


def write() -> None:
    """Run the notebook and store it without the state of widgets, which is megabytes."""
    notebook = executed()
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info = {"name": "python"}
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop(_WIDGET, None)
    nbformat.write(notebook, NOTEBOOK)


if __name__ == "__main__":
    write()
