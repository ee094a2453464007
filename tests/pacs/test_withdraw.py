"""What was sent is withdrawn once, by a note that names it, where the node has it."""

from __future__ import annotations

import io
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import pydicom
import pytest
import requests

from fusion3d_gui.cli.parser import run
from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.connect import connect
from fusion3d_gui.pacs.nodes.node_file import write_nodes
from fusion3d_gui.pacs.orthanc import PASSWORD, USER
from fusion3d_gui.pacs.peer import Outcome
from fusion3d_gui.pacs.queues.outbox import Outbox
from fusion3d_gui.pacs.queues.withdraw import TITLE, withdraw, withdrawable, withdrawable_of_study
from fusion3d_gui.report.audit.verify import verify
from fusion3d_gui.report.dicom.withdrawal_note import SentObject, withdrawal_note
from tests.pacs.conftest import make_series, needs_orthanc, nodes_of
from tests.pacs.test_send import dimse_nowhere, study_of, uids_of


@pytest.fixture
def outbox(tmp_path) -> Outbox:
    return Outbox(tmp_path / "outbox")


@pytest.fixture
def results(tmp_path) -> list[Path]:
    return make_series(tmp_path / "results", "results", count=3, PatientName="Žižková^Anežka")


@pytest.fixture
def accepted(outbox, results):
    """A node that has accepted the results."""
    node = dimse_nowhere(is_test=True)
    outbox.add(results, node, study_of(results), only_test="a test", title="A result")
    _accept(outbox, node)
    return node


def _accept(outbox: Outbox, node, state="accepted") -> None:
    for item in outbox.claim(node.name, 9):
        outbox.settle(item, Outcome(state))


def _dciodvfy(path: Path) -> list[str]:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (Debian's dicom3tools) is not installed")
    said = subprocess.run(["dciodvfy", path], capture_output=True, text=True, errors="replace")
    lines = (said.stdout + said.stderr).splitlines()
    assert lines
    return [line for line in lines if line.startswith(("Error", "Abort"))]


@pytest.mark.parametrize(
    "reason, code, title",
    [
        ("safety", "113037", "Rejected for Patient Safety Reasons"),
        ("quality", "113001", "Rejected for Quality Reasons"),
    ],
)
def test_the_note_names_what_it_withdraws(outbox, accepted, results, reason, code, title):
    items = withdrawable_of_study(outbox.items(), accepted, study_of(results))
    path = withdraw(outbox, accepted, items, reason)
    assert _dciodvfy(path) == []
    note, source = pydicom.dcmread(path), pydicom.dcmread(results[0])
    assert note.SOPClassUID.name == "Key Object Selection Document Storage"
    (concept,) = note.ConceptNameCodeSequence
    assert (concept.CodeValue, concept.CodingSchemeDesignator) == (code, "DCM")
    assert concept.CodeMeaning == title
    for keyword in ("StudyInstanceUID", "PatientID", "PatientName", "StudyDate", "StudyID"):
        assert note[keyword].value == source[keyword].value
    assert "RESEARCH ONLY" in note.SeriesDescription
    named = [
        (str(each.ReferencedSOPClassUID), str(each.ReferencedSOPInstanceUID))
        for item in note.ContentSequence
        for each in item.get("ReferencedSOPSequence", [])
    ]
    assert sorted(uid for _, uid in named) == uids_of(results)
    assert {each for each, _ in named} == {str(source.SOPClassUID)}


def test_a_report_is_referred_to_as_a_document_and_an_image_as_an_image(results):
    study = pydicom.dcmread(results[0])
    sent = [
        SentObject("1.2.840.10008.5.1.4.1.1.88.34", "1.2.1", "1.2.8"),  # report
        SentObject("1.2.840.10008.5.1.4.1.1.66.4", "1.2.2", "1.2.9"),  # segmentation
        SentObject("1.2.840.10008.5.1.4.1.1.11.1", "1.2.3", "1.2.10"),  # presentation state
    ]
    note = withdrawal_note(study, sent, "safety", datetime(2026, 11, 29))
    kinds = {
        str(item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID): item.ValueType
        for item in note.ContentSequence
        if "ReferencedSOPSequence" in item
    }
    assert kinds == {"1.2.1": "COMPOSITE", "1.2.2": "IMAGE", "1.2.3": "COMPOSITE"}


def test_an_object_is_withdrawn_once(outbox, accepted, results):
    items = withdrawable_of_study(outbox.items(), accepted, study_of(results))
    withdraw(outbox, accepted, items)
    assert {item.shown_state for item in outbox.items() if item.title != TITLE} == {"withdrawing"}
    with pytest.raises(UserError, match="withdrawn already"):
        withdraw(outbox, accepted, items)
    with pytest.raises(UserError, match="withdrawn already"):
        withdrawable_of_study(outbox.items(), accepted, study_of(results))
    assert len(outbox.items()) == 4
    _accept(outbox, accepted)
    assert {item.shown_state for item in outbox.items() if item.title != TITLE} == {"withdrawn"}
    # The note itself is no result: nothing withdraws it.
    with pytest.raises(UserError):
        withdrawable_of_study(outbox.items(), accepted, study_of(results))


def test_a_note_that_was_refused_withdraws_nothing_and_another_may(outbox, accepted, results):
    items = withdrawable_of_study(outbox.items(), accepted, study_of(results))
    withdraw(outbox, accepted, items)
    _accept(outbox, accepted, "refused")
    assert {item.shown_state for item in outbox.items() if item.title != TITLE} == {"accepted"}
    items = withdrawable_of_study(outbox.items(), accepted, study_of(results))
    withdraw(outbox, accepted, items)
    _accept(outbox, accepted)
    assert {item.shown_state for item in outbox.items() if item.title != TITLE} == {"withdrawn"}


def test_what_a_node_has_not_is_not_withdrawn(outbox, results):
    node = dimse_nowhere()
    study = study_of(results)
    outbox.add(results, node, study)
    with pytest.raises(UserError, match="has not accepted"):
        withdrawable_of_study(outbox.items(), node, study)
    with pytest.raises(UserError, match="the node has it not"):
        withdraw(outbox, node, outbox.items())
    assert {item.title for item in outbox.items()} == {""}
    _accept(outbox, node, "refused")
    with pytest.raises(UserError, match="has not accepted"):
        withdrawable_of_study(outbox.items(), node, study)


def test_some_objects_of_a_study_and_those_of_one_sending(outbox, accepted, results, tmp_path):
    study = study_of(results)
    one = uids_of(results)[0]
    (item,) = withdrawable_of_study(outbox.items(), accepted, study, [one])
    assert item.uid == one
    with pytest.raises(UserError):
        withdrawable_of_study(outbox.items(), accepted, study, [one, "1.2.3"])
    assert {each.uid for each in withdrawable(outbox.items(), item)} == set(uids_of(results))
    # What was sent at another time is not withdrawn with it.
    dataset = pydicom.dcmread(results[0])
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    dataset.save_as(tmp_path / "later.dcm")
    outbox.add([tmp_path / "later.dcm"], accepted, study)
    _accept(outbox, accepted)
    assert len(withdrawable(outbox.items(), item)) == 3
    assert len(withdrawable_of_study(outbox.items(), accepted, study)) == 4


def test_a_note_about_what_only_a_test_system_may_have_goes_there_only(outbox, accepted, results):
    items = withdrawable_of_study(outbox.items(), accepted, study_of(results))
    withdraw(outbox, accepted, items)
    (note,) = (item for item in outbox.items() if item.title == TITLE)
    assert note.only_test == "a test"


def test_objects_of_several_studies_or_nodes_are_not_withdrawn_together(
    outbox, accepted, results, tmp_path
):
    other = make_series(tmp_path / "other", "other", count=1)
    outbox.add(other, accepted, study_of(other))
    _accept(outbox, accepted)
    with pytest.raises(UserError, match="nothing of this study"):
        withdraw(outbox, accepted, outbox.items())
    with pytest.raises(UserError, match="nothing of this study"):
        withdraw(outbox, accepted, [])


@needs_orthanc
@pytest.mark.parametrize("way", ["get", "web"])
def test_a_note_is_stored_by_the_node(
    way, emptied, move_port, results, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("FUSION3D_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("FUSION3D_SECRET_WEB", PASSWORD)
    node = nodes_of(emptied, move_port)[way]
    write_nodes(tmp_path / "config" / "pacs.json", [node])
    study = study_of(results)
    assert run(["pacs", "withdraw", way, study]) == 2
    assert "has not accepted" in capsys.readouterr().err
    assert run(["pacs", "send", way, *map(str, results), "--study", study]) == 0
    assert run(["pacs", "withdraw", way, study, "--why", "quality"]) == 0
    assert "3 objects withdrawn" in capsys.readouterr().out
    assert run(["pacs", "queue"]) == 0
    listed = capsys.readouterr().out.split("\n")
    assert [line.split()[0] for line in listed if line] == ["accepted"] + ["withdrawn"] * 3
    (note,) = (
        item for item in Outbox(tmp_path / "config" / "outbox").items() if item.title == TITLE
    )
    base = emptied.url.removesuffix("/dicom-web")
    sign_on = (USER, PASSWORD)
    (found,) = requests.post(f"{base}/tools/lookup", data=note.uid, auth=sign_on).json()
    content = requests.get(f"{base}{found['Path']}/file", auth=sign_on).content
    stored = pydicom.dcmread(io.BytesIO(content))
    assert stored.StudyInstanceUID == study and stored.Modality == "KO"
    assert connect(node, PASSWORD).has_instance(study, note.series_uid, note.uid)
    # What was sent and the note are in the audit log, without names.
    verdict = verify(tmp_path / "config" / "audit")
    assert (verdict.entries, verdict.problems) == (2, ())
    log = (tmp_path / "config" / "audit" / "audit.jsonl").read_text()
    assert log.count('"place":"pacs"') == 2 and '"withdraws":3' in log
    assert "Anežka" not in log and study not in log


def test_what_an_earlier_version_sent_says_why_it_stays(outbox, accepted, results, tmp_path):
    import sqlite3

    with sqlite3.connect(tmp_path / "outbox" / "outbox.sqlite") as database:
        database.execute("DELETE FROM study")
    items = withdrawable_of_study(outbox.items(), accepted, study_of(results))
    with pytest.raises(UserError, match="by an earlier version"):
        withdraw(outbox, accepted, items)
