"""``patients_agree``: whether two scans name the same patient."""

from __future__ import annotations

from typing import Literal

from fusion3d_gui.state.data.case import Case

Agreement = Literal["same", "other", "unknown"]


def patients_agree(one: Case, other: Case) -> Agreement:
    """Compare patient ID, name and birth date as far as both scans give them.

    ``"other"`` where one of them differs, ``"same"`` where at least one agrees and none differs, ``"unknown"`` where
    there is nothing to compare, as in NIfTI.
    """
    first, second = ((each.revealed or each).volume.attributes for each in (one, other))
    found: Agreement = "unknown"
    for keyword in ("PatientID", "PatientName", "PatientBirthDate"):
        texts = [_plain(each.get(keyword, "")) for each in (first, second)]
        if all(texts):
            if texts[0] != texts[1]:
                return "other"
            found = "same"
    return found


def _plain(text: str) -> str:
    """Without what differs between systems that send the same patient: case, blanks, empty name components."""
    return " ".join(text.replace("^", " ").casefold().split())
