"""Every transfer syntax and stored type: the numbers that were packed, as other readers read them."""

from __future__ import annotations

import io
import pathlib
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.open import open_volume

_SHAPE = (33, 47)
_BIG = "1.2.840.10008.1.2.2"
_NATIVE = {
    "implicit": "1.2.840.10008.1.2",
    "explicit": "1.2.840.10008.1.2.1",
    "big endian": _BIG,
    "deflated": "1.2.840.10008.1.2.1.99",
}

Write = Callable[..., pathlib.Path]


@pytest.fixture
def write(tmp_path: pathlib.Path) -> Write:
    """Write one image: natively, or around a compressed frame; return its path."""

    def write(
        plane: np.ndarray, syntax: str, frame: Any = None, bits: int = 0, **changes: object
    ) -> pathlib.Path:
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.SOPClassUID = pydicom.uid.MRImageStorage
        dataset.SOPInstanceUID, dataset.SeriesInstanceUID = "1.2.3.4", "1.2.3"
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
        dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
        dataset.Modality = "MR"
        dataset.ImagePositionPatient, dataset.PixelSpacing = [1, 2, 3], [1, 1]
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        dataset.Rows, dataset.Columns = plane.shape[:2]
        dataset.SamplesPerPixel = 1 if plane.ndim == 2 else 3
        dataset.PhotometricInterpretation = "MONOCHROME2" if plane.ndim == 2 else "RGB"
        dataset.BitsAllocated = 8 * plane.dtype.itemsize
        little = syntax != _BIG
        if plane.dtype.kind == "f":
            keyword = {4: "FloatPixelData", 8: "DoubleFloatPixelData"}[plane.dtype.itemsize]
            setattr(
                dataset, keyword, plane.astype(plane.dtype.newbyteorder("<>"[not little])).tobytes()
            )
        else:
            dataset.BitsStored = bits or dataset.BitsAllocated
            dataset.HighBit = dataset.BitsStored - 1
            dataset.PixelRepresentation = int(plane.dtype.kind == "i")
            packed = plane.astype(plane.dtype.newbyteorder("<>"[not little])).tobytes()
            dataset.PixelData = (
                encapsulate([bytes(frame)]) if frame else packed + b"\0" * (len(packed) % 2)
            )
            dataset["PixelData"].VR = "OB" if frame or plane.dtype.itemsize == 1 else "OW"
        for keyword, value in changes.items():
            setattr(dataset, keyword, value)
        path = tmp_path / "image.dcm"
        dataset.save_as(path, enforce_file_format=True)
        return path

    return write


def _random(dtype: str, bits: int = 0) -> np.ndarray:
    chance, kind = np.random.default_rng(9), np.dtype(dtype)
    if kind.kind == "f":
        return chance.normal(size=_SHAPE).astype(kind)
    bits = bits or 8 * kind.itemsize
    low = -(1 << bits - 1) if kind.kind == "i" else 0
    return chance.integers(low, low + (1 << bits), _SHAPE).astype(kind)


def _as_simpleitk_sees(path: pathlib.Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))[0]


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"])
@pytest.mark.parametrize("syntax", _NATIVE)
def test_every_stored_type_is_kept_in_every_native_syntax(
    syntax: str, dtype: str, write: Write
) -> None:
    plane = _random(dtype)
    path = write(plane, _NATIVE[syntax])
    volume = open_volume(path)
    assert volume.voxels.dtype == plane.dtype
    np.testing.assert_array_equal(volume.voxels[0], plane)
    if dtype in ("f4", "f8") or (syntax, dtype[1]) == ("big endian", "4"):
        # GDCM knows neither floats nor big endian of 32 bits; pydicom knows both.
        theirs = pydicom.dcmread(path).pixel_array
    else:
        theirs = _as_simpleitk_sees(path)
    np.testing.assert_array_equal(volume.voxels[0], theirs)


def _jpeg_lossless(predictor: int) -> Callable[[np.ndarray, int], bytes]:
    def encode(plane: np.ndarray, bits: int) -> bytes:
        return imagecodecs.jpeg8_encode(
            plane, lossless=True, predictor=predictor, bitspersample=bits
        )

    return encode


def _jpeg_2000(plane: np.ndarray, bits: int) -> bytes:
    return imagecodecs.jpeg2k_encode(
        plane, level=0, codecformat="j2k", reversible=True, bitspersample=bits
    )


def _htj2k(plane: np.ndarray, bits: int) -> bytes:
    return imagecodecs.htj2k_encode(plane, reversible=True)


def _jpeg_ls(plane: np.ndarray, bits: int) -> bytes:
    return imagecodecs.jpegls_encode(plane)


_LOSSLESS = {
    **{
        f"JPEG lossless, predictor {n}": ("1.2.840.10008.1.2.4.57", _jpeg_lossless(n))
        for n in range(1, 8)
    },
    "JPEG lossless SV1": ("1.2.840.10008.1.2.4.70", _jpeg_lossless(1)),
    "JPEG-LS": ("1.2.840.10008.1.2.4.80", _jpeg_ls),
    "JPEG 2000": ("1.2.840.10008.1.2.4.90", _jpeg_2000),
    "HTJ2K": ("1.2.840.10008.1.2.4.201", _htj2k),
    "HTJ2K RPCL": ("1.2.840.10008.1.2.4.202", _htj2k),
    "HTJ2K, lossy allowed": ("1.2.840.10008.1.2.4.203", _htj2k),
}


@pytest.mark.parametrize(
    ("dtype", "bits"), [("u1", 8), ("i1", 8), ("u2", 12), ("i2", 12), ("u2", 16), ("i2", 16)]
)
@pytest.mark.parametrize("name", _LOSSLESS)
def test_every_lossless_syntax_gives_the_numbers_that_were_packed(
    name: str, dtype: str, bits: int, write: Write
) -> None:
    syntax, encode = _LOSSLESS[name]
    plane = _random(dtype, bits)
    raw = plane
    if not name.startswith(("JPEG 2000", "HTJ2K")):
        # These know no sign: the bits of the value as they are.
        raw = (plane.astype(np.int64) & ((1 << bits) - 1)).astype(f"u{plane.dtype.itemsize}")
    path = write(plane, syntax, encode(raw, bits), bits)
    volume = open_volume(path)
    assert volume.voxels.dtype == plane.dtype
    np.testing.assert_array_equal(volume.voxels[0], plane)
    np.testing.assert_array_equal(_as_simpleitk_sees(path), plane)
    if name == "JPEG-LS" and dtype[0] == "u":
        np.testing.assert_array_equal(pydicom.dcmread(path).pixel_array, plane)


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2"])
def test_run_length_encoding_by_pydicom_gives_the_numbers_that_were_packed(
    dtype: str, write: Write
) -> None:
    plane = _random(dtype)
    path = write(plane, _NATIVE["explicit"])
    dataset = pydicom.dcmread(path)
    dataset.compress(pydicom.uid.RLELossless)
    dataset.save_as(path)
    np.testing.assert_array_equal(open_volume(path).voxels[0], plane)


def _smooth(bits: int) -> np.ndarray:
    j, i = np.mgrid[: _SHAPE[0], : _SHAPE[1]]
    return ((np.sin(i / 9) + np.cos(j / 7) + 2) / 4 * ((1 << bits) - 1)).astype(
        f"u{(bits + 7) // 8}"
    )


_LOSSY = {
    "JPEG baseline": (
        "1.2.840.10008.1.2.4.50",
        8,
        lambda plane: imagecodecs.jpeg8_encode(plane, level=90),
    ),
    "JPEG extended, 12 bits": (
        "1.2.840.10008.1.2.4.51",
        12,
        lambda plane: imagecodecs.jpeg8_encode(plane, level=90, bitspersample=12),
    ),
    "JPEG-LS near-lossless": (
        "1.2.840.10008.1.2.4.81",
        12,
        lambda plane: imagecodecs.jpegls_encode(plane, level=3),
    ),
    "JPEG 2000": (
        "1.2.840.10008.1.2.4.91",
        12,
        lambda plane: imagecodecs.jpeg2k_encode(
            plane, level=50, codecformat="j2k", bitspersample=12
        ),
    ),
}


@pytest.mark.parametrize("name", _LOSSY)
def test_every_lossy_syntax_gives_simpleitks_numbers(name: str, write: Write) -> None:
    syntax, bits, encode = _LOSSY[name]
    plane = _smooth(bits)
    path = write(plane, syntax, encode(plane), bits)
    shown = open_volume(path).voxels[0].astype(int)
    assert np.abs(shown - _as_simpleitk_sees(path)).max() <= 1
    assert 0 < np.abs(shown - plane).max() < 0.03 * (1 << bits)


@pytest.mark.parametrize("name", [*_LOSSLESS, *_LOSSY])
def test_a_frame_cut_short_is_refused_in_every_compressed_syntax(name: str, write: Write) -> None:
    plane = _smooth(12 if name in _LOSSLESS else _LOSSY[name][1])
    if name in _LOSSLESS:
        syntax, encode = _LOSSLESS[name]
        frame = bytes(encode(plane, 12))
    else:
        syntax, _, encode_lossy = _LOSSY[name]
        frame = bytes(encode_lossy(plane))
    path = write(plane, syntax, frame[: len(frame) * 2 // 3], 8 * plane.dtype.itemsize)
    with pytest.raises(UserError, match=r"image\.dcm: is damaged"):
        open_volume(path)
    path = write(plane, syntax, frame, 8 * plane.dtype.itemsize)
    path.write_bytes(path.read_bytes()[: -len(frame) // 3])
    with pytest.raises(UserError, match=r"image\.dcm: is cut short"):
        open_volume(path)


@pytest.mark.parametrize("name", ["JPEG baseline", "JPEG extended, 12 bits", "JPEG lossless SV1"])
def test_a_jpeg_that_lacks_nothing_but_its_end_marker_is_read(name: str, write: Write) -> None:
    if name in _LOSSLESS:
        syntax, encode = _LOSSLESS[name]
        plane = _smooth(12)
        frame, bits = bytes(encode(plane, 12)), 12
    else:
        syntax, bits, encode_lossy = _LOSSY[name]
        plane = _smooth(bits)
        frame = bytes(encode_lossy(plane))
    whole = open_volume(write(plane, syntax, frame, bits)).voxels
    for cut in (1, 2):
        shown = open_volume(write(plane, syntax, frame[:-cut], bits)).voxels
        np.testing.assert_array_equal(shown, whole)


@pytest.mark.parametrize("called", ["YBR_FULL_422", "YBR_FULL", "RGB"])
def test_a_colour_jpeg_is_what_pillow_sees_whatever_the_header_calls_it(
    called: str, write: Write
) -> None:
    image = np.stack([_smooth(8), _smooth(8)[::-1], _smooth(8)[:, ::-1]], axis=-1)
    frame = imagecodecs.jpeg8_encode(image, level=95, colorspace="RGB", outcolorspace="YCBCR")
    theirs = np.asarray(Image.open(io.BytesIO(frame)).convert("RGB")) @ [0.299, 0.587, 0.114]
    syntax = "1.2.840.10008.1.2.4.50"
    path = write(image, syntax, frame, PhotometricInterpretation=called, PlanarConfiguration=0)
    assert np.abs(open_volume(path).voxels[0] - theirs).max() <= 1.5


_RGB_FRAMES = {
    "JPEG lossless": (
        "1.2.840.10008.1.2.4.70",
        "RGB",
        lambda image: imagecodecs.jpeg8_encode(
            image, lossless=True, colorspace="RGB", outcolorspace="RGB"
        ),
    ),
    "JPEG-LS": ("1.2.840.10008.1.2.4.80", "RGB", imagecodecs.jpegls_encode),
    "JPEG 2000 RCT": (
        "1.2.840.10008.1.2.4.90",
        "YBR_RCT",
        lambda image: imagecodecs.jpeg2k_encode(
            image, level=0, codecformat="j2k", reversible=True, mct=True
        ),
    ),
    "HTJ2K": (
        "1.2.840.10008.1.2.4.201",
        "YBR_RCT",
        lambda image: imagecodecs.htj2k_encode(image, reversible=True),
    ),
}


@pytest.mark.parametrize("name", _RGB_FRAMES)
def test_colours_become_their_luminance_and_it_is_said(name: str, write: Write) -> None:
    image = np.random.default_rng(2).integers(0, 256, (*_SHAPE, 3), dtype=np.uint8)
    syntax, photometric, encode = _RGB_FRAMES[name]
    path = write(
        image, syntax, encode(image), PhotometricInterpretation=photometric, PlanarConfiguration=0
    )
    volume = open_volume(path)
    np.testing.assert_array_equal(volume.voxels[0], np.rint(image @ [0.299, 0.587, 0.114]))
    assert "Colours are shown as their luminance." in volume.notices


def test_an_encoding_that_can_not_be_read_is_named_and_not_called_damaged(write: Write) -> None:
    plane = np.zeros(_SHAPE, np.uint16)
    ge = "1.2.840.113619.5.2"  # GE's private, uncompressed encoding
    path = write(plane, "1.2.840.10008.1.2.1")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"1.2.840.10008.1.2.1\0", ge.encode().ljust(20, b"\0"), 1))
    with pytest.raises(UserError, match=r"an encoding.*1.2.840.113619.5.2"):
        open_volume(path)
    path = write(plane, "1.2.840.10008.1.2.4.100", b"\0\0\1\0" * 9)
    with pytest.raises(UserError, match=r"an encoding.*MPEG2 Main Profile"):
        open_volume(path)


def test_one_bit_pixels_in_run_length_encoding_are_refused_for_what_they_are(write: Write) -> None:
    path = write(
        np.zeros(_SHAPE, np.uint8),
        pydicom.uid.RLELossless,
        bytes(70),
        BitsAllocated=1,
        BitsStored=1,
    )
    dataset = pydicom.dcmread(path)
    dataset.HighBit = 0
    dataset.save_as(path)
    with pytest.raises(UserError, match="one bit in run-length encoding"):
        open_volume(path)
