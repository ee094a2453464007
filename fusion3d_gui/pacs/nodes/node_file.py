"""The user's list of nodes, in a JSON file beside the settings; their secrets are elsewhere."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import platformdirs

from fusion3d_gui.errors import UserError
from fusion3d_gui.input_file import read_bounded
from fusion3d_gui.output_file import whole_file
from fusion3d_gui.pacs.nodes.node import Node

_LARGEST_BYTES = 1_000_000
_MOST_NODES = 200


def node_file_path() -> Path:
    """The user's file of nodes; the variable FUSION3D_CONFIG_DIR moves its folder."""
    chosen = os.environ.get("FUSION3D_CONFIG_DIR")
    folder = Path(chosen) if chosen else platformdirs.user_config_path("fusion3d", appauthor=False)
    return folder / "pacs.json"


def read_nodes(path: Path) -> tuple[Node, ...]:
    """The nodes of a file, none where there is no file.

    Raises
    ------
    UserError
        It can't be read, or a node in it makes no sense: a node must never silently be another one.
    """
    try:
        plain = json.loads(read_bounded(path, _LARGEST_BYTES))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise UserError(f"can't be read ({error.strerror})", path=path) from None
    except (ValueError, RecursionError):
        raise UserError("is no JSON file of nodes", path=path, remedy="Delete it.") from None
    entries = plain.get("nodes") if isinstance(plain, dict) else None
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise UserError("is no JSON file of nodes", path=path, remedy="Delete it.")
    try:
        nodes = tuple(Node.from_json(each) for each in entries[:_MOST_NODES])
    except UserError as error:
        raise UserError(error.problem, path=path, remedy=error.remedy) from None
    if len({node.name for node in nodes}) < len(nodes):
        raise UserError("has two nodes of one name", path=path)
    return nodes


def write_nodes(path: Path, nodes: Sequence[Node]) -> None:
    """Keep these nodes, readable by the user only. Raises UserError where that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with whole_file(path, private=True) as partial:
            plain = {"nodes": [node.to_json() for node in nodes]}
            partial.write_text(json.dumps(plain, indent=2), encoding="utf-8")
    except OSError as error:
        raise UserError(f"can't be written ({error.strerror})", path=path) from None


def named_node(nodes: Sequence[Node], name: str) -> Node:
    """The node of this name. Raises UserError, which names those there are, where there is none."""
    for node in nodes:
        if node.name == name:
            return node
    there = ", ".join(node.name for node in nodes) or "none"
    raise UserError(f"there is no node {name}", remedy=f"Nodes: {there}.")
