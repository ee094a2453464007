"""Siemens mosaics made here, tile by tile: judged by dcm2niix, nibabel and closed forms."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.find import find_series
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.dicom.vendor.siemens_csa import csa_numbers, read_csa
from fusion3d_gui.imaging.volume import Volume

Csa = Mapping[str, tuple[str, ...]]

_NIBABEL_IS_MODEST = pytest.mark.filterwarnings("ignore:The DICOM readers are highly experimental")

#: Elements of a CSA header that dcm2niix wants to see before it takes a mosaic apart.
_ALSO_THERE: Csa = {
    "EchoLinePosition": ("16",),
    "AcquisitionMatrixText": ("6*4",),
    "PhaseEncodingDirectionPositive": ("1",),
    "B_value": (),
    "MosaicRefAcqTimes": ("0.00000000", "52.50000000"),
}


def _csa_bytes(elements: Csa, *, version: int) -> bytes:
    """A CSA header as nibabel's notes describe it: three unknown numbers are as in real files."""
    raw = struct.pack("<2I", len(elements), 77)
    if version == 2:
        raw = b"SV10\4\3\2\1" + raw
    item_count = max(map(len, elements.values()))
    for name, texts in elements.items():
        vr = b"SH" if "Text" in name else b"US" if "Number" in name else b"FD"
        vm = len(texts)
        raw += struct.pack("<64si4s3i", name.encode(), vm, vr, 4, item_count, 77)
        for text in (*texts, *[""] * (item_count - vm)):
            value = text.encode() + b"\0" if text else b""
            said = len(value) + (item_count if version == 1 else 0)
            raw += struct.pack("<4i", said, len(value), 77, len(value))
            raw += value + b"\0" * (-len(value) % 4)
    return raw


def _csa(count: int | None, normal: np.ndarray | None) -> Csa:
    said: dict[str, tuple[str, ...]] = {}
    if count is not None:
        said["NumberOfImagesInMosaic"] = (str(count),)
    if normal is not None:
        said["SliceNormalVector"] = tuple(f"{part:.8f}" for part in normal)
    return {**_ALSO_THERE, **said}


def _volume(
    count: int, rows: int = 6, columns: int = 4, *, reversed_slices: bool = False
) -> Volume:
    """Oblique, of odd spacing, every voxel with a value of its own."""
    angle = np.deg2rad(17)
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    tip = np.array([[1, 0, 0], [0, np.cos(0.2), -np.sin(0.2)], [0, np.sin(0.2), np.cos(0.2)]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ tip @ np.diag([1.5, 2.25, 3.75 * (-1 if reversed_slices else 1)])
    affine[:3, 3] = [-11.5, 22.25, 9.0]
    values = 1 + np.arange(count * rows * columns).reshape(count, rows, columns)
    return Volume(values.astype(np.uint16), affine, modality="MR")


def _mosaic(volume: Volume, side: int, csa: bytes | None, *, element: int | None) -> Dataset:
    """The volume's slices as tiles of one image, ``side`` in a row, and the headers about it.

    ``element``: the number of slices as the private element (0019,100A) says it.
    """
    _, rows, columns = volume.shape
    pixels = np.zeros((side * rows, side * columns), np.uint16)
    for k, plane in enumerate(volume.voxels):
        row, column = divmod(k, side)
        pixels[row * rows : (row + 1) * rows, column * columns : (column + 1) * columns] = plane
    # The mosaic is said to lie as one large slice around the centre of the first tile.
    i, j, _ = np.eye(3)
    far = (columns - side * columns) / 2 * i + (rows - side * rows) / 2 * j
    right, down = (volume.affine[:3, axis] for axis in (0, 1))
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = MRImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.1"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3.2", "1.2.3.3"
    dataset.Modality, dataset.Manufacturer = "MR", "SIEMENS"
    dataset.SeriesNumber = dataset.InstanceNumber = dataset.AcquisitionNumber = 1
    dataset.MRAcquisitionType, dataset.RepetitionTime, dataset.EchoTime = "2D", 2000, 30
    dataset.SliceThickness, dataset.SpacingBetweenSlices = 3, volume.spacing_mm[0]
    dataset.ImagePositionPatient = [round(mm, 8) for mm in volume.to_lps(far).tolist()]
    cosines = (*right / np.linalg.norm(right), *down / np.linalg.norm(down))
    dataset.ImageOrientationPatient = [round(cosine, 10) for cosine in cosines]
    dataset.PixelSpacing = [volume.spacing_mm[1], volume.spacing_mm[2]]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = 0
    if element is not None:
        block = dataset.private_block(0x19, "SIEMENS MR HEADER", create=True)
        block.add_new(0x0A, "US", element)
    if csa is not None:
        block = dataset.private_block(0x29, "SIEMENS CSA HEADER", create=True)
        block.add_new(0x08, "CS", "IMAGE NUM 4")
        block.add_new(0x10, "OB", csa + b"\0" * (len(csa) % 2))
    dataset.PixelData = pixels.tobytes()
    return dataset


def _saved(dataset: Dataset, folder: Path, name: str = "mosaic.dcm") -> Path:
    folder.mkdir(exist_ok=True)
    dataset.save_as(folder / name, enforce_file_format=True)
    return folder


def _normal(volume: Volume) -> np.ndarray:
    return volume.affine[:3, 2] / volume.spacing_mm[0]


def _same(volume: Volume, expected: Volume) -> None:
    np.testing.assert_array_equal(volume.voxels, expected.voxels)
    np.testing.assert_allclose(volume.affine, expected.affine, atol=1e-5)


#: Slices, tiles in a row, rows and columns of a tile: full and partly empty mosaics.
_SIZES = [(1, 1, 6, 4), (2, 2, 6, 4), (4, 2, 5, 8), (7, 3, 6, 4), (12, 4, 4, 6), (17, 5, 3, 4)]


@pytest.mark.parametrize("reversed_slices", [False, True])
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(("count", "side", "rows", "columns"), _SIZES)
def test_a_mosaics_tiles_are_slices_along_the_normal_that_its_csa_header_says(
    count: int,
    side: int,
    rows: int,
    columns: int,
    version: int,
    reversed_slices: bool,
    tmp_path: Path,
) -> None:
    expected = _volume(count, rows, columns, reversed_slices=reversed_slices)
    csa = _csa_bytes(_csa(count, _normal(expected)), version=version)
    folder = _saved(_mosaic(expected, side, csa, element=None), tmp_path / "m")
    (found,) = find_series(folder)
    volume = open_volume(folder)
    assert found.shape == volume.shape == (count, rows, columns)
    if reversed_slices and count > 1:  # slices are kept in the order of the right-handed normal
        flipped = expected.affine.copy()
        flipped[:3, 3] += (count - 1) * flipped[:3, 2]
        flipped[:3, 2] *= -1
        expected = replace(expected, voxels=expected.voxels[::-1], affine=flipped)
    if count > 1:
        _same(volume, expected)
    else:
        np.testing.assert_array_equal(volume.voxels, expected.voxels)
    assert not volume.notices and volume.missing == ()


@pytest.mark.parametrize("reversed_slices", [False, True])
@pytest.mark.parametrize(("count", "side", "rows", "columns"), _SIZES[2:])
def test_dcm2niix_makes_the_same_volume_of_a_mosaic(
    count: int,
    side: int,
    rows: int,
    columns: int,
    reversed_slices: bool,
    tmp_path: Path,
    dcm2niix: Callable[[Path], list[Path]],
    same_as_nifti: Callable[[Volume, Path], None],
) -> None:
    made = _volume(count, rows, columns, reversed_slices=reversed_slices)
    csa = _csa_bytes(_csa(count, _normal(made)), version=2)  # it overlooks the first version's
    folder = _saved(_mosaic(made, side, csa, element=count), tmp_path / "m")
    (converted,) = dcm2niix(folder)
    same_as_nifti(open_volume(folder), converted)


@_NIBABEL_IS_MODEST
def test_the_slices_lie_where_nibabels_mosaic_wrapper_puts_them(tmp_path: Path) -> None:
    from nibabel.nicom.dicomwrappers import wrapper_from_file

    made = _volume(7)
    csa = _csa_bytes(_csa(7, _normal(made)), version=2)
    folder = _saved(_mosaic(made, 3, csa, element=None), tmp_path / "m")
    wrapper = wrapper_from_file(folder / "mosaic.dcm")
    volume = open_volume(folder)
    # nibabel's arrays are [row, column, slice]; ours [slice, row, column], indexed (i, j, k).
    np.testing.assert_array_equal(np.moveaxis(wrapper.get_data(), 2, 0), volume.voxels)
    np.testing.assert_allclose(wrapper.affine[:, [1, 0, 2, 3]], volume.affine, atol=1e-5)


def test_two_mosaics_of_a_series_are_two_volumes(tmp_path: Path) -> None:
    first = _volume(4)
    later = replace(first, voxels=first.voxels + np.uint16(1000))
    for number, volume in enumerate((first, later), start=1):
        csa = _csa_bytes(_csa(4, _normal(volume)), version=2)
        dataset = _mosaic(volume, 2, csa, element=4)
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.4.{number}"
        dataset.InstanceNumber = dataset.AcquisitionNumber = number
        _saved(dataset, tmp_path / "m", f"{number}.dcm")
    found = find_series(tmp_path / "m")
    assert [series.uid for series in found] == ["1.2.3.3", "1.2.3.3#2"]
    for series, expected in zip(found, (first, later), strict=True):
        _same(open_volume(tmp_path / "m", series_uid=series.uid), expected)


def test_a_single_mosaic_is_a_whole_volume_and_not_called_one_slice_of_a_series(
    tmp_path: Path,
) -> None:
    made = _volume(4)
    dataset = _mosaic(made, 2, _csa_bytes(_csa(4, _normal(made)), version=2), element=4)
    folder = _saved(dataset, tmp_path / "m")
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.5"
    _saved(dataset, folder, "other.dcm")
    volume = open_volume(folder / "mosaic.dcm")
    _same(volume, made)
    assert not volume.notices


def test_the_standard_element_counts_rather_than_the_csa_header(tmp_path: Path) -> None:
    made = _volume(7)
    csa = _csa_bytes(_csa(5, _normal(made)), version=2)
    _same(open_volume(_saved(_mosaic(made, 3, csa, element=7), tmp_path / "m")), made)


@pytest.mark.parametrize(
    "csa",
    [
        None,
        b"",
        b"SV10\4\3\2\1",
        b"no CSA header at all" * 20,
        _csa_bytes(_csa(4, None), version=2),
        _csa_bytes({**_csa(4, None), "SliceNormalVector": ("0.5", "x", "0.5")}, version=2),
        _csa_bytes({**_csa(4, None), "SliceNormalVector": ("0.5", "0.5")}, version=1),
        _csa_bytes({**_csa(4, None), "SliceNormalVector": ("0.0", "0.0", "0.0")}, version=2),
    ],
)
def test_without_a_usable_normal_slices_follow_the_right_handed_one(
    csa: bytes | None, tmp_path: Path
) -> None:
    made = _volume(4)
    _same(open_volume(_saved(_mosaic(made, 2, csa, element=4), tmp_path / "m")), made)


def test_slices_are_a_thickness_apart_where_no_spacing_is_said(tmp_path: Path) -> None:
    made = _volume(4)
    dataset = _mosaic(made, 2, _csa_bytes(_csa(4, _normal(made)), version=2), element=4)
    del dataset.SpacingBetweenSlices
    assert open_volume(_saved(dataset, tmp_path / "m")).spacing_mm[0] == pytest.approx(3)
    del dataset.SliceThickness  # nor this: then 1 mm
    assert open_volume(_saved(dataset, tmp_path / "m")).spacing_mm[0] == pytest.approx(1)


@pytest.mark.parametrize(
    "keyword", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"]
)
def test_a_mosaic_without_a_position_still_opens_and_says_so(keyword: str, tmp_path: Path) -> None:
    made = _volume(7)
    dataset = _mosaic(made, 3, _csa_bytes(_csa(7, _normal(made)), version=2), element=7)
    delattr(dataset, keyword)
    volume = open_volume(_saved(dataset, tmp_path / "m"))
    np.testing.assert_array_equal(volume.voxels, made.voxels)
    assert "where its images lie" in " ".join(volume.notices)


@pytest.mark.parametrize(
    ("said", "element", "problem"),
    [
        (None, None, "does not say how many slices"),
        (0, None, "does not say how many slices"),
        (None, 0, "does not say how many slices"),
        (1025, None, "does not say how many slices"),
        (None, 50, "mosaic of 50 slices, yet its size 12x18 can't be divided into 8x8"),
        (17, None, "mosaic of 17 slices, yet its size 12x18 can't be divided into 5x5"),
    ],
)
def test_a_mosaic_whose_tiles_can_not_be_told_apart_is_refused(
    said: int | None, element: int | None, problem: str, tmp_path: Path
) -> None:
    csa = _csa_bytes(_csa(said, None), version=2)
    folder = _saved(_mosaic(_volume(7), 3, csa, element=element), tmp_path / "m")
    with pytest.raises(UserError, match=problem) as refused:
        open_volume(folder)
    assert refused.value.path == folder / "mosaic.dcm"


def test_a_mosaic_of_which_only_one_side_can_be_divided_is_refused(tmp_path: Path) -> None:
    for rows, columns in ((9, 8), (8, 9)):
        dataset = _mosaic(_volume(1, rows, columns), 1, None, element=4)
        with pytest.raises(UserError, match=f"{columns}x{rows} can't be divided into 2x2"):
            open_volume(_saved(dataset, tmp_path / "m"))


@pytest.mark.parametrize("version", [1, 2])
def test_both_versions_of_a_csa_header_give_the_texts_and_numbers_in_it(version: int) -> None:
    elements = _csa(35, np.array([0.0, 0.10799944, 0.99415095]))
    found = read_csa(_csa_bytes(elements, version=version))
    assert found == elements
    assert csa_numbers(found, "NumberOfImagesInMosaic", 1) == (35.0,)
    assert csa_numbers(found, "SliceNormalVector", 3) == (0.0, 0.10799944, 0.99415095)
    assert csa_numbers(found, "SliceNormalVector", 2) == (0.0, 0.10799944)
    assert csa_numbers(found, "SliceNormalVector", 4) is None
    assert csa_numbers(found, "B_value", 1) is None
    assert csa_numbers(found, "NotThere", 1) is None
    assert csa_numbers(found, "AcquisitionMatrixText", 1) is None


@_NIBABEL_IS_MODEST
def test_a_csa_header_reads_as_nibabel_reads_it() -> None:
    """Of the second version only: nibabel's reader of the first raises where tag 0 has items."""
    from nibabel.nicom import csareader

    raw = _csa_bytes(_csa(35, np.array([0.0, 0.10799944, 0.99415095])), version=2)
    judged = csareader.read(raw)["tags"]
    found = read_csa(raw)
    assert list(found) == list(judged)
    for name, tag in judged.items():
        if tag["vm"] and name != "AcquisitionMatrixText":
            assert csa_numbers(found, name, tag["vm"]) == tuple(tag["items"][: tag["vm"]])


@pytest.mark.parametrize("version", [1, 2])
def test_a_csa_header_cut_short_anywhere_gives_the_elements_before_the_cut(version: int) -> None:
    elements = _csa(35, np.array([0.0, 0.0, 1.0]))
    raw = _csa_bytes(elements, version=version)
    counts = []
    for length in range(len(raw)):
        found = read_csa(raw[:length])
        assert list(found.items()) == list(elements.items())[: len(found)]
        counts.append(len(found))
    assert counts == sorted(counts)
    assert len(elements) - 1 <= counts[-1] <= len(elements)


def test_a_csa_header_that_lies_about_a_length_gives_the_elements_before_the_lie() -> None:
    elements = _csa(35, np.array([0.0, 0.0, 1.0]))
    raw = _csa_bytes(elements, version=2)
    place = raw.index(b"35\0") - 12
    for length in (-1, 1 << 30):
        lying = raw[:place] + struct.pack("<i", length) + raw[place + 4 :]
        found = read_csa(lying)
        assert "NumberOfImagesInMosaic" not in found
        assert list(found.items()) == list(elements.items())[: len(found)]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.booleans())
def test_no_bytes_make_the_csa_reader_raise(raw: bytes, second: bool) -> None:
    found = read_csa(b"SV10\4\3\2\1" * second + raw)
    assert all(isinstance(text, str) for texts in found.values() for text in texts)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 255), st.sampled_from([1, 2]))
def test_no_changed_byte_makes_the_csa_reader_raise(place: int, value: int, version: int) -> None:
    raw = bytearray(_csa_bytes(_csa(35, np.array([0.0, 0.0, 1.0])), version=version))
    raw[place % len(raw)] = value
    found = read_csa(bytes(raw))
    csa_numbers(found, "SliceNormalVector", 3)


@pytest.mark.parametrize("version", [1, 2])
def test_the_count_may_stand_in_the_protocol_alone(version: int, tmp_path: Path) -> None:
    volume = _volume(6)
    dataset = _mosaic(volume, 3, None, element=None)
    protocol = (
        "sSliceArray.asSlice[0].dThickness = 3\nsSliceArray.lSize\t = \t6\nsSliceArray.x = 9\n"
    )
    # Without the private creator, as some programs remove it.
    raw = _csa_bytes({"MrPhoenixProtocol": (protocol,)}, version=version)
    dataset.add_new((0x0029, 0x1020), "OB", raw)
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    opened = open_volume(tmp_path / "a.dcm")
    np.testing.assert_array_equal(opened.voxels, volume.voxels)
    np.testing.assert_allclose(opened.affine, volume.affine, atol=1e-5)


@pytest.mark.parametrize(("text", "rows", "columns"), [("6*4", 6, 4), ("6p*4s", 4, 6)])
def test_the_size_of_a_tile_may_be_all_that_is_said(
    text: str, rows: int, columns: int, tmp_path: Path
) -> None:
    volume = _volume(7, rows, columns)
    dataset = _mosaic(volume, 3, None, element=None)
    # Without the private creator, as some programs remove it.
    dataset.add_new((0x0051, 0x100B), "SH", text)
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    opened = open_volume(tmp_path / "a.dcm")
    np.testing.assert_array_equal(opened.voxels[:7], volume.voxels)
    assert not opened.voxels[7:].any()
    assert len(opened.voxels) == 9
    np.testing.assert_allclose(opened.affine, volume.affine, atol=1e-5)
    assert "cut into the 9 of the size of its matrix; the last ones may be empty" in " ".join(
        opened.notices
    )


@pytest.mark.parametrize("text", ["7*4", "0*0", "12*18", "six*4", "3*4", "18*12"])
def test_a_size_that_does_not_fit_says_nothing(text: str, tmp_path: Path) -> None:
    dataset = _mosaic(_volume(7), 3, None, element=None)
    dataset.add_new((0x0051, 0x100B), "SH", text)
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(UserError, match="does not say how many slices"):
        open_volume(tmp_path / "a.dcm")
