"""``MaskList``: the masks on the case on screen, with undo, kept for each case of the session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from PySide6.QtCore import QObject, Signal

from fusion3d_gui.imaging.labels.scan_object import MASK_COLORS, Mask
from fusion3d_gui.plain_text import visible_text
from fusion3d_gui.state.data.case import Case, CaseKey
from fusion3d_gui.state.data.step_history import StepHistory

#: Steps that can be undone.
_DEPTH = 50
_OPACITY = 0.35


@dataclass(frozen=True, eq=False)
class CaseMask:
    """A mask on a case.

    Parameters
    ----------
    number
        Tells it from the other masks of the case.
    mask
        Its region and name.
    color
        ``"#RRGGBB"``.
    is_drawn
        Whether the reader drew it: such a mask can be changed, and makes work on the case worth keeping.
    """

    number: int
    mask: Mask
    color: str
    is_drawn: bool = False

    def renamed(self, name: str) -> CaseMask:
        """The same with another name."""
        return replace(self, mask=replace(self.mask, name=name))

    def is_same(self, other: CaseMask) -> bool:
        """Whether another has the same name and region; it may be another object, and have another number."""
        return same_mask(self.mask, other.mask)


def same_mask(one: Mask, other: Mask) -> bool:
    """Whether two masks have one name and one region."""
    return (
        one.name == other.name
        and np.array_equal(one.grid.affine, other.grid.affine)
        and np.array_equal(one.grid.voxels, other.grid.voxels)
    )


Masks = tuple[CaseMask, ...]


@dataclass(frozen=True)
class KeptMask:
    """A mask as it is kept: whether it was switched on, and whether commands acted on it."""

    item: CaseMask
    shown: bool = True
    selected: bool = False


@dataclass(frozen=True)
class MaskLook:
    """How masks are drawn; see :attr:`MaskList.opacity` and :attr:`MaskList.outlines`."""

    opacity: float
    outlines: bool


@dataclass
class _History(StepHistory[CaseMask]):
    """The masks of one case, with the numbers of those that are switched off."""

    hidden: set[int] = field(default_factory=set)


class MaskList(QObject):
    """Masks belong to the case on which they were opened or drawn.

    While a mask is brushed, :meth:`preview` changes it any number of times, and :meth:`settle` makes one undo step
    of that.
    """

    changed = Signal()
    selection_changed = Signal()
    #: A step that can be undone was made.
    stepped = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._by_case: dict[CaseKey, _History] = {}
        self._history = _History(_DEPTH)
        self._before: Masks | None = None
        self._selected: int | None = None
        self._opacity = _OPACITY
        self._outlines = False

    # -- what is ------------------------------------------------------------------------------

    @property
    def items(self) -> Masks:
        """The masks of the case, oldest first."""
        return self._history.items

    @property
    def shown(self) -> Masks:
        """Those that the views draw."""
        return tuple(each for each in self.items if each.number not in self._history.hidden)

    @property
    def drawn(self) -> Masks:
        """Those that the reader drew."""
        return tuple(each for each in self.items if each.is_drawn)

    @property
    def kept(self) -> tuple[KeptMask, ...]:
        """All of them, to be kept."""
        selected = self.selected
        return tuple(
            KeptMask(each, self.is_shown(each.number), each is selected) for each in self.items
        )

    @property
    def look(self) -> MaskLook:
        """How they are drawn."""
        return MaskLook(self._opacity, self._outlines)

    @property
    def selected(self) -> CaseMask | None:
        """The mask on which commands act, and with which the map is compared."""
        return self.find(self._selected)

    @property
    def opacity(self) -> float:
        """0 (only an outline is seen) to 1 (hides the anatomy)."""
        return self._opacity

    @property
    def outlines(self) -> bool:
        """Whether only outlines are drawn."""
        return self._outlines

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return bool(self._history.undo)

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to redo."""
        return bool(self._history.redo)

    def find(self, number: int | None) -> CaseMask | None:
        """The mask with this number; None where there is none."""
        return next((each for each in self.items if each.number == number), None)

    def is_shown(self, number: int) -> bool:
        """Whether a mask is switched on."""
        return number not in self._history.hidden

    # -- cases --------------------------------------------------------------------------------

    def show_case(self, case: Case) -> None:
        """Show the masks of another case, as they were left."""
        self.settle()
        self._history = self._by_case.setdefault(case.key, _History(_DEPTH))
        self.select(self.items[0].number if self.items else None)
        self.changed.emit()

    def put_first(self, kept: Sequence[KeptMask]) -> None:
        """Put masks of an earlier time before those of this run; no step undoes it.

        One of a file that was opened again meanwhile is left out.
        """
        history = self._history
        known = [each for each in self.items if not each.is_drawn]
        kept = [
            each
            for each in kept
            if each.item.is_drawn or not any(each.item.is_same(one) for one in known)
        ]
        if not kept:
            return
        first = history.next_number
        taken = self._numbered(kept, first)
        history.next_number += len(taken)
        history.change_all(lambda items: (*taken, *items))
        if self._before is not None:
            self._before = (*taken, *self._before)
        self._select_as(kept, first)
        self._emit_changed()

    def replace_all(self, kept: Sequence[KeptMask]) -> None:
        """Have these masks instead of all others; no step undoes it."""
        self.settle()
        history = self._history
        history.hidden.clear()
        history.start_with(self._numbered(kept, 1), len(kept) + 1)
        self._select_as(kept, 1)
        self._emit_changed()

    def _numbered(self, kept: Sequence[KeptMask], first: int) -> Masks:
        """Kept masks under new numbers, from ``first``; switched off as they were."""
        numbered = tuple(replace(each.item, number=at) for at, each in enumerate(kept, first))
        self._history.hidden |= {at for at, each in enumerate(kept, first) if not each.shown}
        return numbered

    def _select_as(self, kept: Sequence[KeptMask], first: int) -> None:
        for number, each in enumerate(kept, first):
            if each.selected:
                self.select(number)

    def take_look(self, look: MaskLook) -> None:
        """Draw them this way."""
        self.set_opacity(look.opacity)
        if look.outlines != self._outlines:
            self.toggle_outlines()

    # -- steps --------------------------------------------------------------------------------

    def add_all(self, masks: tuple[Mask, ...], *, is_drawn: bool = False) -> None:
        """Add masks in one step, with colours that are not yet used where they have none.

        One of a file that is here already is not added again.
        """
        if not is_drawn:
            known = [each.mask for each in self.items if not each.is_drawn]
            masks = tuple(each for each in masks if not any(same_mask(each, one) for one in known))
        first = self._history.next_number
        self._history.next_number += len(masks)
        added = [
            CaseMask(first + count, mask, mask.color or _color(first + count), is_drawn)
            for count, mask in enumerate(masks)
        ]
        if added:
            self._step((*self.items, *added))
            self.select(added[0].number)

    def remove(self, number: int) -> None:
        """Remove a mask."""
        if self.find(number) is not None:
            self._step(tuple(each for each in self.items if each.number != number))

    def remove_opened(self) -> None:
        """Remove the masks of files in one step; what the reader drew stays."""
        if self.drawn != self.items:
            self._step(self.drawn)

    def rename(self, number: int, name: str) -> None:
        """Give a mask another name."""
        found = self.find(number)
        if found is not None and name and name != found.mask.name:
            self._change(found.renamed(visible_text(name)))

    def set_color(self, number: int, color: str) -> None:
        """Give a mask another colour, ``"#RRGGBB"``."""
        found = self.find(number)
        if found is not None and color != found.color:
            self._change(replace(found, color=color))

    def change(self, number: int, mask: Mask | None) -> None:
        """Give a mask another region, in one step; None removes it."""
        self.preview(number, mask)
        self.settle()

    def preview(self, number: int | None, mask: Mask | None) -> int | None:
        """Show a mask as it is brushed, until :meth:`settle` makes a step of it.

        Parameters
        ----------
        number
            Of a mask; None: a new one, which is selected.
        mask
            Its region now; None where nothing is left of it.

        Returns
        -------
        int or None
            Its number; None where nothing is left.
        """
        if self._before is None:
            self._before = self.items
        found = self.find(number)
        if mask is None:
            self._history.items = tuple(each for each in self.items if each is not found)
            number = None
        elif found is None:
            number = self._history.next_number
            self._history.next_number += 1
            self._history.items = (*self.items, CaseMask(number, mask, _color(number), True))
            self.select(number)
        else:
            self._put(replace(found, mask=mask))
        self._emit_changed()
        return number

    def settle(self) -> None:
        """End a stroke: make one undo step of what it changed."""
        before, self._before = self._before, None
        if before is not None and before != self.items:
            now, self._history.items = self.items, before
            self._step(now)

    def undo(self) -> None:
        """Undo the last step."""
        self.settle()
        if self._history.go_back():
            self._emit_changed()

    def redo(self) -> None:
        """Redo the step undone last."""
        self.settle()
        if self._history.go_forward():
            self._emit_changed()

    def drop_redo(self) -> None:
        """Forget the steps that were undone."""
        self._history.redo.clear()

    # -- looks: no steps ----------------------------------------------------------------------

    def select(self, number: int | None) -> None:
        """Select a mask; None: none."""
        if number != self._selected:
            self._selected = number
            self.selection_changed.emit()

    def set_shown(self, number: int, shown: bool) -> None:
        """Switch a mask on or off."""
        if self.find(number) is not None and shown != self.is_shown(number):
            self._history.hidden ^= {number}
            self.changed.emit()

    def toggle_all(self) -> None:
        """Switch all masks off, or on where all are off."""
        self._history.hidden = {each.number for each in self.items} if self.shown else set()
        self.changed.emit()

    def set_opacity(self, opacity: float) -> None:
        """Set it, clipped to 0 to 1."""
        opacity = min(max(float(opacity), 0.0), 1.0)
        if opacity != self._opacity:
            self._opacity = opacity
            self.changed.emit()

    def toggle_outlines(self) -> None:
        """Draw only outlines, or areas too."""
        self._outlines = not self._outlines
        self.changed.emit()

    # -- inside -------------------------------------------------------------------------------

    def _change(self, item: CaseMask) -> None:
        self._step(tuple(item if each.number == item.number else each for each in self.items))

    def _put(self, item: CaseMask) -> None:
        self._history.items = tuple(
            item if each.number == item.number else each for each in self.items
        )

    def _step(self, items: Masks) -> None:
        self._history.step(items)
        self._emit_changed()
        self.stepped.emit()

    def _emit_changed(self) -> None:
        if self.find(self._selected) is None:
            self.select(self.items[-1].number if self.items else None)
        self.changed.emit()


def _color(number: int) -> str:
    return MASK_COLORS[(number - 1) % len(MASK_COLORS)]
