"""A session saved, its process killed, opened elsewhere in a new process: the same state."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = Path(__file__).with_name("session_process.py")


@pytest.fixture
def state_in_process(tmp_path: Path):
    """What a process with a window of its own, and a configuration of its own, says about its state; then kill it."""

    def run(deed: str, saved: Path, scan: Path, bundle: Path, config: str, *prior: Path) -> dict:
        process = subprocess.Popen(
            [
                sys.executable,
                str(_SCRIPT),
                deed,
                str(saved),
                str(scan),
                str(bundle),
                *map(str, prior),
            ],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "FUSION3D_CONFIG_DIR": str(tmp_path / config)},
        )
        line = process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert line, "the process ended before it told its state"
        return json.loads(line)

    return run


@pytest.fixture
def make_prior(make_case):
    """Write an earlier scan, in which all is brighter, into a folder."""
    return lambda folder: make_case("prior", 300).rename(folder / "prior.nii.gz")


def test_a_session_opens_elsewhere_in_another_process_as_it_was_left(
    state_in_process, make_case, make_bundle, make_prior, tmp_path
) -> None:
    home, bundle = tmp_path / "home", make_bundle()
    home.mkdir()
    scan = make_case().rename(home / "scan.nii.gz")
    before = state_in_process("work", home / "case.fusion3d", scan, bundle, "one", make_prior(home))
    elsewhere = home.rename(tmp_path / "elsewhere")
    after = state_in_process("open", elsewhere / "case.fusion3d", scan, bundle, "two")
    told = after.pop("told")
    before.pop("told")
    assert any(text.startswith("Session of") for text in told)
    kept = before["document"]
    assert (
        kept["predictions"] and kept["view"]["layout"] == "GRID" and kept["marks"][0]["number"] == 2
    )
    assert kept["view"]["cameras"]["coronal"]["fitted"] is False
    # Where the scan beside lies is another place now.
    places = [each["document"]["second"]["scan"].pop("paths") for each in (before, after)]
    assert places == [[str(home / "prior.nii.gz")], [str(elsewhere / "prior.nii.gz")]]
    assert before["document"]["second"]["registration"]["kind"] == "manual"
    assert before["document"]["second"]["comparison"]["way"] == "CHECKERBOARD"
    assert before["document"]["second"]["prior"]["change"]["now"] > 0
    assert [each["is_drawn"] for each in before["document"]["masks"]] == [False]
    for each in (before, after):  # the second scan's views follow the first one's
        each["document"]["second"]["view"].pop("cameras")
    # Zooms come back through views of another size.
    zooms = [each["document"]["view"].pop("cameras") for each in (before, after)]
    assert after == before
    for name, camera in zooms[0].items():
        assert zooms[1][name]["fitted"] == camera["fitted"]
        if not camera["fitted"]:
            assert zooms[1][name]["zoom"] == pytest.approx(camera["zoom"])
        assert zooms[1][name]["center"] == pytest.approx(camera["center"])


def test_recent_cases_open_as_they_were_left_without_a_session_file(
    state_in_process, make_case, make_bundle, make_prior, tmp_path
) -> None:
    scan, bundle = make_case(), make_bundle()
    before = state_in_process(
        "work", tmp_path / "case.fusion3d", scan, bundle, "one", make_prior(tmp_path)
    )
    # The scan itself, in the configuration that kept its work: autosaved, not saved.
    after = state_in_process("open", scan, scan, bundle, "one")
    for each in (before, after):
        each["document"]["view"].pop("cameras")
        each["document"]["second"]["view"].pop("cameras")
    assert after["arrays"] == before["arrays"]
    assert after["document"]["predictions"] == before["document"]["predictions"]
    for key in ("marks", "window", "form", "map", "notes", "view", "second", "masks"):
        assert after["document"][key] == before["document"][key], key
