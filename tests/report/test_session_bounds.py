"""Session files to their bounds: the largest and longest that is taken, the next that is refused, and why."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.report.session import archive, scan_reference
from fusion3d_gui.report.session.archive import (
    SessionFile,
    add_array,
    is_session_file,
    read_session,
    unpack_scan,
    write_session,
)
from fusion3d_gui.report.session.document import (
    MOST_MARKS,
    MOST_MASKS,
    MOST_PATHS,
    VERSION,
    ComparisonDocument,
    ExplanationDocument,
    LeftDocument,
    MarkDocument,
    MaskDocument,
    MaskLookDocument,
    NotesDocument,
    ScanDocument,
    SessionDocument,
    ViewDocument,
    affine_of,
    affine_rows,
)
from fusion3d_gui.report.session.migrations import document_of
from fusion3d_gui.report.session.scan_reference import places_of, scan_document, scan_name


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "case.fusion3d"


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def pack(path: Path, members: dict[str, bytes]) -> Path:
    document = msgspec.json.encode(SessionDocument())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        for name, content in {"session.json": document, **members}.items():
            file.writestr(name, content)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        read_session(path)
    assert caught.value.path == path
    return caught.value.problem


# The document.


def _mark(**changed: Any) -> dict[str, Any]:
    return {"number": 1, "kind": "point", "points": [[1.0, 2.0, 3.0]], **changed}


def _left(values: Any) -> dict[str, Any]:
    return {"when": "", "kinds": [], "model": "m", "values": values}


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (MarkDocument, _mark(text="x" * 2000), _mark(text="x" * 2001)),
        (MarkDocument, _mark(points=[[1e6, -1e6, 0]]), _mark(points=[[1.01e6, 0, 0]])),
        (MarkDocument, _mark(points=[[-1e6, 0, 0]]), _mark(points=[[-1.01e6, 0, 0]])),
        (NotesDocument, {"reading": "x" * 20_000}, {"reading": "x" * 20_001}),
        (SessionDocument, {"program": "x" * 300}, {"program": "x" * 301}),
        (
            MaskLookDocument,
            {"opacity": 1.0, "outlines": True},
            {"opacity": 1.0001, "outlines": True},
        ),
        (
            MaskLookDocument,
            {"opacity": 0.0, "outlines": True},
            {"opacity": -0.0001, "outlines": True},
        ),
        (
            LeftDocument,
            _left({str(n): n for n in range(500)}),
            _left({str(n): n for n in range(501)}),
        ),
        (SessionDocument, {"version": VERSION}, {"version": VERSION - 1}),
        (
            SessionDocument,
            {"marks": [_mark()] * MOST_MARKS},
            {"marks": [_mark()] * (MOST_MARKS + 1)},
        ),
    ],
)
def test_texts_numbers_and_lists_are_taken_up_to_their_bound(kind, good, bad):
    msgspec.convert(good, type=kind)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(bad, type=kind)


def test_what_a_document_leaves_out_has_its_default():
    rows = affine_rows(np.diag([2.0, 3.0, 4.0, 1.0]))
    mask = {"name": "m", "color": "#102030", "array": "arrays/0.npy", "affine": rows}
    found = msgspec.convert(mask, type=MaskDocument)
    assert (found.columns, found.stored_ml) == (None, None)
    assert (found.is_drawn, found.shown, found.selected) == (True, True, False)
    for changed in ({"columns": 16_385}, {"columns": 0}, {"name": "x" * 301}, {"color": "#10203"}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({**mask, **changed}, type=MaskDocument)
    msgspec.convert({**mask, "columns": 16_384, "name": "x" * 300}, type=MaskDocument)
    far = [*rows[:2], [0, 0, 4, 1.01e6], rows[3]]
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**mask, "affine": far}, type=MaskDocument)
    np.testing.assert_array_equal(affine_of(found.affine), np.diag([2.0, 3.0, 4.0, 1.0]))
    view = {field.name: field.default for field in msgspec.structs.fields(ViewDocument)}
    assert (view["snaps"], view["surface"], view["inverted"]) == (True, True, False)
    assert (view["cut_mm"], view["slab_mm"], view["anatomy_colors"]) == (0, 0, "Gray")
    comparison = ComparisonDocument()
    assert (comparison.way, comparison.blend, comparison.color_map) == ("NONE", 0.5, "Hot iron")
    scan = ScanDocument("ab" * 32, [], [], "", (1, 1, 1))
    assert not scan.enclosed
    explanation = {"method": "cam", "stages": [], "side": "raised"}
    assert not msgspec.convert(explanation, type=ExplanationDocument).raw
    assert (MOST_MARKS, MOST_MASKS, MOST_PATHS) == (2000, 500, 500)
    texts = ((MarkDocument, _mark, "text", 2000), (NotesDocument, dict, "comment", 20_000))
    for kind, made, name, longest in texts:
        msgspec.convert(made(**{name: "x" * longest}), type=kind)
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(made(**{name: "x" * (longest + 1)}), type=kind)
    msgspec.convert(_left({str(n): n for n in range(500)}), type=LeftDocument)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(_left({str(n): n for n in range(501)}), type=LeftDocument)
    for opacity, is_share in ((0.0, True), (1.0, True), (1.001, False), (-0.001, False)):
        look = {"opacity": opacity, "outlines": True}
        if is_share:
            msgspec.convert(look, type=MaskLookDocument)
        else:
            with pytest.raises(msgspec.ValidationError):
                msgspec.convert(look, type=MaskLookDocument)


@pytest.mark.parametrize(
    "change", [{}, {(0, 0): 0.0}, {(3, 0): 1.0}, {(3, 3): 2.0}, {(1, 1): np.inf}]
)
def test_an_affine_must_span_space_and_end_as_affines_do(change):
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    affine[:3, 3] = (5, 6, 7)
    for place, value in change.items():
        affine[place] = value
    rows = affine_rows(affine)
    assert rows[0] == tuple(affine[0]) and type(rows) is tuple and type(rows[0][0]) is float
    if change:
        with pytest.raises(ValueError, match="singular"):
            affine_of(rows)
    else:
        np.testing.assert_array_equal(affine_of(rows), affine)


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ({"version": 0}, "it is damaged"),
        ({"version": True}, "it is damaged"),
        ({"version": "2"}, "it is damaged"),
        ({"version": 2}, "it is damaged"),
        ({"version": 2, "format": "another"}, "it is damaged"),
        ({"version": 1}, "it is damaged"),
        ([], "it is damaged"),
    ],
)
def test_a_document_without_sense_is_refused(plain, said):
    with pytest.raises(UserError) as caught:
        document_of(msgspec.json.encode(plain))
    assert caught.value.problem == f"is no session that can be read ({said})"


@pytest.mark.parametrize("version", range(2, VERSION + 1))
def test_every_version_since_the_second_becomes_the_present_one(version):
    plain = {"format": "fusion3d-session", "version": version, "window": [10, 20]}
    found = document_of(msgspec.json.encode(plain))
    assert (found.version, found.window) == (VERSION, (10, 20))
    newer = f"document version {VERSION + 1}, this one reads up to {VERSION}"
    with pytest.raises(UserError, match=newer):
        document_of(msgspec.json.encode({**plain, "version": VERSION + 1}))
    with pytest.raises(UserError, match=r"unknown field `extra`"):
        document_of(msgspec.json.encode({**plain, "extra": 1}))


# The archive.


def test_arrays_are_named_in_their_order():
    arrays: dict[str, np.ndarray] = {}
    names = [add_array(arrays, np.zeros(1)) for _ in range(3)]
    assert names == list(arrays) == ["arrays/0.npy", "arrays/1.npy", "arrays/2.npy"]


def test_a_session_file_is_known_by_its_suffix(tmp_path):
    assert is_session_file(tmp_path / "a.FUSION3D")
    assert not is_session_file(tmp_path / "a.zip")
    (tmp_path / "b.fusion3d").mkdir()
    assert not is_session_file(tmp_path / "b.fusion3d")


def test_what_is_written_is_packed_but_for_the_scans_as_they_are(path, tmp_path):
    files = []
    for name in ("b.dcm", "a.nii.gz", "c.tar.NII.GZ", "d", "e.toolongsuffix", "f.x y.gz", "g.h.i"):
        files.append(tmp_path / name)
        files[-1].write_bytes(name.encode() * 50)
    told: list[tuple[float, str]] = []
    fortran = np.asfortranarray(np.arange(24, dtype=np.float32).reshape(2, 3, 4))
    session = SessionFile(SessionDocument(), {"arrays/0.npy": fortran})
    write_session(path, session, files, files[:1], lambda share, words: told.append((share, words)))
    with zipfile.ZipFile(path) as written:
        infos = {info.filename: info for info in written.infolist()}
        assert list(infos) == [
            "session.json",
            "arrays/0.npy",
            "scan/000000.dcm",
            "scan/000001.nii.gz",
            "scan/000002.NII.GZ",
            "scan/000003",
            "scan/000004",
            "scan/000005",
            "scan/000006.i",
            "second/000000.dcm",
        ]
        for name, info in infos.items():
            is_scan = name.startswith("s") and name != "session.json"
            stored = zipfile.ZIP_STORED if is_scan else zipfile.ZIP_DEFLATED
            assert info.compress_type == stored
        assert written.read("scan/000000.dcm") == b"b.dcm" * 50
    assert [share for share, _ in told] == pytest.approx([n / 8 for n in range(8)])
    assert {words for _, words in told} == {"Enclosing the scan"}
    np.testing.assert_array_equal(read_session(path).arrays["arrays/0.npy"], fortran)
    out = tmp_path / "out"
    out.mkdir()
    told.clear()
    unpacked = unpack_scan(path, out, lambda share, words: told.append((share, words)))
    assert [each.name for each in unpacked][:2] == ["000000.dcm", "000001.nii.gz"]
    assert [each.read_bytes() for each in unpacked] == [each.read_bytes() for each in files]
    assert told == [(pytest.approx(n / 7), "Unpacking the scan") for n in range(7)]
    (second,) = unpack_scan(path, out, lambda *_: None, "second")
    assert second.read_bytes() == files[0].read_bytes()
    with pytest.raises(UserError, match=r"scan can.t be unpacked \(No such file"):
        unpack_scan(path, tmp_path / "none", lambda *_: None)


@pytest.mark.parametrize("private", [True, False])
def test_kept_work_is_for_its_owner_only(path, private):
    write_session(path, SessionFile(SessionDocument()), private=private)
    mode = stat.S_IMODE(path.stat().st_mode)
    assert (mode & 0o077 == 0) == private


def test_a_document_and_arrays_are_taken_up_to_their_bounds(path, monkeypatch):
    array = npy(np.zeros((1, 2, 3), np.float32))
    document = msgspec.json.encode(SessionDocument())
    pack(path, {"arrays/0.npy": array, "arrays/1.npy": array})
    monkeypatch.setattr(archive, "LARGEST_DOCUMENT", len(document))
    monkeypatch.setattr(archive, "LARGEST_ARRAYS", 2 * len(array))
    assert len(read_session(path).arrays) == 2
    monkeypatch.setattr(archive, "LARGEST_ARRAYS", 2 * len(array) - 1)
    assert refusal(path).startswith("unpacks to more than")
    monkeypatch.setattr(archive, "LARGEST_ARRAYS", 2 * len(array))
    monkeypatch.setattr(archive, "LARGEST_DOCUMENT", len(document) - 1)
    assert refusal(path).startswith("unpacks to more than")
    monkeypatch.undo()
    assert (archive.LARGEST_DOCUMENT, archive.LARGEST_ARRAYS) == (8_000_000, 400_000_000)


def test_so_many_members_are_taken(path, monkeypatch):
    assert archive._MOST_MEMBERS == 20_000
    pack(path, {f"scan/{n:06d}": b"x" for n in range(3)})
    monkeypatch.setattr(archive, "_MOST_MEMBERS", 4)
    read_session(path)
    monkeypatch.setattr(archive, "_MOST_MEMBERS", 3)
    assert refusal(path) == "holds files that do not belong to a session"


@pytest.mark.parametrize(
    ("array", "good"),
    [
        (np.zeros((1, 1, 16_384), np.uint8), True),
        (np.zeros((1, 1, 16_385), np.uint8), False),
        (np.zeros((1, 1, 0), np.uint8), False),
        (np.zeros((2, 2), np.uint8), False),
        (np.zeros((1, 2, 2, 1), np.uint8), False),
        (np.ones((2, 2, 2), bool), True),
        (np.ones((2, 2, 2), np.float64), False),
        (np.ones((2, 2, 2), np.int8), False),
        (np.full((2, 2, 2), np.nan, np.float32), False),
        (np.full((2, 2, 2), 200, np.uint8), True),
        (np.asfortranarray(np.zeros((2, 3, 4), np.float32)), False),
    ],
)
def test_arrays_have_three_axes_a_known_type_and_finite_values(path, array, good):
    pack(path, {"arrays/0.npy": npy(array)})
    if good:
        found = read_session(path).arrays["arrays/0.npy"]
        np.testing.assert_array_equal(found, array)
        assert found.shape == array.shape
    else:
        assert refusal(path) == "holds an array that can't be read"


def test_a_bool_that_is_neither_0_nor_1_and_a_cut_array_are_refused(path):
    content = bytearray(npy(np.ones((2, 2, 2), bool)))
    content[-1] = 2
    pack(path, {"arrays/0.npy": bytes(content)})
    assert refusal(path) == "holds an array that can't be read"
    for changed in (npy(np.ones((2, 2, 2), bool))[:-1], npy(np.ones((2, 2, 2), bool)) + b"\1"):
        pack(path, {"arrays/0.npy": changed})
        assert refusal(path) == "holds an array that can't be read"


# The scan of a session.


def _scan(tmp_path: Path, *names: str) -> tuple[Path, ...]:
    paths = tuple(tmp_path / name for name in names)
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return paths


def test_a_scan_is_named_where_it_lies_and_from_the_session(tmp_path):
    paths = _scan(tmp_path, "scans/a.dcm", "scans/b.dcm")
    session = tmp_path / "sessions" / "s.fusion3d"
    found = scan_document("ab" * 32, paths, "1.2", (3, 4, 5), session, enclosed=True)
    assert found == ScanDocument(
        "ab" * 32,
        [str(path) for path in paths],
        ["../scans/a.dcm", "../scans/b.dcm"],
        "1.2",
        (3, 4, 5),
        enclosed=True,
    )
    kept = scan_document("ab" * 32, paths, "1.2", (3, 4, 5), None)
    assert (kept.relative, kept.paths, kept.enclosed) == ([], found.paths, False)
    unnamed = scan_document("ab" * 32, (), "1.2", (3, 4, 5), session)
    assert (unnamed.paths, unnamed.relative, unnamed.series_uid) == ([], [], "")
    for count, kept_paths in ((500, 500), (501, 0)):
        many = scan_document("ab" * 32, (paths[0],) * count, "1.2", (3, 4, 5), None)
        assert (len(many.paths), many.series_uid) == (kept_paths, "1.2" if kept_paths else "")


def test_a_scan_s_name_is_the_last_part_of_its_path_on_any_system():
    assert scan_name(ScanDocument("ab" * 32, ["/a/b.nii"], [], "", (1, 1, 1))) == "b.nii"
    assert scan_name(ScanDocument("ab" * 32, ["C:\\a\\c.nii"], [], "", (1, 1, 1))) == "c.nii"
    assert scan_name(ScanDocument("ab" * 32, [], [], "", (1, 1, 1))) == ""


def test_a_scan_is_looked_for_beside_the_session_then_where_it_was_then_below(tmp_path):
    (was,) = _scan(tmp_path, "old/scan.nii")
    (beside,) = _scan(tmp_path, "new/data/scan.nii")
    (deep,) = _scan(tmp_path, "new/a/b/scan.nii")
    session = tmp_path / "new" / "s.fusion3d"
    scan = ScanDocument("ab" * 32, [str(was)], ["x/../data/scan.nii"], "", (1, 1, 1))
    (tmp_path / "new" / "x").mkdir()
    found = list(places_of(scan, session))
    assert found[:2] == [(beside,), (was,)]
    assert set(found[2:]) == {(beside,), (deep,)}
    assert list(places_of(scan, None)) == [(was,)]
    gone = ScanDocument("ab" * 32, [str(was), str(tmp_path / "gone")], [], "", (1, 1, 1))
    assert list(places_of(gone, session)) == []


def test_folders_are_searched_so_deep_and_so_many_entries_are_looked_at(tmp_path, monkeypatch):
    session = tmp_path / "s.fusion3d"
    scan = ScanDocument("ab" * 32, ["/nowhere/scan.nii"], [], "", (1, 1, 1))
    (fourth,) = _scan(tmp_path, "1/2/3/scan.nii")
    _scan(tmp_path, "1/2/3/4/scan.nii")
    assert list(places_of(scan, session)) == [(fourth,)]
    # 1, 2, 3, and in that the file and the folder 4.
    monkeypatch.setattr(scan_reference, "_MOST_ENTRIES", 5)
    assert list(places_of(scan, session)) == [(fourth,)]
    monkeypatch.setattr(scan_reference, "_MOST_ENTRIES", 3)
    assert list(places_of(scan, session)) == []
    for name in ("", ".", ".."):
        odd = ScanDocument("ab" * 32, [f"/nowhere/{name}"], [], "", (1, 1, 1))
        assert all(each[0].name != ".." for each in places_of(odd, session))
