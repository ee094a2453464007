"""Fetching and finding against Orthanc, beside dcmtk's getscu and findscu in the same run.

``python tests/benchmarks/bench_pacs.py [--slices 300] [--rounds 3]``. First slice: from asking for the series' images
to the first file, beside getting one image alone. Prints medians in seconds.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import requests

from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.pacs.connect import connect
from fusion3d_gui.pacs.node import Node
from fusion3d_gui.pacs.orthanc import AE_TITLE, PASSWORD, USER, Orthanc, missing
from fusion3d_gui.pacs.peer import Peer
from fusion3d_gui.pacs.query import StudyQuery
from fusion3d_gui.pacs.retrieve import retrieve_series
from fusion3d_gui.progress import no_progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if missing():
        sys.exit(missing())
    with tempfile.TemporaryDirectory() as folder, Orthanc() as server:
        run(server, Path(folder), options.slices, options.rounds)


def run(server: Orthanc, folder: Path, slices: int, rounds: int) -> None:
    voxels = np.random.default_rng(0).integers(-1000, 2000, (slices, 512, 512)).astype(np.int16)
    volume = Volume(voxels, np.diag([0.5, 0.5, 1.0, 1.0]), modality="CT")
    files = write_dicom_series(
        volume,
        folder / "source",
        attributes={"PatientName": "Bench^Ct", "PatientID": "B-1"},
        uid_seed="bench",
    )
    base = server.url.removesuffix("/dicom-web")
    for file in files:
        content = file.read_bytes()
        requests.post(f"{base}/instances", data=content, auth=(USER, PASSWORD), timeout=60)
    port = str(server.dicom_port)
    nodes = (
        Node("WADO-RS", "dicomweb", url=server.url, authentication="basic", user=USER),
        Node("C-GET", "dimse", ae_title=AE_TITLE, host="127.0.0.1", port=server.dicom_port),
    )
    peers = {node.name: connect(node, PASSWORD) for node in nodes}
    (study,) = peers["C-GET"].find_studies(StudyQuery(), no_progress)
    (series,) = peers["C-GET"].find_series(study.uid, no_progress)
    keys = ["-k", f"StudyInstanceUID={study.uid}"]
    getscu = ["getscu", "-S", "-aec", AE_TITLE, "-k", "QueryRetrieveLevel=SERIES", *keys]
    getscu += ["-k", f"SeriesInstanceUID={series.uid}", "127.0.0.1", port, "-od"]
    findscu = ["findscu", "-S", "-aec", AE_TITLE, "-k", "QueryRetrieveLevel=STUDY"]
    findscu += ["-k", "PatientName=B*", "-k", "StudyInstanceUID", "127.0.0.1", port]
    took: dict[str, list[float]] = {}

    def measure(name: str, work: Callable[[], object]) -> None:
        began = time.perf_counter()
        work()
        took.setdefault(name, []).append(time.perf_counter() - began)

    def measure_peer(name: str, peer: Peer) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as out:
            measure(f"{name}: one image", lambda: one(peer, series, Path(out)))
        began, first = time.perf_counter(), threading.Event()

        def arrived(path: Path) -> None:
            if not first.is_set():
                first.set()
                seconds = time.perf_counter() - began
                took.setdefault(f"{name}: first of all", []).append(seconds)

        with tempfile.TemporaryDirectory(dir=folder) as out:
            place = (study.uid, series.uid, Path(out))
            measure(f"{name}: all", lambda: retrieve_series(peer, name, *place, arrived=arrived))
        query = StudyQuery(patient="B")
        measure(f"{name}: find", lambda: peer.find_studies(query, no_progress))

    def measure_getscu() -> None:
        with tempfile.TemporaryDirectory(dir=folder) as out:
            measure("getscu: all", lambda: tool([*getscu, out]))

    for _ in range(rounds):
        for name, peer in peers.items():
            measure_peer(name, peer)
        measure_getscu()
        measure("findscu: find", lambda: tool(findscu))
    medians = {name: statistics.median(times) for name, times in took.items()}
    for name, seconds in medians.items():
        print(f"{name:<24} {seconds:8.3f} s")
    for name in peers:
        print(
            f"{name}: first / one = {medians[f'{name}: first of all'] / medians[f'{name}: one image']:.2f},"
            f" all / getscu = {medians[f'{name}: all'] / medians['getscu: all']:.2f},"
            f" find / findscu = {medians[f'{name}: find'] / medians['findscu: find']:.2f}"
        )


def one(peer, series, out: Path) -> None:
    """Find and get one image, as a program that wants only this one."""

    class Sink:
        largest_bytes = 1 << 30

        def receive(self, parts) -> None:
            with (out / "one.dcm").open("wb") as file:
                for part in parts:
                    file.write(part)

        def check_cancelled(self) -> None:
            pass

    instances = peer.find_instances(series.study_uid, series.uid, no_progress)
    peer.fetch(instances[:1], Sink())


def tool(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    main()
