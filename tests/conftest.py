"""A small schema, network and bundle, made on the spot."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import shiboken6
import torch
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import ImplicitVRLittleEndian
from PySide6.QtCore import QCoreApplication, QEvent, QObject
from pytestqt.qtbot import QtBot

from fusion3d_gui.imaging.dicom.frames.file import SHOWN_ATTRIBUTES
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.privacy.identifying_words import NAMING, WHOLE
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.model.bundle.bundle import save_bundle
from fusion3d_gui.model.bundle.bundle_info import Decision
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.network_config import NetworkConfig
from fusion3d_gui.model.preprocessing import Preprocessing
from fusion3d_gui.model.schema import Field, MetadataSchema
from fusion3d_gui.model.scope import Scope

#: Files that take half a minute and more, most of it waiting for other processes.
_LONGEST_FILES = (
    "test_interrupted_writers.py",
    "test_fit.py",
    "test_monai_tools.py",
    "test_real_keys.py",
    "test_send.py",
    "test_retrieve.py",
    "test_register.py",
    "test_listener.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest go first: of two processes, none is a minute behind the other at the end."""
    rank = {name: number for number, name in enumerate(_LONGEST_FILES)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))


@pytest.fixture(autouse=True, scope="session")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What the program remembers between runs, kept apart from the user's own."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "FUSION3D_CONFIG_DIR"):
            patch.setenv(name, str(folder))
        yield folder


@pytest.fixture(autouse=True)
def garbage_of_this_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    """The windows and sessions of earlier tests are taken apart here, not by a later session's worker.

    Python collects garbage on whatever thread happens to allocate; Qt's objects must go on their own.
    """
    if "qapp" not in request.fixturenames:
        yield
        return
    gc.collect(1)  # nothing older: none has been collected while it was alive
    gc.disable()
    yield
    # No event loop runs between two tests: else all earlier windows would be restyled with each new one.
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    _delete_closed_sessions()
    gc.enable()


def _delete_closed_sessions() -> None:
    """Delete the Qt objects of the sessions that a test has closed.

    Connections to functions hold the windows that those name, where Python's collector sees no cycle: 4 MB a window.
    """
    state = sys.modules.get("fusion3d_gui.state.session")
    made = () if state is None else (*gc.get_objects(generation=0), *gc.get_objects(generation=1))
    for session in (each for each in made if type(each) is state.Session):
        if not session.store.loading._closed:
            continue
        parts: dict[int, QObject] = {}
        waiting: list[QObject] = [session]
        while waiting:
            part = waiting.pop()
            if id(part) in parts:
                continue
            parts[id(part)] = part
            waiting += [
                each
                for each in vars(part).values()
                if isinstance(each, QObject)
                and type(each).__module__.startswith("fusion3d_gui.state.")
            ]
        for part in parts.values():
            if shiboken6.isValid(part):
                shiboken6.delete(part)


class PatientBot(QtBot):
    """Waits by turns of the event loop, not by the clock.

    A process that was held up meanwhile, by what else runs on its machine or by a laptop's sleep, has
    had no more turns than before.
    """

    def waitUntil(self, callback: Callable[[], bool], *, timeout: int = 5000) -> None:
        """Wait until ``callback()`` is true, for as many turns as ``timeout`` has times 10 ms."""
        for _ in range(timeout // 10):
            if callback():
                return
            self.wait(10)
        assert callback(), f"it did not come within {timeout // 10} turns of the event loop"


@pytest.fixture
def qtbot(qapp, request: pytest.FixtureRequest) -> PatientBot:
    """pytest-qt's, but patient."""
    return PatientBot(request)


@pytest.fixture
def schema() -> MetadataSchema:
    return MetadataSchema(
        (
            Field(
                "age",
                "Age",
                "number",
                unit="years",
                minimum=0,
                maximum=120,
                seen_minimum=40,
                seen_maximum=90,
                mean=65,
                std=10,
                dicom="PatientAge",
            ),
            Field(
                "sex",
                "Sex",
                "category",
                choices=(("F", "Female"), ("M", "Male")),
                dicom="PatientSex",
            ),
            Field("diabetes", "Diabetes", "boolean"),
        )
    )


@pytest.fixture
def make_bundle(tmp_path: Path, schema: MetadataSchema):
    """Write a bundle of a randomly initialised small network; returns its folder."""

    def make(fusion: str = "concat", **network) -> Path:
        torch.manual_seed(7)
        used = MetadataSchema() if fusion == "image_only" else schema
        config = NetworkConfig(
            **{
                "fusion": fusion,
                "metadata_width": used.width,
                "width": 1 / 16,
                "stem_stride": 2,
                "stem_pool": False,
                **network,
            }
        )
        folder = tmp_path / f"bundle-{fusion}"
        save_bundle(
            folder,
            LearnedFeatureFusion3D(config),
            metadata={
                "name": f"test-{fusion}",
                "version": "1.2.3",
                "task": "A test",
                "description": "A network that was not trained.",
                "authors": "The tests",
                "copyright": "None",
            },
            preprocessing=Preprocessing((33, 33, 49), 3.0),
            schema=used,
            decision=Decision(("no", "yes"), threshold=0.4, temperature=1.5),
            card="# Card",
            scope=Scope(),
        )
        return folder

    return make


#: A line of ours, as a stranger would like to forge it.
FORGED = "probability 0.0001"


@pytest.fixture(scope="session")
def hostile() -> str:
    """What a stranger may write into a text: markup, a turned direction, an escape sequence, a forged line, 100 kB."""
    return (
        "<img src=file:///x><b>Z\u202e\u2066y\x1b[2J\x07\x9b1m\r\n"
        f"{FORGED}\n\u2028{FORGED}\u200f & " + "x" * 100_000
    )


@pytest.fixture
def make_hostile_bundle(make_bundle, hostile: str):
    """Write a bundle of which every text is hostile, but those that its reader refuses then."""

    def make(fusion: str = "concat") -> Path:
        folder = make_bundle(fusion)

        def change(name: str, change: Callable[[Any], Any]) -> None:
            path = folder / "configs" / f"{name}.json"
            path.write_text(json.dumps(change(json.loads(path.read_text()))), encoding="utf-8")

        change("metadata", lambda plain: dict.fromkeys((*plain, "intended_use"), hostile))
        change(
            "decision", lambda plain: {**plain, "class_names": [f"no{hostile}", f"yes{hostile}"]}
        )
        change("scope", lambda plain: {**plain, "body_part": "<b>head</b>", "contrasts": ["<i>"]})

        def hostile_field(field: dict[str, Any]) -> dict[str, Any]:
            texts = {key: f"{key} {hostile}" for key in ("label", "help")}
            if field["kind"] == "number":
                texts["unit"] = f"years {hostile}"
            if field["kind"] == "category":
                texts["choices"] = [[value, label + hostile] for value, label in field["choices"]]
            return {**field, **texts}

        change("schema", lambda plain: [hostile_field(field) for field in plain])
        return folder

    return make


@pytest.fixture
def hostile_scan(tmp_path: Path, hostile: str) -> Path:
    """A folder of a hostile name with two DICOM series of which every text is hostile."""
    folder = tmp_path / "<b>scan\u202e\x1b[2J"
    voxels = np.random.default_rng(0).integers(0, 900, (12, 34, 30)).astype(np.int16)
    for number in (1, 2):
        volume = Volume(voxels[number:], np.diag([4.0, 4.0, 9.0, 1.0]), modality="MR")
        paths = write_dicom_series(
            volume, folder / f"s{number}", attributes={}, uid_seed=f"{number}"
        )
        for path in paths:
            _make_hostile(path, f"{number} {hostile}")
    return folder


def _make_hostile(path: Path, text: str) -> None:
    """Write a text into every attribute that has one, whatever the standard allows there."""
    dataset = pydicom.dcmread(path)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    written = text.encode("utf-8")
    keywords = {*SHOWN_ATTRIBUTES, *NAMING, *WHOLE, "SeriesDescription", "ProtocolName"}
    keywords -= {"PhotometricInterpretation", "LossyImageCompression", "PatientPosition"}
    for keyword in sorted(keywords | {"Modality", "RescaleType", "ImageComments"}):
        tag = Tag(tag_for_keyword(keyword))
        dataset[tag] = RawDataElement(tag, "UN", len(written), written, 0, True, True)
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    pydicom.dcmwrite(path, dataset, implicit_vr=True, little_endian=True)


@pytest.fixture
def measure_map():
    """Say in a bundle that this method at this stage pointed best."""

    def measure(folder: Path, method: str, stage: int | None) -> Path:
        path = folder / "configs" / "metadata.json"
        plain = json.loads(path.read_text(encoding="utf-8"))
        figure = {"value": 0.5, "low": 0.4, "high": 0.6}
        plain["explanation"] = {
            "method": method,
            "stage": stage,
            "cases": 20,
            "tolerance_mm": 10.0,
            "pointing_near": figure,
            "energy": figure,
            "chance": {"pointing_near": 0.02, "energy": 0.01},
        }
        path.write_text(json.dumps(plain), encoding="utf-8")
        return folder

    return measure
