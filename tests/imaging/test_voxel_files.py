"""NRRD and MetaImage files, against what wrote them; hostile ones refused."""

from __future__ import annotations

import bz2
import gzip
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.find import find_series
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.files.voxel_text import numbers_of_text
from fusion3d_gui.imaging.limits import available_memory
from fusion3d_gui.imaging.volume import Volume


@pytest.fixture
def image(oblique_volume: Volume, tmp_path: Path) -> sitk.Image:
    """The oblique volume by way of NIfTI, which nibabel can judge."""
    write_nifti(oblique_volume, tmp_path / "source.nii")
    return sitk.ReadImage(str(tmp_path / "source.nii"))


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", ["a.nrrd", "a.nhdr", "a.mha", "a.mhd"])
def test_every_voxel_has_its_value_at_its_place(
    name: str, compressed: bool, image: sitk.Image, tmp_path: Path, same_at_same_place
) -> None:
    sitk.WriteImage(image, str(tmp_path / name), compressed)
    volume = open_volume(tmp_path / name)
    reference = nib.load(tmp_path / "source.nii")
    same_at_same_place(volume, np.asanyarray(reference.dataobj), reference.affine)
    found = find_series(tmp_path / name)
    assert [series.shape for series in found] == [volume.shape]
    assert found[0].format == ("NRRD" if "n" in name[2:4] else "MetaImage")


def test_an_nrrd_file_in_ras_lies_where_its_own_text_says(tmp_path: Path) -> None:
    values = np.arange(24, dtype="<i2").reshape(4, 3, 2)
    text = (
        "NRRD0004\ntype: short\ndimension: 3\nspace: right-anterior-superior\nsizes: 2 3 4\n"
        "space directions: (0,2,0) (1.5,0,0) (0,0,3)\nkinds: domain domain domain\n"
        "endian: little\nencoding: raw\nspace origin: (10,20,30)\n\n"
    )
    (tmp_path / "a.nrrd").write_bytes(text.encode() + values.tobytes())
    volume = open_volume(tmp_path / "a.nrrd")
    np.testing.assert_array_equal(volume.voxels, values)
    np.testing.assert_allclose(volume.to_lps(np.array([0, 0, 0])), [-10, -20, 30])
    np.testing.assert_allclose(volume.to_lps(np.array([1, 1, 1])), [-11.5, -22, 33])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8"])
def test_either_byte_order_is_read_as_simpleitk_reads_it(
    kind: str, order: str, tmp_path: Path
) -> None:
    values = (np.arange(24).reshape(4, 3, 2) * 10 - 100).astype(order + kind)
    nrrd = {"i1": "int8", "u1": "uchar", "i2": "short", "u2": "ushort", "i4": "int", "u4": "uint32"}
    meta = {"i1": "CHAR", "u1": "UCHAR", "i2": "SHORT", "u2": "USHORT", "i4": "INT", "u4": "UINT"}
    floats = {"f4": "float", "f8": "double"}
    text = (
        f"NRRD0005\ntype: {(nrrd | floats)[kind]}\ndimension: 3\nspace: left-posterior-superior\n"
        "sizes: 2 3 4\nspace directions: (2,0,0) (0,1.5,0) (0,0,3)\nkinds: domain domain domain\n"
        f"endian: {'little' if order == '<' else 'big'}\nencoding: raw\nspace origin: (1,2,3)\n\n"
    )
    (tmp_path / "a.nrrd").write_bytes(text.encode() + values.tobytes())
    text = (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\n"
        f"BinaryDataByteOrderMSB = {order == '>'}\nCompressedData = False\nDimSize = 2 3 4\n"
        f"ElementSpacing = 2 1.5 3\nElementType = MET_{(meta | floats)[kind].upper()}\n"
        "ElementDataFile = LOCAL\n"
    )
    (tmp_path / "a.mha").write_bytes(text.encode() + values.tobytes())
    for name in ("a.nrrd", "a.mha"):
        volume = open_volume(tmp_path / name)
        theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / name)))
        assert volume.voxels.dtype == np.dtype(kind)
        np.testing.assert_array_equal(volume.voxels, values)
        np.testing.assert_array_equal(volume.voxels, theirs)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ["a.nrrd", "a.mha"])
def test_each_volume_of_a_4d_file_can_be_chosen(name: str, packed: bool, tmp_path: Path) -> None:
    values = np.random.default_rng(3).normal(size=(4, 5, 6, 7)).astype(np.float32)
    image = sitk.GetImageFromArray(values, isVector=False)
    sitk.WriteImage(image, str(tmp_path / name), packed)
    found = find_series(tmp_path / name)
    assert len(found) == 4
    for number, series in enumerate(found):
        volume = open_volume(tmp_path / name, series_uid=series.uid)
        np.testing.assert_array_equal(volume.voxels, values[number])
        assert f"volume {number + 1} of 4" in volume.description


def test_a_file_of_several_values_a_voxel_is_refused(tmp_path: Path) -> None:
    values = np.arange(2 * 3 * 4 * 5, dtype="<i2").reshape(5, 4, 3, 2)
    text = (
        "NRRD0005\ntype: short\ndimension: 4\nspace: left-posterior-superior\nsizes: 2 3 4 5\n"
        "space directions: none (2,0,0) (0,2,0) (0,0,3)\nkinds: vector domain domain domain\n"
        "endian: little\nencoding: raw\nspace origin: (0,0,0)\n\n"
    )
    (tmp_path / "a.nrrd").write_bytes(text.encode() + values.tobytes())
    assert sitk.ReadImage(str(tmp_path / "a.nrrd")).GetNumberOfComponentsPerPixel() == 2
    with pytest.raises(UserError, match="not a scan"):
        find_series(tmp_path / "a.nrrd")


@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i4", "f4", "f8"])
def test_any_plain_type_is_kept(kind: str, tmp_path: Path) -> None:
    values = np.arange(24).reshape(2, 3, 4).astype(kind)
    sitk.WriteImage(sitk.GetImageFromArray(values), str(tmp_path / "a.nrrd"))
    volume = open_volume(tmp_path / "a.nrrd")
    assert volume.voxels.dtype == np.dtype(kind)
    np.testing.assert_array_equal(volume.voxels, values)


def test_a_metaimage_that_ends_with_its_header_is_refused(
    image: sitk.Image, tmp_path: Path
) -> None:
    sitk.WriteImage(image, str(tmp_path / "whole.mha"))
    header, name, _ = (tmp_path / "whole.mha").read_bytes().partition(b"LOCAL")
    for number, end in enumerate((b"", b"\r", b"\n")):
        path = tmp_path / f"{number}.mha"
        path.write_bytes(header + name + end)
        with pytest.raises(UserError, match=path.name):
            open_volume(path)


def test_lying_damaged_and_traversing_files_are_refused(image: sitk.Image, tmp_path: Path) -> None:
    secret = tmp_path / "secret.raw"
    secret.write_bytes(bytes(5000))
    folder = tmp_path / "given"
    folder.mkdir()
    for name in ("a.nrrd", "a.mha"):
        sitk.WriteImage(image, str(folder / name), True)
        whole = (folder / name).read_bytes()
        (folder / f"cut-{name}").write_bytes(whole[: len(whole) // 2])
        (folder / f"huge-{name}").write_bytes(whole.replace(b"13 11 7", b"30000 30000 30000"))
        (folder / f"text-{name}").write_bytes(b"hello " * 100)
    sitk.WriteImage(image, str(folder / "b.mhd"))
    text = (folder / "b.mhd").read_text()
    (folder / "away.mhd").write_text(text.replace("b.raw", "../secret.raw"))
    (folder / "list.mhd").write_text(text.replace("b.raw", "LIST"))
    (folder / "half.mhd").write_text(text.replace("b.raw", "gone.raw"))
    (folder / "away.nhdr").write_text(
        "NRRD0004\ntype: short\ndimension: 3\nsizes: 2 3 4\nencoding: raw\n"
        f"endian: little\ndata file: {secret}\n\n"
    )
    colour = sitk.GetImageFromArray(np.zeros((3, 4, 5, 3), np.uint8), isVector=True)
    sitk.WriteImage(colour, str(folder / "colour.nrrd"))
    for name, what in {
        "cut-a.nrrd": "cut short",
        "cut-a.mha": "cut short",
        "huge-a.nrrd": "claims",
        "huge-a.mha": "claims",
        "text-a.nrrd": "not an NRRD",
        "text-a.mha": "not a MetaImage",
        "away.mhd": "another folder",
        "away.nhdr": "another folder",
        "list.mhd": "many files",
        "half.mhd": "missing",
        "colour.nrrd": "not a scan",
    }.items():
        with pytest.raises(UserError, match=what) as caught:
            open_volume(folder / name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)
    voxels_bytes = image.GetNumberOfPixels() * image.GetSizeOfPixelComponent()
    for name in ("raw.nrrd", "raw.mha"):
        sitk.WriteImage(image, str(folder / name))
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[:-1])
        with pytest.raises(UserError, match=f"claims {voxels_bytes:,} bytes"):
            open_volume(folder / name)


def test_a_text_that_goes_on_may_end_within_a_number():
    path = Path("a.nrrd")
    for text in (b"12 34 56", b"12,34\t5", b"12\n34\n"):
        read = numbers_of_text(text, 2, np.dtype("<i2"), path, is_part=True)
        assert np.frombuffer(read, "<i2").tolist() == [12, 34]
    with pytest.raises(UserError):
        numbers_of_text(b"12 34", 2, np.dtype("<i2"), path, is_part=True)
    assert len(numbers_of_text(b"12 34", 2, np.dtype("<i2"), path, is_part=False)) == 4


_TEXT = (
    "NRRD0005\ntype: short\ndimension: {dimension}\nspace: left-posterior-superior\nsizes: {sizes}\n"
    "space directions: {directions}\nkinds: {kinds}\nendian: little\nencoding: {encoding}\n"
    "space origin: (-10,-20,-30)\n\n"
)
_PACK = {"raw": bytes, "gzip": gzip.compress, "bzip2": bz2.compress}


@pytest.mark.parametrize("encoding", _PACK)
@pytest.mark.parametrize("place", ["first", "last"])
def test_a_list_axis_is_a_volume_for_each_of_its_items(
    place: str, encoding: str, tmp_path: Path
) -> None:
    values = np.random.default_rng(2).integers(-99, 999, (5, 8, 7, 6)).astype("<i2")
    axes = ["(2,0,0)", "(0,3,0)", "(0,0,4)"]
    sizes, kinds = ["6", "7", "8"], ["space"] * 3
    where = 0 if place == "first" else 3
    for fields, item in ((axes, "none"), (sizes, "5"), (kinds, "list")):
        fields.insert(where, item)
    text = _TEXT.format(
        dimension=4,
        sizes=" ".join(sizes),
        directions=" ".join(axes),
        kinds=" ".join(kinds),
        encoding=encoding,
    )
    stored = np.moveaxis(values, 0, -1) if place == "first" else values
    (tmp_path / "a.nrrd").write_bytes(text.encode() + _PACK[encoding](stored.tobytes()))
    found = find_series(tmp_path / "a.nrrd")
    assert len(found) == 5
    for number, series in enumerate(found):
        volume = open_volume(tmp_path / "a.nrrd", series_uid=series.uid)
        np.testing.assert_array_equal(volume.voxels, values[number])
        assert volume.spacing_mm == (4, 3, 2)
        np.testing.assert_allclose(volume.affine[:3, 3], [-10, -20, -30])


def test_bzip2_is_read_and_a_damaged_one_refused(tmp_path: Path) -> None:
    values = np.random.default_rng(2).integers(-99, 999, (8, 7, 6)).astype("<i2")
    text = _TEXT.format(
        dimension=3,
        sizes="6 7 8",
        directions="(2,0,0) (0,3,0) (0,0,4)",
        kinds="domain domain domain",
        encoding="bzip2",
    )
    packed = bz2.compress(values.tobytes())
    (tmp_path / "a.nrrd").write_bytes(text.encode() + packed)
    np.testing.assert_array_equal(open_volume(tmp_path / "a.nrrd").voxels, values)
    for damaged in (packed[: len(packed) // 2], packed[:9] + b"\0" * 40 + packed[49:]):
        (tmp_path / "a.nrrd").write_bytes(text.encode() + damaged)
        with pytest.raises(UserError, match="damaged or cut short"):
            open_volume(tmp_path / "a.nrrd")


@pytest.mark.parametrize("where", [1, 2])
@pytest.mark.parametrize("encoding", _PACK)
def test_a_list_axis_may_lie_between_the_others(where: int, encoding: str, tmp_path: Path) -> None:
    sizes, axes = [6, 7, 8], ["(2,0,0)", "(0,3,0)", "(0,0,4)"]
    kinds = ["space"] * 3
    sizes.insert(where, 5)
    axes.insert(where, "none")
    kinds.insert(where, "list")
    stored = np.random.default_rng(4).integers(-99, 999, sizes[::-1]).astype("<i2")
    text = _TEXT.format(
        dimension=4,
        sizes=" ".join(map(str, sizes)),
        directions=" ".join(axes),
        kinds=" ".join(kinds),
        encoding=encoding,
    )
    (tmp_path / "a.nrrd").write_bytes(text.encode() + _PACK[encoding](stored.tobytes()))
    found = find_series(tmp_path / "a.nrrd")
    assert len(found) == 5
    for number, series in enumerate(found):
        volume = open_volume(tmp_path / "a.nrrd", series_uid=series.uid)
        np.testing.assert_array_equal(volume.voxels, stored.take(number, axis=3 - where))
        assert volume.spacing_mm == (4, 3, 2)


@pytest.mark.parametrize("kind", ["time", "domain", "???"])
def test_a_fourth_axis_without_a_direction_counts_volumes(kind: str, tmp_path: Path) -> None:
    stored = np.arange(5 * 4 * 3 * 2, dtype="<i2").reshape(5, 4, 3, 2)
    text = _TEXT.format(
        dimension=4,
        sizes="2 3 4 5",
        directions="(2,0,0) (0,3,0) (0,0,4) none",
        kinds=f"space space space {kind}",
        encoding="raw",
    )
    (tmp_path / "a.nrrd").write_bytes(text.encode() + stored.tobytes())
    found = find_series(tmp_path / "a.nrrd")
    assert [series.shape for series in found] == [(4, 3, 2)] * 5
    volume = open_volume(tmp_path / "a.nrrd", series_uid=found[3].uid)
    np.testing.assert_array_equal(volume.voxels, stored[3])
    np.testing.assert_allclose(volume.affine[:3, 3], [-10, -20, -30])


@pytest.mark.parametrize(("kind", "count"), [("RGB-color", 3), ("RGBA-color", 4), ("3-color", 3)])
@pytest.mark.parametrize("where", [0, 1, 2])
def test_colours_of_an_nrrd_file_are_their_luminance(
    kind: str, count: int, where: int, tmp_path: Path
) -> None:
    sizes, axes, kinds = [6, 7, 8], ["(2,0,0)", "(0,3,0)", "(0,0,4)"], ["space"] * 3
    for items, item in ((sizes, count), (axes, "none"), (kinds, kind)):
        items.insert(where, item)
    stored = np.random.default_rng(5).integers(0, 255, sizes[::-1]).astype(np.uint8)
    text = _TEXT.replace("short", "uchar").format(
        dimension=4,
        sizes=" ".join(map(str, sizes)),
        directions=" ".join(axes),
        kinds=" ".join(kinds),
        encoding="raw",
    )
    (tmp_path / "a.nrrd").write_bytes(text.encode() + stored.tobytes())
    volume = open_volume(tmp_path / "a.nrrd")
    colours = np.moveaxis(stored, 3 - where, -1)[..., :3]
    expected = np.rint(colours @ [0.299, 0.587, 0.114])
    np.testing.assert_array_equal(volume.voxels, expected)
    assert volume.voxels.dtype == np.uint8
    assert "luminance" in " ".join(volume.notices)


def test_colours_of_a_metaimage_are_their_luminance(tmp_path: Path) -> None:
    values = np.random.default_rng(5).integers(0, 255, (4, 5, 6, 3)).astype(np.uint8)
    image = sitk.GetImageFromArray(values, isVector=True)
    sitk.WriteImage(image, str(tmp_path / "a.mha"), True)
    expected = np.rint(values @ [0.299, 0.587, 0.114])
    np.testing.assert_array_equal(open_volume(tmp_path / "a.mha").voxels, expected)
    sitk.WriteImage(
        sitk.GetImageFromArray(values.astype(np.float32), isVector=True), str(tmp_path / "a.mha")
    )
    with pytest.raises(UserError, match="3 values a voxel"):
        open_volume(tmp_path / "a.mha")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("left-posterior-superior", "right-posterior-superior", "none that the format has"),
        ("kinds: domain domain domain", "kinds: domain domain", "3 kinds"),
        ("kinds: domain domain domain", "kinds: domain domain vector", "kind vector"),
        ("kinds: domain domain domain", "kinds: domain domain RGB-color", "kind rgb-color"),
        ("(0,3,0)", "(0,x,0)", "space directions are not all"),
        ("(0,3,0)", "", "3 space directions"),
        ("sizes: 2 3 4", "sizes: 2 3", "3 whole numbers as sizes"),
        ("space directions: (2,0,0) (0,3,0) (0,0,4)", "spacings: 1 2", "3 spacings"),
        ("sizes: 2 3 4", "sizes: 2 0 4", "not a scan"),
        ("type: short", "type: half", "type 'half'"),
        ("endian: little\n", "", "which byte of a value comes first"),
        ("encoding: raw", "encoding: zip", "'zip'"),
        ("encoding: raw", "encoding: gzip\nbyte skip: -1", "skips -1"),
        ("encoding: raw", "encoding: raw\nbyte skip: 9", "cut short"),
        ("encoding: raw", "encoding: raw\nline skip: 9", "skips 9 lines"),
        ("dimension: 3", "dimension: 99", "99 as dimension"),
    ],
)
def test_an_nrrd_header_that_makes_no_sense_is_refused_for_it(
    old: str, new: str, reason: str, tmp_path: Path
) -> None:
    text = _TEXT.format(
        dimension=3,
        sizes="2 3 4",
        directions="(2,0,0) (0,3,0) (0,0,4)",
        kinds="domain domain domain",
        encoding="raw",
    )
    assert old in text
    (tmp_path / "a.nrrd").write_bytes(text.replace(old, new).encode() + bytes(48))
    with pytest.raises(UserError, match=reason):
        open_volume(tmp_path / "a.nrrd")


@pytest.mark.parametrize("skip", [-1, 21])
def test_bytes_before_the_voxels_of_an_nrrd_file_are_skipped(skip: int, tmp_path: Path) -> None:
    values = np.random.default_rng(8).integers(-900, 900, (4, 3, 2)).astype("<i2")
    (tmp_path / "voxels.raw").write_bytes(bytes(range(21)) + values.tobytes())
    text = (
        "NRRD0005\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 2 3 4\n"
        "space directions: (1,0,0) (0,1,0) (0,0,1)\nendian: little\nencoding: raw\n"
        f"byte skip: {skip}\ndata file: voxels.raw\n\n"
    )
    (tmp_path / "a.nhdr").write_text(text)
    np.testing.assert_array_equal(open_volume(tmp_path / "a.nhdr").voxels, values)
    theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "a.nhdr")))
    np.testing.assert_array_equal(theirs, values)


def test_the_place_of_an_nrrd_file_without_a_space_is_by_its_axes_and_it_is_said(
    tmp_path: Path,
) -> None:
    text = (
        "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 3 4\naxis mins: 10 20 30\n"
        "axis maxs: 12 26 42\ncenterings: cell node cell\nencoding: raw\n\n"
    )
    (tmp_path / "a.nrrd").write_bytes(text.encode() + bytes(24))
    volume = open_volume(tmp_path / "a.nrrd")
    assert volume.spacing_mm == (3, 3, 1)
    np.testing.assert_allclose(volume.affine[:3, 3], [10.5, 20, 31.5])
    assert "does not say where left" in " ".join(volume.notices)


def _written(path: Path, text: str, values: np.ndarray) -> Path:
    path.write_bytes(text.encode() + values.tobytes())
    return path


@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("left-posterior-superior-time", (1, 1, 1)),
        ("LPST", (1, 1, 1)),
        ("right-anterior-superior-time", (-1, -1, 1)),
        ("RAST", (-1, -1, 1)),
        ("LAST", (1, -1, 1)),
    ],
)
def test_a_space_with_time_lies_as_the_one_without(space: str, signs, tmp_path: Path) -> None:
    values = np.arange(2 * 3 * 4 * 5, dtype="<i2").reshape(5, 4, 3, 2)
    text = (
        f"NRRD0005\ntype: short\ndimension: 4\nspace: {space}\nsizes: 2 3 4 5\n"
        "space directions: (2,0,0,0) (0,3,0,0) (0,0,4,0) (0,0,0,7)\nendian: little\n"
        "encoding: raw\nspace origin: (10,20,30,1)\n\n"
    )
    found = find_series(_written(tmp_path / "a.nrrd", text, values))
    assert [series.shape for series in found] == [(4, 3, 2)] * 5
    np.testing.assert_allclose(found[0].affine[:3, :3], np.diag([2, 3, 4]) * signs)
    np.testing.assert_allclose(found[0].affine[:3, 3], np.multiply([10, 20, 30], signs))
    assert found[0].notices == ()


def test_one_slice_in_space_is_a_millimetre_thick_along_its_normal(tmp_path: Path) -> None:
    text = (
        "NRRD0005\ntype: uchar\ndimension: 2\nspace: LPS\nsizes: 2 3\n"
        "space directions: (0,0.6,0.8) (2,0,0)\nencoding: raw\nspace origin: (10,20,30)\n\n"
    )
    volume = open_volume(_written(tmp_path / "a.nrrd", text, np.arange(6, dtype=np.uint8)))
    assert volume.voxels.tolist() == [[[0, 1], [2, 3], [4, 5]]]
    np.testing.assert_allclose(volume.affine[:3, 2], np.cross([0, 0.6, 0.8], [1, 0, 0]))
    np.testing.assert_allclose(volume.affine[:3, 3], [10, 20, 30])


@pytest.mark.parametrize("kinds", ["domain", "list", "list domain"])
def test_fewer_than_two_axes_in_space_are_no_scan(kinds: str, tmp_path: Path) -> None:
    count = len(kinds.split())
    text = (
        f"NRRD0005\ntype: uchar\ndimension: {count}\nsizes: {' '.join('4' * count)}\n"
        f"kinds: {kinds}\nencoding: raw\n\n"
    )
    with pytest.raises(UserError, match=r"image of [01] axes"):
        find_series(_written(tmp_path / "a.nrrd", text, np.zeros(16, np.uint8)))


def test_where_one_of_three_axes_has_no_direction_only_sizes_are_used(tmp_path: Path) -> None:
    text = _TEXT.format(
        dimension=3,
        sizes="2 3 4",
        directions="(2,0,0) none (0,3,4)",
        kinds="domain domain domain",
        encoding="raw",
    )
    volume = open_volume(_written(tmp_path / "a.nrrd", text, np.zeros(24, "<i2")))
    assert volume.spacing_mm == (5, 1, 2)
    assert "orientation is not valid" in " ".join(volume.faults)


def test_a_file_larger_than_memory_is_refused(tmp_path: Path) -> None:
    slices = available_memory() // 4_000_000  # of 8 MB each: twice what there is
    text = _TEXT.replace("short", "double").format(
        dimension=3,
        sizes=f"1000 1000 {slices}",
        directions="(2,0,0) (0,3,0) (0,0,4)",
        kinds="domain domain domain",
        encoding="raw",
    )
    path = _written(tmp_path / "a.nrrd", text, np.zeros(0))
    os.truncate(path, len(text) + 8_000_000 * slices)  # a hole, which takes no room
    with pytest.raises(UserError, match="of memory, and only"):
        open_volume(path)


def test_the_unit_of_an_nrrd_file_is_heeded(tmp_path: Path) -> None:
    text = _TEXT.format(
        dimension=3,
        sizes="2 3 4",
        directions="(0.2,0,0) (0,0.3,0) (0,0,0.4)",
        kinds="domain domain domain",
        encoding="raw",
    ).replace("encoding", 'space units: "cm" "cm" "cm"\nencoding')
    (tmp_path / "a.nrrd").write_bytes(text.encode() + bytes(48))
    volume = open_volume(tmp_path / "a.nrrd")
    assert volume.spacing_mm == pytest.approx((4, 3, 2))
    np.testing.assert_allclose(volume.affine[:3, 3], [-100, -200, -300])


def test_voxels_as_text_that_their_type_can_not_hold_are_refused(tmp_path: Path) -> None:
    text = _TEXT.format(
        dimension=3,
        sizes="2 1 1",
        directions="(2,0,0) (0,3,0) (0,0,4)",
        kinds="domain domain domain",
        encoding="ascii",
    )
    for numbers, expected in (("1 2", [1, 2]), ("-3.0, 7 8", [-3, 7])):
        (tmp_path / "a.nrrd").write_bytes(f"{text}{numbers}\n".encode())
        assert open_volume(tmp_path / "a.nrrd").voxels.ravel().tolist() == expected
    for numbers, reason in (
        ("1 99999", "not all numbers of their type"),
        ("1 2.5", "not all numbers of their type"),
        ("1 nan", "not all numbers of their type"),
        ("1       ", "cut short"),
    ):
        (tmp_path / "a.nrrd").write_bytes(f"{text}{numbers}\n".encode())
        with pytest.raises(UserError, match=reason):
            open_volume(tmp_path / "a.nrrd")


def test_a_head_in_metres_is_said(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.zeros((40, 40, 40), np.int16))
    image.SetSpacing((0.005, 0.005, 0.005))
    sitk.WriteImage(image, str(tmp_path / "a.mha"))
    assert "too small for a patient" in " ".join(open_volume(tmp_path / "a.mha").doubts)
