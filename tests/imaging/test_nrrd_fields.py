"""NRRD headers that would end the process inside ITK are refused with the true reason."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.files.nrrd_fields import nrrd_fields
from fusion3d_gui.imaging.files.voxel_file import read_voxel_file

HEADER = """NRRD0004
type: short
dimension: 3
space: left-posterior-superior
sizes: 4 4 4
space directions: (1,0,0) (0,1,0) (0,0,1)
kinds: domain domain domain
endian: little
encoding: raw
"""


def write(path: Path, header: str) -> Path:
    path.write_bytes(header.encode() + b"\n" + np.arange(64, dtype="<i2").tobytes())
    return path


def test_a_long_line_that_ended_the_process_is_refused_in_a_process_that_lives(tmp_path):
    path = write(tmp_path / "long.nrrd", HEADER.replace("domain\n", f"domain{'x' * 5000}\n"))
    words = [sys.executable, "-m", "fusion3d_gui", "info", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "more than 512 characters" in done.stderr
    assert done.stderr.strip().count("\n") == 0


@pytest.mark.parametrize("line", ["space", "kinds", "type", "encoding", "endian", "junk"])
def test_a_line_that_is_too_long_is_refused(tmp_path, line):
    header = HEADER + "junk\n"
    assert f"\n{line}" in header
    header = header.replace(f"\n{line}", f"\n{line}{'x' * 1500}", 1)
    with pytest.raises(UserError, match="512 characters"):
        read_voxel_file(write(tmp_path / "a.nrrd", header))


def test_comments_and_pairs_of_key_and_value_may_be_long(tmp_path):
    header = f"{HEADER}# {'x' * 5000}\nSegment0_Extent:={'9 ' * 5000}\nA:=b: {'c' * 5000}\n"
    volume = read_voxel_file(write(tmp_path / "a.nrrd", header))
    np.testing.assert_array_equal(volume.voxels.ravel(), np.arange(64))


def test_a_header_that_does_not_end_within_a_megabyte_is_refused(tmp_path):
    path = tmp_path / "a.nrrd"
    path.write_bytes(HEADER.encode() + b"# comment\n" * 200_000 + b"kinds: " + b"x" * 5000)
    with pytest.raises(UserError, match="its header has more than"):
        read_voxel_file(path)


def test_values_as_text_may_take_fewer_bytes_than_voxels(tmp_path):
    header = HEADER.replace("short", "double").replace("raw", "ascii")
    path = tmp_path / "a.nrrd"
    path.write_text(f"{header}\n{' '.join('1' * 64)}\n")
    assert read_voxel_file(path).voxels.tolist() == np.ones((4, 4, 4)).tolist()


def test_voxels_as_text_that_ended_the_process_are_refused(tmp_path):
    path = tmp_path / "a.nrrd"
    numbers = "1 " * 20 + "x" * 5000 + " 1" * 64
    path.write_text(f"{HEADER.replace('raw', 'ascii')}\n{numbers}\n")
    with pytest.raises(UserError, match="not all numbers"):
        read_voxel_file(path)


@pytest.mark.parametrize("gap", [b"\n\n", b"\r\n\r\n"])
def test_fields_are_those_before_the_first_empty_line(gap, tmp_path):
    head = b"NRRD0004\nSpace Directions: (1,0)\n# a: note\nkey:=value\nsizes:  4 4" + gap
    fields, end = nrrd_fields(tmp_path / "a.nrrd", head + b"kinds: x\n\n1 2", is_whole=True)
    assert end == len(head)
    assert {"spacedirections", "sizes"} < set(fields)
    assert (fields["spacedirections"], fields["sizes"]) == ("(1,0)", "4 4")
    assert not {"#a", "key", "kinds"} & set(fields)
    whole = b"NRRD0004\nsizes: 4 4"
    assert nrrd_fields(tmp_path / "a.nhdr", whole, is_whole=True)[1] == len(whole)
    with pytest.raises(UserError, match="more than 19 bytes"):
        nrrd_fields(tmp_path / "a.nrrd", whole, is_whole=False)


@pytest.mark.parametrize(("length", "fits"), [(512, True), (513, False)])
def test_a_fields_line_has_at_most_512_characters(length, fits, tmp_path):
    line = b"content: " + b"x" * (length - 9)
    if fits:
        fields, _ = nrrd_fields(tmp_path / "a.nrrd", line + b"\n\n", is_whole=True)
        assert len(fields["content"]) == length - 9
    else:
        with pytest.raises(UserError, match="more than 512"):
            nrrd_fields(tmp_path / "a.nrrd", line + b"\n\n", is_whole=True)
