"""``ScanWarning``: what a reader must know of a scan's geometry for as long as it is on screen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

VOXEL_SIZE_NOT_VALID = "Its voxel size is not valid; 1 mm is shown."


@dataclass(frozen=True)
class ScanWarning:
    """A few words to stand on the images, and the sentence that explains them."""

    short: str
    sentence: str


def position_warnings(sentences: Iterable[str]) -> tuple[ScanWarning, ...]:
    """Warnings of sentences that say why a file's position in the patient, or its voxel size, is in doubt."""
    return tuple(
        ScanWarning(
            "voxel size not known" if each == VOXEL_SIZE_NOT_VALID else "position in doubt", each
        )
        for each in sentences
    )
