"""``Scope``: the scans that a model is meant for, declared by its bundle in ``configs/scope.json``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

Coverage = Literal["skull_stripped", "whole_head", "unknown"]
InputKind = Literal["image", "lesion_map"]
Space = Literal["scanner", "standard"]
Population = Literal["real", "simulated"]

_CHOICES: dict[str, tuple[str, ...]] = {
    "coverage": ("skull_stripped", "whole_head", "unknown"),
    "kind": ("image", "lesion_map"),
    "space": ("scanner", "standard"),
    "population": ("real", "simulated"),
}
_RANGES = ("voxel_mm", "field_mm", "age_years")
#: Longest text of a scope: it is shown in one line.
_LONGEST = 100


@dataclass(frozen=True)
class Scope:
    """What a model was made for. An empty text, an empty tuple or None says nothing about that property.

    Parameters
    ----------
    modality
        DICOM modality, e.g. ``"MR"``.
    body_part
        In words, e.g. ``"brain"``.
    contrasts
        Words of the sequence and contrast, e.g. ``("T1",)``; ``"+Gd"`` among them stands for a contrast agent.
    coverage
        Whether the scans hold the brain only (``"skull_stripped"``) or the ``"whole_head"``.
    voxel_mm
        Smallest and largest voxel edge of the cases, in mm.
    field_mm
        Smallest and largest edge of their fields of view, in mm.
    fewest_slices
        Fewest slices along any axis with which a scan is still a volume.
    age_years
        Youngest and oldest age.
    kind
        Whether the input is an ``"image"`` or a ``"lesion_map"`` (a mask or another map of labels).
    space
        ``"scanner"`` or ``"standard"`` (registered to a template, such as MNI152).
    population
        Whether the cases were patients (``"real"``) or ``"simulated"``.
    """

    modality: str = ""
    body_part: str = ""
    contrasts: tuple[str, ...] = ()
    coverage: Coverage = "unknown"
    voxel_mm: tuple[float, float] | None = None
    field_mm: tuple[float, float] | None = None
    fewest_slices: int = 2
    age_years: tuple[float, float] | None = None
    kind: InputKind = "image"
    space: Space = "scanner"
    population: Population = "real"

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is {getattr(self, name)!r}, not {' or '.join(choices)}")
        for name in ("modality", "body_part"):
            _check_text(name, getattr(self, name))
        if not isinstance(self.contrasts, (list, tuple)):
            raise ValueError("contrasts is not a list of words")
        for word in self.contrasts:
            _check_text("contrasts", word)
        object.__setattr__(self, "contrasts", tuple(self.contrasts))
        for name in _RANGES:
            object.__setattr__(self, name, _range(name, getattr(self, name)))
        count = self.fewest_slices
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise ValueError(f"fewest_slices is {count!r}, not a whole number above 0")

    def lines(self) -> tuple[tuple[str, str], ...]:
        """What is declared, in words: (property, value) pairs for the model card and the window."""
        said = {
            "Modality": self.modality,
            "Body part": self.body_part,
            "Sequence and contrast": ", ".join(self.contrasts),
            "Coverage": {
                "skull_stripped": "skull-stripped brain",
                "whole_head": "whole head",
                "unknown": "",
            }[self.coverage],
            "Voxel size": _range_text(self.voxel_mm, "mm"),
            "Field of view": _range_text(self.field_mm, "mm"),
            "Fewest slices": f"{self.fewest_slices}",
            "Age": _range_text(self.age_years, "years"),
            "Input": {"image": "image", "lesion_map": "lesion map (labels)"}[self.kind],
            "Space": {"scanner": "scanner", "standard": "standard (registered to a template)"}[
                self.space
            ],
            "Population": {"real": "patients", "simulated": "simulated cases"}[self.population],
        }
        return tuple((name, text or "not declared") for name, text in said.items())

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        plain: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        return {key: list(v) if isinstance(v, tuple) else v for key, v in plain.items()}

    @classmethod
    def from_json(cls, plain: Any) -> Scope:
        """Read back :meth:`to_json`; keys may be missing. Raises ValueError naming what is wrong."""
        if not isinstance(plain, Mapping):
            raise ValueError("a scope is not a JSON object")
        unknown = set(plain) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"unknown keys {', '.join(sorted(map(str, unknown)))}")
        return cls(**plain)


def _check_text(name: str, text: object) -> None:
    if not isinstance(text, str) or len(text) > _LONGEST or not (text.isprintable() or not text):
        raise ValueError(f"{name} is not a short text: {text!r}")


def _range(name: str, given: Any) -> tuple[float, float] | None:
    if given is None:
        return None
    if not isinstance(given, (list, tuple)) or len(given) != 2:
        raise ValueError(f"{name} is not a pair of numbers")
    if any(isinstance(end, bool) or not isinstance(end, (int, float)) for end in given):
        raise ValueError(f"{name} is not a pair of numbers")
    low, high = (float(end) for end in given)
    if not (0 <= low <= high and math.isfinite(high)):
        raise ValueError(f"{name} is {low:g} to {high:g}, not a range from 0 up")
    return low, high


def _range_text(ends: tuple[float, float] | None, unit: str) -> str:
    if ends is None:
        return ""
    low, high = (f"{end:.3g}" for end in ends)
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"
