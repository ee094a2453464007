"""``fusion3d pacs`` against a real PACS: exit status 2 with one line for every mistake."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pydicom
import pytest

from fusion3d_gui.cli.parser import run
from fusion3d_gui.pacs.orthanc import AE_TITLE, PASSWORD, USER
from tests.pacs.conftest import (  # noqa: F401
    ct_files,
    make_series,
    move_port,
    needs_orthanc,
    server,
    store,
    syntax_files,
)


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSION3D_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("FUSION3D_SECRET_WEB", PASSWORD)
    return tmp_path / "config"


@pytest.fixture
def added(config, server, capsys):  # noqa: F811
    place = f"{AE_TITLE}@127.0.0.1:{server.dicom_port}"
    assert run(["pacs", "add", "dimse", "--dimse", place, "--test"]) == 0
    assert run(["pacs", "add", "web", "--web", server.url, "--user", USER]) == 0
    capsys.readouterr()


def one_line(capsys, *arguments: str) -> str:
    assert run(["pacs", *arguments]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    return said[0]


@needs_orthanc
@pytest.mark.parametrize("node", ["dimse", "web"])
def test_echo_find_and_get(added, node, ct_files, tmp_path, capsys):  # noqa: F811
    assert run(["pacs", "echo", node]) == 0
    assert "answers" in capsys.readouterr().out
    assert run(["pacs", "find", node, "--patient", "Test", "--json"]) == 0
    (study,) = json.loads(capsys.readouterr().out)["studies"]
    assert study["patient_id"] == "T-1"
    assert run(["pacs", "find", node, "--patient", "Test"]) == 0
    assert study["uid"] in capsys.readouterr().out
    assert run(["pacs", "find", node, "--study", study["uid"], "--json"]) == 0
    (series,) = json.loads(capsys.readouterr().out)["series"]
    assert run(["pacs", "get", node, study["uid"], "--out", str(tmp_path / "out")]) == 0
    assert "12 images, 12 of them new" in capsys.readouterr().out
    assert len(list((tmp_path / "out" / study["uid"] / series["uid"]).glob("*.dcm"))) == 12


@needs_orthanc
def test_send_and_queue(added, tmp_path, capsys):
    files = make_series(tmp_path / "send", "sent by cli", count=2, PatientID="CLI-1")
    study = str(pydicom.dcmread(files[0]).StudyInstanceUID)
    assert run(["pacs", "send", "dimse", str(tmp_path / "send"), "--study", study]) == 0
    assert "2 accepted, 0 refused, 0 waiting." in capsys.readouterr().out
    assert run(["pacs", "queue"]) == 0
    assert len(re.findall(r"accepted +dimse", capsys.readouterr().out)) == 2
    told = one_line(capsys, "send", "dimse", str(tmp_path / "send"), "--study", "1.2.3")
    assert "belongs to another study" in told


@needs_orthanc
def test_mistakes_are_one_line(added, tmp_path, capsys):
    assert "no node nobody" in one_line(capsys, "echo", "nobody")
    assert "is no date" in one_line(capsys, "find", "dimse", "--from", "yesterday")
    assert "is no UID" in one_line(capsys, "get", "dimse", "../../x", "--out", str(tmp_path))
    assert "no series" in one_line(capsys, "get", "dimse", "1.2.3", "--out", str(tmp_path))
    assert "--study is missing" in one_line(capsys, "send", "dimse", str(tmp_path))
    assert "AET@HOST:PORT" in one_line(capsys, "add", "x", "--dimse", "PACS:104")
    assert "either --dimse or --web" in one_line(capsys, "add", "x")
    assert run(["pacs", "remove", "dimse"]) == 0
    assert "Nodes: web" in one_line(capsys, "echo", "dimse")


@needs_orthanc
def test_the_demo_case_is_found_in_a_pacs_of_its_own(tmp_path):
    picture = tmp_path / "demo.png"
    done = subprocess.run(
        [sys.executable, "-m", "fusion3d_gui", "demo", "--pacs", "--screenshot", str(picture)],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0 and picture.stat().st_size > 10_000, done.stderr
