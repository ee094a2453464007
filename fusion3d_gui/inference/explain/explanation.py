"""``Explanation``: by which method a map is made, at which stages, and which question it answers."""

from __future__ import annotations

from dataclasses import dataclass

from fusion3d_gui.inference.prediction import Side
from fusion3d_gui.model.bundle_info import BundleInfo
from fusion3d_gui.model.localisation_record import METHOD_NAMES, USUAL_METHOD, USUAL_STAGE

#: Methods that explain the voxels: they have no stage, and take many passes through the network.
INPUT_METHODS = ("occlusion", "integrated-gradients", "smoothgrad")


@dataclass(frozen=True)
class Explanation:
    """A method at some stages; ``side`` asks what raised the logit or what lowered it.

    ``stages`` are empty, or meaningless, for a method that explains the voxels.
    """

    method: str = USUAL_METHOD
    stages: tuple[int, ...] = (USUAL_STAGE,)
    side: Side = "raised"

    @classmethod
    def for_model(
        cls,
        info: BundleInfo,
        method: str | None = None,
        stages: tuple[int, ...] | None = None,
        side: Side = "raised",
    ) -> Explanation:
        """As asked for; what is None as suits the model best, or as is usual for the method."""
        suited, suited_stages = info.default_map
        if method is not None and method != suited:
            suited, suited_stages = method, cls().stages
        return cls(suited, stages or suited_stages, side)

    @property
    def is_slow(self) -> bool:
        """Whether it takes so long that an answer should not wait for it."""
        return self.method in INPUT_METHODS

    @property
    def name(self) -> str:
        """The method's name, with the stages where it takes any."""
        if not self.stages:
            return METHOD_NAMES[self.method]
        stages = "stage" if len(self.stages) == 1 else "stages"
        return f"{METHOD_NAMES[self.method]}, {stages} {' + '.join(map(str, self.stages))}"
