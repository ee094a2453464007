"""``WebPeer``: a node reached by DICOMweb."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from dicomweb_client.api import DICOMwebClient
from pydicom.datadict import tag_for_keyword

from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.answers import instance_of, series_of, study_of
from fusion3d_gui.pacs.file_identity import read_identity
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.peer import Outcome, Sink, Unreachable
from fusion3d_gui.pacs.query import (
    MOST_INSTANCES,
    MOST_SERIES,
    MOST_STUDIES,
    InstanceEntry,
    SeriesEntry,
    Study,
    StudyQuery,
    is_uid,
)
from fusion3d_gui.pacs.web.multipart import MalformedAnswer, PartTooLarge, boundary_of, parts
from fusion3d_gui.pacs.web.picture import MOST_BYTES, decoded_picture
from fusion3d_gui.pacs.web.session import (
    CONNECT_S,
    CONNECTIONS,
    WebSession,
    status_problem,
    told_failures,
)
from fusion3d_gui.progress import Progress

_CHUNK = 1 << 18
_AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_STUDY_FIELDS = (
    "StudyDescription",
    "ModalitiesInStudy",
    "NumberOfStudyRelatedSeries",
    "NumberOfStudyRelatedInstances",
    "PatientBirthDate",
    "PatientSex",
)
_SERIES_FIELDS = ("SeriesDescription", "BodyPartExamined", "NumberOfSeriesRelatedInstances")
#: Failure reasons of STOW-RS that tell more than "refused" (PS3.18 table 10.5.3-3, PS3.4 B.2.3).
_FAILURES = {
    0xA700: "the service has no room",
    0x0110: "the service failed",
    0x0117: "the service finds its UID invalid",
    0x0122: "the service does not take this class",
    0x0124: "the service does not let you store",
}


class WebPeer:
    """See :class:`~fusion3d_gui.pacs.peer.Peer`."""

    def __init__(self, node: Node, secret: str) -> None:
        self.node = node
        self._session = WebSession(node, secret)
        self._wait = (CONNECT_S, node.answer_s)
        self._client = DICOMwebClient(
            node.url.rstrip("/"), session=self._session, permissive_uid=True, timeout=self._wait
        )
        self._client.set_http_retry_params(retry=False)

    def echo(self) -> None:
        """QIDO-RS for one study: DICOMweb has no echo."""
        self._ask(lambda: self._client.search_for_studies(limit=1))

    def find_studies(self, query: StudyQuery, progress: Progress) -> list[Study]:
        """QIDO-RS for studies."""
        progress(0.0, "Asking")
        keys = {keyword: _widened(value) for keyword, value in query.keys.items()}
        # What is asked for more widely than meant is filtered here: the limit holds for what is left.
        limit = (query.limit if keys == query.keys else MOST_STUDIES) + 1
        answers = self._ask(
            lambda: self._client.search_for_studies(
                limit=limit, fields=_STUDY_FIELDS, search_filters=keys
            )
        )
        progress(1.0, f"{len(answers):,} found")
        found = (study_of(partial(_text, answer)) for answer in answers[:limit])
        wanted = [study for study in found if study is not None and query.matches(study)]
        return wanted[: query.limit + 1]

    def find_series(self, study_uid: str, progress: Progress) -> list[SeriesEntry]:
        """QIDO-RS for the series of a study."""
        progress(0.0, "Asking")
        answers = self._ask(
            lambda: self._client.search_for_series(study_uid, fields=_SERIES_FIELDS)
        )
        found = (series_of(study_uid, partial(_text, each)) for each in answers[:MOST_SERIES])
        return [each for each in found if each is not None]

    def find_instances(
        self, study_uid: str, series_uid: str, progress: Progress
    ) -> list[InstanceEntry]:
        """QIDO-RS for the instances of a series."""
        progress(0.0, "Asking")
        return self._instances(study_uid, series_uid, {})

    def has_instance(self, study_uid: str, series_uid: str, uid: str) -> bool:
        """QIDO-RS for one instance."""
        found = self._instances(study_uid, series_uid, {"SOPInstanceUID": uid})
        return any(each.uid == uid for each in found)

    def _instances(
        self, study_uid: str, series_uid: str, filters: dict[str, str]
    ) -> list[InstanceEntry]:
        answers = self._ask(
            lambda: self._client.search_for_instances(study_uid, series_uid, search_filters=filters)
        )
        found = (
            instance_of(study_uid, series_uid, partial(_text, each))
            for each in answers[:MOST_INSTANCES]
        )
        return [each for each in found if each is not None]

    def fetch(self, instances: Sequence[InstanceEntry], sink: Sink) -> None:
        """WADO-RS, instance by instance over a few connections: in order, and nothing comes twice."""
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            waiting = [threads.submit(self._fetch_one, each, sink) for each in instances]
            try:
                for each in waiting:
                    each.result()
            finally:
                for each in waiting:
                    each.cancel()

    def _fetch_one(self, instance: InstanceEntry, sink: Sink) -> None:
        sink.check_cancelled()
        with (
            told_failures(self.node),
            self._session.get(
                self._address(instance),
                headers={"Accept": _AS_STORED},
                stream=True,
                timeout=self._wait,
            ) as answer,
        ):
            if answer.status_code != 200:
                raise status_problem(self.node, answer.status_code)
            try:
                boundary = boundary_of(answer.headers.get("Content-Type", ""))
                for part in parts(answer.iter_content(_CHUNK), boundary, sink.largest_bytes):
                    sink.receive([part])
            except MalformedAnswer:
                raise Unreachable(f"{self.node.name}: the line broke within an image") from None
            except PartTooLarge:
                raise UserError(f"{self.node.name}: an image is larger than is taken") from None

    def send(self, files: Sequence[Path], told: Callable[[int, Outcome], None]) -> None:
        """STOW-RS, one request for each file: each outcome is known by itself."""
        for number, file in enumerate(files):
            told(number, self._send_one(file))

    def _send_one(self, file: Path) -> Outcome:
        identity = read_identity(file)
        boundary = secrets.token_hex(16)

        def body() -> Iterator[bytes]:
            yield f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
            with file.open("rb") as source:
                while chunk := source.read(_CHUNK):
                    yield chunk
            yield f"\r\n--{boundary}--\r\n".encode()

        content = b"".join(body()) if file.stat().st_size < 4 * _CHUNK else body()
        with told_failures(self.node):
            answer = self._session.post(
                f"{self.node.url.rstrip('/')}/studies/{identity.study_uid}",
                data=content,
                headers={
                    "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
                    "Accept": "application/dicom+json",
                },
                timeout=self._wait,
            )
            return self._outcome(answer.status_code, answer.content, identity.uid)

    def _outcome(self, status: int, content: bytes, uid: str) -> Outcome:
        problem = status_problem(self.node, status)
        if status not in (200, 202, 409) and isinstance(problem, Unreachable):
            raise problem
        try:
            plain = json.loads(content)
            failed = _items(plain, "FailedSOPSequence")
            stored = _items(plain, "ReferencedSOPSequence")
        except (ValueError, RecursionError):
            failed, stored = [], []
        for item in failed:
            reason = _integer(item, "FailureReason") or 0
            told = _FAILURES.get(reason, "refused")
            state = "failed" if reason in (0xA700, 0x0110) and status != 409 else "refused"
            return Outcome(state, f"{told} (reason {reason:04X})")  # type: ignore[arg-type]
        if any(_text(item, "ReferencedSOPInstanceUID") == uid for item in stored):
            return Outcome("accepted")
        if status in (200, 202):
            return Outcome("failed", "the service does not say whether it has stored it")
        return Outcome("refused", problem.problem.partition(": ")[2])

    def commit(self, classes: Mapping[str, str]) -> set[str]:
        """DICOMweb of this program's kind knows no commitment."""
        return set()

    def thumbnail(self, instance: InstanceEntry) -> np.ndarray | None:
        """A rendered picture (PS3.18 section 10.4.1.1.3); None where the service renders none."""
        content = bytearray()
        try:
            with (
                told_failures(self.node),
                self._session.get(
                    f"{self._address(instance)}/rendered?viewport=128,128",
                    headers={"Accept": "image/jpeg"},
                    stream=True,
                    timeout=self._wait,
                ) as answer,
            ):
                if answer.status_code != 200:
                    return None
                for chunk in answer.iter_content(_CHUNK):
                    content += chunk
                    if len(content) > MOST_BYTES:
                        return None
        except UserError:
            return None
        return decoded_picture(bytes(content))

    def _address(self, instance: InstanceEntry) -> str:
        for uid in (instance.study_uid, instance.series_uid, instance.uid):
            if not is_uid(uid):
                raise ValueError("no UID")
        return (
            f"{self.node.url.rstrip('/')}/studies/{instance.study_uid}"
            f"/series/{instance.series_uid}/instances/{instance.uid}"
        )

    def _ask(self, ask: Callable[[], Any]) -> list[dict[str, Any]]:
        with told_failures(self.node):
            try:
                answers = ask()
            except (ValueError, RecursionError):
                raise UserError(
                    f"{self.node.name}: the answer is not that of a DICOMweb service",
                    remedy="Check the address.",
                ) from None
        if not isinstance(answers, list):
            answers = []
        return [each for each in answers if isinstance(each, dict)]


def _widened(value: str) -> str:
    """A value with a wildcard for every sign that an address can't hold as it is.

    Orthanc's DICOMweb 1.7 matches with the quoted sign, and would find nothing.
    """
    return re.sub(r"\*{2,}", "*", re.sub(r"[^A-Za-z0-9_.~?*-]", "*", value))


def _values(answer: dict[str, Any], keyword: str) -> list[Any]:
    """The values of an element in DICOM's JSON model (PS3.18 annex F)."""
    element = answer.get(f"{tag_for_keyword(keyword):08X}")
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []


def _text(answer: dict[str, Any], keyword: str) -> str:
    told = []
    for value in _values(answer, keyword):
        if isinstance(value, dict):
            groups = [value.get(each) for each in ("Alphabetic", "Ideographic", "Phonetic")]
            told.append("=".join(str(group or "") for group in groups).rstrip("="))
        elif isinstance(value, str | int | float):
            told.append(str(value).strip())
    return "\\".join(told)


def _integer(answer: dict[str, Any], keyword: str) -> int | None:
    try:
        return int(_text(answer, keyword))
    except ValueError:
        return None


def _items(answer: Any, keyword: str) -> list[dict[str, Any]]:
    if not isinstance(answer, dict):
        return []
    return [each for each in _values(answer, keyword) if isinstance(each, dict)]
