"""``ScanWarning``: what a reader must know of a scan's geometry for as long as it is on screen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class ScanWarning:
    """A few words to stand on the images, and the sentence that explains them."""

    short: str
    sentence: str


def position_warnings(sentences: Iterable[str]) -> tuple[ScanWarning, ...]:
    """Warnings of sentences that all say why a file's position in the patient is in doubt."""
    return tuple(ScanWarning("position in doubt", each) for each in sentences)
