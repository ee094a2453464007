"""MetaImage headers that would end the process inside ITK, or never return, are refused with the true reason."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.files.meta_fields import check_meta_offsets, meta_fields
from fusion3d_gui.imaging.files.voxel_file import read_voxel_file

HEADER = """ObjectType = Image
NDims = 3
DimSize = 4 4 4
ElementType = MET_SHORT
ElementSpacing = 1 1 1
ElementDataFile = LOCAL
"""


def write(path: Path, header: str) -> Path:
    path.write_bytes(header.encode() + bytes(128))
    return path


def test_the_67_bytes_that_ended_the_process_are_refused_in_a_process_that_lives(tmp_path):
    path = tmp_path / "few.mha"
    path.write_bytes(b"NDims = -1\nDimSize = 1\nElementType = MET_UCHAR\nElementDataFile=LOCAL\n")
    words = [sys.executable, "-m", "fusion3d_gui", "info", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.strip().count("\n") == 0
    assert "NDims" in done.stderr


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("NDims = 3", "NDims = -1", "-1 as NDims"),
        ("NDims = 3", "NDims = 0", "0 as NDims"),
        ("NDims = 3", "NDims = 1000000000", "1000000000 as NDims"),
        ("NDims = 3", "NDims = 3.5", "3.5 as NDims"),
        ("NDims = 3\n", "", "nothing as NDims"),
        ("NDims = 3", "NDims = 3\nNDims = -1", "NDims twice"),
        ("NDims = 3\nDimSize = 4 4 4", "DimSize = 4 4 4\nNDims = 3", "DimSize before NDims"),
        ("NDims = 3", "Offset = 0 0 0\nNDims = 3", "Offset before NDims"),
        ("DimSize = 4 4 4", "DimSize = -4 4 4", "3 whole numbers as DimSize"),
        ("DimSize = 4 4 4", "DimSize = 4 4", "3 whole numbers as DimSize"),
        ("DimSize = 4 4 4", "DimSize = 99999999999 4 4", "3 whole numbers as DimSize"),
        ("MET_SHORT", "MET_NONSENSE", "no type of voxels"),
        ("MET_SHORT", "MET_SHORT_ARRAY", "no type of voxels"),
        ("ElementSpacing", "ElementNumberOfChannels = -1\nElementSpacing", "as ElementNumberOfCh"),
        ("ElementSpacing = 1 1 1", "ElementSpacing = nan 1 1", "finite numbers as ElementSpacing"),
        ("ElementSpacing", "TransformMatrix = 1 0 0\nElementSpacing", "9 finite numbers as Trans"),
        ("ElementSpacing", "Offset = 1e400 0 0\nElementSpacing", "3 finite numbers as Offset"),
        ("ElementSpacing", "HeaderSize = -5\nElementSpacing", "-5 as HeaderSize"),
        ("ElementSpacing", "HeaderSize = 99999999999\nElementSpacing", "as HeaderSize"),
        ("ElementSpacing", "HeaderSize = 64\nElementSpacing", "skips a part of the voxels"),
        ("ElementSpacing", "CompressedDataSize = -1\nElementSpacing", "as CompressedDataSize"),
        (
            "ElementSpacing",
            f"Comment = {'x' * 10_000}\nElementSpacing",
            "more than 4096 characters",
        ),
    ],
)
def test_a_header_with_an_impossible_value_is_refused_for_it(tmp_path, old, new, reason, capfd):
    assert old in HEADER
    with pytest.raises(UserError, match=reason):
        read_voxel_file(write(tmp_path / "a.mha", HEADER.replace(old, new, 1)))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("matrix", ["1 0 0 1 0 0 0 0 1", "0 0 0 0 0 0 0 0 0"])
def test_of_an_orientation_that_spans_no_space_the_voxel_sizes_are_used(tmp_path, matrix):
    header = HEADER.replace("ElementSpacing = 1 1 1", "BinaryData = True\nElementSpacing = 2 3 4")
    turned = header.replace("ElementData", f"TransformMatrix = {matrix}\nElementData")
    volume = read_voxel_file(write(tmp_path / "a.mha", turned))
    assert volume.spacing_mm == (4, 3, 2)
    assert "orientation is not valid" in " ".join(volume.faults)


def test_a_packed_file_cut_short_is_refused_before_itk_prints_of_it(tmp_path, capfd):
    packed = "BinaryData True\nCompressedData = True\nCompressedDataSize = 692\nElementType"
    with pytest.raises(UserError, match="cut short"):
        read_voxel_file(write(tmp_path / "a.mha", HEADER.replace("ElementType", packed)))
    assert capfd.readouterr().err == ""


def test_packed_voxels_that_itk_would_make_up_are_refused(tmp_path, capfd):
    packed = "CompressedData = True\nCompressedDataSize = 100\nElementType"  # without BinaryData
    with pytest.raises(UserError, match="in a way that can't be read"):
        read_voxel_file(write(tmp_path / "a.mha", HEADER.replace("ElementType", packed)))
    assert capfd.readouterr().err == ""


def test_packed_voxels_of_64_bits_are_read(tmp_path):
    voxels = np.arange(60, dtype=np.int64).reshape(3, 4, 5) << 40
    sitk.WriteImage(sitk.GetImageFromArray(voxels), str(tmp_path / "a.mha"), True)
    np.testing.assert_array_equal(read_voxel_file(tmp_path / "a.mha").voxels, voxels)


@pytest.mark.parametrize("suffix", [".mha", ".mhd"])
@pytest.mark.parametrize("compressed", [False, True])
def test_what_simpleitk_writes_is_read(tmp_path, suffix, compressed):
    voxels = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    image = sitk.GetImageFromArray(voxels)
    image.SetOrigin((1.5, -2e-3, 3e5))
    image.SetMetaData("Comment", "a comment")
    path = tmp_path / f"a{suffix}"
    sitk.WriteImage(image, str(path), compressed)
    np.testing.assert_array_equal(read_voxel_file(path).voxels, voxels)


def test_a_header_size_of_minus_1_means_that_the_voxels_end_the_file(tmp_path):
    voxels = np.arange(64, dtype=np.int16)
    header = HEADER.replace("ElementSpacing", "HeaderSize = -1\nElementSpacing")
    header = header.replace("= LOCAL", "= voxels.raw")
    (tmp_path / "a.mhd").write_text(header)
    (tmp_path / "voxels.raw").write_bytes(b"seventeen bytes .." + voxels.tobytes())
    found = read_voxel_file(tmp_path / "a.mhd")
    np.testing.assert_array_equal(found.voxels.ravel(), voxels)


_LIMITS = {
    # Field, its largest value, its smallest; what is beyond is refused.
    "NDims": (6, 1),
    "ElementNumberOfChannels": (1024, 1),
    "HeaderSize": (0, -1),
    "CompressedDataSize": (10**18 - 1, 1),  # of 18 digits
}


@pytest.mark.parametrize("name", _LIMITS)
def test_numbers_of_a_header_have_limits(name, tmp_path):
    path = tmp_path / "a.mha"
    for value in (limit + step for limit in _LIMITS[name] for step in (-1, 0, 1)):
        axes = value if name == "NDims" and value > 0 else 3
        sizes = " ".join("4" * axes) if axes < 100 else "4"
        head = f"NDims = {axes}\nDimSize = {sizes}\nElementType = MET_SHORT\n"
        head = head.replace(f"NDims = {axes}", f"NDims = {value}") if name == "NDims" else head
        head = head if name == "NDims" else f"{head}{name} = {value}\n"
        highest, lowest = _LIMITS[name]
        try:
            fields = meta_fields(path, head.encode())
            check_meta_offsets(path, fields, size=500, is_local=True)
            fits = True
        except UserError as error:
            fits = False
            assert name in str(error)
        assert fits == (lowest <= value <= highest), value


def test_lines_of_4096_characters_are_read_and_sizes_of_9_digits(tmp_path):
    head = HEADER.replace("4 4 4", "999999999 1 1").encode()
    for length, fits in ((4096, True), (4097, False)):
        line = b"Comment = " + b"x" * (length - 10) + b"\n"
        if fits:
            assert meta_fields(tmp_path / "a.mha", line + head)["DimSize"] == "999999999 1 1"
        else:
            with pytest.raises(UserError, match="more than 4096"):
                meta_fields(tmp_path / "a.mha", line + head)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        *((name, 2) for name in ("ElementSpacing", "ElementSize", "Offset", "Position", "Origin")),
        ("CenterOfRotation", 2),
        *((name, 4) for name in ("TransformMatrix", "Rotation", "Orientation")),
    ],
)
def test_vectors_have_a_number_for_each_axis_and_matrices_for_each_pair(name, count, tmp_path):
    head = "NDims = 2\nDimSize = 4 4\nElementType = MET_SHORT\n"
    for given in range(1, 6):
        line = f"{name} = {' '.join('1' * given)}\n"
        if given == count:
            assert name in meta_fields(tmp_path / "a.mha", (head + line).encode())
        else:
            with pytest.raises(UserError, match=f"{count} finite numbers as {name}"):
                meta_fields(tmp_path / "a.mha", (head + line).encode())
