"""How long a stranger's text may be, and how many marks a letter may carry, exactly."""

from __future__ import annotations

import pytest

from fusion3d_gui.plain_text import (
    LONGEST_NAME,
    html_text,
    markdown_text,
    terminal_text,
    visible_text,
    visible_values,
)


@pytest.mark.parametrize(
    ("shown", "longest"),
    [
        (visible_text, 300),
        (markdown_text, 300),
        (html_text, 2000),
        (terminal_text, 20_000),
        (lambda text: visible_text(text, 7), 7),
    ],
)
def test_a_text_of_the_greatest_length_stays_and_a_longer_one_ends_in_an_ellipsis(shown, longest):
    assert shown("x" * longest) == "x" * longest
    assert shown("x" * (longest + 1)) == "x" * (longest - 1) + "…"


def test_what_is_written_out_counts_as_it_is_shown():
    for shown in (visible_text("\x1b" * 300), terminal_text("\x1b" * 20_000)):
        assert shown.endswith("…")
        assert len(shown) in (300, 20_000)


def test_white_space_that_becomes_one_space_does_not_shorten_the_rest():
    assert visible_text("a" + " " * 900 + "b", 300) == "a b"
    assert visible_text(" \t\n a \n") == "↵ a ↵"


@pytest.mark.parametrize(("marks", "kept"), [(7, 7), (8, 8), (9, 8), (500, 8)])
def test_a_letter_carries_at_most_8_marks(marks, kept):
    assert visible_text("a" + "\u0301" * marks + "e\u0301") == "a" + "\u0301" * kept + "e\u0301"
    assert visible_text("\u0301" * marks) == "\u0301" * kept  # on no letter at all


def test_hidden_characters_are_written_as_python_writes_them():
    assert visible_text("\x1b|\x7f|\x85|\x9b") == "\\x1b|\\x7f| ↵ |\\x9b"
    assert visible_text("\u0100|\u061c|\U000e0041") == "Ā|\\u061c|\\U000e0041"
    assert visible_text("\xad|\u00ff") == "\\xad|ÿ"
    assert visible_text("a\u200cb\u200dc") == "a\u200cb\u200dc"
    assert visible_text("\ud800") == "\\ud800"


def test_values_of_json_are_cut_by_their_key_and_all_below_it():
    long = "x" * 2500
    plain = {"name": long, "note": {"inner": [long, 3, None, True]}, long: 1.5}
    shown = visible_values(plain, {"note": 2000})
    name = "x" * (LONGEST_NAME - 1) + "…"
    text = "x" * 1999 + "…"
    assert shown == {"name": name, "note": {"inner": [text, 3, None, True]}, name: 1.5}
    assert visible_values(long, {}, 10) == "xxxxxxxxx…"
