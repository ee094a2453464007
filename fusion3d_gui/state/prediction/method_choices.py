"""The explanation methods that the window offers."""

from __future__ import annotations

from dataclasses import dataclass

from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.model.bundle.bundle_info import BundleInfo


@dataclass(frozen=True)
class Method:
    """One explanation method, as the window lists it."""

    method: str
    stages: tuple[int, ...]
    help: str

    @property
    def label(self) -> str:
        """Its name, with its stages where it has any."""
        return Explanation(self.method, self.stages).name


#: Offered for every model, in this order.
METHODS = (
    Method("gradcam", (4,), "The last stage, weighted by the head: comes for free."),
    Method("gradcam++", (4,), "The last stage; counts several findings evenly."),
    Method("hirescam", (3,), "An earlier stage, each cell by its gradient."),
    Method("layercam", (3,), "An earlier stage, helpful gradients only."),
    Method("hirescam", (1,), "The finest cells, each by its gradient."),
    Method("layercam", (1,), "The finest cells, helpful gradients only."),
    Method("layercam", (3, 4), "The last stage sharpened by the third."),
    Method("input-gradient", (), "Voxel by voxel, smoothed; one pass forward and back."),
    Method(
        "occlusion", (), "Blanks every cube of 8 voxels and asks again: slow, but assumes nothing."
    ),
    Method("integrated-gradients", (), "Voxel by voxel; adds up exactly."),
    Method("smoothgrad", (), "Voxel by voxel, averaged over noisy copies."),
)


def methods_for(info: BundleInfo | None, wanted: Explanation) -> tuple[Method, ...]:
    """The methods to offer with a model, with its default and the one ``wanted`` now among them."""
    listed: tuple[Method, ...] = METHODS
    if info is not None:
        measured = info.localisation_record is not None
        help_text = (
            "Pointed best when this model was evaluated."
            if measured
            else "This model's default, chosen on its validation cases."
        )
        if not info.network.has_stages:
            listed = tuple(each for each in METHODS if not each.stages)
        listed = _with(listed, Method(*info.default_map, help_text))
    return _with(listed, Method(wanted.method, wanted.stages, "Chosen with another model."))


def _with(listed: tuple[Method, ...], extra: Method) -> tuple[Method, ...]:
    known = any((each.method, each.stages) == (extra.method, extra.stages) for each in listed)
    return listed if known else (extra, *listed)
