"""``Explanation``: method, network stages and side of a heatmap."""

from __future__ import annotations

from dataclasses import dataclass

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.prediction import Side
from fusion3d_gui.model.attribution.localisation_record import (
    METHOD_NAMES,
    USUAL_METHOD,
    USUAL_STAGE,
)
from fusion3d_gui.model.bundle.bundle_info import BundleInfo

#: Methods that attribute to input voxels and take many passes through the network.
_SLOW_METHODS = ("occlusion", "integrated-gradients", "smoothgrad")

#: Methods that attribute to input voxels: they have no stage.
INPUT_METHODS = ("input-gradient", *_SLOW_METHODS)


@dataclass(frozen=True)
class Explanation:
    """How a heatmap is computed.

    Parameters
    ----------
    method
        Key of :data:`~fusion3d_gui.model.attribution.localisation_record.METHOD_NAMES`.
    stages
        Stages of the network (1 to 4) that a class activation map combines; ignored by
        :data:`INPUT_METHODS`.
    side
        Whether the map shows what raised the logit or what lowered it.
    raw
        Whether to leave it as it is computed, not corrected for the displacement of the model's maps.
    """

    method: str = USUAL_METHOD
    stages: tuple[int, ...] = (USUAL_STAGE,)
    side: Side = "raised"
    raw: bool = False

    @classmethod
    def for_model(
        cls,
        info: BundleInfo,
        method: str | None = None,
        stages: tuple[int, ...] | None = None,
        side: Side = "raised",
    ) -> Explanation:
        """The explanation with defaults filled in.

        A ``method`` of None is the one that the bundle records as best, with its stages; ``stages`` of
        None for another method are the usual stage. Raises UserError for a class activation map of a network
        without convolutional stages.
        """
        if method is not None and method not in INPUT_METHODS and not info.network.has_stages:
            raise UserError(
                f"{info.network.backbone} has no convolutional stages, so no class activation map",
                remedy=f"Use one of: {', '.join(INPUT_METHODS)}.",
            )
        suited, suited_stages = info.default_map
        if method is not None and method != suited:
            suited, suited_stages = method, cls().stages
        if suited in INPUT_METHODS:
            return cls(suited, (), side)
        return cls(suited, stages or suited_stages, side)

    @property
    def is_slow(self) -> bool:
        """Whether it takes dozens of passes through the network."""
        return self.method in _SLOW_METHODS

    @property
    def is_free(self) -> bool:
        """Whether it needs no pass through the convolutions beyond the prediction's own."""
        return self.method not in INPUT_METHODS and self.stages == (USUAL_STAGE,)

    @property
    def name(self) -> str:
        """The method's display name, with its stages if any."""
        if not self.stages:
            return METHOD_NAMES[self.method]
        stages = "stage" if len(self.stages) == 1 else "stages"
        return f"{METHOD_NAMES[self.method]}, {stages} {' + '.join(map(str, self.stages))}"
