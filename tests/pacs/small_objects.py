"""DICOM objects of a few bytes, a node, and a peer that answers as it is told, for tests without a server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.peer import Outcome, Sink
from fusion3d_gui.pacs.query import InstanceEntry, SeriesEntry, Study, StudyQuery
from fusion3d_gui.progress import Progress

STUDY, SERIES = "1.2.3", "1.2.3.4"
CT = str(CTImageStorage)


def small_object(path: Path, uid: str, **attributes: object) -> Path:
    """Write a DICOM file without pixels of this instance UID."""
    dataset = Dataset()
    given = {
        "SOPClassUID": CT,
        "StudyInstanceUID": STUDY,
        "SeriesInstanceUID": SERIES,
        "PatientID": "P-1",
        "PatientName": "Test^Anna",
        "PatientBirthDate": "19700102",
        "StudyDate": "20260102",
        "StudyID": "S7",
        **attributes,
    }
    dataset.SOPInstanceUID = uid
    for keyword, value in given.items():
        setattr(dataset, keyword, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = uid
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def small_objects(folder: Path, count: int, **attributes: object) -> list[Path]:
    """So many files of one series, ``1.2.3.4.1`` and on."""
    return [
        small_object(folder / f"{n:03}.dcm", f"{SERIES}.{n}", **attributes)
        for n in range(1, count + 1)
    ]


def node(name: str = "P", **changes: object) -> Node:
    """A node that nothing listens for."""
    return Node(name, "dimse", ae_title="X", host="127.0.0.1", port=104, **changes)  # type: ignore[arg-type]


class AnsweringPeer:
    """A peer that answers as it is told, and keeps what it was asked.

    Parameters
    ----------
    outcomes
        What becomes of the files sent, in turn; an exception is raised.
    has
        UIDs of the instances that it has.
    patients
        IDs of the patients of the study that it has.
    commits
        To what it commits; an exception is raised.
    """

    def __init__(
        self,
        outcomes: Sequence[Outcome | Exception] = (),
        has: Sequence[str] = (),
        patients: Sequence[str] = (),
        commits: set[str] | Exception | None = None,
    ) -> None:
        self._outcomes = iter(outcomes)
        self._has = has
        self._patients = patients
        self._commits = commits
        self.asked: list[tuple[object, ...]] = []
        self.sent: list[list[Path]] = []

    def echo(self) -> None:
        self.asked.append(("echo",))

    def find_studies(self, query: StudyQuery, progress: Progress) -> list[Study]:
        progress(0.5, "Asking")
        self.asked.append(("studies", query))
        return [Study(query.study_uid, patient_id=each) for each in self._patients]

    def find_series(self, study_uid: str, progress: Progress) -> list[SeriesEntry]:
        return []

    def find_instances(
        self, study_uid: str, series_uid: str, progress: Progress
    ) -> list[InstanceEntry]:
        return []

    def has_instance(self, study_uid: str, series_uid: str, uid: str) -> bool:
        self.asked.append(("has", study_uid, series_uid, uid))
        return uid in self._has

    def fetch(self, instances: Sequence[InstanceEntry], sink: Sink) -> None:
        raise AssertionError("nothing is to be fetched")

    def send(self, files: Sequence[Path], told: Callable[[int, Outcome], None]) -> None:
        self.sent.append(list(files))
        for number in range(len(files)):
            outcome = next(self._outcomes, Outcome("accepted"))
            if isinstance(outcome, Exception):
                raise outcome
            told(number, outcome)

    def commit(self, classes: Mapping[str, str]) -> set[str]:
        self.asked.append(("commit", dict(classes)))
        if isinstance(self._commits, Exception):
            raise self._commits
        return set(classes) if self._commits is None else self._commits

    def thumbnail(self, instance: InstanceEntry) -> np.ndarray | None:
        return None


class Clock:
    """The time of day as it is set; for ``time.time``."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now
