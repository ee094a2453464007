"""A small model, series that it is meant for, and a listening node on a thread or as a process."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.predictor import load_predictor
from fusion3d_gui.pacs.connect import connect
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.orthanc import PASSWORD
from fusion3d_gui.pacs.queues.inbox import Inbox
from fusion3d_gui.pacs.queues.outbox import Outbox
from fusion3d_gui.serve.intake import InboxBounds, Intake
from fusion3d_gui.serve.listener import Listener, ListenerHooks
from fusion3d_gui.serve.receiver import ListeningPlace, Receiver
from tests.pacs.conftest import (  # noqa: F401
    certificates,
    dcmtk,
    emptied,
    move_port,
    nodes_of,
    small_disk,
    store,
    writable_server,
)

OWN, SENDER = "FUSION3D", "SCANNER"


def head_series(folder: Path, seed: str, *, modality: str = "MR", **attributes: str) -> list[Path]:
    """A small scan of its own UIDs: round, on a blank ground, without noise that would repeat."""
    k, j, i = np.ogrid[-1:1:24j, -1:1:40j, -1:1:40j]
    values = np.where(k**2 + j**2 + i**2 < 0.8, 400 + 300 * k + 200 * j * i, 0)
    values = values + np.random.default_rng(len(seed)).normal(0, 4, values.shape) * (values > 0)
    volume = Volume(values.astype(np.int16), np.diag([4.0, 4.0, 6.0, 1.0]), modality=modality)
    given = {
        "PatientName": "Nemo^Nina",
        "PatientID": "N-17",
        "PatientAge": "071Y",
        "PatientSex": "F",
        "StudyDate": "20260102",
        **attributes,
    }
    return write_dicom_series(volume, folder, attributes=given, uid_seed=seed)


@pytest.fixture
def bundle(make_bundle) -> Path:
    """Of the image alone, meant for MR."""
    return meant_for_mr(make_bundle("image_only"))


def meant_for_mr(folder: Path) -> Path:
    path = folder / "configs" / "scope.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "modality": "MR"}))
    return folder


@pytest.fixture
def inbox(tmp_path) -> Inbox:
    return Inbox(tmp_path / "inbox")


@pytest.fixture
def outbox(tmp_path) -> Outbox:
    return Outbox(tmp_path / "outbox")


def place(**changes) -> ListeningPlace:
    values = {"callers": (SENDER,), "wait_s": 120.0, **changes}
    return ListeningPlace(OWN, "127.0.0.1", 0, **values)


def node_at(port: int, **changes) -> Node:
    """The listening node, as a sender knows it."""
    values = {"ae_title": OWN, "own_ae_title": SENDER, "answer_s": 120.0, **changes}
    return Node("listener", "dimse", host="127.0.0.1", port=port, **values)


def push(port: int, files: list[Path], **changes) -> list[tuple[str, str]]:
    """Send files over one association; state and reason of each."""
    outcomes: list[tuple[str, str]] = []
    connect(node_at(port, **changes)).send(
        files, lambda _, outcome: outcomes.append((outcome.state, outcome.reason))
    )
    return outcomes


@pytest.fixture
def told() -> list[str]:
    """Sentences about callers that a receiver did not let in."""
    return []


@pytest.fixture
def receive(inbox, told) -> Iterator[Callable[..., int]]:
    """Open a receiver on the inbox, which predicts nothing; returns its port."""
    opened: list[Receiver] = []

    def open_one(bounds: InboxBounds | None = None, quiet_s: float = 30.0, **changes) -> int:
        intake = Intake(inbox, bounds or InboxBounds(), quiet_s)
        opened.append(Receiver(place(**changes), inbox, intake, told.append))
        return opened[-1].open()

    yield open_one
    for each in opened:
        each.close()


class Told:
    """What a listener has told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.predicted: list = []
        self.held: list = []
        self.left: list = []

    @property
    def hooks(self) -> ListenerHooks:
        return ListenerHooks(
            self.lines.append, self.predicted.append, self.held.append, self.left.append
        )


@pytest.fixture
def listening(inbox, outbox):
    """Run a listener on a thread while the block runs; gives its port and what it tells."""

    @contextlib.contextmanager
    def run(
        bundle: Path, target: Node | None, quiet_s: float = 0.5, **changes
    ) -> Iterator[tuple[int, Told]]:
        told = Told()
        listener = Listener(
            place(**changes),
            InboxBounds(),
            quiet_s,
            inbox,
            outbox,
            target,
            lambda node: connect(node, PASSWORD),
            told.hooks,
        )
        thread = threading.Thread(target=listener.run, args=(lambda: load_predictor(bundle),))
        thread.start()
        try:
            wait_for(lambda: any("Listening" in line for line in told.lines))
            yield int(told.lines[0].rstrip(".").rpartition(" ")[2]), told
        finally:
            listener.stop()
            thread.join(60)
            assert not thread.is_alive()

    return run


def wait_for(what: Callable[[], bool], seconds: float = 200.0) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.02)
