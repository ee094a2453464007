"""Bounds on memory and unpacked sizes: exactly where they lie, and what is said beyond them."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging import limits

_RESERVE = 200 * 2**20


def test_a_volume_fits_up_to_the_reserve_and_not_one_byte_further(monkeypatch) -> None:
    monkeypatch.setattr(limits, "available_memory", lambda: 10**9 + _RESERVE)
    limits.check_memory(10**9, Path("scan.nii"))
    with pytest.raises(
        UserError, match=r"scan\.nii: needs 1\.2 GB of memory, and only 1\.2 GB is free"
    ):
        limits.check_memory(10**9 + 1, Path("scan.nii"))


def test_what_is_needed_and_what_is_free_are_said_with_the_reserve(monkeypatch) -> None:
    monkeypatch.setattr(limits, "available_memory", lambda: _RESERVE // 2)
    with pytest.raises(UserError, match=r"needs 0\.2 GB of memory, and only 0\.1 GB is free"):
        limits.check_memory(1, Path("scan.nii"))


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="needs Linux's own account")
def test_available_memory_is_the_kernels_own_account() -> None:
    text = Path("/proc/meminfo").read_text(encoding="ascii")
    kibibytes = next(int(line.split()[1]) for line in text.splitlines() if "MemAvailable" in line)
    # Other processes come and go between the two looks.
    assert limits.available_memory() == pytest.approx(kibibytes * 1024, rel=0.2)


def _deflated(plain: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(plain) + packer.flush()


def test_a_stream_is_unpacked_up_to_its_limit_and_not_one_byte_further() -> None:
    plain = bytes(range(256)) * 40
    packed = _deflated(plain)
    assert limits.inflate(packed, len(plain), Path("a.dcm")) == plain
    with pytest.raises(UserError, match=r"a\.dcm: unpacks to more than 10\.2 kB"):
        limits.inflate(packed, len(plain) - 1, Path("a.dcm"))


def test_a_damaged_stream_and_one_cut_short_are_told_apart() -> None:
    packed = _deflated(b"voxels" * 99)
    with pytest.raises(UserError, match="is damaged"):
        limits.inflate(b"\xff" + packed, 10**6, Path("a.dcm"))
    with pytest.raises(UserError, match="is cut short"):
        limits.inflate(packed[:-2], 10**6, Path("a.dcm"))
