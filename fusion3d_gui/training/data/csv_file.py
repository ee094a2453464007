"""Write rows of figures as a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fusion3d_gui.errors import UserError
from fusion3d_gui.output_file import whole_file


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV (UTF-8), with the columns of the first row.

    Raises UserError when the file can't be written.
    """
    try:
        with whole_file(path) as whole, whole.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise UserError(f"the table can't be written ({error.strerror})", path=path) from None
