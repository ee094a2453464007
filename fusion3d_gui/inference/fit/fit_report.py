"""``FitReport``: whether a case is one that the model is meant for, and why not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from fusion3d_gui.errors import UserError

#: ``"fits"``: nothing odd was noticed. ``"doubtful"``: the number is kept, without a class.
#: ``"refused"``: no number, unless it was asked for despite the misfit.
Fit = Literal["fits", "doubtful", "refused"]

#: Said of every scan that isn't a simulated case, by a model that was trained on simulated ones.
DEMONSTRATION = "Demonstration model, trained on simulated cases; says nothing about a patient."
NOTHING_ODD = "Nothing odd was noticed."


@dataclass(frozen=True)
class FitReport:
    """Whether a case is one that the model is meant for.

    Parameters
    ----------
    fit
        See :data:`Fit`.
    reasons
        A sentence for each thing that is odd, the gravest first; empty where ``fit`` is ``"fits"``.
    looked_at
        What was looked at, as short noun phrases, e.g. ``"modality"``.
    demonstration
        :data:`DEMONSTRATION` where it applies, else None; independent of ``fit``.
    """

    fit: Fit
    reasons: tuple[str, ...] = ()
    looked_at: tuple[str, ...] = ()
    demonstration: str | None = None

    @property
    def summary(self) -> str:
        """One line: the gravest reason, or that nothing odd was noticed, with what was looked at."""
        if self.reasons:
            return self.reasons[0]
        return f"{NOTHING_ODD} Looked at: {', '.join(self.looked_at) or 'nothing'}."

    @property
    def mark(self) -> str:
        """Mark for files and pictures of a number that needs one; empty where nothing odd was noticed."""
        return {"fits": "", "doubtful": "DOUBTFUL", "refused": "DESPITE MISFIT"}[self.fit]

    @property
    def file_note(self) -> str:
        """Note for the header of a heatmap's file: who made it, after the mark."""
        return f"{self.mark}: Fusion3D heatmap" if self.mark else "Fusion3D"

    def doubting(self, reasons: tuple[str, ...], looked_at: tuple[str, ...]) -> FitReport:
        """With further reasons for doubt, and further things looked at."""
        fit: Fit = "doubtful" if reasons and self.fit == "fits" else self.fit
        return replace(
            self,
            fit=fit,
            reasons=(*self.reasons, *reasons),
            looked_at=(*self.looked_at, *looked_at),
        )

    def to_json(self) -> dict[str, Any]:
        """The keys ``fit``, ``reasons``, ``looked_at`` and ``demonstration`` of a prediction's JSON."""
        return {
            "fit": self.fit,
            "reasons": list(self.reasons),
            "looked_at": list(self.looked_at),
            "demonstration": self.demonstration,
        }


class MisfitError(UserError):
    """The model is not meant for this case; ``report`` says why. No number was computed."""

    def __init__(self, report: FitReport) -> None:
        self.report = report
        super().__init__(
            f"the model is not meant for this scan: {report.reasons[0].rstrip('.')}",
            remedy="A number can be had despite the misfit (--despite-misfit), marked as such.",
        )
