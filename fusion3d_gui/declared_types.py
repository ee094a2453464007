"""``build_types``: has msgspec look at declared types once, while the module that declares them is imported."""

from __future__ import annotations

import msgspec


def build_types(*declared: object) -> None:
    """Build what msgspec needs to know of these types.

    It would do so at their first use: where that is on two threads at once, one reads what the other has half built, and
    the process ends with a segmentation fault.
    """
    for each in declared:
        msgspec.json.Decoder(each)
