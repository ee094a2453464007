"""``BidsName``: what the name of a file in a BIDS data set says (https://bids-specification.readthedocs.io)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: Folders of images by kind, below a participant's or a session's.
DATATYPES = ("anat", "dwi", "fmap", "func", "perf", "pet", "micr", "mrs", "ct")

_ENTITY = re.compile(r"([A-Za-z]+)-([A-Za-z0-9+]+)")


@dataclass(frozen=True)
class BidsName:
    """Entities and suffix of a name such as ``sub-01_ses-pre_run-1_T1w.nii.gz``.

    Parameters
    ----------
    entities
        Labels by key (``sub``, ``ses``, ``run``, ``acq`` ...), in the order of the name; ``sub`` is first.
    suffix
        The last part, e.g. ``T1w``.
    """

    entities: Mapping[str, str]
    suffix: str

    @classmethod
    def of(cls, path: Path) -> BidsName | None:
        """What the name of an image in NIfTI says; None where it does not follow BIDS."""
        stem = path.name
        for end in (".nii.gz", ".nii"):
            if stem.lower().endswith(end):
                stem = stem[: -len(end)]
                break
        else:
            return None
        *parts, suffix = stem.split("_")
        pairs = [_ENTITY.fullmatch(part) for part in parts]
        entities = {pair[1]: pair[2] for pair in pairs if pair}
        if len(entities) != len(parts) or next(iter(entities), "") != "sub" or not suffix.isalnum():
            return None
        return cls(entities, suffix)

    @property
    def participant(self) -> str:
        """E.g. ``sub-01``."""
        return f"sub-{self.entities['sub']}"

    @property
    def session(self) -> str:
        """E.g. ``ses-pre``; empty where the data set has no sessions."""
        return f"ses-{self.entities['ses']}" if "ses" in self.entities else ""

    @property
    def folder(self) -> Path:
        """Folder of the participant or of the session, relative to the data set."""
        return Path(self.participant, self.session)

    @property
    def text(self) -> str:
        """The name without its extension."""
        return "_".join((*(f"{key}-{label}" for key, label in self.entities.items()), self.suffix))


def data_set_of(image: Path, name: BidsName) -> Path:
    """The folder of the data set that an image lies in.

    The one that holds the participant's folder; where there is none, the nearest one above with a
    ``dataset_description.json`` or ``participants.tsv``; else the image's own.
    """
    above = image.absolute().parents
    for folder in above:
        if folder.name == name.participant:
            return folder.parent
    for folder in above:
        if any(
            (folder / each).is_file() for each in ("dataset_description.json", "participants.tsv")
        ):
            return folder
    return above[0]
