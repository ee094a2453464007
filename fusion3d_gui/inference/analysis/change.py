"""``change_between``: what changed a prediction from one scan to the next, the image or the metadata."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from fusion3d_gui.inference.analysis.result_types import Change
from fusion3d_gui.inference.case_model import CaseModel
from fusion3d_gui.model.schema import Value


def change_between(
    before: CaseModel,
    now: CaseModel,
    values_before: Mapping[str, Value],
    values_now: Mapping[str, Value],
) -> Change:
    """Shapley shares (Shapley 1953) of two players, image and metadata, in closed form over four model calls.

    The worth of a coalition is the model's output with its members as they are now and the others as they were
    before; a share is the mean of what a player adds to the output when it changes first and when it changes last.

    Parameters
    ----------
    before, now
        The same model with the image features of either scan.
    values_before, values_now
        The metadata by field name of either time.

    Raises
    ------
    ValueError
        The two are not of one model.
    """
    if before.info.folder != now.info.folder:
        raise ValueError("a change is between two predictions of one model")
    neither, only_values = before.logit(values_before), before.logit(values_now)
    only_image, both = now.logit(values_before), now.logit(values_now)

    def shares(start: float, image: float, values: float, end: float) -> tuple[float, float]:
        return (image - start + end - values) / 2, (values - start + end - image) / 2

    logit_image, logit_values = shares(neither, only_image, only_values, both)
    temperature = now.info.decision.temperature
    scaled = torch.tensor([neither, only_image, only_values, both], dtype=torch.float64)
    chances = torch.sigmoid(scaled / temperature).tolist()
    image, values = shares(*chances)
    return Change(
        before=chances[0],
        now=chances[3],
        image=image,
        metadata=values,
        logit_before=neither,
        logit_now=both,
        logit_image=logit_image,
        logit_metadata=logit_values,
    )
