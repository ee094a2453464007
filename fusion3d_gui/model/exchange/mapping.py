"""``infer_mapping``: which tensor of a foreign state dict is which weight of a network, by name, shape and order.

A state dict is a tree of modules. The weights of the network are walked in the order in which it computes, and for
each the next tensor of that shape and kind is taken that lies in the module begun, modules in the file's order or, where
it has none (safetensors), in natural order of names (``layer2`` before ``layer10``). A module once begun is used up
before another one, so that a norm never takes the numbers of another block's.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from fusion3d_gui.errors import UserError
from fusion3d_gui.input_file import read_bounded
from fusion3d_gui.output_file import write_whole_text

#: Counters of batch normalisation: no weights, and missing in files of old versions of PyTorch.
_COUNTER = "num_batches_tracked"

#: What the last part of a name says about a tensor; others may be anything.
_KINDS = {
    **dict.fromkeys(("weight", "w", "kernel"), "weight"),
    **dict.fromkeys(("gamma", "scale"), "weight"),
    **dict.fromkeys(("bias", "b", "beta"), "bias"),
    **dict.fromkeys(("running_mean", "moving_mean", "mean"), "running_mean"),
    **dict.fromkeys(("running_var", "moving_variance", "var"), "running_var"),
}

_LARGEST_FILE = 4_000_000

Shape = tuple[int, ...]


@dataclass(frozen=True)
class WeightMapping:
    """Foreign names by the network's names.

    Parameters
    ----------
    names
        The foreign tensor of each weight of the network, in its order.
    by_name
        Whether all names were equal already, or those of the library whose network it is.
    exchangeable
        How many weights share shape and kind with another one, so that only the order told them apart.
    """

    names: dict[str, str]
    by_name: bool
    exchangeable: int

    @property
    def text(self) -> str:
        """How it was found, in a sentence."""
        if self.by_name:
            return f"{len(self.names)} weights, all by their names"
        return (
            f"{len(self.names)} weights by shape and order; {self.exchangeable} of them have the shape of another "
            "one, so compare a known case before you trust it"
        )


class NoMappingError(Exception):
    """The tensors do not fit; ``names`` are those found, ``problem`` says where it ended."""

    def __init__(self, problem: str, names: Mapping[str, str]) -> None:
        super().__init__(problem)
        self.problem, self.names = problem, dict(names)


def infer_mapping(
    wanted: Mapping[str, Shape],
    found: Mapping[str, Shape],
    usual: Sequence[Mapping[str, str]] = (),
) -> WeightMapping:
    """Find the foreign tensor of each weight.

    Parameters
    ----------
    wanted
        Shapes of the network's weights by name, in the order in which it computes.
    found
        Shapes of the file's tensors by name, in its order.
    usual
        Names that the weights have in the library whose network it is.

    Raises
    ------
    NoMappingError
        Where a weight finds no tensor, or tensors are left over.
    """
    wanted = {name: shape for name, shape in wanted.items() if not name.endswith(_COUNTER)}
    found = {name: shape for name, shape in found.items() if not name.endswith(_COUNTER)}
    for known in ({name: name for name in wanted}, *usual):
        names = {name: known.get(name, "") for name in wanted}
        if len(found) == len(wanted) and all(
            found.get(names[name]) == shape for name, shape in wanted.items()
        ):
            return WeightMapping(names, True, 0)
    kinds = Counter((_kind(name), shape) for name, shape in wanted.items())
    exchangeable = sum(count for count in kinds.values() if count > 1)
    best: dict[str, str] = {}
    # Names in alphabetical order have lost that of the network: safetensors sorts them.
    orders = [found] if list(found) != sorted(found) else []
    for order in (*orders, sorted(found, key=_natural)):
        walk = _Walk(list(wanted.items()), _tree({name: found[name] for name in order}))
        if walk.matched():
            return WeightMapping(walk.names, False, exchangeable)
        best = max(best, walk.names, key=len)
    raise NoMappingError(_problem(wanted, found, best), best)


def _problem(
    wanted: Mapping[str, Shape], found: Mapping[str, Shape], best: Mapping[str, str]
) -> str:
    for name, shape in wanted.items():
        if name not in best:
            left = [other for other in found if other not in best.values()]
            same = [other for other in left if found[other] == shape]
            told = f"{len(same)} unused tensors have this shape" if same else "no unused tensor has"
            return (
                f"{len(best)} of {len(wanted)} weights found their tensor; {name} ({_text(shape)}) did not: {told}"
                + ("" if same else " this shape")
            )
    left = [name for name in found if name not in best.values()]
    return f"{len(left)} tensors are left over, {left[0]} ({_text(found[left[0]])}) first"


def _text(shape: Shape) -> str:
    return "×".join(map(str, shape)) or "scalar"


@dataclass(eq=False)
class _Node:
    """A module of the foreign tree: children by the order to try; a tensor has a name and a shape."""

    children: list[_Node]
    name: str = ""
    shape: Shape = ()

    @cached_property
    def signature(self) -> tuple[object, ...]:
        if self.name:
            return (_kind(self.name), self.shape)
        return tuple(child.signature for child in self.children)


def _tree(found: Mapping[str, Shape]) -> _Node:
    root = _Node([])
    places: dict[tuple[str, ...], _Node] = {(): root}
    for name, shape in found.items():
        parts = tuple(re.split(r"[./]", name))
        for depth in range(1, len(parts)):
            if parts[:depth] not in places:
                places[parts[:depth]] = node = _Node([])
                places[parts[: depth - 1]].children.append(node)
        places[parts[:-1]].children.append(_Node([], name, shape))
    return root


def _natural(name: str) -> tuple[tuple[int, str], ...]:
    return tuple(
        (int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)
    )


def _kind(name: str) -> str:
    return _KINDS.get(re.split(r"[./_]", name)[-1], "") or _KINDS.get(
        re.split(r"[./]", name)[-1], ""
    )


class _Walk:
    """Match a tree with the network's weights, in order."""

    #: A file that needs more tries has no sensible order.
    _MOST_TRIES = 300_000

    def __init__(self, wanted: Sequence[tuple[str, Shape]], root: _Node) -> None:
        self._wanted, self._root, self._tries = wanted, root, 0
        self._now: dict[str, str] = {}
        #: The longest run of weights that found a tensor.
        self.names: dict[str, str] = {}

    def matched(self) -> bool:
        """Whether the whole tree fits all weights."""
        end = self._match(self._root, 0)
        return end == len(self._wanted)

    def _match(self, node: _Node, start: int) -> int | None:
        """Where the weights of a node end that begin at ``start``; None where it does not fit there."""
        self._tries += 1
        if self._tries > self._MOST_TRIES:
            return None
        if node.name:
            return self._leaf(node, start)
        # Depth first, without recursion over siblings: a flat file has hundreds.
        left = list(node.children)
        taken: list[tuple[_Node, int, set[tuple[object, ...]]]] = []
        place, tried = start, set[tuple[object, ...]]()
        while left:
            for child in left:
                if child.signature in tried:
                    continue
                tried.add(child.signature)
                end = self._match(child, place)
                if end is not None:
                    taken.append((child, place, tried))
                    left.remove(child)
                    place, tried = end, set()
                    break
            else:
                if not taken or self._tries > self._MOST_TRIES:
                    return None
                child, place, tried = taken.pop()
                left = [each for each in node.children if each is child or each in left]
                self._forget(place)
        return place

    def _leaf(self, node: _Node, start: int) -> int | None:
        if start >= len(self._wanted):
            return None
        name, shape = self._wanted[start]
        if shape != node.shape or _kind(node.name) not in ("", _kind(name)):
            return None
        self._forget(start)
        self._now[name] = node.name
        if len(self._now) > len(self.names):
            self.names = dict(self._now)
        return start + 1

    def _forget(self, start: int) -> None:
        for name, _ in self._wanted[start:]:
            if self._now.pop(name, None) is None:
                break


def write_mapping(path: Path, names: Mapping[str, str | None], unused: Sequence[str]) -> None:
    """Write a mapping for editing: null where a weight has no tensor yet."""
    plain = {
        "note": "The file's tensor of each weight of the network. Edit it and give it back with --mapping.",
        "mapping": dict(names),
        "unused": list(unused),
    }
    write_whole_text(path, json.dumps(plain, indent=2, ensure_ascii=False) + "\n")


def read_mapping(
    path: Path, wanted: Mapping[str, Shape], found: Mapping[str, Shape]
) -> WeightMapping:
    """Read back an edited mapping and check it against both sides.

    Raises UserError for a file that can't be read, or a mapping that names no weight, no tensor, one tensor twice, or
    another shape.
    """
    remedy = "Edit the mapping that `fusion3d bundle make` wrote."
    try:
        plain: Any = json.loads(read_bounded(path, _LARGEST_FILE))
        names = dict(plain["mapping"])
    except OSError as error:
        raise UserError(f"can't be read ({error.strerror})", path=path) from None
    except (ValueError, RecursionError, KeyError, TypeError):
        raise UserError("it holds no mapping", path=path, remedy=remedy) from None
    needed = {name: shape for name, shape in wanted.items() if not name.endswith(_COUNTER)}
    for name, shape in needed.items():
        source = names.get(name)
        if not isinstance(source, str) or source not in found:
            told = f"{source!r}, which the weights file has not" if source else "no tensor"
            raise UserError(f"weight {name} is mapped to {told}", path=path, remedy=remedy)
        if found[source] != shape:
            raise UserError(
                f"weight {name} is {_text(shape)}, but {source} is {_text(found[source])}",
                path=path,
                remedy=remedy,
            )
    used = Counter(names[name] for name in needed)
    twice = [source for source, count in used.items() if count > 1]
    if twice:
        raise UserError(f"{twice[0]} is mapped to two weights", path=path, remedy=remedy)
    return WeightMapping({name: str(names[name]) for name in needed}, False, 0)


def mapped(names: Mapping[str, str], found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors by the network's names."""
    return {name: found[source] for name, source in names.items()}
