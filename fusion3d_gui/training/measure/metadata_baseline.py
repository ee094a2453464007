"""``MetadataBaseline``: logistic regression on the metadata alone, which a model with an image must beat."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from fusion3d_gui.errors import UserError
from fusion3d_gui.output_file import write_whole_text


@dataclass(frozen=True)
class MetadataBaseline:
    """Log odds = intercept + weights · encoded metadata.

    Stored in the bundle as coefficients, so that it holds no person's values.
    """

    weights: tuple[float, ...]
    intercept: float

    @classmethod
    def fit(cls, metadata: np.ndarray, labels: np.ndarray) -> MetadataBaseline:
        """Fit on the encoded metadata [n, W] and labels [n] of the training cases (L2, C = 1)."""
        found = LogisticRegression(max_iter=1000).fit(metadata, labels)
        return cls(tuple(float(w) for w in found.coef_[0]), float(found.intercept_[0]))

    def logits(self, metadata: np.ndarray) -> np.ndarray:
        """Log odds [n] of encoded metadata [n, W]."""
        logits: np.ndarray = metadata.astype(np.float64) @ np.array(self.weights) + self.intercept
        return logits

    def save(self, bundle: Path) -> None:
        """Write ``configs/baseline.json`` of a bundle."""
        plain = {"model": "logistic regression on the encoded metadata", **asdict(self)}
        write_whole_text(_file(bundle), json.dumps(plain, indent=2) + "\n")

    @classmethod
    def load(cls, bundle: Path, width: int) -> MetadataBaseline | None:
        """Read a bundle's baseline for metadata of a width; None where it has none. Raises UserError for a bad one."""
        path = _file(bundle)
        if not path.is_file():
            return None
        try:
            plain: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            found = cls(tuple(float(w) for w in plain["weights"]), float(plain["intercept"]))
            if len(found.weights) != width:
                raise ValueError(f"{len(found.weights)} weights for metadata of width {width}")
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise UserError(f"it does not describe the baseline ({error})", path=path) from None
        return found


def _file(bundle: Path) -> Path:
    return bundle / "configs" / "baseline.json"
