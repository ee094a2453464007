"""``compare_weights``: say whether a bundle's evaluation was made with the weights that the bundle has."""

from __future__ import annotations

from collections.abc import Callable

from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.bundle.weights_digest import weights_digest
from fusion3d_gui.state.prediction.model_facts import has_evaluation, other_weights_text
from fusion3d_gui.state.store import Store

_CHECKING = "Comparing the weights with those that were evaluated…"
_NOT_CHECKED = (
    "Not checked: whether the evaluation was made with these weights. Open this page again."
)


def compare_weights(store: Store, info: BundleInfo, say: Callable[[str], object]) -> None:
    """Hash the weights on a thread; ``say`` gets a sentence at once and at the end: empty where nothing is wrong."""
    if not has_evaluation(info):
        say("")
        return
    say(_CHECKING)
    store.run(
        store.listing,
        "Comparing the weights with the evaluation's",
        lambda progress: weights_digest(info, progress),
        lambda digest: say(other_weights_text(info, digest)),
        undone=lambda: say(_NOT_CHECKED),
    )
