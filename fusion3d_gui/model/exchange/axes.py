"""``in_own_axes``: weights that were trained on images whose axes run in another order, made to take this program's."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle.monai_bundle import OWN_AXES
from fusion3d_gui.model.network.architectures import ARCHITECTURES


def own_order(axes: str) -> tuple[int, int, int]:
    """Which axis of images whose axes run along ``axes`` (``"LPS"``: to left, posterior, superior) runs along k, j, i.

    Raises UserError for other letters, and for mirrored axes: strides do not commute with mirroring.
    """
    letters = axes.upper()
    if sorted(letters) == sorted(OWN_AXES):
        return letters.index("S"), letters.index("P"), letters.index("L")
    pairs = ("LR", "PA", "SI")
    if len(letters) == 3 and all(sum(each in pair for each in letters) == 1 for pair in pairs):
        raise UserError(
            f"it was trained on images whose axes run along {', '.join(letters)}, mirrored to this program's "
            f"{', '.join(OWN_AXES)}: left and right, or front and back, would be exchanged for it",
            remedy="Train it with Orientationd(axcodes='LPS'), or another order of L, P and S.",
        )
    raise UserError(f"{axes} is no direction of three axes", remedy="Give e.g. --axes LPS.")


def in_own_axes(state: Mapping[str, Tensor], axes: str, network: str) -> dict[str, Tensor]:
    """The weights with every kernel's axes in the order k, j, i: the network then says of an image what it said before.

    Raises UserError as :func:`own_order` does, and for a network that also keeps an order of patches.
    """
    order = own_order(axes)
    if order == (0, 1, 2):
        return dict(state)
    if ARCHITECTURES[network] == "vit":
        raise UserError(
            f"a vision transformer's patches can't be brought into another order than {axes}",
            remedy=f"Train it with Orientationd(axcodes='{OWN_AXES}').",
        )
    permuted = (0, 1, *(2 + axis for axis in order))
    return {
        name: value.permute(permuted).contiguous() if value.dim() == 5 else value
        for name, value in state.items()
    }
