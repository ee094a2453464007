"""``CaseList``: a table of cases, joined with the results of models, as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

#: Columns that are made here, with what they mean; names in a filter, too.
MADE_COLUMNS: Mapping[str, str] = {
    "probability": "Mean of the models' probabilities",
    "error": "Distance of the probability from the label, 0 to 1",
    "wrong": "1 where the (first) model gave a class that is not the label",
    "disagreement": "Largest difference between the probabilities of two models",
    "doubt": "Whether the case is one that the model is meant for: fits, doubtful or refused",
    "embedding_percentile": "Share of the validation cases that are nearer to the training cases, in percent: "
    "from 95 on unusual for the model, from 99 on outside of what it has seen",
    "displacement_mm": "Distance of the heatmap's peak from the lesion's centre",
    "failure": "Why there is no result",
}
#: Columns of numbers from 0 to 1.
_SHARES = {"probability", "error", "disagreement"}
#: In the order of a sort by doubt.
_FITS = ("", "fits", "doubtful", "refused")


@dataclass(frozen=True, eq=False)
class CaseList:
    """All cases; every column has one value a case.

    Parameters
    ----------
    title
        Name of the file or folder.
    columns
        By name, in their order: float64 (NaN where there is no value), or objects of text.
    paths
        Scan of each case; None: unknown.
    values
        Of each case the metadata for the form, by column name.
    heatmaps
        Heatmap of each case by the first model; None: none.
    embeddings
        File with the image embedding of each case by the first model; None: none.
    weights_sha256
        The first model's; empty without results.
    models
        Name and version of each model with results, in the order of their files.
    notices
        Sentences about what was not used.
    """

    title: str
    columns: Mapping[str, np.ndarray]
    paths: tuple[Path | None, ...]
    values: tuple[Mapping[str, str], ...] = ()
    heatmaps: tuple[Path | None, ...] = ()
    embeddings: tuple[Path | None, ...] = ()
    weights_sha256: str = ""
    models: tuple[tuple[str, str], ...] = ()
    notices: tuple[str, ...] = field(default=(), repr=False)

    @property
    def count(self) -> int:
        """Number of cases."""
        return len(self.paths)

    def is_number(self, name: str) -> bool:
        """Whether a column holds numbers."""
        return self.columns[name].dtype.kind == "f"

    def text(self, row: int, name: str) -> str:
        """A cell as the table shows it."""
        value = self.columns[name][row]
        if not isinstance(value, float):
            return str(value)
        if np.isnan(value):
            return ""
        if name in _SHARES or name.startswith("probability_"):
            return f"{value:.3f}"
        return f"{value:.4g}" if value % 1 else f"{value:.0f}"

    @cached_property
    def searched(self) -> np.ndarray:
        """All of a case's texts in lower case, for a search: objects of text."""
        texts = [column for column in self.columns.values() if column.dtype.kind == "O"]
        joined = ["\n".join(map(str, cells)).lower() for cells in zip(*texts, strict=True)]
        return np.array(joined or [""] * self.count, dtype=object)

    def sort_keys(self, name: str) -> np.ndarray:
        """Numbers by which a sort puts the cases in the order of a column; NaN is without a value."""
        column = self.columns[name]
        if column.dtype.kind == "f":
            return column
        if name == "doubt":
            return np.array([_FITS.index(each) if each in _FITS else 0 for each in column], float)
        empty = column == ""
        ranks = np.unique(np.array([str(each).lower() for each in column]), return_inverse=True)[1]
        keys: np.ndarray = ranks.astype(float)
        keys[empty] = np.nan
        return keys

    def sorted(self, rows: np.ndarray, name: str, *, descending: bool) -> np.ndarray:
        """Rows in the order of a column; equal ones as they were, those without a value last."""
        keys = self.sort_keys(name)[rows]
        return rows[np.argsort(-keys if descending else keys, kind="stable")]

    def with_column(self, name: str, values: np.ndarray) -> CaseList:
        """The same cases with another column, or another content of one."""
        return replace(self, columns={**self.columns, name: values})


def column_of(texts: Sequence[str]) -> np.ndarray:
    """Numbers where every text that is not empty is one, else the texts."""
    numbers = np.full(len(texts), np.nan)
    found = False
    for row, text in enumerate(texts):
        if not text:
            continue
        try:
            numbers[row] = float(text)
        except ValueError:
            return np.array(list(texts), dtype=object)
        found = True
    return numbers if found else np.array(list(texts), dtype=object)
