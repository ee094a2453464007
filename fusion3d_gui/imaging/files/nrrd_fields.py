"""The fields of an NRRD header, checked before ITK sees the file.

ITK's reader of NRRD (NrrdIO) quotes a line that it can't read in a message of about 1000 characters, and copies a
number that is written as text to a place as long. It writes beyond both: what is longer ends the process.
"""

from __future__ import annotations

import re
from pathlib import Path

from fusion3d_gui.errors import UserError

#: Characters of a field's line. Comments and key/value pairs, which no message quotes, may be longer.
_LONGEST_LINE = 512
_LONGEST_NUMBER = 64
_CHUNK = 1 << 20


def nrrd_fields(path: Path, head: bytes, *, is_whole: bool) -> tuple[dict[str, str], int]:
    """The fields by name, in lower case without spaces, and where the header ends.

    ``head`` begins with the header; ``is_whole`` says whether it is all of the file. Raises UserError where the
    header has a line that is too long, or no end.
    """
    gap = re.search(rb"\n\n|\r\n\r\n", head)
    if gap is None and not is_whole:
        raise _wrong(path, f"its header has more than {len(head):,} bytes")
    text, end = (head, len(head)) if gap is None else (head[: gap.start()], gap.end())
    fields = {}
    for line in text.split(b"\n"):
        name, _, value = line.partition(b":")
        if line.startswith(b"#") or value.startswith(b"="):
            continue
        if len(line) > _LONGEST_LINE:
            raise _wrong(path, f"a line of its header has more than {_LONGEST_LINE} characters")
        key = name.decode("latin-1").lower().replace(" ", "")
        fields[key] = value.decode("latin-1").strip()
    return fields, end


def _wrong(path: Path, problem: str) -> UserError:
    return UserError(
        problem, path=path, remedy="Write the file again with the program it came from."
    )
