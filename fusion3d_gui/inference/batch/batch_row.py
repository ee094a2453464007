"""``BatchRow`` and ``RowSettings``: one row of a table of cases, and what is asked of each; the results' columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fusion3d_gui.inference.embedding_file import EMBEDDINGS
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.model.schema import MetadataSchema

#: Columns of the results; the model's fields lie between ``error`` and ``model``.
FIRST_COLUMNS = (
    *("row", "case", "path", "probability", "logit", "positive", "class", "threshold"),
    *("fit", "reasons", "despite_misfit", "demonstration", "error"),
)
LAST_COLUMNS = (
    "model",
    "version",
    "weights_sha256",
    "voxels_sha256",
    "device",
    "seconds",
    "created",
    "explanation",
    "heatmap",
    "notices",
)


@dataclass(frozen=True)
class BatchRow:
    """A row of the table: its number in a spreadsheet (the header is 1), and its cells."""

    number: int
    name: str
    path: Path
    path_text: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class RowSettings:
    """What is asked of every row.

    Parameters
    ----------
    out
        Folder of the results.
    explanation
        How heatmaps are computed.
    given
        Metadata for all cases, by field name; overrides both the rows and the scans.
    despite_misfit
        Compute the number also for cases that the model is not meant for; the results say so.
    """

    out: Path
    explanation: Explanation
    given: Mapping[str, object] = field(default_factory=dict)
    despite_misfit: bool = False

    @property
    def explanation_text(self) -> str:
        """The cell that says how heatmaps are computed."""
        return f"{self.explanation.name}, regions that {self.explanation.side} the probability"

    @property
    def heatmaps(self) -> Path:
        """Folder of the heatmaps."""
        return self.out / "heatmaps"

    @property
    def embeddings(self) -> Path:
        """Folder of the image embeddings."""
        return self.out / EMBEDDINGS

    def values_of(self, row: BatchRow) -> dict[str, str]:
        """The values that a row and the call give, as text."""
        return {**row.values, **{name: str(value) for name, value in self.given.items()}}


def all_columns(schema: MetadataSchema) -> list[str]:
    """Columns of the results, in order."""
    return [*FIRST_COLUMNS, *field_columns(schema).values(), *LAST_COLUMNS]


def field_columns(schema: MetadataSchema) -> dict[str, str]:
    """The results' column of each metadata field: its name, or ``metadata.NAME`` where a column has that name."""
    own = {*FIRST_COLUMNS, *LAST_COLUMNS}
    return {
        field.name: f"metadata.{field.name}" if field.name in own else field.name
        for field in schema.fields
    }


def first_cells(row: BatchRow, schema: MetadataSchema, weights_sha256: str) -> dict[str, object]:
    """The cells that are known of a row before it is predicted, without an error."""
    columns = field_columns(schema)
    return {
        "row": row.number,
        "case": row.name,
        "path": row.path_text,
        "error": "",
        "weights_sha256": weights_sha256,
        **{columns[name]: value for name, value in row.values.items()},
    }
