"""Marks: undo, redo, and to which case they belong."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from fusion3d_gui.imaging.display.window import Preset, Window
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.state.data.case import Case
from fusion3d_gui.state.marks.annotations import Annotations

RIGHT, DOWN = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)


def make(name: str, value: int = 7) -> Case:
    volume = Volume(np.full((6, 7, 8), value, np.int16), np.eye(4), description=name)
    return Case((Path(name),), volume, (Preset("All", Window(0, 10)),))


@pytest.fixture
def marks(qapp):
    made = Annotations()
    made.show_case(make("a"))
    return made


def draw(marks, kind="distance", start=(0.0, 0.0, 0.0), end=(3.0, 4.0, 0.0)):
    marks.set_draft(kind, (start, end), RIGHT, DOWN)
    return marks.keep_draft()


def test_a_drawn_mark_is_kept_measured_and_selected(marks):
    mark = draw(marks)
    assert marks.items == (mark,)
    assert marks.selected == mark
    assert marks.measurement(mark)["length_mm"] == pytest.approx(5)


def test_a_draft_is_shown_but_neither_listed_nor_undone(marks):
    marks.set_draft("distance", ((0, 0, 0), (1, 0, 0)), RIGHT, DOWN)
    assert len(marks.shown) == 1
    assert not marks.items
    assert not marks.can_undo
    marks.cancel()
    assert not marks.shown


def test_a_drag_is_one_step_however_often_it_moved(marks):
    mark = draw(marks)
    for shift in (1.0, 2.0, 3.0):
        marks.preview(mark.moved(np.array([shift, 0, 0])))
    marks.settle()
    assert marks.items[0].points[0] == (3.0, 0.0, 0.0)
    marks.undo()
    assert marks.items == (mark,)
    marks.redo()
    assert marks.items[0].points[0] == (3.0, 0.0, 0.0)


def test_a_drag_given_up_leaves_everything_as_it_was(marks):
    mark = draw(marks)
    marks.preview(mark.moved(np.array([9, 0, 0])))
    marks.cancel()
    marks.settle()
    assert marks.items == (mark,)


def test_a_mark_taken_away_comes_back_by_undo_with_its_number(marks):
    first, second = draw(marks), draw(marks, "rectangle")
    marks.remove(first.number)
    assert marks.items == (second,)
    marks.undo()
    assert marks.items == (first, second)
    marks.remove_all()
    assert not marks.items
    marks.undo()
    assert draw(marks).number == 3


def test_a_new_step_forgets_what_could_be_redone(marks):
    draw(marks)
    marks.undo()
    assert marks.can_redo
    draw(marks)
    assert not marks.can_redo


def test_marks_stay_with_their_case_and_come_back_with_it(marks):
    mark = draw(marks)
    marks.set_text(mark.number, "here")
    marks.show_case(make("b"))
    assert not marks.items
    assert not marks.can_undo
    assert marks.selected is None
    other = draw(marks, "ellipse")
    marks.show_case(make("a"))
    assert [each.text for each in marks.items] == ["here"]
    marks.undo()
    assert marks.items == (mark,)
    marks.show_case(make("b"))
    assert marks.items == (other,)


def test_a_case_of_the_same_name_but_another_geometry_does_not_get_the_marks(marks):
    draw(marks)
    other = make("a")
    moved = Volume(other.volume.voxels, np.diag([2.0, 1.0, 1.0, 1.0]))
    marks.show_case(Case(other.paths, moved, other.presets))
    assert not marks.items


def test_numbers_are_measured_on_the_case_on_screen(marks):
    region = draw(marks, "rectangle", (1, 1, 2), (5, 5, 2))
    assert marks.measurement(region)["mean"] == 7
    marks.show_case(make("a", value=9))
    assert marks.measurement(marks.items[0])["mean"] == 9


@pytest.mark.parametrize("seed", range(5))
def test_undoing_everything_and_redoing_it_passes_the_same_states(marks, seed):
    chance = random.Random(seed)
    states = [marks.items]
    for _ in range(40):
        before = marks.items
        deed = chance.choice(("draw", "draw", "move", "remove", "text"))
        if deed == "draw" or not before:
            draw(marks, chance.choice(("distance", "rectangle", "arrow")))
        elif deed == "move":
            marks.preview(chance.choice(before).moved(np.array([chance.random(), 0, 0])))
            marks.settle()
        elif deed == "remove":
            marks.remove(chance.choice(before).number)
        else:
            marks.set_text(chance.choice(before).number, str(chance.random()))
        states.append(marks.items)
    for state in reversed(states[:-1]):
        marks.undo()
        assert marks.items == state
    assert not marks.can_undo
    for state in states[1:]:
        marks.redo()
        assert marks.items == state
