"""Fetching and finding against Orthanc, beside dcmtk's getscu and findscu in the same run.

``python tests/benchmarks/bench_pacs.py [--slices 300] [--rounds 3]``. First slice: from asking for the series' images
to the first file, beside getting one image alone. On screen: from asking for the series to the first view of the main
window, off screen, that has painted a slice. Prints medians in seconds.
"""

from __future__ import annotations

import argparse
import os
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
from PySide6.QtCore import QEventLoop
from PySide6.QtWidgets import QApplication

from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.pacs.connect import connect
from fusion3d_gui.pacs.fetch.retrieve import retrieve_series
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.nodes.secret import secret_variable
from fusion3d_gui.pacs.orthanc import AE_TITLE, PASSWORD, USER, Orthanc, missing
from fusion3d_gui.pacs.peer import Peer
from fusion3d_gui.pacs.query import StudyQuery
from fusion3d_gui.progress import no_progress
from fusion3d_gui.state.pacs.pacs_parts import PacsPlaces
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.slice.slice_canvas import SliceCanvas
from fusion3d_gui.widgets.window.main_window import MainWindow
from tests.pacs.conftest import dcmtk_tool


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

    screen = Screen(folder / "window")
    for _ in range(rounds):
        for name, peer in peers.items():
            measure_peer(name, peer)
        for node in nodes:
            took.setdefault(f"{node.name}: on screen", []).append(
                screen.first_slice(node, study.uid)
            )
        measure_getscu()
        measure("findscu: find", lambda: tool(findscu))
    medians = {name: statistics.median(times) for name, times in took.items()}
    for name, seconds in medians.items():
        print(f"{name:<24} {seconds:8.3f} s")
    for name in peers:
        print(
            f"{name}: first / one = {medians[f'{name}: first of all'] / medians[f'{name}: one image']:.2f},"
            f" on screen / one = {medians[f'{name}: on screen'] / medians[f'{name}: one image']:.2f},"
            f" all / getscu = {medians[f'{name}: all'] / medians['getscu: all']:.2f},"
            f" find / findscu = {medians[f'{name}: find'] / medians['findscu: find']:.2f}"
        )


class Screen:
    """The main window, off screen, which opens a study of a node while it arrives."""

    def __init__(self, folder: Path) -> None:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        self._folder = folder
        self._number = 0
        self._app = QApplication.instance() or QApplication([])

    def first_slice(self, node: Node, study_uid: str) -> float:
        """Seconds from asking for the series of a study until a view has painted one of its slices."""
        self._number += 1
        folder = self._folder / str(self._number)
        folder.mkdir(parents=True)
        os.environ[secret_variable(node)] = PASSWORD
        session = Session(pacs=PacsPlaces.below(folder))
        window = MainWindow(session)
        window.resize(1400, 900)
        window.show()
        session.pacs.nodes.put(node)
        finder, store = session.pacs.finder, session.store
        finder.find(study_uid=study_uid)
        self._until(lambda: bool(finder.studies))
        finder.choose(finder.studies[0])
        self._until(lambda: bool(finder.series))
        canvases = window.findChildren(SliceCanvas)
        began = time.perf_counter()
        session.pacs.worklist.open_series(finder.series[0])
        self._until(
            lambda: any(
                canvas.isVisible() and canvas.slicer is not None and canvas.is_settled
                for canvas in canvases
            )
        )
        seconds = time.perf_counter() - began
        self._until(lambda: store.case is not None and store.case.is_complete)
        window.close()
        session.close()
        return seconds

    def _until(self, what: Callable[[], bool]) -> None:
        until = time.monotonic() + 120
        while not what():
            if time.monotonic() > until:
                raise TimeoutError
            self._app.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 5)
            time.sleep(0.001)


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
    program = dcmtk_tool(command[0])
    if program is None:
        sys.exit("dcmtk is not installed: apt-get install dcmtk.")
    subprocess.run([program, *command[1:]], check=True, capture_output=True)


if __name__ == "__main__":
    main()
