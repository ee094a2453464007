"""A real archive takes every object, into the patient and study of the scan."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fusion3d_gui.report.dicom.write_results import write_dicom_results


def test_orthanc_stores_every_object_in_the_study_of_the_scan(series_folder, make_result, tmp_path):
    if shutil.which("Orthanc", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("Orthanc (Debian's orthanc) is not installed")
    isolated = ["unshare", "--map-root-user", "--net"]  # it listens on all interfaces
    if shutil.which("unshare") is None or subprocess.run([*isolated, "true"]).returncode:
        pytest.skip("no network namespace can be made, in which Orthanc would listen")
    folder = series_folder("axial")
    paths = write_dicom_results(
        make_result(folder),
        tmp_path / "out",
        picture=np.zeros((20, 30, 3), np.uint8),
        page=b"%PDF-1.4\n%%EOF",
    )
    files = [*sorted(folder.iterdir()), *paths]
    call = [*isolated, sys.executable, Path(__file__).with_name("orthanc_store.py"), tmp_path]
    said = subprocess.run(
        [*map(str, call), *map(str, files)],
        capture_output=True,
        text=True,
        timeout=180,
        env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"},
    )
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)
    assert set(found["status"].values()) == {"Success"}
    assert all(found["same"].values())
    assert (found["studies"], found["patients"]) == (1, 1)
