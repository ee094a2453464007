"""What arrives is what the PACS holds, whole, once, and nothing else."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.pacs.connect import connect
from fusion3d_gui.pacs.fetch.arriving import ArrivingSeries
from fusion3d_gui.pacs.fetch.retrieve import retrieve_series, retrieve_several
from fusion3d_gui.pacs.orthanc import PASSWORD
from fusion3d_gui.pacs.peer import Unreachable
from fusion3d_gui.pacs.query import InstanceEntry
from fusion3d_gui.progress import no_progress
from tests.pacs.conftest import SYNTAX_FILES, make_series, needs_orthanc

pytestmark = needs_orthanc


def uids(file) -> tuple[str, str]:
    header = pydicom.dcmread(file, stop_before_pixels=True)
    return str(header.StudyInstanceUID), str(header.SeriesInstanceUID)


@pytest.mark.parametrize("number", range(len(SYNTAX_FILES)), ids=SYNTAX_FILES)
def test_pixels_arrive_byte_for_byte_in_every_transfer_syntax(
    peer, node, syntax_files, number, tmp_path
):
    source = syntax_files[number]
    fetched = retrieve_series(peer, node.name, *uids(source), tmp_path)
    (path,) = fetched.paths
    sent, came = pydicom.dcmread(source), pydicom.dcmread(path)
    assert came.file_meta.TransferSyntaxUID == sent.file_meta.TransferSyntaxUID
    assert came.PixelData == sent.PixelData
    assert came.SOPInstanceUID == sent.SOPInstanceUID


def test_a_series_arrives_whole_and_opens_like_the_files(peer, node, ct_files, tmp_path):
    came: list[str] = []
    listed: list[int] = []
    fetched = retrieve_series(
        peer,
        node.name,
        *uids(ct_files[0]),
        tmp_path,
        listed=lambda instances: listed.append(len(instances)),
        arrived=lambda path: came.append(path.stem),
    )
    assert listed == [12] and fetched.new_count == 12 and len(set(came)) == 12
    assert all(path.stat().st_mode & 0o077 == 0 for path in fetched.paths)  # for its user only
    # The middle slice is among the first: the window shows it while the rest comes.
    middle = pydicom.dcmread(ct_files[6]).SOPInstanceUID
    assert middle in came[:4]
    got, there = open_volume(fetched.paths[0].parent), open_volume(ct_files[0].parent)
    assert np.array_equal(got.voxels, there.voxels) and np.array_equal(got.affine, there.affine)


def test_what_is_there_is_not_fetched_again(peer, node, ct_files, tmp_path):
    first = retrieve_series(peer, node.name, *uids(ct_files[0]), tmp_path)
    for path in first.paths[3:6]:
        path.unlink()
    kept = {path: path.stat().st_mtime_ns for path in first.paths if path.exists()}
    again = retrieve_series(peer, node.name, *uids(ct_files[0]), tmp_path)
    assert again.new_count == 3 and again.paths == first.paths
    assert all(path.stat().st_mtime_ns == before for path, before in kept.items())


def test_several_series_are_fetched_with_one_progress(peer, node, syntax_files, tmp_path):
    told: list[float] = []
    wanted = [uids(file) for file in syntax_files[:4]]
    fetched = retrieve_several(
        peer, node.name, wanted, tmp_path, lambda fraction, message: told.append(fraction)
    )
    assert [(each.study_uid, each.uid) for each in fetched] == wanted
    assert told[-1] == 1.0 and min(told) >= 0


def test_cancelling_leaves_what_has_arrived_for_the_next_time(peer, node, ct_files, tmp_path):
    count = 0
    lock = threading.Lock()

    def arrived(path) -> None:
        nonlocal count
        with lock:
            count += 1

    def progress(fraction: float, message: str) -> None:
        if count >= 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        retrieve_series(peer, node.name, *uids(ct_files[0]), tmp_path, progress, arrived=arrived)
    there = len(list(tmp_path.rglob("*.dcm")))
    assert 3 <= there < 12
    rest = retrieve_series(peer, node.name, *uids(ct_files[0]), tmp_path)
    assert rest.new_count == 12 - there and len(rest.paths) == 12


def test_a_line_that_breaks_is_taken_up_again(server, nodes, ct_files, tmp_path):
    size = ct_files[0].stat().st_size
    for way, relay in (("get", server.dicom_relay), ("web", server.web_relay)):
        peer = connect(nodes[way], PASSWORD)
        relay.cut_after = 5 * size + 30_000  # each connection brings a few images
        try:
            fetched = retrieve_series(peer, way, *uids(ct_files[0]), tmp_path / way)
        finally:
            relay.cut_after = None
        assert fetched.new_count == 12


def test_a_line_that_stays_broken_says_what_is_here(server, nodes, ct_files, tmp_path, monkeypatch):
    monkeypatch.setattr("fusion3d_gui.pacs.fetch.retrieve._PAUSES_S", (0.1, 0.1, 0.2))
    peer = connect(nodes["get"], PASSWORD)
    cut = threading.Event()

    def arrived(path) -> None:
        server.dicom_relay.cut_after = 1
        cut.set()

    try:
        with pytest.raises(Unreachable, match=r"line broke.* of 12 images are here"):
            retrieve_series(peer, "get", *uids(ct_files[0]), tmp_path, arrived=arrived)
    finally:
        server.dicom_relay.cut_after = None
    assert cut.is_set()
    there = len(list(tmp_path.rglob("*.dcm")))
    assert retrieve_series(peer, "get", *uids(ct_files[0]), tmp_path).new_count == 12 - there


@pytest.mark.parametrize("way", ["get", "web"])
def test_an_association_that_hangs_is_given_up_and_taken_up_again(
    server, nodes, ct_files, tmp_path, way
):
    peer = connect(replace(nodes[way], answer_s=1.0), PASSWORD)
    relay = server.dicom_relay if way == "get" else server.web_relay
    hung = threading.Timer(1.5, lambda: setattr(relay, "silent", False))
    came: list[str] = []

    def arrived(path) -> None:
        came.append(path.name)
        if not hung.ident:
            relay.silent = True
            hung.start()

    try:
        fetched = retrieve_series(peer, way, *uids(ct_files[0]), tmp_path, arrived=arrived)
    finally:
        hung.join()
    assert fetched.new_count == 12 and len(came) == len(set(came)) == 12


def test_a_series_that_is_not_there_is_named(peer, node, tmp_path):
    with pytest.raises(UserError, match="no images of this series"):
        retrieve_series(peer, node.name, "1.2.3", "1.2.4", tmp_path)


# -- what may be sent by a server that is wrong or hostile ----------------------------------------


def entries(files) -> list[InstanceEntry]:
    found = []
    for file in files:
        header = pydicom.dcmread(file, stop_before_pixels=True)
        found.append(
            InstanceEntry(
                header.StudyInstanceUID,
                header.SeriesInstanceUID,
                header.SOPInstanceUID,
                header.SOPClassUID,
                int(header.InstanceNumber),
            )
        )
    return found


def arriving(folder, files, progress=no_progress) -> ArrivingSeries:
    return ArrivingSeries(folder, entries(files), "PACS", progress, lambda path: None)


def left(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_images_of_another_study_are_refused(ct_files, tmp_path):
    (stranger,) = make_series(tmp_path / "other", "other", count=1)
    series = arriving(tmp_path / "in", ct_files)
    series.receive([ct_files[0].read_bytes()])
    before = left(tmp_path / "in")
    with pytest.raises(UserError, match="another study"):
        series.receive([stranger.read_bytes()])
    assert left(tmp_path / "in") == before and len(before) == 1


def test_images_that_were_not_asked_for_are_refused(ct_files, tmp_path):
    series = arriving(tmp_path, ct_files[:3])
    with pytest.raises(UserError, match="not asked for"):
        series.receive([ct_files[5].read_bytes()])
    assert not left(tmp_path)


@pytest.mark.parametrize(
    "keyword, value",
    [("PatientID", "T-2"), ("PatientName", "Test^Berta"), ("PatientBirthDate", "19700101")],
)
def test_a_patient_who_changes_half_way_leaves_nothing(ct_files, tmp_path, keyword, value):
    changed = pydicom.dcmread(ct_files[2])
    setattr(changed, keyword, value)
    changed.save_as(tmp_path / "changed")
    series = arriving(tmp_path / "in", ct_files)
    for file in ct_files[:2]:
        series.receive([file.read_bytes()])
    with pytest.raises(UserError, match="patient changes within the series"):
        series.receive([(tmp_path / "changed").read_bytes()])
    assert not left(tmp_path / "in")


def test_a_patient_who_changes_between_two_fetches_is_noticed(ct_files, tmp_path):
    series = arriving(tmp_path / "in", ct_files)
    series.receive([ct_files[0].read_bytes()])
    changed = pydicom.dcmread(ct_files[1])
    changed.PatientID = "T-2"
    changed.save_as(tmp_path / "changed")
    later = arriving(tmp_path / "in", ct_files)
    with pytest.raises(UserError, match="patient changes"):
        later.receive([(tmp_path / "changed").read_bytes()])


def test_an_image_that_is_too_large_is_refused_before_it_is_whole(ct_files, tmp_path):
    series = arriving(tmp_path, ct_files)
    series.largest_bytes = 1000
    taken = 0

    def parts():
        nonlocal taken
        for _ in range(100):
            taken += 1
            yield bytes(100)

    with pytest.raises(UserError, match="larger than"):
        series.receive(parts())
    assert taken == 11 and not left(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no DICOM at all" * 90, bytes(200)])
def test_what_is_no_dicom_is_refused(ct_files, tmp_path, content):
    with pytest.raises(UserError, match="PACS: what it sends"):
        arriving(tmp_path, ct_files).receive([content])
    assert not left(tmp_path)


def test_an_image_that_is_cut_short_is_refused(ct_files, tmp_path):
    with pytest.raises(UserError, match="cut short"):
        arriving(tmp_path, ct_files).receive([ct_files[0].read_bytes()[:-100]])
    assert not left(tmp_path)


def test_a_full_disk_is_one_sentence_and_leaves_whole_images_only(peer, node, ct_files, small_disk):
    size = ct_files[0].stat().st_size
    disk = small_disk(6 * ((size + 4095) // 4096) * 4096)
    began = time.monotonic()
    with pytest.raises(UserError, match=r"the disk is full; \d of 12 images are here"):
        retrieve_series(peer, node.name, *uids(ct_files[0]), disk)
    assert time.monotonic() - began < 15  # not only once the node no longer answers
    files = [path for path in disk.rglob("*") if path.is_file()]
    assert 0 < len(files) < 12 and all(path.stat().st_size >= size - 600 for path in files)
