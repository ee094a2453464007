"""How predictions are explained: the method, the network's stages, and which question the map answers."""

from __future__ import annotations

from dataclasses import dataclass

from fusion3d_gui.inference.prediction import Side


@dataclass(frozen=True)
class Explanation:
    """A choice among :data:`METHODS`; ``side`` asks what raised the logit or what lowered it."""

    method: str = "gradcam"
    stages: tuple[int, ...] = (4,)
    side: Side = "raised"


#: What the demo opens with: the map that pointed best in the table on the demo model's card.
DEMO_EXPLANATION = Explanation("layercam", (1,))


@dataclass(frozen=True)
class Method:
    """One way to explain, in the words of the window."""

    method: str
    stages: tuple[int, ...]
    label: str
    help: str


#: What the window offers, in order; the first is the default.
METHODS = (
    Method("gradcam", (4,), "Grad-CAM", "The last stage, weighted by the head: comes for free."),
    Method("gradcam++", (4,), "Grad-CAM++", "The last stage; counts several findings evenly."),
    Method("hirescam", (3,), "HiResCAM, stage 3", "An earlier stage, each cell by its gradient."),
    Method("layercam", (3,), "LayerCAM, stage 3", "An earlier stage, helpful gradients only."),
    Method("layercam", (1,), "LayerCAM, stage 1", "The finest cells: most detail, most noise."),
    Method("layercam", (3, 4), "LayerCAM, stages 3 + 4", "The last stage sharpened by the third."),
    Method("occlusion", (), "Occlusion", "Blanks cubes and asks again: slow, but assumes nothing."),
    Method("integrated-gradients", (), "Integrated gradients", "Voxel by voxel; adds up exactly."),
    Method("smoothgrad", (), "SmoothGrad", "Voxel by voxel, averaged over noisy copies."),
)
