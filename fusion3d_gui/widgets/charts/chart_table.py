"""``ChartTable``: the numbers behind a chart, as a CSV file (RFC 4180) that says where they come from."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fusion3d_gui.output_file import whole_file

Cell = str | float | int | None


@dataclass(frozen=True)
class ChartTable:
    """A header, and rows of the same length; units are part of the header."""

    header: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]

    def write(self, path: Path, source: Sequence[str]) -> None:
        """Write a CSV file, ``source`` above the table in lines that begin with ``#``."""
        with whole_file(path) as whole, whole.open("w", encoding="utf-8", newline="") as file:
            file.writelines(f"# {line}\r\n" for line in source)
            writer = csv.writer(file)
            writer.writerow(self.header)
            writer.writerows(self.rows)
