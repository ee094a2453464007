"""Queries over both ways agree with each other and with dcmtk's findscu."""

from __future__ import annotations

import re

import pydicom
import pytest

from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.pacs.connect import connect
from fusion3d_gui.pacs.orthanc import PASSWORD, Orthanc
from fusion3d_gui.pacs.query import Study, StudyQuery, middle_first, sorted_studies
from fusion3d_gui.progress import no_progress
from tests.pacs.conftest import make_series, needs_orthanc, nodes_of


@pytest.fixture(scope="module")
def names(tmp_path_factory, store, move_port):
    """A PACS with names in three character sets, and texts with signs that are wildcards elsewhere."""
    folder = tmp_path_factory.mktemp("names")
    people = [
        ("ISO_IR 100", "Müller^Jürgen", "N-1", "Kopf [nativ]", "20260101"),
        ("ISO_IR 192", "Müllner^Zoë", "N-2", "Kopf nativ", "20260102"),
        ("ISO_IR 192", "Yamada^Tarou=山田^太郎", "N-3", "頭部", "20260103"),
        ("ISO_IR 144", "Иванов^Пётр", "N-4", "Head", "20260104"),
        ("ISO_IR 192", "Mueller^Hans", "n*5", "Head", "20260105"),
    ]
    files = []
    for number, (charset, name, patient_id, description, date) in enumerate(people):
        (file,) = make_series(folder / str(number), f"names{number}", count=1)
        dataset = pydicom.dcmread(file)
        dataset.SpecificCharacterSet = charset
        dataset.PatientName, dataset.PatientID = name, patient_id
        dataset.StudyDescription, dataset.StudyDate = description, date
        dataset.AccessionNumber = f"A{number}"
        dataset.save_as(file)
        files.append(file)
    with Orthanc() as running:
        store(running, files)
        yield {
            way: connect(node, PASSWORD)
            for way, node in nodes_of(running, move_port).items()
            if way != "move"
        }


pytestmark = needs_orthanc
WAYS = pytest.mark.parametrize("way", ["get", "web"])


def ids(peer, **query) -> set[str]:
    return {study.patient_id for study in peer.find_studies(StudyQuery(**query), no_progress)}


@WAYS
@pytest.mark.parametrize(
    "query, expected",
    [
        ({"patient": "Mül"}, {"N-1", "N-2"}),
        ({"patient": "müller"}, {"N-1"}),
        ({"patient": "M*ller*"}, {"N-1", "n*5"}),
        ({"patient": "Иван"}, {"N-4"}),
        ({"patient_id": "N-2"}, {"N-2"}),
        ({"patient_id": "N-?"}, {"N-1", "N-2", "N-3", "N-4"}),
        ({"accession": "A3"}, {"N-4"}),
        ({"first_date": "2026-01-02", "last_date": "2026-01-03"}, {"N-2", "N-3"}),
        ({"first_date": "20260104"}, {"N-4", "n*5"}),
        ({"last_date": "20260101"}, {"N-1"}),
        ({"modality": "CT", "description": "ead"}, {"N-4", "n*5"}),
        ({"modality": "MR"}, set()),
        ({"description": "[nativ]"}, {"N-1"}),
    ],
)
def test_a_query_finds_what_it_names_and_nothing_else(names, way, query, expected):
    assert ids(names[way], **query) == expected


@WAYS
def test_names_of_every_character_set_arrive_as_they_are(names, way):
    found = {
        study.patient_id: study for study in names[way].find_studies(StudyQuery(), no_progress)
    }
    assert found["N-1"].patient == "Müller^Jürgen"
    assert found["N-4"].patient == "Иванов^Пётр"
    assert found["N-3"].patient.startswith("Yamada^Tarou=山田^太郎")
    assert found["N-3"].shown_patient == "Yamada, Tarou (山田, 太郎)"
    assert found["N-3"].description == "頭部"
    assert found["N-1"].modalities == ("CT",) and found["N-1"].instance_count == 1


@WAYS
def test_one_more_study_than_the_limit_says_that_there_are_more(names, way):
    assert len(names[way].find_studies(StudyQuery(limit=3), no_progress)) == 4


@WAYS
def test_a_query_is_cancelled(names, way):
    def cancel(fraction: float, message: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        names[way].find_studies(StudyQuery(), cancel)
    assert ids(names[way], patient_id="N-2") == {"N-2"}


def test_findscu_finds_the_same_studies(server, nodes, dcmtk):
    told = dcmtk(
        "findscu", "-S", "-aec", "ORTHANC", "-k", "QueryRetrieveLevel=STUDY",
        "-k", "PatientName=S*", "-k", "StudyInstanceUID", "127.0.0.1", str(server.dicom_port),
    )  # fmt: skip
    uids = set(re.findall(r"\(0020,000d\) UI \[([\d.]+)", told.stdout + told.stderr))
    for way in ("get", "web"):
        found = connect(nodes[way], PASSWORD).find_studies(StudyQuery(patient="S"), no_progress)
        assert {study.uid for study in found} == uids and len(uids) == 1


def test_series_and_instances_are_listed(peer, ct_files):
    header = pydicom.dcmread(ct_files[0])
    (series,) = peer.find_series(header.StudyInstanceUID, no_progress)
    assert (series.uid, series.modality) == (header.SeriesInstanceUID, "CT")
    assert series.instance_count == len(ct_files)
    found = peer.find_instances(series.study_uid, series.uid, no_progress)
    assert {each.uid for each in found} == {pydicom.dcmread(f).SOPInstanceUID for f in ct_files}
    assert {each.number for each in found} == set(range(1, 13))
    assert {each.sop_class for each in found} == {header.SOPClassUID}
    assert peer.has_instance(series.study_uid, series.uid, header.SOPInstanceUID)
    assert not peer.has_instance(series.study_uid, series.uid, "1.2.3")


def test_a_wrong_date_is_refused():
    for wrong in (
        {"first_date": "2026-13-01"},
        {"first_date": "20260102", "last_date": "20260101"},
    ):
        with pytest.raises(UserError):
            StudyQuery(**wrong)


def test_studies_are_sorted_and_those_without_a_value_come_last():
    studies = [Study("1", date="20260101"), Study("2"), Study("3", date="20260201", patient="b^x")]
    assert [study.uid for study in sorted_studies(studies)] == ["3", "1", "2"]
    assert [study.uid for study in sorted_studies(studies, descending=False)] == ["1", "3", "2"]
    assert [study.uid for study in sorted_studies(studies, "patient")] == ["3", "1", "2"]


def test_the_middle_and_the_ends_are_wanted_first():
    assert middle_first(list("abcdefg")) == ["d", "a", "g", "c", "e", "b", "f"]
    assert middle_first(list("ab")) == ["a", "b"]


def test_a_server_that_ignores_keys_is_filtered_here():
    query = StudyQuery(patient="Smith", modality="MR")
    assert query.matches(Study("1", patient="SMITH^J", modalities=("CT", "MR")))
    assert not query.matches(Study("1", patient="Jones^Smith", modalities=("MR",)))
    assert not query.matches(Study("1", patient="Smith", modalities=("CT",)))
