"""``VoiCurve``: brightness within a window where a file gives a VOI LUT or DICOM's SIGMOID."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Longer tables are resampled to this many even steps.
_MOST_LEVELS = 4096

#: Window widths over which the sigmoid is tabulated: it ends within 1 % of black and white.
_SIGMOID_WIDTHS = 3.0


@dataclass(frozen=True)
class VoiCurve:
    """Brightness (0 black, 1 white) at even steps across a window.

    Parameters
    ----------
    levels
        Brightness from ``span / 2`` window widths below the window's centre to as far above it,
        interpolated linearly; constant beyond.
    span
        Extent of the levels in window widths.
    """

    levels: tuple[float, ...]
    span: float = 1.0

    def brightness(self, share: np.ndarray) -> np.ndarray:
        """Brightness of positions in the window (0 at its lower edge, 1 at its upper), in their dtype."""
        steps = len(self.levels) - 1
        at = (share - 0.5) * (steps / self.span) + steps / 2
        return np.interp(at, np.arange(steps + 1), self.levels).astype(share.dtype)

    @classmethod
    def from_table(cls, table: np.ndarray, highest: float) -> VoiCurve:
        """The curve of a lookup table ``[n]`` whose entries go from 0 (black) to ``highest`` (white)."""
        steps = np.linspace(0, len(table) - 1, min(len(table), _MOST_LEVELS))
        shares = np.interp(steps, np.arange(len(table)), table) / highest
        return cls(tuple(np.clip(shares, 0.0, 1.0).tolist()))


def _sigmoid() -> VoiCurve:
    steps = np.linspace(-_SIGMOID_WIDTHS / 2, _SIGMOID_WIDTHS / 2, 601)
    return VoiCurve(tuple((1 / (1 + np.exp(-4 * steps))).tolist()), _SIGMOID_WIDTHS)


#: DICOM's VOI LUT Function SIGMOID (PS3.3 C.11.2.1.3.1).
SIGMOID = _sigmoid()
