"""Damaged files: every outcome is a volume or a refusal, never a crash or a hang."""

from __future__ import annotations

import random
import time
from pathlib import Path

import nibabel as nib
import pydicom
import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.open import open_volume

_CORPORA = (
    Path(pydicom.__file__).parent / "data/test_files",
    Path(nib.__file__).parent / "tests/data",
    Path(nib.__file__).parent / "nicom/tests/data",
)
_SUFFIXES = (".dcm", ".nii", ".gz", ".hdr")
_LARGEST = 200_000
_MUTANTS = 1500
_MOST_SECONDS = 20.0


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


@pytest.mark.filterwarnings("ignore")
def test_a_mutated_file_is_a_volume_or_a_refusal(tmp_path: Path) -> None:
    files = sorted(
        path
        for corpus in _CORPORA
        for path in corpus.rglob("*")
        if path.suffix in _SUFFIXES and path.stat().st_size <= _LARGEST
    )
    assert len(files) > 50
    chance = random.Random(20)
    end = time.monotonic() + _MOST_SECONDS
    refused = 0
    for _ in range(_MUTANTS):
        if time.monotonic() > end:
            break
        path = chance.choice(files)
        mutant = tmp_path / ("mutant" + "".join(path.suffixes[-2:]))
        mutant.write_bytes(_mutant(path.read_bytes(), chance))
        try:
            open_volume(mutant)
        except UserError:
            refused += 1
    assert refused > 0


def test_a_mosaic_whose_size_contradicts_its_slices_is_refused() -> None:
    with pytest.raises(UserError, match="48 slices"):
        open_volume(Path(nib.__file__).parent / "nicom/tests/data/0.dcm")
