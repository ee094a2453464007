"""C-STORE: files as they are, byte for byte, to a node."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pynetdicom import build_context
from pynetdicom.association import Association

from fusion3d_gui.pacs.dimse.association import association, line_broken
from fusion3d_gui.pacs.file_identity import read_identity
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.peer import Outcome

#: Presentation contexts of one association (PS3.8 section 9.3.2.2).
_MOST_CONTEXTS = 126
#: Refused for lack of room, which may pass (PS3.4 table B.2-1: A7xx), and processing failure.
_MAY_PASS = (range(0xA700, 0xA800), range(0x0110, 0x0111))
_STATUSES = {
    0xA700: "the node has no room",
    0xA900: "the data does not match its class",
    0xC000: "the node does not understand it",
    0x0117: "the node finds its UID invalid",
    0x0122: "the node does not take this class",
    0x0124: "the node does not let you store",
}


def send(node: Node, files: Sequence[Path], told: Callable[[int, Outcome], None]) -> None:
    """Send files over as few associations as their classes and transfer syntaxes need."""
    kinds: dict[tuple[str, str], list[int]] = {}
    for number, file in enumerate(files):
        identity = read_identity(file)
        kinds.setdefault((identity.sop_class, identity.transfer_syntax), []).append(number)
    for some in _batches(list(kinds)):
        contexts = [build_context(sop_class, syntax) for sop_class, syntax in some]
        with association(node, contexts) as line:
            for kind in some:
                for number in kinds[kind]:
                    told(number, _send_one(node, line, files[number], kind))


def _batches(kinds: list[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    for start in range(0, len(kinds), _MOST_CONTEXTS):
        yield kinds[start : start + _MOST_CONTEXTS]


def _send_one(node: Node, line: Association, file: Path, kind: tuple[str, str]) -> Outcome:
    accepted = {(each.abstract_syntax, each.transfer_syntax[0]) for each in line.accepted_contexts}
    if kind not in accepted:
        what = (
            "this transfer syntax" if any(kind[0] == each for each, _ in accepted) else "this class"
        )
        return Outcome("refused", f"the node does not take objects of {what}")
    try:
        status = line.send_c_store(file)
    except (RuntimeError, ValueError, AttributeError):
        raise line_broken(node) from None
    if "Status" not in status:
        raise line_broken(node)
    code = int(status.Status)
    if code == 0 or 0xB000 <= code < 0xC000:
        return Outcome("accepted", f"with a warning (status {code:04X})" if code else "")
    known = next(
        (text for start, text in _STATUSES.items() if code & 0xFF00 == start or code == start), None
    )
    comment = str(status.get("ErrorComment", ""))
    reason = f"{known or 'refused'} (status {code:04X}{f': {comment}' if comment else ''})"
    passes = any(code in each for each in _MAY_PASS)
    return Outcome("failed" if passes else "refused", reason)
