"""Results arrive exactly once, in their own study, or with a reason why not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
import requests

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.simulated import SIMULATED
from fusion3d_gui.pacs.connect import connect
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.nodes.node_file import write_nodes
from fusion3d_gui.pacs.orthanc import PASSWORD, USER, Orthanc
from fusion3d_gui.pacs.queues.outbox import BACK_OFF_S, Outbox
from fusion3d_gui.pacs.queues.send import send_waiting
from tests.pacs.conftest import free_port, make_series, needs_orthanc, nodes_of

STUDY_OF_NONE = "1.2.3.4"


@pytest.fixture(params=["get", "web"])
def target(request, emptied, move_port) -> Node:
    return nodes_of(emptied, move_port, answer_s=5.0)[request.param]


@pytest.fixture
def results(tmp_path) -> list[Path]:
    return make_series(tmp_path / "results", "results", count=5)


@pytest.fixture
def outbox(tmp_path) -> Outbox:
    return Outbox(tmp_path / "outbox")


def study_of(files: list[Path]) -> str:
    return str(pydicom.dcmread(files[0], stop_before_pixels=True).StudyInstanceUID)


def with_secret(node: Node):
    return connect(node, PASSWORD)


def stored(server: Orthanc) -> list[str]:
    """The UID of every instance that came in, as often as it came: Orthanc's own record."""
    base = server.url.removesuffix("/dicom-web")
    answer = requests.get(f"{base}/changes?limit=10000", auth=(USER, PASSWORD), timeout=30).json()
    ids = [each["ID"] for each in answer["Changes"] if each["ChangeType"] == "NewInstance"]
    tags = requests.get(f"{base}/instances?expand", auth=(USER, PASSWORD), timeout=30).json()
    uids = {each["ID"]: each["MainDicomTags"]["SOPInstanceUID"] for each in tags}
    return sorted(uids[each] for each in ids)


def count_of(server: Orthanc) -> int:
    """How many instances it has."""
    base = server.url.removesuffix("/dicom-web")
    answer = requests.get(f"{base}/statistics", auth=(USER, PASSWORD), timeout=30).json()
    return int(answer["CountInstances"])


def wait_until_it_answers(node: Node) -> None:
    until = time.monotonic() + 20.0
    while True:
        try:
            connect(node).echo()
        except UserError:
            assert time.monotonic() < until
            time.sleep(0.05)
        else:
            return


def uids_of(files: list[Path]) -> list[str]:
    return sorted(str(pydicom.dcmread(file).SOPInstanceUID) for file in files)


@needs_orthanc
def test_what_is_sent_arrives_byte_for_byte_and_once(emptied, target, outbox, results, tmp_path):
    assert outbox.add(results, target, study_of(results)) == (5, 0)
    assert outbox.add(results, target, study_of(results)) == (0, 5)
    done = send_waiting(outbox, [target], with_secret)
    assert (done.accepted, done.refused, done.waiting) == (5, 0, 0)
    assert stored(emptied) == uids_of(results)
    assert {item.state for item in outbox.items()} == {"accepted"}
    # Once more: nothing is sent again, also when the same files are put in once more.
    assert outbox.add(results, target, study_of(results)) == (0, 5)
    assert send_waiting(outbox, [target], with_secret).accepted == 0
    assert stored(emptied) == uids_of(results)
    base = emptied.url.removesuffix("/dicom-web")
    for number in requests.get(f"{base}/instances", auth=(USER, PASSWORD), timeout=9).json():
        content = requests.get(f"{base}/instances/{number}/file", auth=(USER, PASSWORD), timeout=9)
        (tmp_path / "back").write_bytes(content.content)
        came = pydicom.dcmread(tmp_path / "back")
        (source,) = (f for f in results if pydicom.dcmread(f).SOPInstanceUID == came.SOPInstanceUID)
        assert came == pydicom.dcmread(source)


def dimse_nowhere(**changes) -> Node:
    port = free_port()
    return Node("P", "dimse", ae_title="X", host="127.0.0.1", port=port, **changes)


def test_files_of_another_study_are_not_put_in(outbox, results):
    with pytest.raises(UserError, match="another study"):
        outbox.add(results, dimse_nowhere(), STUDY_OF_NONE)
    assert not outbox.items()


@pytest.mark.parametrize(
    "keyword, value, reason",
    [
        ("ImageComments", SIMULATED, "the scan is a simulated one"),
        (
            "SeriesDescription",
            "AI report: MISFIT RESEARCH ONLY, not for diagnosis",
            "not meant for",
        ),
        (
            "SeriesDescription",
            "AI heatmap: DEMO RESEARCH ONLY, not for diagnosis",
            "simulated cases",
        ),
    ],
)
def test_simulated_and_forced_results_go_to_test_systems_only(
    outbox, results, keyword, value, reason
):
    dataset = pydicom.dcmread(results[0])
    setattr(dataset, keyword, value)
    dataset.save_as(results[0])
    with pytest.raises(UserError, match=reason):
        outbox.add(results, dimse_nowhere(), study_of(results))
    assert not outbox.items()
    assert outbox.add(results, dimse_nowhere(is_test=True), study_of(results)) == (5, 0)


def test_a_node_that_is_no_test_system_any_more_gets_nothing(outbox, results):
    node = dimse_nowhere(is_test=True)
    outbox.add(results, node, study_of(results), only_test="a test")

    class Never:
        def send(self, files, told):
            assert not files

    unmarked = dimse_nowhere(is_test=False)
    done = send_waiting(outbox, [unmarked], lambda node: Never())
    assert done.refused == 5 and "not marked" in done.reasons[0]


def test_another_object_of_a_uid_is_not_put_in(outbox, results):
    node = dimse_nowhere()
    outbox.add(results, node, study_of(results))
    dataset = pydicom.dcmread(results[0])
    dataset.InstanceNumber = 99
    dataset.save_as(results[0])
    with pytest.raises(UserError, match="another object of its UID"):
        outbox.add(results, node, study_of(results))


def test_a_copy_that_was_changed_in_the_queue_is_not_sent(outbox, results, tmp_path):
    node = dimse_nowhere()
    outbox.add(results[:1], node, study_of(results))
    (copy,) = (tmp_path / "outbox" / "objects").glob("*.dcm")
    copy.write_bytes(results[1].read_bytes())

    class Never:
        def send(self, files, told):
            assert not files

    done = send_waiting(outbox, [node], lambda node: Never())
    assert done.refused == 1 and "damaged" in done.reasons[0]


@needs_orthanc
def test_a_study_of_another_patient_takes_nothing(
    emptied, target, outbox, results, store, tmp_path
):
    dataset = pydicom.dcmread(results[0])
    dataset.PatientID = "SOMEBODY-ELSE"
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.99"
    dataset.save_as(tmp_path / "there.dcm")
    store(emptied, [tmp_path / "there.dcm"])
    outbox.add(results, target, study_of(results))
    done = send_waiting(outbox, [target], with_secret)
    assert done.refused == 5 and "another patient" in done.reasons[0]
    assert stored(emptied) == ["1.2.3.99"]


@needs_orthanc
def test_an_outage_is_waited_for(emptied, target, outbox, results):
    outbox.add(results, target, study_of(results))
    emptied.stop()
    began = time.time()
    done = send_waiting(outbox, [target], with_secret)
    assert (done.accepted, done.waiting) == (0, 5) and done.reasons
    (pause,) = {round(item.next_s - began) for item in outbox.items()}
    assert BACK_OFF_S[0] <= pause <= BACK_OFF_S[0] + 15
    assert send_waiting(outbox, [target], with_secret).accepted == 0  # not due yet
    emptied.start()
    outbox.retry_now()
    assert send_waiting(outbox, [target], with_secret).accepted == 5
    assert stored(emptied) == uids_of(results)


@needs_orthanc
def test_the_line_cut_while_sending_sends_nothing_twice(emptied, target, outbox, results):
    outbox.add(results, target, study_of(results))
    relay = emptied.dicom_relay if target.way == "dimse" else emptied.web_relay
    relay.cut_after = 600 if target.way == "dimse" else 1500
    send_waiting(outbox, [target], with_secret)
    relay.cut_after = None
    outbox.retry_now()
    send_waiting(outbox, [target], with_secret)
    assert {item.state for item in outbox.items()} == {"accepted"}
    assert stored(emptied) == uids_of(results)


@needs_orthanc
def test_an_association_that_hangs_while_sending_sends_nothing_twice(
    emptied, target, outbox, results
):
    node = replace(target, answer_s=1.0)
    outbox.add(results, node, study_of(results))
    relay = emptied.dicom_relay if node.way == "dimse" else emptied.web_relay

    def hang(fraction: float, message: str) -> None:
        relay.silent = True

    try:
        first = send_waiting(outbox, [node], with_secret, hang)
    finally:
        relay.silent = False
    # What is in doubt waits, and says why.
    assert first.accepted < 5 and first.waiting and not first.refused
    assert {bool(item.reason) for item in outbox.items() if item.state == "waiting"} == {True}
    outbox.retry_now()
    assert not send_waiting(outbox, [target], with_secret).waiting
    assert stored(emptied) == uids_of(results)


def test_a_full_disk_leaves_the_queue_as_it_was(outbox, results, small_disk, tmp_path):
    size = sum(file.stat().st_size for file in results)
    full = Outbox(small_disk(size + 40_000))
    node = dimse_nowhere()
    assert full.add(results[:1], node, study_of(results)) == (1, 0)
    (full.path_of(full.items()[0]).parent / "other").write_bytes(bytes(size))
    with pytest.raises(UserError, match=r"can't be (copied into the queue|used)"):
        full.add(results, node, study_of(results))
    assert [item.state for item in full.items()] == ["waiting"]
    assert full.path_of(full.items()[0]).stat().st_size == results[0].stat().st_size


@needs_orthanc
@pytest.mark.parametrize("way", ["get", "web"])
def test_200_results_survive_kill_9_and_arrive_exactly_once(way, emptied, move_port, tmp_path):
    files = make_series(tmp_path / "many", "many", count=200)
    node = nodes_of(emptied, move_port)[way]
    config = tmp_path / "config"
    write_nodes(config / "pacs.json", [node])
    environment = {
        **os.environ,
        "FUSION3D_CONFIG_DIR": str(config),
        "FUSION3D_SECRET_WEB": PASSWORD,
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }
    program = [sys.executable, "-m", "fusion3d_gui", "pacs", "send", node.name]
    Outbox(config / "outbox").add(files, node, study_of(files))
    killed = 0
    for _ in range(2):
        before = count_of(emptied)
        process = subprocess.Popen(program, env=environment, stdout=subprocess.DEVNULL)
        while process.poll() is None and count_of(emptied) < before + 7:
            time.sleep(0.02)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.wait()
    assert killed == 2 and count_of(emptied) < 200
    last = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert last.returncode == 0, last.stderr
    assert stored(emptied) == uids_of(files)
    assert {item.state for item in Outbox(config / "outbox").items()} == {"accepted"}
    assert not list((config / "outbox" / "objects").glob("*.dcm"))


@needs_orthanc
def test_a_node_commits_to_what_it_has_stored(emptied, move_port, outbox, results):
    node = nodes_of(emptied, move_port, commitment=True, answer_s=10.0)["get"]
    outbox.add(results, node, study_of(results))
    done = send_waiting(outbox, [node], with_secret)
    assert (done.accepted, done.reasons) == (5, [])
    assert {item.state for item in outbox.items()} == {"committed"}
    assert send_waiting(outbox, [node], with_secret).accepted == 0
    # To what it does not have, it commits not.
    assert with_secret(node).commit({"1.2.3.4.5": "1.2.840.10008.5.1.4.1.1.2"}) == set()


@needs_orthanc
def test_dcmtk_receives_what_is_sent(outbox, results, dcmtk, tmp_path):
    import shutil

    if shutil.which("storescp") is None:
        pytest.skip("dcmtk is not installed: apt-get install dcmtk.")
    port = free_port()
    (tmp_path / "in").mkdir()
    server = subprocess.Popen(["storescp", "-od", str(tmp_path / "in"), str(port)])
    try:
        node = Node("P", "dimse", ae_title="ANY", host="127.0.0.1", port=port)
        wait_until_it_answers(node)
        outcomes = []
        connect(node).send(
            results, lambda number, outcome: outcomes.append((number, outcome.state))
        )
    finally:
        server.kill()
        server.wait()
    assert outcomes == [(number, "accepted") for number in range(5)]
    assert len(list((tmp_path / "in").iterdir())) == 5


def test_the_queue_can_be_read_by_its_owner_only(outbox, results, tmp_path):
    outbox.add(results, dimse_nowhere(), study_of(results))
    for path in (tmp_path / "outbox").rglob("*.dcm"):
        assert path.stat().st_mode & 0o077 == 0
    assert (tmp_path / "outbox").stat().st_mode & 0o077 == 0


def test_two_processes_do_not_take_the_same_item(outbox, results, tmp_path):
    node = dimse_nowhere()
    outbox.add(results, node, study_of(results))
    first = outbox.claim(node.name, 3)
    second = Outbox(tmp_path / "outbox").claim(node.name, 9)
    assert len(first) == 3 and len(second) == 2
    assert not {item.id for item in first} & {item.id for item in second}
    code = (
        "import json, sys; from pathlib import Path; from fusion3d_gui.pacs.queues.outbox import Outbox;"
        "print(json.dumps([item.id for item in Outbox(Path(sys.argv[1])).claim('P', 9)]))"
    )
    other = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "outbox"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )
    assert json.loads(other.stdout) == []
