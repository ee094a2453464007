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
    Method("hirescam", (3,), "HiResCAM, stage 3", "Finer cells, each with its own gradient."),
    Method(
        "layercam", (3,), "LayerCAM, stage 3", "Finer cells, those with helpful gradients only."
    ),
    Method("layercam", (2,), "LayerCAM, stage 2", "Finer still: more detail, more noise."),
    Method("layercam", (3, 4), "LayerCAM, stages 3 + 4", "The last stage sharpened by the third."),
)
