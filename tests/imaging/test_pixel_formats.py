"""What an image header may claim of its pixels, and what is refused: bits, frames, sizes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000Lossless

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.frames.file import DicomFile, PixelFormat, read_dicom_file
from fusion3d_gui.imaging.dicom.parser.encoding import FileBytes

Edit = Callable[[Dataset, int], None]


@pytest.fixture
def slice_file(written: Callable[[Edit], Path]) -> Path:
    return sorted(written(lambda dataset, number: None).iterdir())[0]


def _read(path: Path, edit: Callable[[Dataset], None]) -> DicomFile:
    dataset = pydicom.dcmread(path)
    edit(dataset)
    dataset.save_as(path)
    return read_dicom_file(FileBytes.from_path(path))


@pytest.mark.parametrize("bits", [1, 8, 16, 32])
def test_whole_numbers_have_1_8_16_or_32_bits(bits: int, slice_file: Path) -> None:
    def edit(dataset: Dataset) -> None:
        dataset.BitsAllocated = dataset.BitsStored = bits
        dataset.HighBit = bits - 1
        dataset.PixelData = bytes(-(-dataset.Rows * dataset.Columns * bits // 16) * 2)

    assert _read(slice_file, edit).format.bits_allocated == bits


@pytest.mark.parametrize("bits", [2, 7, 9, 12, 15, 17, 24, 31, 33, 64])
def test_whole_numbers_of_other_lengths_are_refused(bits: int, slice_file: Path) -> None:
    def edit(dataset: Dataset) -> None:
        dataset.BitsAllocated = dataset.BitsStored = bits
        dataset.PixelData = bytes(64 * dataset.Rows * dataset.Columns)

    with pytest.raises(UserError, match=f"stores {bits} bits a pixel"):
        _read(slice_file, edit)


@pytest.mark.parametrize(
    ("keyword", "allocated", "fits"),
    [
        ("FloatPixelData", 32, True),
        ("DoubleFloatPixelData", 64, True),
        ("FloatPixelData", 16, False),
        ("FloatPixelData", 31, False),
        ("DoubleFloatPixelData", 63, False),
        ("DoubleFloatPixelData", 65, False),
    ],
)
def test_floating_point_pixels_have_32_or_64_bits(
    keyword: str, allocated: int, fits: bool, slice_file: Path
) -> None:
    def edit(dataset: Dataset) -> None:
        del dataset.PixelData
        dataset.BitsAllocated = dataset.BitsStored = allocated
        dataset.HighBit = allocated - 1
        setattr(dataset, keyword, bytes(16 * dataset.Rows * dataset.Columns))

    if fits:
        found = _read(slice_file, edit).format
        assert found.floating
        assert found.dtype == np.dtype(f"f{allocated // 8}")
    else:
        with pytest.raises(UserError, match=f"stores {allocated} bits a pixel"):
            _read(slice_file, edit)


@pytest.mark.parametrize(("stored", "fits"), [(16, True), (17, False)])
def test_no_more_bits_are_stored_than_allocated(stored: int, fits: bool, slice_file: Path) -> None:
    def edit(dataset: Dataset) -> None:
        dataset.BitsStored = stored

    if fits:
        assert _read(slice_file, edit).format.bits_stored == stored
    else:
        with pytest.raises(UserError, match="claims to use 17 bits of 16"):
            _read(slice_file, edit)


@pytest.mark.parametrize("keyword", ["Rows", "Columns", "BitsAllocated"])
def test_an_image_that_does_not_say_its_size_is_refused(keyword: str, slice_file: Path) -> None:
    def edit(dataset: Dataset) -> None:
        delattr(dataset, keyword)

    with pytest.raises(UserError, match="does not say how large"):
        _read(slice_file, edit)


def test_what_an_image_leaves_open_is_one_gray_sample_of_all_its_bits(slice_file: Path) -> None:
    def edit(dataset: Dataset) -> None:
        for keyword in ("SamplesPerPixel", "PhotometricInterpretation", "BitsStored", "HighBit"):
            delattr(dataset, keyword)

    found = _read(slice_file, edit).format
    assert (found.samples, found.photometric) == (1, "MONOCHROME2")
    assert (found.bits_stored, found.high_bit) == (16, 15)


def test_half_the_colours_of_422_are_in_the_file() -> None:
    """Two samples a pixel (PS3.3 C.7.6.3.1.2), where full colours have three."""
    for photometric, bits in (("YBR_FULL_422", 2 * 8), ("YBR_FULL", 3 * 8), ("RGB", 3 * 8)):
        found = PixelFormat(10, 12, 3, False, photometric, 8, 8, 7, False, False)
        assert found.frame_bits == 10 * 12 * bits


@pytest.mark.parametrize(("said", "count"), [(0, 1), (1, 1), (2, 2)])
def test_an_image_has_at_least_one_frame(said: int, count: int, slice_file: Path) -> None:
    def edit(dataset: Dataset) -> None:
        dataset.PixelData *= 2
        dataset.NumberOfFrames = said

    assert _read(slice_file, edit).frame_count == count


@pytest.mark.parametrize(
    ("rows", "columns", "size", "fits"),
    [
        # 2^26 pixels in any file, however small,
        (8192, 8192, 6000, True),
        (8192, 8193, 6000, False),
        # and 10,000 for each of its bytes.
        (20_000, 20_000, 40_000, True),
        (20_000, 20_001, 40_000, False),
    ],
)
def test_a_compressed_file_may_claim_so_many_pixels_and_no_more(
    rows: int, columns: int, size: int, fits: bool, slice_file: Path
) -> None:
    def edit(dataset: Dataset) -> None:
        dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
        dataset.Rows, dataset.Columns = rows, columns
        dataset.ImageComments = "x" * 200
        dataset.PixelData = b"\xfe\xff\x00\xe0\0\0\0\0" + item
        dataset["PixelData"].is_undefined_length = True

    item = b"\xfe\xff\x00\xe0" + (0).to_bytes(4, "little")
    dataset = pydicom.dcmread(slice_file)
    edit(dataset)
    dataset.save_as(slice_file)
    missing = size - slice_file.stat().st_size
    item = b"\xfe\xff\x00\xe0" + missing.to_bytes(4, "little") + bytes(missing)
    if fits:
        assert _read(slice_file, edit).format.columns == columns
    else:
        with pytest.raises(UserError, match=r"claims [\d,]+ pixels in"):
            _read(slice_file, edit)
    assert slice_file.stat().st_size == size
