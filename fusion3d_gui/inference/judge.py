"""``judge_case``: whether a model is meant for a case, as far as that shows before the model runs."""

from __future__ import annotations

from collections.abc import Mapping

from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.fit import FitReport
from fusion3d_gui.model.bundle_info import BundleInfo
from fusion3d_gui.model.schema import Value


def judge_case(info: BundleInfo, volume: Volume, values: Mapping[str, Value]) -> FitReport:
    """Compare a case with the scope that the model's bundle declares.

    Parameters
    ----------
    info
        The model's configuration.
    volume
        The image, completely read.
    values
        The case's metadata, parsed.
    """
    doubts = []
    if info.scope is None:
        doubts.append("The model does not declare which scans it is meant for.")
    return FitReport("fits").doubting(tuple(doubts), ("declared scope",))
