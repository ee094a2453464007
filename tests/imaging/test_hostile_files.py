"""Damaged files: every outcome is a volume or a refusal, never a crash or a hang."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import imagecodecs
import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.imaging.catalog.find import find_series
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.dicom.frames.file import PixelFormat
from fusion3d_gui.imaging.dicom.pixels.codecs import JPEG_LS, DecodeError, decode_frame
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.volume import Volume

_CORPORA = (
    Path(pydicom.__file__).parent / "data/test_files",
    Path(nib.__file__).parent / "tests/data",
    Path(nib.__file__).parent / "nicom/tests/data",
)
_SUFFIXES = (".dcm", ".nii", ".gz", ".hdr")
_LARGEST = 200_000
#: A longer run: FUSION3D_MUTANTS=6000 FUSION3D_FUZZ_SECONDS=900 FUSION3D_SEED=1 pytest -s THIS_FILE
_MUTANTS = int(os.environ.get("FUSION3D_MUTANTS", "1500"))
_MOST_SECONDS = float(os.environ.get("FUSION3D_FUZZ_SECONDS", "20"))
_SEED = int(os.environ.get("FUSION3D_SEED", "20"))


def _mutant(whole: bytes, chance: random.Random) -> bytes:
    data = bytearray(whole)
    for _ in range(chance.choice((1, 2, 5, 20))):
        if len(data) < 2:
            break
        kind, anywhere = chance.random(), chance.randrange(len(data))
        if kind < 0.5:
            data[chance.randrange(min(len(data), 3000))] = chance.choice((0, 1, 127, 128, 255))
        elif kind < 0.7:
            data[anywhere] ^= 1 << chance.randrange(8)
        elif kind < 0.8:
            del data[anywhere:]
        elif kind < 0.9:
            data[anywhere : anywhere + 4] = b"\xff" * 4
        else:
            del data[anywhere : anywhere + chance.randrange(1, 50)]
    return bytes(data)


@pytest.fixture
def corpus(tmp_path: Path) -> list[Path]:
    """Small files of every format: those that libraries ship to test themselves, and ITK's."""
    files = [
        path
        for folder in _CORPORA
        for path in folder.rglob("*")
        if path.suffix in _SUFFIXES and path.stat().st_size <= _LARGEST
    ]
    image = sitk.GetImageFromArray(np.arange(720, dtype=np.int16).reshape(8, 9, 10))
    for number, name in enumerate(("a.nrrd", "b.nrrd", "c.mha", "d.mha")):
        sitk.WriteImage(image, str(tmp_path / name), number % 2 == 1)
        files += [tmp_path / name] * 3
    return sorted(files)


@pytest.mark.filterwarnings("ignore")
def test_a_mutated_file_is_a_volume_or_a_refusal(corpus: list[Path], tmp_path: Path) -> None:
    assert len(corpus) > 50
    chance = random.Random(_SEED)
    end = time.monotonic() + _MOST_SECONDS
    opened = refused = 0
    slowest = (0.0, "")
    while opened + refused < _MUTANTS and time.monotonic() < end:
        path = chance.choice(corpus)
        mutant = tmp_path / ("mutant" + "".join(path.suffixes[-2:]))
        mutant.write_bytes(_mutant(path.read_bytes(), chance))
        start = time.monotonic()
        try:
            open_volume(mutant)
            opened += 1
        except UserError:
            refused += 1
        took = time.monotonic() - start
        if took > slowest[0]:
            slowest = took, path.name
            if took > 2:
                print(f"{took:.1f} s: {path.name}, mutant {opened + refused} of seed {_SEED}")
    print(f"{opened} opened, {refused} refused; slowest {slowest[0]:.2f} s ({slowest[1]})")
    assert refused > 0


def test_files_that_lie_about_their_structure_end_no_process() -> None:
    pytest.importorskip("resource")
    fuzzer = Path(__file__).parents[1] / "benchmarks/fuzz_files.py"
    words = [sys.executable, str(fuzzer), "--mutants", "150", "--seed", "5", "--seconds", "120"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "150 mutants" in done.stdout


def test_a_mosaic_whose_size_contradicts_its_slices_is_refused() -> None:
    with pytest.raises(UserError, match="48 slices"):
        open_volume(Path(nib.__file__).parent / "nicom/tests/data/0.dcm")


def test_a_jpeg_ls_frame_cut_short_is_refused_and_one_without_its_end_marker_is_read() -> None:
    plane = np.random.default_rng(0).integers(0, 4000, (128, 128)).astype(np.uint16)
    whole = imagecodecs.jpegls_encode(plane)
    pixels = PixelFormat(128, 128, 1, False, "MONOCHROME2", 16, 16, 15, False, False)
    np.testing.assert_array_equal(decode_frame(whole[:-2], JPEG_LS, pixels), plane)
    with pytest.raises(DecodeError):
        decode_frame(whole[:-50], JPEG_LS, pixels)  # CharLS alone needs 13 s for this one


@pytest.fixture
def series(oblique_volume: Volume, tmp_path: Path) -> Path:
    write_dicom_series(oblique_volume, tmp_path / "series", attributes={}, uid_seed="h")
    return tmp_path / "series"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
@pytest.mark.filterwarnings("ignore")
def test_links_in_circles_pipes_and_devices_keep_nobody_waiting(series: Path) -> None:
    (series / "up").symlink_to(series.parent)
    (series / "self").symlink_to("self")
    (series / "nowhere.nii").symlink_to("gone")
    (series / "zero.dcm").symlink_to("/dev/zero")
    (series / "zero.nii.gz").symlink_to("/dev/zero")
    os.mkfifo(series / "pipe")
    os.mkfifo(series / "half.hdr")
    (series / "half.img").write_bytes(bytes(500))
    os.mkfifo(series / "voxels.raw")
    meta = "ObjectType = Image\nNDims = 3\nBinaryData = True\nDimSize = 2 3 4\n"
    (series / "pipe.mhd").write_text(
        f"{meta}ElementType = MET_SHORT\nElementDataFile = voxels.raw\n"
    )
    (found,) = find_series(series)
    assert found.shape[0] == 7
    for name in ("self", "nowhere.nii", "zero.dcm", "pipe", "half.hdr", "half.img", "pipe.mhd"):
        with pytest.raises(UserError):
            open_volume(series / name)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="this system has no such permissions")
def test_a_file_and_a_folder_that_may_not_be_read_are_left_out_and_the_file_is_said(
    series: Path, request: pytest.FixtureRequest
) -> None:
    (series / "0003.dcm").chmod(0)
    (series / "closed").mkdir(mode=0)
    me = os.geteuid()
    if me == 0:  # whom nothing is closed to
        for folder in (series, *series.parents):
            if folder.stat().st_mode & 0o055 != 0o055:
                mode = folder.stat().st_mode & 0o7777
                request.addfinalizer(partial(folder.chmod, mode))
                folder.chmod(mode | 0o055)
        request.addfinalizer(partial(os.seteuid, me))
        os.seteuid(65534)
    volume = open_volume(series)
    assert volume.missing == (2,)
    assert "1 file was left out: 0003.dcm can't be read" in " ".join(volume.notices)


@pytest.fixture
def deep(series: Path) -> Iterator[Path]:
    """The series beside a folder in a folder in a folder ..., deeper than a path can say."""
    here = os.open(series, os.O_RDONLY)
    for _ in range(25):
        os.mkdir("deeper" * 30, dir_fd=here)
        inner = os.open("deeper" * 30, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    yield series
    for _ in range(25):
        outer = os.open("..", os.O_RDONLY, dir_fd=here)
        os.rmdir("deeper" * 30, dir_fd=outer)
        os.close(here)
        here = outer
    os.close(here)


def test_a_folder_deeper_than_any_path_can_say_is_looked_through_as_far_as_it_goes(
    deep: Path,
) -> None:
    assert open_volume(deep).shape[0] == 7


def test_no_file_name_moves_the_cursor_of_a_terminal(series: Path) -> None:
    name = "odd\x1b[31m\nname.dcm"
    (series / name).write_bytes((series / "0001.dcm").read_bytes()[:-9])
    said = " ".join(open_volume(series).notices)
    with pytest.raises(UserError) as caught:
        open_volume(series / name)
    for text in (said, str(caught.value)):
        assert "odd\\x1b[31m ↵ name.dcm" in text
        assert text.isprintable()


def test_unpacking_many_small_members_can_be_given_up(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(50):
            archive.writestr(f"{number}/empty", b"")
    calls = []

    def progress(fraction: float, message: str) -> None:
        calls.append(message)
        if len(calls) == 20:
            raise Cancelled

    with pytest.raises(Cancelled):
        find_series(tmp_path / "many.zip", progress)
    assert set(calls) == {"Unpacking"}
