"""``KeptWork``: what a reader did on a case, as a value and as JSON. It holds nothing from the scan's header."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from fusion3d_gui.imaging.annotations.annotation import KINDS, Annotation, Point
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.model.localisation_record import METHOD_NAMES
from fusion3d_gui.model.schema import Field
from fusion3d_gui.plain_text import LONGEST_TEXT, visible_text
from fusion3d_gui.state.case.entry import Entry

VERSION = 1

#: More marks than these are not kept.
MOST_MARKS = 2000


@dataclass(frozen=True)
class MapSettings:
    """How the heatmap of one model was made and drawn; ``bundle`` is the model's name."""

    bundle: str
    explanation: Explanation
    visible: bool
    opacity: float
    threshold: float
    contours: bool
    color_map: str
    kept_top: float | None


@dataclass(frozen=True)
class KeptWork:
    """The marks of a case, its window level, form entries and map settings; None or empty: as the program has them.

    ``window`` is centre and width in real values; ``saved`` is when it was written, in local time.
    """

    marks: tuple[Annotation, ...] = ()
    window: tuple[float, float] | None = None
    form: Mapping[Field, Entry] = field(default_factory=dict)
    map_settings: MapSettings | None = None
    saved: datetime | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to keep."""
        return not self.marks and self.window is None and not self.form and not self.map_settings

    @property
    def summary(self) -> str:
        """What it holds, e.g. ``"3 marks and the form of 28 Nov"``."""
        count = len(self.marks)
        parts = [f"{count} mark" + ("" if count == 1 else "s")] if count else []
        parts += ["the form"] if self.form else []
        parts += ["the window level"] if self.window is not None else []
        parts += ["the heatmap's settings"] if self.map_settings is not None else []
        text = " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))
        return text if self.saved is None else f"{text} of {self.saved.day} {self.saved:%b}"

    def over(self, older: KeptWork) -> KeptWork:
        """This work done without sight of ``older``: its marks after the older ones, its values instead of them."""
        last = max((mark.number for mark in older.marks), default=0)
        added = [
            replace(mark, number=last + number) for number, mark in enumerate(self.marks, start=1)
        ]
        return KeptWork(
            (*older.marks, *added),
            self.window or older.window,
            {**older.form, **self.form},
            self.map_settings or older.map_settings,
        )

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        window = self.window
        shown = self.map_settings
        return {
            "version": VERSION,
            "marks": list(map(_mark_json, self.marks[:MOST_MARKS])),
            "window": None if window is None else list(window),
            "form": [
                {"field": each.to_json(), "value": entry.value, "text": entry.text}
                for each, entry in self.form.items()
            ],
            "map": None if shown is None else asdict(shown),
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any], saved: datetime | None = None) -> KeptWork:
        """Read back :meth:`to_json`. Raises ValueError, TypeError or KeyError where it makes no sense."""
        if plain["version"] != VERSION:
            raise ValueError("another version")
        marks = tuple(map(_mark, plain["marks"][:MOST_MARKS]))
        if len({mark.number for mark in marks}) != len(marks):
            raise ValueError("two marks have one number")
        window = plain["window"]
        return cls(
            marks,
            None if window is None else _window(window),
            dict(map(_entry, plain["form"])),
            None if plain["map"] is None else _map_settings(plain["map"]),
            saved,
        )


def _mark_json(mark: Annotation) -> dict[str, Any]:
    # By hand: dataclasses.asdict copies every number, which takes the interpreter lock 30 times as long.
    return {
        "number": mark.number,
        "kind": mark.kind,
        "points": mark.points,
        "right": mark.right,
        "down": mark.down,
        "text": mark.text[:LONGEST_TEXT],
    }


def _mark(plain: Mapping[str, Any]) -> Annotation:
    kind, number = plain["kind"], int(plain["number"])
    if kind not in KINDS or number < 1:
        raise ValueError("no such mark")
    text = visible_text(str(plain["text"]), LONGEST_TEXT)
    points = tuple(map(_point, plain["points"]))
    right, down = (_point(plain[name]) if plain[name] else () for name in ("right", "down"))
    return Annotation(number, kind, points, right, down, text)


def _point(plain: Any) -> Point:
    x, y, z = _finite(plain)
    return x, y, z


def _window(plain: Any) -> tuple[float, float]:
    center, width = _finite(plain)
    return center, width


def _finite(plain: Any) -> tuple[float, ...]:
    numbers = tuple(float(each) for each in plain)
    if not all(map(math.isfinite, numbers)):
        raise ValueError("not a finite number")
    return numbers


def _entry(plain: Mapping[str, Any]) -> tuple[Field, Entry]:
    kept = Field.from_json(plain["field"])
    text = str(plain["text"])
    # Whether the field allows the text is judged anew.
    entry = Entry.typed(kept, text) if text else Entry(kept.parse(plain["value"]))
    return kept, entry


def _map_settings(plain: Mapping[str, Any]) -> MapSettings:
    made = plain["explanation"]
    stages = tuple(int(each) for each in made["stages"])
    if made["method"] not in METHOD_NAMES or made["side"] not in ("raised", "lowered"):
        raise ValueError("no such map")
    if not all(1 <= stage <= 4 for stage in stages):
        raise ValueError("no such stage")
    opacity, threshold = _finite((plain["opacity"], plain["threshold"]))
    top = plain["kept_top"]
    return MapSettings(
        str(plain["bundle"]),
        Explanation(made["method"], stages, made["side"], bool(made["raw"])),
        bool(plain["visible"]),
        opacity,
        threshold,
        bool(plain["contours"]),
        str(plain["color_map"]),
        None if top is None else _finite((top,))[0],
    )
