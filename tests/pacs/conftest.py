"""A real PACS (Orthanc, in a network namespace of its own) with small series, reached three ways."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
import requests
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.pacs import orthanc as orthanc_module
from fusion3d_gui.pacs.connect import connect
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.orthanc import AE_TITLE, PASSWORD, USER, Orthanc
from fusion3d_gui.pacs.peer import Peer
from tests.certificates import certificates as certificates
from tests.pacs.small_objects import Clock

_MISSING = orthanc_module.missing()
needs_orthanc = pytest.mark.skipif(bool(_MISSING), reason=_MISSING or "Orthanc is here")

#: One file for each transfer syntax, as pydicom ships them.
SYNTAX_FILES = (
    "CT_small.dcm",  # explicit VR, little endian
    "MR_small_implicit.dcm",
    "MR_small_bigendian.dcm",
    "image_dfl.dcm",  # deflated
    "MR_small_RLE.dcm",
    "SC_rgb_jpeg_gdcm.dcm",  # JPEG lossless
    "JPEG-lossy.dcm",  # JPEG extended
    "SC_rgb_jpeg_dcmtk.dcm",  # JPEG baseline
    "MR_small_jpeg_ls_lossless.dcm",
    "JPEGLSNearLossless_16.dcm",
    "MR_small_jp2klossless.dcm",
    "JPEG2000.dcm",
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def dcmtk_tool(name: str) -> str | None:
    """Path of one of dcmtk's tools: not pynetdicom's of the same name, which lies beside Python; None without it."""
    beside = Path(sys.executable).parent
    folders = os.environ.get("PATH", "").split(os.pathsep)
    others = os.pathsep.join(each for each in folders if Path(each) != beside)
    return shutil.which(name, path=others)


def make_series(folder: Path, seed: str, *, count: int = 12, **attributes: str) -> list[Path]:
    """A small CT of its own UIDs; its study has the UID of ``seed``'s first word."""
    voxels = np.random.default_rng(len(seed)).integers(-900, 900, (count, 20, 24)).astype(np.int16)
    volume = Volume(voxels, np.diag([2.0, 2.0, 3.0, 1.0]), modality="CT")
    given = {"PatientName": "Test^Anna", "PatientID": "T-1", "StudyDate": "20260102", **attributes}
    return write_dicom_series(volume, folder, attributes=given, uid_seed=seed)


@pytest.fixture(scope="session")
def syntax_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """pydicom's files in every transfer syntax, each a series of one study."""
    folder = tmp_path_factory.mktemp("syntaxes")
    study = generate_uid(entropy_srcs=["study of syntaxes"])
    files = []
    for name in SYNTAX_FILES:
        source = get_testdata_file(name)
        assert source is not None, name
        dataset = pydicom.dcmread(source)
        dataset.StudyInstanceUID = study
        dataset.SeriesInstanceUID = generate_uid(entropy_srcs=["series", name])
        dataset.SOPInstanceUID = generate_uid(entropy_srcs=["instance", name])
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.PatientID, dataset.PatientName = "SYN-1", "Syntax^All"
        dataset.PatientBirthDate = ""
        files.append(folder / name)
        dataset.save_as(files[-1])
    return files


@pytest.fixture(scope="session")
def ct_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_series(tmp_path_factory.mktemp("ct"), "ct", StudyDescription="Head")


@pytest.fixture(scope="session")
def move_port() -> int:
    return free_port()


@pytest.fixture(scope="session")
def store() -> Callable[[Orthanc, list[Path]], None]:
    """Store files by dcmtk's storescu and, what it can't propose together, by Orthanc's own interface."""

    def put(server: Orthanc, files: list[Path]) -> None:
        base = server.url.removesuffix("/dicom-web")
        for file in files:
            answer = requests.post(
                f"{base}/instances", data=file.read_bytes(), auth=(USER, PASSWORD), timeout=30
            )
            assert answer.status_code == 200, (file.name, answer.text)

    return put


@pytest.fixture(scope="session")
def server(move_port, store, syntax_files, ct_files) -> Iterator[Orthanc]:
    """A PACS that only reads are asked of."""
    if _MISSING:
        pytest.skip(_MISSING)
    with Orthanc(move_port=move_port) as running:
        store(running, [*syntax_files, *ct_files])
        yield running


@pytest.fixture(scope="session")
def writable_server(move_port) -> Iterator[Orthanc]:
    """A PACS that writes over nothing; tests get it by ``emptied``."""
    if _MISSING:
        pytest.skip(_MISSING)
    with Orthanc({"OverwriteInstances": False}, move_port=move_port) as running:
        yield running


@pytest.fixture
def emptied(writable_server) -> Orthanc:
    """A PACS with nothing in it, which the test may fill."""
    base, sign_on = writable_server.url.removesuffix("/dicom-web"), (USER, PASSWORD)
    for patient in requests.get(f"{base}/patients", auth=sign_on, timeout=30).json():
        requests.delete(f"{base}/patients/{patient}", auth=sign_on, timeout=30)
    requests.delete(f"{base}/changes", auth=sign_on, timeout=30)
    return writable_server


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Callable[[int], Path]]:
    """Mount a file system of so many bytes; skips where the user may not."""
    mounted: list[Path] = []

    def mount(size: int) -> Path:
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        call = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if (
            os.geteuid() != 0
            or subprocess.run(call, capture_output=True, check=False).returncode != 0
        ):
            pytest.skip("no small file system can be mounted here")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", folder], check=True)


def nodes_of(server: Orthanc, move_port: int, **changes) -> dict[str, Node]:
    dimse = {
        "way": "dimse",
        "ae_title": AE_TITLE,
        "host": "127.0.0.1",
        "port": server.dicom_port,
        "own_host": "127.0.0.1",
        "own_port": move_port,
        **changes,
    }
    return {
        "get": Node("get", **dimse),
        "move": Node("move", retrieval="move", **dimse),
        "web": Node(
            "web", "dicomweb", url=server.url, authentication="basic", user=USER, **changes
        ),
    }


@pytest.fixture(scope="session")
def nodes(server, move_port) -> dict[str, Node]:
    return nodes_of(server, move_port)


@pytest.fixture(params=["get", "move", "web"])
def node(request, nodes) -> Node:
    return nodes[request.param]


@pytest.fixture
def peer(node) -> Peer:
    return connect(node, PASSWORD)


@pytest.fixture
def dcmtk():
    """Run one of dcmtk's tools; skips where they are missing."""

    def run(tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        program = dcmtk_tool(tool)
        if program is None:
            pytest.skip("dcmtk is not installed: apt-get install dcmtk.")
        return subprocess.run(
            [program, *arguments], capture_output=True, text=True, check=False, timeout=120
        )

    return run


@pytest.fixture
def clock(monkeypatch) -> Clock:
    """The time of day, which stands still until it is set."""
    found = Clock()
    monkeypatch.setattr("time.time", found)
    return found
