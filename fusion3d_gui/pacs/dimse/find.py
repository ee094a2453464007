"""C-FIND: studies, series and instances."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TypeVar

from pydicom.dataset import Dataset
from pynetdicom import build_context
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as FIND

from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.pacs.answers import instance_of, series_of, study_of
from fusion3d_gui.pacs.dimse.association import association, line_broken
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.query import (
    MOST_INSTANCES,
    MOST_SERIES,
    InstanceEntry,
    SeriesEntry,
    Study,
    StudyQuery,
)
from fusion3d_gui.progress import Progress, no_progress

_STUDY_KEYS = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyDate",
    "StudyTime",
    "StudyDescription",
    "ModalitiesInStudy",
    "StudyInstanceUID",
    "NumberOfStudyRelatedSeries",
    "NumberOfStudyRelatedInstances",
)
_SERIES_KEYS = (
    "SeriesInstanceUID",
    "Modality",
    "SeriesNumber",
    "SeriesDescription",
    "BodyPartExamined",
    "NumberOfSeriesRelatedInstances",
)
_INSTANCE_KEYS = ("SOPInstanceUID", "SOPClassUID", "InstanceNumber")

_PENDING = (0xFF00, 0xFF01)
#: Statuses of C-FIND that tell more than "failed" (PS3.4 table C.4-1).
_STATUSES = {
    0xA700: "the node is out of resources",
    0xA900: "the node does not understand the query",
    0xC000: "the node can't process the query",
}

T = TypeVar("T")


def find_studies(node: Node, query: StudyQuery, progress: Progress) -> list[Study]:
    """Studies that match; one more than the limit where there are more."""
    keys = {**dict.fromkeys(_STUDY_KEYS, ""), **query.keys}
    return _find(node, "STUDY", keys, _study, query.limit + 1, progress, query.matches)


def find_series(node: Node, study_uid: str, progress: Progress) -> list[SeriesEntry]:
    """The series of a study."""
    keys = {**dict.fromkeys(_SERIES_KEYS, ""), "StudyInstanceUID": study_uid}

    def series(answer: Dataset) -> SeriesEntry | None:
        return series_of(study_uid, partial(_text, answer))

    return _find(node, "SERIES", keys, series, MOST_SERIES, progress)


def find_instances(
    node: Node, study_uid: str, series_uid: str, progress: Progress, uid: str = ""
) -> list[InstanceEntry]:
    """The instances of a series, or one of them."""
    keys = {
        **dict.fromkeys(_INSTANCE_KEYS, ""),
        "StudyInstanceUID": study_uid,
        "SeriesInstanceUID": series_uid,
        "SOPInstanceUID": uid,
    }

    def instance(answer: Dataset) -> InstanceEntry | None:
        return instance_of(study_uid, series_uid, partial(_text, answer))

    return _find(node, "IMAGE", keys, instance, MOST_INSTANCES, progress)


def _find(
    node: Node,
    level: str,
    keys: Mapping[str, str],
    entry: Callable[[Dataset], T | None],
    limit: int,
    progress: Progress = no_progress,
    wanted: Callable[[T], bool] = lambda entry: True,
) -> list[T]:
    """Entries of the answers that are ``wanted``, at most ``limit``: the node is then told to stop."""
    question = Dataset()
    question.SpecificCharacterSet = "ISO_IR 192"
    question.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(question, keyword, value)
    found: list[T] = []
    with association(node, [build_context(FIND)]) as line:
        for answer in _answers(node, line.send_c_find(question, FIND, msg_id=1)):
            made = entry(answer)
            if made is not None and wanted(made):
                found.append(made)
            try:
                progress(0.0, f"{len(found):,} found")
            except Cancelled:
                line.send_c_cancel(1, query_model=FIND)
                raise
            if len(found) >= limit:
                line.send_c_cancel(1, query_model=FIND)
                line.abort()
                break
    return found


def _answers(node: Node, answers: Iterator[tuple[Dataset, Dataset | None]]) -> Iterator[Dataset]:
    for status, answer in answers:
        if "Status" not in status:
            raise line_broken(node)
        code = int(status.Status)
        if code in _PENDING:
            if answer is not None:
                yield answer
        elif code != 0:
            told = _STATUSES.get(code, "the query failed")
            raise UserError(f"{node.name}: {told} (status {code:04X})")


def _study(answer: Dataset) -> Study | None:
    return study_of(partial(_text, answer))


def _text(answer: Dataset, keyword: str) -> str:
    """An element as text, several values joined by backslashes; empty where it can't be read."""
    try:
        value = answer.get(keyword)
        if value is None:
            return ""
        parts = value if not isinstance(value, str) and hasattr(value, "__iter__") else [value]
        if keyword == "PatientName":
            parts = [value]
        return "\\".join(str(part).strip("\0 ") for part in parts)
    except Exception:  # noqa: BLE001 - pydicom raises whatever a stranger's bytes provoke
        return ""
