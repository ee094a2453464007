"""``read_bids_folder``: the images of a BIDS data set with what its tables say of participants and sessions."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.files.bids_name import BidsName
from fusion3d_gui.inference.case_list.session_order import acquisition_time, in_session_order
from fusion3d_gui.input_file import read_bounded
from fusion3d_gui.table_file import TableRow, read_table_file

_LARGEST_SIDECAR_BYTES = 5_000_000
_MOST_IMAGES = 200_000
#: What lies here belongs to other data sets, or is no image of a participant.
_OTHER_FOLDERS = {"derivatives", "sourcedata", "rawdata", "code", "phenotype", "stimuli"}
#: BIDS writes a value that is not known so.
NOT_KNOWN = "n/a"


@dataclass(frozen=True)
class Cell:
    """A value of a table, as text, and the file and row that have it."""

    text: str
    path: Path
    row: int


@dataclass(frozen=True)
class BidsImage:
    """An image, what its name says, and the cells of its participant and session by column."""

    path: Path
    name: BidsName
    cells: Mapping[str, Cell]


@dataclass(frozen=True)
class BidsFolder:
    """A BIDS data set.

    Parameters
    ----------
    folder
        The data set.
    images
        Every image with a name of BIDS, in the order of their paths, but for
        :func:`~fusion3d_gui.inference.case_list.session_order.in_session_order`; those of derivatives and sources only
        where the folder is such a data set itself.
    participants
        Rows of ``participants.tsv`` by participant, in its order; empty where there is none.
    columns
        Columns of ``participants.tsv``, then those that only sessions have; without identifiers.
    about
        What ``participants.json`` and ``sessions.json`` say of columns.
    listing
        The ``participants.tsv``, or where it would lie.
    strange
        Number of images that are named ``sub-...`` but not as BIDS wants it.
    """

    folder: Path
    images: tuple[BidsImage, ...]
    participants: Mapping[str, TableRow]
    columns: tuple[str, ...]
    about: Mapping[str, Mapping[str, Any]]
    listing: Path
    strange: int = 0

    def cells_of(self, participant: str) -> Mapping[str, Cell]:
        """What ``participants.tsv`` says of a participant, by column."""
        row = self.participants.get(participant)
        return {} if row is None else _cells(self.listing, row, "participant_id")

    def chosen(self, suffix: str | None, entities: Mapping[str, str]) -> tuple[BidsImage, ...]:
        """The images of one kind.

        Parameters
        ----------
        suffix
            Last part of their names, such as ``T1w``; may be None where all are the same.
        entities
            Labels that their names must have, by key, e.g. ``{"ses": "pre"}``; an empty one: none.

        Raises
        ------
        UserError
            There is none, or there are several kinds.
        """
        fitting = [
            image
            for image in self.images
            if all(image.name.entities.get(key, "") == label for key, label in entities.items())
        ]
        kinds = sorted({image.name.suffix for image in fitting})
        found = tuple(image for image in fitting if suffix in (None, image.name.suffix))
        if not found:
            asked = [f"{key}-{label}" if label else f"no {key}" for key, label in entities.items()]
            asked += [suffix] if suffix else []
            of = f" of {', '.join(asked)}" if asked else ""
            has = kinds or sorted({image.name.suffix for image in self.images})
            raise UserError(
                f"it holds no image named sub-..._SUFFIX.nii.gz{of}",
                path=self.folder,
                remedy=f"It has: {', '.join(has)}."
                if has
                else "Name the folder that holds them; derivatives are a data set of their own.",
            )
        if suffix is None and len(kinds) > 1:
            raise UserError(
                f"it holds images of several kinds: {', '.join(kinds)}",
                path=self.folder,
                remedy="Choose one by --suffix.",
            )
        return found


def is_bids_folder(folder: Path) -> bool:
    """Whether a folder is a BIDS data set by the files at its top."""
    return any(
        (folder / name).is_file() for name in ("participants.tsv", "dataset_description.json")
    )


def read_bids_folder(folder: Path, participants: Path | None = None) -> BidsFolder:
    """Read names and tables of a BIDS data set; no image is opened.

    ``sub-.../sub-..._sessions.tsv`` overrides ``participants.tsv`` for the images of its sessions. Derivatives
    without participants (``DATA/derivatives/NAME``) have those of ``DATA``; ``participants`` names another list.

    Raises
    ------
    UserError
        A table can't be read, or lacks its column of identifiers.
    """
    listing = participants or folder / "participants.tsv"
    if not listing.is_file() and folder.absolute().parent.name == "derivatives":
        above = folder.absolute().parents[1] / "participants.tsv"
        listing = above if above.is_file() else listing
    rows: dict[str, TableRow] = {}
    columns: list[str] = []
    if listing.is_file():
        found = _rows(listing, "participant_id")
        columns = [name for name in found[0].cells if name != "participant_id"] if found else []
        rows = {row.cells["participant_id"]: row for row in found}
    about = {**_sidecar(folder / "sessions.json"), **_sidecar(listing.with_suffix(".json"))}
    strange = 0
    images: list[BidsImage] = []
    sessions: dict[str, Mapping[str, TableRow]] = {}
    sessions_of: dict[str, Path] = {}
    for path in _image_files(folder):
        name = BidsName.of(path)
        if name is None:
            strange += 1
            continue
        who = name.participant
        cells: dict[str, Cell] = {}
        if who in rows:
            cells = _cells(listing, rows[who], "participant_id")
        if name.session:
            if who not in sessions:
                sessions_of[who] = folder / who / f"{who}_sessions.tsv"
                sessions[who] = _sessions(sessions_of[who], about)
                columns += [
                    each
                    for row in list(sessions[who].values())[:1]
                    for each in row.cells
                    if each not in ("session_id", "acq_time", *columns)
                ]
            if name.session in sessions[who]:
                cells |= _cells(sessions_of[who], sessions[who][name.session], "session_id")
        images.append(BidsImage(path, name, cells))
        if len(images) > _MOST_IMAGES:
            raise UserError(f"holds more than {_MOST_IMAGES:,} images", path=folder)

    def times_of(who: str, labels: Iterable[str]) -> Mapping[str, datetime]:
        return _session_times(folder / who, labels, sessions[who])

    ordered = in_session_order(images, lambda image: image.name, times_of)
    return BidsFolder(folder, tuple(ordered), rows, tuple(columns), about, listing, strange)


def _session_times(
    folder: Path, labels: Iterable[str], rows: Mapping[str, TableRow]
) -> Mapping[str, datetime]:
    """When a participant's sessions were: by ``sessions.tsv``, else when the first scan of ``scans.tsv`` was."""
    found = {}
    for session in labels:
        row = rows.get(session)
        times = [] if row is None else [acquisition_time(row.cells.get("acq_time", ""))]
        scans = folder / session / f"{folder.name}_{session}_scans.tsv"
        if not any(times) and scans.is_file():
            times = [
                acquisition_time(scan.cells.get("acq_time", ""))
                for scan in _rows(scans, "filename")
            ]
        known = [time for time in times if time is not None]
        if known:
            found[session] = min(known)
    return found


def _rows(path: Path, key: str) -> Sequence[TableRow]:
    table = read_table_file(path)
    if key not in table.columns:
        raise UserError(f"there is no column {key!r}", path=path)
    return table.rows


def _sessions(path: Path, about: dict[str, Mapping[str, Any]]) -> Mapping[str, TableRow]:
    """Rows of a participant's sessions; what is said of their columns is added to ``about``."""
    if not path.is_file():
        return {}
    for name, said in _sidecar(path.with_suffix(".json")).items():
        about.setdefault(name, said)
    return {row.cells["session_id"]: row for row in _rows(path, "session_id")}


def _cells(path: Path, row: TableRow, key: str) -> dict[str, Cell]:
    return {
        name: Cell("" if text.lower() == NOT_KNOWN else text, path, row.number)
        for name, text in row.cells.items()
        if name not in (key, "acq_time")
    }


def _image_files(folder: Path) -> Iterator[Path]:
    for place, below, files in os.walk(folder):
        below[:] = sorted(
            name for name in below if not name.startswith(".") and name not in _OTHER_FOLDERS
        )
        for name in sorted(files):
            if name.startswith("sub-") and name.endswith((".nii", ".nii.gz")):
                yield Path(place, name)


def _sidecar(path: Path) -> dict[str, Mapping[str, Any]]:
    """Descriptions of the columns by name; empty where there is no such file."""
    if not path.is_file():
        return {}
    try:
        plain = json.loads(read_bounded(path, _LARGEST_SIDECAR_BYTES).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"it is not JSON ({error})", path=path) from None
    except OSError as error:
        raise UserError(f"can't be read ({error.strerror})", path=path) from None
    if not isinstance(plain, dict):
        raise UserError("it does not describe columns", path=path)
    return {name: about for name, about in plain.items() if isinstance(about, dict)}
