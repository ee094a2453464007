"""Random messages and mutants of real ones for the listening node, and what it answers."""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Sequence
from pathlib import Path

from pynetdicom import AE
from pynetdicom.sop_class import Verification

#: Types of units (PS3.8 section 9.3).
REQUEST, ACCEPTED, REJECTED, DATA, RELEASE, RELEASED, ABORT = 1, 2, 3, 4, 5, 6, 7
_INTERESTING = (b"\0", b"\xff" * 4, b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\\", b"\x1b$B", b"9" * 70)


def unit(kind: int, content: bytes, length: int | None = None) -> bytes:
    """A unit (PDU); ``length``: what its header claims."""
    return struct.pack(">BxL", kind, len(content) if length is None else length) + content


def units(stream: bytes) -> list[tuple[int, bytes]]:
    """The units of a recorded stream: type and content."""
    found, at = [], 0
    while at + 6 <= len(stream):
        kind, length = struct.unpack(">BxL", stream[at : at + 6])
        found.append((kind, stream[at + 6 : at + 6 + length]))
        at += 6 + length
    return found


def values(content: bytes) -> list[tuple[int, int, bytes]]:
    """The fragments of a data unit: presentation context, flags, bytes."""
    found, at = [], 0
    while at + 6 <= len(content):
        length, context, flags = struct.unpack(">LBB", content[at : at + 6])
        found.append((context, flags, content[at + 6 : at + 4 + length]))
        at += 4 + length
    return found


def data(context: int, flags: int, content: bytes) -> bytes:
    """A data unit of one fragment."""
    return unit(DATA, struct.pack(">LBB", len(content) + 2, context, flags) + content)


class Recording:
    """What a client of pynetdicom sends to store some files or to echo, by units."""

    def __init__(self, port: int, caller: str, files: Sequence[Path], called: str) -> None:
        import threading

        listener = socket.create_server(("127.0.0.1", 0))
        recorded: list[bytes] = []

        def relay() -> None:
            near, _ = listener.accept()
            far = socket.create_connection(("127.0.0.1", port))

            def back() -> None:
                while chunk := far.recv(1 << 16):
                    near.sendall(chunk)
                near.close()

            threading.Thread(target=back, daemon=True).start()
            while chunk := near.recv(1 << 16):
                recorded.append(chunk)
                far.sendall(chunk)
            far.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=relay, daemon=True)
        thread.start()
        client = AE(caller)
        client.add_requested_context(Verification)
        from pydicom import dcmread

        for file in files:
            head = dcmread(file, stop_before_pixels=True)
            client.add_requested_context(head.SOPClassUID, head.file_meta.TransferSyntaxUID)
        line = client.associate("127.0.0.1", listener.getsockname()[1], ae_title=called)
        assert line.is_established
        if files:
            for file in files:
                line.send_c_store(file)
        else:
            line.send_c_echo()
        line.release()
        thread.join(10)
        listener.close()
        self.units = units(b"".join(recorded))
        (self.request,) = (content for kind, content in self.units if kind == REQUEST)
        #: Messages: fragments of command and data set each.
        self.messages: list[list[tuple[int, int, bytes]]] = []
        for kind, content in self.units:
            for context, flags, part in values(content) if kind == DATA else []:
                if flags & 1 and (not self.messages or not self.messages[-1][-1][1] & 1):
                    self.messages.append([])
                self.messages[-1].append((context, flags, part))


def changed(content: bytes, chance: random.Random) -> bytes:
    """Some bytes of a content changed, cut out, put in, doubled or blown up."""
    made = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 4, 16))):
        at = chance.randrange(len(made) + 1)
        deed = chance.randrange(6)
        if deed == 0 and made:
            made[at % len(made)] = chance.randrange(256)
        elif deed == 1:
            del made[at:]
        elif deed == 2:
            made[at:at] = chance.randbytes(chance.choice((1, 2, 7, 300)))
        elif deed == 3:
            made[at:at] = made[at : at + chance.randrange(1, 200)]
        elif deed == 4:
            put = chance.choice(_INTERESTING)
            made[at : at + len(put)] = put
        else:
            del made[at : at + chance.randrange(1, 64)]
    return bytes(made)


def mutant(recordings: Sequence[Recording], chance: random.Random) -> tuple[str, list[bytes]]:
    """A kind and the pieces to send; an answer is awaited after the first of several."""
    recording = chance.choice(recordings)
    good = unit(REQUEST, recording.request)
    message = chance.choice(recording.messages)
    kind = chance.choice(KINDS)
    if kind == "random bytes":
        return kind, [chance.randbytes(chance.choice((1, 6, 74, 4000)))]
    if kind == "random unit":
        return kind, [unit(chance.randrange(256), chance.randbytes(chance.randrange(2000)))]
    if kind == "lying length":
        claimed = chance.choice((0, 1, 5, 1 << 16, (1 << 20) + 1, 0x7FFFFFFF, 0xFFFFFFFF))
        return kind, [unit(chance.choice((1, 4)), recording.request, claimed)]
    if kind == "changed request":
        return kind, [unit(REQUEST, changed(recording.request, chance)), *_sent(message)]
    if kind == "other caller":
        request = bytearray(recording.request)
        request[20:36] = chance.choice((b"INTRUDER", b"", b"FUSION3D", b"\xff" * 16)).ljust(16)
        return kind, [unit(REQUEST, bytes(request)), *_sent(message)]
    if kind == "changed command":
        parts = [(c, f, changed(p, chance) if f & 1 else p) for c, f, p in message]
        return kind, [good, *_sent(parts)]
    if kind == "changed data":
        parts = [(c, f, p if f & 1 else changed(p, chance)) for c, f, p in message]
        return kind, [good, *_sent(parts)]
    if kind == "changed fragments":
        parts = [
            (chance.choice((c, 1, 255, 0)), chance.choice((f, f, 0, 1, 2, 3, 255)), p)
            for c, f, p in message
        ]
        chance.shuffle(parts)
        return kind, [good, *_sent(parts)]
    if kind == "changed stream":
        return kind, [good, changed(b"".join(_sent(message)), chance)]
    if kind == "never ending":
        context = message[0][0]
        return kind, [good, *[data(context, chance.choice((0, 1)), bytes(60_000))] * 40]
    if kind == "many at once":
        return kind, [good, *_sent(message) * 30]
    odd = chance.choice((REQUEST, ACCEPTED, REJECTED, RELEASE, RELEASED, ABORT))
    return "odd order", [good, unit(odd, recording.request), *_sent(message)]


KINDS = (
    "random bytes",
    "random unit",
    "lying length",
    "changed request",
    "other caller",
    "changed command",
    "changed command",
    "changed data",
    "changed data",
    "changed data",
    "changed fragments",
    "changed stream",
    "never ending",
    "many at once",
    "odd order",
)


def _sent(message: Sequence[tuple[int, int, bytes]]) -> list[bytes]:
    return [data(context, flags, content) for context, flags, content in message]


def play(port: int, pieces: Sequence[bytes], answer_s: float) -> tuple[int, list[int]]:
    """Send pieces over a connection; the type of the first answer (0: none), and the statuses of C-STORE.

    An answer is awaited for so many seconds: a mutant may leave the listener waiting for the rest.
    """
    first, statuses = 0, []
    try:
        with socket.create_connection(("127.0.0.1", port), answer_s) as line:
            line.settimeout(answer_s)
            line.sendall(pieces[0])
            kind, _ = _answer(line)
            first = kind
            if kind == ACCEPTED:
                for piece in pieces[1:]:
                    line.sendall(piece)
                line.sendall(unit(RELEASE, bytes(4)))
                while kind not in (0, RELEASED, ABORT):
                    kind, content = _answer(line)
                    if kind == DATA:
                        statuses += filter(
                            None.__ne__, [_status(part) for *_, part in values(content)]
                        )
    except OSError:
        pass
    return first, statuses


def _answer(line: socket.socket) -> tuple[int, bytes]:
    head = _exactly(line, 6)
    if len(head) < 6:
        return 0, b""
    kind, length = struct.unpack(">BxL", head)
    return kind, _exactly(line, min(length, 1 << 20))


def _exactly(line: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count and (chunk := line.recv(count - len(found))):
        found += chunk
    return found


def _status(command: bytes) -> int | None:
    """The status (0000,0900) of a command in implicit VR."""
    at = command.find(b"\0\0\0\x09\x02\0\0\0")
    return None if at < 0 else int(struct.unpack("<H", command[at + 8 : at + 10])[0])
