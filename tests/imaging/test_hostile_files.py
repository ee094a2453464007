"""Damaged files: every outcome is a volume or a refusal, never a crash or a hang."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import imagecodecs
import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.codecs import JPEG_LS, DecodeError, decode_frame
from fusion3d_gui.imaging.dicom_file import PixelFormat
from fusion3d_gui.imaging.open import open_volume

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
