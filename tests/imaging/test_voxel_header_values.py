"""NRRD and MetaImage headers as text: axes, geometry, types, offsets, by closed forms and the formats' pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.files.meta_header import meta_header
from fusion3d_gui.imaging.files.nifti_geometry import NOT_VALID
from fusion3d_gui.imaging.files.nrrd_geometry import NrrdAxes, nrrd_affine, nrrd_axes
from fusion3d_gui.imaging.files.nrrd_header import nrrd_header
from fusion3d_gui.imaging.files.voxel_header import VoxelHeader, axes_of
from fusion3d_gui.imaging.files.voxel_text import bytes_of_hex, numbers_of_text

PATH = Path("a.nrrd")
NO_SIDES = "Its header does not say where left, front and top are; the usual order is assumed."


def problem(call, *args, **kwargs) -> str:
    with pytest.raises(UserError) as raised:
        call(*args, **kwargs)
    return raised.value.problem


# -- axes of NRRD -------------------------------------------------------------------------------


def axes(sizes, kinds: str = "", directions: str = "", dtype=np.uint8) -> NrrdAxes:
    fields = {"kinds": kinds, "spacedirections": directions}
    said = {key: value for key, value in fields.items() if value}
    return nrrd_axes(PATH, said, tuple(sizes), np.dtype(dtype))


THREE = "(1,0,0) (0,1,0) (0,0,1)"


@pytest.mark.parametrize(
    ("sizes", "kinds", "directions", "roles"),
    [
        ((4, 5, 6), "", "", "i j k"),
        ((4, 5), "", "", "i j"),
        ((4, 5, 6), "Domain space ???", THREE, "i j k"),
        ((4, 5, 6, 7), "", "", "i j k volume"),
        ((7, 4, 5, 6), "list domain domain domain", f"none {THREE}", "volume i j k"),
        ((4, 7, 5, 6), "domain time domain domain", "", "i volume j k"),
        ((4, 5, 6, 7), "domain domain domain none", f"{THREE} none", "i j k volume"),
        ((7, 4, 5, 6), "none domain domain domain", f"none {THREE}", "volume i j k"),
        ((7, 4, 5, 6), "", f"none {THREE}", "volume i j k"),
        ((7, 4, 5, 6), "", "none (1,0,0) none none", "i j k volume"),
        ((7, 4, 5, 6), "", "none (1,0,0) (0,1,0) none", "volume i j volume"),
        ((4, 5, 6), "", "(1,0,0) (0,1,0) none", "i j k"),
        ((4, 5, 6, 7), "", f"{THREE} (1,1,1)", "i j k volume"),
        ((1, 4, 5, 6), "vector domain domain domain", "", "volume i j k"),
        ((1, 4, 5, 6), "stub domain domain domain", "", "volume i j k"),
        ((3, 4, 5, 6), "RGB-color domain domain domain", "", "colour i j k"),
        ((4, 4, 5, 6), "RGBA-color domain domain domain", "", "colour i j k"),
        ((3, 4, 5, 6), "3-color domain domain domain", "", "colour i j k"),
    ],
)
def test_axes_count_voxels_volumes_or_colours(sizes, kinds, directions, roles):
    found = axes(sizes, kinds, directions)
    assert " ".join(found.roles) == roles
    assert found.sizes == sizes and len(found.vectors) == len(sizes)


@pytest.mark.parametrize(
    ("sizes", "kinds", "dtype", "reason"),
    [
        ((4, 5, 6), "domain domain", np.uint8, "its header does not have 3 kinds"),
        (
            (3, 4, 5, 6),
            "3-vector domain domain domain",
            np.uint8,
            "holds values of kind 3-vector, which are not a scan",
        ),
        (
            (4, 4, 5, 6),
            "RGB-color domain domain domain",
            np.uint8,
            "holds values of kind rgb-color, which are not a scan",
        ),
        (
            (3, 4, 5, 6),
            "RGB-color domain domain domain",
            np.float32,
            "holds values of kind rgb-color, which are not a scan",
        ),
        (
            (3, 3, 5, 6, 2),
            "RGB-color 3-color domain domain domain",
            np.uint8,
            "holds values of kind 3-color, which are not a scan",
        ),
    ],
)
def test_axes_that_are_no_scans_are_refused(sizes, kinds, dtype, reason):
    assert problem(axes, sizes, kinds, "", dtype) == reason


@pytest.mark.parametrize(
    ("word", "vector"),
    [
        ("(1,2,3)", (1, 2, 3)),
        ("( 1.5 , -2e1 , 3 )", (1.5, -20, 3)),
        ("(1,2)", (1, 2, 0)),
        ("(1,2,3,4)", (1, 2, 3)),
        ("none", None),
        ("NONE", None),
        ("(0,0,0)", None),
        ("(nan,nan,nan)", None),
        ("( NaN , nan )", None),
    ],
)
def test_directions_are_vectors_of_three(word, vector):
    found = axes((4, 5, 6), "", f"{word} (0,1,0) (0,0,1)").vectors[0]
    assert found is None if vector is None else tuple(found) == vector


@pytest.mark.parametrize(
    "word", ["(1)", "(1,2,3,4,5)", "(1,x,3)", "(inf,0,0)", "(1,nan,0)", "1,2,3", "[1,2,3]"]
)
def test_directions_that_are_no_vectors_are_refused(word):
    assert problem(axes, (4, 5, 6), "", f"{word} (0,1,0) (0,0,1)") == (
        "its space directions are not all finite numbers"
    )


@pytest.mark.parametrize("directions", ["(1,0,0) (0,1,0)", f"{THREE} none"])
def test_there_is_a_direction_for_each_axis(directions):
    assert problem(axes, (4, 5, 6), "", directions) == "its header does not have 3 space directions"


# -- geometry of NRRD ---------------------------------------------------------------------------


def affine(sizes=(4, 5, 6), **fields: str) -> tuple[np.ndarray, tuple[str, ...]]:
    found = nrrd_axes(PATH, fields, sizes, np.dtype(np.uint8))
    return nrrd_affine(PATH, fields, found)


OBLIQUE = "(1,2,3) (-2,1,0.5) (0.25,-1,4)"
STEPS = np.array([[1, 2, 3], [-2, 1, 0.5], [0.25, -1, 4]]).T


@pytest.mark.parametrize(
    ("space", "flips", "notices"),
    [
        ("left-posterior-superior", (1, 1, 1), ()),
        ("LPS", (1, 1, 1), ()),
        ("right-anterior-superior", (-1, -1, 1), ()),
        ("ras", (-1, -1, 1), ()),
        ("Left Anterior Superior", (1, -1, 1), ()),
        ("LAS", (1, -1, 1), ()),
        ("left-posterior-superior-time", (1, 1, 1), ()),
        ("RAST", (-1, -1, 1), ()),
        ("last", (1, -1, 1), ()),
        ("LPST", (1, 1, 1), ()),
        ("scanner-xyz", (1, 1, 1), (NO_SIDES,)),
        ("3D-right-handed", (1, 1, 1), (NO_SIDES,)),
        ("3D-left-handed-time", (1, 1, 1), (NO_SIDES,)),
        ("", (1, 1, 1), (NO_SIDES,)),
    ],
)
def test_a_space_is_taken_to_lps(space, flips, notices):
    found, told = affine(space=space, spacedirections=OBLIQUE, spaceorigin="(7,8,9)")
    expected = np.eye(4)
    expected[:3, :3], expected[:3, 3] = STEPS, (7, 8, 9)
    np.testing.assert_allclose(found, np.diag([*flips, 1.0]) @ expected)
    assert told == notices


def test_a_space_that_the_format_has_not_is_refused():
    assert problem(affine, space="upside-down", spacedirections=OBLIQUE) == (
        "its space 'upside-down' is none that the format has"
    )


@pytest.mark.parametrize(
    ("unit", "scale"),
    [
        ('"mm" "mm" "mm"', 1.0),
        ('"cm" "cm" "cm"', 10.0),
        ('"m"', 1000.0),
        ('"um"', 0.001),
        ('" MICRON "', 0.001),
        ('"µm"', 0.001),
        ('"inch"', 1.0),
        ("mm", 1.0),
        ("", 1.0),
    ],
)
def test_units_are_taken_to_millimetres(unit, scale):
    found, _ = affine(space="lps", spacedirections=OBLIQUE, spaceorigin="(7,8,9)", spaceunits=unit)
    np.testing.assert_allclose(found[:3, :3], STEPS * scale)
    np.testing.assert_allclose(found[:3, 3], np.array([7, 8, 9]) * scale)


@pytest.mark.parametrize("origin", ["", "7 8 9", "(7)", "(x,8,9)", "none"])
def test_without_an_origin_the_first_voxel_is_at_zero(origin):
    found, told = affine(space="lps", spacedirections=OBLIQUE, spaceorigin=origin)
    assert found[:3, 3].tolist() == [0, 0, 0] and told == ()


def test_one_slice_is_a_millimetre_thick_along_its_normal():
    found, _ = affine((4, 5), space="lps", spacedirections="(0,2,0) (0,0,3)", spaceorigin="(1,2,3)")
    np.testing.assert_allclose(found[:3, :3], np.array([[0, 2, 0], [0, 0, 3], [1, 0, 0]]).T)


def test_where_directions_span_no_space_the_sizes_are_kept():
    flat = "(3,4,0) (6,8,0) (0,0,2)"
    found, told = affine(
        space="lps", spacedirections=flat, spaceorigin="(1,2,3)", spaceunits='"cm"'
    )
    np.testing.assert_allclose(found, np.diag([50, 100, 20, 1.0]))
    assert told == (NOT_VALID,)
    found, told = affine(space="scanner-xyz", spacedirections="(3,4,0) none (0,0,2)")
    np.testing.assert_allclose(found, np.diag([5, 1, 2, 1.0]))
    assert told == (NO_SIDES, NOT_VALID)
    found, told = affine((4, 5), space="lps", spacedirections="(3,0,0) (6,0,0)")
    np.testing.assert_allclose(found, np.diag([3, 6, 1, 1.0]))


def test_axes_in_space_are_those_of_the_volumes_wherever_they_lie():
    found, _ = affine((7, 4, 5, 6), space="lps", spacedirections=f"none {OBLIQUE}")
    np.testing.assert_allclose(found[:3, :3], STEPS)
    found, told = affine((7, 4, 5, 6), kinds="list domain domain domain", spacings="9 2 3 4")
    np.testing.assert_allclose(found, np.diag([2, 3, 4, 1.0]))
    assert told == (NO_SIDES,)


@pytest.mark.parametrize(
    ("fields", "sizes", "origin"),
    [
        ({"spacings": "2 3 4"}, (2, 3, 4), (0, 0, 0)),
        ({"spacings": "2 nan 4"}, (2, 1, 4), (0, 0, 0)),
        ({}, (1, 1, 1), (0, 0, 0)),
        ({"axismins": "0 10 20", "axismaxs": "8 20 38"}, (2, 2, 3), (1, 11, 21.5)),
        (
            {"axismins": "0 10 20", "axismaxs": "9 22 40", "centerings": "node node node"},
            (3, 3, 4),
            (0, 10, 20),
        ),
        (
            {"axismins": "0 10 20", "axismaxs": "9 22 38", "centers": "Node node cell"},
            (3, 3, 3),
            (0, 10, 21.5),
        ),
        (
            {"axismins": "0 10 20", "axismaxs": "9 22 40", "centerings": "node node"},
            (2.25, 2.4, 20 / 6),
            (1.125, 11.2, 20 + 10 / 6),
        ),
        ({"axismins": "0 10 20", "spacings": "2 4 6"}, (2, 4, 6), (1, 12, 23)),
        ({"axismins": "0 nan 20", "spacings": "2 4 6"}, (2, 4, 6), (0, 0, 0)),
        ({"axismaxs": "8 20 38"}, (1, 1, 1), (0, 0, 0)),
        ({"spacings": "-2 3 4"}, (-2, 3, 4), (0, 0, 0)),
    ],
)
def test_without_directions_sizes_are_by_spacings_or_by_ends(fields, sizes, origin):
    found, told = affine(**fields)
    expected = np.diag([*map(float, sizes), 1.0])
    expected[:3, 3] = origin
    np.testing.assert_allclose(found, expected)
    assert told == (NO_SIDES,)


def test_a_node_of_a_single_voxel_has_the_size_of_its_axis():
    found, _ = affine((1, 5, 6), axismins="0 0 0", axismaxs="3 8 10", centerings="node node node")
    np.testing.assert_allclose(found, np.diag([3, 2, 2, 1.0]))


def test_spacings_that_span_no_space_are_said():
    found, told = affine(spacings="2 0 4", axismins="1 1 1")
    np.testing.assert_allclose(found, np.diag([2, 1, 4, 1.0]))
    assert told == (NO_SIDES, NOT_VALID)
    found, told = affine((4, 5), spacings="2 3", axismins="1 1")
    np.testing.assert_allclose(found[:3, 3], [2, 2.5, 0])
    np.testing.assert_allclose(np.diag(found), [2, 3, 1, 1])


@pytest.mark.parametrize("name", ["spacings", "axismins", "axismaxs"])
def test_there_is_a_number_for_each_axis(name):
    assert problem(affine, **{name: "1 2"}) == f"its header does not have 3 {name}"
    assert problem(affine, **{name: "1 2 x"}) == f"its {name} are not all numbers"


# -- the header of NRRD ---------------------------------------------------------------------------

LINES = {
    "type": "short",
    "dimension": "3",
    "sizes": "4 5 6",
    "space": "lps",
    "space directions": THREE,
    "endian": "little",
    "encoding": "raw",
}


def header(
    folder: Path, data: bytes = b"", after: bytes = b"", **changes: str | None
) -> VoxelHeader:
    said = {**LINES, **{key.replace("_", " "): value for key, value in changes.items()}}
    lines = [f"{key}: {value}" for key, value in said.items() if value is not None]
    head = "\n".join(["NRRD0004", *lines, "", ""]).encode()
    path = folder / "a.nrrd"
    path.write_bytes(head + data + after)
    return nrrd_header(path, path.read_bytes(), is_whole=True)


def length_of_head(folder: Path) -> int:
    return (folder / "a.nrrd").read_bytes().index(b"\n\n") + 2


@pytest.mark.parametrize(
    ("name", "code"),
    [
        *((each, "i1") for each in ("signed char", "int8", "int8_t")),
        *((each, "u1") for each in ("uchar", "unsigned char", "uint8", "uint8_t")),
        *((each, "i2") for each in ("short", "short int", "signed short", "int16", "int16_t")),
        *((each, "u2") for each in ("ushort", "unsigned short", "uint16", "unsigned short int")),
        *((each, "i4") for each in ("int", "signed int", "int32", "int32_t")),
        *((each, "u4") for each in ("uint", "unsigned int", "uint32", "uint32_t")),
        *((each, "i8") for each in ("longlong", "long  long", "int64", "signed long long int")),
        *((each, "u8") for each in ("ulonglong", "Unsigned Long Long", "uint64")),
        ("float", "f4"),
        ("double", "f8"),
    ],
)
def test_types_have_all_their_names(tmp_path, name, code):
    assert header(tmp_path, type=name).dtype == np.dtype("<" + code)
    assert header(tmp_path, type=name, endian="BIG").dtype == np.dtype(">" + code)


def test_a_byte_order_is_needed_for_values_of_several_bytes(tmp_path):
    assert header(tmp_path, type="uchar", endian=None).dtype == np.uint8
    assert header(tmp_path, encoding="ascii", endian=None).dtype == np.dtype("<i2")
    told = "its header does not say which byte of a value comes first"
    assert problem(header, tmp_path, endian=None) == told
    assert problem(header, tmp_path, endian="middle") == told
    assert problem(header, tmp_path, encoding="hex", endian=None) == told


@pytest.mark.parametrize(
    ("name", "packing"),
    [
        ("raw", "raw"),
        ("GZIP", "gzip"),
        ("gz", "gzip"),
        ("bz2", "bzip2"),
        ("bzip2", "bzip2"),
        ("txt", "text"),
        ("ascii", "text"),
        ("text", "text"),
        ("hex", "hex"),
    ],
)
def test_encodings_have_all_their_names(tmp_path, name, packing):
    assert header(tmp_path, encoding=name).packing == packing


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"dimension": "0"}, "its header has 0 as dimension"),
        ({"dimension": "17"}, "its header has 17 as dimension"),
        ({"dimension": None}, "its header has nothing as dimension"),
        ({"dimension": "3.0"}, "its header has 3.0 as dimension"),
        ({"dimension": "4"}, "its header does not have 4 whole numbers as sizes"),
        ({"sizes": "4 5 -6"}, "its header does not have 3 whole numbers as sizes"),
        ({"sizes": "4 5 1234567890"}, "its header does not have 3 whole numbers as sizes"),
        ({"sizes": None}, "its header does not have 3 whole numbers as sizes"),
        ({"encoding": "zip"}, "its encoding 'zip' can't be read"),
        ({"encoding": None}, "its encoding '(none)' can't be read"),
        ({"type": "block"}, "holds values of type 'block', which are not a scan"),
        ({"type": None}, "holds values of type '(none)', which are not a scan"),
        ({"byte_skip": "-2"}, "its header has -2 as byteskip"),
        ({"byte_skip": "x"}, "its header has x as byteskip"),
        ({"byte_skip": "-1", "encoding": "gzip"}, "its header skips -1 bytes of packed voxels"),
        ({"line_skip": "-1"}, "its header has -1 as lineskip"),
        ({"line_skip": "1048577"}, "its header has 1048577 as lineskip"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused_for_it(tmp_path, changes, reason):
    assert problem(header, tmp_path, **changes) == reason


def test_sixteen_axes_are_the_most(tmp_path):
    sizes = " ".join(["2", "3", "4", *["1"] * 13])
    found = header(tmp_path, dimension="16", sizes=sizes, space_directions=None)
    assert found.shape == (4, 3, 2) and found.volume_count == 1


def test_what_does_not_begin_as_nrrd_is_none():
    assert problem(nrrd_header, PATH, b"NRR0004\n\n", is_whole=True) == "is not an NRRD file"


def test_the_voxels_begin_after_the_header_and_what_it_skips(tmp_path):
    found = header(tmp_path)
    assert (found.offset, found.skipped) == (length_of_head(tmp_path), 0)
    assert found.data_file == found.path == tmp_path / "a.nrrd"
    found = header(tmp_path, byte_skip="7")
    assert (found.offset, found.skipped) == (length_of_head(tmp_path) + 7, 0)
    found = header(tmp_path, byte_skip="7", encoding="gzip")
    assert (found.offset, found.skipped) == (length_of_head(tmp_path), 7)
    found = header(tmp_path, b"x\nyy\nvoxels", line_skip="2")
    assert (found.offset, found.skipped) == (length_of_head(tmp_path) + 5, 0)
    found = header(tmp_path, b"x\nyy\nvoxels", line_skip="2", byte_skip="3")
    assert found.offset == length_of_head(tmp_path) + 8
    found = header(tmp_path, bytes(300), byte_skip="-1")
    assert found.offset == length_of_head(tmp_path) + 300 - 240
    assert header(tmp_path, b"1234", byte_skip="-1").offset == max(
        0, length_of_head(tmp_path) + 4 - 240
    )
    assert problem(header, tmp_path, b"x\nyy", line_skip="2") == (
        "its header skips 2 lines, and there are fewer"
    )


def test_voxels_may_lie_in_a_file_beside(tmp_path):
    (tmp_path / "b.raw").write_bytes(b"line\n" + bytes(245))
    found = header(tmp_path, data_file="b.raw")
    assert (found.data_file, found.offset) == ((tmp_path / "b.raw").resolve(), 0)
    assert header(tmp_path, data_file="b.raw", byte_skip="-1").offset == 10
    assert header(tmp_path, data_file="b.raw", line_skip="1").offset == 5
    for name, reason in (
        ("LIST", "has its voxels in many files, which can't be read"),
        ("b%03d.raw 1 9 1", "has its voxels in many files, which can't be read"),
        ("../b.raw", "has its voxels in another folder, where they are not read"),
    ):
        assert problem(header, tmp_path, data_file=name) == reason
    assert problem(header, tmp_path, data_file="c.raw", byte_skip="-1") == (
        "its other half, with the voxels, is missing"
    )


def test_sizes_and_counts_of_a_header(tmp_path):
    found = header(
        tmp_path,
        dimension="5",
        sizes="2 4 5 6 3",
        kinds="list domain domain domain time",
        space_directions=f"none {THREE} none",
    )
    assert found.shape == (6, 5, 4)
    assert (found.volume_count, found.byte_count) == (6, 2 * 2 * 4 * 5 * 6 * 3)
    one = header(tmp_path, dimension="2", sizes="4 5", space_directions=None)
    assert (one.shape, one.sizes, one.roles) == ((1, 5, 4), (4, 5, 1), ("i", "j", "k"))


def test_axes_have_lengths_of_one_to_a_million():
    assert axes_of(PATH, (4, 5, 1 << 20), ["i", "j", "k"]) == ((4, 5, 1 << 20), ("i", "j", "k"))
    assert axes_of(PATH, (3, 4, 5), ["volume", "i", "j"]) == (
        (3, 4, 5, 1),
        ("volume", "i", "j", "k"),
    )
    assert axes_of(PATH, (4, 5, 3), ["i", "j", "volume"]) == (
        (4, 5, 1, 3),
        ("i", "j", "k", "volume"),
    )
    assert problem(axes_of, PATH, (4, 5, (1 << 20) + 1), ["i", "j", "k"]).endswith("is not a scan")
    assert problem(axes_of, PATH, (4, 0, 5), ["i", "j", "k"]) == (
        "holds an image of shape (4, 0, 5), which is not a scan"
    )
    assert problem(axes_of, PATH, (4,), ["i"]) == "holds an image of 1 axes, which is not a scan"
    assert problem(axes_of, PATH, (4, 5, 6, 3), ["i", "j", "k", "colour"]) == (
        "holds its colours one after another, which can't be read"
    )
    assert axes_of(PATH, (4, 3, 5, 6), ["i", "colour", "j", "k"])[1] == ("i", "colour", "j", "k")


# -- MetaImage --------------------------------------------------------------------------------------

META = {
    "NDims": "3",
    "DimSize": "4 5 6",
    "ElementType": "MET_SHORT",
    "BinaryData": "True",
    "ElementDataFile": "LOCAL",
}


def meta(
    folder: Path, data: bytes = bytes(240), end: str = "\n", **changes: str | None
) -> VoxelHeader:
    said = {**META, **changes}
    said["ElementDataFile"] = said.pop("ElementDataFile")
    lines = [f"{key} = {value}" for key, value in said.items() if value is not None]
    path = folder / "a.mha"
    path.write_bytes(end.join([*lines, ""]).encode() + data)
    return meta_header(path, path.read_bytes())


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("CHAR", "i1"),
        ("UCHAR", "u1"),
        ("SHORT", "i2"),
        ("USHORT", "u2"),
        ("INT", "i4"),
        ("UINT", "u4"),
        ("LONG", "i4"),
        ("ULONG", "u4"),
        ("LONG_LONG", "i8"),
        ("ULONG_LONG", "u8"),
        ("FLOAT", "f4"),
        ("DOUBLE", "f8"),
    ],
)
def test_types_of_a_metaimage_are_in_either_byte_order(tmp_path, name, code):
    assert meta(tmp_path, ElementType=f"MET_{name}").dtype == np.dtype("<" + code)
    for field in ("BinaryDataByteOrderMSB", "ElementByteOrderMSB"):
        for word, sign in (("True", ">"), ("t", ">"), ("1", ">"), ("False", "<"), ("0", "<")):
            found = meta(tmp_path, ElementType=f"MET_{name}", **{field: word})
            assert found.dtype == np.dtype(sign + code)


def test_a_metaimage_lies_by_its_own_fields(tmp_path):
    matrix = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0.0]])
    turned = " ".join(str(each) for each in matrix.ravel())
    found = meta(tmp_path, ElementSpacing="2 3 4", Offset="7 8 9", TransformMatrix=turned)
    expected = np.eye(4)
    expected[:3, :3], expected[:3, 3] = matrix.T * (2, 3, 4), (7, 8, 9)
    np.testing.assert_allclose(found.affine, expected)
    assert found.notices == ()
    np.testing.assert_allclose(meta(tmp_path).affine, np.eye(4))
    found = meta(tmp_path, ElementSize="2 3 4", Position="7 8 9", Orientation=turned)
    np.testing.assert_allclose(found.affine, expected)
    found = meta(
        tmp_path,
        ElementSpacing="2 3 4",
        ElementSize="9 9 9",
        Origin="7 8 9",
        Offset="1 1 1",
        Rotation=turned,
    )
    np.testing.assert_allclose(found.affine, expected)


def test_a_metaimage_of_two_and_of_four_axes(tmp_path):
    found = meta(
        tmp_path,
        NDims="2",
        DimSize="4 5",
        ElementSpacing="2 3",
        Offset="7 8",
        TransformMatrix="0 1 1 0",
    )
    expected = np.array([[0, 3, 0, 7], [2, 0, 0, 8], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    np.testing.assert_allclose(found.affine, expected)
    assert found.shape == (1, 5, 4)
    four = " ".join("1" if a == b else "0" for a in range(4) for b in range(4))
    found = meta(
        tmp_path,
        NDims="4",
        DimSize="4 5 6 2",
        ElementSpacing="2 3 4 9",
        Offset="7 8 9 1",
        TransformMatrix=four,
    )
    np.testing.assert_allclose(np.diag(found.affine), [2, 3, 4, 1])
    assert found.affine[:3, 3].tolist() == [7, 8, 9]
    assert (found.shape, found.volume_count) == ((6, 5, 4), 2)


def test_a_metaimage_that_spans_no_space_keeps_its_sizes(tmp_path):
    found = meta(tmp_path, ElementSpacing="2 3 4", TransformMatrix="1 0 0 1 0 0 0 0 1")
    np.testing.assert_allclose(found.affine, np.diag([2, 3, 4, 1.0]))
    assert found.notices == (NOT_VALID,)


def test_colours_of_a_metaimage_are_three_or_four_bytes(tmp_path):
    for count in ("3", "4"):
        found = meta(tmp_path, ElementType="MET_UCHAR", ElementNumberOfChannels=count)
        assert found.roles == ("colour", "i", "j", "k") and found.sizes == (int(count), 4, 5, 6)
    assert meta(tmp_path, ElementNumberOfChannels="1").roles == ("i", "j", "k")
    for kind, count in (("MET_SHORT", "3"), ("MET_UCHAR", "2"), ("MET_UCHAR", "5")):
        assert problem(meta, tmp_path, ElementType=kind, ElementNumberOfChannels=count) == (
            f"holds {count} values a voxel, which are not a scan"
        )


def test_five_axes_are_the_most_of_a_metaimage(tmp_path):
    assert meta(tmp_path, NDims="5", DimSize="4 5 6 1 1").shape == (6, 5, 4)
    assert problem(meta, tmp_path, NDims="6", DimSize="4 5 6 1 1 1") == (
        "holds an image of shape (4, 5, 6, 1, 1, 1), which is not a scan"
    )


def test_where_the_voxels_of_a_metaimage_are(tmp_path):
    found = meta(tmp_path)
    whole = (tmp_path / "a.mha").read_bytes()
    assert found.offset == len(whole) - 240 == whole.index(b"LOCAL") + 6
    assert (found.skipped, found.packing, found.data_file) == (0, "raw", tmp_path / "a.mha")
    assert (
        meta(tmp_path, bytes(250), HeaderSize="-1").offset
        == len(whole) + len("HeaderSize = -1\n") + 10 - 240
    )
    (tmp_path / "b.raw").write_bytes(bytes(260))
    found = meta(tmp_path, b"", ElementDataFile="b.raw")
    assert (found.offset, found.data_file) == (0, (tmp_path / "b.raw").resolve())
    assert meta(tmp_path, b"", ElementDataFile="b.raw", HeaderSize="12").offset == 12
    assert meta(tmp_path, b"", ElementDataFile="b.raw", HeaderSize="-1").offset == 20
    (tmp_path / "b.raw").write_bytes(bytes(9))
    assert meta(tmp_path, b"", ElementDataFile="b.raw", HeaderSize="-1").offset == 0
    assert problem(meta_header, PATH, b"NDims = 3\n") == "is not a MetaImage file"


def test_how_the_voxels_of_a_metaimage_are_packed(tmp_path):
    assert meta(tmp_path, BinaryData="False").packing == "text"
    assert meta(tmp_path, BinaryData=None).packing == "text"
    assert meta(tmp_path, BinaryData="False", HeaderSize="-1").packing == "raw"
    assert meta(tmp_path, CompressedData="True", CompressedDataSize="240").packing == "gzip"
    assert problem(meta, tmp_path, CompressedData="True", CompressedDataSize="241") == (
        "is damaged or cut short"
    )
    for changes in ({"BinaryData": "False"}, {"HeaderSize": "-1"}):
        assert problem(meta, tmp_path, CompressedData="True", **changes) == (
            "has its voxels packed in a way that can't be read"
        )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"NDims": "0"}, "its header has 0 as NDims, not 1 to 6"),
        ({"NDims": "7"}, "its header has 7 as NDims, not 1 to 6"),
        ({"NDims": None}, "its header has nothing as NDims, not 1 to 6"),
        ({"DimSize": "4 5"}, "its header does not have 3 whole numbers as DimSize"),
        ({"DimSize": "4 5 1234567890"}, "its header does not have 3 whole numbers as DimSize"),
        ({"ElementType": "MET_ASCII_CHAR"}, "its header names no type of voxels that can be read"),
        (
            {"ElementNumberOfChannels": "0"},
            "its header has 0 as ElementNumberOfChannels, not 1 to 1024",
        ),
        (
            {"ElementNumberOfChannels": "1025"},
            "its header has 1025 as ElementNumberOfChannels, not 1 to 1024",
        ),
        ({"ElementSpacing": "1 2"}, "its header does not have 3 finite numbers as ElementSpacing"),
        ({"Offset": "1 2 inf"}, "its header does not have 3 finite numbers as Offset"),
        (
            {"TransformMatrix": "1 2 3"},
            "its header does not have 9 finite numbers as TransformMatrix",
        ),
        ({"HeaderSize": "-2"}, None),
        ({"HeaderSize": "1"}, "its header skips a part of the voxels (HeaderSize)"),
        (
            {"CompressedDataSize": "0"},
            f"its header has 0 as CompressedDataSize, not 1 to {1 << 62}",
        ),
    ],
)
def test_a_metaimage_that_makes_no_sense_is_refused_for_it(tmp_path, changes, reason):
    found = problem(meta, tmp_path, **changes)
    assert (
        found == reason
        if reason
        else found.startswith("its header has -2 as HeaderSize, not -1 to ")
    )


def test_a_field_comes_once_and_after_the_number_of_axes(tmp_path):
    path = tmp_path / "a.mha"
    for text, reason in (
        ("NDims = 3\nNDims = 3\n", "its header says NDims twice"),
        ("DimSize = 1 1 1\nNDims = 3\n", "its header says DimSize before NDims"),
        ("Offset = 1 1 1\nNDims = 3\n", "its header says Offset before NDims"),
    ):
        path.write_bytes(f"{text}ElementDataFile = LOCAL\n".encode())
        assert problem(meta_header, path, path.read_bytes()) == reason
    assert meta(tmp_path, Comment="a\nComment = b").shape == (6, 5, 4)
    assert meta(tmp_path, HeaderSize="0").shape == (6, 5, 4)


# -- voxels as text -------------------------------------------------------------------------------


def numbers(text: bytes, count: int, dtype: str = "<i2", is_part: bool = False) -> list[float]:
    made = numbers_of_text(text, count, np.dtype(dtype), PATH, is_part=is_part)
    return np.frombuffer(made, dtype).tolist()


def test_numbers_are_between_spaces_line_ends_and_commas():
    assert numbers(b"1 2\n3,4\t5  6", 6) == [1, 2, 3, 4, 5, 6]
    assert numbers(b"1 2 3", 2) == [1, 2]
    assert numbers(b"1.0 2e1", 2) == [1, 20]
    assert numbers(b"0.1 -2.5", 2, "<f8") == [0.1, -2.5]
    assert numbers(b"1 65535", 2, ">u2") == [1, 65535]
    assert numbers(b"18446744073709551615", 1, "<u8") == [18446744073709551615]
    with pytest.raises(EOFError):
        numbers(b"1 2", 3)


@pytest.mark.parametrize("text", [b"1 x 3", b"1 70000 3", b"1 2.5 3", b"1 nan 3"])
def test_numbers_that_their_type_can_not_hold_are_refused(text):
    assert problem(numbers, text, 3) == "is damaged: its voxels are not all numbers of their type"


@pytest.mark.parametrize("gap", [b" ", b"\n", b"\t"])
def test_of_a_part_the_last_number_may_be_cut(gap):
    assert numbers(b"1 2" + gap + b"34", 2, is_part=True) == [1, 2]
    assert problem(numbers, b"1 2" + gap + b"34", 3, is_part=True) == (
        "is damaged: its voxels are not all numbers of their type"
    )
    assert numbers(b"1 2" + gap + b"34", 3) == [1, 2, 34]


def test_bytes_of_hexadecimal_digits():
    assert bytes_of_hex(b"00 fF\n10") == b"\x00\xff\x10"
    with pytest.raises(ValueError, match="hexadecimal"):
        bytes_of_hex(b"0g")
