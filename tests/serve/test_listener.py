"""What is pushed and fits comes back as a result, exactly once; everything else is held for a person."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from fusion3d_gui.cli.parser import run
from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.simulated import SIMULATED
from fusion3d_gui.inference.fit.judge import judge_case
from fusion3d_gui.inference.predictor import load_predictor
from fusion3d_gui.pacs.nodes.node_file import write_nodes
from fusion3d_gui.pacs.queues.inbox import Inbox
from fusion3d_gui.progress import no_progress
from fusion3d_gui.report.audit.verify import verify
from fusion3d_gui.serve.listener import NO_NODE
from fusion3d_gui.serve.series_job import Held, predict_series
from fusion3d_gui.shipped import models_dir, resources_dir
from tests.benchmarks.fuzz_listener import CALLED, CALLER, fuzz, still_serves
from tests.pacs.conftest import free_port, make_series, needs_orthanc, nodes_of
from tests.pacs.test_send import stored
from tests.serve.conftest import OWN, SENDER, head_series, meant_for_mr, push, wait_for

IDENTITY = ("Nemo", "Nina", "N-17")


@pytest.fixture
def server(emptied):
    return emptied


@pytest.fixture
def target(server):
    return nodes_of(server, free_port())["get"]


def idle(inbox: Inbox) -> bool:
    return all(each.state in ("sent", "held") for each in inbox.series())


@needs_orthanc
def test_a_pushed_series_comes_back_as_a_result_and_what_is_unsure_is_held(
    listening, bundle, inbox, outbox, server, target, dcmtk, tmp_path
):
    files = head_series(tmp_path / "good", "good")
    held = {
        "ct": "the model is meant for MR",
        "simulated": "is not marked as a test system",
        "one": "slice",
        "two": "can't be read|2 volumes",
    }
    pushed = {
        "ct": head_series(tmp_path / "ct", "ct", modality="CT"),
        "simulated": head_series(tmp_path / "s", "simulated", ImageComments=SIMULATED),
        "one": head_series(tmp_path / "one", "one")[12:13],
        "two": _two_volumes(tmp_path / "two"),
    }
    with listening(bundle, target) as (port, told):
        sent = dcmtk(
            "storescu", "-aet", SENDER, "-aec", OWN, "127.0.0.1", str(port), *map(str, files)
        )
        assert sent.returncode == 0, sent.stderr
        for each in pushed.values():
            assert {state for state, _ in push(port, each)} == {"accepted"}
        wait_for(lambda: len(inbox.series()) == 5 and idle(inbox))
    found = {each.series_uid: each for each in inbox.series()}
    good = found[str(pydicom.dcmread(files[0]).SeriesInstanceUID)]
    assert good.state == "sent" and not inbox.images_of(good.id).exists()
    for name, reason in held.items():
        series = found[str(pydicom.dcmread(pushed[name][0]).SeriesInstanceUID)]
        assert series.state == "held"
        assert any(each in series.reason for each in reason.split("|")), (name, series.reason)
        assert len(list(inbox.images_of(series.id).iterdir())) == len(pushed[name])
    # Nothing but the one result went out, into its study, under its patient.
    assert stored(server) == sorted(inbox.result_uids(good.id))
    assert {item.study_uid for item in outbox.items()} == {good.study_uid}
    assert {item.patient_id for item in outbox.items()} == {"N-17"}
    assert len(told.predicted) == 2 and len(told.left) == 1  # the simulated one was predicted
    # What is held is told to the audit log, too.
    assert sorted(each.reason for each in told.held) == sorted(
        each.reason for each in found.values() if each.state == "held"
    )
    text = "\n".join(told.lines) + "".join(each.reason for each in inbox.series())
    assert not any(word in text for word in (*IDENTITY, good.study_uid, good.series_uid))


def test_what_the_model_doubts_only_once_it_sees_the_image_is_held(tmp_path):
    case = open_volume(resources_dir() / "demo" / "negative.nii.gz")
    predictor = load_predictor(models_dir() / "demo-image-only", "cpu")
    upside_down = np.ascontiguousarray(case.voxels[::-1])
    for name, voxels in (("as it is", case.voxels), ("upside down", upside_down)):
        folder = tmp_path / name
        volume = replace(case, voxels=voxels, modality="MR", description="T1 brain")
        given = {"PatientName": "Nemo^Nina", "PatientID": "N-17", "StudyDate": "20260102"}
        write_dicom_series(volume, folder, attributes=given, uid_seed=name)
        # The header says the same of both.
        assert judge_case(predictor.info, open_volume(folder), {}).fit == "fits"
        if name == "as it is":
            made = predict_series(predictor, folder, tmp_path / "made", no_progress)
            assert made.result.prediction.fit.fit == "fits"
        else:
            with pytest.raises(Held, match="doubtful: By its outline and grey values"):
                predict_series(predictor, folder, tmp_path / "not made", no_progress)
            assert not (tmp_path / "not made").exists()


def _two_volumes(folder: Path) -> list[Path]:
    """One series of two orientations."""
    first = head_series(folder / "a", "two")
    second = head_series(folder / "b", "two-b")
    head = pydicom.dcmread(first[0])
    for file in second:
        dataset = pydicom.dcmread(file)
        dataset.StudyInstanceUID = head.StudyInstanceUID
        dataset.SeriesInstanceUID = head.SeriesInstanceUID
        dataset.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
        x, y, z = dataset.ImagePositionPatient
        dataset.ImagePositionPatient = [z, x, y]
        dataset.save_as(file)
    return [*first, *second]


def test_the_header_must_give_what_the_model_requires(listening, make_bundle, inbox, tmp_path):
    folder = meant_for_mr(make_bundle("concat"))
    schema = folder / "configs" / "schema.json"
    plain = json.loads(schema.read_text())
    for field in plain:
        field["required"] = field["name"] in ("age", "sex")
    schema.write_text(json.dumps(plain))
    with listening(folder, None) as (port, told):
        push(port, head_series(tmp_path / "a", "given"))
        push(port, head_series(tmp_path / "b", "no age", PatientAge=""))
        wait_for(lambda: len(inbox.series()) == 2 and idle(inbox))
    given, missing = inbox.series()
    # It was predicted, with the header's values, and without a node nothing is forwarded.
    assert (given.state, given.reason) == ("held", NO_NODE)
    values = told.predicted[0].result.prediction.metadata
    assert (values["age"], values["sex"]) == (71, "F")
    assert missing.state == "held" and "age is missing" in missing.reason
    assert not inbox.result_of(missing.id).exists()


def test_a_model_that_no_header_can_serve_is_refused(make_bundle, capsys):
    folder = make_bundle("concat")
    schema = folder / "configs" / "schema.json"
    plain = json.loads(schema.read_text())
    for field in plain:
        field["required"] = True
    schema.write_text(json.dumps(plain))
    assert run(["pacs", "listen", "--model", str(folder), "--allow", SENDER]) == 2
    assert "Diabetes" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, problem",
    [
        ([], "--model is missing"),
        (["--model", "BUNDLE"], "nobody is let in"),
        (["--model", "BUNDLE", "--allow", "A", "--to", "nowhere"], "no node nowhere"),
        (["--model", "BUNDLE", "--allow", "A", "--quiet", "0"], "--quiet"),
        (["--model", "BUNDLE", "--allow", "A", "--port", "70000"], "port"),
        (["--again", "7"], "no series 7"),
        (["--drop", "7"], "no series 7 is held"),
    ],
)
def test_a_wrong_call_is_one_line(arguments, problem, bundle, capsys):
    call = [str(bundle) if each == "BUNDLE" else each for each in arguments]
    assert run(["pacs", "listen", *call]) == 2
    said = capsys.readouterr().err
    assert problem in said and said.count("\n") == 1


def test_only_one_listener_has_an_inbox(listening, bundle, inbox, outbox):
    with (
        listening(bundle, None),
        pytest.raises(UserError, match="another listener has it"),
        listening(bundle, None),
    ):
        pass


@needs_orthanc
def test_kill_9_and_restart_lose_and_repeat_nothing(bundle, server, target, tmp_path, capsys):
    config = tmp_path / "config"
    write_nodes(config / "pacs.json", [target])
    environment = {
        **os.environ,
        "FUSION3D_CONFIG_DIR": str(config),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }
    port = free_port()
    program = [sys.executable, "-m", "fusion3d_gui", "pacs", "listen", "--model", str(bundle)]
    program += ["--allow", SENDER, "--to", target.name, "--port", str(port), "--quiet", "1"]

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            if "Listening" in line:
                return process
        raise AssertionError(process.wait())

    def kill(process: subprocess.Popen[str]) -> None:
        process.send_signal(signal.SIGKILL)
        process.wait()

    inbox = Inbox(config / "inbox")
    series = [head_series(tmp_path / name, name) for name in ("one", "three")]
    process = start()
    push(port, series[0])
    push(port, series[1][:9])
    wait_for(lambda: any(each.state == "predicting" for each in inbox.series()))
    kill(process)
    process = start()
    try:
        assert {state for state, _ in push(port, series[1])} == {"accepted"}  # its sender goes on
        wait_for(lambda: {each.state for each in inbox.series()} == {"sent"})
    finally:
        process.terminate()
    assert process.wait(60) == 0
    uids = [uid for each in inbox.series() for uid in inbox.result_uids(each.id)]
    assert stored(server) == sorted(uids)
    assert [each.images for each in inbox.series()] == [24, 24]
    assert not list((config / "inbox" / "series").iterdir())
    verdict = verify(config / "audit")
    assert not verdict.problems and verdict.entries >= 4


@needs_orthanc
def test_a_result_that_was_made_before_the_program_ended_is_sent_once(
    listening, bundle, inbox, outbox, server, target, tmp_path
):
    """The program ended after the result was put into the outbox, before the inbox knew it."""
    from fusion3d_gui.serve.intake import InboxBounds, Intake

    files = head_series(tmp_path / "a", "a")
    for file in files:
        head = pydicom.dcmread(file)
        uids = (str(head.SOPClassUID), str(head.SOPInstanceUID))
        Intake(inbox, InboxBounds(), 0.0).take(b"", file.read_bytes(), uids, SENDER)
    series = inbox.begin()
    inbox.result_of(series.id).mkdir()
    results = head_series(tmp_path / "result", "a")[:2]  # stand-ins of the same study
    for number, file in enumerate(results):
        dataset = pydicom.dcmread(file)
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
        dataset.save_as(inbox.result_of(series.id) / file.name)
    assert inbox.keep_result(series.id, ["1.2.3.0", "1.2.3.1"])
    made = sorted(inbox.result_of(series.id).iterdir())
    assert outbox.add(made, target, series.study_uid) == (2, 0)
    with listening(bundle, target):
        wait_for(lambda: idle(inbox))
    assert [each.state for each in inbox.series()] == ["sent"]
    assert stored(server) == ["1.2.3.0", "1.2.3.1"]


def test_the_status_names_nobody(inbox, tmp_path, monkeypatch, capsys):
    from fusion3d_gui.serve.intake import InboxBounds, Intake

    monkeypatch.setenv("FUSION3D_CONFIG_DIR", str(inbox.folder.parent))
    (file, *_) = head_series(tmp_path / "a", "a")
    head = pydicom.dcmread(file)
    uids = (str(head.SOPClassUID), str(head.SOPInstanceUID))
    content = file.read_bytes()
    Intake(inbox, InboxBounds(), 30.0).take(b"", content, uids, "SENDER\x1b[2J")
    inbox.hold(1, "a reason")
    assert run(["pacs", "listen", "--status", "--json"]) == 0
    said = capsys.readouterr().out
    (entry,) = json.loads(said)["series"]
    assert (entry["number"], entry["state"], entry["reason"]) == (1, "held", "a reason")
    assert run(["pacs", "listen", "--status"]) == 0
    said += capsys.readouterr().out
    assert "1 held." in said and "\x1b" not in said
    named = (*IDENTITY, str(head.StudyInstanceUID), str(head.SeriesInstanceUID))
    assert not any(word in said for word in named)
    assert run(["pacs", "listen", "--drop", "1"]) == 0
    assert inbox.series() == []


def test_random_messages_end_nothing(receive, inbox, tmp_path):
    assert (CALLER, CALLED) == (SENDER, OWN)
    # The listener, not the sender, gives up what is not finished.
    port = receive(most_associations=16, largest_bytes=2 << 20, wait_s=2.0)
    tally = fuzz(port, tmp_path / "fuzz", 100, 7, 8, answer_s=60.0)
    assert tally.intruders_let_in == 0
    assert tally.answers["association accepted"] and tally.answers["association rejected"]
    assert still_serves(port, make_series(tmp_path / "last", "last", count=2))
    assert np.all([each.images <= 5 for each in inbox.series()])
