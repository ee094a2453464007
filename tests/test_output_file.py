"""Files are whole or as before: after errors, kills and full disks; and no output destroys an input."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from fusion3d_gui.cli.parser import run
from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.demo_cases import demo_cases
from fusion3d_gui.output_file import check_not_input, whole_file, write_whole_text
from fusion3d_gui.shipped import models_dir


def others(path: Path) -> list[str]:
    """What lies beside a file."""
    return sorted(each.name for each in path.parent.iterdir() if each != path)


def test_the_old_file_survives_an_error(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(OSError, match="full"), whole_file(path) as partial:
        partial.write_text("half of the ne")
        raise OSError(28, "disk is full")
    assert path.read_text() == "old"
    assert others(path) == []


def test_a_new_file_has_the_usual_rights_and_an_old_one_keeps_its_own(tmp_path):
    plain, new, old = tmp_path / "plain", tmp_path / "new", tmp_path / "old"
    plain.write_text("")
    write_whole_text(new, "new")
    assert stat.S_IMODE(new.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    old.write_text("")
    old.chmod(0o640)
    write_whole_text(old, "new")
    assert (old.read_text(), stat.S_IMODE(old.stat().st_mode)) == ("new", 0o640)


def test_file_and_folder_are_on_the_disk_before_the_block_is_left(tmp_path, monkeypatch):
    path, flushed = tmp_path / "a.txt", []

    def fsync(handle: int) -> None:
        flushed.append((os.fstat(handle).st_ino, path.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    with whole_file(path) as partial:
        partial.write_text("new")
    # The content before the file has its name, then the name.
    assert flushed == [(path.stat().st_ino, False), (tmp_path.stat().st_ino, True)]


def test_a_link_is_followed(tmp_path):
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder/target.txt", tmp_path / "link.txt"
    target.write_text("old")
    link.symlink_to(target)
    write_whole_text(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_pipe_is_given_the_text(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_whole_text(pipe, "text")
    reader.join(10)
    assert read == ["text"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_folder_is_no_file_to_write(tmp_path):
    with pytest.raises(IsADirectoryError):
        write_whole_text(tmp_path, "text")


@pytest.mark.parametrize("size", [200, 5000])
def test_a_full_disk_leaves_the_old_file(tmp_path, size):
    # The limit on a file's size fails a write as a full disk does.
    path = tmp_path / "scan.nii.gz"
    path.write_text("old")
    code = (
        "import resource, signal, sys, numpy as np\n"
        "from pathlib import Path\n"
        "from fusion3d_gui.imaging.files.nifti import write_nifti\n"
        "from fusion3d_gui.imaging.volume import Volume\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))\n"
        "voxels = np.random.default_rng(0).integers(0, 999, (40, 40, 40)).astype('int16')\n"
        f"write_nifti(Volume(voxels, np.eye(4)), Path({str(path)!r}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "can't be written" in done.stderr
    assert path.read_text() == "old"
    assert others(path) == []


def test_killed_while_writing_the_file_is_the_old_one_or_the_new_one(tmp_path):
    path = tmp_path / "scan.nii.gz"
    code = (
        "import numpy as np\n"
        "from pathlib import Path\n"
        "from fusion3d_gui.imaging.files.nifti import write_nifti\n"
        "from fusion3d_gui.imaging.volume import Volume\n"
        "voxels = np.random.default_rng(0).integers(0, 999, (60, 90, 90)).astype('int16')\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        f"    write_nifti(Volume(voxels, np.eye(4)), Path({str(path)!r}))\n"
    )
    write_nifti(Volume(np.zeros((2, 2, 2), np.int16), np.eye(4)), path)
    found = set()
    for wait in (0.02, 0.05, 0.11, 0.17):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        found.add(np.asarray(nib.load(path).dataobj).shape)  # type: ignore[attr-defined]
    assert found <= {(2, 2, 2), (90, 90, 60)}


def test_an_input_and_what_lies_in_a_folder_of_inputs_is_never_written_over(tmp_path):
    scan, folder = tmp_path / "scan.nii", tmp_path / "series"
    folder.mkdir()
    inside, link = folder / "1.dcm", tmp_path / "link.nii"
    scan.write_text("scan")
    inside.write_text("slice")
    link.symlink_to(scan)
    for path, read in ((scan, scan), (link, scan), (scan, link), (inside, folder)):
        with pytest.raises(UserError, match="would be overwritten"):
            check_not_input(path, [None, read])
    check_not_input(folder / "new.json", [folder])
    check_not_input(scan, [None, folder])


@pytest.fixture
def scan(tmp_path) -> Path:
    """A copy of the demo scan."""
    source = demo_cases()[0].path
    if source.is_dir():
        shutil.copytree(source, tmp_path / "scan")
        return tmp_path / "scan"
    return Path(shutil.copy(source, tmp_path))


@pytest.mark.parametrize("target", ["scan", "bundle", "metadata"])
def test_predict_refuses_to_write_over_what_it_reads(tmp_path, scan, target, capsys):
    bundle = tmp_path / "bundle"
    shutil.copytree(models_dir() / "demo-image-only", bundle)
    metadata = tmp_path / "metadata.json"
    metadata.write_text("{}")
    files = {
        "scan": sorted(scan.iterdir())[0] if scan.is_dir() else scan,
        "bundle": bundle / "configs" / "schema.json",
        "metadata": metadata,
    }
    before = files[target].read_bytes()
    option = "--heatmap" if target == "scan" and not scan.is_dir() else "--json"
    words = ["predict", scan, "--model", bundle, "--metadata", metadata, option, files[target]]
    assert run([str(word) for word in words]) == 2
    assert "would be overwritten" in capsys.readouterr().err
    assert files[target].read_bytes() == before


def test_convert_refuses_to_write_over_its_input(tmp_path, capsys):
    path = tmp_path / "scan.nii.gz"
    write_nifti(Volume(np.arange(64, dtype=np.int16).reshape(4, 4, 4), np.eye(4)), path)
    before = path.read_bytes()
    assert run(["convert", str(path), str(path)]) == 2
    assert "would be overwritten" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_a_table_is_not_written_over_by_its_results(tmp_path, capsys):
    table = tmp_path / "results.csv"
    table.write_text("path\nscan.nii.gz\n")
    words = ["predict", table, "--model", models_dir() / "demo-image-only", "--out", tmp_path]
    assert run([str(word) for word in words]) == 2
    assert "would be overwritten" in capsys.readouterr().err
    assert table.read_text() == "path\nscan.nii.gz\n"
